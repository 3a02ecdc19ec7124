"""`host.protect` on a host with a real engine and a real firewall: the one goes around the other, and Netwright around neither."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_host import DockerHost, wait_for

import firewalls
import netwright
from clients import fetch
from netwright.errors import Refused

GUARD = """\
version: 1
name: guard
host: {protect: true}
containers:
  web: {publish: [{listen: 8080, from: [10.0.0.0/16], to: 80}]}
"""


@pytest.fixture
def outside(engine: DockerHost) -> str:
    """Clients in 10.0.0.0/16 and 10.1.0.0/16 beyond eth1. Its path."""
    for netns, addresses in ((engine.host, ("10.0.0.1/8", "fd10::1/16")), (engine.ext, ("10.0.7.7/8", "10.1.7.7/8", "fd10::7/16"))):
        engine.run("ip", "link", "set", "eth1", "up", netns=netns)
        for address in addresses:
            engine.run("ip", "address", "add", address, "dev", "eth1", *(("nodad",) if ":" in address else ()), netns=netns)
    return f"/proc/{os.getpid()}/fd/{engine.ext}"


@pytest.fixture
def netwrights(engine: DockerHost, tmp_path: Path) -> Iterator[netwright.Engine]:
    with netwright.open_engine(state_folder=str(tmp_path / "state")) as made:
        yield made
        made.destroy("guard")


def publish(engine: DockerHost) -> None:
    """Two containers, one of which is in the file."""
    engine.web("web", "--publish", "8080:80")
    engine.web("db", "--publish", "5432:80", page="rows")


def rules(engine: DockerHost) -> list[str]:
    """Everybody's rules of iptables but ours, ufw's, which makes them anew, and Docker's RETURN, which goes with a flush of DOCKER-USER."""
    saved = [line for word in ("iptables", "ip6tables") for line in engine.run(f"{word}-save").splitlines() if line[0] == "-"]
    return [line for line in saved if not any(other in line for other in ("netwright:", "ufw", "DOCKER-USER -j RETURN"))]


def has_settled(engine: DockerHost) -> bool:
    """Docker has its chain of users and its ports again, and changes nothing any more."""
    seen = rules(engine)
    time.sleep(0.5)
    return "-A FORWARD -j DOCKER-USER" in seen and any("--dport 5432 -j DNAT" in rule for rule in seen) and rules(engine) == seen


def apply(netwrights: netwright.Engine) -> int:
    """How many operations it took; a second time there is nothing to do."""
    document = netwright.parse(GUARD, "guard.yaml")
    operations = len(netwrights.apply(document).plan.operations)
    assert netwrights.apply(document).plan.operations == ()
    return operations


def seen(outside: str) -> list[str]:
    """What the office gets of web, what others do, and what the office gets of a database that is in no file."""
    asked = (("10.0.7.7", 8080), ("10.1.7.7", 8080), ("10.0.7.7", 5432))
    return [fetch(outside, "10.0.0.1", port, source) for source, port in asked]


AROUND, PROTECTED = ["the page", "the page", "rows"], ["the page", "refused", "refused"]


@pytest.mark.every_engine
@pytest.mark.skipif(not firewalls.has_ufw(), reason=firewalls.NEEDS_UFW)
def test_docker_goes_around_ufw_until_the_host_is_protected_and_reloads_change_nothing_of_it(
    engine: DockerHost, outside: str, netwrights: netwright.Engine
) -> None:
    if engine.programs.nftables:
        pytest.skip("this engine's rules are in nftables: it does not go around ufw")
    publish(engine)
    with firewalls.ufw() as ufw:
        before = ufw.run("status", "verbose"), rules(engine)
        assert seen(outside) == AROUND, "ufw denies what comes in, and has not been asked"
        apply(netwrights)
        assert seen(outside) == PROTECTED
        ufw.reload()
        assert seen(outside) == PROTECTED
        engine.run("iptables", "-F", "DOCKER-USER")
        assert seen(outside) == PROTECTED
        assert apply(netwrights) == 1
        engine.run("nft", "delete", "table", "inet", "nw_guard")
        assert seen(outside)[2] == "rows"
        assert apply(netwrights) == 1
        assert seen(outside) == PROTECTED
        netwrights.destroy("guard")
        assert (ufw.run("status", "verbose"), rules(engine)) == before
        assert seen(outside) == AROUND


