"""The file's networks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from netwright.spec.fields import (
    AUTO,
    DriverField,
    GatewayField,
    IfNameField,
    IpField,
    MtuField,
    NameField,
    OneOrList,
    PlainText,
    PrefixField,
    SubnetField,
)
from netwright.spec.part import Part


class NetworkSpec(Part):
    """A network, and the subnets on it: a bridge in the namespace Netwright runs in, or what stands on one of its NICs.

    Without `subnets`, a network of Netwright's is a plain switch: nothing on it gets an address by itself. One of Docker's
    gets an IPv4 subnet that is free, as with `auto4`. No address can be stated in a subnet that is chosen.
    """

    later = frozenset({"vni"})

    managed_by: Literal["netwright", "docker"] = Field("netwright", description="who makes it; docker: containers can join it by name")
    driver: Annotated[Literal["bridge", "macvlan", "ipvlan", "overlay", "host", "none"], DriverField] = Field(
        "bridge",
        description="what kind of network it is; macvlan, ipvlan: its interfaces stand on a NIC of the host and are on that one's wire; "
        "overlay, host, none: Docker's only",
    )
    name: NameField | None = Field(None, description="the network's name in Docker, if it is not its key here")
    bridge: IfNameField | None = Field(
        None, description="the kernel's name for the bridge; absent: a name derived from the stack's and the network's"
    )
    parent: IfNameField | None = Field(None, description="of macvlan and ipvlan: the host's interface that the network's stand on")
    mode: Literal["bridge", "private", "vepa", "passthru", "l2", "l3", "l3s"] | None = Field(
        None,
        description="of macvlan: bridge (if absent), private, vepa or passthru; of ipvlan: l2 (if absent), l3 or l3s",
    )
    flag: Literal["bridge", "private", "vepa"] | None = Field(
        None, description="of ipvlan: whether its interfaces reach each other; absent: bridge, they do"
    )
    host_access: bool = Field(
        False, description="of macvlan and ipvlan: the host gets an interface on the network too, and routes, so that it reaches the others"
    )
    subnets: list[SubnetField] = Field(
        [],
        description="IPv4 and IPv6 prefixes; every interface on the network has an address in each of them; auto4, auto6: one that nothing on the host uses is chosen, and kept",
    )
    gateway: Annotated[list[GatewayField], OneOrList()] | None = Field(
        None,
        description="the host's address on the network, or, of macvlan and ipvlan, the router's; absent: each subnet's first; none: there is none; a list where there are several subnets",
    )
    ip_range: Annotated[list[PrefixField], OneOrList()] | None = Field(
        None, description="the part of a subnet that addresses are allocated from; a list where there are several subnets"
    )
    aux_addresses: dict[NameField, IpField] = Field(
        {}, description="addresses that somebody else has, by a name of your choice: nobody on the network is given them"
    )
    mtu: MtuField | None = Field(
        None,
        description="the largest packet, in bytes, for the bridge and what is plugged into it; absent: what its way out takes when it is made",
    )
    masquerade: bool = Field(True, description="NAT what leaves the network")
    internal: bool = Field(False, description="no way in or out")
    isolated: bool = Field(False, description="no connection from another network begins here, but through a published port")
    antispoof: bool = Field(
        False,
        description="what is plugged into it speaks for itself only: frames with another's MAC or IP address, in ARP and neighbour discovery too, are dropped",
    )
    external: bool = Field(False, description="it exists already: join it, never create, change or delete it")
    stp: bool | None = Field(None, description="spanning tree protocol on the bridge")
    ageing_seconds: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        None, description="how long the bridge remembers a MAC address, in seconds"
    )
    forward_delay_seconds: Annotated[int, Field(ge=0, le=30)] | None = Field(
        None, description="how long a new port listens before it forwards, in seconds"
    )
    multicast_snooping: bool | None = Field(None, description="false makes many ports cheaper, and floods multicast")
    attachable: bool = Field(False, description="of overlay: containers may join it, not only services")
    encrypted: bool = Field(False, description="of overlay: what goes from host to host is encrypted")
    ingress: bool = Field(False, description="of overlay: it is the swarm's network for published ports; there is one")
    options: dict[str, PlainText] = Field({}, description="driver options, passed to Docker as they are")
    labels: dict[str, PlainText] = Field({}, description="labels of the network in Docker")

    @property
    def prefixes(self) -> list[str]:
        """Those of `subnets` that are stated."""
        return [one for one in self.subnets if one not in AUTO]

    @property
    def open_families(self) -> list[int]:
        """The families of those that are to be chosen."""
        return [AUTO[one] for one in self.subnets if one in AUTO]
