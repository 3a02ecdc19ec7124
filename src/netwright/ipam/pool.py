"""Giving out addresses. Pure: the same requests and leases give the same addresses, always.

A lease is kept as long as it can be: an endpoint whose address was allocated keeps it until it leaves the file, however the
file around it changes.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field

from netwright.errors import InvalidValue
from netwright.model.address import Ip, canonical


@dataclass(slots=True)
class Pool:
    """The addresses of one subnet. `taken` grows as addresses are given out.

    `low` and `high` are what may be allocated (inclusive, as integers); whole subnets may be stated addresses' home.
    `avoid` is a range that somebody else (Docker) allocates from: it is used last.
    """

    subnet: ipaddress.IPv4Network | ipaddress.IPv6Network
    low: int
    high: int
    avoid: tuple[int, int] | None = None
    taken: set[int] = field(default_factory=set)
    _next: int = 0

    @staticmethod
    def of(subnet: str, *, ip_range: str | None = None, avoid: str | None = None, after: str | None = None) -> Pool:
        """A pool over the hosts of `subnet` (of `ip_range` in it, where given). `after`: the address that was given out last."""
        whole = ipaddress.ip_network(subnet)
        part = ipaddress.ip_network(ip_range) if ip_range else whole
        low, high = int(part.network_address), int(part.broadcast_address)
        first, last = int(whole.network_address), int(whole.broadcast_address)
        if whole.num_addresses > 2:
            low = max(low, first + 1)
            # IPv6 has no broadcast address: its last one is a host like any other.
            high = min(high, last - 1) if whole.version == 4 else high
        avoided = ipaddress.ip_network(avoid) if avoid else None
        return Pool(
            subnet=whole,
            low=low,
            high=high,
            avoid=(int(avoided.network_address), int(avoided.broadcast_address)) if avoided else None,
            _next=low if after is None else max(low, int(ipaddress.ip_address(after)) + 1),
        )

    def __contains__(self, address: str) -> bool:
        return ipaddress.ip_address(address) in self.subnet

    def take(self, address: str) -> None:
        """Mark an address as somebody's."""
        self.taken.add(int(ipaddress.ip_address(address)))

    def free(self, address: str) -> bool:
        """Whether a lease on `address` can be kept: in this subnet, a host's, and nobody else's."""
        ip = ipaddress.ip_address(address)
        return ip in self.subnet and int(ip) not in self.taken and self._is_host(int(ip))

    def allocate(self) -> Ip:
        """The first free address. Raises InvalidValue if there is none."""
        for number in self._candidates():
            if number not in self.taken:
                self.taken.add(number)
                self._next = number + 1
                return Ip(canonical(self.subnet.network_address + (number - int(self.subnet.network_address))))
        count = self.high - self.low + 1
        raise InvalidValue(f"{self.subnet} has no free address left (it has {count})", hint="make the subnet larger")

    def _candidates(self) -> Iterator[int]:
        """On from the last one given, outside `avoid` first."""
        number = max(self._next, self.low)
        while number <= self.high:
            if self.avoid and self.avoid[0] <= number <= self.avoid[1]:
                number = self.avoid[1] + 1
                continue
            yield number
            number += 1
        yield from range(self.low, min(self._next, self.high + 1))
        if self.avoid:
            yield from range(max(self.low, self.avoid[0]), min(self.avoid[1], self.high) + 1)

    def _is_host(self, number: int) -> bool:
        if self.subnet.num_addresses <= 2:
            return True
        last = int(self.subnet.broadcast_address)
        return number != int(self.subnet.network_address) and not (self.subnet.version == 4 and number == last)
