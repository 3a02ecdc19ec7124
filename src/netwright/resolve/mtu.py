"""How large packets may be on a network: what the file says, else what its ways out take; and where the two do not fit.

It is decided once, when the network is made, and stays: a way out that changes later is a warning, because a change
of the MTU under living connections is for a person to decide (and of a network of Docker's makes it anew).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from netwright.model.address import family
from netwright.resolve.decision import decision_key
from netwright.resolve.docker_network import MTU
from netwright.resolve.endpoint import Endpoint, Holder
from netwright.resolve.facts import Facts
from netwright.resolve.network import Network
from netwright.resolve.nic import resolve_nic
from netwright.resolve.uplink import Uplink, uplink
from netwright.spec.document import Document, path_text
from netwright.spec.schema import InterfaceSpec

USUAL = 1500
"""Ethernet's, and what the kernel and Docker give unasked."""
LEAST6 = 1280
"""RFC 8200, section 5: with less, the kernel switches IPv6 off on a link."""


@dataclass(slots=True)
class Sizes:
    """`mtus`: network → its MTU, where it is managed; one that is absent has the kernel's, or Docker's."""

    mtus: dict[str, int] = field(default_factory=dict)
    leases: dict[str, str] = field(default_factory=dict)
    """What was decided and must stay so."""
    warnings: list[str] = field(default_factory=list)
    choices: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    """An interface on a network."""

    holder: Holder
    name: str
    spec: InterfaceSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    link: Uplink
    whose: str
    """The clause "the host's default route leads"."""


def resolve_mtus(document: Document, holding: Sequence[Holder], networks: Mapping[str, Network], facts: Facts) -> Sizes:
    """Of every network, with what is to be said of it."""
    sizes = Sizes()
    uplinks = {version: uplink(facts.host, version) for version in (4, 6)}
    on_it: dict[str, list[_Member]] = {}
    for holder in holding:
        for name, spec in holder.interfaces.items():
            if spec.network is not None:
                on_it.setdefault(spec.network, []).append(_Member(holder=holder, name=name, spec=spec))
    for key, network in networks.items():
        members = on_it.get(key, [])
        ways = list(_ways_out(document, network, members, uplinks, facts))
        narrowest = min(ways, key=lambda way: way.link.mtu, default=None)
        _decide(document, network, narrowest, facts, sizes)
        if narrowest is not None and (size := sizes.mtus.get(key, USUAL)) > _fitting(network, narrowest):
            sizes.warnings.append(_misfit(network, size, narrowest, standing=_standing(document, network, facts)))
        sizes.warnings += _too_large_interfaces(network, members, sizes.mtus.get(key))
    return sizes


def _decide(document: Document, network: Network, narrowest: _Way | None, facts: Facts, sizes: Sizes) -> None:
    key = network.key
    stated = network.spec.mtu or _number(network.spec.options.get(MTU))
    lease = decision_key(key, "mtu")
    if stated is not None:
        sizes.mtus[key] = stated
    elif network.docker_name is not None and _standing(document, network, facts):
        if (observed := _number(facts.docker.networks[network.docker_name].options.get(MTU))) is not None:
            sizes.mtus[key] = observed
    elif (kept := _number(facts.leases.get(lease))) is not None:
        sizes.mtus[key] = kept
        sizes.leases[lease] = str(kept)
    elif narrowest is not None and not network.spec.external and not _standing(document, network, facts):
        size = _fitting(network, narrowest)
        if size != USUAL:
            sizes.mtus[key] = size
            if network.docker_name is None:
                # Docker remembers its own.
                sizes.leases[lease] = str(size)
            sizes.choices.append(f"networks.{key}.mtu: {size}, as much as {narrowest.link.dev} takes, through which {narrowest.whose}")


def _ways_out(
    document: Document, network: Network, members: Sequence[_Member], uplinks: Mapping[int, Uplink | None], facts: Facts
) -> Iterator[_Way]:
    """The host's default route for each family that it leads on, and NICs of namespaces that lead on."""
    if network.wire is not None or network.spec.driver != "bridge" or (network.spec.external and network.docker_name is None):
        return
    if not network.spec.internal:
        for version in sorted({family(subnet.prefix) for subnet in network.subnets if subnet.gateway is not None}):
            found = uplinks[version]
            if found is not None and found.dev != network.bridge:
                yield _Way(link=found, whose="the host's default route leads")
    leading_on = {member.holder.netns: member.holder for member in members if _leads_on(member.holder)}
    for holder in leading_on.values():
        for name, spec in holder.interfaces.items():
            if spec.nic is not None and (mtu := _of_nic(document, holder, name, facts)) is not None:
                yield _Way(link=Uplink(dev=name, mtu=mtu), whose=f"{holder.name} leads on")


def _leads_on(holder: Holder) -> bool:
    spec = holder.spec
    return spec is not None and spec.forward is not False and bool(spec.forward or spec.masquerade or spec.publish)


def _of_nic(document: Document, holder: Holder, name: str, facts: Facts) -> int | None:
    endpoint = Endpoint(holder=holder, interface=name, spec=holder.interfaces[name], network=None, addresses=())
    # What is wrong with it is told where its link is made.
    nic = resolve_nic(document, endpoint, facts, [])
    if nic is None:
        return None
    there = facts.observed.namespaces.get(nic.current.netns)
    link = there.links.get(nic.current.name) if there is not None else None
    return nic.mtu or (link.mtu if link is not None else None)


def _standing(document: Document, network: Network, facts: Facts) -> bool:
    if network.docker_name is not None:
        return network.docker_name in facts.docker.networks and network.docker_name not in facts.begun_networks
    link = facts.host.links.get(network.bridge or "")
    return link is not None and link.owner == document.spec.name


def _fitting(network: Network, way: _Way) -> int:
    six = any(family(subnet.prefix) == 6 for subnet in network.subnets)
    return max(way.link.mtu, LEAST6) if six else way.link.mtu


def _misfit(network: Network, size: int, way: _Way, *, standing: bool) -> str:
    fits = _fitting(network, way)
    if network.spec.external:
        advice = f"made with --opt {MTU}={fits}, it would fit"
    else:
        advice = f"say mtu: {fits}" + (", for which it is made anew" if standing and network.docker_name is not None else "")
    return (
        f"networks.{network.key}: its packets have up to {size} bytes, and {way.link.dev}, through which {way.whose}, takes "
        f"{way.link.mtu}: larger ones are fragmented, or dropped where they must not be; {advice}"
    )


def _too_large_interfaces(network: Network, members: Sequence[_Member], mtu: int | None) -> Iterator[str]:
    """A bridge drops what is too large for the port it goes to, and tells nobody."""
    if network.wire is not None:
        return
    there = [(one.holder, one.name, one.spec.mtu) for one in members if not one.spec.external]
    size = mtu
    if size is None:
        sizes = [own or USUAL for _, _, own in there]
        # The kernel gives a bridge of ours the smallest of its ports' MTUs.
        size = USUAL if network.docker_name is not None or network.spec.external else min(sizes, default=USUAL)
    for holder, name, own in there:
        if own is not None and own > size:
            path = path_text((*holder.path, "interfaces", name, "mtu"))
            yield f"{path}: {own} is more than {network.key} has, {size}: its bridge drops larger packets and tells nobody"


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None
