"""Ports of a bridge that may speak for themselves only: a table of the bridge family, where frames of one bridge pass, too.

What is kept is the sender: the Ethernet source; who an ARP packet says it is from; the source of an IPv4 and an IPv6 packet; whom a
neighbour advertisement speaks for. Router advertisements, redirects and a DHCP server's answers come from no end. A namespace that forwards
sends other people's packets: of it, sources are not judged, all the rest is. No rule grows with the number of ports.

A port without an address yet asks for one with no source (RFC 5227, 2.1.1; RFC 4862, 5.4.2), and says which groups it listens to (RFC 3810,
5.2.13): that passes, for its own addresses. Nothing else is sent from ::.

Frames with a VLAN tag are dropped: what is in them would be read by nobody here, but by whoever takes the tag off. The file has no VLANs.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from netwright.firewall.text import chain_text, set_text
from netwright.model.address import family, link_local, parse_ip
from netwright.model.firewall import Table
from netwright.model.names import antispoof_table_name, parse_ifname

_TARGET = "@th,64,128"
"""Whom a solicitation asks for, and an advertisement speaks for (RFC 4861, 4.3 and 4.4): 1.0.6 has no word for it, and takes the number of 128 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedPort:
    """A port of one of our bridges, and who is behind it."""

    port: str
    mac: str
    addresses: tuple[str, ...]
    forwards: bool
    """What is behind it sends other people's packets."""


def compile_antispoof(stack: str, ports: Sequence[GuardedPort]) -> Table | None:
    """The table; None where nothing is to be guarded. Raises InvalidValue."""
    if not ports:
        return None
    names = {one.port: f'"{parse_ifname(one.port)}"' for one in ports}
    own = [(names[one.port], address) for one in ports for address in (*map(parse_ip, one.addresses), link_local(one.mac))]
    sets = [
        set_text("ports", "ifname", names.values()),
        set_text("ends", "ifname", [names[one.port] for one in ports if not one.forwards]),
        set_text("macs", "ifname . ether_addr", [f"{names[one.port]} . {one.mac}" for one in ports]),
        set_text("addresses4", "ifname . ipv4_addr", [f"{name} . {address}" for name, address in own if family(address) == 4]),
        set_text("addresses6", "ifname . ipv6_addr", [f"{name} . {address}" for name, address in own if family(address) == 6]),
        set_text("targets6", "", [f"{name} . {_number(address)}" for name, address in own if family(address) == 6]).replace(
            "\t\ttype \n", f"\t\ttypeof iifname . {_TARGET}\n"
        ),
    ]
    chains = [
        chain_text(
            "port",
            [
                "iifname . ether saddr != @macs drop",
                "ether type { 0x8100, 0x88a8 } drop",
                "ether type arp goto port_arp",
                "ether type ip6 ip6 saddr :: goto port_unspecified",
                "icmpv6 type { nd-router-advert, nd-neighbor-advert, nd-redirect } goto port_nd",
                "iifname @ends udp sport . udp dport { 67 . 68, 547 . 546 } drop",
                "iifname @ends ether type ip iifname . ip saddr != @addresses4 drop",
                "iifname @ends ether type ip6 iifname . ip6 saddr != @addresses6 drop",
            ],
        ),
        chain_text(
            "port_arp",
            [
                "iifname . arp saddr ether != @macs drop",
                "arp saddr ip != 0.0.0.0 iifname . arp saddr ip != @addresses4 drop",
            ],
        ),
        chain_text(
            "port_unspecified",
            [
                f"icmpv6 type nd-neighbor-solicit iifname . {_TARGET} @targets6 accept",
                "icmpv6 type { mld-listener-report, mld-listener-done, nd-router-solicit, mld2-listener-report } accept",
                "drop",
            ],
        ),
        chain_text(
            "port_nd",
            [
                "icmpv6 type { nd-router-advert, nd-redirect } iifname @ends drop",
                f"icmpv6 type nd-neighbor-advert iifname . {_TARGET} != @targets6 drop",
                "iifname @ends iifname . ip6 saddr != @addresses6 drop",
            ],
        ),
        chain_text("prerouting", ["iifname @ports goto port"], hook="filter hook prerouting priority -300"),
    ]
    return Table.of(antispoof_table_name(stack), "".join([*sets, *chains]), frozenset())


def _number(address: str) -> str:
    return hex(int(ipaddress.IPv6Address(address)))
