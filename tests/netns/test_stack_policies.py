"""Policies with real packets: between members of one bridge, between networks, from outside, with the host, for both IP versions."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from stacks import HOST, Stacks, ask, at, outside, run, said, serving

TWO_NETWORKS = """\
version: 1
name: shop
networks:
  lan: {bridge: br-shop, subnets: [10.30.0.0/24, "fd30::/64"]}
  back: {bridge: br-back, subnets: [10.31.0.0/24, "fd31::/64"]}
namespaces:
  web: {interfaces: {eth0: {network: lan, address: [10.30.0.10, "fd30::10"]}}}
  mate: {interfaces: {eth0: {network: lan, address: [10.30.0.11, "fd30::11"]}}}
  db: {interfaces: {eth0: {network: back, address: [10.31.0.10, "fd31::10"]}}}
"""


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[Stacks]:
    with outside():
        made = Stacks(tmp_path / "state")
        yield made
        made.destroy_all()


def policies(*written: str, before: str = TWO_NETWORKS) -> str:
    return before + "policies:\n" + "".join(f"  - {{{one}}}\n" for one in written)


@contextmanager
def serving_both(netns: str, *ports: int, protocol: str = "tcp") -> Iterator[None]:
    with serving(netns, "::", *ports, protocol=protocol):
        yield


def answers(netns: str, name: str, port: int, protocol: str = "tcp") -> list[str]:
    """What a client is told by a member of the file under its IPv4 and its IPv6 address: `served` or `refused`."""
    addresses = {
        "web": ("10.30.0.10", "fd30::10"),
        "mate": ("10.30.0.11", "fd30::11"),
        "db": ("10.31.0.10", "fd31::10"),
        "host": ("10.30.0.1", "fd30::1"),
        "ext": ("10.9.0.9", "fd09::9"),
    }[name]
    return [ask(netns, address, port, protocol).split()[0] for address in addresses]


SERVED, REFUSED = ["served", "served"], ["refused", "refused"]


def test_members_of_one_bridge_are_told_apart(stacks: Stacks) -> None:
    stacks.apply(policies("name: web, from: mate, to: web, ports: [80, 53/udp]"))
    with serving_both("web", 80, 81), serving_both("web", 53, protocol="udp"), serving_both("mate", 80):
        assert answers("mate", "web", 80) == SERVED
        assert answers("mate", "web", 53, "udp") == SERVED
        assert answers("mate", "web", 81) == REFUSED
        assert answers("db", "web", 80) == REFUSED
        assert answers("db", "web", 53, "udp") == REFUSED
        assert answers(HOST, "web", 80) == REFUSED
        # Nobody has said anything of mate; and replies pass.
        assert answers("web", "mate", 80) == SERVED
        assert answers("db", "mate", 80) == SERVED


def test_a_deny_wins_over_an_allow_and_leaves_everything_else_alone(stacks: Stacks) -> None:
    written = ("name: all, from: [lan, back], to: web", "name: not-mate, from: mate, to: web, ports: 81, action: deny")
    stacks.apply(policies(*written))
    with serving_both("web", 80, 81):
        assert answers("mate", "web", 80) == SERVED
        assert answers("mate", "web", 81) == REFUSED
        assert answers("db", "web", 81) == SERVED
    stacks.apply(policies(written[1]))
    with serving_both("web", 80, 81):
        assert answers(HOST, "web", 81) == SERVED, "a deny closes nothing else"
        assert answers("mate", "web", 81) == REFUSED


PEER = """
import socket, sys
if sys.argv[1] == "serve":
    listening = socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=True)
    print("ready", flush=True)
    s, _ = listening.accept()
else:
    s = socket.create_connection((sys.argv[1], 80), timeout=5)
s.settimeout(5)
print("connected", flush=True)
for line in sys.stdin:
    try:
        if line == "say\\n":
            s.sendall(b"x")
            print("said", flush=True)
        else:
            print("heard" if s.recv(1) else "end", flush=True)
    except OSError as error:
        print(type(error).__name__, flush=True)
