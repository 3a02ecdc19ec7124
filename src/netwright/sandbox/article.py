"""The article's network with real packets: who is served through the published port, and who is not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.resources import files

from netwright.backends.netns import run_in
from netwright.model.address import Cidr
from netwright.model.netns import named
from netwright.model.route import Route
from netwright.sandbox.probe import Reach, open_socket, reach
from netwright.sandbox.service import listen
from netwright.sandbox.standins import Sandboxed, stand_in
from netwright.spec.document import Document
from netwright.spec.load import parse

PORT = 1234
PAGE = "This is the page of web, port 1234.\n"
ALLOWED = "10.0.7.7"
OTHER = "10.1.7.7"
FRONT = "10.0.0.1"
BACK = "172.30.0.2"
OUTSIDE = "outside-eth1"
_TIMEOUT_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One client at one address, what should become of it, and what did."""

    what: str
    client: str
    address: str
    expected: Reach
    result: Reach
    page: str | None = None
    """What the server said."""

    @property
    def target(self) -> str:
        return f"{self.address}:{PORT}"

    @property
    def held(self) -> bool:
        return self.result is self.expected and (self.page == PAGE) == bool(self.expected)


def article() -> Document:
    """The file that comes with the package."""
    return parse(files("netwright").joinpath("examples/article.yaml").read_text(encoding="utf-8"), "article.yaml")


def with_clients(document: Document) -> Sandboxed:
    """Stood in, with two clients on the link beyond eth1 that know the way to my_netns's other address."""
    sandboxed = stand_in(document, outside={"eth1": [f"{ALLOWED}/8", f"{OTHER}/8"]})
    (nic,) = sandboxed.nics
    back = Route(to=f"{BACK}/32", via=FRONT, dev=nic.name)
    return replace(sandboxed, nics=(replace(nic, addresses=tuple(Cidr(a) for a in nic.addresses), routes=(back,)),))


@contextmanager
def page_served() -> Iterator[None]:
    """An HTTP server in `web`, for as long as the block lasts. Raises OSError, KernelError."""
    server = HTTPServer(("", PORT), _Page, bind_and_activate=False)
    server.socket.close()
    server.socket = listen(named("web"), "0.0.0.0", PORT, "tcp")  # noqa: S104 - every address of a namespace that is ours
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    serving.start()
    try:
        yield
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def attempts() -> Iterator[Attempt]:
    """Each is made when it is asked for. Raises OSError, KernelError."""
    yield _attempt("a client in 10.0.0.0/16, through eth1", ALLOWED, FRONT, Reach.REACHABLE)
    yield _attempt("a client in 10.1.0.0/16, the same way", OTHER, FRONT, Reach.REFUSED)
    yield _attempt("the first client, the same port on another address", ALLOWED, BACK, Reach.REFUSED)


def _attempt(what: str, client: str, address: str, expected: Reach) -> Attempt:
    with run_in(named(OUTSIDE), lambda: open_socket(address, "tcp", client)) as opened:
        result = reach(opened, address, PORT, _TIMEOUT_SECONDS)
        page = None
        if result:
            connection = HTTPConnection(address, PORT)
            connection.sock = opened
            connection.request("GET", "/")
            page = connection.getresponse().read().decode()
    return Attempt(what=what, client=client, address=address, expected=expected, result=result, page=page)


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = PAGE.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        """A demonstration says what happened itself."""
