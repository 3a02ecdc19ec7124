"""From the file to what the host shall be: addresses, links, routes, names, ports."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from netwright.model.docker import Attachment, Container, DockerNetwork, DockerState, DockerSubnet, PortBinding
from netwright.model.netns import HOST, container, named
from netwright.model.route import Address, Route, Rule

sys.path.insert(0, str(Path(__file__).parent))

from scene import host, link, problems, resolved, state

LAB = """\
version: 1
name: lab
networks:
  lan: {subnets: [10.5.0.0/24, "fd00:5::/64"], mtu: 1400}
namespaces:
  a: {interfaces: {eth0: {network: lan}}}
  b: {interfaces: {eth0: {network: lan, address: 10.5.0.2}}}
"""


def cidrs(text: str, name: str, **kwargs: object) -> set[str]:
    namespace = resolved(text, **kwargs).desired.state.namespaces[named(name)]  # type: ignore[arg-type]
    return {address.cidr for address in namespace.addresses}


def test_an_endpoint_gets_an_address_in_each_subnet_and_never_a_stated_one() -> None:
    assert cidrs(LAB, "a") == {"10.5.0.3/24", "fd00:5::2/64"}
    assert cidrs(LAB, "b") == {"10.5.0.2/24", "fd00:5::3/64"}


def test_each_subnet_has_its_own_range_to_give_from() -> None:
    text = LAB.replace("mtu: 1400", 'ip_range: ["fd00:5::100/120", 10.5.0.64/26]')
    assert cidrs(text, "a") == {"10.5.0.64/24", "fd00:5::100/64"}


DOCKERS = """\
version: 1
name: lab
networks: {custom: {managed_by: docker, bridge: docker1, subnets: [172.30.0.0/16, "fd30::/64"]}}
namespaces: {a: {interfaces: {eth0: {network: custom}}}}
containers: {web: {networks: {custom: {address: 172.30.0.2}}}}
"""


def test_docker_gives_addresses_of_a_range_without_those_that_the_file_states() -> None:
    there = DockerNetwork(name="custom", driver="bridge", owner="lab", subnets=(DockerSubnet(subnet="172.30.0.0/16"),))
    made = resolved(DOCKERS, state(host(), docker=DockerState())).desired
    assert [(s.subnet, s.ip_range, s.range_chosen) for s in made.docker_networks["custom"].subnets] == [
        ("172.30.0.0/16", "172.30.128.0/17", True),
        ("fd30::/64", None, False),
    ]
    assert made.choices == ("networks.custom.ip_range: 172.30.128.0/17, so that Docker gives no other container 172.30.0.2 (web)",)
    assert made.warnings == ()
    standing = resolved(DOCKERS, state(host(), docker=DockerState(networks={"custom": there}))).desired
    assert (standing.choices, len(standing.warnings)) == ((), 1)


def test_a_stated_range_that_holds_a_stated_address_is_warned_of() -> None:
    text = DOCKERS.replace("subnets:", "ip_range: 172.30.0.0/24, subnets:")
    assert resolved(text, state(host(), docker=DockerState())).desired.warnings == (
        (
            "containers.web.networks.custom.address: 172.30.0.2 is not kept for web while it does not run, because Docker gives any "
            "container an address of 172.30.0.0/24; say ip_range: 172.30.128.0/17 in networks.custom"
        ),
    )


def test_a_lease_is_kept_when_the_file_changes_around_it() -> None:
    leases = {"lan/named/a/eth0/10.5.0.0/24": "10.5.0.77"}
    assert cidrs(LAB, "a", leases=leases) == {"10.5.0.77/24", "fd00:5::2/64"}
    assert resolved(LAB, leases=leases).leases["lan/named/a/eth0/10.5.0.0/24"] == "10.5.0.77"


def test_the_gateway_is_on_the_bridge_and_the_default_route_leads_there() -> None:
    desired = resolved(LAB).desired.state
    assert desired.namespaces[HOST].addresses == {
        Address(dev="br-lab-lan", cidr="10.5.0.1/24"),
        Address(dev="br-lab-lan", cidr="fd00:5::1/64", flags=2),
    }
    assert desired.namespaces[named("a")].routes == {
        Route(to="0.0.0.0/0", via="10.5.0.1", dev="eth0"),
        Route(to="::/0", via="fd00:5::1", dev="eth0"),
    }


UNTAKEN = {"net.ipv6.conf.br-lab-lan.accept_ra": "0"}
"""On its own bridge the host takes no router advertisements."""


def test_forwarding_follows_from_a_gateway_in_each_family() -> None:
    assert resolved(LAB).desired.state.namespaces[HOST].sysctls == {
        "net.ipv4.ip_forward": "1",
        "net.ipv6.conf.all.forwarding": "1",
        **UNTAKEN,
    }
    only4 = LAB.replace(', "fd00:5::/64"', "")
    assert resolved(only4).desired.state.namespaces[HOST].sysctls == {"net.ipv4.ip_forward": "1", **UNTAKEN}


def test_a_namespace_without_ipv6_addresses_has_no_ipv6() -> None:
    only4 = LAB.replace(', "fd00:5::/64"', "")
    assert resolved(only4).desired.state.namespaces[named("a")].sysctls == {"net.ipv6.conf.default.disable_ipv6": "1"}


def test_an_internal_network_has_no_way_out() -> None:
    text = LAB.replace("mtu: 1400", "internal: true")
    assert resolved(text).desired.state.namespaces[named("a")].routes == frozenset()
    assert resolved(text).desired.state.namespaces[HOST].sysctls == UNTAKEN


def test_default_route_false_and_true_choose_the_network() -> None:
    text = """\
