"""`netwright publish` and `unpublish` on a host without Docker: to namespaces of a stack, many at once, cut short, rolled back."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from stacks import ask, outside, run, serving

import netwright

pytestmark = pytest.mark.netns

LAB = """\
version: 1
name: lab
networks: {lan: {bridge: br-pub, subnets: [10.77.0.0/24, "fd77::/64"]}}
namespaces:
  app: {interfaces: {eth0: {network: lan, address: [10.77.0.20, "fd77::20"]}}}
"""


@pytest.fixture(autouse=True)
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The stack `lab`, and a client beyond eth1."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NETWRIGHT_STATE", str(tmp_path / "state"))
    Path("lab.yaml").write_text(LAB)
    with outside():
        netwright.apply(netwright.load("lab.yaml"))
        try:
            yield tmp_path
        finally:
            netwright.destroy("lab")


def command(*arguments: str) -> tuple[int, str, str]:
    done = subprocess.run([sys.executable, "-m", "netwright", *arguments], check=False, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def ports_of_the_host() -> list[int]:
    """Those from 21000 on in the stack's table, as nft tells."""
    return sorted(
        {int(word) for word in re.findall(r"[0-9]+", run("nft", "list", "table", "inet", "nw_lab")) if 21000 <= int(word) < 22000}
    )


def test_a_range_both_families_and_the_clients_address_reach_a_namespace_and_go_again() -> None:
    status, out, err = command("publish", "app", "20000-20002:7000-7002/udp", "--source", "preserve", "--from", "10.9.0.9,fd09::/64")
    assert (status, err.splitlines()[0]) == (
        0,
        "app: 20000-20002/udp → 7000-7002, for 10.9.0.9/32, fd09::/64 only, source preserved, in the stack lab.",
    )
    assert "load nft table nw_lab" in out
    with serving("app", "10.77.0.20", 7002, protocol="udp"), serving("app", "fd77::20", 7000, protocol="udp"):
        assert ask("ext", "10.9.0.1", 20002, "udp", source="10.9.0.9", source_port=40002) == "served 7002 10.9.0.9"
        assert ask("ext", "fd09::1", 20000, "udp", source="fd09::9") == "served 7000 fd09::9"
        assert ask("ext", "10.9.0.1", 20002, "udp", source="10.9.1.9", seconds=1) in {"refused", "silence"}
        assert command("unpublish", "app", "20000-20002/udp")[0] == 0
        # The same client from the same port: what was open is forgotten.
        assert ask("ext", "10.9.0.1", 20002, "udp", source="10.9.0.9", source_port=40002, seconds=1) in {"refused", "silence"}
    assert command("plan", "--check", "lab.yaml")[0] == 0
    assert command("unpublish", "app", "20000-20002/udp") == (
        1,
        "",
        "error: 20000-20002/udp is not published to app.\nNothing was touched.\nhint: netwright status lists what stacks publish\n",
    )


def test_fifty_at_once_come_one_after_the_other_and_none_is_lost() -> None:
    ports = range(21000, 21050)
    with ThreadPoolExecutor(len(ports)) as threads:
        done = list(threads.map(lambda port: netwright.publish("app", f"{port}:80"), ports))
    assert [one.stack for one in done] == ["lab"] * 50
    assert ports_of_the_host() == list(ports)
    (lab,) = netwright.status("lab")
    assert lab.drift is not None
    assert lab.drift.operations == ()
    with serving("app", "10.77.0.20", 80):
        assert ask("ext", "10.9.0.1", 21049) == "served 80 10.77.0.1"
    with ThreadPoolExecutor(len(ports)) as threads:
        list(threads.map(lambda port: netwright.unpublish("app", str(port)), ports))
    assert netwright.status("lab")[0].spec_text == LAB


def test_a_port_that_another_stack_publishes_is_refused_and_nothing_is_touched() -> None:
    netwright.publish("app", "22000:80")
    committed = netwright.status("lab")[0].spec_text
    thief = "version: 1\nname: thief\nhost: {publish: [{listen: 22000, to: '10.9.0.9:80'}]}\n"
    with pytest.raises(netwright.NetwrightError, match="port 22000/tcp of the host is published already, by the stack lab"):
        netwright.apply(netwright.parse(thief, "thief.yaml"))
    netwright.apply(netwright.parse(thief.replace("22000", "22001"), "thief.yaml"))
    try:
        status, _, err = command("publish", "app", "22001:80")
        assert (status, "port 22001/tcp of the host is published already, by the stack thief" in err) == (2, True)
        assert netwright.status("lab")[0].spec_text == committed
    finally:
        netwright.destroy("thief")
    netwright.unpublish("app")
    assert netwright.status("lab")[0].spec_text == LAB


def test_a_program_that_listens_on_the_port_is_told_of() -> None:
    with socket.create_server(("10.9.0.1", 23000)):
        made = command("publish", "app", "23000:80", "--plan", "--json")
        (warning,) = json.loads(made[1])["warnings"]
        me = Path("/proc/self/comm").read_text().strip()
        assert warning == (
            f"{me} (pid {os.getpid()}) listens on 10.9.0.1 port 23000/tcp of the host: "
            "what comes to that port from outside goes to the target instead"
        )
        assert command("publish", "app", "10.9.0.2:23000:80", "--plan")[2] == "Would be: app: 10.9.0.2:23000/tcp → 80, in the stack lab.\n"
