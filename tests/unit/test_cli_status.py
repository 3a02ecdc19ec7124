"""What `netwright status` prints of a stack, given what the engine saw."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from netwright.engine.outcome import StackStatus
from netwright.kinds.bridge import Bridge
from netwright.kinds.loopback import Loopback
from netwright.kinds.veth import Veth
from netwright.model.docker import Container, DockerState, PortBinding
from netwright.model.firewall import Table
from netwright.model.link import LinkKey
from netwright.model.netns import HOST, named
from netwright.model.operation import AddAddress, CreateNetns, Plan
from netwright.model.route import Address, Route
from netwright.model.state import Namespace, State
from netwright.report.documents import status_document
from netwright.report.standing import standing_of
from netwright.report.status_text import status_text

SPEC = """\
version: 1
name: shop
networks: {lan: {subnets: [10.3.0.0/24]}}
namespaces:
  web:
    interfaces: {eth0: {network: lan}}
    publish:
      - {listen: "eth0:1234/tcp", from: [10.0.0.0/16], to: "db:5432", source: preserve}
  db: {interfaces: {eth0: {network: lan}}}
containers:
  app: {publish: ["8080:80"]}
"""
WEB, DB = named("web"), named("db")
GATEWAY = Address(dev="br-shop-lan", cidr="10.3.0.1/24")
BRIDGE = Bridge(name="br-shop-lan", up=True, mtu=1400, mac="02:00:00:00:00:01", master="")
PORT = Veth(name="web-1", up=True, mtu=1400, mac="02:00:00:00:00:02", master="br-shop-lan", peer=LinkKey(WEB, "eth0"))
ETH0 = Veth(name="eth0", up=False, mtu=1400, mac="02:00:00:00:00:03", master="", peer=LinkKey(HOST, "web-1"))
DEFAULT = Route(to="0.0.0.0/0", via="10.3.0.1", dev="eth0")
BACK = Route(to="0.0.0.0/0", via="10.3.0.1", dev="eth0", table=783607)
HOLE = Route(to="10.66.0.0/16", kind="blackhole", metric=7)

DESIRED = State(
    namespaces={
        DB: Namespace(
            ref=DB, owner="shop", links={"eth0": Veth(name="eth0", up=True)}, addresses=frozenset({Address(dev="eth0", cidr="10.3.0.3/24")})
        ),
        WEB: Namespace(
            ref=WEB,
            owner="shop",
            links={"lo": Loopback(name="lo"), "eth0": Veth(name="eth0", up=True)},
            routes=frozenset({DEFAULT, BACK, HOLE}),
        ),
        HOST: Namespace(
            ref=HOST, links={"br-shop-lan": Bridge(name="br-shop-lan"), "web-1": Veth(name="web-1"), "db-1": Veth(name="db-1")}
        ),
    }
)
OBSERVED = State(
    namespaces={
        HOST: Namespace(
            ref=HOST,
            links={"br-shop-lan": BRIDGE, "web-1": PORT, "other": Bridge(name="other")},
            addresses=frozenset({GATEWAY, Address(dev="other", cidr="10.9.0.1/24"), Address(dev="br-shop-lan", cidr="fe80::1/64")}),
        ),
        WEB: Namespace(
            ref=WEB,
            links={"lo": Loopback(name="lo"), "eth0": ETH0},
            addresses=frozenset({Address(dev="eth0", cidr="10.3.0.2/24")}),
            routes=frozenset({DEFAULT, BACK, HOLE, Route(to="10.99.0.0/16", via="10.3.0.9")}),
        ),
    }
)
DRIFT = Plan(
    stack="shop",
    operations=(
        CreateNetns(netns=DB, why="in the file, not on the host"),
        AddAddress(netns=DB, address=Address(dev="eth0", cidr="10.3.0.3/24"), why="in the file, not on the host"),
    ),
    waiting=("containers.app waits for the container app to start",),
    warnings=("networks.lan.mtu: 9000 is more than eth9 has",),
)
STATUS = StackStatus(
    name="shop",
    source="shop.yaml",
    committed_at=1700000000.0,
    spec_text=SPEC,
    drift=DRIFT,
    trouble=None,
    observed=OBSERVED,
    desired=DESIRED,
    unfinished=False,
    confirm_before=1700000060.0,
)


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a minute after the commit."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(time, "time", lambda: 1700000030.0)


def text(status: StackStatus) -> str:
    return status_text([(status, standing_of(status))])


def test_what_nobody_has_taken_back_in_time_is_told_with_the_command_that_does() -> None:
    (line,) = (line for line in text(replace(STATUS, confirm_before=1700000010.0)).splitlines() if "not confirmed" in line)
    assert line == "  not confirmed: should have been rolled back at 22:13:30, and will be by: netwright recover"


def test_a_stack_that_has_drifted_is_shown_with_what_is_missing_and_what_would_be_done() -> None:
    assert (
        text(STATUS)
        == """\
