"""The daemon's API over its socket: who may use it, what it answers, and that its description is true. A client of the standard library asks."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from daemons import left, sh
from jsonschema import Draft202012Validator
from stacks import Stacks, ip, settled, witness

from daemon_process import DaemonProcess, until
from sandbox_users import NOBODY, as_nobody

pytestmark = pytest.mark.netns

GROUP = 4242
SHOP = """\
version: 1
name: shop
networks: {lan: {subnets: [10.3.0.0/24], bridge: br-shop, masquerade: false}}
namespaces:
  web: {interfaces: {eth0: {network: lan, address: 10.3.0.7, mtu: 1400}}}
host:
  publish: [{listen: 8080/tcp, to: web:80}]
"""


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[DaemonProcess]:
    """It runs, for the group, where everybody can come by. Its stacks do not outlive the test."""
    place = Path(tempfile.mkdtemp(prefix="netwright-daemon-"))
    place.chmod(0o755)
    daemon = DaemonProcess(tmp_path, NETWRIGHT_SOCKET=str(place / "run" / "api.sock"))
    daemon.socket = place / "run" / "api.sock"
    try:
        daemon.start("--group", str(GROUP), through=("sh", "-c", 'umask 077; exec "$@"', "sh"))
        yield daemon
    finally:
        daemon.close()
        Stacks(daemon.state).destroy_all()
        shutil.rmtree(place)


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(str(self._path))


def ask(daemon: DaemonProcess, method: str, path: str, body: Any = None, *, words: bool = False) -> tuple[int, str, str]:
    """Status, content type and content of an answer. `body`: bytes as they are, anything else as JSON."""
    connection = _Connection(daemon.socket)
    try:
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection.request(method, path, data, {"Content-Type": "application/json"} | ({"Accept": "text/plain"} if words else {}))
        answer = connection.getresponse()
        return answer.status, answer.headers.get_content_type(), answer.read().decode()
    finally:
        connection.close()


def document(daemon: DaemonProcess, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Status and document; that it is what the description promises has been checked."""
    status, kind, content = ask(daemon, method, path, body)
    assert kind == "application/json"
    answer = json.loads(content)
    described = json.loads(ask(daemon, "GET", "/openapi.json")[2])
    plain = path.partition("?")[0]
    template = "/v1/status/{stack}" if plain.startswith("/v1/status/") else plain
    operation = described["paths"].get(template, {}).get(method.lower())
    response = operation["responses"]["200" if status == 200 else "default"] if operation else None
    schema = response["content"]["application/json"]["schema"] if response else {"$ref": "#/components/schemas/Error"}
    Draft202012Validator({**schema, "components": described["components"]}).validate(answer)
    return status, answer


def error(daemon: DaemonProcess, method: str, path: str, body: Any = None) -> tuple[int, str, str]:
    """Status, kind and message of a refusal."""
    status, answer = document(daemon, method, path, body)
    return status, answer["error"]["kind"], answer["error"]["message"]


