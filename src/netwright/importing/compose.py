"""A Compose project → a file that joins what Compose makes.

Compose makes its networks and starts its containers, and goes on doing so: the file owns none of it. Containers are known by the labels
that Compose gives them, so that they are found again when they are made anew.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from netwright.importing.compose_file import ComposeNetwork, ComposeProject, ComposeService, read_project
from netwright.importing.compose_policies import write_policies
from netwright.importing.compose_ports import ANY_IPV4, ComposePort
from netwright.importing.docker_part import compose_labels
from netwright.importing.draft import Draft, flat
from netwright.importing.settling import settle
from netwright.model.address import canonical
from netwright.model.names import parse_stack_name

_HEAD = """\
The Compose project {project}, read from {source} by `netwright import compose`.

Compose makes these networks and starts these containers. Here they are joined, never made, changed or deleted;
containers are known by Compose's labels, so that they are found again when Compose makes them anew.
A port without `from:` is left as Docker publishes it. With `from:`, everybody else is shut out."""
_APART = {
    "host": "it is on the host's own network (network_mode: host), and its ports are the host's own",
    "none": "it has no network (network_mode: none)",
}
_SAMPLE = {4: "10.0.0.0/16", 6: "fd00::/8"}


def import_compose(
    text: str,
    source: str,
    *,
    variables: Mapping[str, str],
    folder: str,
    project: str | None = None,
    name: str | None = None,
    remarks: Iterable[str] = (),
) -> str:
    """The file's text.

    `variables`: the environment and what `.env` adds. `folder`: the name of the folder the Compose file is in. `project`: as
    docker compose's -p. `name`: the stack's; the project's if absent. Raises SpecError with every problem of the Compose file, InvalidValue for `name`.
    """
    found = read_project(text, source, variables=variables, folder=folder, project=project)
    stack = parse_stack_name(name or found.name.replace("_", "-")[:31])
    draft = Draft(
        _HEAD.format(project=found.name, source=source).split("\n"),
        {"version": 1, "name": stack, "networks": {}, "containers": {}},
    )
    if found.unset:
        draft.head += ["", f"Not set, and so taken as empty, as Compose does: {', '.join(found.unset)}."]
    draft.head += ["", *remarks] if (remarks := list(remarks)) else []
    _networks(found, draft)
    for service in found.services.values():
        _service(service, found, draft)
    write_policies(found, draft)
    return settle(draft)


def _networks(project: ComposeProject, draft: Draft) -> None:
    started = [service for service in project.services.values() if not service.profiles]
    for network in project.networks.values():
        users = [service for service in project.services.values() if network.key in service.networks]
        if not any(network.key in service.networks for service in started):
            profiles = sorted({profile for service in users for profile in service.profiles})
            who = f"only services with the profiles {', '.join(profiles)} are" if users else "no service is"
            draft.remark(("networks",), f"{network.key} is not here: {who} on it.")
        else:
            draft.values["networks"][network.key] = _network(network, draft)


def _network(network: ComposeNetwork, draft: Draft) -> dict[str, Any]:
    entry: dict[str, Any] = {"managed_by": "docker", "external": True}
    if network.name != network.key:
        entry["name"] = network.name
    if network.driver != "bridge":
        entry["driver"] = network.driver
    path = ("networks", network.key)
    if network.external:
        draft.remark(path, "It is external to Compose too.")
    draft.remark(path, *network.words)
    for pool in network.pools:
        try:
            prefix = ipaddress.ip_network(pool["subnet"], strict=False)
        except ValueError:
            draft.remark(path, f"Compose gives it the subnet {pool['subnet']!r}, which is none.")
            continue
        entry.setdefault("subnets", []).append(f"{canonical(prefix.network_address)}/{prefix.prefixlen}")
        for key in ("gateway", "ip_range"):
            if key in pool:
                entry.setdefault(key, []).append(pool[key])
    return entry | {key: entry[key][0] for key in ("gateway", "ip_range") if len(entry.get(key, ())) == 1}


def _service(service: ComposeService, project: ComposeProject, draft: Draft) -> None:
    containers = draft.values["containers"]
    path = ("containers", service.key)
    if why := _apart(service):
        draft.remark(("containers",), f"{service.key} is not here: {why}.")
        return
    if service.mode:
        key = f"docker-{service.mode}" if service.mode in project.networks else service.mode
        draft.values["networks"].setdefault(
            key, {"managed_by": "docker", "external": True, **({"name": service.mode} if key != service.mode else {})}
        )
        service.networks[key] = []
    entry: dict[str, Any] = {"docker": {"label": compose_labels(project.name, service.key)}}
    joined: dict[str, Any] = {key: {} for key in service.networks if key in draft.values["networks"]}
    if joined:
        entry["networks"] = joined
    if service.profiles:
        draft.remark(path, f"Compose starts it only with the profiles {', '.join(service.profiles)}.")
    if service.replicas != 1:
        draft.remark(path, f"Compose starts {service.replicas} of it; a port goes to one container.")
    for key, addresses in service.networks.items():
        if addresses:
            draft.remark(path, f"Compose gives it {' and '.join(addresses)} on {key}.")
    publishes: list[dict[str, Any]] = []
    for port in service.ports:
        if words := _unpublished(port):
            draft.remark(path, words)
            continue
        publish = {"listen": port.listen, "to": port.target.first if len(port.target) == 1 else str(port.target)}
        limited = {"listen": port.listen, "from": [_SAMPLE[6 if ":" in (port.address or "") else 4]], "to": publish["to"]}
        where = f"on {port.address}" if port.address not in (None, ANY_IPV4, "::") else "to everybody"
        draft.remark((*path, "publish", len(publishes)), f"Docker publishes it {where}. To some only: {flat(limited)}")
        publishes.append(publish)
    if publishes:
        entry["publish"] = publishes
    containers[service.key] = entry


def _apart(service: ComposeService) -> str | None:
    """Why Netwright has nothing to do with a service."""
    if service.provider:
        return "a provider runs it, not Docker"
    kind, colon, other = service.mode.partition(":")
    if colon and kind in ("service", "container"):
        return f"it shares the network of the {kind} {other}; what is published for it is published there"
    return _APART.get(service.mode)


def _unpublished(port: ComposePort) -> str | None:
    """Why a port cannot be limited by its number, or need not be."""
    if port.picked:
        of = f" (one of {port.published})" if port.published else ""
        return f"Docker picks the host's port{of} for its port {port.target}/{port.protocol}; name one in the Compose file to limit it."
    if port.local:
        return f"Its port {port.target}/{port.protocol} is published on {port.listen}, which nobody beyond this host reaches."
    return None
