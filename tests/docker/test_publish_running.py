"""`netwright publish` and `unpublish` on containers that run: no restart, real packets, and kept in the stack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker_host import DockerHost

import netwright
from clients import fetch, serving

SHOP = """\
version: 1
name: shop        # the office's
containers:
  web:
    publish:
      - "8080:80"   # everybody
"""


@pytest.fixture
def state(engine: DockerHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The host has 10.0.0.1/8 on eth1, the world beyond 10.0.7.7 and 10.1.7.7."""
    engine.run("ip", "link", "set", "eth1", "up")
    engine.run("ip", "address", "add", "10.0.0.1/8", "dev", "eth1")
    engine.run("ip", "link", "set", "eth1", "up", netns=engine.ext)
    for address in ("10.0.7.7/8", "10.1.7.7/8"):
        engine.run("ip", "address", "add", address, "dev", "eth1", netns=engine.ext)
    folder = tmp_path / "state"
    monkeypatch.setenv("NETWRIGHT_STATE", str(folder))
    yield folder
    for stack in netwright.status():
        netwright.destroy(stack.name)


def cli(*arguments: str, status: int = 0, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command, as a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "netwright", *arguments], check=False, capture_output=True, text=True, timeout=120, cwd=folder
    )
    assert done.returncode == status, done.stderr + done.stdout
    return done


def outside(engine: DockerHost) -> str:
    return f"/proc/{os.getpid()}/fd/{engine.ext}"


def run_of(engine: DockerHost, name: str) -> tuple[Any, Any]:
    """What a restart of the container would change."""
    seen = engine.inspect("container", name)["State"]
    return seen["Pid"], seen["StartedAt"]


def test_a_port_is_published_to_a_container_that_runs_and_taken_back(engine: DockerHost, state: Path) -> None:
    engine.web("web")
    before = run_of(engine, "web")
    foreseen = cli("publish", "web", "8080:80", "--from", "10.0.0.0/16", "--plan")
    assert foreseen.stderr == "Would be: web: 8080/tcp → 80, for 10.0.0.0/16 only, in the stack published.\n"
    assert netwright.status() == ()
    cli("publish", "web", "8080:80", "--from", "10.0.0.0/16")
    assert fetch(outside(engine), "10.0.0.1", 8080, "10.0.7.7") == "the page"
    assert fetch(outside(engine), "10.0.0.1", 8080, "10.1.7.7") == "refused"
    again = json.loads(cli("publish", "web", "8080:80", "--from", "10.0.0.0/16", "--json").stdout)
    assert (again["changed"], again["done"], again["stack"]) == (False, True, "published")
    assert again["spec"] == (
        "# Made by netwright publish; netwright unpublish takes ports out again.\n"
        "version: 1\n"
        "name: published\n"
        "containers:\n"
        "  web:\n"
        "    publish:\n"
        "      - {listen: 8080/tcp, from: [10.0.0.0/16], to: 80}\n"
    )
    otherwise = cli("publish", "web", "8080:80", status=1)
    assert otherwise.stderr.startswith(
        "error: web has that port published already, otherwise: 8080/tcp → 80, for 10.0.0.0/16 only (stack published).\nNothing was touched.\n"
    )
    cli("publish", "web", "8080:80", "--replace")
    assert fetch(outside(engine), "10.0.0.1", 8080, "10.1.7.7") == "the page"
    cli("unpublish", "web", "8080")
    assert fetch(outside(engine), "10.0.0.1", 8080, "10.0.7.7") == "refused"
    assert netwright.status() == ()
    assert run_of(engine, "web") == before


@pytest.mark.every_engine
def test_a_container_on_dockers_own_bridge_sees_its_clients_where_they_are_preserved(engine: DockerHost, state: Path) -> None:
    own, neighbour = (f"/proc/{engine.container(name)}/ns/net" for name in ("web", "neighbour"))
    before = engine.run("nsenter", f"--net={own}", "ip", "rule")
    with serving(own, "0.0.0.0", 80, "to CLIENT"):
        done = cli("publish", "web", "8080:80", "--source", "preserve")
        assert "web: 8080/tcp → 80, source preserved, in the stack published.\n" in done.stderr
        assert fetch(outside(engine), "10.0.0.1", 8080, "10.0.7.7") == "to 10.0.7.7"
        gateway = engine.inspect("container", "web")["NetworkSettings"]["Gateway"]
        assert fetch(neighbour, "10.0.0.1", 8080) == f"to {gateway}"
        (stands,) = netwright.status("published")
        assert stands.drift is not None
        assert stands.drift.operations == ()
        cli("unpublish", "web", "8080")
        assert fetch(outside(engine), "10.0.0.1", 8080, "10.0.7.7") == "refused"
    assert engine.run("nsenter", f"--net={own}", "ip", "rule") == before


