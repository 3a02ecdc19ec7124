"""Importers: what others have written or made → a file in Netwright's language. Pure: texts and states in, text out."""
