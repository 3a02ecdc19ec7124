"""A sysctl that leaves the file: a namespace of the stack's own has what a new one has, and the host what it had."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from stacks import HOST, Stacks, outside, run

LAB = """\
version: 1
name: lab
networks: {lan: {bridge: br-lan, subnets: [10.30.0.0/24]}}
namespaces:
  a:
    interfaces: {eth0: {network: lan}}
    sysctls: {SYSCTLS}
host: {sysctls: {HOST}}
"""
STATED = {
    "net.ipv4.conf.eth0.rp_filter": "2",
    "net.ipv4.conf.all.log_martians": "1",
    "net.ipv4.tcp_keepalive_time": "77",
    "net.core.somaxconn": "777",
}


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[Stacks]:
    with outside():
        made = Stacks(tmp_path / "state")
        yield made
        made.destroy_all()


def lab(inside: dict[str, str], host: dict[str, str]) -> str:
    def flow(pairs: dict[str, str]) -> str:
        return "{" + ", ".join(f"{key}: {value}" for key, value in pairs.items()) + "}"

    return LAB.replace("{SYSCTLS}", flow(inside)).replace("{HOST}", flow(host))


def sysctls(netns: str) -> dict[str, str]:
    return {key: run("sysctl", "-n", key, netns=netns).strip() for key in STATED if netns or "eth0" not in key}


def test_a_sysctl_that_leaves_the_file_goes_back(stacks: Stacks) -> None:
    stacks.apply(lab({}, {}))
    born, before = sysctls("a"), sysctls(HOST)
    assert not set(STATED.items()) & set(born.items())
    on_host = {key: value for key, value in STATED.items() if "eth0" not in key}
    stacks.apply(lab(STATED, on_host))
    assert (sysctls("a"), sysctls(HOST)) == (STATED, on_host)
    # One of them stays.
    kept = "net.ipv4.tcp_keepalive_time"
    stacks.apply(lab({kept: "77"}, {}))
    assert (sysctls("a"), sysctls(HOST)) == ({**born, kept: "77"}, before)
    stacks.apply(lab({}, {}))
    assert sysctls("a") == born


def test_an_interface_goes_back_to_what_the_file_says_of_new_ones(stacks: Stacks) -> None:
    of_new_ones = {"net.ipv4.conf.default.rp_filter": "1"}
    stacks.apply(lab({**of_new_ones, "net.ipv4.conf.eth0.rp_filter": "2"}, {}))
    stacks.apply(lab(of_new_ones, {}))
    assert run("sysctl", "-n", "net.ipv4.conf.eth0.rp_filter", netns="a").strip() == "1"
