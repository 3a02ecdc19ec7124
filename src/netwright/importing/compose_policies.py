"""What a Compose file says of who may reach whom, as policies: networks that are `internal`, ports that are the host's alone.

Nothing is closed that Compose opens: a container with such a port stays open to its networks, to the host, and on its other ports to all.
"""

from __future__ import annotations

from typing import Any

from netwright.importing.compose_file import ComposeNetwork, ComposeProject, ComposeService
from netwright.importing.draft import Draft

_LONGEST = 63
"""Letters of a policy's name."""


def write_policies(project: ComposeProject, draft: Draft) -> None:
    """Under `policies`, where there is something to write; after networks and containers."""
    found: list[dict[str, Any]] = []
    remarks: dict[int, str] = {}
    for key, network in project.networks.items():
        if network.internal and key in draft.values["networks"]:
            remarks[len(found)] = f"The network {key} is internal: whatever becomes of Docker's rules, nothing of it leaves."
            found.append({"name": _name(key, "internal"), "from": [key], "to": ["internet"], "action": "deny"})
    for key, service in project.services.items():
        if key in draft.values["containers"] and any(port.local for port in service.ports):
            _local(service, project.networks, found, remarks, draft)
    if not found:
        return
    draft.values["policies"] = found
    for index, words in remarks.items():
        draft.remark(("policies", index), words)


def _local(
    service: ComposeService, networks: dict[str, ComposeNetwork], found: list[dict[str, Any]], remarks: dict[int, str], draft: Draft
) -> None:
    if any(port.picked and not port.local for port in service.ports) or service.key in networks:
        why = (
            "one name stands for a network and a service" if service.key in networks else "Docker picks the number of another of its ports"
        )
        draft.remark(("containers", service.key), f"No policy says that a port of it is the host's alone: {why}.")
        return
    ports = ", ".join(f"{port.target}/{port.protocol}" for port in service.ports if port.local)
    remarks[len(found)] = f"{service.key}'s {ports} is published to the host alone."
    near = [key for key in service.networks if key in draft.values["networks"]]
    found.append({"name": _name(service.key, "near"), "from": [*near, "host"], "to": [service.key]})
    public = [f"{port.published}/{port.protocol}" for port in service.ports if not port.local]
    if public:
        found.append({"name": _name(service.key, "published"), "to": [service.key], "ports": public})


def _name(key: str, what: str) -> str:
    plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "_-") else "-" for letter in key)
    return f"{plain[: _LONGEST - 1 - len(what)]}-{what}"
