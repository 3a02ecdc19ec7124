"""Right files, and what is made of them."""

from __future__ import annotations

import pytest

from netwright.errors import SpecError
from netwright.spec.load import parse
from netwright.spec.schema import NicSelector
from netwright.spec.subnets import gateways
from netwright.spec.values import Listen, Ports, Target

ARTICLE = """\
version: 1
name: article              # the stack
networks:
  custom:
    managed_by: docker
    driver: bridge
    bridge: docker1
    subnets: [172.30.0.0/16]
    gateway: 172.30.0.1
    ip_range: 172.30.128.0/17
    mtu: 1500
    masquerade: true
    internal: false
    external: false
    options: {com.docker.network.bridge.enable_icc: "true", com.example.count: 3, com.example.on: true}
    labels: {}
  lab:
    subnets: [10.66.0.0/24, "fd66::/64"]
namespaces:
  my_netns:
    interfaces:
      eth1:
        nic: eth1
        addresses: [10.0.0.1/8]
      uplink:
        network: custom
        address: 172.30.0.2
        mac: 02:00:00:00:00:02
        mtu: 1500
      p2p0:
        peer: {namespace: other, interface: p2p0}
    routes:
      - {to: default, via: 10.255.255.254}
    sysctls: {net.ipv4.conf.all.rp_filter: 2, net.ipv4.conf.eth1.rp_filter: 1}
    forward: true
    masquerade: [eth1]
    publish:
      - listen: eth1:1234/tcp
        from: [10.0.0.0/16]
        to: web:1234
        source: masquerade
  other:
host:
  interfaces: {}
  publish: []
containers:
  web:
    docker: web
    networks:
      custom: {address: 172.30.0.10}
    interfaces:
      eth7: {network: lab}
    publish: ["8080:80/tcp"]
"""


def test_the_articles_network_is_one_file():
    spec = parse(ARTICLE, "article.yaml").spec

    my_netns = spec.namespaces["my_netns"]
    assert my_netns is not None
    assert my_netns.interfaces["eth1"].nic == "eth1"
    assert my_netns.interfaces["uplink"].address == ["172.30.0.2"]
    assert my_netns.interfaces["uplink"].mac == "02:00:00:00:00:02"
    assert my_netns.sysctls == {"net.ipv4.conf.all.rp_filter": "2", "net.ipv4.conf.eth1.rp_filter": "1"}
    assert my_netns.publish[0].listen == Listen(Ports(1234, 1234), "tcp", interface="eth1")
    assert my_netns.publish[0].from_ == ["10.0.0.0/16"]
    assert my_netns.publish[0].to == Target(Ports(1234, 1234), name="web")
    custom = spec.networks["custom"]
    assert custom is not None
    assert custom.options == {"com.docker.network.bridge.enable_icc": "true", "com.example.count": "3", "com.example.on": "true"}
    assert custom.gateway == ["172.30.0.1"]
    web = spec.containers["web"]
    assert web is not None
    assert web.publish[0].listen == Listen(Ports(8080, 8080))
    assert web.publish[0].to == Ports(80, 80)
    assert spec.namespaces["other"] is None


def test_ipv6_is_written_wherever_ipv4_is():
    spec = parse(
        """\
version: 1
name: six
networks:
  lan: {subnets: ["FD00:0:0::/64"], gateway: "fd00::ffff", ip_range: "fd00::100/120", mtu: 1280}
namespaces:
  a:
    interfaces:
      eth0: {network: lan, address: "fd00:0::2"}
      wan: {nic: {pci: "03:00.0"}, addresses: ["2001:db8::2/48"]}
    routes:
      - {to: default, via: "2001:db8::1"}
      - {to: "2001:db8:9::/48", via: "fe80::1", dev: wan, source: "2001:DB8::2"}
    nameservers: ["2001:4860:4860::8888"]
    publish:
      - {listen: "[2001:db8::2]:80-81/sctp", from: "2001:db8::/32", to: "[fd00::3]:8080-8081", source: preserve}
  b:
    interfaces:
      eth0: {network: lan, address: "fd00::3"}
""",
        "f",
    ).spec

    a = spec.namespaces["a"]
    assert a is not None
    assert a.interfaces["eth0"].address == ["fd00::2"]
    assert a.interfaces["wan"].nic == NicSelector(pci="0000:03:00.0")
    assert a.routes[1].source == "2001:db8::2"
    assert str(a.publish[0].listen) == "[2001:db8::2]:80-81/sctp"
    assert a.publish[0].from_ == ["2001:db8::/32"]
    assert str(a.publish[0].to) == "[fd00::3]:8080-8081"


