"""IpamDriver: pools and addresses, for Docker's containers, beside what namespaces of the same networks have.

The pool of a network is asked for before the network is known, and given back before it is deleted (observed of dockerd 20.10). It is
given out once. A request for one that holds nothing yet is answered as before: it is Docker's, repeated because we were not there.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from netwright.dockerdriver.records import Lease, LeaseKind, Pool, Records, lease_key
from netwright.dockerdriver.requests import AddressRequest, PoolRequest
from netwright.errors import InvalidValue, Refused
from netwright.ipam.pool import Pool as Addresses
from netwright.model.address import IPNetwork, canonical

_DEFAULTS4 = (*(f"172.{second}.0.0/16" for second in range(17, 32)), *(f"192.168.{third}.0/20" for third in range(0, 256, 16)))
"""Those that Docker itself gives out, in its order, so that nobody is surprised by them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What else has addresses on this host."""

    routed: tuple[str, ...] = ()
    """Prefixes that the host has a way to (a VPN's too): not chosen for a new network."""
    taken: Mapping[str, str] = field(default_factory=dict)
    """Address → whose it is in words, of namespaces on Docker's networks."""
    kept: frozenset[str] = frozenset()
    """Addresses that files state for containers, whether they are there or not: given to nobody unasked."""
    site: str = "fd00::/48"
    """Where IPv6 subnets are chosen from (RFC 4193)."""


def request_pool(records: Records, request: PoolRequest, around: Surroundings) -> tuple[Records, Pool]:
    """The pool that was asked for, or a free one. Raises Refused, InvalidValue."""
    if request.prefix is None:
        if request.part is not None:
            raise InvalidValue("an --ip-range needs a --subnet that it is a part of")
        prefix = _free_prefix(records, around, ipv6=request.ipv6)
    else:
        prefix = request.prefix
        if request.part is not None and not _inside(request.part, prefix):
            raise InvalidValue(f"the --ip-range {request.part} is not in the subnet {prefix}")
    pool = Pool(id=prefix, prefix=prefix, part=request.part)
    for other in records.pools.values():
        repeated = other.id == pool.id and not any(lease.pool == other.id for lease in records.leases.values())
        if not repeated and _overlap(prefix, other.prefix):
            raise Refused(f"{prefix} overlaps {other.prefix}, which is another Docker network's pool", hint="choose another --subnet")
    return records.with_pool(pool), pool


def release_pool(records: Records, id_: str) -> Records:
    """With all of its addresses. One that is gone is gone."""
    return records.without_pool(id_)


def request_address(records: Records, request: AddressRequest, around: Surroundings) -> tuple[Records, str]:
    """ADDRESS/LENGTH. Raises Refused where it is taken, InvalidValue where it is none of the pool's."""
    pool = records.pools.get(request.pool)
    if pool is None:
        raise Refused(
            f"there is no pool {request.pool}: what Netwright remembered of it is gone",
            hint="remove the network and create it again: docker network rm NAME",
        )
    length = ipaddress.ip_network(pool.prefix).prefixlen
    if request.address is not None:
        return _take(records, pool, request, around), f"{request.address}/{length}"
    addresses = Addresses.of(pool.prefix, ip_range=None if request.gateway else pool.part, after=None if request.gateway else pool.last)
    for taken in (*_leased(records, pool), *around.taken, *around.kept):
        if taken in addresses:
            addresses.take(taken)
    address = addresses.allocate()
    kind = LeaseKind.GATEWAY if request.gateway else LeaseKind.ALLOCATED
    if not request.gateway:
        records = records.with_pool(replace(pool, last=address))
    return records.with_lease(Lease(pool=pool.id, address=address, kind=kind)), f"{address}/{length}"


def release_address(records: Records, pool: str, address: str) -> Records:
    """An address that was asked for by its name stays reserved, for its container may start again."""
    key = lease_key(pool, address)
    lease = records.leases.get(key)
    if lease is None:
        return records
    return records.with_lease(replace(lease, active=False)) if lease.kind is LeaseKind.STATED else records.without_lease(key)


def _take(records: Records, pool: Pool, request: AddressRequest, around: Surroundings) -> Records:
    address = request.address
    assert address is not None
    addresses = Addresses.of(pool.prefix)
    if not addresses.free(address):
        raise InvalidValue(f"{address} is not the address of a host in {pool.prefix}")
    lease = records.leases.get(lease_key(pool.id, address))
    wanted = LeaseKind.GATEWAY if request.gateway else LeaseKind.STATED
    if lease is not None and lease.active and not (request.gateway and lease.kind is LeaseKind.GATEWAY):
        whose = "the network's gateway's" if lease.kind is LeaseKind.GATEWAY else "another container's"
        raise Refused(f"{address} is {whose} already")
    if address in around.taken:
        raise Refused(f"{address} is {around.taken[address]} already")
    return records.with_lease(Lease(pool=pool.id, address=address, kind=wanted))


def _leased(records: Records, pool: Pool) -> Iterator[str]:
    return (lease.address for lease in records.leases.values() if lease.pool == pool.id)


def _free_prefix(records: Records, around: Surroundings, *, ipv6: bool) -> str:
    used = [*around.routed, *(pool.prefix for pool in records.pools.values()), *around.taken]
    candidates = _site(around.site) if ipv6 else iter(_DEFAULTS4)
    for prefix in candidates:
        if not any(_overlap(prefix, other) for other in used):
            return prefix
    raise Refused("every default subnet overlaps something that this host has a way to", hint="choose one with --subnet")


def _site(site: str) -> Iterator[str]:
    first = ipaddress.IPv6Network(site)
    for number in range(1, 1 << (64 - first.prefixlen)):
        yield f"{canonical(first.network_address + (number << 64))}/64"


def _overlap(one: str, other: str) -> bool:
    a, b = _network(one), _network(other)
    return a.version == b.version and a.overlaps(b)


def _inside(part: str, whole: str) -> bool:
    a, b = _network(part), _network(whole)
    return a.version == b.version and a.subnet_of(b)  # type: ignore[arg-type]


def _network(text: str) -> IPNetwork:
    return ipaddress.ip_network(text)


def overlapping(prefix: str, others: Iterable[str]) -> str | None:
    """The first of `others` that has addresses of `prefix`."""
    return next((other for other in others if _overlap(prefix, other)), None)