@pytest.mark.every_engine
def test_what_docker_publishes_itself_is_left_to_it_and_narrowed_and_of_others_refused(engine: DockerHost, state: Path) -> None:
    engine.web("web", "--publish", "8080:80")
    engine.web("db", "--publish", "127.0.0.1:9090:80")
    refused = cli("publish", "db", "8080:80", status=2)
    assert "Docker publishes port 8080/tcp already, for web" in refused.stderr
    assert fetch(outside(engine), "10.0.0.1", 8080, "10.1.7.7") == "the page"
    netwright.publish("web", "8080:80", from_=["10.0.0.0/16"])
    assert fetch(outside(engine), "10.0.0.1", 8080, "10.0.7.7") == "the page"
    assert fetch(outside(engine), "10.0.0.1", 8080, "10.1.7.7") in {"refused", "dropped"}
    # What Docker has on 127.0.0.1 alone is nobody's outside.
    netwright.publish("db", "9090:80")
    assert fetch(outside(engine), "10.0.0.1", 9090, "10.1.7.7") == "the page"
    netwright.unpublish("web")
    assert fetch(outside(engine), "10.0.0.1", 8080, "10.1.7.7") == "the page"
    told = cli("unpublish", "web", "8080", status=1).stderr
    assert told.startswith("error: Docker itself publishes 8080/tcp to web (docker run -p), and no stack does.")
    assert "There is no container wep" in cli("publish", "wep", "1:1", status=1).stderr


def test_a_container_that_is_restarted_or_removed_keeps_its_port_in_the_stack(engine: DockerHost, state: Path) -> None:
    engine.web("web")
    netwright.publish("web", "10.0.0.1:8080:80")
    netwright.publish("web", "8080-8081:80/udp")
    engine.docker("rm", "--force", "web")
    engine.container("other")
    engine.web("web")
    (published,) = netwright.status("published")
    assert published.drift is not None
    assert published.drift.operations
    netwright.publish("other", "8082:80")
    # One stack, applied as a whole: web is reached where it is now.
    assert fetch(outside(engine), "10.0.0.1", 8080, "10.1.7.7") == "the page"
    assert "8081/udp" in cli("unpublish", "web", "--all", "--plan").stderr
    engine.docker("rm", "--force", "web")
    netwright.unpublish("web")
    netwright.unpublish("other", "8082")
    assert netwright.status() == ()


def test_the_file_on_disk_is_changed_with_the_stack_where_that_is_wanted(engine: DockerHost, state: Path, tmp_path: Path) -> None:
    engine.web("web")
    file = tmp_path / "shop.yaml"
    file.write_text(SHOP)
    file.chmod(0o640)
    cli("apply", "shop.yaml", folder=tmp_path)
    cli("publish", "web", "8081:80", "--write", "shop.yaml", folder=tmp_path)
    assert file.read_text() == SHOP + '      - "8081:80"\n'
    assert file.stat().st_mode & 0o777 == 0o640
    assert fetch(outside(engine), "10.0.0.1", 8081, "10.1.7.7") == "the page"
    assert cli("plan", "--check", "shop.yaml", folder=tmp_path).stdout == "Nothing to do: the host is as the file says.\n"
    # Without --write the file is the user's, and its plan says what it would take away.
    cli("publish", "web", "8082:80")
    assert fetch(outside(engine), "10.0.0.1", 8082, "10.1.7.7") == "the page"
    told = cli("plan", "--check", "shop.yaml", folder=tmp_path, status=3).stdout
    assert "8082" in told
    (shop,) = netwright.status("shop")
    assert (shop.source, bool(shop.drift)) == ("shop.yaml (with netwright publish)", False)
    refused = cli("unpublish", "web", "8080", "--write", "shop.yaml", folder=tmp_path, status=1)
    assert refused.stderr.startswith("error: shop.yaml is not what was applied last: changing it would do more than was asked for.")
    cli("unpublish", "web", "8082")
    cli("unpublish", "web", "8080", "--write", "shop.yaml", folder=tmp_path)
    assert file.read_text() == SHOP.replace('      - "8080:80"   # everybody\n', '      - "8081:80"\n')
    cli("apply", "shop.yaml", folder=tmp_path)
    assert fetch(outside(engine), "10.0.0.1", 8081, "10.1.7.7") == "the page"
    assert fetch(outside(engine), "10.0.0.1", 8080, "10.1.7.7") == "refused"


def test_an_entry_that_the_host_does_not_allow_any_more_keeps_nobody_from_publishing_another(engine: DockerHost, state: Path) -> None:
    engine.container("web")
    engine.web("db", page="the base")
    netwright.publish("web", "8080:80")
    engine.docker("rm", "--force", "web")
    engine.web("shop", "--publish", "8080:80", page="the shop")
    engine.container("web")
    done = cli("publish", "db", "9090:80")
    assert (
        "Left out, as it was: netwright publish:7:9: containers.web.publish[0]: Docker publishes port 8080/tcp already, for shop\n"
        in done.stderr
    )
    assert [fetch(outside(engine), "10.0.0.1", port) for port in (8080, 9090)] == ["the shop", "the base"]
    refused = cli("publish", "web", "8080:81", "--replace", status=2).stderr
    assert "netwright publish:7:9: containers.web.publish[0]: Docker publishes port 8080/tcp already, for shop" in refused
    assert "containers.db" not in refused
    engine.docker("rm", "--force", "shop")
    engine.docker("rm", "--force", "web")
    engine.web("web")
    assert "Left out" not in cli("publish", "db", "9091:80").stderr
    assert [fetch(outside(engine), "10.0.0.1", port) for port in (8080, 9090, 9091)] == ["the page", "the base", "the base"]
