"""Networks: their subnets, gateways and ranges, and what their manager can do with them."""

from __future__ import annotations

from collections import Counter

from netwright.spec.fields import AUTO
from netwright.spec.findings import Findings
from netwright.spec.places import Path
from netwright.spec.subnets import Subnet, number, subnet
from netwright.spec.topology import Net, Topology

BRIDGE_PORTS = 1023
"""linux/if_bridge's BR_PORT_BITS is 10, and port 0 does not exist."""
MIN_MTU6 = 1280
"""RFC 8200, section 5: IPv6 does not work on a link whose MTU is smaller."""
_SPECIAL = (
    ("0.0.0.0/8", "addresses of this host on this network (RFC 1122)"),
    ("127.0.0.0/8", "loopback addresses"),
    ("224.0.0.0/4", "multicast addresses"),
    ("::1/128", "the loopback address"),
    ("::ffff:0:0/96", "IPv4-mapped addresses (RFC 4291), which no wire carries"),
    ("ff00::/8", "multicast addresses"),
)
_LINK_LOCAL6 = subnet("fe80::/10")
"""An interface may have such an address beside others; a network has no use for it, for each link has the whole prefix for itself."""
_BRIDGE_ONLY = ("stp", "ageing_seconds", "forward_delay_seconds", "multicast_snooping")
_PREDEFINED = ("bridge", "host", "none")


def check_networks(topology: Topology, findings: Findings) -> None:
    ports = Counter(interface.network for _, _, interface in topology.interfaces() if interface.network is not None)
    for site in topology.containers.values():
        ports.update(list(site.container.networks) if site.container else ())
    for net in topology.nets.values():
        _subnets(net, findings)
        _gateway(net, findings)
        _ranges(net, findings)
        _manager(net, findings)
        _keys(net, findings)
        if net.bridged and ports[net.name] > BRIDGE_PORTS:
            findings.add(
                net.path,
                f"{ports[net.name]:,} interfaces are on this network, and a Linux bridge has at most {BRIDGE_PORTS:,} ports",
                "spread them over several networks",
                at_key=True,
            )
    _overlaps(topology, findings)


def special(one: Subnet) -> str | None:
    """What the addresses of a prefix are, if no interface of a network can have them."""
    if one.text.endswith("/0"):
        return "every address there is"
    return next((what for prefix, what in _SPECIAL if one.overlaps(subnet(prefix))), None)


def _subnets(net: Net, findings: Findings) -> None:
    for index, one in enumerate(net.subnets):
        what = special(one) or ("link-local addresses, which each link has for itself" if one.overlaps(_LINK_LOCAL6) else None)
        if what is not None:
            findings.add(net.subnet_path(index), f"{one.text} cannot be a network's subnet: it has {what}")

    for index, text in enumerate(net.spec.subnets):
        path = (*net.path, "subnets", index)
        if text in AUTO and net.spec.external:
            findings.add(path, "the subnets of an external network are what they are", "leave it out", on=((*net.path, "external"),))
        elif text in AUTO and net.spec.driver != "bridge":
            findings.add(path, f"subnets are chosen for bridges only, and {net.name} is of the driver {net.spec.driver}", "state a prefix", on=((*net.path, "driver"),))  # fmt: skip
        elif text in AUTO and text in net.spec.subnets[:index]:
            findings.add(path, f"{text} is said already: one subnet of a family is chosen")


def _overlaps(topology: Topology, findings: Findings) -> None:
    """Prefixes nest or are apart: sorted, each can only be inside one that is still open."""
    entries = [(one, net.subnet_path(index)) for net in topology.nets.values() for index, one in enumerate(net.subnets) if not special(one)]
    order = {path: place for place, (_, path) in enumerate(entries)}
    open_: list[tuple[Subnet, Path]] = []
    for one, path in sorted(entries, key=lambda entry: (entry[0].family, entry[0].first, -entry[0].last)):
        while open_ and not open_[-1][0].overlaps(one):
            open_.pop()
        if open_:
            # The one that stands later in the file is called wrong.
            (first, there), (second, here) = sorted((open_[-1], (one, path)), key=lambda entry: order[entry[1]])
            how = f"{second.text} is" if first.text == second.text else f"{second.text} overlaps {first.text}, which is"
            where = "in this list" if here[1] == there[1] else f"a subnet of {there[1]}"
            findings.add(here, f"{how} {where} already{findings.where(there)}", on=(there,))
        open_.append((one, path))


