"""A conversation with one Docker Engine, through the Docker SDK's low-level client.

The engine takes the beginning of an id for a name: where no container is called `db`, `db` stands for one whose id starts so. Names are
therefore looked up first, and what is changed is named by its whole id.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from docker import APIClient
from docker.constants import MINIMUM_DOCKER_API_VERSION
from docker.errors import APIError, DockerException, NotFound
from docker.types import IPAMConfig, IPAMPool
from docker.utils import kwargs_from_env, version_gte
from requests import Response
from requests.exceptions import RequestException, Timeout
from urllib3.exceptions import HTTPError

from netwright.backends.docker_answers import (
    Answer,
    Unreachable,
    container,
    endpoint_networks,
    network,
    network_name,
    understood,
    uses_nftables,
)
from netwright.errors import DockerError
from netwright.model.docker import STACK_LABEL, Attachment, DockerNetwork, DockerState

PATIENCE_SECONDS = 60
"""For one answer. Removing a network or disconnecting a container can take an engine some seconds on a busy host."""
START_IT = "`systemctl start docker` starts it; Debian's package is docker.io; $NETWRIGHT_DOCKER or $DOCKER_HOST says where another one is"
LOOK_AGAIN = "run the same command again: it looks anew"
NOT_CONNECTED = "is not connected to"
IN_USE_BY_SWARM = "in use by task"
SWARM_PAUSE_SECONDS = 0.05
NFTABLES_SINCE = (1, 52)
"""Docker 29's API, before which Docker wrote no rules into nftables: an older engine need not be asked."""
MAC_OF_ENDPOINT = "1.44"
"""The API since which a container may have a MAC address for each network."""
WITH_A_PROCESS = frozenset({"running", "paused"})
"""The states of a container that has a network namespace to enter."""