shop  drifted
  from shop.yaml, committed 2023-11-14 22:13:20
  not confirmed: rolled back at 22:14:20 unless you run: netwright confirm shop
  host
    br-shop-lan  bridge  up       10.3.0.1/24
    web-1        veth    up       in br-shop-lan
    db-1         veth    missing
    publish 8080/tcp to app:80
  db  missing
    eth0  veth  missing  10.3.0.3/24
  web
    eth0  veth  down  10.3.0.2/24
    route default via 10.3.0.1
    route blackhole 10.66.0.0/16 metric 7
    route default via 10.3.0.1 table 783607
    publish eth0:1234/tcp from 10.0.0.0/16 to db:5432, source preserved
  waiting: containers.app waits for the container app to start
  warning: networks.lan.mtu: 9000 is more than eth9 has
  drift: an apply would
    create namespace db                    in the file, not on the host
    add address 10.3.0.3/24 on eth0 in db  in the file, not on the host
"""
    )


def test_a_stack_in_order_says_so() -> None:
    status = StackStatus(
        name="shop",
        source="-",
        committed_at=1700000000.0,
        spec_text="version: 1\nname: shop\n",
        drift=Plan(stack="shop"),
        trouble=None,
        observed=State(namespaces={HOST: Namespace(ref=HOST)}),
        desired=State(namespaces={HOST: Namespace(ref=HOST)}),
        unfinished=False,
    )
    assert text(status) == "shop  in order\n  from -, committed 2023-11-14 22:13:20\n"


def test_a_run_that_was_cut_short_before_it_ever_was_committed_says_what_to_do() -> None:
    status = StackStatus(
        name="shop",
        source="shop.yaml",
        committed_at=0.0,
        spec_text="",
        drift=None,
        trouble=None,
        observed=State(),
        desired=State(),
        unfinished=True,
    )
    assert text(status) == "shop  a run was cut short: netwright recover\n  from shop.yaml, committed never\n"


def test_a_stack_that_somebody_is_changing_is_neither_in_order_nor_cut_short() -> None:
    status = replace(STATUS, drift=Plan(stack="shop"), changing="PID 123 (netwright apply shop.yaml)")
    assert text(status).splitlines()[0] == "shop  is being changed at this moment, by PID 123 (netwright apply shop.yaml)"


def test_what_cannot_be_worked_out_says_why() -> None:
    status = StackStatus(
        name="shop",
        source="-",
        committed_at=1700000000.0,
        spec_text=SPEC,
        drift=None,
        trouble="Docker is away.",
        observed=State(),
        desired=State(),
        unfinished=False,
    )
    assert text(status).splitlines()[0] == "shop  cannot be checked: Docker is away."


GUARD = """\
version: 1
name: guard
host: {protect: true, publish: [{listen: "10.0.0.1:53/udp", to: "dns:53"}]}
containers: {web: {publish: [{listen: 8080, from: [10.0.0.0/16, 10.2.0.0/16], to: 80}]}, dns: {}}
policies: [{name: ops, from: [10.9.0.0/16], to: dns, ports: [50-60/udp]}, {name: no, to: dns, ports: [70], action: deny}]
"""


def binding(port: int, host_ip: str = "0.0.0.0", protocol: str = "tcp") -> PortBinding:
    return PortBinding(protocol=protocol, host_ip=host_ip, host_port=port, container_port=port)


def test_what_protection_closes_and_for_whom_it_is_open_is_listed_port_by_port() -> None:
    docker = DockerState(
        containers={
            "web": Container(name="web", pid=7, bindings=(binding(8080), binding(8080, "::"), binding(8081, "127.0.0.1"))),
            "db": Container(
                name="db", pid=8, bindings=(binding(5432), binding(5432, "::"), binding(9999, "10.0.0.1"), binding(443, "fd00::1"))
            ),
            "dns": Container(name="dns", pid=9, bindings=(binding(53, "10.0.0.1", "udp"), binding(53, "10.0.0.2", "udp"))),
            "gone": Container(name="gone", bindings=(binding(1),)),
        }
    )
    status = StackStatus(
        name="guard",
        source="-",
        committed_at=1700000000.0,
        spec_text=GUARD,
        drift=Plan(stack="guard"),
        trouble=None,
        observed=State(namespaces={HOST: Namespace(ref=HOST)}, docker=docker),
        desired=State(namespaces={HOST: Namespace(ref=HOST)}),
        unfinished=False,
        neighbours=(SPEC, 'version: 1\nname: other\ncontainers: {db: {publish: [{listen: "10.0.0.1:9999", to: 9}]}}\n'),
    )
    assert (
        text(status).partition("  protected: ")[2]
        == """\
