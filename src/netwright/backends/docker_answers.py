"""The Docker Engine's JSON → the model (Docker Engine API 1.24 and later, /networks and /containers).

Shapes are those of the API's `Network`, `ContainerSummary` and `ContainerInspectResponse`. Engines leave out what is empty, or send
null or "" for it: all three are read as "not there".
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from netwright.errors import DockerError
from netwright.model.address import canonical
from netwright.model.docker import DRIVER, STACK_LABEL, Attachment, Container, DockerNetwork, DockerSubnet, PortBinding, driver_bridge

BRIDGE_NAME = "com.docker.network.bridge.name"
_ID_DIGITS = 12
"""So many of the network's id stand in the name of a bridge that was given none (moby: libnetwork/drivers/bridge)."""

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
"""What an engine takes for a container (moby: daemon/names)."""

Answer = Mapping[str, Any]


class Unreachable(DockerError):
    """No answer came. The message says from where, to what, and why not."""


@contextmanager
def understood() -> Iterator[None]:
    """What is no answer of the API's shape is a DockerError: some program listens there, but no engine that we know."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        message = f"the Docker Engine answered something that is not of its API ({type(error).__name__}: {error})"
        raise DockerError(message, hint="docker version tells what answers there") from error


def network(answer: Answer, used_by: Iterable[str]) -> DockerNetwork:
    """One of /networks. `used_by`: the containers on it, which the list does not tell."""
    options = dict(answer.get("Options") or {})
    labels = dict(answer.get("Labels") or {})
    pools = (answer.get("IPAM") or {}).get("Config") or ()
    driver = answer.get("Driver") or ""
    return DockerNetwork(
        name=network_name(answer),
        driver=driver,
        owner=labels.get(STACK_LABEL),
        subnets=tuple(_subnet(pool) for pool in pools if pool.get("Subnet")),
        internal=bool(answer.get("Internal")),
        ipv6=bool(answer.get("EnableIPv6")),
        attachable=bool(answer.get("Attachable")),
        ingress=bool(answer.get("Ingress")),
        options=options,
        labels=labels,
        id=answer["Id"],
        bridge=_bridge(driver, options, answer["Id"]),
        used_by=tuple(sorted(used_by)),
    )


def _bridge(driver: str, options: Mapping[str, str], id_: str) -> str | None:
    if driver == DRIVER:
        return options.get("netwright.bridge") or driver_bridge(id_)
    return (options.get(BRIDGE_NAME) or f"br-{id_[:_ID_DIGITS]}") if driver == "bridge" else None


def container(
    summary: Answer, inspected: Answer | None, names: Mapping[str, str], ends: Mapping[str, frozenset[str]] = MappingProxyType({})
) -> Container:
    """One of /containers/json; `inspected`: what /containers/ID/json says of it, if it was asked. `names`: network id → name.
    `ends`: network id → its endpoints' ids, of the networks that were asked.

    The pid and the addresses of a running container are of one answer, so that they are of one run of it.
    """
    told = inspected or summary
    pid = (inspected or {}).get("State", {}).get("Pid") or 0
    endpoints = (told.get("NetworkSettings") or {}).get("Networks") or {}
    attachments = {
        name: _attachment(name, endpoint or {}, summary["Id"], running=pid > 0)
        for key, endpoint in endpoints.items()
        if (name := names.get((endpoint or {}).get("NetworkID") or key, key)) and not (pid and _is_left_over(endpoint or {}, ends))
    }
    mode = (summary.get("HostConfig") or {}).get("NetworkMode") or ""
    return Container(
        name=container_name(summary),
        id=summary["Id"],
        pid=pid,
        attachments=attachments,
        bindings=tuple(sorted({_binding(port) for port in summary.get("Ports") or () if port.get("PublicPort")}, key=str)),
        labels=dict(summary.get("Labels") or {}),
        host_network=mode == "host",
        shares=mode.removeprefix("container:") if mode.startswith("container:") else None,
    )


def endpoint_networks(inspected: Iterable[Answer | None]) -> frozenset[str]:
    """The ids of the networks that running ones of these containers say they are on."""
    return frozenset(
        endpoint["NetworkID"]
        for told in inspected
        if told is not None and told.get("State", {}).get("Pid")
        for endpoint in ((told.get("NetworkSettings") or {}).get("Networks") or {}).values()
        if (endpoint or {}).get("NetworkID")
    )


def _is_left_over(endpoint: Answer, ends: Mapping[str, frozenset[str]]) -> bool:
    """Of a running container: what an engine before 25 remembers of a connection that it could not make. With an endpoint, where that
    failed in the container (an interface there had the name that Docker wanted): then the network has none of that id.
    """
    id_ = endpoint.get("EndpointID")
    return not id_ or id_ not in ends.get(endpoint.get("NetworkID") or "", {id_})


def uses_nftables(info: Answer) -> bool:
    """From /info (API 1.49 and later): `nftables`, or with firewalld's zones `nftables+firewalld`."""
    driver: str = (info.get("FirewallBackend") or {}).get("Driver") or ""
    return driver.partition("+")[0] == "nftables"


