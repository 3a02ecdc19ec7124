"""Notices: what the kernel, Docker and the file system say has happened, as far as it may concern a stack.

A notice is a reason to look, never a fact to act on: messages can be lost, late, or about our own changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from netwright.model.netns import NetnsRef


class Kind(Enum):
    """What a notice is about; `subject` is…"""

    LINK = "link"
    """its name"""
    ADDRESS = "address"
    """the address with its prefix length"""
    ROUTE = "route"
    """its destination"""
    RULE = "rule"
    """its priority"""
    SETTING = "setting"
    """forwarding and the like have changed; nothing"""
    TABLE = "nft table"
    """the table's name; `part` says which part of it has changed"""
    NAMESPACE = "namespace"
    """the name below /run/netns"""
    CONTAINER = "container"
    """its name in Docker"""
    DOCKER_NETWORK = "Docker network"
    """its name in Docker"""
    ENGINE = "Docker Engine"
    """nothing: it is there (again), or `gone`"""
    STATE = "state"
    """nothing: a Netwright has changed a stack"""
    LOST = "lost"
    """nothing: there were more notices than could be read"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something has happened in `netns` (None: it is about no namespace, or nobody knows about which)."""

    kind: Kind
    netns: NetnsRef | None = None
    subject: str = ""
    gone: bool = False
    index: int = 0
    """Of the link that it is about, in `netns`; 0: unknown."""
    part: str = ""
    """Of an nft table: `table`, or the name of the chain whose rules have changed, or another word for what it is."""
    protocol: int = 0
    """Of a route or a rule: who has put it there (rtnetlink(7): rtm_protocol)."""
    action: str = ""
    """Docker's word: start, die, connect, …"""
    by: str = ""
    """Who did it, where the kernel tells: a program's name and its process id."""
    own: bool = False
    """This very process did it."""
