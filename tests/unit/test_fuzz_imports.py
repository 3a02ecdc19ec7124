"""Whatever stands in somebody's Compose file or .env, or is answered in an engine's place: it is understood, or refused with a sentence."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from netwright.backends.docker_answers import container, network, understood
from netwright.errors import NetwrightError
from netwright.importing.compose import import_compose
from netwright.importing.environment import interpolated, read_env_file
from netwright.spec.load import parse

LONG = bool(os.environ.get("NETWRIGHT_TORTURE"))
MANY = settings(
    max_examples=20_000 if LONG else 150,
    derandomize=not LONG,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
SEEDS = [(sample / "compose.yaml").read_text() for sample in sorted((Path(__file__).parent / "compose_samples").iterdir())]
KEYS = [
    *(
        "services",
        "networks",
        "web",
        "image",
        "ports",
        "expose",
        "network_mode",
        "container_name",
        "deploy",
        "replicas",
        "scale",
        "extends",
    ),
    *("include", "target", "published", "host_ip", "protocol", "mode", "aliases", "ipv4_address", "ipam", "config", "subnet", "external"),
    *("name", "driver", "driver_opts", "internal", "labels", "enable_ipv6", "default", "profiles", "x-a", "ip_range", "gateway"),
]
WORD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        [*KEYS, "80", "8080:80", "127.0.0.1::80/udp", "[::1]:1-2:3-4", "host", "service:web", "${A:-b}", "${A:?no}", "$", "10.0.0.0/8"]
    ),
)
TREE = st.recursive(
    WORD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4), max_leaves=10
)


def imported(text: str) -> None:
    try:
        made = import_compose(text, "compose.yaml", variables={"A": "a: [b", "B": "8080:80"}, folder="shop")
    except NetwrightError as error:
        assert str(error)
    else:
        parse(made, "made.yaml")


@MANY
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    imported(text)


@MANY
@given(st.sampled_from(SEEDS), st.data())
def test_a_compose_file_with_pieces_changed(seed: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(seed)))
        end = data.draw(st.integers(start, min(len(seed), start + 20)))
        piece = data.draw(
            st.one_of(st.text(max_size=4), st.sampled_from([*KEYS, "${B}", "- ", ": ", "\n  ", "[", "*a", "&a ", "<<: ", "!!int "]))
        )
        seed = seed[:start] + piece + seed[end:]
    imported(seed)


@MANY
@given(
    st.dictionaries(st.sampled_from(["web", "db"]), TREE, max_size=2),
    st.dictionaries(st.sampled_from(["default", "back"]), TREE, max_size=2),
)
@example(
    {"web": {"ports": [{"target": 80, "published": "8080-8090", "host_ip": "::1"}]}}, {"default": {"ipam": {"config": [{"subnet": "x"}]}}}
)
def test_any_values_under_the_right_keys(services: dict[str, Any], networks: dict[str, Any]) -> None:
    imported(yaml.safe_dump({"services": services, "networks": networks}, allow_unicode=True))


@MANY
@given(
    st.lists(st.sampled_from(["A", "=", "'", '"', "\n", "$", "${", "}", ":-", "#", "\\", " ", "export ", "\u202e", "\0", "b"]), max_size=30)
)
def test_an_env_file(pieces: list[str]) -> None:
    text = "".join(pieces)
    for read in (lambda: read_env_file(text, {"A": "a"}), lambda: interpolated(text, {"A": "a"}, set())):
        try:
            read()
        except NetwrightError as error:
            assert str(error)


ENGINES_KEYS = [
    *("Id", "Name", "Names", "Driver", "Options", "Labels", "IPAM", "Config", "Subnet", "Gateway", "IPRange", "AuxiliaryAddresses"),
    *(
        "NetworkSettings",
        "Networks",
        "NetworkID",
        "EndpointID",
        "IPAddress",
        "IPAMConfig",
        "IPv4Address",
        "Aliases",
        "Links",
        "State",
        "Pid",
    ),
    *("HostConfig", "NetworkMode", "Ports", "PublicPort", "PrivatePort", "IP", "Type", "DriverOpts", "GwPriority"),
]
ANSWER = st.dictionaries(
    st.sampled_from(ENGINES_KEYS),
    st.recursive(
        WORD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(ENGINES_KEYS), inner, max_size=5), max_leaves=12
    ),
    max_size=9,
)


@MANY
@given(ANSWER, st.one_of(st.none(), ANSWER))
def test_what_an_engine_answers(summary: dict[str, Any], inspected: dict[str, Any] | None) -> None:
    for read in (lambda: network(summary, ()), lambda: container({"Id": "1" * 64, **summary}, inspected, {})):
        try:
            with understood():
                read()
        except NetwrightError as error:
            assert str(error)