def as_member(daemon: DaemonProcess, *arguments: str, member: bool = True, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """The command line as a user who is not root."""
    through = as_nobody([], group=GROUP if member else None)
    return daemon.run(*arguments, stdin=stdin, check=False, through=through)


def test_the_socket_is_roots_and_the_groups_and_nobody_elses(daemon, host) -> None:
    found = daemon.socket.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (0, GROUP, 0o660)
    # Whatever the umask was: the group must come by.
    assert daemon.socket.parent.stat().st_mode & 0o7777 == 0o755
    assert daemon.state.stat().st_mode & 0o7777 == 0o700


def test_every_stack_command_has_its_endpoint_and_answers_with_its_document(daemon, host) -> None:
    assert document(daemon, "GET", "/v1/status") == (200, {"version": 1, "stacks": []})
    status, planned = document(daemon, "POST", "/v1/plan", {"text": SHOP, "source": "shop.yaml"})
    assert (status, left()) == (200, [])
    status, applied = document(daemon, "POST", "/v1/apply", {"text": SHOP, "source": "shop.yaml"})
    assert (status, applied["stack"], applied["changed"]) == (200, "shop", True)
    assert [one["sentence"] for one in applied["plan"]["operations"]] == [one["sentence"] for one in planned["operations"]]
    assert [link["mtu"] for link in ip("link", "show", "dev", "eth0", netns="web")] == [1400]
    assert document(daemon, "POST", "/v1/apply", {"text": SHOP})[1]["changed"] is False
    status, standing = document(daemon, "GET", "/v1/status/shop")
    assert (status, [one["name"] for one in standing["stacks"]], standing["stacks"][0]["in_order"]) == (200, ["shop"], True)
    assert document(daemon, "GET", "/v1/status")[1] == standing
    assert document(daemon, "POST", "/v1/publish", {"target": "web", "port": "8081:81", "stack": "shop"})[0] == 200
    assert document(daemon, "POST", "/v1/unpublish", {"target": "web", "port": "8081", "stack": "shop"})[0] == 200
    assert document(daemon, "GET", "/v1/log")[0] == 200
    assert document(daemon, "POST", "/v1/recover") == (200, {"version": 1, "recovered": [], "rolled_back": []})
    assert document(daemon, "POST", "/v1/apply", {"text": SHOP.replace("1400", "1300"), "confirm": 60})[1]["confirm_before"] is not None
    assert document(daemon, "POST", "/v1/confirm") == (200, {"version": 1, "confirmed": ["shop"]})
    status, destroyed = document(daemon, "POST", "/v1/destroy", {"stack": "shop"})
    assert (status, destroyed["changed"], left()) == (200, True, [])
    assert document(daemon, "POST", "/v1/destroy", {"stack": "shop"})[1]["changed"] is False


def test_words_are_those_of_the_command(daemon, host) -> None:
    status, kind, planned = ask(daemon, "POST", "/v1/plan", {"text": SHOP}, words=True)
    assert (status, kind) == (200, "text/plain")
    assert planned == daemon.run("plan", "-", stdin=SHOP).stdout
    assert ask(daemon, "POST", "/v1/apply", {"text": SHOP}, words=True)[2] == planned
    assert ask(daemon, "GET", "/v1/status", words=True)[2] == daemon.run("status").stdout
    assert ask(daemon, "GET", "/v1/events", words=True)[2] == daemon.run("events").stdout
    # An error is a document all the same.
    status, kind, refused = ask(daemon, "GET", "/v1/status/nobody", words=True)
    assert (status, kind, json.loads(refused)["error"]["message"]) == (404, "application/json", "There is no stack nobody on this host.")


def test_events_are_documents_one_on_each_line_and_come_as_they_happen(daemon, host) -> None:
    document(daemon, "POST", "/v1/apply", {"text": SHOP})
    connection = _Connection(daemon.socket)
    try:
        connection.request("GET", "/v1/events?stack=shop&follow=1")
        answer = connection.getresponse()
        assert answer.headers.get_content_type() == "application/x-ndjson"
        sh("nft delete table inet nw_shop")
        told = json.loads(answer.readline())
    finally:
        connection.close()
    assert (told["what"], told["stack"]) == ("repaired", "shop")
    described = json.loads(ask(daemon, "GET", "/openapi.json")[2])
    schema = {"$ref": "#/components/schemas/Event", "components": described["components"]}
    lines = ask(daemon, "GET", "/v1/events")[2].splitlines()
    assert [json.loads(line)["what"] for line in lines] == ["started", "repaired"]
    for line in lines:
        Draft202012Validator(schema).validate(json.loads(line))


def test_what_is_wrong_is_told_as_a_document_with_its_status(daemon, host) -> None:
    assert error(daemon, "POST", "/v1/apply", b"{") == (
        *(422, "InvalidValue"),
        "the request is no JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
    )
    assert error(daemon, "POST", "/v1/apply", b"[" * 100_000)[:2] == (422, "InvalidValue")
    assert error(daemon, "POST", "/v1/apply", b"\xff\xfe")[:2] == (422, "InvalidValue")
    assert error(daemon, "POST", "/v1/apply", [SHOP]) == (422, "InvalidValue", "the request is no JSON object")
    assert error(daemon, "POST", "/v1/apply", {}) == (422, "InvalidValue", "text: is missing")
    assert error(daemon, "POST", "/v1/apply", {"text": 1}) == (422, "InvalidValue", "text: is of the wrong type")
    assert error(daemon, "POST", "/v1/apply", {"text": SHOP, "wait": 1}) == (422, "InvalidValue", "wait: is of the wrong type")
    assert error(daemon, "POST", "/v1/apply", {"txet": SHOP})[2].startswith("txet: there is no such key; there are text, ")
    for seconds in ("NaN", "Infinity", "0", "-1", "1e9", "true"):
        body = f'{{"text": {json.dumps(SHOP)}, "confirm": {seconds}}}'.encode()
        assert error(daemon, "POST", "/v1/apply", body)[:2] == (422, "InvalidValue")
    assert error(daemon, "POST", "/v1/destroy", {"stack": "../x"})[:2] == (422, "InvalidValue")
    assert error(daemon, "POST", "/v1/confirm", {"stack": "shop"}) == (
        *(409, "Refused"),
        "There is no change of shop that waits to be confirmed.",
    )
    assert error(daemon, "GET", "/v1/status/shop") == (404, "Refused", "There is no stack shop on this host.")
    assert error(daemon, "GET", "/v2/status") == (404, "Usage", "GET /v2/status: Not Found.")
    assert error(daemon, "DELETE", "/v1/status") == (405, "Usage", "DELETE /v1/status: Method Not Allowed.")
    assert error(daemon, "GET", "/v1/apply") == (405, "Usage", "GET /v1/apply: Method Not Allowed.")
    assert left() == []
    status, answer = document(daemon, "POST", "/v1/apply", {"text": "version: 1\nname: shop\nnetwork: {}\n", "source": "shop.yaml"})
    assert (status, answer["error"]["kind"], answer["error"]["exit_status"]) == (422, "Spec", 2)
    assert [(one["line"], one["column"], one["path"]) for one in answer["error"]["problems"]] == [(3, 1, "network")]


def test_a_request_that_is_too_large_is_refused_and_one_that_is_no_http_ends_the_connection(daemon, host) -> None:
    with socket.socket(socket.AF_UNIX) as plain:
        plain.settimeout(60)
        plain.connect(str(daemon.socket))
        plain.sendall(b"POST /v1/apply HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n" + b" " * (1 << 20))
        plain.shutdown(socket.SHUT_WR)
        until("the connection to end", lambda: plain.recv(65536) == b"")
    with socket.socket(socket.AF_UNIX) as plain:
        plain.settimeout(60)
        plain.connect(str(daemon.socket))
        plain.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert b" 400 " in plain.recv(65536).splitlines()[0]
    status, answer = document(daemon, "POST", "/v1/apply", b" " * ((64 << 20) + 1))
    assert (status, answer["error"]["kind"]) == (413, "Usage")
    assert daemon.memory() < 600_000_000
    assert document(daemon, "GET", "/v1/status")[0] == 200


def test_while_it_is_busy_what_would_not_wait_is_told_so(daemon, host) -> None:
    with subprocess.Popen(["flock", str(daemon.state / "lock"), "cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as holder:
        # Until it is held there is nothing in the way, and nothing to destroy.
        until("the lock to be held", lambda: ask(daemon, "POST", "/v1/destroy", {"stack": "shop", "wait": False})[0] == 423)
        assert error(daemon, "POST", "/v1/destroy", {"stack": "shop", "wait": False})[:2] == (423, "Busy")
        assert document(daemon, "GET", "/v1/status")[0] == 200
        assert holder.stdin is not None
        holder.stdin.close()


def test_its_description_names_what_is_served_and_nothing_else(daemon, host) -> None:
    described = json.loads(ask(daemon, "GET", "/openapi.json")[2])
    assert described == json.loads((Path(__file__).parents[2] / "docs" / "reference" / "openapi.json").read_text())
    assert described["openapi"] == "3.1.0"
    names = [operation["operationId"] for methods in described["paths"].values() for operation in methods.values()]
    assert len(names) == len(set(names))
    for schema in described["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for path, methods in described["paths"].items():
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
            status = ask(daemon, method, path.replace("{stack}", "shop"), {} if method == "POST" else None)[0]
            assert (status != 405) == (method.lower() in methods)


def test_a_member_of_the_group_commands_through_it_as_root_does_without(daemon, host) -> None:
    applied = as_member(daemon, "apply", "-", stdin=SHOP)
    assert (applied.returncode, applied.stderr) == (0, "")
    assert "create namespace web" in applied.stdout
    assert "web" in sh("ip netns list")
    assert as_member(daemon, "status").stdout == daemon.run("status").stdout
    # No word of its own state or of the kernel: the daemon has done it, and says for whom.
    assert json.loads(as_member(daemon, "status", "shop", "--json").stdout)["stacks"][0]["in_order"] is True
    assert as_member(daemon, "plan", "-", stdin=SHOP).stdout == daemon.run("plan", "-", stdin=SHOP).stdout
    assert as_member(daemon, "events").stdout == daemon.run("events").stdout
    wrong = as_member(daemon, "apply", "-", stdin=SHOP.replace("8080/tcp", "8080/tpc"))
    assert (wrong.returncode, wrong.stderr) == (2, daemon.run("apply", "-", stdin=SHOP.replace("8080/tcp", "8080/tpc"), check=False).stderr)
    trial = as_member(daemon, "apply", "--confirm", "60", "-", stdin=SHOP.replace("1400", "1300"))
    assert trial.returncode == 0
    assert as_member(daemon, "confirm", "shop").returncode == 0
    nobody = as_member(daemon, "status", "nobody")
    assert (nobody.returncode, nobody.stderr) == (1, daemon.run("status", "nobody", check=False).stderr)
    assert as_member(daemon, "recover").returncode == 0
    assert as_member(daemon, "destroy", "shop").returncode == 0
    assert left() == []


def test_others_do_not_get_to_it(daemon, host) -> None:
    document(daemon, "POST", "/v1/apply", {"text": SHOP})
    before = settled(witness())
    refused = as_member(daemon, "destroy", "shop", member=False)
    assert refused.returncode == 1
    assert "that needs root. Nothing was touched." in refused.stderr
    # Even where the socket lets them in: the kernel says who they are.
    daemon.socket.chmod(0o666)
    command = [sys.executable, "-I", "-S", "-c", RAW, str(daemon.socket)]
    answer = subprocess.run(as_nobody(command), capture_output=True, text=True, check=True).stdout
    head, _, body = answer.partition("\n\n")
    assert head.startswith("HTTP/1.1 403 ")
    assert json.loads(body)["error"]["message"] == (
        f"The user with the number {NOBODY} may not use this socket: root and the members of its group may."
    )
    assert witness() == before
    member = subprocess.run(as_nobody(command, group=GROUP), capture_output=True, text=True, check=True).stdout
    assert member.startswith("HTTP/1.1 200 ")


RAW = """
import socket, sys
with socket.socket(socket.AF_UNIX) as s:
    s.connect(sys.argv[1])
    s.sendall(b"POST /v1/destroy HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\nContent-Type: application/json\\r\\nContent-Length: 21\\r\\n\\r\\n" + b'{"stack": "another"} ')
    while data := s.recv(65536):
        sys.stdout.write(data.decode())
"""


def test_the_kernel_says_who_asks(daemon, host) -> None:
    with socket.socket(socket.AF_UNIX) as door:
        door.connect(str(daemon.socket))
        pid, uid, _ = struct.unpack("=iII", door.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    assert (pid, uid) == (daemon.pid, 0)
