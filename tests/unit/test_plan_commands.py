"""A plan as words, as commands and as a document: every sort of operation, literally."""

from __future__ import annotations

import json
import shlex
import subprocess
from dataclasses import replace
from typing import get_args

import pytest
from every_operation import BOX, CASES, ETH0, PORT, TABLE, WEB, WHY
from jsonschema import Draft202012Validator

from netwright.model.docker import Attachment
from netwright.model.loan import ConnectionLoan, DetachmentLoan, NicLoan, SysctlLoan
from netwright.model.netns import HOST, container
from netwright.model.operation import (
    AddAddress,
    AddRoute,
    AnyOperation,
    CreateLink,
    Plan,
    RemoveAddress,
    RemoveRoute,
    ReplaceTable,
    SetSysctl,
)
from netwright.model.route import Address, Route
from netwright.planning.commands import shell_commands
from netwright.planning.document import operation_document, plan_document, plan_json_schema
from netwright.planning.sentence import sentence

NAMES = [f"{type(operation).__name__}-{number}" for number, (operation, _, _) in enumerate(CASES)]
OPERATIONS = tuple(operation for operation, _, _ in CASES)
LOANS = (
    NicLoan(
        home=HOST,
        name="enp3s0",
        netns=WEB,
        new_name="wan0",
        mac="02:00:00:00:00:09",
        permanent_mac=None,
        mtu=9000,
        up=True,
        master="",
        alias="mine",
        txqlen=77,
        group=5,
        addrgenmode=1,
        addresses=(Address(dev="enp3s0", cidr="192.0.2.9/24"),),
        routes=(Route(to="0.0.0.0/0", via="192.0.2.1", dev="enp3s0", protocol=3),),
    ),
    SysctlLoan(netns=HOST, key="net.ipv4.ip_forward", value="0"),
    ConnectionLoan(container="web", network="shop"),
    DetachmentLoan(container="web", attachment=Attachment(network="shop", ipv4="172.31.0.7", aliases=("www",), driver_options={"a": "b"})),
)


def test_no_sort_of_operation_is_left_out():
    assert {type(operation) for operation in OPERATIONS} == set(get_args(AnyOperation))


@pytest.mark.parametrize(("operation", "words", "commands"), CASES, ids=NAMES)
def test_an_operation_is_said_in_a_sentence(operation, words, commands):
    assert sentence(operation) == words


@pytest.mark.parametrize(("operation", "words", "commands"), CASES, ids=NAMES)
def test_an_operation_has_its_commands(operation, words, commands):
    assert shell_commands(Plan(stack="lab", operations=(operation,))) == commands


@pytest.mark.parametrize(("operation", "words", "commands"), CASES, ids=NAMES)
def test_a_shell_can_read_the_commands(operation, words, commands):
    subprocess.run(["sh", "-n"], input="\n".join(commands), text=True, check=True, capture_output=True)


def test_a_container_whose_place_is_not_known_is_asked_of_docker_when_the_command_runs():
    operation = SetSysctl(netns=container("my box"), key="net.ipv4.ip_forward", value="1", why=WHY)
    assert shell_commands(Plan(stack="lab", operations=(operation,))) == [
        """nsenter --net="/proc/$(docker inspect --format "{{.State.Pid}}" 'my box')/ns/net" sysctl -q -w net.ipv4.ip_forward=1"""
    ]


def test_a_twin_can_be_born_into_a_container():
    operation = CreateLink(netns=HOST, link=PORT, twin=ETH0, twin_netns=BOX, why=WHY)
    first = shell_commands(Plan(stack="lab", operations=(operation,)))[0]
    assert first.endswith("numtxqueues 1 numrxqueues 1 netns /proc/4711/ns/net")


def test_a_here_document_does_not_end_early():
    operation = ReplaceTable(netns=HOST, table=replace(TABLE, text="\tchain c {\n\t}\nEOF\n"), owner="lab", why=WHY)
    (command,) = shell_commands(Plan(stack="lab", operations=(operation,)))
    assert command.startswith("nft -f - <<'EOF_'\n")
    assert command.endswith("\nEOF\n}\nEOF_")


def test_values_that_a_shell_would_read_stay_what_they_are():
    value = "$(reboot) `x` 'y' \"z\" ; & | > <"
    operation = SetSysctl(netns=WEB, key="net.ipv4.tcp_rmem", value=value, why=WHY)
    (command,) = shell_commands(Plan(stack="lab", operations=(operation,)))
    assert shlex.split(command) == ["ip", "netns", "exec", "web", "sysctl", "-q", "-w", f"net.ipv4.tcp_rmem={value}"]