def container_name(summary: Answer) -> str:
    """`/web` is its name; `/db/web` is what it is called by a container that links to it. What an engine never takes is no name."""
    names: list[str] = [name.removeprefix("/") for name in summary.get("Names") or ()]
    return next((name for name in names if _NAME.fullmatch(name)), summary["Id"][:_ID_DIGITS])


def network_name(answer: Answer) -> str:
    """Old engines let a network have any name: of one that no terminal should show, the id's digits."""
    name: str = answer["Name"]
    return name if name.isprintable() else answer["Id"][:_ID_DIGITS]


def _subnet(pool: Answer) -> DockerSubnet:
    return DockerSubnet(
        subnet=_prefix(pool["Subnet"]),
        gateway=_ip(pool.get("Gateway")),
        ip_range=_prefix(pool["IPRange"]) if pool.get("IPRange") else None,
        reserved={name: _ip(address) or address for name, address in sorted((pool.get("AuxiliaryAddresses") or {}).items())},
    )


def _attachment(name: str, endpoint: Answer, container: str, *, running: bool) -> Attachment:
    """A container that does not run has no addresses; those that it asked for are the ones it will have."""
    asked = endpoint.get("IPAMConfig") or {}
    ipv4, ipv6 = endpoint.get("IPAddress"), endpoint.get("GlobalIPv6Address")
    if not running:
        ipv4, ipv6 = asked.get("IPv4Address"), asked.get("IPv6Address")
    return Attachment(
        network=name,
        ipv4=_ip(ipv4),
        ipv6=_ip(ipv6),
        gateway4=_ip(endpoint.get("Gateway")),
        gateway6=_ip(endpoint.get("IPv6Gateway")),
        # Engines before 25 give it its short id for a name by themselves.
        aliases=tuple(alias for alias in endpoint.get("Aliases") or () if alias != container[:_ID_DIGITS]),
        links=tuple(endpoint.get("Links") or ()),
        mac=endpoint.get("MacAddress") or None,
        link_local=tuple(asked.get("LinkLocalIPs") or ()),
        driver_options=dict(endpoint.get("DriverOpts") or {}),
        gateway_priority=endpoint.get("GwPriority") or 0,
    )


def _binding(port: Answer) -> PortBinding:
    return PortBinding(
        protocol=port.get("Type") or "tcp",
        host_ip=_ip(port.get("IP")) or "0.0.0.0",  # noqa: S104 - read, not bound
        host_port=port["PublicPort"],
        container_port=port["PrivatePort"],
    )


def _ip(text: str | None) -> str | None:
    """Canonical, without the length that some engines put behind an IPv6 gateway."""
    return canonical(ipaddress.ip_address(text.partition("/")[0])) if text else None


def _prefix(text: str) -> str:
    """Canonical; Docker keeps a subnet as it was typed, with bits behind its length too."""
    prefix = ipaddress.ip_network(text, strict=False)
    return f"{canonical(prefix.network_address)}/{prefix.prefixlen}"
