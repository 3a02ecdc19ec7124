"""The log of changes: whoever changes the host, by whichever way, is in it, with what came of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from test_plugin_protocol import Client, client, create, remove

from daemon_process import until
from netwright.errors import BackendError, Refused
from netwright.frontends.cli.daemon_client import Daemon
from netwright.frontends.daemon.openapi import openapi_document

pytestmark = pytest.mark.netns
__all__ = ["client"]

LAB = """\
version: 1
name: lab
networks: {lan: {bridge: br-audit, subnets: [10.78.0.0/24], masquerade: false}}
namespaces: {app: {interfaces: {eth0: {network: lan, address: 10.78.0.20}}}}
"""
PATIENCE = 60.0
PROGRAM = Path("/proc/self/comm").read_text().strip()
"""What this process calls itself (proc(5))."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the files and the state are. No stack outlives the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NETWRIGHT_STATE", str(tmp_path / "state"))
    Path("lab.yaml").write_text(LAB)
    Path("wrong.yaml").write_text(
        LAB.replace("network: lan", "nic: audit7, addresses: [10.1.1.1/24]").replace("address: 10.78.0.20", "up: true")
    )
    yield tmp_path
    netwright("destroy", "lab")


def netwright(*arguments: str) -> str:
    """What it said on standard output."""
    return subprocess.run(
        [sys.executable, "-m", "netwright", *arguments], check=False, capture_output=True, text=True, timeout=PATIENCE
    ).stdout


def entries(stack: str = "lab") -> list[dict[str, Any]]:
    """Those of `netwright log --json`, which are as the API's description says."""
    found = json.loads(netwright("log", stack, "--json"))
    described = openapi_document()
    for entry in found["entries"]:
        jsonschema.validate(entry, {"$ref": "#/components/schemas/LogEntry", "components": described["components"]})
    return list(found["entries"])


def answers(daemon: Daemon) -> bool:
    try:
        daemon.ask("GET", "/v1/status")
    except BackendError:
        return False
    return True


def told(found: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(one["act"], one["result"], one["caller"]["command"]) for one in found]


def test_by_commands(folder: Path) -> None:
    netwright("apply", "lab.yaml")
    netwright("apply", "wrong.yaml")
    netwright("publish", "app", "8080:80")
    netwright("unpublish", "app", "8080")
    Path("more.yaml").write_text(LAB + 'host: {publish: [{listen: 8081, to: "app:80"}]}\n')
    netwright("apply", "--confirm", "600", "more.yaml")
    netwright("confirm", "lab")
    netwright("destroy", "lab")
    assert told(entries()) == [
        ("apply", "done", "netwright apply lab.yaml"),
        ("apply", "refused", "netwright apply wrong.yaml"),
        ("revise", "done", "netwright publish app 8080:80"),
        ("revise", "done", "netwright unpublish app 8080"),
        ("apply", "done", "netwright apply --confirm 600 more.yaml"),
        ("confirm", "done", "netwright confirm lab"),
        ("destroy", "done", "netwright destroy lab"),
    ]


def test_what_nobody_confirmed_and_what_was_interrupted(folder: Path) -> None:
    netwright("apply", "lab.yaml")
    Path("more.yaml").write_text(LAB + 'host: {publish: [{listen: 8081, to: "app:80"}]}\n')
    netwright("apply", "--confirm", "1", "more.yaml")
    until("the change to be taken back", lambda: len(entries()) == 3, PATIENCE)
    *_, expired = entries()
    assert (expired["act"], expired["result"]) == ("expire", "done")
    assert expired["caller"]["command"].startswith("netwright _watch-trial lab")
    assert (expired["caller"]["uid"], expired["after"]) == (0, entries()[0]["after"])


def test_over_the_daemons_socket(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    socket = folder / "api.sock"
    process = subprocess.Popen(
        [sys.executable, "-m", "netwright", "daemon"],
        env={**os.environ, "NETWRIGHT_SOCKET": str(socket)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        daemon = Daemon(str(socket))
        until("an answer", lambda: answers(daemon), PATIENCE)
        daemon.ask("POST", "/v1/apply", {"text": LAB, "source": "lab.yaml"})
        daemon.ask("POST", "/v1/publish", {"target": "app", "port": "8080:80"})
        daemon.ask("POST", "/v1/unpublish", {"target": "app", "port": "8080"})
        with pytest.raises(Refused):
            daemon.ask("POST", "/v1/confirm", {"stack": "lab"})
        subprocess.run(["ip", "netns", "del", "app"], check=True)
        until("the repair", lambda: any(one["act"] == "repair" for one in entries()), PATIENCE)
        daemon.ask("POST", "/v1/destroy", {"stack": "lab"})
        assert daemon.ask("GET", "/v1/log?stack=lab")["entries"] == entries()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
    found = [one for one in entries() if one["act"] != "repair"]
    assert told(found) == [
        ("apply", "done", f"{PROGRAM}: POST /v1/apply"),
        ("revise", "done", f"{PROGRAM}: POST /v1/publish"),
        ("revise", "done", f"{PROGRAM}: POST /v1/unpublish"),
        ("destroy", "done", f"{PROGRAM}: POST /v1/destroy"),
    ]
    assert {one["caller"]["pid"] for one in found} == {os.getpid()}
    (repair, *_) = [one for one in entries() if one["act"] == "repair"]
    assert (repair["caller"]["pid"], repair["caller"]["command"]) == (process.pid, "netwright daemon")


def test_by_docker_through_its_driver(client: Client) -> None:
    create(client)
    remove(client)
    found = json.loads(netwright("log", "--json"))["entries"]
    assert [(one["act"], one["result"]) for one in found] == [("apply", "done"), ("destroy", "done")]
    assert {one["caller"]["command"].split(" --")[0] for one in found} == {"netwright docker-plugin"}
    assert found[0]["done"][0].startswith("create bridge ")