2 of the 6 ports that Docker publishes are closed to the outside
    db   [fd00::1]:443/tcp  closed
    db   5432/tcp           closed
    db   10.0.0.1:9999/tcp  open to everybody on 10.0.0.1:9999/tcp (other)
    dns  10.0.0.1:53/udp    open to everybody on 10.0.0.1:53/udp (guard); open to 10.9.0.0/16 by policy ops (guard)
    dns  10.0.0.2:53/udp    open to 10.9.0.0/16 by policy ops (guard)
    web  8080/tcp           open to 10.0.0.0/16, 10.2.0.0/16 (guard); open to everybody (shop)
"""
    )
    (stack,) = status_document([(status, standing_of(status))])["stacks"]
    assert stack["protected"][3:] == [
        {
            "container": "dns",
            "listen": "10.0.0.1:53/udp",
            "opened": [
                {"stack": "guard", "listen": "10.0.0.1:53/udp", "from": None},
                {"stack": "guard", "listen": "policy ops", "from": ["10.9.0.0/16"]},
            ],
        },
        {"container": "dns", "listen": "10.0.0.2:53/udp", "opened": [{"stack": "guard", "listen": "policy ops", "from": ["10.9.0.0/16"]}]},
        {
            "container": "web",
            "listen": "8080/tcp",
            "opened": [
                {"stack": "guard", "listen": "8080/tcp", "from": ["10.0.0.0/16", "10.2.0.0/16"]},
                {"stack": "shop", "listen": "8080/tcp", "from": None},
            ],
        },
    ]
    assert standing_of(replace(status, observed=replace(status.observed, docker=DockerState(reachable=False)))).protected is None


WALL = """\
version: 1
name: wall
networks: {lan: {subnets: [10.3.0.0/24]}}
namespaces: {web: {interfaces: {eth0: {network: lan}}}}
policies:
  - {name: office, from: [10.0.0.0/16, "fd00::/8"], to: web, ports: [80, 53/udp, icmp], log: true}
  - {name: no-mail, to: internet, ports: 25, action: deny}
  - {name: not-yet, from: lan, to: host}
"""


def test_policies_are_listed_with_what_they_have_counted_in_all_namespaces() -> None:
    counted = (
        (HOST, {"p_office": (12, 3400), "p_no-mail": (0, 0), "closed": (3, 180), "confined": (1, 60)}),
        (WEB, {"p_office": (1, 100), "p_no-mail": (2, 120), "closed": (0, 0), "confined": (0, 0)}),
    )
    observed = State(
        namespaces={ref: Namespace(ref=ref, policies=Table(name="nwp_wall", digest="aa", counters=counters)) for ref, counters in counted}
    )
    status = StackStatus(
        name="wall",
        source="-",
        committed_at=1700000000.0,
        spec_text=WALL,
        drift=Plan(stack="wall"),
        trouble=None,
        observed=observed,
        desired=State(),
        unfinished=False,
    )
    assert (
        text(status).partition("22:13:20\n")[2]
        == """\
  policies
    office   allow 10.0.0.0/16, fd00::/8 to web: 80/tcp, 53/udp, icmp, logged  13 packets, 3500 bytes
    no-mail  deny anyone to internet: 25/tcp                                   2 packets, 120 bytes
    not-yet  allow lan to host                                                 not in force
             refused, since no policy allows it                                4 packets, 240 bytes
