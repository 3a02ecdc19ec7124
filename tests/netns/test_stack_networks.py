"""What a network and an interface on it may say: internal, no masquerading, no gateway, a second subnet, sizes, names, states."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from stacks import HOST, Stacks, addresses, ask, devices, ip, outside, reaches, routes, run, serving, witness


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[Stacks]:
    with outside():
        made = Stacks(tmp_path / "state")
        yield made
        made.destroy_all()


def lan(keys: str, a: str = "address: [10.30.0.10, 'fd30::10']", b: str = "address: [10.30.0.11, 'fd30::11']") -> str:
    return (
        "version: 1\nname: nets\n"
        f"networks: {{lan: {{bridge: br-nets, subnets: [10.30.0.0/24, 'fd30::/64']{keys}}}}}\n"
        "namespaces:\n"
        f"  one: {{interfaces: {{eth0: {{network: lan, {a}}}}}}}\n"
        f"  two: {{interfaces: {{eth0: {{network: lan, {b}}}}}}}\n"
    )


@pytest.mark.parametrize(
    ("subnet", "inside", "gateway", "client", "host", "anywhere"),
    [
        ("10.30.0.0/24", "10.30.0.10", "10.30.0.1", "10.9.0.9", "10.9.0.1", "0.0.0.0"),
        ("fd30::/64", "fd30::10", "fd30::1", "fd09::9", "fd09::1", "::"),
    ],
)
def test_nothing_enters_or_leaves_an_internal_network_and_inside_all_works(
    stacks: Stacks, subnet: str, inside: str, gateway: str, client: str, host: str, anywhere: str
) -> None:
    open_too = "networks: {open: {subnets: [10.31.0.0/24, 'fd31::/64']}, "
    internal = lan(", internal: true").replace("networks: {", open_too)
    # The same with a network that is not internal: it is not for want of a route or of forwarding.
    stacks.apply(internal.replace("internal: true", "internal: false"))
    with serving("ext", anywhere, 7), serving("one", anywhere, 80):
        run("ip", "route", "add", subnet, "via", host, netns="ext")
        assert ask("one", client, 7) == f"served 7 {host}"
        assert ask("ext", inside, 80).startswith("served 80")
        stacks.apply(internal)
        run("ip", "route", "add", "default", "via", gateway, netns="one")
        assert ask("two", inside, 80).startswith("served 80")
        assert ask(HOST, inside, 80).startswith("served 80")
        assert not ask("one", client, 7, seconds=1).startswith("served")
        assert not ask("ext", inside, 80, seconds=1).startswith("served")


def test_an_internal_network_gives_no_default_route(stacks: Stacks) -> None:
    stacks.apply(lan(", internal: true"))
    assert routes("one") == []
    assert run("sysctl", "-n", "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding").split() == ["0", "0"]


@pytest.mark.parametrize(("client", "inside", "host"), [("10.9.0.9", "10.30.0.10", "10.9.0.1"), ("fd09::9", "fd30::10", "fd09::1")])
def test_masquerade_false_leaves_the_source_alone(stacks: Stacks, client: str, inside: str, host: str) -> None:
    stacks.apply(lan(", masquerade: false"))
    run("ip", "route", "add", "fd30::/64" if ":" in inside else "10.30.0.0/24", "via", host, netns="ext")
    with serving("ext", "::" if ":" in client else "0.0.0.0", 7):
        assert ask("one", client, 7) == f"served 7 {inside}"
        stacks.apply(lan(", masquerade: true"))
        assert ask("one", client, 7) == f"served 7 {host}"


def test_without_a_gateway_the_host_is_not_on_the_network(stacks: Stacks) -> None:
    stacks.apply(lan(", gateway: none"))
    assert addresses("br-nets") == []
    assert routes("one") == []
    assert reaches("one", "10.30.0.11")
    assert reaches("one", "fd30::11")
    assert run("nft", "list", "tables") == ""


def test_a_second_subnet_of_a_family_is_another_address_and_another_gateway(stacks: Stacks) -> None:
    text = (
        lan("")
        .replace("subnets: [10.30.0.0/24, 'fd30::/64']", "subnets: [10.30.0.0/24, 10.33.0.0/24, 'fd30::/64']")
        .replace("'fd30::10'", "10.33.0.77, 'fd30::10'")
    )
    stacks.apply(text)
    assert addresses("br-nets") == ["10.30.0.1/24", "10.33.0.1/24", "fd30::1/64"]
    assert addresses("eth0", "one") == ["10.30.0.10/24", "10.33.0.77/24", "fd30::10/64"]
    assert addresses("eth0", "two") == ["10.30.0.11/24", "10.33.0.2/24", "fd30::11/64"]
    assert reaches("two", "10.33.0.77")
    with serving("ext", "10.9.0.9", 7):
        run("ip", "route", "replace", "default", "via", "10.33.0.1", netns="one")
        assert ask("one", "10.9.0.9", 7) == "served 7 10.9.0.1"


def test_sizes_hardware_addresses_and_port_names_are_as_written(stacks: Stacks) -> None:
    text = lan(", mtu: 1300", "address: [10.30.0.10, 'fd30::10'], mac: '02:00:00:00:77:01', port: to-one", "mtu: 1350, port: to-two")
    stacks.apply(text)
    assert {name: ip("link", "show", "dev", name)[0]["mtu"] for name in ("br-nets", "to-one", "to-two")} == {
        "br-nets": 1300,
        "to-one": 1300,
        "to-two": 1350,
    }
    (one,) = ip("link", "show", "dev", "eth0", netns="one")
    assert (one["mtu"], one["address"]) == (1300, "02:00:00:00:77:01")
    assert ip("link", "show", "dev", "eth0", netns="two")[0]["mtu"] == 1350
    assert [x["ifname"] for x in ip("link", "show", "master", "br-nets")] == ["to-one", "to-two"]
    # Changed in place: the index stays.
    index = one["ifindex"]
    stacks.apply(text.replace("mtu: 1300", "mtu: 1400").replace("77:01", "77:02"))
    (one,) = ip("link", "show", "dev", "eth0", netns="one")
    assert (one["mtu"], one["address"], one["ifindex"]) == (1400, "02:00:00:00:77:02", index)
    # Another name for the port: a new pair.
    stacks.apply(text.replace("to-one", "into-one"))
    assert devices() == ["br-nets", "eth1", "into-one", "to-two"]


def test_an_interface_that_shall_be_down_is_down_and_comes_up_later(stacks: Stacks) -> None:
    down = lan("", "address: [10.30.0.10, 'fd30::10'], up: false")
    routed = down.replace("up: false}}", "up: false}}, routes: [{to: 192.0.2.0/24, via: 10.30.0.9}]")
    assert stacks.apply(routed).waiting == ("the route to 192.0.2.0/24 in one waits for eth0, which shall be down",)
    stacks.apply(down)
    assert "UP" not in ip("link", "show", "dev", "eth0", netns="one")[0]["flags"]
    assert addresses("eth0", "one") == ["10.30.0.10/24", "fd30::10/64"]
    assert not reaches("two", "10.30.0.10")
    stacks.apply(lan(""))
    up = witness()
    assert reaches("two", "10.30.0.10")
    assert reaches("two", "fd30::10")
    assert routes("one")[0] == "default via 10.30.0.1 dev eth0 proto 78"
    stacks.apply(down)
    stacks.apply(lan(""))
    assert witness() == up


def test_a_gateways_mac_stays_whatever_port_comes(stacks: Stacks) -> None:
    stacks.apply(lan(""))
    (bridge,) = ip("link", "show", "dev", "br-nets")
    # The kernel would give the bridge the lowest of its ports' MACs.
    run("ip", "link", "add", "low0", "address", "00:00:00:00:00:01", "type", "veth", "peer", "name", "low1")
    run("ip", "link", "set", "low0", "master", "br-nets", "up")
    assert ip("link", "show", "dev", "br-nets")[0]["address"] == bridge["address"]
    run("ip", "link", "del", "low0")
    assert bridge["address"][1] in "26ae"


TWO = """\
version: 1
name: ways
networks:
  one: {bridge: br-one, subnets: [10.30.0.0/24, "fd30::/64"]}
  two: {bridge: br-two, subnets: [10.31.0.0/24, "fd31::/64"]}