class DockerSession:
    """Every method raises Unreachable where the engine does not answer, and DockerError where it refuses."""

    def __init__(self, url: str) -> None:
        self.url = url
        with self._asking("say its version"):
            where = kwargs_from_env(environment={**os.environ, "DOCKER_HOST": url})
            # Engines refuse clients that are too new or too old: /version alone is answered to all, and says what to speak.
            first = APIClient(version=MINIMUM_DOCKER_API_VERSION, timeout=PATIENCE_SECONDS, **where)
            try:
                spoken = first.version(api_version=False)
            finally:
                first.close()
            self._version: str = spoken.get("Version", "")
            self._speaks = tuple(int(part) for part in spoken["ApiVersion"].split("."))
            self._client = APIClient(version=spoken["ApiVersion"], timeout=PATIENCE_SECONDS, **where)

    def close(self) -> None:
        self._client.close()

    def observe(self) -> DockerState:
        """Two lists, and one inspection for each container that runs (no list tells its pid) or is on a stack's network (or its aliases)."""
        with self._asking("list its networks and containers"), understood():
            listed = self._client.networks()
            nftables = self._speaks >= NFTABLES_SINCE and uses_nftables(self._client.info())
            names = {answer["Id"]: network_name(answer) for answer in listed}
            owned = {answer["Id"] for answer in listed if STACK_LABEL in (answer.get("Labels") or {})}
            summaries = self._client.containers(all=True)
            inspected = {s["Id"]: self._inspect(s["Id"]) for s in summaries if _is_to_be_inspected(s, owned)}
            ends = self._endpoints(endpoint_networks(inspected.values()) & owned)
            containers = [container(summary, inspected.get(summary["Id"]), names, ends) for summary in summaries]
            users: dict[str, list[str]] = {}
            for one in containers:
                for name in one.attachments:
                    users.setdefault(name, []).append(one.name)
            # Engines before 25 let two networks have one name: the one that a stack owns is the one to be seen.
            listed.sort(key=lambda answer: STACK_LABEL in (answer.get("Labels") or {}))
            networks = {name: network(answer, users.get(name, ())) for answer in listed if (name := network_name(answer))}
        return DockerState(version=self._version, nftables=nftables, networks=networks, containers={one.name: one for one in containers})

    def create(self, wanted: DockerNetwork) -> None:
        """Make a network; one that has its name already is in the way."""
        pools = [
            IPAMPool(subnet=pool.subnet, gateway=pool.gateway, iprange=pool.ip_range, aux_addresses=dict(pool.reserved) or None)
            for pool in wanted.subnets
        ]
        with self._asking(f"make the network {wanted.name}"):
            self._client.create_network(
                wanted.name,
                driver=wanted.driver,
                options=dict(wanted.options),
                ipam=IPAMConfig(pool_configs=pools) if pools else None,
                check_duplicate=True,
                internal=wanted.internal,
                labels={**wanted.labels, **({STACK_LABEL: wanted.owner} if wanted.owner else {})},
                enable_ipv6=wanted.ipv6,
                attachable=wanted.attachable or None,
                ingress=wanted.ingress or None,
            )

    def remove(self, name: str) -> None:
        """Remove a network that carries our label; one that is gone already is no error."""
        with self._asking(f"remove the network {name}"):
            found = self._find_network(name, ours=True)
            deadline = time.monotonic() + PATIENCE_SECONDS
            while found is not None and self._find_network(name, ours=True) == found:
                # A swarm takes its time: until it has let the last container go, and afterwards until it has forgotten the network.
                try:
                    self._client.remove_network(found)
                except APIError as refusal:
                    said = str(refusal.explanation)
                    if time.monotonic() > deadline or ("not found" not in said and IN_USE_BY_SWARM not in said):
                        raise
                    time.sleep(SWARM_PAUSE_SECONDS)

    def connect(self, name: str, attachment: Attachment) -> None:
        """Put a container, running or stopped, on a network."""
        address = " and ".join(ip for ip in (attachment.ipv4, attachment.ipv6) if ip)
        with self._asking(f"connect the container {name} to the network {attachment.network}" + (f" with {address}" if address else "")):
            on = self._find_network(attachment.network)
            if on is None:
                raise DockerError(f"the Docker network {attachment.network} is not there any more", hint=LOOK_AGAIN)
            found = self._find_container(name)
            if found is None:
                raise DockerError(f"the container {name} is not there any more", hint=LOOK_AGAIN)
            settings = self._client.create_endpoint_config(
                ipv4_address=attachment.ipv4,
                ipv6_address=attachment.ipv6,
                aliases=list(attachment.aliases),
                links=[(other, alias) for other, _, alias in (link.partition(":") for link in attachment.links)],
                link_local_ips=list(attachment.link_local) or None,
                driver_opt=dict(attachment.driver_options),
                # Engines before 25 take a MAC address for the whole container only, and keep that by themselves.
                mac_address=attachment.mac if version_gte(self._client.api_version, MAC_OF_ENDPOINT) else None,
            )
            if attachment.gateway_priority:
                settings["GwPriority"] = attachment.gateway_priority
            url = f"{self._client.base_url}/v{self._client.api_version}/networks/{on}/connect"
            answer = self._client.post(url, json={"Container": found["Id"], "EndpointConfig": settings}, timeout=PATIENCE_SECONDS)
            if not answer.ok:
                raise APIError(f"{answer.status_code}: {answer.reason}", response=answer, explanation=_explanation(answer))

    def disconnect(self, name: str, network_name: str) -> None:
        """Take a container off a network; one that is not on it, or gone, is no error."""
        with self._asking(f"disconnect the container {name} from the network {network_name}"):
            on, found = self._find_network(network_name), self._find_container(name)
            if on is None or found is None:
                return
            endpoints = found["NetworkSettings"]["Networks"] or {}
            if network_name in endpoints or any((endpoint or {}).get("NetworkID") == on for endpoint in endpoints.values()):
                try:
                    self._client.disconnect_container_from_network(found["Id"], on)
                except NotFound:
                    return
                except APIError as refusal:
                    if NOT_CONNECTED not in str(refusal.explanation):
                        raise

    def _endpoints(self, networks: Iterable[str]) -> dict[str, frozenset[str]]:
        """Network's id → the ids of the endpoints that it has: a container may remember one that it could not be given."""
        found = {}
        for one in networks:
            with suppress(NotFound):
                on_it = self._client.inspect_network(one).get("Containers") or {}
                found[one] = frozenset(end["EndpointID"] for end in on_it.values())
        return found

    def _find_network(self, name: str, *, ours: bool = False) -> str | None:
        """The id of the network that is called exactly so (and carries our label): the engine's own filter takes any part of a name."""
        answers: list[Answer] = self._client.networks(names=[name])
        return next(
            (answer["Id"] for answer in answers if answer["Name"] == name and (not ours or STACK_LABEL in (answer.get("Labels") or {}))),
            None,
        )

    def _find_container(self, name: str) -> Answer | None:
        """The container that is called exactly so, or has this id."""
        answer = self._inspect(name)
        return answer if answer is not None and name in {answer["Name"].removeprefix("/"), answer["Id"]} else None

    def _inspect(self, name: str) -> Answer | None:
        try:
            answer: Answer = self._client.inspect_container(name)
        except NotFound:
            return None
        return answer

    @contextmanager
    def _asking(self, words: str) -> Iterator[None]:
        """Turns what comes instead of an answer into a sentence; `words` stand behind "would not" and "did not"."""
        try:
            _knock(self.url)
        except OSError as error:
            raise Unreachable(f"no Docker Engine answers at {self.url}: {_reason(error)}", hint=START_IT) from error
        try:
            yield
        except APIError as error:
            said = str(error.explanation or error).strip()
            raise DockerError(f"the Docker Engine would not {words}: {said}", hint=_hint(said)) from error
        except (DockerException, RequestException, HTTPError, OSError) as error:
            raise Unreachable(f"the Docker Engine at {self.url} did not {words}: {_reason(error)}", hint=START_IT) from error