def test_a_plain_switch_and_dockers_choice_need_no_subnets():
    spec = parse(
        """\
version: 1
name: lab
networks:
  switch:
  auto: {managed_by: docker}
  there: {external: true, bridge: br0}
  theirs: {external: true, managed_by: docker, name: bridge}
namespaces:
  a:
    interfaces:
      e0: {network: switch, addresses: [10.0.0.1/24]}
      e1: {network: auto}
      e2: {network: there, address: 192.168.7.2}
      e3: {network: theirs, default_route: true}
""",
        "f",
    ).spec

    assert list(spec.networks) == ["switch", "auto", "there", "theirs"]


def test_a_bridge_has_room_for_1023_ports_and_no_more():
    def lab(endpoints: int) -> str:
        lines = [f"  n{i}: {{interfaces: {{e: {{network: lan}}}}}}" for i in range(endpoints)]
        return "\n".join(["version: 1", "name: lab", "networks: {lan: {subnets: [10.0.0.0/16]}}", "namespaces:", *lines]) + "\n"

    assert len(parse(lab(1023), "f").spec.namespaces) == 1023
    with pytest.raises(SpecError) as caught:
        parse(lab(1024), "f")
    assert str(caught.value) == (
        "f:3:12: networks.lan: 1,024 interfaces are on this network, and a Linux bridge has at most 1,023 ports\n"
        "    hint: spread them over several networks"
    )


def test_a_thousand_endpoints_are_read():
    lines = ["version: 1", "name: big", "networks: {lan: {subnets: [10.0.0.0/16]}}", "namespaces:"]
    for i in range(1000):
        lines += [f"  ns{i}:", "    interfaces:", "      eth0:", "        network: lan", f"        address: 10.0.{i // 250}.{i % 250 + 2}"]
        lines += ["        mtu: 1400", f"        mac: 02:00:00:00:{i // 256:02x}:{i % 256:02x}", "    routes:"]
        lines += ["      - to: 192.168.0.0/16", "        via: 10.0.0.1", "    sysctls:", "      net.ipv4.conf.all.rp_filter: 2"]
    spec = parse("\n".join(lines), "big.yaml").spec

    last = spec.namespaces["ns999"]
    assert last is not None
    assert last.interfaces["eth0"].mac == "02:00:00:00:03:e7"
    assert last.interfaces["eth0"].address == ["10.0.3.251"]


def test_gateways_are_the_first_host_address_where_nothing_else_is_said():
    spec = parse(
        """\
version: 1
name: lab
networks:
  a: {subnets: [10.0.0.0/24, 10.1.0.0/31, "fd00::/64", "fd01::/127"]}
  b: {subnets: [10.2.0.0/24, "fd02::/64"], gateway: "fd02::9"}
  c: {subnets: [10.3.0.0/24], gateway: none}
  d: {subnets: [10.4.0.0/24], external: true, bridge: br0}
""",
        "f",
    ).spec

    assert [gateways(network) for network in spec.networks.values() if network] == [
        {"10.0.0.0/24": "10.0.0.1", "10.1.0.0/31": "10.1.0.0", "fd00::/64": "fd00::1", "fd01::/127": "fd01::"},
        {"10.2.0.0/24": "10.2.0.1", "fd02::/64": "fd02::9"},
        {"10.3.0.0/24": None},
        {"10.4.0.0/24": None},
    ]


def test_two_publishes_that_cannot_be_mistaken_for_each_other_are_right():
    parse(
        """\
version: 1
name: lab
networks: {lan: {subnets: [10.0.0.0/24, "fd00::/64"]}}
namespaces:
  a:
    interfaces: {e0: {network: lan, address: [10.0.0.2, "fd00::2"]}, e1: {nic: eth1, addresses: [10.1.0.2/24]}}
    publish:
      - {listen: 80/tcp, to: b:80}
      - {listen: 80/udp, to: b:80}
      - {listen: e0:81, to: b:81}
      - {listen: e1:81, to: b:82}
      - {listen: 10.0.0.2:82, to: b:81}
      - {listen: 10.1.0.2:82, to: b:82}
      - {listen: 83, to: 10.0.0.9:80}
      - {listen: 83, to: "[fd00::9]:80"}
      - {listen: 84-94, to: b:84}
      - {listen: 95-99, to: b:1095-1099}
  b: {interfaces: {e0: {network: lan}}}
""",
        "f",
    )
