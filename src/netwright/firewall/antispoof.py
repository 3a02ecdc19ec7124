"""Ports of a bridge that may speak for themselves only, and bridges on which nothing is said that nobody can judge.

A table of the bridge family, where frames of one bridge pass, too.

What is kept is the sender: the Ethernet source; who an ARP packet says it is from; the source of an IPv4 and an IPv6 packet; whom a
neighbour advertisement speaks for. Router advertisements, redirects and a DHCP server's answers come from no end. A namespace that forwards
sends other people's packets: of it, sources are not judged, all the rest is. No rule grows with the number of ports.

A port without an address yet asks for one with no source (RFC 5227, 2.1.1; RFC 4862, 5.4.2), and says which groups it listens to (RFC 3810,
5.2.13): that passes, for its own addresses. Nothing else is sent from ::.

What is sent to a bridge's own groups (01:80:c2:00:00:0X: LLDP, 802.1X) passes no hook on its way, and bridges learn from it where its sender is
(net/bridge/br_input.c: br_handle_frame): so these bridges are told not to (`learns_from_own_groups`).

Clients know a DHCP server's answer by the port that it is sent to; hardly one looks at the port that it comes from.

Frames with a VLAN tag are dropped: what is in them would be read by nobody here, but by whoever takes the tag off. The file has no VLANs.

Policies within a bridge judge what br_netfilter shows them: IPv4 and IPv6. A frame with the VLAN tag 0 it does not show, while whoever
receives it takes the tag for none (IEEE 802.1Q, 6.9.1: priority-tagged). So by the ports that we make on policed bridges nothing leaves but
IPv4, IPv6 and ARP; and by those that Docker makes, whatever bridge they are on, nothing with the tag 0. (By a bridge's name would be simpler;
nft_meta_bridge, which knows it, is not in every kernel.)
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


_VLAN_NUMBER = "@ll,116,12"
DOCKERS_PORTS = ("veth*", "nwp*")
"""What a bridge's end of a pair is called by Docker's bridge driver (libnetwork/drivers/bridge: vethPrefix), and by ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policed:
    """Where policies are kept within a bridge."""

    ports: tuple[str, ...]
    """Of the stack's own on its bridges."""
    dockers: bool
    """On bridges of Docker's as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedPort:
    """A port of one of our bridges, and who is behind it."""

    port: str
    mac: str
    addresses: tuple[str, ...]
    forwards: bool
    """What is behind it sends other people's packets."""


def compile_antispoof(stack: str, ports: Sequence[GuardedPort], policed: Policed | None = None) -> Table | None:
    """The table; None where nothing is to be guarded. Raises InvalidValue."""
    body = "".join([_ports(ports) if ports else "", _policed(policed) if policed is not None else ""])
    return Table.of(antispoof_table_name(stack), body, frozenset()) if body else None


def _policed(policed: Policed) -> str:
    names = sorted(f'"{parse_ifname(port)}"' for port in policed.ports)
    rules = ["oifname @policed ether type != { ip, ip6, arp } drop"]
    if policed.dockers:
        rules += [f'oifname "{pattern}" ether type {{ 0x8100, 0x88a8 }} {_VLAN_NUMBER} 0 drop' for pattern in DOCKERS_PORTS]
    return set_text("policed", "ifname", names) + chain_text("forward", rules, hook="filter hook forward priority -300")


def _ports(ports: Sequence[GuardedPort]) -> str:
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
                "iifname @ends udp dport { 68, 546 } drop",
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
    return "".join([*sets, *chains])


def _number(address: str) -> str:
    return hex(int(ipaddress.IPv6Address(address)))
