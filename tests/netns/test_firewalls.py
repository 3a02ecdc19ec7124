"""The real firewalls that other tests put up do what they do on a machine, and nothing of them is left behind."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from stacks import ask, outside, run, serving

import firewalls
from own_host import away, new_network

pytestmark = pytest.mark.netns


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """A network of the test's own, with a client beyond eth1."""
    with away():
        new_network()
        with outside():
            yield


def reached(port: int) -> str:
    with serving("", "10.9.0.1", port):
        return ask("ext", "10.9.0.1", port, seconds=0.5).partition(" ")[0]


@pytest.mark.skipif(not firewalls.has_ufw(), reason=firewalls.NEEDS_UFW)
def test_ufw_drops_what_comes_in_but_what_it_was_told_to_let_in_also_after_a_reload() -> None:
    kept = Path("/etc/ufw/ufw.conf").read_bytes(), Path("/etc/ufw/user.rules").read_bytes()
    with firewalls.ufw() as ufw:
        ufw.run("allow", "2222/tcp")
        for _ in range(2):
            assert (reached(2222), reached(2223)) == ("served", "silence")
            assert run("iptables", "-S", "FORWARD").splitlines()[0] == "-P FORWARD DROP"
            ufw.reload()
    assert reached(2223) == "served"
    assert "ufw" not in run("iptables-save") + run("ip6tables-save")
    assert (Path("/etc/ufw/ufw.conf").read_bytes(), Path("/etc/ufw/user.rules").read_bytes()) == kept


@pytest.mark.skipif(not firewalls.has_firewalld(), reason=firewalls.NEEDS_FIREWALLD)
def test_firewalld_refuses_what_comes_in_but_what_it_was_told_to_let_in_and_leaves_with_its_table() -> None:
    with firewalls.firewalld() as firewalld:
        firewalld.run("--permanent", "--add-port=2222/tcp")
        assert reached(2222).startswith("error")
        firewalld.reload()
        assert reached(2222) == "served"
        assert reached(2223).startswith("error")
        assert run("nft", "list", "tables") == "table inet firewalld\n"
    assert run("nft", "list", "tables") == ""
    folder = Path(firewalld.bus).parent.name
    assert subprocess.run(["pgrep", "-f", folder], check=False, capture_output=True).stdout == b""


def test_a_hand_written_ruleset_and_libvirts_rules_are_loaded_as_they_are() -> None:
    firewalls.load_nft(firewalls.WALL)
    firewalls.load_iptables(firewalls.LIBVIRT)
    assert reached(2222) == "silence"
    assert run("iptables", "-S", "FORWARD").splitlines()[1:] == [
        "-A FORWARD -j LIBVIRT_FWX",
        "-A FORWARD -j LIBVIRT_FWI",
        "-A FORWARD -j LIBVIRT_FWO",
    ]
