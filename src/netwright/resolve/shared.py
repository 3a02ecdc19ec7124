"""Containers without a network namespace of their own: `--network host`, `--network container:OTHER`."""

from __future__ import annotations

from netwright.model.docker import Container, DockerState


def borrowed_network(container: Container, docker: DockerState) -> str | None:
    """Whose namespace it uses, in words; None: its own."""
    if container.host_network:
        return "the host's (--network host)"
    if container.shares is None:
        return None
    owner = next((one.name for one in docker.containers.values() if one.id == container.shares), container.shares[:12])
    return f"that of the container {owner} (--network container:{owner})"
