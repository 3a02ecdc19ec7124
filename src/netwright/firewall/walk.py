"""Walking a packet through somebody else's rules, as nft lists them, to tell what becomes of it.

Of a packet only some things are known (a `Probe`); so a rule matches, does not, or may. What drops for certain is found with the
rule that does it. A rule that only may drop is somebody's business with particular packets, and is passed over. A rule that only may
accept counts if it speaks of our packet: it names its interface or its address, so whoever wrote it had it in mind.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from netwright.model.firewall import Ruleset

_VERDICT = re.compile(
    r'(?:^|(?<=\s))(?:(?P<word>accept|drop|return|continue)|(?P<reject>reject)(?: with .+)?|(?P<go>jump|goto) (?P<to>\S+)|xt target "(?P<target>\w+)")$'
)
_VMAP = re.compile(r"(?P<selector>\S.*\S) vmap (?P<map>\{.*\}|@\S+)$")
_KNOWN = re.compile(
    r"(?P<selector>iifname|iif|oifname|oif|ct state|ct status|meta nfproto|meta l4proto|(?:tcp|udp|sctp) dport|ip6? [sd]addr)"
    r" (?P<unless>!=? ?)?(?P<value>\{[^}]*\}|@\S+|\"[^\"]*\"|\S+)(?:\s+|$)"
)
_DEPTH = 16
"""As many chains as the kernel follows (NFT_JUMP_STACK_SIZE)."""

_ACCEPTS = {"accept", "ACCEPT"}
_DROPS = {"drop", "reject", "DROP", "REJECT"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A packet, as far as it is known; None: anything."""

    family: int
    state: str = "new"
    """Of its connection: new | established."""
    translated: bool = False
    """The connection's destination was translated."""
    comes: str | None = None
    """The interface through which it comes in; None: any but that through which it leaves."""
    goes: str | None = None
    """That through which it leaves; None: any but the other."""
    source: str | None = None
    """A prefix or an address."""
    target: str | None = None
    protocol: str | None = None
    port: int | None = None
    """Of the target."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Where a packet ends: the chain, and its rule or `policy drop`."""

    chain: str
    rule: str


def stop_of(ruleset: Ruleset, chain: str, *, policy: str, probe: Probe) -> Stop | None:
    """What drops the packet for certain at a base chain; None: nothing does, or somebody has thought of it."""
    walk = _Walk(ruleset, probe)
    end = walk.through(chain, spoken_of=False, depth=0)
    if end is None and policy == "drop":
        end = Stop(chain, "policy drop")
    return end if isinstance(end, Stop) and not walk.thought_of else None


def stops_anything(ruleset: Ruleset) -> bool:
    """Whether any rule of these chains drops or refuses anything."""
    verdicts = (_VERDICT.search(rule) for rules in ruleset.chains.values() for rule in rules)
    plain = any(found is not None and _word(found) in _DROPS for found in verdicts)
    return plain or any(re.search(r": (?:drop|reject)\b", rule) for rules in ruleset.chains.values() for rule in rules)


class _Passed:
    """The chain's verdict is accept."""


