"""The file's shape: what a person may write, as typed, frozen values.

pydantic finds every error at once and says where; `spec.load` turns its findings into problems with line and column.
The same classes give the JSON Schema that `netwright schema` prints. What one value alone can be wrong about is checked
here; what two values can be wrong about together is in `spec.checks`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema, model_validator

from netwright.errors import InvalidValue
from netwright.model.address import parse_cidr, parse_ip, parse_prefix
from netwright.model.names import parse_ifname, parse_netns_name, parse_stack_name
from netwright.spec.values import Listen, Ports, Target, parse_listen, parse_ports, parse_short_publish, parse_target


def _text(pattern: str, description: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "description": description})


def _parsed(parse: Any, kind: type) -> tuple[BeforeValidator, PlainSerializer]:
    def read(value: Any) -> Any:
        if isinstance(value, kind) and not isinstance(value, (str, bool)):
            return value
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise InvalidValue("a text is expected here", hint="put it in quotes")
        return parse(str(value))

    return BeforeValidator(read), PlainSerializer(str)


def _sysctl_key(text: str) -> str:
    if not re.fullmatch(r"net\.[a-z0-9_]+(\.[A-Za-z0-9_@/+-]+)+", text):
        raise InvalidValue(
            f"{text!r} is not a network sysctl",
            hint="they start with net., e.g. net.ipv4.conf.all.rp_filter; a dot in an interface's name is written /",
        )
    return text


def _sysctl_value(value: Any) -> Any:
    return str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else value


def _mac(text: str) -> str:
    text = text.lower()
    if not re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", text):
        raise InvalidValue(
            f"{text!r} is not a MAC address: six pairs of hexadecimal digits, with colons", hint='put it in quotes: "02:00:00:00:00:02"'
        )
    if int(text[:2], 16) & 1:
        raise InvalidValue(f"{text} is a multicast address; an interface's MAC has an even first byte")
    if text == "00:00:00:00:00:00":
        raise InvalidValue("an interface cannot have the MAC address 00:00:00:00:00:00")
    return text


def _pci(text: str) -> str:
    if not re.fullmatch(r"([0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", text.lower()):
        raise InvalidValue(f"{text!r} is not a PCI address", hint='as lspci -D prints it: "0000:03:00.0"')
    text = text.lower()
    return text if text.count(":") == 2 else f"0000:{text}"


def _route_target(text: str) -> str:
    return text if text == "default" else parse_prefix(text)


def _one_or_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}", text):
        raise InvalidValue(f"{text!r} cannot be a name: up to 63 letters, digits and _ . -, starting with a letter, digit or _")
    return text


_IP = r"^[0-9a-fA-F:.]+$"
_CIDR = r"^[0-9a-fA-F:.]+/[0-9]{1,3}$"

IfNameField = Annotated[
    str, AfterValidator(parse_ifname), _text(r"^[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,14}$", "an interface's name, at most 15 bytes")
]
NetnsNameField = Annotated[str, AfterValidator(parse_netns_name), _text(r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$", "a name below /run/netns")]
StackNameField = Annotated[str, AfterValidator(parse_stack_name), _text(r"^[a-z0-9][a-z0-9-]{0,30}$", "the stack's name")]
NameField = Annotated[str, AfterValidator(_name), _text(r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$", "a name")]
IpField = Annotated[str, AfterValidator(parse_ip), _text(_IP, "an address")]
CidrField = Annotated[str, AfterValidator(parse_cidr), _text(_CIDR, "an address with its prefix length")]
PrefixField = Annotated[str, AfterValidator(parse_prefix), _text(_CIDR, "a network")]
RouteTargetField = Annotated[str, AfterValidator(_route_target), _text(r"^(default|[0-9a-fA-F:.]+/[0-9]{1,3})$", "a network, or default")]
MacField = Annotated[str, AfterValidator(_mac), _text(r"^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$", "a MAC address")]
PciField = Annotated[str, AfterValidator(_pci), _text(r"^([0-9a-fA-F]{4}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7]$", "a PCI address")]
ListenField = Annotated[Listen, *_parsed(parse_listen, Listen), _text(r"^.+$", "[INTERFACE:|ADDRESS:|[IPV6]:]PORT[-PORT][/tcp|udp|sctp]")]
TargetField = Annotated[Target, *_parsed(parse_target, Target), _text(r"^.+:[0-9]+(-[0-9]+)?$", "NAME:PORT or ADDRESS:PORT")]
PortsField = Annotated[
    Ports, *_parsed(parse_ports, Ports), WithJsonSchema({"type": ["string", "integer"], "description": "PORT or PORT-PORT"})
]
SysctlKey = Annotated[str, AfterValidator(_sysctl_key)]
SysctlValue = Annotated[
    str, BeforeValidator(_sysctl_value), Field(max_length=256, pattern=r"^[^\n\x00]*$"), WithJsonSchema({"type": ["string", "integer"]})
]
MtuField = Annotated[int, Field(ge=68, le=65535, strict=True)]


class Part(BaseModel):
    """Frozen; unknown keys are errors; YAML's own types are taken as they are (the text "1" is no number)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True, arbitrary_types_allowed=True)


