"""Reading what nft(8) and iptables-save(8) print of other people's chains: enough to tell what drops forwarded packets."""

from __future__ import annotations

import re
from dataclasses import dataclass

from netwright.firewall.foreign import DNAT_MENTION, DOCKER_USER, FORWARD
from netwright.firewall.walk import stops_anything
from netwright.model.firewall import Obstacle, Ruleset

_BLOCK = re.compile(r"^\t?(?P<kind>table|chain) (?P<name>[^{]+?) \{$")
_ANY_BLOCK = re.compile(r"^\t?(?P<kind>table|chain|set|map) (?P<name>[^{]+?) \{$")
_ELEMENT_END = re.compile(r",\s*")
_HOOK = re.compile(r"type \w+ hook (?P<hook>\w+) priority [^;]+; policy (?P<policy>\w+);")
_TEXTS = re.compile(r'(?:comment|prefix) "[^"]*"')
_ASIDES = re.compile(r"\b(?:counter(?: packets \d+ bytes \d+)?|log(?: level \w+| flags \w+)*)(?=\s|$)")
_STOP = re.compile(r'drop|reject(?: with .*)?|xt target "(?:DROP|REJECT)"')
_LEADS = re.compile(r"\b(?:jump|goto) (?P<to>\S+)$")
_QUOTED = re.compile(r'"([^"]+)"')
_SAVED_POLICY = re.compile(rf"^:{FORWARD} (?P<policy>\w+)", re.MULTILINE)
_SAVED_COMMENT = re.compile(r' -m comment --comment (?:"(?:[^"\\]|\\.)*"|\S+)')
_SAVED_STOP = re.compile(r"-j (?:DROP|REJECT(?: --reject-with \S+)?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseChain:
    """A chain at a hook, as `nft list chains` has it."""

    family: str
    table: str
    chain: str
    policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """iptables' FORWARD of one family. `stops`: what drops all that comes to it; None: nothing does."""

    docker_user: bool
    """It leads to DOCKER-USER."""
    stops: str | None
    stops_first: bool
    """Before DOCKER-USER is reached."""


def base_chains(listing: str, at: str = "forward") -> list[BaseChain]:
    """The base chains at a hook, from `nft list chains`."""
    found = []
    family = table = chain = ""
    for line in listing.splitlines():
        if block := _BLOCK.match(line):
            if block["kind"] == "table":
                family, _, table = block["name"].partition(" ")
            else:
                chain = block["name"]
        elif (hook := _HOOK.search(line)) and hook["hook"] == at:
            found.append(BaseChain(family=family, table=table, chain=chain, policy=hook["policy"]))
    return found


def rules_of(chain: str, listing: str) -> list[str]:
    """The rules of a chain, from `nft list table` or `nft list chain`, without counters, logs and comments."""
    return rules_by_chain(listing).get(chain, [])


def rules_by_chain(listing: str) -> dict[str, list[str]]:
    """The same of every chain that the listing shows."""
    chains: dict[str, list[str]] = {}
    rules: list[str] | None = None
    for line in listing.splitlines():
        if block := _BLOCK.match(line):
            rules = chains.setdefault(block["name"], []) if block["kind"] == "chain" else None
        elif line == "\t}":
            rules = None
        elif rules is not None and not _HOOK.search(line) and (rule := " ".join(_ASIDES.sub("", _TEXTS.sub("", line)).split())):
            rules.append(rule)
    return chains


def ruleset_of(listing: str) -> Ruleset:
    """All chains with their rules and all sets with their elements, from `nft list table`."""
    chains: dict[str, list[str]] = {}
    sets: dict[str, tuple[str, ...]] = {}
    elements: list[str] = []
    name, chain, inside_set = "", None, False
    for line in listing.splitlines():
        if block := _ANY_BLOCK.match(line):
            name, elements = block["name"], []
            chain = chains.setdefault(name, []) if block["kind"] == "chain" else None
            inside_set = block["kind"] in ("set", "map")
        elif line == "\t}":
            if inside_set:
                sets[name] = tuple(_ELEMENT_END.split(" ".join(elements).partition("elements = {")[2].rpartition("}")[0].strip()))
            chain, inside_set = None, False
        elif inside_set:
            elements.append(line.strip())
        elif chain is not None and not _HOOK.search(line) and (rule := " ".join(_ASIDES.sub("", _TEXTS.sub("", line)).split())):
            chain.append(rule)
    return Ruleset(chains={name: tuple(rules) for name, rules in chains.items()}, sets=sets)


def obstacle(base: BaseChain, listing: str) -> Obstacle | None:
    """What the chain drops of what comes to it, from `nft list table`; None: nothing."""
    ruleset = ruleset_of(listing)
    stop = "policy drop" if base.policy == "drop" else next((rule for rule in rules_of(base.chain, listing) if _STOP.fullmatch(rule)), None)
    if stop is None and not stops_anything(ruleset):
        return None
    mentions = set(_QUOTED.findall(_TEXTS.sub("", listing)))
    if re.search(rf"{DNAT_MENTION}\b.*\baccept", listing):
        mentions.add(DNAT_MENTION)
    return Obstacle(
        family=base.family,
        table=base.table,
        chain=base.chain,
        rule=stop or "",
        mentions=frozenset(mentions),
        policy=base.policy,
        ruleset=ruleset,
    )


def nft_forward(policy: str, listing: str) -> Forward:
    """FORWARD of iptables-nft, from its policy and `nft list chain`."""
    rules = rules_of(FORWARD, listing)
    return _forward(policy.lower() == "drop", rules, f"jump {DOCKER_USER}", _STOP)


def saved_forward(saved: str) -> Forward | None:
    """FORWARD from iptables-save; None where it is not in there."""
    policy = _SAVED_POLICY.search(saved)
    if policy is None:
        return None
    return _forward(policy["policy"] == "DROP", saved_rules(saved, FORWARD), f"-j {DOCKER_USER}", _SAVED_STOP)


def saved_rules(saved: str, chain: str) -> list[str]:
    """The rules of a chain from iptables-save, without comments."""
    head = f"-A {chain} "
    return [_SAVED_COMMENT.sub("", f" {line.removeprefix(head)}").strip() for line in saved.splitlines() if line.startswith(head)]


def _forward(drops: bool, rules: list[str], jump: str, stop: re.Pattern[str]) -> Forward:
    places = [place for place, rule in enumerate(rules) if stop.fullmatch(rule)]
    jumps = [place for place, rule in enumerate(rules) if rule == jump]
    stops = "policy drop" if drops else rules[places[0]] if places else None
    first = bool(places and jumps and places[0] < jumps[0])
    return Forward(docker_user=bool(jumps), stops=rules[places[0]] if first else stops, stops_first=first)


def leads_elsewhere(rule: str) -> bool:
    """Whether a rule of FORWARD leads to a chain that is neither Docker's nor ufw's: these have policies or DOCKER-USER."""
    found = _LEADS.search(rule)
    return found is not None and not found["to"].startswith(("DOCKER", "ufw-", "ufw6-"))
