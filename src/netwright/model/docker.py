"""Docker's objects, as far as Netwright makes or needs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

STACK_LABEL = "io.netwright.stack"
"""The label that marks a Docker object as a stack's."""


DRIVER = "netwright"
"""What Docker calls our own network driver."""


def driver_bridge(network_id: str) -> str:
    """The kernel's name for the bridge of a network of our own driver, where no option says it."""
    return f"nw-{network_id[:12]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerSubnet:
    """One IPAM configuration."""

    subnet: str
    gateway: str | None = None
    ip_range: str | None = None
    """What Docker gives by itself is of this part; None: of the whole."""
    range_chosen: bool = field(default=False, compare=False)
    """Desired only: the file leaves `ip_range` open. A network that stands with another one stays."""
    reserved: Mapping[str, str] = field(default_factory=dict)
    """Auxiliary addresses: name → address. Docker gives them to no container."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerNetwork:
    """A network of the Docker Engine. Desired: what is not stated is not managed."""

    name: str
    driver: str
    owner: str | None = None
    subnets: tuple[DockerSubnet, ...] = ()
    internal: bool = False
    ipv6: bool = False
    attachable: bool = False
    """Of an overlay: containers may join it, not only services."""
    ingress: bool = False
    """Of an overlay: it is the swarm's for published ports."""
    options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    id: str = field(default="", compare=False)
    bridge: str | None = field(default=None, compare=False)
    """The kernel's name for its bridge: the option, or br- and 12 digits of the id."""
    used_by: tuple[str, ...] = field(default=(), compare=False)
    """Names of the containers on it, observed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A container on a Docker network."""

    network: str
    ipv4: str | None = None
    ipv6: str | None = None
    gateway4: str | None = None
    gateway6: str | None = None
    aliases: tuple[str, ...] = ()
    """More names by which others on the network find it."""
    links: tuple[str, ...] = ()
    """Docker's legacy links: CONTAINER:ALIAS."""
    mac: str | None = None
    link_local: tuple[str, ...] = ()
    driver_options: Mapping[str, str] = field(default_factory=dict)
    gateway_priority: int = 0
    """Of several networks the one with the highest has the container's default route (engines since 28)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortBinding:
    """A port that Docker itself publishes."""

    protocol: str
    host_ip: str
    host_port: int
    container_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container, observed; desired only as (name, attachments that the file asks for)."""

    name: str
    id: str = ""
    pid: int = 0
    """Its first process in Netwright's pid namespace; 0: not running."""
    attachments: Mapping[str, Attachment] = field(default_factory=dict)
    bindings: tuple[PortBinding, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    host_network: bool = False
    shares: str | None = None
    """The id of the container whose network namespace it uses; None: its own, or the host's."""

    @property
    def running(self) -> bool:
        return self.pid > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerState:
    """`reachable` is False where no engine answered; then the rest is empty and `why` says what happened."""

    reachable: bool = True
    why: str = ""
    version: str = ""
    nftables: bool = False
    """Its rules are in nftables: there is no DOCKER-USER, and forwarding is the host's owner's business."""
    networks: Mapping[str, DockerNetwork] = field(default_factory=dict)
    containers: Mapping[str, Container] = field(default_factory=dict)