namespaces:
  host-a:
    interfaces:
      eth0: {network: one}
      eth1: {network: two}
"""


def defaults(netns: str) -> list[str]:
    return [line.split(" proto")[0].removeprefix("default via ") for line in routes(netns) if line.startswith("default")]


def test_the_first_network_is_the_way_out_unless_told_otherwise(stacks: Stacks) -> None:
    stacks.apply(TWO)
    assert defaults("host-a") == ["10.30.0.1 dev eth0", "fd30::1 dev eth0"]
    stacks.apply(TWO.replace("eth0: {network: one}", "eth0: {network: one, default_route: false}"))
    assert defaults("host-a") == ["10.31.0.1 dev eth1", "fd31::1 dev eth1"]
    stacks.apply(TWO.replace("network: two}", "network: two, default_route: true}"))
    assert defaults("host-a") == ["10.31.0.1 dev eth1", "fd31::1 dev eth1"]
    stacks.apply(TWO + "    routes: [{to: default, via: 10.31.0.1, metric: 7}]\n")
    assert defaults("host-a") == ["10.31.0.1 dev eth1", "fd30::1 dev eth0"]
    stacks.apply(
        TWO.replace("network: one}", "network: one, default_route: false}").replace("network: two}", "network: two, default_route: false}")
    )
    assert defaults("host-a") == []
