"""NICs of a host that has none: veths whose other end stands in a namespace of its own, the world beyond the NIC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from netwright.kinds.loopback import Loopback
from netwright.kinds.veth import Veth
from netwright.model.address import Cidr
from netwright.model.link import LinkKey
from netwright.model.netns import HOST, NetnsRef, named
from netwright.model.operation import AddAddress, AddRoute, AnyOperation, ChangeLink, CreateLink, CreateNetns
from netwright.model.route import Address, Route

AT_ONCE: Mapping[str, str] = {"net.ipv6.conf.default.accept_dad": "0"}
"""IPv6 addresses can be used as soon as they are there: nobody else on a throw-away host could have taken them (RFC 4862, 5.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideNic:
    """One stand-in: on the host the NIC's name, and the same name on the other end, in `outside-NAME`.

    It carries no stack's mark: it is a NIC like any other to the stack that borrows it.
    """

    name: str
    mac: str | None = None
    """Of the host's end."""
    addresses: tuple[Cidr, ...] = ()
    """Of the other end."""
    routes: tuple[Route, ...] = ()
    """Of the other end's namespace."""

    @property
    def netns(self) -> NetnsRef:
        return named(outside_name(self.name))

    def operations(self) -> Iterator[AnyOperation]:
        """What makes it, in order."""
        why = "the sandbox has no NIC"
        inner = Veth(name=self.name, up=True, mac=self.mac, peer=LinkKey(self.netns, self.name))
        outer = Veth(name=self.name, up=True, peer=LinkKey(HOST, self.name))
        loopback = Loopback(name="lo", up=True)
        yield CreateNetns(netns=self.netns, sysctls=AT_ONCE, why=why)
        yield ChangeLink(netns=self.netns, link=loopback, fields=frozenset({"up"}), why=why)
        yield CreateLink(netns=HOST, link=inner, twin=outer, twin_netns=self.netns, why=why)
        yield ChangeLink(netns=self.netns, link=outer, fields=frozenset({"up"}), why=why)
        for address in self.addresses:
            yield AddAddress(netns=self.netns, address=Address(dev=self.name, cidr=address), why=why)
        for route in self.routes:
            yield AddRoute(netns=self.netns, route=route, why=why)


def outside_name(nic: str) -> str:
    """The namespace beyond a NIC."""
    return f"outside-{nic}"
