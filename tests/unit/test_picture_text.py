"""The picture as a tree for a terminal, whole."""

from __future__ import annotations

from pictured import ARTICLE, BARE, MIXED, document, many

from netwright.model.netns import container, named
from netwright.picture import draw, from_document
from netwright.picture.metrics import cells
from netwright.resolve.endpoint import lease_key


def test_the_articles_network():
    assert (
        draw(from_document(document(ARTICLE)))
        == """\
article
├─ outside
│  └─ NIC eth1  → my_netns eth1
├─ network custom · bridge docker1 · 172.30.0.0/16 · gateway 172.30.0.1 · made by Docker · NAT
│  ├─ my_netns  uplink  172.30.0.2/16
│  └─ web               172.30.0.10/16
├─ namespace my_netns
│  ├─ eth1     10.0.0.1/8     NIC eth1, NAT
│  ├─ uplink   172.30.0.2/16  network custom
│  ├─ route    default via 10.255.255.254
│  └─ publish  eth1:1234/tcp from 10.0.0.0/16 → web:1234
└─ container web
   └─ custom  172.30.0.10/16  network custom
"""
    )


def test_peers_the_host_both_families_and_what_is_external():
    assert (
        draw(from_document(document(MIXED)))
        == """\
mixed
├─ outside
│  └─ NIC mac 02:00:00:00:00:01  → router wan0
├─ network lan · bridge br-mixed-lan · 10.5.0.0/24 · fd00:5::/64 · gateway 10.5.0.1, fd00:5::1 · NAT
│  ├─ router  lan0  allocated in 10.5.0.0/24, fd00:5::2/64
│  └─ right   eth0  allocated
├─ network dmz · bridge br7 · 10.6.0.0/24 · gateway 10.6.0.1 · internal
│  └─ router  dmz0  allocated
├─ network there · bridge br0 · 10.7.0.0/24 · external
├─ the host
│  ├─ m0       10.9.1.1/30  ↔ left m1
│  └─ publish  8080/tcp → web:80
├─ namespace router
│  ├─ wan0     192.0.2.10/24                                              NIC mac 02:00:00:00:00:01
│  ├─ lan0     allocated in 10.5.0.0/24, fd00:5::2/64                     network lan
│  ├─ dmz0     allocated                                                  network dmz, down
│  ├─ route    default via 10.5.0.1
│  ├─ route    default via fd00:5::1
│  ├─ publish  wan0:53/udp → 192.0.2.53:53
│  └─ publish  8443/tcp from 198.51.100.0/24, 203.0.113.0/24 → right:443  client keeps its address
├─ namespace left
│  ├─ p0  10.9.0.1/30  ↔ right p1
│  └─ m1               ↔ host m0
├─ namespace right
│  ├─ eth0   allocated  network lan
│  ├─ p1                ↔ left p0
│  ├─ route  default via 10.5.0.1
│  └─ route  default via fd00:5::1
├─ namespace theirs · external
├─ container api · label app=<api> & "co"
└─ container shop-web-1
"""
    )


def test_a_plain_terminal_that_is_narrow():
    assert (
        draw(from_document(document(ARTICLE)), width=60, ascii_only=True)
        == """\
article
|- outside
|  `- NIC eth1  -> my_netns eth1
|- network custom - bridge docker1 - 172.30.0.0/16 - gateway
|  |    172.30.0.1 - made by Docker - NAT
|  |- my_netns  uplink  172.30.0.2/16
|  `- web               172.30.0.10/16
|- namespace my_netns
|  |- eth1     10.0.0.1/8     NIC eth1, NAT
|  |- uplink   172.30.0.2/16  network custom
|  |- route    default via 10.255.255.254
|  `- publish  eth1:1234/tcp from 10.0.0.0/16 -> web:1234
`- container web
   `- custom  172.30.0.10/16  network custom
"""
    )


def test_a_file_with_nothing_in_it():
    assert draw(from_document(document(BARE))) == "bare\n└─ nothing: no networks, namespaces or containers\n"


def test_leases_are_shown_as_addresses():
    leases = {
        lease_key("lan", named("right"), "eth0", "10.5.0.0/24"): "10.5.0.77",
        lease_key("lan", named("right"), "eth0", "fd00:5::/64"): "fd00:5::77",
        lease_key("lan", container("right"), "eth0", "10.5.0.0/24"): "10.5.0.99",
    }
    text = draw(from_document(document(MIXED), leases))
    assert "│  └─ right   eth0  10.5.0.77/24, fd00:5::77/64\n" in text


def test_a_thousand_namespaces_are_counted():
    lines = draw(from_document(many(1000))).splitlines()
    assert lines[:3] + lines[13:16] + lines[-8:] == [
        "many",
        "├─ network lan · bridge br-many-lan · 10.64.0.0/16 · gateway 10.64.0.1 · NAT",
        "│  ├─ ep1   eth0  allocated",
        "│  ├─ ep17  eth0  allocated",
        "│  └─ … and 655 more",
        "├─ network mgmt · bridge br-many-mgmt · 10.65.0.0/16 · gateway 10.65.0.1 · NAT",
        "├─ namespace ep57",
        "│  ├─ eth0   allocated  network mgmt",
        "│  └─ route  default via 10.65.0.1",
        "├─ namespace last",
        "│  ├─ eth0   allocated  network lan",
        "│  ├─ eth1   allocated  network mgmt",
        "│  └─ route  default via 10.64.0.1",
        "└─ … and 941 more",
    ]


def test_no_line_is_wider_than_asked_where_its_words_are_not():
    for width in (50, 72, 100):
        assert all(cells(line) <= width for line in draw(from_document(document(MIXED)), width=width).splitlines())
