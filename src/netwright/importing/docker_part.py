"""Docker's networks and containers, as they are, in the language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netwright.importing.placed import described_subnets
from netwright.model.docker import Container, DockerNetwork, DockerState
from netwright.spec.subnets import first_host

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
ONE_OFF = "com.docker.compose.oneoff"
"""Labels that Compose gives its containers; `False` is the last one's value, but for those of `docker compose run`."""
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - read, not bound


def compose_labels(project: str, service: str) -> list[str]:
    """What a service's containers have, whatever they are called and however often they are made anew."""
    return [f"{PROJECT}={project}", f"{SERVICE}={service}", f"{ONE_OFF}=False"]


def docker_network(network: DockerNetwork, docker: DockerState) -> tuple[dict[str, Any], list[str]]:
    """To be joined; and who is on it."""
    entry: dict[str, Any] = {"managed_by": "docker", "external": True}
    if network.driver != "bridge":
        entry["driver"] = network.driver
    entry |= described_subnets({one.subnet: one.gateway or first_host(one.subnet) for one in network.subnets})
    on_it = [
        f"{name} ({', '.join(a for a in (there.ipv4, there.ipv6) if a)})" if there.ipv4 or there.ipv6 else name
        for name, one in sorted(docker.containers.items())
        if (there := one.attachments.get(network.name)) is not None
    ]
    return entry, [f"On it: {', '.join(on_it)}."] * bool(on_it) + ["It is internal."] * network.internal


def container(one: Container, docker: DockerState) -> tuple[dict[str, Any], list[str]]:
    """Known by its name, or by Compose's labels where they mean it alone."""
    entry: dict[str, Any] = {}
    labels = [one.labels.get(key) for key in (PROJECT, SERVICE, ONE_OFF)]
    if labels[0] and labels[1] and labels[2] == "False":
        alike = [c for c in docker.containers.values() if [c.labels.get(key) for key in (PROJECT, SERVICE, ONE_OFF)] == labels]
        if len(alike) == 1:
            entry["docker"] = {"label": compose_labels(labels[0], labels[1])}
    words = ["It is on the host's own network."] if one.host_network else []
    return entry, [*words, *_published(one)]


def _published(one: Container) -> Iterator[str]:
    addresses: dict[tuple[str, int, int], list[str]] = {}
    for binding in one.bindings:
        addresses.setdefault((binding.protocol, binding.host_port, binding.container_port), []).append(binding.host_ip)
    for (protocol, port, inner), listening in sorted(addresses.items()):
        some = [ip for ip in listening if ip not in EVERYWHERE]
        where = f"on {', '.join(sorted(some))}" if some else "to everybody"
        yield f"Docker publishes {port}/{protocol} for its port {inner}, {where}. To some only, and to nobody else:"
        yield f"  publish: [{{listen: {port}/{protocol}, from: [10.0.0.0/16], to: {inner}}}]"
