"""The driver's hands: veths, and the table of published ports, made with the operations that plans are made of."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from netwright.dockerdriver.endpoints import publishes, veth
from netwright.dockerdriver.records import PORT_PREFIX, PORTS_STACK, Endpoint, Network, Records
from netwright.errors import NetwrightError
from netwright.firewall.compiler import compile_table
from netwright.firewall.intents import Intents
from netwright.model.firewall import Published, Table
from netwright.model.names import table_name
from netwright.model.netns import HOST
from netwright.model.operation import AnyOperation, ChangeLink, DeleteLink, DeleteTable, FlushConntrack, ReplaceTable
from netwright.model.state import Namespace
from netwright.ports import OperationFailed, Scope, World
from netwright.resolve.occupied import is_default
from netwright.resolve.uplink import uplink


class Fabric:
    """Over one World. Every method raises NetwrightError."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._published: frozenset[Published] = frozenset()
        self._loaded: Table | None = None
        """The table that was loaded last, with the listing that the kernel had of it, once it was looked at."""

    def plug_in(self, network: Network, endpoint: Endpoint) -> None:
        """The veth of a container, both ends here. One that is there already is made anew: Docker asks again if it got no answer."""
        self._do([_removal(endpoint), veth(network, endpoint)])

    def unplug(self, gone: Sequence[Endpoint]) -> None:
        """Whichever namespace the inner end is in, it goes with the outer."""
        self._do([_removal(endpoint) for endpoint in gone])

    def publish(self, records: Records, *, check: bool = False) -> None:
        """Put the table of published ports in place; with `check`, if it is not there as it was loaded.

        Connections through ports that are published no more are forgotten.
        """
        table = compile_table(PORTS_STACK, Intents(publishes=publishes(records)))
        if not check or not self._stands(table):
            published = table.published if table is not None else frozenset()
            operations: list[AnyOperation] = []
            if table is not None:
                operations.append(ReplaceTable(netns=HOST, table=table, owner=PORTS_STACK, why="ports of containers"))
            else:
                operations.append(DeleteTable(netns=HOST, name=table_name(PORTS_STACK), why="no container's port is published"))
            if gone := self._published - published:
                operations.append(FlushConntrack(netns=HOST, published=gone, why="published no more"))
            self._do(operations)
            self._published = published
            self._loaded = table

    def tidy(self, records: Records) -> None:
        """Remove veths of endpoints that nobody remembers, and put those back on their bridge that fell off."""
        known = {endpoint.port: endpoint for endpoint in records.endpoints.values()}
        operations: list[AnyOperation] = []
        for name, link in sorted(self._host().links.items()):
            if link.alias is None or not link.alias.startswith(PORT_PREFIX):
                continue
            endpoint = known.get(name)
            if endpoint is None:
                operations.append(DeleteLink(netns=HOST, name=name, why="its container is on no network of ours any more"))
            elif fields := (wanted := veth(records.networks[endpoint.network], endpoint).link).differences(link) & {"master", "up"}:
                operations.append(ChangeLink(netns=HOST, link=wanted, fields=frozenset(fields), before=link, why="not as it was made"))
        self._do(operations)

    def routed(self) -> tuple[str, ...]:
        """Prefixes that the host has a way to, but for the defaults."""
        host = self._host()
        routes = {route.to for route in host.routes if not is_default(route)}
        return tuple(sorted(routes | {str(ipaddress.ip_interface(address.cidr).network) for address in host.addresses}))

    def uplink_mtu(self) -> int | None:
        """Of the interface that the host's default route leaves through, IPv4's before IPv6's; None: there is none."""
        host = self._host()
        found = uplink(host, 4) or uplink(host, 6)
        return found.mtu if found is not None else None

    def close(self) -> None:
        self._world.close()

    def _stands(self, table: Table | None) -> bool:
        scope = Scope(namespaces=frozenset({HOST}), tables={HOST: table_name(PORTS_STACK)})
        there = self._world.observe(scope).namespaces[HOST].table
        if there is not None and self._loaded is None:
            # A process before this one has loaded it.
            self._published = there.published
        if table is None or there is None or there.digest != table.digest or self._loaded is None or self._loaded.digest != table.digest:
            return table is None and there is None
        if self._loaded.listing is None:
            self._loaded = there
        return self._loaded.listing == there.listing

    def _host(self) -> Namespace:
        return self._world.observe(Scope(namespaces=frozenset({HOST}))).namespaces[HOST]

    def _do(self, operations: Iterable[AnyOperation]) -> None:
        try:
            self._world.execute(tuple(operations), _unheard)
        except OperationFailed as error:
            if isinstance(error.cause, NetwrightError):
                raise error.cause from error
            raise


def _removal(endpoint: Endpoint) -> DeleteLink:
    return DeleteLink(netns=HOST, name=endpoint.port, why="a container leaves")


def _unheard(_count: int) -> None:
    pass
