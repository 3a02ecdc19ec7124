"""What reads what others have written, as functions of bytes: each understands them or refuses them with a sentence, and nothing else comes out.

`make fuzz` feeds them what a coverage-guided fuzzer thinks of (atheris, libFuzzer), tests/unit/test_fuzz_targets.py a bounded number of changed seeds.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from netwright.backends.docker_answers import container, network, understood
from netwright.backends.event_log import EventLog
from netwright.dockerdriver import requests
from netwright.errors import NetwrightError
from netwright.firewall import docker_nft, foreign, listing
from netwright.importing.compose_file import read_project
from netwright.model import nft_text
from netwright.report.event_text import event_line
from netwright.revising.surgery import with_item, with_value, without
from netwright.rtnl import message, notification
from netwright.rtnl.attribute import Malformed
from netwright.spec.load import decode, parse

SHOP = b"""\
version: 1
name: shop
networks: {lan: {subnets: [10.3.0.0/24, "fd03::/64"], antispoof: true}}
namespaces:
  web: &web
    interfaces: {eth0: {network: lan, address: 10.3.0.7, mtu: 1400}}
    publish:
      - listen: eth1:81/tcp  # a comment
        from: [10.0.0.0/8]
        to: web:80
  db: *web
policies: [{name: a, from: web, to: db, ports: [80-90/tcp, icmp]}]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    feed: Callable[[bytes], object]
    seeds: tuple[bytes, ...]


def _file(data: bytes) -> None:
    with suppress(NetwrightError):
        parse.__wrapped__(decode(data, "shop.yaml"), "shop.yaml")


def _revision(data: bytes) -> None:
    """A file that a command changes: what comes out says what was meant, or it is refused."""
    try:
        text = decode(data, "shop.yaml")
        parse.__wrapped__(text, "shop.yaml")
    except NetwrightError:
        return
    path = ("namespaces", "web", "publish")
    for change in (
        lambda: with_item(text, path, {"listen": "82/tcp", "to": "web:80"}),
        lambda: with_value(text, ("x-made", "of"), ["a", 1]),
        lambda: without(text, ("networks",)),
    ):
        with suppress(NetwrightError, KeyError):
            change()


def _compose(data: bytes) -> None:
    with suppress(NetwrightError):
        read_project(decode(data, "compose.yaml"), "compose.yaml", variables={"A": "b"}, folder="shop", project=None)


def _kernel(data: bytes) -> None:
    for read in (message.decode_answer, message.decode_done, notification.decode_route_message, notification.decode_nftables_message):
        with suppress(Malformed):
            for one in message.split(data):
                read(data, one)


def _rules(data: bytes) -> None:
    text = data.decode(errors="replace")
    for base in listing.base_chains(text):
        listing.obstacle(base, text)
    listing.saved_forward(text)
    list(docker_nft.docker_bridges(4, listing.rules_by_chain(text)))
    nft_text.split(text)
    nft_text.counts(text)
    for line in text.splitlines():
        foreign.marked_stack(line)


def _driver(data: bytes) -> None:
    with suppress(ValueError, RecursionError):
        body = json.loads(data)
        if isinstance(body, dict):
            for name in sorted(vars(requests)):
                if name.endswith(("_request", "_requests")):
                    with suppress(NetwrightError):
                        vars(requests)[name](body)


def _engine(data: bytes) -> None:
    with suppress(ValueError, RecursionError):
        answer = json.loads(data)
        for read in (lambda: network(answer, ()), lambda: container(answer, answer, {}), lambda: container(answer, None, {})):
            with suppress(NetwrightError), understood():
                read()


def _events(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "events.log").write_bytes(data)
        for event in EventLog(folder).read():
            event_line(event)


TARGETS: Mapping[str, Target] = {
    "file": Target(feed=_file, seeds=(SHOP,)),
    "revision": Target(feed=_revision, seeds=(SHOP,)),
    "compose": Target(
        feed=_compose,
        seeds=(b'services: {web: {image: x, ports: ["8080:80", {target: 1, published: "2"}], networks: {a: }}}\nnetworks: {a: {}}\n',),
    ),
    "kernel": Target(
        feed=_kernel,
        seeds=(bytes.fromhex("2000000010000000010000000000000000000100010000000000000000000000"), bytes([16, 0, 0, 0, 2] + [0] * 15)),
    ),
    "rules": Target(
        feed=_rules,
        seeds=(
            b"table inet filter {\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy drop;\n\t\tjump other\n\t}\n}\n",
            b'*filter\n:FORWARD DROP [0:0]\n-A FORWARD -m comment --comment "netwright:lab" -j ACCEPT\nCOMMIT\n',
        ),
    ),
    "driver": Target(
        feed=_driver,
        seeds=(
            b'{"NetworkID": "n", "Options": {"com.docker.network.generic": {"a": "b"}}, "IPv4Data": [{"Pool": "10.0.0.0/8", "Gateway": "10.0.0.1/8"}]}',
        ),
    ),
    "engine": Target(
        feed=_engine,
        seeds=(
            b'{"Name": "n", "Id": "1", "Driver": "bridge", "IPAM": {"Config": [{"Subnet": "10.0.0.0/8"}]}, "Labels": {}, "Options": {}}',
            (
                b'{"Names": ["/web"], "Id": "2", "State": {"Pid": 7}, "Ports": [{"IP": "::", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}], '
                b'"NetworkSettings": {"Networks": {"a": {"IPAddress": "10.0.0.2", "IPPrefixLen": 8}}}, "Config": {"Labels": {}}}'
            ),
        ),
    ),
    "events": Target(
        feed=_events,
        seeds=(
            b'{"at": 1.5, "what": "repaired", "stack": "shop", "why": ["a"], "done": ["b"], "message": "", "suspects": [], "seconds": 0.1, "again_in": null}\n',
            b'{"at": 1.5, "what": "fight", "stack": "shop", "suspects": ["x"], "message": "m", "again_in": 4}\n',
        ),
    ),
}