"""
    )
    (stack,) = status_document([(status, standing_of(status))])["stacks"]
    assert stack["refused"] == {"packets": 4, "bytes": 240}
    assert stack["policies"][1:] == [
        {
            "name": "no-mail",
            "action": "deny",
            "from": None,
            "to": ["internet"],
            "ports": ["25/tcp"],
            "log": False,
            "packets": 2,
            "bytes": 120,
        },
        {
            "name": "not-yet",
            "action": "allow",
            "from": ["lan"],
            "to": ["host"],
            "ports": None,
            "log": False,
            "packets": None,
            "bytes": None,
        },
    ]


def test_the_document_has_all_of_it() -> None:
    (stack,) = status_document([(STATUS, standing_of(STATUS))])["stacks"]
    drift = stack.pop("drift")
    assert (drift["stack"], len(drift["operations"])) == ("shop", 2)
    assert stack == {
        "name": "shop",
        "source": "shop.yaml",
        "committed_at": 1700000000.0,
        "confirm_before": 1700000060.0,
        "unfinished": False,
        "changing": None,
        "in_order": False,
        "trouble": None,
        "waiting": ["containers.app waits for the container app to start"],
        "warnings": ["networks.lan.mtu: 9000 is more than eth9 has"],
        "namespaces": [
            {
                "name": "host",
                "there": True,
                "links": [
                    {
                        "name": "br-shop-lan",
                        "kind": "bridge",
                        "there": True,
                        "up": True,
                        "mtu": 1400,
                        "mac": "02:00:00:00:00:01",
                        "master": None,
                        "addresses": ["10.3.0.1/24"],
                    },
                    {
                        "name": "web-1",
                        "kind": "veth",
                        "there": True,
                        "up": True,
                        "mtu": 1400,
                        "mac": "02:00:00:00:00:02",
                        "master": "br-shop-lan",
                        "addresses": [],
                    },
                    {"name": "db-1", "kind": "veth", "there": False, "up": None, "mtu": None, "mac": None, "master": None, "addresses": []},
                ],
                "routes": [],
            },
            {
                "name": "named/db",
                "there": False,
                "links": [
                    {
                        "name": "eth0",
                        "kind": "veth",
                        "there": False,
                        "up": True,
                        "mtu": None,
                        "mac": None,
                        "master": None,
                        "addresses": ["10.3.0.3/24"],
                    }
                ],
                "routes": [],
            },
            {
                "name": "named/web",
                "there": True,
                "links": [
                    {
                        "name": "eth0",
                        "kind": "veth",
                        "there": True,
                        "up": False,
                        "mtu": 1400,
                        "mac": "02:00:00:00:00:03",
                        "master": None,
                        "addresses": ["10.3.0.2/24"],
                    }
                ],
                "routes": [
                    {"kind": "unicast", "to": "0.0.0.0/0", "via": "10.3.0.1", "dev": "eth0", "metric": None, "table": 254},
                    {"kind": "blackhole", "to": "10.66.0.0/16", "via": None, "dev": None, "metric": 7, "table": 254},
                    {"kind": "unicast", "to": "0.0.0.0/0", "via": "10.3.0.1", "dev": "eth0", "metric": None, "table": 783607},
                ],
            },
        ],
        "publishes": [
            {"on": "named/web", "listen": "eth0:1234/tcp", "from": ["10.0.0.0/16"], "to": "db:5432", "source": "preserve"},
            {"on": "host", "listen": "8080/tcp", "from": None, "to": "app:80", "source": "masquerade"},
        ],
        "policies": [],
        "refused": None,
        "protected": None,
    }
