"""Keys of sysctls: dotted, below `net`; a dot that belongs to an interface's name is written `/`, as sysctl(8) does."""

from __future__ import annotations

ADVERTISEMENTS = ".accept_ra"
"""What a key ends in that says whether an interface takes router advertisements."""


SECRET = ".stable_secret"  # noqa: S105 - a name
"""What a key ends in whose value only root reads. To set it sets how addresses are generated (net/ipv6/addrconf.c: addrconf_sysctl_stable_secret)."""
OF_INTERFACES = ("net.ipv4.conf", "net.ipv4.neigh", "net.ipv6.conf", "net.ipv6.neigh")
"""What the sysctls of an interface stand below, each under the interface's name; and under `default` those that a new one has."""


def interface_of(key: str) -> str | None:
    """The interface that a sysctl belongs to: `net.ipv4.conf.eth1.rp_filter` → `eth1`; None: it is the namespace's."""
    parts = key.split(".")
    if len(parts) >= 5 and parts[2] in ("conf", "neigh") and parts[3] not in ("all", "default"):
        return parts[3].replace("/", ".")
    return None


def birth_key(key: str) -> str:
    """The sysctl that says what `key` has when its interface, or else its namespace, is new: an interface's is the one for `default`."""
    if interface_of(key) is None:
        return key
    return of_interface(key, "default")


def of_interface(key: str, name: str) -> str:
    """The sysctl of an interface as another one has it."""
    parts = key.split(".")
    return ".".join([*parts[:3], name.replace(".", "/"), *parts[4:]])