@pytest.fixture
def firewalld(engine: DockerHost, monkeypatch: pytest.MonkeyPatch) -> Iterator[firewalls.Firewalld]:
    """Running, and the engine knows it from its start, by D-Bus: it has put its bridges into the zone `docker`."""
    if not firewalls.has_firewalld():
        pytest.skip(firewalls.NEEDS_FIREWALLD)
    if engine.programs.nftables:
        pytest.skip("this engine's rules are in nftables: firewalld does not flush them")
    with firewalls.firewalld() as running:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", running.bus)
        engine.restart()
        yield running
        monkeypatch.delenv("DBUS_SYSTEM_BUS_ADDRESS")
        engine.empty()
    # It flushes iptables when it starts, when it reloads and when it ends.
    engine.restart()


@pytest.mark.every_engine
def test_docker_goes_around_firewalld_until_the_host_is_protected_and_reloads_change_nothing_of_it(
    engine: DockerHost, firewalld: firewalls.Firewalld, outside: str, netwrights: netwright.Engine
) -> None:
    publish(engine)
    assert "docker0" in firewalld.run("--zone=docker", "--list-interfaces")
    assert seen(outside) == AROUND, "firewalld refuses what comes in, and has not been asked"
    apply(netwrights)
    assert seen(outside) == PROTECTED
    firewalld.reload()
    # Docker hears of it, and puts its own rules back.
    wait_for("Docker's rules to be back", lambda: has_settled(engine))
    apply(netwrights)
    assert seen(outside) == PROTECTED
    netwrights.destroy("guard")
    assert seen(outside) == AROUND


def test_where_a_ruleset_drops_what_the_file_opens_of_dockers_ports_it_is_named_before_anything_is_touched(
    engine: DockerHost, outside: str, netwrights: netwright.Engine
) -> None:
    publish(engine)
    firewalls.load_nft(firewalls.WALL)
    try:
        assert seen(outside) == ["dropped"] * 3
        before = engine.run("nft", "--stateless", "list", "ruleset")
        with pytest.raises(Refused) as refused:
            apply(netwrights)
        assert str(refused.value) == (
            "the chain forward of the nft table inet wall drops what guard opens of Docker's port 8080/tcp, by `policy drop`,"
            " and no rule elsewhere can keep it from that; accept it there, with ct status dnat accept"
        )
        assert engine.run("nft", "--stateless", "list", "ruleset") == before
        engine.run("nft", "add", "rule", "inet", "wall", "forward", "ct", "status", "dnat", "accept")
        apply(netwrights)
        assert seen(outside) == PROTECTED
    finally:
        engine.run("nft", "delete", "table", "inet", "wall")


@pytest.mark.nftables_engine
@pytest.mark.skipif(not firewalls.has_ufw(), reason=firewalls.NEEDS_UFW)
def test_beside_ufw_what_the_file_opens_comes_in_also_where_dockers_rules_are_in_nftables(
    engine: DockerHost, outside: str, netwrights: netwright.Engine
) -> None:
    publish(engine)
    with firewalls.ufw() as ufw:
        assert seen(outside) == ["dropped"] * 3, "ufw's FORWARD drops, and an accept of Docker's does not reach there"
        apply(netwrights)
        assert seen(outside) == PROTECTED
        ufw.reload()
        assert seen(outside) == PROTECTED
        netwrights.destroy("guard")
        assert seen(outside) == ["dropped"] * 3
