"""What Netwright keeps in a namespace's packet filter, and what it must know of other people's."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

from netwright.model.names import table_family
from netwright.model.nft_text import Elements, split


@dataclass(frozen=True, slots=True, order=True)
class Published:
    """A port that a table translates: enough to find its conntrack entries."""

    protocol: str
    """tcp | udp | sctp."""
    port: int
    target: str
    """An address."""
    target_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Who may come in through a published port."""

    published: Published
    sources: tuple[str, ...] | None = None
    """Prefixes and addresses; None: everybody."""
    address: str | None = None
    """By this address of the namespace; None: by any."""

    def lets_in(self, source: str, destination: str) -> bool:
        """A client who has asked for the port at `destination`."""
        client = ipaddress.ip_address(source)
        return self.address in (None, destination) and (
            self.sources is None or any(client in ipaddress.ip_network(prefix) for prefix in self.sources)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of ours in one namespace. Its rules are replaced whole; what is in its sets and maps is changed element by element.

    Desired: `text`, the `digest` of all but the elements, and the `elements`. Observed: `digest` as the table's comment has it,
    `elements` and `published` as the kernel lists them, `listing` as it lists the rest.
    """

    name: str
    digest: str
    text: str = field(default="", compare=False)
    published: frozenset[Published] = frozenset()
    listing: str | None = None
    elements: Elements = field(default_factory=dict)
    counters: Mapping[str, tuple[int, int]] = field(default_factory=dict, compare=False)
    """Observed where it was asked for: name → packets and bytes."""

    @staticmethod
    def of(name: str, body: str, published: frozenset[Published]) -> Table:
        """A desired table from the text between its braces."""
        rules, elements = split(body)
        digest = hashlib.blake2s(rules.encode(), digest_size=12).hexdigest()
        return Table(name=name, digest=digest, text=body, published=published, elements=elements)

    def replacement(self, owner: str) -> str:
        """nft(8) text that puts this table in the place of what is there under its name, if anything is, in one transaction."""
        head = f"table {table_family(self.name)} {self.name}"
        return f'{head}\ndelete {head}\n{head} {{\n\tcomment "netwright:{owner} {self.digest}"\n{self.text.rstrip()}\n}}\n'


@dataclass(frozen=True, slots=True, order=True)
class ForeignChain:
    """A chain of iptables that belongs to somebody else, in which our marked rules must stand."""

    family: int
    """4 or 6: iptables or ip6tables."""
    table: str
    chain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignRules:
    """Our rules in one foreign chain: iptables syntax behind `-A CHAIN `, marked by a comment, in order.

    `on_top`, observed: all of them stand before everybody else's.
    """

    rules: tuple[str, ...] = ()
    on_top: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    """Somebody else's chains and sets of one table, as nft lists them, without counters, logs and comments."""

    chains: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Chain → its rules."""
    sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Set or map → its elements; of a map KEY : VERDICT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Somebody else's base chain on the forward hook that may drop what the file asks for, and cannot be got around."""

    family: str
    """ip | ip6 | inet | bridge, as nft has it."""
    table: str
    chain: str
    rule: str
    """What drops all that comes so far: `policy drop`, or the rule's text; "": only some."""
    mentions: frozenset[str] = frozenset()
    """Interfaces that the table names (`*` at the end as nft has it), and `ct status dnat`: it was written with these in mind."""
    policy: str = field(default="accept", compare=False)
    ruleset: Ruleset | None = field(default=None, compare=False, repr=False)
    """The whole table, to follow a packet through; None: it is not nft's."""


@dataclass(frozen=True, slots=True, order=True)
class PacketMark:
    """The bits of a packet's mark (`meta mark`) that `mask` holds, and what they are."""

    value: int
    mask: int = 0xFFFFFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerBridge:
    """What Docker's nftables backend does with connections that come into one of its bridges from elsewhere, of one IP family."""

    family: int
    bridge: str
    chain: str
    drop: str | None
    """The rule that drops what nothing lets through; None: all comes through."""
    mark: PacketMark | None = None
    """Packets with this mark come through: dockerd's --bridge-accept-fwmark."""
    open: frozenset[tuple[str, str, int]] = frozenset()
    """(protocol, address, port) of what Docker publishes there itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectDrop:
    """A rule of Docker's that drops what is sent to a container's own address, from anywhere but its network and the host."""

    address: str
    table: str
    chain: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardFilter:
    """The host's FORWARD as others have set it: observed, never desired.

    `drops` holds the IP families in which iptables' FORWARD has the policy DROP; `docker_user` those with a DOCKER-USER.
    """

    drops: frozenset[int] = frozenset()
    docker_user: frozenset[int] = frozenset()
    bridge_calls_iptables: frozenset[int] = frozenset()
    """br_netfilter hands bridged packets of these families to iptables."""
    iptables: Mapping[int, Ruleset] = field(default_factory=dict, compare=False)
    """By IP family, iptables' table filter, where its FORWARD leads to chains of somebody else than Docker and ufw (libvirt)."""
    obstacles: tuple[Obstacle, ...] = ()
    docker_bridges: tuple[DockerBridge, ...] = ()
    """Those that Docker guards by nftables, where it has no DOCKER-USER."""
    direct_drops: tuple[DirectDrop, ...] = ()
