"""Policies on one host: who is meant by a name, where they are in force, and what waits."""

from __future__ import annotations

import ipaddress
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from netwright.errors import Refused
from netwright.kinds.bridge import Bridge
from netwright.model.docker import Attachment, Container, DockerNetwork, DockerState, DockerSubnet, PortBinding
from netwright.model.firewall import ForwardFilter, Table
from netwright.model.netns import HOST, named
from netwright.model.state import State
from netwright.resolve.internet import internet, without

sys.path.insert(0, str(Path(__file__).parent))

from scene import host, link, planned, resolved, state

SHOP = """\
version: 1
name: shop
networks: {lan: {bridge: br-shop, subnets: [10.30.0.0/24, "fd30::/64"]}}
namespaces:
  web: {interfaces: {eth0: {network: lan, address: [10.30.0.10, "fd30::10"]}}}
  pub:
    interfaces: {uplink: {network: lan, address: [10.30.0.2, "fd30::2"]}}
    publish: [{listen: 1234, to: "web:80"}]
containers:
  db: {docker: shop-db-1}
  jobs: {docker: {label: role=job}}
"""
BRIDGE = DockerNetwork(
    name="bridge", driver="bridge", bridge="docker0", subnets=(DockerSubnet(subnet="172.17.0.0/16", gateway="172.17.0.1"),)
)


def box(name: str, address: str, *, pid: int = 7, **labels: str) -> Container:
    return Container(
        name=name, pid=pid, attachments={"bridge": Attachment(network="bridge", ipv4=address)} if address else {}, labels=labels
    )


def docker(*containers: Container) -> State:
    engine = DockerState(networks={"bridge": BRIDGE}, containers={one.name: one for one in containers})
    return state(host(sysctls={"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1", **BRIDGED}), docker=engine)


BRIDGED = {"net.bridge.bridge-nf-call-iptables": "1", "net.bridge.bridge-nf-call-ip6tables": "1"}


def policies(*written: str) -> str:
    return SHOP + "policies:\n" + "".join(f"  - {{{one}}}\n" for one in written)


def table(text: str, observed: State, where: str = "") -> Table:
    found = resolved(text, observed)
    assert found.problems == ()
    there = found.desired.state.namespaces[named(where) if where else HOST].policies
    assert there is not None
    return there


def test_names_are_addresses_of_both_ip_versions() -> None:
    text = policies("name: a, from: [web, lan, host, jobs, 192.0.2.0/24], to: db")
    elements = table(
        text, docker(box("shop-db-1", "172.17.0.2"), box("j1", "172.17.0.3", role="job"), box("j2", "172.17.0.5", role="job"))
    ).elements
    assert elements["p_a_from4"] == {"10.30.0.0/24", "172.17.0.3", "172.17.0.5", "192.0.2.0/24"}
    assert elements["p_a_from6"] == {"fd30::/64"}
    assert elements["p_a_to4"] == elements["closed_to4"] == {"172.17.0.2"}
    assert elements["p_a_to6"] == frozenset()
    assert elements["within"] == {'"br-shop" . "br-shop"', '"docker0" . "docker0"'}


def test_a_container_with_another_address_is_a_change_of_elements() -> None:
    text = policies("name: a, from: web, to: db")
    before, after = (table(text, docker(box("shop-db-1", address))) for address in ("172.17.0.2", "172.17.0.9"))
    assert before.digest == after.digest
    assert (before.elements["p_a_to4"], after.elements["p_a_to4"]) == ({"172.17.0.2"}, {"172.17.0.9"})


def test_a_container_that_is_not_there_is_waited_for_and_the_rules_stand_without_it() -> None:
    text = policies("name: a, from: jobs, to: db, ports: 5432", "name: b, from: db, to: internet, action: deny")
    absent = resolved(text, docker()).desired
    assert absent.waiting == (
        "policies[0] (a) waits for the container jobs to run",
        "policies[0] (a) waits for the container db to run",
        "policies[1] (b) waits for the container db to run",
    )
    there = table(text, docker(box("shop-db-1", "172.17.0.2"), box("j1", "172.17.0.3", role="job")))
    assert (table(text, docker()).digest, table(text, docker()).elements["closed_to4"]) == (there.digest, frozenset())


