"""The file's shape: what a person may write, as typed, frozen values.

pydantic finds every error at once and says where; `spec.load` turns its findings into problems with line and column.
The same classes give the JSON Schema that `netwright schema` prints. What one value alone can be wrong about is checked
here; what two values can be wrong about together is in `spec.checks`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Discriminator, Field, Tag, model_validator

from netwright.errors import InvalidValue
from netwright.spec.fields import (
    CidrField,
    DockerNameField,
    DomainField,
    IfNameField,
    IpField,
    ListenField,
    MacField,
    MtuField,
    NameField,
    NetnsNameField,
    OneOrList,
    PciField,
    PortsField,
    PrefixField,
    RouteTargetField,
    StackNameField,
    SysctlKey,
    SysctlValue,
    TargetField,
    VersionField,
)
from netwright.spec.part import Part
from netwright.spec.schema_containers import LabelSelector
from netwright.spec.schema_networks import NetworkSpec
from netwright.spec.schema_policies import PolicySpec
from netwright.spec.values import parse_short_publish


def _form(value: Any) -> str | None:
    return "text" if isinstance(value, str) else "mapping" if isinstance(value, dict | BaseModel) else None


_TEXT_OR_MAPPING = Discriminator(_form, custom_error_type="form", custom_error_message="a text or a mapping")
_SOURCE = "masquerade: the target sees an address of this namespace, which works whatever its routes are; preserve: it sees the client's, and its replies are routed back here"


class NicSelector(Part):
    """A NIC by what it is rather than by what it is called: one of the two keys."""

    mac: MacField | None = Field(None, description="the NIC with this MAC address")
    pci: PciField | None = Field(None, description="the NIC at this PCI address, as lspci -D prints it")

    @model_validator(mode="after")
    def _one(self) -> NicSelector:
        if (self.mac is None) == (self.pci is None):
            raise InvalidValue("a NIC is named by mac: or by pci:, not both" if self.mac else "a NIC is named by mac: or by pci:")
        return self


class PeerSpec(Part):
    """The other end of a veth without a bridge. It may be described there too, and must then point back."""

    namespace: NameField | None = Field(None, description="a namespace of this file, or host")
    container: NameField | None = Field(None, description="a container of this file, instead of a namespace")
    interface: IfNameField = Field(description="the interface's name there")

    @model_validator(mode="after")
    def _one_place(self) -> PeerSpec:
        if (self.namespace is None) == (self.container is None):
            said = "namespace: and container: exclude each other" if self.namespace else "namespace: or container: is missing"
            raise InvalidValue(f"{said}: a veth has one other end")
        return self

    @property
    def place(self) -> str:
        """The namespace's, the container's or the host's name in the file: no two of them have one."""
        return self.namespace or self.container or ""


class InterfaceSpec(Part):
    """An interface: on a network, a NIC of the host, or one end of a veth. One of `network`, `nic` and `peer` is required, unless it is external."""

    network: NameField | None = Field(None, description="the network it is on: a veth whose other end is a port of the network's bridge")
    nic: Annotated[Annotated[IfNameField, Tag("text")] | Annotated[NicSelector, Tag("mapping")], _TEXT_OR_MAPPING] | None = Field(
        None, description="a NIC of the host, moved in, and given back on destroy"
    )
    peer: PeerSpec | None = Field(None, description="the other end of a veth that has no bridge")
    address: Annotated[list[IpField], OneOrList()] | None = Field(
        None, description="its address on the network; a list: one for each subnet; those not stated are allocated, and kept"
    )
    addresses: list[CidrField] = Field([], description="more addresses, each with its prefix length")
    mac: MacField | None = Field(
        None, description="its MAC address; absent: the kernel's choice, in a container one that lasts over restarts"
    )
    mtu: MtuField | None = Field(None, description="the largest packet, in bytes")
    up: bool = Field(True, description="whether it is up")
    default_route: bool | None = Field(
        None, description="whether its network's gateway is the namespace's default route; absent: of the first such interface"
    )
    port: IfNameField | None = Field(None, description="the name of the bridge's end; absent: a derived one")
    external: bool = Field(
        False, description="somebody else's, and there already: described, never made, changed or deleted; then no key is required"
    )

    @model_validator(mode="after")
    def _one_origin(self) -> InterfaceSpec:
        said = [key for key in ("network", "nic", "peer") if getattr(self, key) is not None]
        if not said and not self.external:
            raise InvalidValue(
                "an interface needs network:, nic: or peer:",
                hint="network: NAME puts it on a network, nic: NAME moves a NIC in, peer: joins it to another namespace",
            )
        if self.external and self.nic is not None:
            raise InvalidValue("nic: moves a NIC in, and external: leaves it where it is", hint="leave out one of the two")
        if self.external and self.default_route:
            raise InvalidValue("default_route: makes a route, and external: makes nothing", hint="write the route under routes:")
        if len(said) > 1:
            raise InvalidValue(f"{said[0]}: and {said[1]}: exclude each other: an interface is one or the other")
        if self.network is None:
            for key in ("address", "port", "default_route"):
                if getattr(self, key) is not None:
                    raise InvalidValue(
                        f"{key}: is for an interface on a network",
                        hint={"address": "use addresses:, with a prefix length", "default_route": "write the route under routes:"}.get(key),
                    )
        return self