@dataclass(slots=True)
class _Walk:
    ruleset: Ruleset
    probe: Probe
    thought_of: bool = field(default=False)

    def through(self, chain: str, *, spoken_of: bool, depth: int) -> Stop | type[_Passed] | None:
        """The verdict that is certain; None: the chain's end is reached, or it is left by return."""
        for rule in self.ruleset.chains.get(chain, ()) if depth < _DEPTH else ():
            for certain, spoken, verdict, to in self._verdicts(rule):
                spoken = spoken or spoken_of  # noqa: PLW2901 - what is said on the way counts
                if verdict in _ACCEPTS:
                    if certain:
                        return _Passed
                    self.thought_of = self.thought_of or spoken
                elif verdict in _DROPS and certain:
                    return Stop(chain, rule)
                elif verdict in ("jump", "goto"):
                    end = self.through(to, spoken_of=spoken, depth=depth + 1)
                    if certain and (end is not None or verdict == "goto"):
                        return end
                    self.thought_of = self.thought_of or (end is _Passed and spoken)
                elif verdict == "return" and certain:
                    return None
        return None

    def _verdicts(self, rule: str) -> Iterator[tuple[bool, bool, str, str]]:
        """Of a rule that may match: whether it does for certain, whether it speaks of the packet, its verdict, and where to."""
        if mapped := _VMAP.search(rule):
            head, selector = _split(mapped["selector"])
            certain, spoken = self._matches(head)
            for key, verdict in _pairs(self.ruleset, mapped["map"]) if certain is not False else ():
                hit, said = self._matches(f"{selector} {key}") if selector else (None, False)
                if hit is not False and (found := _VERDICT.search(verdict)) is not None:
                    yield bool(certain) and bool(hit), spoken or said, _word(found), found["to"] or ""
            return
        found = _VERDICT.search(rule)
        if found is None:
            return
        certain, spoken = self._matches(rule[: found.start()].strip())
        if certain is not False:
            yield bool(certain), spoken, _word(found), found["to"] or ""

    def _matches(self, text: str) -> tuple[bool | None, bool]:
        """True, False, or None for perhaps; and whether the packet's interface or address is named."""
        certain: bool | None = True
        spoken = False
        while text:
            known = _KNOWN.match(text)
            if known is None:
                return None, spoken
            selector, unless = known["selector"], bool(known["unless"])
            hit = self._holds(selector, list(_values(self.ruleset, known["value"])))
            if hit is not None and unless:
                hit = not hit
            if hit is False:
                return False, spoken
            if hit is None:
                certain = None
            elif not unless and _names(selector):
                spoken = True
            text = text[known.end() :]
        return certain, spoken

    def _holds(self, selector: str, values: list[str]) -> bool | None:
        probe = self.probe
        match selector:
            case "iifname" | "iif":
                return _interface(probe.comes, values, but=probe.goes)
            case "oifname" | "oif":
                return _interface(probe.goes, values, but=probe.comes)
            case "ct state":
                return probe.state in values
            case "ct status":
                return probe.translated if values == ["dnat"] else None
            case "meta nfproto":
                return f"ipv{probe.family}" in values
            case "meta l4proto":
                return None if probe.protocol is None else probe.protocol in values
            case "ip saddr" | "ip6 saddr":
                return _address(probe.source, selector, probe.family, values)
            case "ip daddr" | "ip6 daddr":
                return _address(probe.target, selector, probe.family, values)
            case _:
                return _service(probe, selector.partition(" ")[0], values)


def _word(found: re.Match[str]) -> str:
    return found["word"] or found["reject"] or found["go"] or found["target"] or ""


def _names(selector: str) -> bool:
    return selector in ("iifname", "iif", "oifname", "oif") or selector.endswith("addr")


def _split(text: str) -> tuple[str, str]:
    """`ct state new iifname` → what must match, and what is looked up; a concatenation is not followed."""
    for selector in ("iifname", "oifname", "iif", "oif", "ct state"):
        if text == selector or (text.endswith(f" {selector}") and not text.endswith(f". {selector}")):
            return text.removesuffix(selector).strip(), selector
    return "", ""


def _values(ruleset: Ruleset, text: str) -> Iterator[str]:
    """`{ a, b }`, `a,b`, `"a"` or `@set`: the single values."""
    if text.startswith("@"):
        yield from ruleset.sets.get(text[1:], ("?",))
        return
    for value in text.strip("{}").split(","):
        yield value.strip().strip('"')


def _pairs(ruleset: Ruleset, text: str) -> Iterator[tuple[str, str]]:
    elements = ruleset.sets.get(text[1:], ()) if text.startswith("@") else text.strip("{}").split(",")
    for element in elements:
        key, colon, verdict = element.partition(" : ")
        if colon:
            yield key.strip(), verdict.strip()


def _interface(name: str | None, values: list[str], *, but: str | None) -> bool | None:
    if "*" in values:
        return True
    if "?" in values:
        return None
    if name is None:
        return False if values == [but] else None
    return any(name.startswith(value[:-1]) if value.endswith("*") else name == value for value in values)


def _address(known: str | None, selector: str, of_family: int, values: list[str]) -> bool | None:
    if selector.startswith("ip6") != (of_family == 6):
        return False
    if known is None:
        return None
    ours = ipaddress.ip_network(known)
    perhaps = False
    for value in values:
        first, dash, last = value.partition("-")
        try:
            lowest = ipaddress.ip_network(first)
            highest = ipaddress.ip_network(last) if dash else lowest
        except ValueError:
            perhaps = True
            continue
        if lowest.version != ours.version:
            continue
        low, high = int(lowest.network_address), int(highest.broadcast_address)
        if low <= int(ours.network_address) and int(ours.broadcast_address) <= high:
            return True
        perhaps = perhaps or (int(ours.network_address) <= high and low <= int(ours.broadcast_address))
    return None if perhaps else False


def _service(probe: Probe, protocol: str, values: list[str]) -> bool | None:
    if probe.protocol is not None and probe.protocol != protocol:
        return False
    if probe.protocol is None or probe.port is None:
        return None
    for value in values:
        first, _, last = value.partition("-")
        if not first.isdigit() or not (last or first).isdigit():
            return None
        if int(first) <= probe.port <= int(last or first):
            return True
    return False