"""


class End:
    """One end of a TCP connection, told what to do."""

    def __init__(self, netns: str, role: str) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen([*at(netns), "python3", "-c", PEER, role], stdin=pipe, stdout=pipe, text=True)

    def line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def does(self, what: str) -> str:
        """`say` or `hear`; what came of it."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        return self.line()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def connected(address: str) -> Iterator[tuple[End, End]]:
    """A connection from mate to web: the client, the server."""
    server = End("web", "serve")
    try:
        assert server.line() == "ready"
        client = End("mate", address)
        try:
            assert (client.line(), server.line()) == ("connected", "connected")
            yield client, server
        finally:
            client.close()
    finally:
        server.close()


@pytest.mark.parametrize("bridged", ["0", "1"], ids=["untracked before", "tracked before"])
@pytest.mark.parametrize("policy", ["name: others, from: db, to: web", "name: off, from: mate, to: web, ports: 80, action: deny"])
@pytest.mark.parametrize(("first", "other"), [(0, 1), (1, 0)], ids=["the client speaks first", "the server speaks first"])
def test_a_policy_that_comes_ends_connections_that_are_there(stacks: Stacks, bridged: str, policy: str, first: int, other: int) -> None:
    run("sysctl", "-qw", f"net.bridge.bridge-nf-call-iptables={bridged}", f"net.bridge.bridge-nf-call-ip6tables={bridged}")
    stacks.apply(TWO_NETWORKS)
    with connected("10.30.0.10" if bridged == "1" else "fd30::10") as ends:
        assert (ends[first].does("say"), ends[other].does("hear")) == ("said", "heard")
        stacks.apply(policies(policy))
        assert ends[first].does("say") == "said"
        assert ends[first].does("hear") == "ConnectionResetError"
    stacks.destroy("shop")
    run("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=1", "net.bridge.bridge-nf-call-ip6tables=1")


def test_a_connection_that_a_policy_allows_goes_on_when_it_comes(stacks: Stacks) -> None:
    stacks.apply(TWO_NETWORKS)
    with connected("10.30.0.10") as (client, server):
        stacks.apply(policies("name: web, from: mate, to: web, ports: 80"))
        assert (server.does("say"), client.does("hear")) == ("said", "heard")
        assert (client.does("say"), server.does("hear")) == ("said", "heard")
        stacks.apply(policies("name: web, from: [mate, db], to: web"))
        assert (server.does("say"), client.does("hear")) == ("said", "heard")


def test_who_comes_from_outside_is_told_by_address_and_by_the_port_that_was_asked_for(stacks: Stacks) -> None:
    published = TWO_NETWORKS + 'host: {publish: [{listen: 8080, to: "web:80"}]}\n'
    run("ip", "route", "add", "10.30.0.0/24", "via", "10.9.0.1", netns="ext")
    stacks.apply(policies('name: office, from: [10.9.0.0/24, "fd09::/64"], to: web, ports: 8080', before=published))
    with serving_both("web", 80):
        assert ask("ext", "10.9.0.1", 8080, source="10.9.0.9") == "served 80 ::ffff:10.30.0.1"
        assert ask("ext", "10.9.0.1", 8080, source="10.9.1.9") == "refused"
        assert ask("ext", "fd09::1", 8080, source="fd09::9") == "served 80 fd30::1"
        assert ask("ext", "fd09::1", 8080, source="fd09:0:0:1::9") == "refused"
        assert ask("ext", "10.30.0.10", 80, source="10.9.0.9") == "refused", "80 is not the port that it says"
        assert answers("mate", "web", 80) == REFUSED
    stacks.apply(policies("name: office, from: 10.9.0.0/24, to: web, ports: 80", before=published))
    with serving_both("web", 80):
        assert ask("ext", "10.9.0.1", 8080, source="10.9.0.9") == "refused"
        assert ask("ext", "10.30.0.10", 80, source="10.9.0.9") == "served 80 ::ffff:10.9.0.9"


