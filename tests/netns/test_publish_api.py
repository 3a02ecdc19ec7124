"""Ports published through the daemon, as members of its group do it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from stacks import ask, outside, serving

import netwright
from netwright.errors import InvalidValue, Refused
from netwright.frontends.cli.daemon_client import Daemon
from netwright.frontends.daemon.openapi import openapi_document
from sandbox_users import NOBODY, as_nobody

pytestmark = pytest.mark.netns

LAB = """\
version: 1
name: lab
networks: {lan: {bridge: br-api, subnets: [10.78.0.0/24]}}
namespaces: {app: {interfaces: {eth0: {network: lan, address: 10.78.0.20}}}}
"""
PATIENCE = 30.0
USER = NOBODY
"""Without any privilege, and in the group that may use the daemon."""


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that every user may enter, as pytest's own is not; one in it is the user's."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "theirs").mkdir()
        os.chown(folder / "theirs", USER, USER)
        yield folder


@pytest.fixture
def daemon(tmp_path: Path, shared: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """It runs, and keeps the stack `lab`; the client is beyond eth1."""
    monkeypatch.setenv("NETWRIGHT_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("NETWRIGHT_SOCKET", str(shared / "api.sock"))
    socket = shared / "api.sock"
    command = [sys.executable, "-m", "netwright", "daemon", "--group", str(USER)]
    with outside():
        netwright.apply(netwright.parse(LAB, "lab.yaml"))
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            end = time.monotonic() + PATIENCE
            while not socket.exists() and time.monotonic() < end:
                time.sleep(0.05)
            yield Daemon(str(socket))
        finally:
            process.terminate()
            process.wait(PATIENCE)
            netwright.destroy("lab")


def checked(answer: dict[str, object]) -> dict[str, object]:
    """An answer that is as the API's own description says."""
    described = openapi_document()
    jsonschema.validate(answer, {"$ref": "#/components/schemas/Revision", "components": described["components"]})
    return answer


def test_a_port_comes_and_goes_through_the_daemon(daemon: Daemon) -> None:
    wish = {"target": "app", "port": "8080:80", "from": ["10.9.0.9"], "source": "preserve"}
    foreseen = checked(daemon.ask("POST", "/v1/publish", {**wish, "plan": True}))
    assert (foreseen["done"], netwright.status("lab")[0].spec_text) == (False, LAB)
    done = checked(daemon.ask("POST", "/v1/publish", {**wish, "text": LAB, "file": "lab.yaml"}))
    assert (done["done"], done["stack"], done["warnings"]) == (True, "lab", [])
    assert done["spec"] == LAB + 'host:\n  publish:\n    - {listen: 8080/tcp, from: [10.9.0.9/32], to: "app:80", source: preserve}\n'
    with serving("app", "10.78.0.20", 80):
        assert ask("ext", "10.9.0.1", 8080, source="10.9.0.9") == "served 80 10.9.0.9"
        assert ask("ext", "10.9.0.1", 8080, source="10.9.1.9", seconds=1) != "served 80 10.9.1.9"
    for request, error, words in (
        (("/v1/publish", {**wish, "port": "8080:81"}), Refused, "app has that port published already, otherwise: 8080/tcp → 80"),
        (("/v1/publish", {"target": "app"}), InvalidValue, "port: is missing"),
        (("/v1/publish", {**wish, "from": [7]}), InvalidValue, "from: is a list of prefixes"),
        (("/v1/unpublish", {"target": "app", "port": "81"}), Refused, "81/tcp is not published to app."),
        (("/v1/unpublish", {"target": "app", "text": LAB}), Refused, "<request> is not what was applied last"),
    ):
        with pytest.raises(error, match=words.replace("(", r"\(")):
            daemon.ask("POST", *request)
    assert daemon.ask("POST", "/v1/unpublish", {"target": "app"})["spec"] == LAB


def test_a_user_of_the_daemons_group_publishes_and_changes_a_file_of_their_own(daemon: Daemon, shared: Path) -> None:
    file = shared / "theirs" / "lab.yaml"
    file.write_text(LAB)
    os.chown(file, USER, USER)

    def command(*arguments: str) -> tuple[int, str, str]:
        done = subprocess.run(
            as_nobody([sys.executable, "-P", "-m", "netwright", *arguments]),
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
            cwd=file.parent,
        )
        return done.returncode, done.stdout, done.stderr

    status, _, told = command("publish", "app", "8081:80", "--write", "lab.yaml")
    assert (status, told.splitlines()[0], told.splitlines()[-1]) == (0, "app: 8081/tcp → 80, in the stack lab.", "lab.yaml says so, too.")
    assert file.read_text() == LAB + 'host:\n  publish:\n    - {listen: 8081/tcp, to: "app:80"}\n'
    assert file.stat().st_uid == USER
    with serving("app", "10.78.0.20", 80):
        assert ask("ext", "10.9.0.1", 8081) == "served 80 10.78.0.1"
    assert command("unpublish", "app", "8081", "--write", "lab.yaml")[0] == 0
    assert file.read_text() == LAB
    assert command("unpublish", "app", "8081") == (
        1,
        "",
        "error: 8081/tcp is not published to app.\nhint: netwright status lists what stacks publish\n",
    )
