"""Following the Docker Engine's events, where the engine does not do what it should."""

from __future__ import annotations

import json
import socketserver
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from netwright.backends.listening.docker import DockerEars
from netwright.model.notice import Kind, Notice

PATIENCE_SECONDS = 30


class EndingEngine(BaseHTTPRequestHandler):
    """Speaks API 1.44 and later only, as Docker 29 does, and ends each stream of events at once."""

    asked: list[tuple[float, str]]
    protocol_version = "HTTP/1.1"

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass

    def do_GET(self) -> None:
        self.asked.append((time.monotonic(), self.path))
        if self.path == "/version":
            self._answer(200, json.dumps({"ApiVersion": "1.52", "MinAPIVersion": "1.44"}).encode())
        elif self.path.startswith("/v1.52/events"):
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"0\r\n\r\n")
        else:
            self._answer(400, b'{"message": "client version is too old"}')

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[str]:
    EndingEngine.asked = []
    with socketserver.ThreadingUnixStreamServer(str(tmp_path / "docker.sock"), EndingEngine) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"unix://{tmp_path}/docker.sock"
        finally:
            server.shutdown()
            thread.join()


def test_an_engine_that_ends_every_stream_at_once_is_asked_less_and_less_often(engine: str) -> None:
    told: list[Notice] = []
    ears = DockerEars(told.extend, engine)
    try:
        end = time.monotonic() + PATIENCE_SECONDS
        while len(streams := [when for when, path in EndingEngine.asked if "/events" in path]) < 6:
            assert time.monotonic() < end, EndingEngine.asked
            time.sleep(0.01)
    finally:
        ears.close()
    assert streams[5] - streams[4] >= 0.8
    assert told[:4] == [Notice(kind=Kind.ENGINE), Notice(kind=Kind.ENGINE, gone=True)] * 2
