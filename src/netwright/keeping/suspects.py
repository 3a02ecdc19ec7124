"""Who may be undoing a repair: programs that manage the same things, if they run, and whoever the kernel has named. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from netwright.model.notice import Kind, Notice
from netwright.model.operation import (
    AddAddress,
    AddRoute,
    AddRule,
    AnyOperation,
    ChangeLink,
    CreateLink,
    CreateNetns,
    DeleteLink,
    DeleteTable,
    MoveLink,
    RemoveAddress,
    RemoveRoute,
    RemoveRule,
    ReplaceTable,
    SetForeignRules,
    SetSysctl,
)

FIREWALLS = {
    "firewalld": "firewalld",
    "ufw": "ufw",
    "nft": "nft",
    "iptables": "a script that runs iptables",
    "ip6tables": "a script that runs ip6tables",
    "iptables-restor": "iptables-restore",
    "dockerd": "the Docker Engine",
    "kube-proxy": "kube-proxy",
    "libvirtd": "libvirt",
    "virtnetworkd": "libvirt",
    "fail2ban-server": "fail2ban",
    "shorewall": "Shorewall",
    "csf": "csf",
}
MANAGERS = {
    "NetworkManager": "NetworkManager",
    "systemd-network": "systemd-networkd",
    "dhclient": "dhclient",
    "dhcpcd": "dhcpcd",
    "connmand": "ConnMan",
    "wickedd": "wicked",
    "keepalived": "keepalived",
    "bird": "BIRD",
    "zebra": "FRR",
    "dockerd": "the Docker Engine",
}
TUNERS = {"sysctl": "sysctl", "tuned": "tuned", "systemd-sysctl": "systemd-sysctl", "dockerd": "the Docker Engine"}
"""By the name that the kernel knows a process by (proc(5): comm, 15 characters) → what people call it."""

_TABLES = (ReplaceTable, DeleteTable, SetForeignRules)
_LINKS = (
    *(AddAddress, RemoveAddress, AddRoute, RemoveRoute, AddRule, RemoveRule),
    *(ChangeLink, CreateLink, DeleteLink, MoveLink, CreateNetns),
)


def suspects(operations: Sequence[AnyOperation], notices: Iterable[Notice], running: Iterable[str]) -> tuple[str, ...]:
    """Whoever was named first; then those that run (`running`: process names) and manage what had to be repaired."""
    named = list(dict.fromkeys(f"{notice.by} has changed it" for notice in notices if notice.kind is Kind.TABLE and notice.by))
    known: dict[str, str] = {}
    if any(isinstance(operation, _TABLES) for operation in operations):
        known |= FIREWALLS
    if any(isinstance(operation, _LINKS) for operation in operations):
        known |= MANAGERS
    if any(isinstance(operation, SetSysctl) for operation in operations):
        known |= TUNERS
    there = list(dict.fromkeys(known[name] for name in running if name in known))
    return (*named[-3:], *(f"{name} is running" for name in sorted(there)))
