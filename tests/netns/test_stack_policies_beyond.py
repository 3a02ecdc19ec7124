"""Policies where another namespace stands between: one that publishes, one that hides its clients, one with a NIC of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from stacks import HOST, Stacks, ask, outside, run, said, serving

import netwright
from netwright.report.documents import status_document
from netwright.report.standing import standing_of

ARTICLE = """\
version: 1
name: shop
networks: {{custom: {{bridge: br-custom, subnets: [172.30.0.0/16, "fd30::/64"]}}}}
namespaces:
  pub:
    interfaces:
      eth1: {{nic: eth1, addresses: [10.9.0.1/16, "fd09::1/48"]}}
      uplink: {{network: custom, address: [172.30.0.2, "fd30::2"]}}
    publish:
      - {{listen: "eth1:1234", to: "web:80", source: {source}}}
  web: {{interfaces: {{eth0: {{network: custom, address: [{address}]}}}}}}
  mate: {{interfaces: {{eth0: {{network: custom, address: [172.30.0.11, "fd30::11"]}}}}}}
policies:
"""
ADDRESSES = '172.30.0.10, "fd30::10"'
NEAR4, FAR4, NEAR6, FAR6 = "10.9.0.9", "10.9.1.9", "fd09::9", "fd09:0:0:1::9"


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[Stacks]:
    with outside():
        made = Stacks(tmp_path / "state")
        yield made
        made.destroy_all()


def article(*policies: str, source: str = "masquerade", address: str = ADDRESSES) -> str:
    return ARTICLE.format(source=source, address=address) + "".join(f"  - {{{one}}}\n" for one in policies)


def from_outside(port: int = 1234) -> list[str]:
    """Near and far clients, IPv4 and IPv6, at the port that `pub` publishes."""
    return [
        ask("ext", address, port, source=source).split()[0]
        for address, sources in (("10.9.0.1", (NEAR4, FAR4)), ("fd09::1", (NEAR6, FAR6)))
        for source in sources
    ]


@pytest.mark.parametrize("source", ["masquerade", "preserve"])
def test_a_publisher_judges_its_clients_and_the_host_lets_through_what_it_publishes(stacks: Stacks, source: str) -> None:
    stacks.apply(article('name: office, from: [10.9.0.0/24, "fd09::/64"], to: web, ports: 1234', source=source))
    with serving("web", "::", 80, 81):
        assert from_outside() == ["served", "refused", "served", "refused"]
        assert [ask("mate", address, 80) for address in ("172.30.0.10", "fd30::10")] == ["refused", "refused"]
        assert [ask("pub", address, 80) for address in ("172.30.0.10", "fd30::10")] == ["refused", "refused"], "it is no client itself"
        assert ask(HOST, "172.30.0.10", 80) == "refused"
    stacks.apply(article('name: not-far, from: [10.9.1.0/24, "fd09:0:0:1::/64"], to: web, action: deny', source=source))
    with serving("web", "::", 80):
        assert from_outside() == ["served", "refused", "served", "refused"]
        assert ask("mate", "172.30.0.10", 80).startswith("served")


def test_a_namespace_with_a_nic_of_its_own_is_closed_where_the_nic_is(stacks: Stacks) -> None:
    stacks.apply(article(f"name: near, from: [{NEAR4}/32, mate], to: pub, ports: 22"))
    with serving("pub", "::", 22, 23), serving("ext", "::", 80):
        assert [ask("ext", "10.9.0.1", 22, source=source).split()[0] for source in (NEAR4, FAR4)] == ["served", "refused"]
        assert ask("ext", "10.9.0.1", 23, source=NEAR4) == "refused"
        assert ask("ext", "fd09::1", 22) == "refused"
        assert [ask("mate", "172.30.0.2", port).split()[0] for port in (22, 23)] == ["served", "refused"]
        assert ask("web", "172.30.0.2", 22) == "refused"
        assert ask("pub", NEAR4, 80).startswith("served"), "what it opens itself is answered"
        assert ask("pub", "127.0.0.1", 23).startswith("served")


ROUTER = """\
version: 1
name: shop
networks:
  front: {bridge: br-front, subnets: [10.30.0.0/24]}
  back: {bridge: br-back, subnets: [10.31.0.0/24]}
namespaces:
  gate:
    interfaces: {out: {network: front, address: 10.30.0.2}, in: {network: back, address: 10.31.0.2}}
    masquerade: [out]
  web: {interfaces: {eth0: {network: front, address: 10.30.0.10}}}
  one: {interfaces: {eth0: {network: back, address: 10.31.0.11}}, routes: [{to: default, via: 10.31.0.2}]}
  two: {interfaces: {eth0: {network: back, address: 10.31.0.12}}, routes: [{to: default, via: 10.31.0.2}]}