version: 1
name: lab
networks: {one: {subnets: [10.1.0.0/24]}, two: {subnets: [10.2.0.0/24]}, three: {subnets: [10.3.0.0/24]}}
namespaces:
  first: {interfaces: {a: {network: one}, b: {network: two}}}
  second: {interfaces: {a: {network: one, default_route: false}, b: {network: two}}}
  third: {interfaces: {a: {network: one}, b: {network: two}, c: {network: three, default_route: true}}}
  stated: {interfaces: {a: {network: one}}, routes: [{to: default, via: 10.1.0.9}]}
"""
    namespaces = resolved(text).desired.state.namespaces
    ways = {name: {r.via for r in namespaces[named(name)].routes} for name in ("first", "second", "third", "stated")}
    assert ways == {"first": {"10.1.0.1"}, "second": {"10.2.0.1"}, "third": {"10.3.0.1"}, "stated": {"10.1.0.9"}}


def test_names_are_kept_once_for_the_whole_stack() -> None:
    desired = resolved(LAB).desired.state
    assert desired.files[HOST]["hosts"] == (
        "# netwright:lab\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
        "10.5.0.3\ta a.lab\nfd00:5::2\ta a.lab\n10.5.0.2\tb b.lab\nfd00:5::3\tb b.lab\n"
    )
    assert desired.files[named("a")] == {"hosts": "-> the stack's\n"}


def test_nameservers_make_a_resolv_conf() -> None:
    text = LAB.replace("a: {interfaces", "a: {nameservers: [10.5.0.53], search: [lab.example], interfaces")
    files = resolved(text).desired.state.files[named("a")]
    assert files["resolv.conf"] == "# netwright:lab\nnameserver 10.5.0.53\nsearch lab.example\n"


WEB = Container(
    name="web", id="ab" * 32, pid=4321, attachments={"custom": Attachment(network="custom", ipv4="172.30.0.10")}, labels={"app": "web"}
)
CUSTOM = DockerNetwork(
    name="custom", driver="bridge", owner="article", bridge="docker1", subnets=(DockerSubnet(subnet="172.30.0.0/16", gateway="172.30.0.1"),)
)
ARTICLE = """\
version: 1
name: article
networks: {custom: {managed_by: docker, bridge: docker1, subnets: [172.30.0.0/16]}}
namespaces:
  my_netns:
    interfaces:
      eth1: {nic: eth1, addresses: [10.0.0.1/8]}
      uplink: {network: custom, address: 172.30.0.2}
    publish: [{listen: "eth1:1234", from: [10.0.0.0/16], to: "web:1234"}]
