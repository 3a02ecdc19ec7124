"""Policies → an nft table of their own, in a namespace through which connections go, or in which they begin or end.

    base chain   hook, priority      sees
    forward      filter, -10         what goes through, from one network to another or (br_netfilter) within a bridge
    input        filter, -10         what comes to this namespace, and the answers to what began here
    output       filter, -10         what begins here, and the answers to what came

A policy is about a connection, not about a packet: every packet, of either direction, is judged by its connection's first packet,
which connection tracking remembers: who opened it (`ct original saddr`), who answers, behind any translation (`ct reply saddr`), and
the port that was asked for, before any translation (`ct original proto-dst`). So replies pass with what they reply to, published
ports are matched as the client knows them, and a connection ends when a policy begins to deny it.

Rules are a matter of the file alone. Addresses stand in sets, `p_NAME_from4`, `p_NAME_to6`, …, declared also where they are empty:
a container that comes or goes changes elements. Priority -10: before the filters of others, who may refuse what we let pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from netwright.firewall.named_sets import EVERYBODY, NamedSets
from netwright.firewall.policies import CLOSED, CONFINED, Passage, Policing, Policy, Side, union
from netwright.firewall.protection import MARK_OPENED
from netwright.firewall.sources import prefixes_of
from netwright.firewall.text import ADDR, IP, chain_text
from netwright.firewall.unjudged import JUDGED_OTHERWISE, Unjudged, names_groups
from netwright.model.address import family, parse_ip, parse_prefix
from netwright.model.firewall import Table
from netwright.model.names import parse_ifname, policy_table_name

PRIORITY = -10

BLOCK = 8
"""So many policies are asked one by one; more are asked in blocks of this size."""

_LOG_LIMIT = "limit rate 10/second burst 20 packets"
_FLOW_TYPE = "{addr} . {addr} . inet_proto . inet_service"
_FLOW = "ct original {ip} saddr . ct reply {ip} saddr . meta l4proto . ct original proto-dst"
_PROXIED = ("tcp", "udp")
_THROUGH, _INBOUND, _OUTBOUND = "through", "inbound", "outbound"


def counter_name(policy: str) -> str:
    """The nft counter of a policy."""
    return f"p_{policy}"


def compile_policies(stack: str, policing: Policing) -> Table | None:
    """The table that keeps the policies; None where there are none. Raises InvalidValue."""
    if not policing.policies:
        return None
    return _Compiler(stack, policing).table()


@dataclass(slots=True)
class _Compiler:
    stack: str
    policing: Policing
    _named: NamedSets = field(default_factory=NamedSets)
    _chains: list[str] = field(default_factory=list)

    def table(self) -> Table:
        chains = [chain_text(name, self._rules(name)) for name in (_THROUGH, _INBOUND, _OUTBOUND)]
        verdicts = [chain_text("refuse", ["meta l4proto tcp reject with tcp reset", "reject"])]
        verdicts += [chain_text(f"p_{policy.name}", self._verdict(policy)) for policy in self.policing.policies]
        unjudged = Unjudged(self.policing, self._named)
        chains[:0] = [chain_text("unfollowed", list(unjudged.unfollowed())), chain_text("belated", list(unjudged.belated()))]
        verdicts += [chain_text(f"{name}_off", [f'counter name "{name}"', "goto refuse"]) for name in (CLOSED, CONFINED)]
        strangers = list(unjudged.strangers())
        hooks = {
            "forward": [*strangers, f"goto {_THROUGH}"],
            "input": ['iifname "lo" accept', *strangers, f"ct direction original goto {_INBOUND}", f"ct direction reply goto {_OUTBOUND}"],
            # Not by oifname: of what output's own translation leads elsewhere it is still lo.
            "output": ["fib daddr type local accept", f"ct direction original goto {_OUTBOUND}", f"ct direction reply goto {_INBOUND}"],
        }
        bases = [chain_text(name, rules, hook=f"filter hook {name} priority {PRIORITY}") for name, rules in hooks.items()]
        names = [*(counter_name(policy.name) for policy in self.policing.policies), CLOSED, CONFINED]
        counters = [f"\tcounter {name} {{\n\t}}\n" for name in names]
        body = "".join([*counters, *self._named.texts.values(), *verdicts, *self._chains, *chains, *bases])
        return Table.of(policy_table_name(self.stack), body, frozenset())

    def _verdict(self, policy: Policy) -> list[str]:
        rules = [f'counter name "{counter_name(policy.name)}"']
        if policy.log:
            first = "" if policy.deny else "ct state new "
            rules.append(f'{first}{_LOG_LIMIT} log prefix "netwright {self.stack} {policy.name}: "')
        if policy.deny:
            return [*rules, "goto refuse"]
        # What is allowed to a container, `host.protect` lets pass.
        opens = [MARK_OPENED] if self.policing.on_host and policy.targets.addressed else []
        return [*rules, *opens, "accept"]

    def _rules(self, where: str) -> list[str]:
        # An ICMP error belongs to the connection that it tells of; `expected`: a helper has foretold it, as FTP's data.
        rules = ["ct state related accept", "ct status expected accept"]
        rules += self._passages("passages", self.policing.passages, self.policing.passing)
        if not self.policing.on_host:
            rules += self._passages("preserved", self.policing.preserved, self.policing.preserving)
        if where == _THROUGH:
            rules += [*self._judged(), *JUDGED_OTHERWISE]
        if where == _THROUGH and self.policing.on_host:
            rules += self._within_bridges()
        unjudged = Unjudged(self.policing, self._named)
        rules += unjudged.from_nobody() if where == _INBOUND else unjudged.to_nobody() if where == _OUTBOUND else ()
        rules += self._blocks(list(self._chosen(deny=True)), where, "denies")
        if where == _THROUGH and unjudged.is_there_anybody():
            rules += [rule for policy in self._chosen(deny=False) if names_groups(policy) for rule in self._matches(policy, where)]
            rules += unjudged.to_groups()
        rules += self._blocks(list(self._chosen(deny=False)), where, "allows")
        return [*rules, *self._closings(where)]

    def _blocks(self, policies: list[Policy], where: str, kind: str) -> Iterator[str]:
        """Where there are many, a packet passes by those of a block together if its ends are in none of them."""
        if len(policies) <= BLOCK:
            yield from (rule for policy in policies for rule in self._matches(policy, where))
            return
        for number, start in enumerate(range(0, len(policies), BLOCK), start=1):
            block = policies[start : start + BLOCK]
            rules = [rule for policy in block for rule in self._matches(policy, where)]
            name = f"{kind}_{number}"
            gates = list(self._sides(union(one.sources for one in block), union(one.targets for one in block), where, f"{name}_"))
            proxied = where == _INBOUND and any(one.targets.by_proxy for one in block)
            if "" in gates or proxied:
                yield from rules
            elif rules:
                self._chains.append(chain_text(f"{name}_{where}", rules))
                yield from (f"{gate} jump {name}_{where}" for gate in gates)

    def _chosen(self, *, deny: bool) -> Iterator[Policy]:
        return self.policing.chosen(deny=deny)

    def _passages(self, name: str, passages: Iterable[Passage], protocols: frozenset[str], guard: str = "") -> Iterator[str]:
        """A rule for each protocol: nft takes `ct original proto-dst` into a key only where it knows the protocol."""
        passages = list(passages)
        for of_family in (4, 6) if protocols else ():
            elements = _flows([passage for passage in passages if family(passage.target) == of_family], of_family)
            self._named.put(f"{name}{of_family}", _FLOW_TYPE.format(addr=ADDR[of_family]), elements)
            for protocol in sorted(protocols):
                yield f"{guard}meta l4proto {protocol} {_FLOW.format(ip=IP[of_family])} @{name}{of_family} accept"

    def _judged(self) -> Iterator[str]:
        for of_family in (4, 6):
            self._named.addresses(f"judged{of_family}", self.policing.judged, of_family)
            yield f"ct original {IP[of_family]} saddr @judged{of_family} accept"

    def _within_bridges(self) -> Iterator[str]:
        within = [f'"{name}" . "{name}"' for name in map(parse_ifname, self.policing.bridges)]
        self._named.put("within", "ifname . ifname", within, interval=False)
        # Neighbour discovery is not tracked.
        yield "iifname . oifname @within ip6 daddr fe80::/10 ct state != untracked goto refuse"
        guard = "iifname . oifname @within "
        yield from self._passages("preserved", self.policing.preserved, self.policing.preserving, guard)

    def _matches(self, policy: Policy, where: str) -> Iterator[str]:
        services = list(self._services(policy))
        for sides in self._sides(policy.sources, policy.targets, where, f"p_{policy.name}_"):
            for service in services:
                yield " ".join([*filter(None, (sides, service)), f"goto p_{policy.name}"])
        if where == _INBOUND:
            yield from (f"{match} goto p_{policy.name}" for match in self._proxied(policy))

    def _sides(self, sources: Side, targets: Side, where: str, prefix: str) -> Iterator[str]:
        """A match for each IP family, or one for both where no address is asked for; none where nobody can be meant."""
        source = self._source(sources, where, prefix)
        target = self._target(targets, where, prefix)
        if source is None or target is None:
            return
        if not source and not target:
            yield ""
            return
        for of_family in (4, 6):
            yield " ".join(part.format(ip=IP[of_family], family=of_family) for part in (source, target) if part)

    def _source(self, side: Side, where: str, prefix: str) -> str | None:
        return self._named.side(side, here=where == _OUTBOUND, match="ct original {ip} saddr", name=f"{prefix}from")

    def _target(self, side: Side, where: str, prefix: str) -> str | None:
        return self._named.side(side, here=where == _INBOUND, match="ct reply {ip} saddr", name=f"{prefix}to")

    def _proxied(self, policy: Policy) -> Iterator[str]:
        source = self._source(policy.sources, _INBOUND, f"p_{policy.name}_")
        ports = f"meta l4proto . ct original proto-dst @p_{policy.name}_ports"
        for protocol in _PROXIED if source is not None and policy.targets.by_proxy else ():
            if policy.services is None or any(one.protocol == protocol for one in policy.services):
                for of_family, match in self._to_proxy(policy.targets, protocol, f"p_{policy.name}_"):
                    parts = ((source or "").format(ip=IP[of_family], family=of_family), match, "" if policy.services is None else ports)
                    yield " ".join(filter(None, parts))

    def _to_proxy(self, side: Side, protocol: str, prefix: str) -> Iterator[tuple[int, str]]:
        for of_family in (4, 6):
            name = f"{prefix}proxied{of_family}"
            elements = [f"{one.address} . {one.protocol} . {one.port}" for one in side.proxied if family(one.address) == of_family]
            self._named.put(name, f"{ADDR[of_family]} . inet_proto . inet_service", dict.fromkeys(elements))
            flow = f"ct reply {IP[of_family]} saddr . meta l4proto . ct original proto-dst"
            yield of_family, f"meta l4proto {protocol} {flow} @{name}"

    def _services(self, policy: Policy) -> Iterator[str]:
        if policy.services is None:
            yield ""
            return
        elements = [f"{one.protocol} . {_range(one.ports)}" for one in policy.services if one.ports is not None]
        if elements:
            self._named.put(f"p_{policy.name}_ports", "inet_proto . inet_service", elements)
        for protocol in sorted({one.protocol for one in policy.services if one.ports is not None}):
            yield f"meta l4proto {protocol} meta l4proto . ct original proto-dst @p_{policy.name}_ports"
        if any(one.ports is None for one in policy.services):
            yield "meta l4proto { icmp, ipv6-icmp }"

    def _closings(self, where: str) -> Iterator[str]:
        anyone = Side(anyone=True)
        yield from (f"{match} goto {CLOSED}_off".lstrip() for match in self._sides(anyone, self.policing.closed, where, f"{CLOSED}_"))
        for protocol in _PROXIED if where == _INBOUND and self.policing.closed.by_proxy else ():
            yield from (f"{match} goto {CLOSED}_off" for _, match in self._to_proxy(self.policing.closed, protocol, f"{CLOSED}_"))
        source = self._source(self.policing.confined, where, f"{CONFINED}_")
        # Who is here is inside.
        for of_family in (4, 6) if source is not None and where != _INBOUND else ():
            self._named.addresses(f"inside{of_family}", self.policing.inside, of_family)
            outside = f"ct reply {IP[of_family]} saddr != @inside{of_family} goto {CONFINED}_off"
            yield " ".join(filter(None, ((source or "").format(ip=IP[of_family], family=of_family), outside)))


def _flows(passages: Iterable[Passage], of_family: int) -> list[str]:
    """Disjoint: of one target's port the sources are merged."""
    sources: dict[tuple[str, str, tuple[int, int]], list[str]] = {}
    for passage in passages:
        for port in range(passage.ports[0], passage.ports[1] + 1):
            sources.setdefault((parse_ip(passage.target), passage.protocol, (port, port)), []).append(parse_prefix(passage.source))
    found = []
    for (target, protocol, ports), own in sources.items():
        merged = prefixes_of(own, of_family)
        found += [f"{source} . {target} . {protocol} . {_range(ports)}" for source in (EVERYBODY[of_family] if merged is None else merged)]
    return found


def _range(ports: tuple[int, int]) -> str:
    return str(ports[0]) if ports[0] == ports[1] else f"{ports[0]}-{ports[1]}"