def test_the_host_is_closed_by_an_allow_that_names_it_and_is_itself_a_client(stacks: Stacks) -> None:
    stacks.apply(policies("name: ssh, from: [mate, 10.9.0.0/24], to: host, ports: 22", "name: to-db, from: host, to: db"))
    with serving_both(HOST, 22, 23), serving_both("db", 80):
        assert answers("mate", "host", 22) == SERVED
        assert answers("mate", "host", 23) == REFUSED
        assert answers("web", "host", 22) == REFUSED
        assert ask("ext", "10.9.0.1", 22, source="10.9.0.9").startswith("served")
        assert ask("ext", "10.9.0.1", 22, source="10.9.1.9") == "refused"
        assert ask(HOST, "127.0.0.1", 23).startswith("served"), "what the host says to itself is its own affair"
        assert ask(HOST, "10.9.0.1", 23).startswith("served")
        assert answers(HOST, "db", 80) == SERVED
        assert answers("mate", "db", 80) == REFUSED
    with serving_both("ext", 80):
        assert answers(HOST, "ext", 80) == SERVED, "what the host opens is answered"


def test_who_may_open_connections_to_some_of_the_outside_is_confined_to_it(stacks: Stacks) -> None:
    run("ip", "address", "add", "8.8.8.8/32", "dev", "lo", netns="ext")
    run("ip", "address", "add", "2620:fe::fe/128", "dev", "lo", netns="ext")
    run("ip", "route", "add", "8.8.8.8/32", "via", "10.9.0.9")
    run("ip", "route", "add", "2620:fe::fe/128", "via", "fd09::9")
    try:
        stacks.apply(policies("name: dns, from: lan, to: internet, ports: 53", "name: mirror, from: mate, to: 10.9.0.9/32, ports: 80"))
        with serving_both("ext", 53, 80), serving_both("db", 80), serving_both(HOST, 80):
            for netns in ("web", "mate"):
                assert ask(netns, "8.8.8.8", 53).startswith("served")
                assert ask(netns, "2620:fe::fe", 53).startswith("served")
                assert ask(netns, "8.8.8.8", 80) == "refused"
                assert ask(netns, "2620:fe::fe", 80) == "refused"
                assert answers(netns, "ext", 53) == REFUSED, "10.9.0.9 and fd09::9 are not the internet"
                assert answers(netns, "db", 80) == SERVED, "what is in the file is inside"
                assert answers(netns, "host", 80) == SERVED
            assert ask("mate", "10.9.0.9", 80).startswith("served")
            assert ask("web", "10.9.0.9", 80) == "refused"
            assert ask("db", "8.8.8.8", 80).startswith("served"), "nobody has said anything of db"
    finally:
        run("ip", "route", "del", "8.8.8.8/32")
        run("ip", "route", "del", "2620:fe::fe/128")


def test_a_deny_towards_the_internet_confines_nobody(stacks: Stacks) -> None:
    run("ip", "address", "add", "8.8.8.8/32", "dev", "lo", netns="ext")
    run("ip", "route", "add", "8.8.8.8/32", "via", "10.9.0.9")
    try:
        stacks.apply(policies("name: no-mail, from: lan, to: internet, ports: 25, action: deny"))
        with serving_both("ext", 25, 80):
            assert [ask("web", "8.8.8.8", port).split()[0] for port in (25, 80)] == ["refused", "served"]
            assert [ask("db", "8.8.8.8", port).split()[0] for port in (25, 80)] == ["served", "served"]
            assert ask("web", "10.9.0.9", 25).startswith("served")
    finally:
        run("ip", "route", "del", "8.8.8.8/32")


