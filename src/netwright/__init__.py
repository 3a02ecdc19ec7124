"""Netwright: a host's container networks from one file."""

__version__ = "0.1.0"
