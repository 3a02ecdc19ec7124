"""Whatever a member of the group sends to the daemon's socket: an answer that says what was wrong, or the end of that connection. It serves on."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from daemons import left
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from daemon_process import DaemonProcess, until
from sandbox_users import as_nobody

pytestmark = pytest.mark.netns

GROUP = 4242
LONG = bool(os.environ.get("NETWRIGHT_TORTURE"))
MANY = settings(
    max_examples=5000 if LONG else 120,
    derandomize=not LONG,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
RELAY = """
import json, select, socket, sys
for line in sys.stdin:
    told = json.loads(line)
    heard = b""
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(25)
        door.connect(sys.argv[1])
        try:
            for part in told["parts"]:
                door.sendall(bytes.fromhex(part))
            if told["end"] == "a while":
                select.select([door], [], [], 0.03)
                door.shutdown(socket.SHUT_WR)
            while told["end"] != "gone" and (part := door.recv(65536)):
                heard += part
        except TimeoutError:
            heard = b"HANGS"
        except OSError:
            pass
    print(heard.hex(), flush=True)
"""


class Member:
    """A user of the group, who may send bytes."""

    def __init__(self, daemon: DaemonProcess) -> None:
        self.daemon = daemon
        command = as_nobody([sys.executable, "-I", "-S", "-c", RELAY, str(daemon.socket)], group=GROUP)
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.sent = 0

    def send(self, *parts: bytes, end: str = "answer") -> bytes:
        """What comes back until the daemon closes. `end`: "a while" if they wait for it no longer, "gone" if they do not at all."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"parts": [part.hex() for part in parts], "end": end}) + "\n")
        self._process.stdin.flush()
        self.sent += 1
        answer = bytes.fromhex(self._process.stdout.readline())
        assert answer != b"HANGS"
        head = answer.partition(b"\r\n")[0]
        assert not head or head.startswith(b"HTTP/"), answer
        assert b" 500 " not in head, answer
        return answer

    def served(self) -> None:
        """The daemon serves, and has said nothing about what was sent."""
        assert self.send(b"GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 200 ")
        assert self.daemon.words() == f"Serving the API on {self.daemon.socket}.\nThe daemon is at work.\n"

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="netwright-fuzz-"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


@pytest.fixture
def member(place: Path, host: Any) -> Iterator[Member]:
    daemon = DaemonProcess(place, NETWRIGHT_SOCKET=str(place / "run" / "api.sock"))
    member = None
    try:
        daemon.log.unlink(missing_ok=True)
        daemon.start("--group", str(GROUP))
        member = Member(daemon)
        yield member
        member.served()
        assert left() == []
        assert daemon.end() == 0
    finally:
        if member is not None:
            member.close()
        daemon.close()
        (place / "notify").unlink()


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


PATHS = [f"/v1/{name}" for name in ("plan", "apply", "destroy", "publish", "unpublish", "confirm", "recover")]
KEYS = ["text", "source", "full", "replace", "wait", "confirm", "allow_lockout", "stack", "target", "port", "from", "plan", "file"]
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
TEXT = st.one_of(
    ANY_TEXT, st.sampled_from(["version: 1\nname: a\n", "80", "8080:80/tcp", "10.0.0.0/8", "a", "host", "masquerade", "../x", "\ud800"])
)
VALUE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
BODY = st.one_of(VALUE, st.dictionaries(st.one_of(st.sampled_from(KEYS), TEXT), st.one_of(VALUE, TEXT), max_size=6))


@MANY
@given(path=st.sampled_from(PATHS), body=BODY)
@example(path="/v1/apply", body={"\ud800": 1})
@example(path="/v1/apply", body={"text": "version: 1\nname: a\n", "source": "\udfff"})
def test_json_of_any_shape(member: Member, path: str, body: Any) -> None:
    member.send(post(path, json.dumps(body).encode(), "Connection: close"))


@MANY
@given(path=st.sampled_from(PATHS), body=st.binary(max_size=200), wanted=st.sampled_from(["Accept: text/plain", "Accept: \x7f", "X: y"]))
def test_bytes_of_any_kind(member: Member, path: str, body: bytes, wanted: str) -> None:
    member.send(post(path, body, "Connection: close", wanted))