def test_a_container_in_the_hosts_network_has_no_address_of_its_own() -> None:
    shared = Container(name="shop-db-1", pid=7, host_network=True)
    found = resolved(policies("name: a, from: web, to: db"), docker(shared)).desired
    assert found.warnings == ("the container shop-db-1 has the host's network, so no policy for db holds for it: name host",)


def test_containers_whose_packets_do_not_pass_the_host_are_told() -> None:
    lan = DockerNetwork(name="lan", driver="macvlan")
    on_the_wire = Container(name="shop-db-1", pid=7, attachments={"lan": Attachment(network="lan", ipv4="192.0.2.9")})
    engine = DockerState(networks={"lan": lan}, containers={"shop-db-1": on_the_wire})
    text = policies("name: a, from: web, to: [db, web]").replace("db: {", "db: {interfaces: {eth7: {nic: eth7}, eth8: {network: lan}}, ")
    found = resolved(text, state(host(link("eth7")), docker=engine)).desired
    assert found.warnings == (
        "no policy holds for the container shop-db-1 on the network lan: by macvlan its packets do not pass the host",
        "no policy holds for containers.db.interfaces.eth7: what comes and goes there does not pass the host",
    )


def test_bridges_of_others_whose_frames_will_pass_a_forward_that_drops_are_told() -> None:
    bridges = [
        Bridge(name=name, alias="", up=True, mtu=1500, mac=f"02:00:00:00:07:0{n}", master="")
        for n, name in enumerate(("docker0", "virbr0"))
    ]
    engine = DockerState(networks={"bridge": BRIDGE})

    def told(written: str, forward: ForwardFilter) -> tuple[str, ...]:
        observed = state(host(link("eth0"), *bridges, sysctls=BRIDGED), docker=engine, forward=forward)
        return resolved(policies(written), observed).desired.warnings

    drops = ForwardFilter(drops=frozenset({4}), docker_user=frozenset({4, 6}))
    assert told("name: a, to: db", drops) == (
        (
            "policies within a bridge need br_netfilter, which is off: when it is on, what is within virbr0 passes iptables' FORWARD as well,"
            " which drops what it does not know"
        ),
    )
    assert told("name: a, to: db", replace(drops, bridge_calls_iptables=frozenset({4, 6}))) == ()
    assert told("name: a, to: db", ForwardFilter()) == ()
    assert told("name: a, from: lan, to: internet, ports: 25", drops) == ()


def test_a_namespace_on_a_network_that_is_no_bridge_keeps_its_policies_itself() -> None:
    wire = SHOP.replace(
        "namespaces:",
        "  wire: {driver: macvlan, parent: eth0, subnets: [10.40.0.0/24]}\nnamespaces:\n  far: {interfaces: {eth0: {network: wire}}}",
    )
    text = wire.replace("networks: {lan: {", "networks:\n  lan: {").replace('"fd30::/64"]}}', '"fd30::/64"]}')
    text += "policies:\n  - {name: a, from: 10.40.0.0/25, to: far}\n"
    found = resolved(text, state(host(link("eth0")), docker=DockerState())).desired.state.namespaces
    assert found[named("far")].policies is not None
    assert found[named("web")].policies is None


def test_policies_are_in_force_on_the_host_and_where_clients_are_hidden_from_it() -> None:
    found = resolved(policies("name: a, from: 192.0.2.0/24, to: web, ports: 1234"), docker()).desired.state.namespaces
    assert sorted(ref.name or "host" for ref, namespace in found.items() if namespace.policies) == ["host", "pub"]
    assert found[HOST].policies is not None
    assert found[HOST].policies.elements["passages4"] == {"10.30.0.2 . 10.30.0.10 . 6 . 80"}
    assert found[named("pub")].policies is not None
    assert "passages4" not in found[named("pub")].policies.elements, "what it publishes itself it judges"


