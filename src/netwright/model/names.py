"""Names: what may be an interface, a namespace, a stack; and the names that Netwright derives.

A value of one of these types exists only if it was parsed, so code behind the edge never checks again.
"""

from __future__ import annotations

import hashlib
import re
from typing import NewType

from netwright.errors import InvalidValue

IfName = NewType("IfName", str)
NetnsName = NewType("NetnsName", str)
StackName = NewType("StackName", str)

OWNER_PREFIX = "netwright:"
"""The alias of a link that a stack owns is this and the stack's name."""

LOAN_PREFIX = "netwright-loan:"
"""The alias of a NIC that a stack has borrowed."""

SHARED_FILE = "-> the stack's\n"
"""The content of a file below /etc/netns/NAME that stands for: the file of this name that the whole stack has (the host's entry)."""

SHARED_FOLDER = ".netwright"
"""Below /etc/netns: a folder for each stack with the files that it has in common. No namespace can have this name."""

IFNAMSIZ = 16
"""linux/if.h: the size of an interface name with its closing NUL."""

_STACK = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
_IFNAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]*")
_NETNS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def parse_ifname(text: str) -> IfName:
    """An interface name as the kernel takes it (dev_valid_name), in the alphabet that every tool can quote.

    Raises InvalidValue.
    """
    size = len(text.encode())
    if size >= IFNAMSIZ:
        raise InvalidValue(f"{text!r} is {size} bytes long; the kernel takes at most {IFNAMSIZ - 1} for an interface")
    if not _IFNAME.fullmatch(text):
        raise InvalidValue(
            f"{text!r} cannot be an interface's name: letters, digits and _ . - + @ only, starting with a letter, digit or _"
        )
    return IfName(text)


def parse_netns_name(text: str) -> NetnsName:
    """A name below /run/netns. Raises InvalidValue."""
    if len(text.encode()) > 255:
        raise InvalidValue(f"a namespace's name is a file's name: at most 255 bytes, not {len(text.encode())}")
    if not _NETNS.fullmatch(text):
        raise InvalidValue(f"{text!r} cannot be a namespace's name: letters, digits and _ . - only, starting with a letter, digit or _")
    return NetnsName(text)


def parse_stack_name(text: str) -> StackName:
    """A stack's name: [a-z0-9][a-z0-9-]{0,30}. Raises InvalidValue."""
    if not _STACK.fullmatch(text):
        raise InvalidValue(f"{text!r} cannot be a stack's name: 1 to 31 of a-z, 0-9 and -, not starting with -")
    return StackName(text)


def short_hash(text: str, digits: int) -> str:
    """`digits` lower-case hexadecimal digits that stand for `text`."""
    return hashlib.blake2s(text.encode(), digest_size=16).hexdigest()[:digits]


def bridge_name(stack: str, network: str) -> IfName:
    """The kernel's name for a network's bridge where the file gives none: readable if it fits, else hashed."""
    plain = f"br-{stack}-{network}"
    if len(plain) < IFNAMSIZ and _IFNAME.fullmatch(plain):
        return IfName(plain)
    readable = re.sub(r"[^A-Za-z0-9_]", "", network)[:6]
    return IfName(f"br-{readable}-{short_hash(plain, 11 - len(readable))}")


def port_name(stack: str, netns: str, interface: str) -> IfName:
    """The name of the bridge's end of a veth: unique for (stack, namespace, interface), and readable at its start."""
    readable = re.sub(r"[^A-Za-z0-9_]", "", netns)[:7] or "v"
    return IfName(f"{readable}-{short_hash(f'{stack}/{netns}/{interface}', 14 - len(readable))}")


def shim_name(stack: str, network: str) -> IfName:
    """The name of the host's own interface on a network that stands on a NIC: unique for (stack, network), and readable at its start."""
    readable = re.sub(r"[^A-Za-z0-9_]", "", network)[:7] or "n"
    return IfName(f"{readable}-{short_hash(f'{stack}//{network}', 14 - len(readable))}")


TABLE_PREFIXES = ("nw_", "nwp_", "nwa_")
"""What the names of our nft tables begin with."""


def table_name(stack: str) -> str:
    """The nft table of a stack: never a keyword, since nft takes no keyword as a name."""
    return "nw_" + stack.replace("-", "_")


def policy_table_name(stack: str) -> str:
    """The nft table of a stack's policies: beside the one of its ports, so that neither resets the other."""
    return "nwp_" + stack.replace("-", "_")


def antispoof_table_name(stack: str) -> str:
    """The nft table that keeps a stack's ports from speaking for others."""
    return "nwa_" + stack.replace("-", "_")


def table_family(name: str) -> str:
    """nft's family of a table of ours, by its name: frames within a bridge are seen by the bridge family alone."""
    return "bridge" if name.startswith("nwa_") else "inet"
