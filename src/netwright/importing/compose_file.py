"""A Compose file, as far as it says something of networks: read, with its variables replaced and its defaults filled in.

Shapes are those of the Compose specification (05-services.md, 06-networks.md) and its JSON Schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from netwright.errors import InvalidValue, Problem, SpecError
from netwright.importing.compose_ports import ComposePort, parse_port
from netwright.importing.environment import interpolated
from netwright.spec.places import Path, Places, path_text
from netwright.spec.yaml_tree import read

RESOLVED = "let Compose put it together: docker compose -f FILE config | netwright import compose -"
_TRUE = ("true", "yes", "on", "y", "t", "1")


@dataclass(slots=True, kw_only=True)
class ComposeNetwork:
    """`name`: what Docker calls it."""

    key: str
    name: str
    external: bool = False
    driver: str = "bridge"
    internal: bool = False
    pools: list[dict[str, str]] = field(default_factory=list)
    """Each with `subnet`, and perhaps `gateway` and `ip_range`."""
    words: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class ComposeService:
    """`mode`: network_mode, where it has one; then there are no networks. `networks`: key → addresses that it is given."""

    key: str
    mode: str = ""
    networks: dict[str, list[str]] = field(default_factory=dict)
    ports: list[ComposePort] = field(default_factory=list)
    profiles: list[str] = field(default_factory=list)
    provider: bool = False
    replicas: int = 1


@dataclass(slots=True, kw_only=True)
class ComposeProject:
    """What Compose makes of a file."""

    name: str
    networks: dict[str, ComposeNetwork]
    services: dict[str, ComposeService]
    unset: list[str]
    """Variables without a value and without a default: Compose takes them as empty."""


def read_project(text: str, source: str, *, variables: Mapping[str, str], folder: str, project: str | None) -> ComposeProject:
    """`folder`: the name of the folder that the file is in, Compose's last resort for a project's name. Raises SpecError."""
    tree = read(text.removeprefix("\ufeff"))
    if tree.root is None or tree.problems:
        raise SpecError(source, tree.problems)
    reader = _Reader(tree.values, Places(tree.root), variables)
    found = reader.project(folder, project)
    if reader.problems:
        raise SpecError(source, reader.problems)
    return found


class _Reader:
    def __init__(self, values: Any, places: Places, variables: Mapping[str, str]) -> None:
        self._values = values if isinstance(values, dict) else {}
        self._places = places
        self._variables = dict(variables)
        self._unset: set[str] = set()
        self.problems: list[Problem] = []

    def project(self, folder: str, project: str | None) -> ComposeProject:
        values = self._values
        if not isinstance(values.get("services"), dict):
            self._problem(("services",), "this is no Compose file: it has no services", None)
        if "include" in values:
            self._problem(("include",), "files that are included are not read here", RESOLVED)
        name = self._project_name(folder, project)
        self._variables["COMPOSE_PROJECT_NAME"] = name
        declared = {key: self._network(key, value, name) for key, value in self._mapping(("networks",), values.get("networks")).items()}
        services = {
            key: self._service(key, self._mapping(("services", key), value), declared)
            for key, value in self._mapping(("services",), values.get("services")).items()
        }
        if any("default" in service.networks for service in services.values()):
            declared.setdefault("default", ComposeNetwork(key="default", name=f"{name}_default"))
        return ComposeProject(name=name, networks=declared, services=services, unset=sorted(self._unset))

    def _project_name(self, folder: str, project: str | None) -> str:
        stated = project or self._variables.get("COMPOSE_PROJECT_NAME") or str(self._filled(("name",), self._values.get("name")) or "")
        name = _normal(stated or folder)
        if stated and stated != name:
            what = f"{stated!r} is no name of a Compose project: a-z, 0-9, _ and - only, starting with a letter or digit"
            self._problem(("name",), what, f"write {name}" if name else None)
        elif not name:
            self._problem((), "the project has no name", "say --project NAME, as to docker compose")
        return name

    def _network(self, key: str, value: Any, project: str) -> ComposeNetwork:
        path = ("networks", key)
        spec = self._mapping(path, self._filled(path, value))
        external = spec.get("external")
        elsewhere = isinstance(external, dict) or _is_true(external)
        legacy = external.get("name") if isinstance(external, dict) else None
        name = str(spec.get("name") or legacy or (key if elsewhere else f"{project}_{key}"))
        network = ComposeNetwork(key=key, name=name, external=elsewhere, driver=str(spec.get("driver") or "bridge"))
        network.internal = _is_true(spec.get("internal"))
        if network.internal:
            network.words.append("It is internal: nothing leaves it, and nothing comes in.")
        options = self._mapping((*path, "driver_opts"), spec.get("driver_opts"))
        if options:
            network.words.append(
                f"Compose makes it with driver_opts {', '.join(f'{option}={value}' for option, value in options.items())}."
            )
        ipam = self._mapping((*path, "ipam"), spec.get("ipam"))
        if ipam.get("driver") not in (None, "", "default"):
            network.words.append(f"Its addresses are given by the IPAM driver {ipam['driver']}.")
        for index, each in enumerate(self._list((*path, "ipam", "config"), ipam.get("config"))):
            pool = self._mapping((*path, "ipam", "config", index), each)
            if pool.get("subnet"):
                network.pools.append({name: str(pool[name]) for name in ("subnet", "gateway", "ip_range") if pool.get(name)})
        return network

    def _service(self, key: str, spec: Mapping[str, Any], declared: Mapping[str, ComposeNetwork]) -> ComposeService:
        path = ("services", key)
        if "extends" in spec:
            self._problem((*path, "extends"), "what a service extends is not read here", RESOLVED)
        part = {name: self._filled((*path, name), spec.get(name)) for name in ("network_mode", "networks", "profiles", "scale", "deploy")}
        service = ComposeService(key=key, mode=str(part["network_mode"] or ""), provider="provider" in spec)
        service.profiles = [str(profile) for profile in self._list((*path, "profiles"), part["profiles"])]
        deploy = self._mapping((*path, "deploy"), part["deploy"])
        count = part["scale"] if part["scale"] is not None else deploy.get("replicas")
        if str(count or "").isdigit():
            service.replicas = int(str(count))
        if not service.mode:
            service.networks = dict(self._attachments((*path, "networks"), part["networks"], declared)) or {"default": []}
        for index, value in enumerate(self._list((*path, "ports"), spec.get("ports"))):
            port = (*path, "ports", index)
            before = len(self.problems)
            filled = self._filled(port, value)
            if len(self.problems) > before:
                continue
            try:
                service.ports.append(parse_port(filled))
            except InvalidValue as error:
                self._problem(port, str(error), error.hint)
        return service

    def _attachments(self, path: Path, value: Any, declared: Mapping[str, ComposeNetwork]) -> Iterator[tuple[str, list[str]]]:
        if isinstance(value, list):
            value = dict.fromkeys(str(each) for each in value)
        for key, each in self._mapping(path, value).items():
            if key not in declared and key != "default":
                self._problem((*path, key), f"there is no network {key} in this file", "declare it under networks:")
                continue
            spec = self._mapping((*path, key), each)
            yield key, [str(spec[name]) for name in ("ipv4_address", "ipv6_address") if spec.get(name)]

    def _filled(self, path: Path, value: Any) -> Any:
        """With its variables replaced."""
        if isinstance(value, dict):
            return {key: self._filled((*path, key), inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._filled((*path, index), inner) for index, inner in enumerate(value)]
        if not isinstance(value, str) or "$" not in value:
            return value
        try:
            return interpolated(value, self._variables, self._unset)
        except InvalidValue as error:
            self._problem(path, str(error), error.hint)
            return ""

    def _mapping(self, path: Path, value: Any) -> dict[str, Any]:
        if value is not None and not isinstance(value, dict):
            self._problem(path, "a mapping is expected here", None)
        return value if isinstance(value, dict) else {}

    def _list(self, path: Path, value: Any) -> list[Any]:
        if value is not None and not isinstance(value, list):
            self._problem(path, "a list is expected here", None)
        return value if isinstance(value, list) else []

    def _problem(self, path: Path, message: str, hint: str | None) -> None:
        problem = Problem(*self._places.nearest(path), path_text(path), message, hint)
        if problem not in self.problems:
            self.problems.append(problem)


def _is_true(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.lower() in _TRUE)


def _normal(name: str) -> str:
    """As Compose makes a project's name of a folder's."""
    return "".join(re.findall("[a-z0-9_-]", name.lower())).lstrip("_-")