def _gateway(net: Net, findings: Findings) -> None:
    stated = net.spec.gateway
    path = (*net.path, "gateway")
    if stated is None:
        return
    if "none" in stated and len(stated) > 1:
        findings.add(path, "none stands beside an address: the network has a gateway or it has none")
        return
    if "none" in stated:
        if net.docker and net.bridged and any(one.family == 6 for one in net.subnets) and not net.spec.external:
            findings.add(
                path,
                "Docker cannot leave its bridge without an address in an IPv6 subnet",
                "name a gateway, or leave out managed_by: docker",
            )
        return
    if not net.subnets:
        if net.spec.open_families:
            findings.add(path, f"the subnets of {net.name} are chosen by Netwright, and its gateway with them", "state subnets: too", on=((*net.path, "subnets"),))  # fmt: skip
        elif net.known or not net.docker:
            findings.add(path, f"{net.name} has no subnets, so it has no gateway", "state subnets: too", on=((*net.path, "subnets"),))
        return
    seen: dict[str, str] = {}
    for index, gateway in enumerate(stated):
        here = (*path, index)
        family, value = number(gateway)
        home = next((one for one in net.subnets if one.has(family, value)), None)
        if home is None:
            findings.add(here, f"{gateway} is in none of the network's subnets: {_texts(net)}", on=((*net.path, "subnets"),))
            continue
        if (what := home.reserved(value)) is not None:
            findings.add(here, f"{gateway} is the {what} of {home.text}", f"the first host address is {home.address(home.hosts[0])}")
        if home.text in seen:
            findings.add(here, f"{home.text} has the gateway {seen[home.text]} already: one for each subnet")
        seen.setdefault(home.text, gateway)


def _ranges(net: Net, findings: Findings) -> None:
    seen: dict[str, str] = {}
    for index, text in enumerate(net.spec.ip_range or ()):
        path = (*net.path, "ip_range", index)
        part = subnet(text)
        home = next((one for one in net.subnets if part.inside(one)), None)
        if home is None and net.spec.open_families and not net.subnets:
            findings.add(path, f"the subnets of {net.name} are chosen by Netwright: no range of them can be stated", "state subnets: too", on=((*net.path, "subnets"),))  # fmt: skip
        elif home is None and (net.subnets or net.known):
            where = f"in none of the network's subnets: {_texts(net)}" if net.subnets else f"in no subnet: {net.name} has none"
            findings.add(path, f"{text} is {where}", on=((*net.path, "subnets"),))
        elif home is not None and home.text in seen:
            findings.add(path, f"{home.text} has the range {seen[home.text]} already: one for each subnet")
        elif home is not None:
            seen[home.text] = text


def _texts(net: Net) -> str:
    return ", ".join(one.text for one in net.subnets)


def _manager(net: Net, findings: Findings) -> None:
    spec, path = net.spec, net.path
    manager = (*path, "managed_by")
    if not net.docker:
        for key in ("options", "labels"):
            if getattr(spec, key):
                findings.add(
                    (*path, key), f"only networks that Docker makes have {key}", "say managed_by: docker, or leave it out", on=(manager,)
                )
        if spec.name is not None and not spec.external:
            findings.add((*path, "name"), "this is what Docker calls a network, and this one is not Docker's", "say bridge:, or managed_by: docker", on=(manager,))  # fmt: skip
        if spec.external and net.bridged and spec.bridge is None and spec.name is None:
            findings.add(
                path, "an external network needs bridge:, the name of a bridge that exists", at_key=True, on=((*path, "bridge"), manager)
            )
        return
    for key in _BRIDGE_ONLY:
        if getattr(spec, key) is not None and not spec.external:
            findings.add((*path, key), "Docker cannot set this", "leave it out, or leave out managed_by: docker", on=(manager,))
    if spec.external:
        return
    if spec.antispoof:
        findings.add(
            (*path, "antispoof"),
            "Docker's ports have no name that is known beforehand",
            "leave it out, or leave out managed_by: docker",
            on=(manager,),
        )
    if spec.isolated:
        findings.add(
            (*path, "isolated"), "Docker isolates its own networks", "leave it out, or leave out managed_by: docker", on=(manager,)
        )
    name = spec.name or net.name
    if name in _PREDEFINED and spec.driver not in _PREDEFINED[1:]:
        findings.add(path, f"Docker has a network {name} of its own", "call it otherwise, or say external: true to join it", at_key=True)
    families = [AUTO.get(text) or subnet(text).family for text in spec.subnets]
    for family in (4, 6):
        of_family = [index for index, one in enumerate(families) if one == family]
        for index in of_family[1:] if not net.stacked else ():
            findings.add(
                (*path, "subnets", index),
                f"Docker's {spec.driver} takes one IPv4 and one IPv6 subnet; this is the second IPv{family} one",
                on=(manager,),
            )


def _keys(net: Net, findings: Findings) -> None:
    spec, path = net.spec, net.path
    if spec.external:
        for key in ("internal", "isolated", "antispoof", "mtu", "options", "labels", "host_access", "aux_addresses", *_BRIDGE_ONLY):
            if key in spec.model_fields_set and getattr(spec, key) is not None:
                findings.add(
                    (*path, key), "this would change an external network, which is joined as it is", "leave out this key, or external:"
                )
        return
    if spec.internal and spec.masquerade and "masquerade" in spec.model_fields_set:
        findings.add(
            (*path, "masquerade"), "nothing leaves an internal network, so there is nothing to masquerade", "leave out one of the two"
        )
    if spec.mtu is not None and spec.mtu < MIN_MTU6 and any(one.family == 6 for one in net.subnets):
        findings.add((*path, "mtu"), f"IPv6 needs an MTU of at least {MIN_MTU6}, and this network has an IPv6 subnet")
