"""A network of the file → the network that Docker is to have.

The options are those of Docker's drivers (moby: libnetwork/drivers/bridge/labels.go, drivers/macvlan/macvlan.go,
drivers/ipvlan/ipvlan.go, drivers/overlay/ov_network.go, and libnetwork/netlabel).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from netwright.errors import Refused
from netwright.model.address import family
from netwright.model.docker import STACK_LABEL, DockerNetwork, DockerSubnet
from netwright.resolve.network import Network
from netwright.spec.schema_networks import NetworkSpec
from netwright.spec.subnets import first_host

BRIDGE_NAME = "com.docker.network.bridge.name"
MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade"
NO_ADDRESS = "com.docker.network.bridge.inhibit_ipv4"
MTU = "com.docker.network.driver.mtu"


def desired_network(
    stack: str,
    key: str,
    network: NetworkSpec,
    reserved: Mapping[str, str],
    bridge: str,
    *,
    chosen: Mapping[str, str] | None = None,
    mtu: int | None = None,
) -> DockerNetwork:
    """What Docker is asked for. It is called as the file's key, or as its `name:`; containers join it by that.

    `reserved`: a name for each → an address that the stack gives to what is no container, of any family. `bridge`: the kernel's name
    for its bridge; "": Docker chooses. `chosen`: subnet → a range for it, and `mtu`: where the file states none. The user's own options
    come last: they win.

    With `gateway: none` Docker still sets an address apart as its containers' way out, the first of the subnet if it is asked for none.
    Where the stack has given that very address to something of its own, that is the containers' gateway, and needs no reservation.

    Raises Refused where `gateway: none` is said of IPv6: Docker's bridge driver has no such option.
    """
    stated = [gateway for gateway in network.gateway or () if gateway != "none"]
    nobody = "none" in (network.gateway or ())
    subnets = tuple(
        _subnet(prefix, stated, nobody, network.ip_range or (), reserved, (chosen or {}).get(prefix)) for prefix in network.subnets
    )
    without = [subnet.subnet for subnet in subnets if nobody and not _is_stated(subnet.subnet, stated)]
    if network.driver == "bridge" and any(family(prefix) == 6 for prefix in without):
        raise Refused(
            f"networks.{key}.gateway: Docker cannot leave its bridge without an address in an IPv6 subnet",
            hint="name a gateway for it, or leave out managed_by: docker",
        )
    options = {
        **({BRIDGE_NAME: bridge} if bridge else {}),
        **({MTU: str(size)} if (size := network.mtu or mtu) is not None else {}),
        **({MASQUERADE: "false"} if network.driver == "bridge" and not network.masquerade else {}),
        **({NO_ADDRESS: "true"} if network.driver == "bridge" and without else {}),
        **({"parent": network.parent} if network.parent is not None else {}),
        **({f"{network.driver}_mode": network.mode} if network.mode is not None else {}),
        **({"ipvlan_flag": network.flag} if network.flag is not None else {}),
        **({"encrypted": ""} if network.encrypted else {}),
        **network.options,
    }
    return DockerNetwork(
        name=network.name or key,
        driver=network.driver,
        owner=stack,
        subnets=subnets,
        internal=network.internal,
        ipv6=any(family(prefix) == 6 for prefix in network.subnets),
        options=options,
        attachable=network.attachable,
        ingress=network.ingress,
        labels={**network.labels, STACK_LABEL: stack},
        bridge=options.get(BRIDGE_NAME),
    )


def _subnet(
    prefix: str, stated: list[str], nobody: bool, ranges: list[str] | tuple[()], reserved: Mapping[str, str], chosen: str | None
) -> DockerSubnet:
    inside = {name: address for name, address in reserved.items() if _contains(prefix, address)}
    first = first_host(prefix)
    gateway = next(
        (address for address in stated if _contains(prefix, address)), None if nobody and first not in inside.values() else first
    )
    stated_range = next((part for part in ranges if _contains(prefix, part.partition("/")[0])), None)
    return DockerSubnet(
        subnet=prefix,
        gateway=gateway,
        ip_range=stated_range or chosen,
        range_chosen=stated_range is None and chosen is not None,
        # What is Docker's gateway is set apart by that; reserving it as well is refused ("Address already in use").
        reserved={name: address for name, address in sorted(inside.items()) if address != gateway},
    )


def _is_stated(prefix: str, stated: list[str]) -> bool:
    return any(_contains(prefix, address) for address in stated)


def _contains(prefix: str, address: str) -> bool:
    return ipaddress.ip_address(address) in ipaddress.ip_network(prefix)


def needs_forwarding(networks: Mapping[str, Network]) -> frozenset[int]:
    """The IP families that the host must forward for Docker's nftables backend to make the file's networks (moby: checkIPv4Forwarding)."""
    made = [
        network for network in networks.values() if network.docker_name and not network.spec.external and network.spec.driver == "bridge"
    ]
    stated = {family(subnet.prefix) for network in made for subnet in network.subnets}
    # One without a stated subnet gets one of Docker's, which is IPv4.
    return frozenset(stated | ({4} if any(not network.subnets for network in made) else set()))