def _is_to_be_inspected(summary: Answer, owned: set[str]) -> bool:
    endpoints = (summary.get("NetworkSettings") or {}).get("Networks") or {}
    return summary.get("State") in WITH_A_PROCESS or any((endpoint or {}).get("NetworkID") in owned for endpoint in endpoints.values())


def _explanation(answer: Response) -> str:
    try:
        said = answer.json().get("message")
    except ValueError:
        said = answer.text
    return str(said or answer.reason)


def _knock(url: str) -> None:
    """Connect and hang up. Raises OSError where nobody listens, in which case the SDK would leave its socket open (a ResourceWarning)."""
    if url.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(PATIENCE_SECONDS)
            door.connect("/" + url.removeprefix("unix://").lstrip("/"))


def _hint(said: str) -> str | None:
    """What a person can do about the engine's commonest refusals."""
    low = said.lower()
    if "active endpoints" in low:
        return "containers are on it: `docker network inspect` names them; disconnect or remove them first"
    if "address already in use" in low:
        return "another container has this address, or Docker keeps it for something else: choose another"
    if "pool overlaps" in low or "conflicts with network" in low or "non-overlapping" in low:
        return "another Docker network has a part of this subnet, or the same bridge: `docker network ls` lists them"
    return None


def _reason(error: BaseException) -> str:
    """The words of the system call that failed, which the libraries wrap several times; else the outermost words."""
    waiting: list[Any] = [error]
    seen: list[Any] = []
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or one in seen:
            continue
        seen.append(one)
        if isinstance(one, Timeout | TimeoutError):
            return f"no answer within {PATIENCE_SECONDS} seconds"
        if isinstance(one, OSError) and one.strerror:
            return one.strerror[0].lower() + one.strerror[1:]
        waiting += (*one.args, getattr(one, "reason", None), one.__cause__, one.__context__)
    return str(error)