def test_what_the_kernel_takes_along_with_an_address_needs_no_second_removal():
    """IPv4: a subnet's first address goes with the others of it, and the last one with the routes."""

    def held(cidr: str) -> dict:
        return {"netns": WEB, "address": Address(dev="eth0", cidr=cidr), "why": WHY}

    four, six = Route(to="0.0.0.0/0", via="10.5.0.1", dev="eth0"), Route(to="::/0", via="fd00:5::1", dev="eth0")
    plan = Plan(
        stack="lab",
        operations=(
            AddAddress(**held("10.5.0.4/24")),
            RemoveAddress(**held("10.5.0.2/24")),
            RemoveAddress(**held("10.5.0.3/24")),
            RemoveAddress(**held("fd00:5::3/64")),
            AddAddress(**held("10.5.0.4/24")),
            RemoveRoute(netns=WEB, route=four, why=WHY),
            AddRoute(netns=WEB, route=four, why=WHY),
            RemoveRoute(netns=WEB, route=six, why=WHY),
            AddRoute(netns=WEB, route=six, why=WHY),
            RemoveRoute(netns=WEB, route=four, why=WHY),
            AddRoute(netns=HOST, route=four, why=WHY),
        ),
    )
    assert shell_commands(plan) == [
        "ip -n web address replace 10.5.0.4/24 dev eth0",
        "ip -n web address delete 10.5.0.2/24 dev eth0",
        "ip -n web address flush dev eth0 to 10.5.0.3/32",
        "ip -n web -6 address delete fd00:5::3/64 dev eth0",
        "ip -n web address replace 10.5.0.4/24 dev eth0",
        "ip -n web route replace default via 10.5.0.1 dev eth0 proto 78",
        "ip -n web -6 route delete default via fd00:5::1 dev eth0 proto 78",
        "ip -n web -6 route add default via fd00:5::1 dev eth0 proto 78",
        "ip -n web route delete default via 10.5.0.1 dev eth0 proto 78",
        "ip route add default via 10.5.0.1 dev eth0 proto 78",
    ]


def test_every_operation_has_a_document_that_the_schema_takes():
    schema = plan_json_schema()
    Draft202012Validator.check_schema(schema)
    document = plan_document(Plan(stack="lab", operations=OPERATIONS, loans=LOANS, waiting=("containers.web waits",)))
    assert json.loads(json.dumps(document)) == document
    Draft202012Validator(schema).validate(document)


@pytest.mark.parametrize("spoil", ["operation", "why", "sentence", "netns"])
def test_the_schema_takes_no_document_that_lacks_something(spoil):
    document = plan_document(Plan(stack="lab", operations=OPERATIONS[:1]))
    del document["operations"][0][spoil]
    assert not Draft202012Validator(plan_json_schema()).is_valid(document)


def test_the_schema_takes_no_field_that_an_operation_has_not():
    document = plan_document(Plan(stack="lab", operations=OPERATIONS[:1]))
    document["operations"][0]["colour"] = "red"
    assert not Draft202012Validator(plan_json_schema()).is_valid(document)


def test_a_document_says_what_the_operation_states_and_no_more():
    operation = CreateLink(netns=HOST, link=PORT, twin=ETH0, twin_netns=WEB, why="in the file, not on the host")
    assert operation_document(operation) == {
        "operation": "create-link",
        "sentence": "create veth web-port as a port of br-lab-lan on the host, its other end eth0 in web",
        "why": "in the file, not on the host",
        "netns": "host",
        "link": {
            "kind": "veth",
            "name": "web-port",
            "alias": "netwright:lab",
            "up": True,
            "mtu": 1400,
            "master": "br-lab-lan",
            "peer": {"netns": "named/web", "name": "eth0"},
        },
        "twin": {
            "kind": "veth",
            "name": "eth0",
            "alias": "netwright:lab",
            "up": True,
            "mtu": 1400,
            "mac": "02:00:00:00:00:02",
            "peer": {"netns": "host", "name": "web-port"},
        },
        "twin_netns": "named/web",
        "sysctls": {},
    }


def test_a_plan_with_nothing_to_do_is_a_document_too():
    assert plan_document(Plan(stack="lab")) == {
        "version": 1,
        "stack": "lab",
        "operations": [],
        "loans": [],
        "waiting": [],
        "warnings": [],
        "choices": [],
    }