class NetworkSpec(Part):
    """`networks.NAME`: a bridge and the subnets on it."""

    managed_by: Literal["netwright", "docker"] = "netwright"
    driver: Literal["bridge", "macvlan", "ipvlan", "vxlan", "overlay", "host", "none"] = "bridge"
    name: NameField | None = Field(None, description="the network's name in Docker, if it is not its key here")
    bridge: IfNameField | None = Field(None, description="the kernel's name for the bridge; a derived one if absent")
    subnets: list[PrefixField] = []
    gateway: Annotated[list[Literal["none"] | IpField] | None, BeforeValidator(_one_or_list)] = Field(
        None, description="default: each subnet's first host address; none: no address on the host; a list where there are several subnets"
    )
    ip_range: Annotated[list[PrefixField] | None, BeforeValidator(_one_or_list)] = Field(
        None, description="what addresses are allocated from; a list where there are several subnets"
    )
    mtu: MtuField | None = None
    masquerade: bool = Field(True, description="NAT what leaves the network")
    internal: bool = Field(False, description="no way in or out")
    external: bool = Field(False, description="it exists already: join it, never create, change or delete it")
    stp: bool | None = None
    ageing_seconds: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        None, description="how long the bridge remembers a MAC address"
    )
    forward_delay_seconds: Annotated[int, Field(ge=0, le=30)] | None = None
    multicast_snooping: bool | None = Field(None, description="false makes many ports cheaper, and floods multicast")
    options: dict[str, str] = Field({}, description="passed to Docker as they are")
    labels: dict[str, str] = {}


class NicSelector(Part):
    """A NIC by what it is rather than by what it is called."""

    mac: MacField | None = None
    pci: PciField | None = None

    @model_validator(mode="after")
    def _one(self) -> NicSelector:
        if (self.mac is None) == (self.pci is None):
            raise InvalidValue("say mac: or pci:, one of them")
        return self


class PeerSpec(Part):
    """The other end of a veth without a bridge."""

    namespace: NameField = Field(description="a namespace of this file, or host")
    interface: IfNameField


class InterfaceSpec(Part):
    """`interfaces.NAME`: on a network, a NIC of the host, or one end of a veth."""

    network: NameField | None = None
    nic: IfNameField | NicSelector | None = None
    peer: PeerSpec | None = None
    address: Annotated[list[IpField] | None, BeforeValidator(_one_or_list)] = Field(
        None, description="on a network: this address; a list: one for each subnet"
    )
    addresses: list[CidrField] = []
    mac: MacField | None = None
    mtu: MtuField | None = None
    up: bool = True
    default_route: bool | None = Field(
        None, description="false: no default route through this network; true: this one, whichever comes first"
    )
    port: IfNameField | None = Field(None, description="the name of the bridge's end; a derived one if absent")

    @model_validator(mode="after")
    def _one_origin(self) -> InterfaceSpec:
        if sum(x is not None for x in (self.network, self.nic, self.peer)) != 1:
            raise InvalidValue(
                "an interface is one of network:, nic: or peer:",
                hint="network: NAME puts it on a network, nic: NAME moves one in, peer: joins it to another namespace",
            )
        if self.network is None:
            for key in ("address", "port", "default_route"):
                if getattr(self, key) is not None:
                    raise InvalidValue(f"{key}: is for an interface on a network", hint="use addresses:" if key == "address" else None)
        return self


