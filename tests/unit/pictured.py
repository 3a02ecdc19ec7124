"""Files that the tests of pictures draw."""

from __future__ import annotations

from netwright.spec.document import Document
from netwright.spec.load import parse

ARTICLE = """
version: 1
name: article
networks:
  custom:
    managed_by: docker
    bridge: docker1
    subnets: [172.30.0.0/16]
    gateway: 172.30.0.1
namespaces:
  my_netns:
    interfaces:
      eth1: {nic: eth1, addresses: [10.0.0.1/8]}
      uplink: {network: custom, address: 172.30.0.2}
    routes: [{to: default, via: 10.255.255.254}]
    masquerade: [eth1]
    publish:
      - {listen: "eth1:1234/tcp", from: [10.0.0.0/16], to: "web:1234"}
containers:
  web: {networks: {custom: {address: 172.30.0.10}}}
"""

MIXED = """
version: 1
name: mixed
networks:
  lan: {subnets: [10.5.0.0/24, "fd00:5::/64"]}
  dmz: {bridge: br7, subnets: [10.6.0.0/24], internal: true}
  there: {external: true, bridge: br0, subnets: [10.7.0.0/24], gateway: none}
namespaces:
  router:
    interfaces:
      wan0: {nic: {mac: "02:00:00:00:00:01"}, addresses: [192.0.2.10/24]}
      lan0: {network: lan, address: "fd00:5::2"}
      dmz0: {network: dmz, up: false}
    publish:
      - {listen: "wan0:53/udp", to: "192.0.2.53:53"}
      - {listen: 8443/tcp, from: [198.51.100.0/24, 203.0.113.0/24], to: "right:443", source: preserve}
  left:
    interfaces:
      p0: {peer: {namespace: right, interface: p1}, addresses: [10.9.0.1/30]}
  right: {interfaces: {eth0: {network: lan}}}
  theirs: {external: true}
host:
  interfaces:
    m0: {peer: {namespace: left, interface: m1}, addresses: [10.9.1.1/30]}
containers:
  api: {docker: {label: "app=<api> & \\"co\\""}}
  web: {docker: shop-web-1, publish: ["8080:80"]}
"""

BARE = "version: 1\nname: bare\n"


def document(text: str) -> Document:
    return parse(text, "test.yaml")


def many(count: int) -> Document:
    """`count` namespaces, every third on the second network; the last one has two interfaces."""
    lines = ["version: 1", "name: many", "networks: {lan: {subnets: [10.64.0.0/16]}, mgmt: {subnets: [10.65.0.0/16]}}", "namespaces:"]
    lines += [f"  ep{number}: {{interfaces: {{eth0: {{network: {'lan' if number % 3 else 'mgmt'}}}}}}}" for number in range(count - 1)]
    lines.append("  last: {interfaces: {eth0: {network: lan}, eth1: {network: mgmt}}}")
    return document("\n".join(lines) + "\n")