def test_ping_is_a_service_and_errors_come_through_with_what_they_tell_of(stacks: Stacks) -> None:
    stacks.apply(policies("name: ping, from: mate, to: web, ports: [icmp, 90/udp]"))

    def ping(netns: str, address: str) -> str:
        """An echo request over a ping socket (ping_group_range)."""
        script = """
import socket, sys
six = ":" in sys.argv[1]
s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_RAW, 58 if six else 1)
s.settimeout(float(sys.argv[2]))
s.connect((sys.argv[1], 0))
body = bytes((128 if six else 8, 0)) + bytes(2) + b"\\0\\7\\0\\1"
total = sum(int.from_bytes(body[i:i + 2], "big") for i in range(0, 8, 2))
s.send(body if six else body[:2] + (0xFFFF - total).to_bytes(2, "big") + body[4:])
try:
    while True:
        data = s.recv(200)
        kind = data[0] if six else data[20]
        if kind in (0, 129, 1, 3):
            print("pong" if kind in (0, 129) else "refused")
            break
except TimeoutError:
    print("silence")
except OSError:
    print("refused")
"""
        return run("python3", "-c", script, address, "3", netns=netns).strip()

    assert [ping("mate", address) for address in ("10.30.0.10", "fd30::10")] == ["pong", "pong"]
    assert [ping("db", address) for address in ("10.30.0.10", "fd30::10")] == ["refused", "refused"]
    assert answers("mate", "web", 90, "udp") == REFUSED, "nobody listens: the error that says so has passed"
    assert counters()["closed"][0] == 2
    assert counters()["p_ping"][0] == 6, "two echoes with their answers, and two questions; errors are not counted"


def counters(netns: str = HOST) -> dict[str, tuple[int, int]]:
    listed = run("nft", "list", "counters", "table", "inet", "nwp_shop", netns=netns)
    return {name: (int(packets), int(size)) for name, packets, size in re.findall(r"counter (\S+) \{\s+packets (\d+) bytes (\d+)", listed)}


def near(address: str) -> str:
    """What mate is told by port 80 of a link-local address."""
    script = """
import socket, sys
s = socket.socket(socket.AF_INET6)
s.settimeout(1)
try:
    s.connect((sys.argv[1], 80, 0, socket.if_nametoindex("eth0")))
    print("served")
except TimeoutError:
    print("silence")
except ConnectionRefusedError:
    print("refused")
"""
    return run("python3", "-c", script, address, netns="mate").strip()


def test_link_local_addresses_are_no_way_around(stacks: Stacks) -> None:
    stacks.apply(policies("name: web, from: db, to: web"))
    local = next(a["local"] for a in _addresses("web") if a["local"].startswith("fe80:"))
    with serving_both("web", 80):
        assert near(local) in ("refused", "silence")
        stacks.apply(TWO_NETWORKS)
        assert near(local) == "served"


def _addresses(netns: str) -> list[dict[str, str]]:
    (entry,) = json.loads(run("ip", "-j", "-6", "address", "show", "dev", "eth0", netns=netns))
    return list(entry["addr_info"])


def test_br_netfilters_switch_is_lent_and_given_back(stacks: Stacks) -> None:
    keys = ("net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables")

    def switches() -> list[str]:
        return run("sysctl", "-n", *keys).split()

    run("sysctl", "-qw", f"{keys[0]}=0", f"{keys[1]}=0")
    stacks.apply(policies("name: no-mail, from: lan, to: internet, ports: 25, action: deny"))
    assert switches() == ["0", "0"], "nothing is said of what is within a bridge"
    done = said(stacks.apply(policies("name: web, from: mate, to: web")))
    assert switches() == ["1", "1"]
    loaded = [f"load nft table {table}_shop on the host" for table in ("nwp", "nwa")]
    assert done == [*loaded, *(f"set {key} to 1 on the host" for key in keys)]
    done = said(stacks.apply(TWO_NETWORKS))
    assert switches() == ["0", "0"]
    deleted = [f"delete nft table {table}_shop on the host" for table in ("nwp", "nwa")]
    assert done == [*deleted, *(f"set {key} to 0 on the host" for key in keys)]
    run("sysctl", "-qw", f"{keys[0]}=1", f"{keys[1]}=1")


def test_policies_stand_before_what_they_are_about_and_go_after_it(stacks: Stacks) -> None:
    done = said(stacks.apply(policies("name: web, from: mate, to: web")))
    first = done.index("load nft table nwp_shop on the host")
    assert [one for one in done[:first] if not one.startswith("create namespace")] == []
    done = said(stacks.destroy("shop"))
    last = done.index("delete nft table nwa_shop on the host")
    assert done[last - 1] == "delete nft table nwp_shop on the host"
    assert [one for one in done[last + 1 :] if "net.bridge." not in one] == []
