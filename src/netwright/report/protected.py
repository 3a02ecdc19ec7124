"""What `host.protect` closes now, and for whom some stack opens it: port by port, as Docker publishes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netwright.errors import SpecError
from netwright.model.address import family
from netwright.model.docker import Container, DockerState, PortBinding

if TYPE_CHECKING:
    from netwright.spec.schema import Spec
    from netwright.spec.values import Listen

_ANY = ("0.0.0.0", "::")  # noqa: S104 - read, not bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """For whom a port is open: what a stack publishes says so, or a policy of its."""

    stack: str
    listen: str
    """Of a policy: `policy NAME`."""
    sources: tuple[str, ...] | None
    """None: everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectedPort:
    """A port that Docker publishes to more than the host itself."""

    container: str
    listen: str
    """`8080/tcp`, or `192.0.2.7:8080/tcp`."""
    opened: tuple[Opened, ...]
    """Empty: it is closed to all who come from outside."""


def protected_ports(specs: Iterable[Spec], docker: DockerState) -> tuple[ProtectedPort, ...] | None:
    """Of all containers that run, in their names' order; None: the first of `specs` does not ask for it.

    The first spec is the stack's that is told of; the others are its neighbours, which may open what it closes.
    """
    specs = list(specs)
    if not specs or specs[0].host is None or not specs[0].host.protect:
        return None
    opened = [(spec.name, listen, sources) for spec in specs for listen, sources in _listens(spec)]
    found: dict[tuple[str, int, str, str], ProtectedPort] = {}
    for container in sorted(docker.containers.values(), key=lambda one: one.name):
        for binding in container.bindings if container.running else ():
            if binding.host_ip == "::1" or binding.host_ip.startswith("127."):
                continue
            listen = _listen(binding)
            matching = [Opened(stack=name, listen=str(at), sources=sources) for name, at, sources in opened if _opens(at, binding)]
            matching += [allowed for spec in specs for allowed in _allowed(spec, container, binding, docker)]
            earlier = found.get(key := (container.name, binding.host_port, binding.protocol, listen))
            both = [*(earlier.opened if earlier else ()), *matching]
            found[key] = ProtectedPort(container=container.name, listen=listen, opened=tuple(dict.fromkeys(both)))
    return tuple(found[key] for key in sorted(found))


def specs_of(texts: Iterable[str]) -> list[Spec]:
    """The specs of committed files; those that this Netwright does not accept any more are left out."""
    from netwright.spec.load import parse

    found = []
    for text in texts:
        try:
            found.append(parse(text, "").spec)
        except SpecError:
            continue
    return found


def _listens(spec: Spec) -> Iterable[tuple[Listen, tuple[str, ...] | None]]:
    publishes = [*(spec.host.publish if spec.host else ())]
    for publish in publishes:
        yield publish.listen, None if publish.from_ is None else tuple(publish.from_)
    for container in spec.containers.values():
        for own in container.publish if container is not None else ():
            yield own.listen, None if own.from_ is None else tuple(own.from_)


def _allowed(spec: Spec, container: Container, binding: PortBinding, docker: DockerState) -> Iterable[Opened]:
    from netwright.resolve.facts import matches

    named = {key for key, own in spec.containers.items() if container in matches(key, own, docker)}
    for policy in spec.policies:
        services = policy.ports
        if policy.action != "allow" or not any(peer.name in named for peer in policy.to or ()):
            continue
        if services is None or any(
            one.protocol == binding.protocol and one.ports is not None and one.ports.first <= binding.host_port <= one.ports.last
            for one in services
        ):
            sources = None if policy.from_ is None else tuple(map(str, policy.from_))
            yield Opened(stack=spec.name, listen=f"policy {policy.name}", sources=sources)


def _opens(listen: Listen, binding: PortBinding) -> bool:
    if listen.protocol != binding.protocol or not listen.ports.first <= binding.host_port <= listen.ports.last:
        return False
    if listen.address is None:
        return True
    if listen.address in _ANY or binding.host_ip in _ANY:
        return family(listen.address) == family(binding.host_ip)
    return listen.address == binding.host_ip


def _listen(binding: PortBinding) -> str:
    port = f"{binding.host_port}/{binding.protocol}"
    if binding.host_ip in _ANY:
        return port
    return f"[{binding.host_ip}]:{port}" if family(binding.host_ip) == 6 else f"{binding.host_ip}:{port}"
