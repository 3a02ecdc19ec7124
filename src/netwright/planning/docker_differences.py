"""In what a Docker network is not as wanted, in words."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping

from netwright.model.address import family
from netwright.model.docker import STACK_LABEL, DockerNetwork, DockerSubnet

ENGINE_OPTIONS = (
    "com.docker.network.enable_ipv4",
    "com.docker.network.enable_ipv6",
    "com.docker.network.driver.overlay.vxlanid_list",
)
"""Newer engines write these among a network's options themselves."""


def differences(wanted: DockerNetwork, there: DockerNetwork) -> Iterator[str]:
    """In what a network of ours is not as wanted: a clause for each difference, "its driver is macvlan, not bridge".

    What the file does not state is Docker's choice and no difference: a gateway, subnets. Options and labels are compared whole, since
    nobody but the stack can have set those of its network: one that has left the file is a difference.
    """
    if wanted.driver != there.driver:
        yield f"its driver is {there.driver}, not {wanted.driver}"
    if wanted.internal != there.internal:
        yield "it is not internal" if wanted.internal else "it is internal"
    if wanted.ipv6 != there.ipv6:
        yield "it has no IPv6" if wanted.ipv6 else "it has IPv6"
    if wanted.attachable != there.attachable:
        yield "containers cannot join it" if wanted.attachable else "containers can join it"
    if wanted.ingress != there.ingress:
        yield "it is not the swarm's ingress network" if wanted.ingress else "it is the swarm's ingress network"
    for version in (4, 6):
        yield from _subnet_differences(_of_family(wanted.subnets, version), _of_family(there.subnets, version))
    ignored = {option: value for option, value in there.options.items() if option in ENGINE_OPTIONS and option not in wanted.options}
    yield from _mapping_differences("option", wanted.options, {k: v for k, v in there.options.items() if k not in ignored})
    yield from _mapping_differences("label", _unmarked(wanted.labels), _unmarked(there.labels))


def _subnet_differences(wanted: Mapping[str, DockerSubnet], there: Mapping[str, DockerSubnet]) -> Iterator[str]:
    if not wanted:
        return
    if wanted.keys() != there.keys():
        yield (
            f"its {_plural('subnet', there)} {are(there)} {listed(there)}, not {listed(wanted)}" if there else f"it lacks {listed(wanted)}"
        )
        return
    for prefix, want in wanted.items():
        have = there[prefix]
        if want.gateway is not None and want.gateway != have.gateway:
            yield f"its gateway in {prefix} is {have.gateway or 'nobody'}, not {want.gateway}"
        if want.ip_range != have.ip_range and not want.range_chosen:
            yield f"containers get addresses of {have.ip_range or prefix}, not of {want.ip_range or prefix}"
        elif free := _allocatable(want, have):
            yield f"{listed(free)} {are(free)} not reserved in it"


def _allocatable(want: DockerSubnet, have: DockerSubnet) -> list[str]:
    """The addresses that must not go to a container, and can."""
    pool = ipaddress.ip_network(have.ip_range or have.subnet)
    kept = {have.gateway, *have.reserved.values()}
    return sorted(
        {address for address in want.reserved.values() if address not in kept and ipaddress.ip_address(address) in pool},
        key=lambda address: int(ipaddress.ip_address(address)),
    )


def _mapping_differences(what: str, wanted: Mapping[str, str], there: Mapping[str, str]) -> Iterator[str]:
    for key in sorted(wanted.keys() | there.keys()):
        if key not in there:
            yield f"it has not the {what} {key}={wanted[key]}"
        elif key not in wanted:
            yield f"it has the {what} {key}={there[key]}"
        elif wanted[key] != there[key]:
            yield f"its {what} {key} is {there[key]}, not {wanted[key]}"


def _of_family(subnets: Iterable[DockerSubnet], version: int) -> dict[str, DockerSubnet]:
    return {subnet.subnet: subnet for subnet in subnets if family(subnet.subnet) == version}


def _unmarked(labels: Mapping[str, str]) -> dict[str, str]:
    """Without our mark: whose it is was asked before."""
    return {key: value for key, value in labels.items() if key != STACK_LABEL}


def listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def are(names: Mapping[str, object] | list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _plural(word: str, names: Mapping[str, object]) -> str:
    return word if len(names) == 1 else f"{word}s"
