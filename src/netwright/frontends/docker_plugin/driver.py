"""Docker's requests, answered: what is decided by `netwright.dockerdriver` is done to the host, and written down before Docker hears of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from netwright.dockerdriver import endpoints, ipam, networks, requests
from netwright.dockerdriver.conflicts import Claim, refuse_taken
from netwright.dockerdriver.ipam import Surroundings
from netwright.dockerdriver.options import parse_network_options
from netwright.dockerdriver.records import STACK, Endpoint, Network, PortMapping, Records
from netwright.dockerdriver.requests import Body
from netwright.dockerdriver.tidy import unclaimed, without_unclaimed
from netwright.engine.engine import Engine
from netwright.errors import NetwrightError, Refused
from netwright.frontends.docker_plugin.fabric import Fabric
from netwright.frontends.docker_plugin.host_ports import HostPorts
from netwright.frontends.docker_plugin.stacks import Stacks
from netwright.model.address import ip_of, parse_ip
from netwright.model.docker import DockerState
from netwright.spec.load import parse

SOURCE = "the networks that Docker has of the driver netwright"
"""What messages call the stack's file, which nobody has written."""

GRACE_SECONDS = 30.0
"""Between two calls of Docker's, a network that is being made is known to us and not yet to it."""

Answer = dict[str, Any]


class Memory(Protocol):
    """Where records are kept."""

    def load(self) -> Records: ...

    def save(self, before: Records, after: Records) -> None: ...

    def close(self) -> None: ...


