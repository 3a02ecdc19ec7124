"""A stood-in document → built, in the namespaces that the process is in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_interface

from netwright.engine.outcome import Outcome, Progress
from netwright.model.names import bridge_name
from netwright.model.operation import AddAddress
from netwright.model.route import Address
from netwright.sandbox.standins import Sandboxed
from netwright.spec.schema import Spec
from netwright.spec.schema_networks import NetworkSpec
from netwright.wiring import open_engine, open_world


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What there is now, for those who ask by name. The host is the namespace `""`."""

    sandboxed: Sandboxed
    outcome: Outcome
    networks: Mapping[str, tuple[str, ...]]
    """Network → its subnets."""
    addresses: Mapping[str, tuple[Address, ...]]
    """Namespace → its addresses, in the order in which they were given."""

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Those of the file, stand-ins for containers, and those beyond NICs."""
        return tuple(name for name in self.addresses if name)


def build(sandboxed: Sandboxed, *, progress: Progress | None = None) -> Built:
    """Make the NICs, then apply the document. Raises what `Engine.apply` does, and BackendError."""
    scaffolding = [operation for nic in sandboxed.nics for operation in nic.operations()]
    world = open_world()
    try:
        world.execute(scaffolding, lambda _done: None)
    finally:
        world.close()
    spec = sandboxed.document.spec
    with open_engine(progress=progress) as engine:
        outcome = engine.apply(sandboxed.document, allow_lockout=True)
    given: dict[str, list[Address]] = {name: [] for name in ("", *spec.namespaces, *(nic.netns.name for nic in sandboxed.nics))}
    for operation in (*scaffolding, *outcome.plan.operations):
        if isinstance(operation, AddAddress):
            given.setdefault(operation.netns.name, []).append(operation.address)
    return Built(
        sandboxed=sandboxed,
        outcome=outcome,
        networks={name: _subnets(spec, name, given) for name in spec.networks},
        addresses={name: tuple(addresses) for name, addresses in given.items()},
    )


def _subnets(spec: Spec, name: str, given: Mapping[str, list[Address]]) -> tuple[str, ...]:
    """Of a network; those that were chosen are seen by the addresses of its bridge and of who is on it."""
    network = spec.networks[name] or NetworkSpec()
    if not network.open_families:
        return tuple(network.subnets)
    on_it = {("", network.bridge or bridge_name(spec.name, name))}
    on_it |= {
        (where, dev) for where, part in spec.namespaces.items() if part for dev, one in part.interfaces.items() if one.network == name
    }
    found = (str(ip_interface(a.cidr).network) for where, some in given.items() for a in some if (where, a.dev) in on_it)
    return tuple(dict.fromkeys(found))
