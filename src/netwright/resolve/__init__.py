"""Spec and facts → Desired: names become places, addresses are given out, intentions become links, routes and rules."""