class Driver:
    """One request at a time, all in one thread. Every method raises NetwrightError: the sentence is what Docker shows."""

    def __init__(self, *, memory: Memory, engine: Engine, fabric: Fabric, stacks: Stacks, site: str, told: Callable[[str], None]) -> None:
        """`engine`: with a memory of its own, apart from the stacks': a run on a stack may wait for Docker, which waits for us.

        `site`: where IPv6 subnets are chosen from. `told`: hears sentences that no caller hears.
        """
        self._memory = memory
        self._engine = engine
        self._fabric = fabric
        self._stacks = stacks
        self._site = site
        self._told = told
        self._ports = HostPorts()
        self._records = memory.load()
        self._missing_since: dict[str, float] = {}
        self._handlers: dict[str, Callable[[Body], Answer]] = {
            "Plugin.Activate": lambda _: {"Implements": ["NetworkDriver", "IpamDriver"]},
            "NetworkDriver.GetCapabilities": lambda _: {"Scope": "local", "ConnectivityScope": "local", "GwAllocChecker": True},
            "NetworkDriver.GwAllocCheck": self._gateway_check,
            "NetworkDriver.CreateNetwork": self._create_network,
            "NetworkDriver.DeleteNetwork": self._delete_network,
            "NetworkDriver.CreateEndpoint": self._create_endpoint,
            "NetworkDriver.DeleteEndpoint": self._delete_endpoint,
            "NetworkDriver.EndpointOperInfo": self._info,
            "NetworkDriver.Join": self._join,
            "NetworkDriver.Leave": self._leave,
            "NetworkDriver.ProgramExternalConnectivity": self._program,
            "NetworkDriver.RevokeExternalConnectivity": self._revoke,
            "NetworkDriver.DiscoverNew": lambda _: {},
            "NetworkDriver.DiscoverDelete": lambda _: {},
            # What is remembered need not be repeated: pools and addresses outlive both processes.
            "IpamDriver.GetCapabilities": lambda _: {"RequiresMACAddress": False, "RequiresRequestReplay": False},
            "IpamDriver.GetDefaultAddressSpaces": lambda _: {
                "LocalDefaultAddressSpace": "netwright-local",
                "GlobalDefaultAddressSpace": "netwright-global",
            },
            "IpamDriver.RequestPool": self._request_pool,
            "IpamDriver.ReleasePool": self._release_pool,
            "IpamDriver.RequestAddress": self._request_address,
            "IpamDriver.ReleaseAddress": self._release_address,
        }

    @property
    def records(self) -> Records:
        """What is remembered at this moment."""
        return self._records

    def answer(self, method: str, body: Body) -> Answer:
        """`method` as it stands in the URL, `NetworkDriver.Join`."""
        handler = self._handlers.get(method)
        if handler is None:
            raise Refused(f"the driver netwright does not do {method}: it works on one host, without Swarm")
        return handler(body)

    def restore(self) -> None:
        """Make the host what the records say: after a start, and as often as one likes. What nobody remembers is removed."""
        self._establish(self._records)
        self._fabric.tidy(self._records)
        for endpoint in self._records.endpoints.values():
            if endpoint.ports and not self._ports.holds(endpoint.id):
                self._hold_again(endpoint)
        self._fabric.publish(self._records, check=True)

    def forget(self, before: Records, docker: DockerState, now: float) -> None:
        """Drop what Docker does not have any more; `before`: the records as Docker was begun to be looked at, `now` in seconds."""
        seen = unclaimed(before, docker)
        keys = seen.networks | seen.pools | seen.leases
        self._missing_since = {key: self._missing_since.get(key, now) for key in keys}
        long = frozenset(key for key, since in self._missing_since.items() if now - since >= GRACE_SECONDS)
        after = without_unclaimed(self._records, before, seen, long)
        for id_ in self._records.networks.keys() - after.networks.keys():
            self._told(f"Docker has no network {id_[:12]} any more: removed.")
        if after != self._records:
            self._withdraw(after)

    def close(self) -> None:
        """Networks, containers and published ports stay as they are."""
        self._ports.close()
        self._engine.close()
        self._fabric.close()
        self._memory.close()

    def _keep(self, after: Records) -> None:
        if after is not self._records:
            self._memory.save(self._records, after)
            self._records = after

    def _establish(self, records: Records) -> None:
        if records.networks:
            self._engine.apply(parse(networks.document_text(records), SOURCE), allow_lockout=True)
        else:
            self._engine.destroy(STACK, allow_lockout=True)

    def _withdraw(self, after: Records) -> None:
        """Networks and endpoints that are gone in `after` go from the host, with all that belongs to them."""
        gone = [endpoint for id_, endpoint in self._records.endpoints.items() if id_ not in after.endpoints]
        self._fabric.unplug(gone)
        if any(endpoint.ports for endpoint in gone):
            self._fabric.publish(after)
        for endpoint in gone:
            self._ports.release(endpoint.id)
        if after.networks.keys() != self._records.networks.keys():
            self._establish(after)
        self._keep(after)

    def _gateway_check(self, body: Body) -> Answer:
        request = requests.network_request({**body, "NetworkID": "unborn"})
        skip = not parse_network_options(request.options).gateway
        return {"SkipIPv4": skip, "SkipIPv6": skip}

    def _create_network(self, body: Body) -> Answer:
        after, _ = networks.create_network(self._records, requests.network_request(body), uplink_mtu=self._fabric.uplink_mtu())
        if after is not self._records:
            self._establish(after)
            self._keep(after)
        return {}

    def _delete_network(self, body: Body) -> Answer:
        self._withdraw(self._records.without_network(requests.network_key(body)))
        return {}

    def _create_endpoint(self, body: Body) -> Answer:
        after, answer = endpoints.create_endpoint(self._records, requests.endpoint_request(body))
        self._keep(after)
        return answer

    def _delete_endpoint(self, body: Body) -> Answer:
        _, endpoint = requests.endpoint_key(body)
        self._withdraw(self._records.without_endpoint(endpoint))
        return {}

    def _info(self, body: Body) -> Answer:
        network, endpoint = self._find(body)
        return endpoints.info(network, endpoint)

    def _join(self, body: Body) -> Answer:
        network, endpoint = self._find(body)
        try:
            self._fabric.plug_in(network, endpoint)
        except NetwrightError:
            # Somebody may have removed the bridge.
            self._establish(self._records)
            self._fabric.plug_in(network, endpoint)
        return endpoints.join_answer(network, endpoint)

    def _leave(self, body: Body) -> Answer:
        _, id_ = requests.endpoint_key(body)
        if id_ in self._records.endpoints:
            self._fabric.unplug([self._records.endpoints[id_]])
        return {}

    def _program(self, body: Body) -> Answer:
        network, endpoint = self._find(body)
        wanted = requests.port_requests(body)
        if not wanted and not endpoint.ports:
            return {}
        self._ports.release(endpoint.id)
        try:
            claims = self._stacks.claims()
            mappings = tuple(self._hold(endpoint, endpoints.choices(request, network, endpoint), claims) for request in wanted)
            after = self._records.with_endpoint(replace(endpoint, ports=mappings))
            self._fabric.publish(after)
            self._keep(after)
            self._check_again(endpoint, mappings)
        except BaseException:
            self._ports.release(endpoint.id)
            raise
        return {}

    def _check_again(self, endpoint: Endpoint, mappings: Sequence[PortMapping]) -> None:
        """Now that it is written down: a stack that was begun since we looked has not seen it. Raises Refused, and nothing is published."""
        try:
            claims = self._stacks.claims()
            for mapping in mappings:
                refuse_taken(self._records, claims, endpoint, mapping)
        except NetwrightError:
            without = self._records.with_endpoint(replace(endpoint, ports=()))
            self._fabric.publish(without)
            self._keep(without)
            raise

    def _revoke(self, body: Body) -> Answer:
        _, id_ = requests.endpoint_key(body)
        endpoint = self._records.endpoints.get(id_)
        if endpoint is not None and endpoint.ports:
            after = self._records.with_endpoint(replace(endpoint, ports=()))
            self._fabric.publish(after)
            self._ports.release(id_)
            self._keep(after)
        return {}

    def _hold(self, endpoint: Endpoint, choices: Iterator[PortMapping], claims: Sequence[Claim]) -> PortMapping:
        refusal: Refused | None = None
        for mapping in choices:
            try:
                refuse_taken(self._records, claims, endpoint, mapping)
                self._ports.hold(endpoint.id, mapping, endpoints.families(mapping, endpoint))
            except Refused as error:
                refusal = refusal or error
            else:
                return mapping
        assert refusal is not None
        raise refusal

    def _hold_again(self, endpoint: Endpoint) -> None:
        for mapping in endpoint.ports:
            try:
                self._ports.hold(endpoint.id, mapping, endpoints.families(mapping, endpoint))
            except Refused as error:
                self._told(f"{error}. It stays published to {endpoint.ipv4 or endpoint.ipv6}.")

    def _request_pool(self, body: Body) -> Answer:
        request = requests.pool_request(body)
        around = Surroundings(routed=self._fabric.routed() if request.prefix is None else (), site=self._site)
        after, pool = ipam.request_pool(self._records, request, around)
        self._keep(after)
        return {"PoolID": pool.id, "Pool": pool.prefix, "Data": {}}

    def _release_pool(self, body: Body) -> Answer:
        self._keep(ipam.release_pool(self._records, str(body.get("PoolID"))))
        return {}

    def _request_address(self, body: Body) -> Answer:
        around = Surroundings(taken=self._stacks.taken(), kept=self._stacks.kept())
        after, address = ipam.request_address(self._records, requests.address_request(body), around)
        self._keep(after)
        return {"Address": address, "Data": {}}

    def _release_address(self, body: Body) -> Answer:
        address = parse_ip(ip_of(str(body.get("Address"))))
        self._keep(ipam.release_address(self._records, str(body.get("PoolID")), address))
        return {}

    def _find(self, body: Mapping[str, Any]) -> tuple[Network, Endpoint]:
        network, endpoint = requests.endpoint_key(body)
        return endpoints.network_of(self._records, network), endpoints.endpoint_of(self._records, endpoint)