PIECES = [
    *(b"\r\n", b"\n", b"\0", b" ", b"\xff", b"%ff", b"%ed%a0%80", b"?stack=%00", b"/..", b"//", b":", b"\r\n\r\n", b"0\r\n\r\n"),
    b"\r\nTransfer-Encoding: chunked",
    b"\r\nContent-Length: 5",
    b"\r\nContent-Length: -1",
    b"\r\nContent-Encoding: gzip",
    b"\r\nContent-Encoding: deflate",
    b"\r\nExpect: 100-continue",
    b"\r\nUpgrade: websocket\r\nConnection: Upgrade",
    b"\r\nAccept: text/plain",
    b"\r\nCookie: \xff=\xfe",
    b"\r\nX: " + b"x" * 9000,
    b"\r\nContent-Type: application/json; charset=\xff",
    b"\r\nContent-Type: multipart/form-data; boundary=x",
]
WHOLE = [
    post("/v1/apply", b'{"text": "version: 1"}'),
    post("/v1/destroy", b'{"stack": "a"}'),
    b"GET /v1/status/shop?x=y HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /v1/events?stack=shop HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /v1/log?stack=a&full=1 HTTP/1.0\r\n\r\n",
    b"POST /v1/plan HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
]


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """A request with something in it that does not belong there, or without its end."""
    data = draw(st.sampled_from(WHOLE))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(data)))
        taken = draw(st.integers(0, 3))
        data = data[:place] + draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=4))) + data[place + taken :]
    return data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data


@MANY
@given(data=broken(), cut=st.integers(0, 400), end=st.sampled_from(["a while", "gone"]))
@example(data=b"POST / HTTP/0.9\r\nContent-Length: 1\r\n\r\n1", cut=0, end="a while")
@example(data=b"GET /v1/status/\xff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", cut=0, end="answer")
@example(data=b"GET /v1/log?stack=%ed%a0%80 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", cut=0, end="answer")
@example(data=b"GET /v1/log?stack=\xff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", cut=0, end="answer")
def test_http_that_is_broken_somewhere(member: Member, data: bytes, cut: int, end: str) -> None:
    member.send(data[:cut], data[cut:], end=end)


def test_what_is_too_much_is_refused(member: Member) -> None:
    assert member.send(b"GET /v1/status HTTP/1.1\r\nX: " + b"x" * 1_000_000, end="a while").split(b" ")[1:2] in ([b"400"], [])
    assert member.send(b"GET /v1/status HTTP/1.1\r\n" + b"".join(b"X%d: y\r\n" % one for one in range(100_000)), end="a while").split(b" ")[
        1:2
    ] in (
        [b"400"],
        [],
    )
    # Large only when it is unpacked.
    bomb = gzip.compress(b" " * (200 << 20), 1)
    assert member.send(post("/v1/apply", bomb, "Content-Encoding: gzip", "Connection: close")).split(b" ")[1] == b"413"
    assert member.send(b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n" * 300, end="a while").count(b"HTTP/1.1 200 ") in range(301)
    assert member.daemon.memory() < 600_000_000


def test_half_of_a_pair_is_told_with_its_place(member: Member) -> None:
    answers = {
        b'{"text": "ab\\ud800"}': "text: the character 3 is half of a surrogate pair (U+D800), which is no text",
        b'{"\\ud800": 1}': "\ud800: there is no such key; there are text, source, confirm, wait, allow_lockout, replace",
    }
    for body, message in answers.items():
        answer = member.send(post("/v1/apply", body, "Connection: close"))
        assert answer.startswith(b"HTTP/1.1 422 ")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["message"] == message


def test_a_form_of_somebody_elses_page_is_not_heard(member: Member) -> None:
    body = b'{"stack": "a"}'
    plain = post("/v1/destroy", body, "Connection: close").replace(b"application/json", b"text/plain")
    assert member.send(plain).startswith(b"HTTP/1.1 415 ")
    assert member.send(plain.replace(b"Content-Type: text/plain\r\n", b"")).startswith(b"HTTP/1.1 415 ")
    assert member.send(b"POST /v1/recover HTTP/1.1\r\nHost: x\r\nOrigin: null\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 415 ")
    assert member.send(b"POST /v1/recover HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_there_are_so_many_connections_and_followers_and_no_more(member: Member) -> None:
    doors: list[socket.socket] = []

    def knock(data: bytes) -> socket.socket:
        door = socket.socket(socket.AF_UNIX)
        doors.append(door)
        door.settimeout(30)
        door.connect(str(member.daemon.socket))
        door.sendall(data)
        return door

    try:
        follow = b"GET /v1/events?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n"
        assert [knock(follow).recv(12) for _ in range(32)] == [b"HTTP/1.1 200"] * 32
        assert knock(follow).recv(12) == b"HTTP/1.1 423"
        while len(doors) < 64:
            knock(b"GET /v1/sta")
        assert b"There are too many connections." in knock(b"").recv(4096)
        # Others have their own.
        member.served()
    finally:
        for door in doors:
            door.close()
    until("room for root", lambda: b"HTTP/1.0 200" in knock(b"GET /v1/status HTTP/1.0\r\n\r\n").recv(4096))
    doors[-1].close()