class RouteSpec(Part):
    """A route. It needs `via` or `dev`, unless its `type` is one that drops."""

    to: RouteTargetField = Field(description="the network it leads to, or default")
    via: IpField | None = Field(None, description="the next hop")
    dev: IfNameField | None = Field(None, description="the interface it leaves through; absent: the one that reaches the next hop")
    source: IpField | None = Field(None, description="the address that the namespace itself uses on this route")
    metric: Annotated[int, Field(ge=0, le=0xFFFFFFFF)] | None = Field(None, description="the lower, the better")
    mtu: MtuField | None = Field(None, description="the largest packet on this route, in bytes")
    onlink: bool = Field(False, description="the next hop is reached directly, though no address says so")
    kind: Literal["unicast", "blackhole", "unreachable", "prohibit"] = Field(
        "unicast", alias="type", description="unicast goes somewhere; the others drop, in silence or with an answer"
    )
    external: bool = Field(False, description="somebody else's: described, never added or removed")

    @model_validator(mode="after")
    def _next_hop(self) -> RouteSpec:
        if self.kind == "unicast" and self.via is None and self.dev is None:
            raise InvalidValue("a route needs via: or dev:")
        if self.kind != "unicast" and (self.via or self.dev):
            raise InvalidValue(f"a route of type {self.kind} has no via: and no dev:, for it leads nowhere")
        return self


class PublishSpec(Part):
    """A port that is handed on to a target."""

    listen: ListenField = Field(description="[INTERFACE:|ADDRESS:|[IPV6]:]PORT[-PORT][/tcp|udp|sctp]")
    from_: Annotated[list[PrefixField], OneOrList()] | None = Field(
        None, alias="from", description="who may use it: prefixes; absent: anyone"
    )
    to: TargetField = Field(
        description="NAME:PORT or ADDRESS:PORT; the name is a container's, a namespace's or host; a range maps to a range or to one port"
    )
    source: Literal["masquerade", "preserve"] = Field("masquerade", description=_SOURCE)


class ContainerPublishSpec(Part):
    """A port of the host that is handed on to this container."""

    listen: ListenField = Field(description="[INTERFACE:|ADDRESS:|[IPV6]:]PORT[-PORT][/tcp|udp|sctp], on the host")
    from_: Annotated[list[PrefixField], OneOrList()] | None = Field(
        None, alias="from", description="who may use it: prefixes; absent: anyone"
    )
    to: PortsField | None = Field(None, description="the container's port, or a range of as many; absent: the same")
    source: Literal["masquerade", "preserve"] = Field("masquerade", description=_SOURCE)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, str):
            listen, ports = parse_short_publish(value)
            return {"listen": listen, "to": ports}
        return value


class NamespaceSpec(Part):
    """A network namespace: one below /run/netns, or (as `host`) the one Netwright runs in."""

    external: bool = Field(False, description="it exists already: join it, never create or delete it")
    interfaces: dict[IfNameField, InterfaceSpec] = Field({}, description="its interfaces, by name")
    routes: list[RouteSpec] = Field([], description="its routes, besides those that follow from its interfaces")
    sysctls: dict[SysctlKey, SysctlValue] = Field({}, description="kernel parameters below net., by their dotted name")
    forward: bool | None = Field(None, description="whether it forwards packets; absent: where a gateway, publish or masquerade needs it")
    masquerade: list[IfNameField] = Field([], description="interfaces: NAT what leaves through them")
    publish: list[PublishSpec] = Field([], description="ports that are handed on to targets")
    nameservers: list[IpField] = Field([], description="DNS servers, for what runs in the namespace; three at most")
    search: list[DomainField] = Field([], description="domains in which a name without a dot is looked up")


class HostSpec(NamespaceSpec):
    """The namespace Netwright runs in: what a namespace has, and who is in charge of Docker's ports."""

    protect: bool = Field(
        False, description="close what Docker publishes, for whatever container, to all from outside but those whom a file lets in"
    )


class ContainerNetworkSpec(Part):
    """How a container is on a Docker network."""

    address: Annotated[list[IpField], OneOrList()] | None = Field(
        None, description="its address there; a list: one for each subnet; absent: Docker's choice"
    )


class ContainerSpec(Part):
    """A container that somebody else starts. One that is not there yet is no error: what depends on it waits."""

    later = frozenset({"sysctls"})

    docker: Annotated[Annotated[DockerNameField, Tag("text")] | Annotated[LabelSelector, Tag("mapping")], _TEXT_OR_MAPPING] | None = Field(
        None,
        description="its name or id in Docker, {label: KEY=VALUE}, or {service: NAME, project: NAME} as Compose calls them; absent: its key here",
    )
    networks: dict[NameField, ContainerNetworkSpec | None] = Field({}, description="Docker networks it is to be on: connected if it is not")
    interfaces: dict[IfNameField, InterfaceSpec] = Field({}, description="interfaces that Docker cannot give it, put in by Netwright")
    routes: list[RouteSpec] = Field([], description="routes put into it")
    publish: list[ContainerPublishSpec] = Field(
        [], description="ports of the host that are handed on to it, in Docker's short form or the long one"
    )


class Spec(Part):
    """A stack: networks, namespaces, the host's part, containers, and policies between them."""

    later = frozenset({"expect"})

    version: Annotated[Literal[1], VersionField] = Field(description="the version of this language: 1")
    name: StackNameField = Field(description="the stack's name; everything Netwright makes for it carries it")
    networks: dict[NameField, NetworkSpec | None] = Field({}, description="networks, by name")
    namespaces: dict[NetnsNameField, NamespaceSpec | None] = Field({}, description="network namespaces, by name, as ip netns knows them")
    host: HostSpec | None = Field(None, description="the namespace Netwright runs in")
    containers: dict[NameField, ContainerSpec | None] = Field(
        {}, description="containers that somebody else starts, by a name of your choice"
    )
    policies: list[PolicySpec] = Field([], description="who may open connections to whom; without any, everybody to everybody as before")
