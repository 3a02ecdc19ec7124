"""Whatever others say (the kernel, nft, iptables, Docker, who uses the API), it is understood or refused with a sentence: nothing else comes out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from netwright.dockerdriver import requests
from netwright.errors import NetwrightError
from netwright.firewall import docker_nft, foreign, listing, walk
from netwright.firewall.mark import Mark, observed, parse_mark
from netwright.frontends.daemon.publishing import publish_request, unpublish_request
from netwright.kinds import CLASSES
from netwright.model import nft_text
from netwright.rtnl import address, attribute, conntrack, link, message, netnsid, nftables, notification, route, rule
from netwright.rtnl.attribute import Malformed

FEW = settings(max_examples=150, derandomize=True, deadline=None, database=None)

SEEDS = [
    link.dump().body,
    attribute.raw(3, b"eth0\0") + attribute.u32(4, 1500) + attribute.nested(18, attribute.raw(1, b"veth\0")),
    bytes(16) + attribute.raw(1, bytes(4)) + attribute.raw(14, bytes(16)) + attribute.nested(9, attribute.u32(2, 1400)),
    bytes(12) + attribute.raw(9, bytes([16, 0, 0, 0, 1, 0, 0, 0]) * 3),
    b"\x08\x00\x01\x00\xff\xff\xff\xff" * 5,
]


@st.composite
def bytes_from_the_kernel(draw: st.DrawFn) -> bytes:
    """Noise, or something like a message with a piece of it changed, doubled or cut off."""
    data = bytearray(draw(st.sampled_from(SEEDS)) if draw(st.booleans()) else draw(st.binary(max_size=120)))
    for place, value in draw(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6)):
        if data:
            data[place % len(data)] = value
    cut = draw(st.integers(0, len(data)))
    return bytes(data[:cut] if draw(st.booleans()) else data + data[cut:])


def only(raised: type[Exception], function: Callable[[], object]) -> None:
    try:
        function()
    except raised as error:
        assert str(error)


@FEW
@given(bytes_from_the_kernel())
@example(b"")
def test_what_the_kernel_says(data: bytes) -> None:
    names = {1: "lo", 2: "eth0"}
    end = len(data)
    for function in (
        lambda: link.decode(data, 0, end),
        lambda: link.decode_index(data, 0, end),
        lambda: address.decode(data, 0, end, names),
        lambda: route.decode(data, 0, end, names),
        lambda: rule.decode(data),
        lambda: netnsid.decode(data, 0, end),
        lambda: nftables.decode_comment(data, 0, end),
        lambda: conntrack.decode(data, 0, end),
        lambda: attribute.decode(data),
        lambda: [read(data, one) for one in message.split(data) for read in (message.decode_answer, message.decode_done)],
        lambda: [notification.decode_route_message(data, one) for one in message.split(data)],
        lambda: [notification.decode_nftables_message(data, one) for one in message.split(data)],
        *(lambda cls=cls: cls.read_info_data(data, None) for cls in CLASSES.values()),
    ):
        only(Malformed, function)


HEADER = message.HEADER


@FEW
@given(bytes_from_the_kernel(), st.sampled_from([2, 3, 16, 17, 20, 24, 25, 32, 88, 0x0A00, 0x0A0F, 0x0A10]), st.integers(0, 0xFFFF))
def test_a_whole_message_of_the_kernels(body: bytes, kind: int, flags: int) -> None:
    data = HEADER.pack(16 + len(body), kind, flags, 1, 0) + body
    data += bytes(-len(data) % 4)
    for read in (
        message.decode_answer,
        message.decode_done,
        notification.decode_route_message,
        notification.decode_nftables_message,
    ):
        only(Malformed, lambda read=read: [read(data, one) for one in message.split(data)])


LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "table inet filter {",
                "table ip nat {",
                "\tchain forward {",
                "\t\ttype filter hook forward priority filter; policy drop;",
                "\t\ttype filter hook forward priority -1; policy accept;",
                '\t\tiifname "docker0" oifname != "docker0" counter packets 0 bytes 0 drop',
                "\t\tjump forward",
                "\t\tgoto other",
                "\t\tip daddr 10.0.0.0/8 tcp dport { 80, 443 } accept",
                '\t\tiifname vmap { "a" : jump forward, "b" : drop }',
                "\t\tip saddr @office accept",
                "\t\tct state vmap { established : accept, invalid : drop }",
                "\t\tmeta mark & 0x1 == 0x1 accept",
                '\t\tcomment "netwright:lab 0123"',
                "\tset office {",
                "\t\ttype ipv4_addr",
                "\t\telements = { 10.0.0.0/8, 192.0.2.1 }",
                "\tcounter p {",
                "\t\tpackets 18446744073709551615 bytes 1",
                "\t}",
                "}",
                "*filter",
                ":FORWARD DROP [0:0]",
                ":DOCKER-USER - [0:0]",
                "-A FORWARD -j DOCKER-USER",
                '-A FORWARD -m comment --comment "a \\" b" -j DROP',
                "-A DOCKER-USER -m comment --comment netwright:lab -j ACCEPT",
                "COMMIT",
            ]
        ),
        st.text(alphabet='{}"@:;,.=!\\ \t-*0a', max_size=40),
    ),
    max_size=14,
)


@FEW
@given(LINES)
def test_what_nft_and_iptables_print(lines: list[str]) -> None:
    text = "\n".join(lines)
    rules = listing.ruleset_of(text)
    probe = walk.Probe(family=4, comes="br-lan", goes="eth0", source="10.5.0.2", target="192.0.2.1", protocol="tcp", port=80)
    for base in listing.base_chains(text):
        listing.obstacle(base, text)
    listing.rules_of("forward", text)
    listing.nft_forward("accept", text)
    listing.saved_forward(text)
    list(docker_nft.docker_bridges(4, listing.rules_by_chain(text)))
    walk.stops_anything(rules)
    for chain in rules.chains:
        walk.stop_of(rules, chain, policy="accept", probe=probe)
    for line in lines:
        foreign.marked_stack(line)
        parse_mark(line)
    nft_text.split(text)
    nft_text.counts(text)
    observed("nw_lab", Mark("lab", "00"), text)


WORDS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=12),
    st.sampled_from(["10.0.0.0/8", "fd00::/64", "80", "8080:80/tcp", "com.docker.network.portmap", "tcp", "n" * 64, "../../etc/passwd"]),
)
DOCKERS_KEYS = [
    "NetworkID",
    "EndpointID",
    "Options",
    "IPv4Data",
    "IPv6Data",
    "Pool",
    "Gateway",
    "AddressSpace",
    "Interface",
    "Address",
    "AddressIPv6",
    "MacAddress",
    "SandboxKey",
    "PoolID",
    "SubPool",
    "V6",
    "Proto",
    "IP",
    "Port",
    "HostIP",
    "HostPort",
    "HostPortEnd",
    "RequestAddressType",
    "com.docker.network.generic",
    "com.docker.network.portmap",
    "com.docker.network.internal",
    "netwright.isolated",
]
DOCUMENTS = st.dictionaries(
    st.sampled_from(DOCKERS_KEYS),
    st.recursive(
        WORDS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(DOCKERS_KEYS), inner, max_size=4),
        max_leaves=12,
    ),
    max_size=6,
)


@FEW
@given(DOCUMENTS)
def test_what_docker_asks_of_its_driver(body: dict[str, Any]) -> None:
    body = json.loads(json.dumps(body))
    for name in sorted(vars(requests)):
        if name.endswith(("_request", "_requests")):
            only(NetwrightError, lambda name=name: vars(requests)[name](body))


API_KEYS = ["target", "port", "from", "source", "replace", "stack", "plan", "wait", "file", "text"]
API_TYPES: dict[str, st.SearchStrategy[Any]] = {
    "from": st.lists(WORDS, max_size=3),
    **{key: st.booleans() for key in ("replace", "plan", "wait")},
}


@FEW
@given(
    st.fixed_dictionaries({"target": st.text(max_size=9)}, optional={key: API_TYPES.get(key, st.text(max_size=9)) for key in API_KEYS[1:]})
)
def test_what_is_asked_of_the_api(body: dict[str, Any]) -> None:
    for read in (publish_request, unpublish_request):
        only(NetwrightError, lambda read=read: read(body))
