"""Random policies, and every connection there can be between a few members: what packets find out is what the guide's four rules say."""

from __future__ import annotations

import ipaddress
import json
import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from stacks import HOST, Stacks, outside, run, serving

from netwright.errors import SpecError

FILE = """\
version: 1
name: shop
networks:
  lan: {bridge: br-shop, subnets: [10.30.0.0/24, "fd30::/64"]}
  back: {bridge: br-back, subnets: [10.31.0.0/24, "fd31::/64"]}
namespaces:
  web: {interfaces: {eth0: {network: lan, address: [10.30.0.10, "fd30::10"]}}}
  mate: {interfaces: {eth0: {network: lan, address: [10.30.0.11, "fd30::11"]}}}
  db: {interfaces: {eth0: {network: back, address: [10.31.0.10, "fd31::10"]}}}
policies:
"""
PORTS = (80, 81)
INTERNET = ("8.8.8.8", "2620:fe::fe")
ADDRESSES = {
    "web": ("10.30.0.10", "fd30::10"),
    "mate": ("10.30.0.11", "fd30::11"),
    "db": ("10.31.0.10", "fd31::10"),
    "host": ("10.30.0.1", "fd30::1"),
    "ext": ("10.9.0.9", "fd09::9"),
    "far": INTERNET,
}
NETWORKS = {"web": "lan", "mate": "lan", "db": "back"}
MEMBERS = ("web", "mate", "db", "lan", "back", "host")
PREFIXES = ("10.30.0.8/30", "10.9.0.0/24", "fd30::11/128", "fd09::/48", "0.0.0.0/0")
CLIENT = """
import json, socket, sys
found = []
for address, port in json.loads(sys.argv[1]):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    s.settimeout(3)
    try:
        s.connect((address, port))
        found.append(True)
    except OSError:
        found.append(False)
    s.close()
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Written:
    """A policy, and what the guide says of it."""

    name: str
    sources: tuple[str, ...] | None
    targets: tuple[str, ...] | None
    port: int | None
    deny: bool

    def text(self) -> str:
        sides = {"from": self.sources, "to": self.targets}
        parts = [f"{key}: {json.dumps(list(side))}" for key, side in sides.items() if side is not None]
        port = [] if self.port is None else [f"ports: {self.port}"]
        return f"  - {{{', '.join([f'name: {self.name}', *parts, *port, 'action: ' + ('deny' if self.deny else 'allow')])}}}\n"

    def is_about(self, source: str, target: str, six: bool, port: int) -> bool:
        client, server = _client(source, target, six), ADDRESSES[target][six]
        return _means(self.sources, source, client) and _means(self.targets, target, server) and self.port in (None, port)


def _client(source: str, target: str, six: bool) -> str:
    """The address that a connection comes from: the host has one on each side."""
    if source != "host":
        return ADDRESSES[source][six]
    return {"lan": ("10.30.0.1", "fd30::1"), "back": ("10.31.0.1", "fd31::1")}.get(NETWORKS.get(target, ""), ("10.9.0.1", "fd09::1"))[six]


def _means(side: tuple[str, ...] | None, who: str, address: str) -> bool:
    return side is None or any(_is(one, who, address) for one in side)


def _is(one: str, who: str, address: str) -> bool:
    if "/" not in one:
        return one in (who, NETWORKS.get(who)) or (one == "internet" and who == "far")
    network, ip = ipaddress.ip_network(one), ipaddress.ip_address(address)
    return network.version == ip.version and ip in network


def _is_outside(one: str) -> bool:
    return one == "internet" or one in ("10.9.0.0/24", "fd09::/48", "0.0.0.0/0")


def passes(policies: list[Written], source: str, target: str, six: bool, port: int) -> bool:
    """The four rules of the guide."""
    about = [policy for policy in policies if policy.is_about(source, target, six, port)]
    if any(policy.deny for policy in about):
        return False
    if about:
        return True
    allows = [policy for policy in policies if not policy.deny]
    closed = [one for policy in allows for one in policy.targets or () if not _is_outside(one)]
    if _means(tuple(closed), target, ADDRESSES[target][six]):
        return False
    outward = [policy for policy in allows if any(map(_is_outside, policy.targets or ()))]
    confined = [one for policy in outward for one in policy.sources or () if not _is_outside(one)]
    return target not in ("ext", "far") or not _means(tuple(confined), source, _client(source, target, six))


def drawn(luck: random.Random) -> list[Written]:
    policies: list[Written] = []
    # Of many there are blocks, and so fewer denies: what all are refused tells nothing.
    count = luck.choice((1, 2, 3, 4, 30))
    for number in range(count):

        def some(of: tuple[str, ...]) -> tuple[str, ...] | None:
            return None if luck.random() < 0.2 else tuple(dict.fromkeys(luck.choice(of) for _ in range(luck.randint(1, 2))))

        sources, targets = some((*MEMBERS, *PREFIXES)), some((*MEMBERS, *PREFIXES, "internet"))
        deny = luck.random() < (0.4 if count < 30 else 0.1)
        if sources is None and targets is None:
            continue
        if not deny and any(map(_is_outside, targets or ())) and all(map(_is_outside, sources or ())):
            sources = (*(sources or ()), luck.choice(MEMBERS))
        policies.append(Written(f"p{number}", sources, targets, luck.choice((None, *PORTS)), deny))
    return policies


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[Stacks]:
    with outside(), ExitStack() as stack:
        for address, via in zip(INTERNET, ("10.9.0.9", "fd09::9"), strict=True):
            prefix = f"{address}/{128 if ':' in address else 32}"
            run("ip", "address", "add", prefix, "dev", "lo", netns="ext")
            run("ip", "route", "add", prefix, "via", via)
            stack.callback(run, "ip", "route", "del", prefix)
        made = Stacks(tmp_path / "state")
        stack.callback(made.destroy_all)
        yield made


def test_packets_find_out_what_the_rules_say(stacks: Stacks) -> None:
    luck = random.Random(20261124)
    stacks.apply(FILE + "  - {name: none, from: 192.0.2.0/24, to: 192.0.2.0/24, action: deny}\n")
    with ExitStack() as servers:
        for netns in ("web", "mate", "db", HOST, "ext"):
            servers.enter_context(serving(netns, "::", *PORTS))
        tried = 0
        while tried < 8:
            policies = drawn(luck)
            try:
                stacks.apply(FILE + "".join(policy.text() for policy in policies) if policies else FILE.replace("policies:\n", ""))
            except SpecError as error:
                # A policy that another one says away, or sides of two IP versions.
                assert all(problem.path.startswith("policies[") for problem in error.problems)
                continue
            tried += 1
            for source in ("web", "mate", "db", "host"):
                wanted = [(target, six, port) for target in ADDRESSES if target != source for six in (False, True) for port in PORTS]
                asked = json.dumps([(ADDRESSES[target][six], port) for target, six, port in wanted])
                seen = json.loads(run("python3", "-c", CLIENT, asked, netns=HOST if source == "host" else source))
                told = [passes(policies, source, target, six, port) for target, six, port in wanted]
                wrong = [one for one, saw, says in zip(wanted, seen, told, strict=True) if saw != says]
                assert wrong == [], (source, [policy.text() for policy in policies])
