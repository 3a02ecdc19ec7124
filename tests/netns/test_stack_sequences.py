"""Any file after any other: apply converges, and the host is what a fresh apply of the second makes of it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stacks import Stacks, witness

NETWORKS = {"lan": ("10.30.0.0/24", "fd30::/64"), "dmz": ("10.31.0.0/24", "fd31::/64")}
NAMES = ("web", "mate", "gate")


@st.composite
def networks(draw: st.DrawFn) -> dict[str, Any]:
    found = {}
    for name in draw(st.lists(st.sampled_from(sorted(NETWORKS)), unique=True, min_size=1)):
        families = draw(st.sampled_from([(0,), (1,), (0, 1)]))
        network: dict[str, Any] = {
            "subnets": [NETWORKS[name][family] for family in families],
            "bridge": f"br-{draw(st.sampled_from('xy'))}{name}",
        }
        network |= draw(st.sampled_from([{}, {"internal": True}, {"masquerade": False}, {"gateway": "none"}, {"mtu": 1400}, {"stp": True}]))
        found[name] = network
    return found


@st.composite
def specs(draw: st.DrawFn) -> str:
    nets = draw(networks())
    namespaces: dict[str, Any] = {}
    for number, name in enumerate(NAMES):
        if not draw(st.booleans()):
            continue
        interfaces: dict[str, Any] = {}
        for interface in draw(st.lists(st.sampled_from(["eth0", "eth1"]), unique=True)):
            network = draw(st.sampled_from(sorted(nets)))
            stated = [
                f"{s.partition('/')[0].removesuffix('.0')}{'.' if '.' in s else ''}{10 + 2 * number + (interface == 'eth1')}"
                for s in nets[network]["subnets"]
            ]
            interfaces[interface] = {"network": network, "address": stated} | draw(
                st.sampled_from([{}, {"up": False}, {"mtu": 1300}, {"default_route": False}])
            )
        namespaces[name] = {"interfaces": interfaces}
        if draw(st.booleans()):
            namespaces[name]["sysctls"] = {"net.ipv4.ip_default_ttl": draw(st.sampled_from([64, 77]))}
        if draw(st.booleans()):
            namespaces[name]["routes"] = [{"to": "192.0.2.0/24", "type": draw(st.sampled_from(["blackhole", "prohibit"]))}]
    present = sorted(namespaces)
    if len(present) > 1 and draw(st.booleans()):
        namespaces[present[0]]["interfaces"]["p0"] = {
            "peer": {"namespace": present[1], "interface": "p1"},
            "addresses": ["10.40.0.1/24", "fd40::1/64"],
        }
    reachable = [name for name in present if any("network" in i for i in namespaces[name]["interfaces"].values())]
    host: dict[str, Any] = {}
    # The host must be on the target's network to keep the client's address.
    ways = ["masquerade"] if any(network.get("gateway") == "none" for network in nets.values()) else ["masquerade", "preserve"]
    if reachable and draw(st.booleans()):
        host["publish"] = [{"listen": 8080, "to": f"{draw(st.sampled_from(reachable))}:80", "source": draw(st.sampled_from(ways))}]
    return yaml.safe_dump({"version": 1, "name": "any", "networks": nets, "namespaces": namespaces, "host": host}, sort_keys=False)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.lists(specs(), min_size=2, max_size=3))
def test_the_last_of_several_files_decides(files: list[str]) -> None:
    before = witness()
    with tempfile.TemporaryDirectory() as folder:
        stacks = Stacks(Path(folder))
        try:
            for text in files:
                stacks.apply(text)
            reached = witness()
            stacks.destroy("any")
            assert witness() == before
            stacks.apply(files[-1])
            assert witness() == reached
        finally:
            stacks.destroy_all()
    assert witness() == before