class RouteSpec(Part):
    """`routes[]`."""

    to: RouteTargetField
    via: IpField | None = None
    dev: IfNameField | None = None
    source: IpField | None = Field(None, description="the address that the host itself uses on this route")
    metric: Annotated[int, Field(ge=0, le=0xFFFFFFFF)] | None = None
    mtu: MtuField | None = None
    onlink: bool = False
    kind: Literal["unicast", "blackhole", "unreachable", "prohibit"] = Field("unicast", alias="type")

    @model_validator(mode="after")
    def _next_hop(self) -> RouteSpec:
        if self.kind == "unicast" and self.via is None and self.dev is None:
            raise InvalidValue("a route needs via: or dev:")
        if self.kind != "unicast" and (self.via or self.dev):
            raise InvalidValue(f"a {self.kind} route has no via: or dev:")
        return self


class PublishSpec(Part):
    """`publish[]`: a port that is handed on to a target."""

    listen: ListenField
    from_: Annotated[list[PrefixField] | None, BeforeValidator(_one_or_list)] = Field(
        None, alias="from", description="who may use it; absent: anyone"
    )
    to: TargetField
    source: Literal["masquerade", "preserve"] = "masquerade"


class ContainerPublishSpec(Part):
    """`containers.NAME.publish[]`, on the host: Docker's short form is read into this."""

    listen: ListenField
    from_: Annotated[list[PrefixField] | None, BeforeValidator(_one_or_list)] = Field(None, alias="from")
    to: PortsField | None = Field(None, description="the container's port; absent: the same")
    source: Literal["masquerade", "preserve"] = "masquerade"

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, str):
            listen, ports = parse_short_publish(value)
            return {"listen": listen, "to": ports}
        return value


class NamespaceSpec(Part):
    """`namespaces.NAME`, and `host`."""

    external: bool = Field(False, description="it exists already: join it, never create or delete it")
    interfaces: dict[IfNameField, InterfaceSpec] = {}
    routes: list[RouteSpec] = []
    sysctls: dict[SysctlKey, SysctlValue] = {}
    forward: bool | None = Field(None, description="implied by publish and masquerade")
    masquerade: list[IfNameField] = Field([], description="NAT what leaves through these")
    publish: list[PublishSpec] = []
    nameservers: list[IpField] = []
    search: list[str] = Field([], description="domains that a name without a dot is tried in")


class ContainerNetworkSpec(Part):
    """`containers.NAME.networks.NETWORK`."""

    address: Annotated[list[IpField] | None, BeforeValidator(_one_or_list)] = None


class LabelSelector(Part):
    """Every container with this label, now and later."""

    label: Annotated[str, Field(pattern=r"^[^=\s]+(=.*)?$")]


class ContainerSpec(Part):
    """`containers.NAME`: started by somebody else."""

    docker: str | LabelSelector | None = Field(None, description="a name, an id, or {label: KEY=VALUE}; absent: its key here is its name")
    networks: dict[NameField, ContainerNetworkSpec | None] = {}
    interfaces: dict[IfNameField, InterfaceSpec] = {}
    routes: list[RouteSpec] = []
    publish: list[ContainerPublishSpec] = []


class Spec(Part):
    """The whole file."""

    version: Literal[1]
    name: StackNameField
    networks: dict[NameField, NetworkSpec | None] = {}
    namespaces: dict[NetnsNameField, NamespaceSpec | None] = {}
    host: NamespaceSpec | None = None
    containers: dict[NameField, ContainerSpec | None] = {}
