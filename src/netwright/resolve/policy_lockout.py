"""Whether a file's policies would refuse the very session by which somebody works on the host."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from netwright.model.address import family
from netwright.model.caller import Connection
from netwright.model.firewall import Table
from netwright.model.netns import HOST
from netwright.model.state import State
from netwright.spec.document import Document
from netwright.spec.policy_values import HOST_NAME
from netwright.spec.schema_policies import PolicySpec


def shut_out(connections: Sequence[Connection], document: Document, desired: State) -> tuple[str, ...]:
    """Sentences: sessions that end, and cannot be opened again, when the host is as `desired`."""
    host = desired.namespaces.get(HOST)
    if host is None or host.policies is None:
        return ()
    return tuple(
        reason for connection in sorted(set(connections)) if (reason := _reason(connection, document.spec.policies, host.policies))
    )


def _reason(connection: Connection, policies: Sequence[PolicySpec], table: Table) -> str | None:
    session = f"{connection.session} from {connection.client} to port {connection.port} of {connection.address}"
    matching = [policy for policy in policies if _is_about(policy, connection, table)]
    deny = next((policy for policy in matching if policy.action == "deny"), None)
    if deny is not None:
        return f"the policy {deny.name} would refuse {session}, and end it"
    closing = next((policy for policy in policies if policy.action == "allow" and _names_host(policy)), None)
    if closing is not None and not matching:
        return f"the policy {closing.name} closes the host to all whom no policy allows, and none allows {session}"
    return None


def _names_host(policy: PolicySpec) -> bool:
    return any(peer.name == HOST_NAME for peer in policy.to or ())


def _is_about(policy: PolicySpec, connection: Connection, table: Table) -> bool:
    if policy.from_ is not None and not _is_in(connection.client, table, f"p_{policy.name}_from"):
        return False
    if not (policy.to is None or _names_host(policy) or _holds(table, policy, connection.address)):
        return False
    return policy.ports is None or any(
        service.protocol == connection.protocol
        and service.ports is not None
        and service.ports.first <= connection.port <= service.ports.last
        for service in policy.ports
    )


def _holds(table: Table, policy: PolicySpec, address: str) -> bool:
    """Whether the host is meant by its address: by the set for that, or by the only set there is."""
    name = f"p_{policy.name}_to_here"
    return _is_in(address, table, name if f"{name}4" in table.elements else f"p_{policy.name}_to")


def _is_in(address: str, table: Table, name: str) -> bool:
    ip = ipaddress.ip_address(address)
    return any(ip in ipaddress.ip_network(element) for element in table.elements.get(f"{name}{family(address)}", ()))
