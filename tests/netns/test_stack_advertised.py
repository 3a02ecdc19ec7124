"""A host that takes its IPv6 default route from router advertisements, and forwards for a stack. The router is `ext`."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from stacks import Stacks, at, ip, outside, run, witness

LAB = """\
version: 1
name: lab
networks: {lan: {bridge: br-lan, subnets: [10.30.0.0/24, "fd30::/64"]}}
namespaces: {a: {interfaces: {eth0: {network: lan}}}}
"""

ADVERTISE = """
import socket, struct, sys
sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
index = socket.if_nametoindex("eth0")
# RFC 4861, section 4.2: type, code, checksum (the kernel's), hop limit, flags, lifetime in seconds, two times.
sock.sendto(struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, int(sys.argv[1]), 0, 0), ("ff02::1", 0, 0, index))
"""


def advertise(seconds: int) -> None:
    subprocess.run([*at("ext"), sys.executable, "-I", "-S", "-c", ADVERTISE, str(seconds)], check=True)


def learnt() -> list[str]:
    """The host's default routes from advertisements: the device of each."""
    return [route["dev"] for route in ip("-6", "route", "show", "default") if route.get("protocol") == "ra"]


def wait_for_route(*, there: bool) -> None:
    """Advertise until the host has heard it: a link-local address is not to be used at once (RFC 4862)."""
    end = time.monotonic() + 20
    while bool(learnt()) != there:
        assert time.monotonic() < end, f"default routes from advertisements: {learnt()}"
        # No link-local address yet.
        subprocess.run(
            [*at("ext"), sys.executable, "-I", "-S", "-c", ADVERTISE, "1800" if there else "0"], check=False, capture_output=True
        )
        time.sleep(0.05)


def all_of_it() -> dict[str, str]:
    """The witness, without the seconds that a route still has."""
    return {path: re.sub(r'"expires": [0-9]+', '"expires"', str(value)) for path, value in witness().items()}


def sysctl(name: str, value: str | None = None) -> str:
    return run("sysctl", "-n", f"net.ipv6.conf.{name}") if value is None else run("sysctl", "-w", f"net.ipv6.conf.{name}={value}")


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[Stacks]:
    with outside():
        wait_for_route(there=True)
        made = Stacks(tmp_path / "state")
        yield made
        made.destroy_all()


def test_the_route_is_kept_when_the_host_forwards_and_the_setting_is_given_back(stacks: Stacks) -> None:
    # The kernel alone: what this is about.
    sysctl("all.forwarding", "1")
    assert learnt() == []
    sysctl("all.forwarding", "0")
    wait_for_route(there=True)
    before = all_of_it()

    stacks.apply(LAB)
    assert (sysctl("all.forwarding"), sysctl("eth1.accept_ra"), learnt()) == ("1\n", "2\n", ["eth1"])
    # Advertisements are still heard: the router says that it is one no more, and the setting stays.
    wait_for_route(there=False)
    assert stacks.apply(LAB).operations == ()
    wait_for_route(there=True)
    stacks.destroy("lab")
    assert (sysctl("eth1.accept_ra"), learnt()) == ("1\n", ["eth1"])
    assert all_of_it() == before


def test_the_last_of_two_stacks_gives_it_back(stacks: Stacks) -> None:
    stacks.apply(LAB)
    stacks.apply(LAB.replace("lab", "two").replace("br-lan", "br-two").replace("30", "31").replace("{a:", "{b:"))
    stacks.destroy("lab")
    assert (sysctl("eth1.accept_ra"), learnt()) == ("2\n", ["eth1"])
    stacks.destroy("two")
    assert (sysctl("eth1.accept_ra"), learnt()) == ("1\n", ["eth1"])


def test_what_the_file_says_counts_and_without_forwarding_nothing_is_set(stacks: Stacks) -> None:
    stacks.apply(LAB + "host: {sysctls: {net.ipv6.conf.eth1.accept_ra: 0}}\n")
    assert sysctl("eth1.accept_ra") == "0\n"
    stacks.destroy("lab")
    wait_for_route(there=True)
    stacks.apply(LAB.replace(', "fd30::/64"', ""))
    assert (sysctl("eth1.accept_ra"), learnt()) == ("1\n", ["eth1"])