containers: {web: {}}
"""


def a_docker_host(*containers: Container) -> DockerState:
    return DockerState(networks={"custom": CUSTOM}, containers={c.name: c for c in containers})


def test_a_publish_follows_a_containers_name_to_its_address() -> None:
    observed = state(host(link("eth1"), link("docker1")), docker=a_docker_host(WEB))
    table = resolved(ARTICLE, observed).desired.state.namespaces[named("my_netns")].table
    assert table is not None
    assert [(p.protocol, p.port, p.target, p.target_port) for p in table.published] == [("tcp", 1234, "172.30.0.10", 1234)]


def test_a_name_stands_for_the_addresses_that_the_stack_can_reach_and_for_a_nics_last() -> None:
    web = replace(
        WEB,
        attachments={
            "bridge": Attachment(network="bridge", ipv4="172.17.0.2"),
            "custom": Attachment(network="custom", ipv4="172.30.0.10"),
        },
    )
    observed = state(host(link("eth1"), link("docker1")), docker=a_docker_host(web))
    assert resolved(ARTICLE, observed).desired.state.files[HOST]["hosts"].splitlines()[3:] == [
        "172.30.0.2\tmy_netns my_netns.article",
        "10.0.0.1\tmy_netns my_netns.article",
        "172.30.0.10\tweb web.article",
    ]
    elsewhere = replace(WEB, attachments={"bridge": Attachment(network="bridge", ipv4="172.17.0.2")})
    observed = state(host(link("eth1"), link("docker1")), docker=a_docker_host(elsewhere))
    assert resolved(ARTICLE, observed).desired.state.files[HOST]["hosts"].splitlines()[-1] == "172.17.0.2\tweb web.article"
    stated = ARTICLE.replace("containers: {web: {}}", "containers: {web: {networks: {custom: {address: 172.30.0.10}}}}")
    assert resolved(stated, observed).desired.state.files[HOST]["hosts"].splitlines()[-1] == "172.30.0.10\tweb web.article"


def test_a_container_that_does_not_run_is_waited_for() -> None:
    observed = state(host(link("eth1")), docker=a_docker_host())
    result = resolved(ARTICLE, observed)
    assert result.problems == ()
    assert result.desired.waiting == ("namespaces.my_netns.publish[0] waits for the container web to run",)
    assert result.desired.state.namespaces[named("my_netns")].table is None


def test_a_container_is_waited_for_with_the_reason_where_docker_does_not_answer() -> None:
    text = "version: 1\nname: lab\nnetworks: {lan: {subnets: [10.5.0.0/24]}}\ncontainers: {web: {interfaces: {e1: {network: lan}}}}\n"
    observed = state(host(), docker=DockerState(reachable=False, why="no Docker Engine answers"))
    assert resolved(text, observed).desired.waiting == (
        "containers.web: its interfaces wait for the container to run: no Docker Engine answers",
    )


def test_what_a_namespace_uses_is_reserved_in_dockers_ipam() -> None:
    observed = state(host(link("eth1")), docker=a_docker_host())
    network = resolved(ARTICLE, observed).desired.docker_networks["custom"]
    assert [dict(s.reserved) for s in network.subnets] == [{"my_netns-uplink": "172.30.0.2"}]


def test_an_address_that_a_container_has_is_not_given_out() -> None:
    taken = Container(name="db", id="cd" * 32, pid=99, attachments={"custom": Attachment(network="custom", ipv4="172.30.0.2")})
    text = ARTICLE.replace(", address: 172.30.0.2", "")
    observed = state(host(link("eth1")), docker=a_docker_host(taken))
    desired = resolved(text, observed).desired.state.namespaces[named("my_netns")]
    assert "172.30.0.3/16" in {a.cidr for a in desired.addresses}


def test_a_port_that_docker_publishes_already_is_shut_for_the_others() -> None:
    published = Container(
        name="web",
        id="ab" * 32,
        pid=4321,
        attachments=WEB.attachments,
        bindings=(PortBinding(protocol="tcp", host_ip="0.0.0.0", host_port=8080, container_port=80),),
    )
    text = "version: 1\nname: shop\ncontainers: {web: {publish: [{listen: 8080, from: [10.0.0.0/16], to: 80}]}}\n"
    result = resolved(text, state(host(), docker=a_docker_host(published)))
    table = result.desired.state.namespaces[HOST].table
    assert result.problems == ()
    assert table is not None
    assert table.published == frozenset()
    assert "dnat ip" not in table.text


def test_a_port_that_docker_publishes_for_another_container_is_a_problem() -> None:
    other = Container(
        name="db", id="cd" * 32, pid=9, bindings=(PortBinding(protocol="tcp", host_ip="0.0.0.0", host_port=8080, container_port=80),)
    )
    text = 'version: 1\nname: shop\ncontainers: {web: {publish: ["8080:80"]}}\n'
    assert problems(text, state(host(), docker=a_docker_host(WEB, other))) == [
        "file.yaml:3:30: containers.web.publish[0]: Docker publishes port 8080/tcp already, for db"
    ]


def test_preserve_leads_the_replies_of_the_target_back() -> None:
    text = """\