def test_a_port_that_docker_publishes_leads_to_its_container_where_dockers_proxy_takes_it() -> None:
    ports = ((5433, "0.0.0.0"), (5434, "::"), (5434, "10.9.0.1"))
    bindings = tuple(PortBinding(protocol="tcp", host_ip=ip, host_port=port, container_port=5432) for port, ip in ports)
    database = replace(box("shop-db-1", "172.17.0.2"), bindings=bindings)
    found = table(policies("name: a, from: web, to: db, ports: [5433, 53/udp, icmp]", "name: b, from: lan, to: web"), docker(database))
    assert found.elements["p_a_proxied4"] == found.elements["closed_proxied4"] == {"0.0.0.0/0 . 6 . 5433", "10.9.0.1 . 6 . 5434"}
    assert found.elements["p_a_proxied6"] == {"::/0 . 6 . 5434"}
    inbound = found.text.partition("\tchain inbound {\n")[2].partition("\t}\n")[0]
    flow = "ct reply ip saddr . meta l4proto . ct original proto-dst"
    asked = "meta l4proto . ct original proto-dst @p_a_ports"
    assert [line.strip() for line in inbound.splitlines() if "proxied4" in line] == [
        f"ct original ip saddr @p_a_from4 meta l4proto tcp {flow} @p_a_proxied4 {asked} goto p_a",
        f"ct original ip saddr @p_a_from4 meta l4proto udp {flow} @p_a_proxied4 {asked} goto p_a",
        f"meta l4proto tcp {flow} @closed_proxied4 goto closed_off",
        f"meta l4proto udp {flow} @closed_proxied4 goto closed_off",
    ]


def test_br_netfilter_is_needed_where_members_are_targets() -> None:
    for written, needed in (
        ("name: a, from: lan, to: internet, ports: 25, action: deny", False),
        ("name: a, from: lan, to: host, ports: 25", False),
        ("name: a, from: lan, to: 10.30.0.128/25", True),
        ("name: a, from: lan, action: deny", True),
        ("name: a, to: db", True),
    ):
        sysctls = resolved(policies(written), docker()).desired.state.namespaces[HOST].sysctls
        assert ("net.bridge.bridge-nf-call-iptables" in sysctls) is needed, written


def test_a_kernel_without_br_netfilter_is_told_of_before_anything_is_touched() -> None:
    with pytest.raises(Refused) as refused:
        planned(policies("name: a, to: db"), state(host()))
    assert str(refused.value).splitlines() == [
        f"the kernel has no sysctl {key} in the host; policies within a bridge need it: modprobe br_netfilter" for key in BRIDGED
    ]


def test_the_internet_is_what_no_range_is_set_aside_for() -> None:
    found = internet(frozenset({"8.8.4.0/24", "2a00::/16"}))
    networks = [ipaddress.ip_network(prefix) for prefix in found]

    def is_in(address: str) -> bool:
        ip = ipaddress.ip_address(address)
        return any(ip in network for network in networks)

    outside = ["1.1.1.1", "8.8.8.8", "100.128.0.1", "172.32.0.1", "223.255.255.1", "2620:fe::fe", "64:ff9b::808:808", "2a01::1"]
    inside = [
        *("10.1.1.1", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.31.0.1", "192.168.1.1", "198.18.0.1", "203.0.113.1", "224.0.0.1"),
        *("240.0.0.1", "255.255.255.255", "8.8.4.4", "::1", "fe80::1", "fd00::1", "ff02::1", "2001:db8::1", "2002::1", "2a00::1"),
    ]
    assert [address for address in outside if not is_in(address)] == []
    assert [address for address in inside if is_in(address)] == []


def test_a_subnet_is_cut_out_of_prefixes() -> None:
    assert sorted(without(("10.30.0.0/23", "192.0.2.0/24", "fd00::/8"), "10.30.0.0/24")) == ["10.30.1.0/24", "192.0.2.0/24", "fd00::/8"]
    assert without(("10.30.0.7/32",), "10.30.0.0/24") == ()
    assert without(("10.30.0.7/32",), None) == ("10.30.0.7/32",)
