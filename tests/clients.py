"""Real packets: small clients and servers in network namespaces, run as processes of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

FETCH = """
import socket, sys
source, address, port = sys.argv[1:]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
s = socket.socket(family, socket.SOCK_STREAM)
s.settimeout(3)
try:
    if source:
        s.bind((source, 0))
    s.connect((address, int(port)))
    s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
    answer = b""
    while part := s.recv(65536):
        answer += part
    print(answer.decode().rpartition("\\r\\n\\r\\n")[2].strip())
except ConnectionRefusedError:
    print("refused")
except TimeoutError:
    print("dropped")
except OSError as error:
    print(type(error).__name__, error)
"""

SERVE = """
import socket, sys
address, port, page = sys.argv[1:]
s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((address, int(port)))
s.listen(64)
print("ready", flush=True)
while True:
    c, peer = s.accept()
    body = page.replace("CLIENT", peer[0]).encode()
    c.recv(4096)
    c.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
    c.close()
"""


def fetch(netns: str, address: str, port: int, source: str = "") -> str:
    """What a client in the namespace (a path) gets from a port: the page, `refused` or `dropped`."""
    command = ["nsenter", f"--net={netns}", sys.executable, "-I", "-S", "-c", FETCH, source, address, str(port)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.strip()


@contextmanager
def serving(netns: str, address: str, port: int, page: str) -> Iterator[None]:
    """A web server in the namespace (a path); `CLIENT` in the page is the address that it sees."""
    command = ["nsenter", f"--net={netns}", sys.executable, "-I", "-S", "-c", SERVE, address, str(port), page]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield
    finally:
        process.kill()
        process.communicate()
