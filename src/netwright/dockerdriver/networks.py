"""NetworkDriver: networks. A network of Docker's is one of a stack's, with a bridge of ours; the engine makes it as it makes any other."""

from __future__ import annotations

import json
from typing import Any

from netwright.dockerdriver.ipam import overlapping
from netwright.dockerdriver.options import parse_network_options
from netwright.dockerdriver.records import STACK, Network, Records
from netwright.dockerdriver.requests import NetworkRequest
from netwright.errors import Refused
from netwright.model.docker import driver_bridge
from netwright.model.names import short_hash

USUAL_MTU = 1500
"""Of a bridge that nothing is said of."""


def create_network(records: Records, request: NetworkRequest, *, uplink_mtu: int | None) -> tuple[Records, Network]:
    """`uplink_mtu`: of the interface that the host's default route leaves through. Raises Refused, InvalidValue.

    A network that is known is answered as before: Docker repeats what it got no answer to.
    """
    known = records.networks.get(request.id)
    if known is not None:
        return records, known
    options = parse_network_options(request.options)
    network = Network(
        id=request.id,
        bridge=options.bridge or driver_bridge(request.id),
        subnets=request.subnets,
        internal=request.internal,
        mtu=options.mtu or (uplink_mtu if uplink_mtu is not None and uplink_mtu < USUAL_MTU else None),
        options=options,
    )
    if not options.neighbours and not network.subnets:
        raise Refused(
            "containers of a network without a subnet cannot be kept apart", hint="give it a --subnet, or leave out enable_icc=false"
        )
    without = [subnet.prefix for subnet in network.subnets if subnet.gateway is None]
    if 0 < len(without) < len(network.subnets):
        raise Refused(
            f"{without[0]} has no gateway, and the network's other subnet has one", hint="give both one, or say -o netwright.gateway=none"
        )
    for other in records.networks.values():
        if other.bridge == network.bridge:
            raise Refused(f"the bridge {network.bridge} is another Docker network's already", hint="choose another -o netwright.bridge")
        for subnet in network.subnets:
            if taken := overlapping(subnet.prefix, (one.prefix for one in other.subnets)):
                raise Refused(f"{subnet.prefix} overlaps {taken}, which is another Docker network's", hint="choose another --subnet")
    return records.with_network(network), network


def document_text(records: Records) -> str:
    """The stack of all networks, in Netwright's own language (JSON is YAML)."""
    networks = {network.bridge: _spec(network) for network in sorted(records.networks.values(), key=lambda n: n.bridge)}
    document: dict[str, Any] = {"version": 1, "name": STACK, "networks": networks}
    apart = [network.bridge for network in records.networks.values() if not network.options.neighbours and network.subnets]
    if apart:
        document["policies"] = [
            {"name": f"apart-{short_hash(bridge, 8)}", "from": bridge, "to": bridge, "action": "deny"} for bridge in sorted(apart)
        ]
    return json.dumps(document, indent=1) + "\n"


def _spec(network: Network) -> dict[str, Any]:
    options = network.options
    gateways = [subnet.gateway for subnet in network.subnets if subnet.gateway] if options.gateway else []
    said = {
        "bridge": network.bridge,
        "subnets": [subnet.prefix for subnet in network.subnets],
        "gateway": gateways or ["none"],
        "mtu": network.mtu,
        "internal": network.internal,
        "masquerade": False if network.internal else options.masquerade,
        "isolated": options.isolated,
        "stp": options.stp,
        "multicast_snooping": options.multicast_snooping,
        "ageing_seconds": options.ageing_seconds,
        "forward_delay_seconds": options.forward_delay_seconds,
    }
    if not network.subnets:
        del said["gateway"]
    return {key: value for key, value in said.items() if value is not None}