policies:
"""


def test_clients_behind_a_masquerade_are_told_apart_where_they_are_still_to_be_seen(stacks: Stacks) -> None:
    stacks.apply(ROUTER + "  - {name: web, from: one, to: web, ports: 80}\n  - {name: out, from: one, to: 10.9.0.0/24}\n")
    with serving("web", "0.0.0.0", 80), serving("ext", "0.0.0.0", 80):
        assert ask("one", "10.30.0.10", 80) == "served 80 10.30.0.2"
        assert ask("two", "10.30.0.10", 80) == "refused"
        assert ask("gate", "10.30.0.10", 80) == "refused"
        assert ask("one", NEAR4, 80).startswith("served")
        assert ask("one", FAR4, 80) == "refused"
        assert ask("two", FAR4, 80).startswith("served")


def handles(netns: str = HOST) -> list[str]:
    return re.findall(r"# handle \d+", run("nft", "--stateless", "-a", "list", "table", "inet", "nwp_shop", netns=netns))


def counters(netns: str = HOST) -> dict[str, int]:
    listed = json.loads(run("nft", "-j", "list", "counters", "table", "inet", "nwp_shop", netns=netns))["nftables"]
    return {one["counter"]["name"]: one["counter"]["packets"] for one in listed if "counter" in one}


def test_who_comes_back_with_another_address_changes_elements_and_nothing_else(stacks: Stacks) -> None:
    office = 'name: office, from: [10.9.0.0/24, "fd09::/64"], to: web, ports: 1234'
    inside = "name: inside, from: mate, to: web, ports: 80"
    stacks.apply(article(office, inside))
    with serving("web", "::", 80):
        assert from_outside() == ["served", "refused", "served", "refused"]
        assert ask("mate", "172.30.0.10", 80).startswith("served")
    before = {netns: handles(netns) for netns in (HOST, "pub")}
    counted = {netns: counters(netns) for netns in (HOST, "pub")}
    assert counted["pub"]["p_office"] > 0
    assert counted["pub"]["closed"] == 2
    assert counted[HOST]["p_inside"] > 0
    done = said(stacks.apply(article(office, inside, address='172.30.0.99, "fd30::99"')))
    assert [one for one in done if "nft" in one] == [
        "replace 6 elements by 6 elements in nft table nwp_shop in pub",
        "replace 10 elements by 10 elements in nft table nwp_shop on the host",
        "replace 4 elements by 4 elements in nft table nw_shop in pub",
    ]
    assert {netns: handles(netns) for netns in (HOST, "pub")} == before
    assert counters("pub")["p_office"] >= counted["pub"]["p_office"]
    with serving("web", "::", 80):
        assert from_outside() == ["served", "refused", "served", "refused"]
        assert ask("mate", "172.30.0.99", 80).startswith("served")
        assert ask("pub", "172.30.0.99", 80) == "refused"


def test_counters_go_on_when_policies_change(stacks: Stacks) -> None:
    stacks.apply(article("name: inside, from: mate, to: web, ports: 80"))
    with serving("web", "::", 80):
        assert ask("mate", "172.30.0.10", 80).startswith("served")
        assert ask("mate", "172.30.0.10", 81) == "refused"
    counted = counters()
    assert counted["p_inside"] > 4
    assert counted["closed"] == 1
    stacks.apply(article("name: inside, from: mate, to: web, ports: [80, 81]", "name: new, from: pub, to: mate"))
    assert counters() == {**counted, "p_new": 0}


def test_status_shows_what_policies_have_counted(stacks: Stacks) -> None:
    stacks.apply(article("name: inside, from: mate, to: web, ports: 80", "name: off, from: pub, to: mate, action: deny"))
    with serving("web", "::", 80):
        assert ask("mate", "172.30.0.10", 80).startswith("served")
        assert ask("mate", "172.30.0.10", 81) == "refused"
    with netwright.open_engine(state_folder=stacks.folder) as engine:
        (status,) = engine.status("shop")
    (stack,) = status_document([(status, standing_of(status))])["stacks"]
    assert stack["in_order"]
    counted = counters()
    assert [(one["name"], one["packets"]) for one in stack["policies"]] == [("inside", counted["p_inside"]), ("off", 0)]
    assert counted["p_inside"] > 4
    assert stack["refused"]["packets"] == 1