version: 1
name: lab
networks: {lan: {subnets: [10.5.0.0/24]}}
namespaces:
  web: {interfaces: {eth0: {network: lan, address: 10.5.0.10}}}
  gate:
    interfaces: {up: {network: lan, address: 10.5.0.2}}
    publish: [{listen: 8080, from: [192.0.2.0/24], to: "web:80", source: preserve}]
"""
    web = resolved(text).desired.state.namespaces[named("web")]
    (rule,) = web.rules
    assert rule == Rule(
        family=4,
        priority=7800,
        table=rule.table,
        from_="10.5.0.10/32",
        to="192.0.2.0/24",
        ip_protocol="tcp",
        source_ports=(80, 80),
    )
    assert rule.table >= 780_000
    assert {route for route in web.routes if route.table == rule.table} == {
        Route(to="0.0.0.0/0", via="10.5.0.2", dev="eth0", source="10.5.0.10", table=rule.table),
        Route(to="10.5.0.0/24", dev="eth0", table=rule.table),
    }


def test_subnets_that_the_host_or_docker_uses_are_problems() -> None:
    routes = frozenset({Route(to="10.5.0.0/16", dev="wg0", protocol=3), Route(to="0.0.0.0/0", via="192.0.2.1", dev="eth0", protocol=3)})
    docker = DockerState(
        networks={"bridge": DockerNetwork(name="bridge", driver="bridge", subnets=(DockerSubnet(subnet="172.17.0.0/16"),))}
    )
    text = "version: 1\nname: lab\nnetworks: {a: {subnets: [10.5.0.0/24]}, b: {subnets: [172.17.9.0/24]}}\ncontainers: {web: {}}\n"
    assert problems(text, state(host(link("wg0"), link("eth0"), routes=routes), docker=docker)) == [
        (
            "file.yaml:3:26: networks.a.subnets[0]: 10.5.0.0/24 overlaps 10.5.0.0/16, which the host reaches through wg0\n"
            "    hint: choose another subnet"
        ),
        (
            "file.yaml:3:55: networks.b.subnets[0]: 172.17.9.0/24 overlaps 172.17.0.0/16, which is Docker's network bridge\n"
            "    hint: choose another subnet"
        ),
    ]


def test_a_nic_that_may_not_be_taken_says_why() -> None:
    def wanting(nic: str) -> str:
        return f"version: 1\nname: lab\nnamespaces: {{a: {{interfaces: {{x: {{nic: {nic}}}}}}}}}\n"

    routes = frozenset({Route(to="0.0.0.0/0", via="192.0.2.1", dev="eth0", protocol=3)})
    observed = state(host(link("eth0"), link("eth1", master="br7"), link("eth2", alias="netwright-loan:other"), link("br7"), routes=routes))
    found = {nic: problems(wanting(nic), observed)[0].split(": ", 2)[2] for nic in ("eth1", "eth2", "eth3")}
    assert found == {
        "eth1": "eth1 is a port of br7, which is somebody else's\n    hint: release it first: ip link set eth1 nomaster",
        "eth2": "eth2 is lent to the stack other already\n    hint: netwright destroy other gives it back",
        "eth3": "there is no NIC eth3 on the host\n    hint: there are: br7, eth0, eth1, eth2",
    }


def test_a_running_container_gets_interfaces() -> None:
    text = """\
version: 1
name: lab
networks: {lan: {subnets: [10.5.0.0/24]}}
containers: {web: {interfaces: {eth7: {network: lan}}}}
"""
    desired = resolved(text, state(host(), docker=a_docker_host(WEB))).desired.state
    assert {a.cidr for a in desired.namespaces[container("web", 4321)].addresses} == {"10.5.0.2/24"}
    assert desired.namespaces[container("web", 4321)].routes == frozenset()
