"""What Docker knows nothing of any more: left by a crash of Docker's between two calls, or by a container that was removed while stopped."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from netwright.dockerdriver.records import Lease, LeaseKind, Records
from netwright.model.docker import DockerState


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclaimed:
    """Ids and keys."""

    networks: frozenset[str] = frozenset()
    pools: frozenset[str] = frozenset()
    leases: frozenset[str] = frozenset()


def unclaimed(records: Records, docker: DockerState) -> Unclaimed:
    """What is remembered and Docker does not have. Nothing, where Docker did not answer."""
    if not docker.reachable:
        return Unclaimed()
    ids = {network.id for network in docker.networks.values()}
    subnets = {subnet.subnet for network in docker.networks.values() for subnet in network.subnets}
    used = {address for network in docker.networks.values() for subnet in network.subnets for address in subnet.reserved.values()}
    used |= {
        address
        for container in docker.containers.values()
        for attachment in container.attachments.values()
        for address in (attachment.ipv4, attachment.ipv6)
        if address
    }
    return Unclaimed(
        networks=frozenset(id_ for id_ in records.networks if id_ not in ids),
        pools=frozenset(id_ for id_, pool in records.pools.items() if pool.prefix not in subnets),
        leases=frozenset(key for key, lease in records.leases.items() if lease.kind is not LeaseKind.GATEWAY and lease.address not in used),
    )


def without_unclaimed(records: Records, before: Records, seen: Unclaimed, long: frozenset[str]) -> Records:
    """`records` without what Docker has not had for `long`: between two calls of Docker's, a network that is being made is not yet known
    to it. The reservation of a stopped container goes at once. `before`: the records as the look at Docker began."""
    for id_ in seen.networks & long:
        records = records.without_network(id_)
    for id_ in seen.pools & long:
        records = records.without_pool(id_)
    for key in seen.leases:
        lease, old = records.leases.get(key), before.leases.get(key)
        if lease is not None and lease == old and (not lease.active or (key in long and not _plugged_in(records, lease))):
            records = records.without_lease(key)
    return records


def _plugged_in(records: Records, lease: Lease) -> bool:
    address = ipaddress.ip_address(lease.address)
    return any(
        cidr is not None and ipaddress.ip_interface(cidr).ip == address
        for endpoint in records.endpoints.values()
        for cidr in (endpoint.ipv4, endpoint.ipv6)
    )
