"""A plan as lines that a person reads."""

from __future__ import annotations

from netwright.kinds.bridge import Bridge
from netwright.model.netns import HOST, named
from netwright.model.operation import AddAddress, CreateLink, CreateNetns, DeleteLink, Plan, SetSysctl
from netwright.model.route import Address
from netwright.planning.text import plan_text

NEW = "in the file, not on the host"
SMALL = Plan(
    stack="lab",
    operations=(
        DeleteLink(netns=HOST, name="br-old", why="owned by us, in the file no more"),
        CreateNetns(netns=named("web"), why=NEW),
        CreateLink(netns=HOST, link=Bridge(name="br-lab-lan"), why=NEW),
        AddAddress(netns=HOST, address=Address(dev="br-lab-lan", cidr="10.5.0.1/24"), why=NEW),
    ),
    waiting=("containers.web: its interfaces wait for the container to run",),
)


def many(count: int) -> Plan:
    namespaces = [named(f"ep{number}") for number in range(count)]
    created = [CreateNetns(netns=netns, why=NEW) for netns in namespaces]
    configured = [
        operation
        for number, netns in enumerate(namespaces)
        for operation in (
            SetSysctl(netns=netns, key="net.ipv4.ip_forward", value="1", why="it publishes"),
            AddAddress(netns=netns, address=Address(dev="eth0", cidr=f"10.5.{number // 250}.{number % 250 + 2}/16"), why=NEW),
        )
    ]
    last = SetSysctl(netns=HOST, key="net.ipv4.ip_forward", value="1", why="a network needs it")
    return Plan(stack="lab", operations=(*created, *configured, last))


def test_what_and_why_stand_in_columns():
    assert (
        plan_text(SMALL)
        == """\
1  delete link br-old on the host                     owned by us, in the file no more
2  create namespace web                               in the file, not on the host
3  create bridge br-lab-lan on the host               in the file, not on the host
4  add address 10.5.0.1/24 on br-lab-lan on the host  in the file, not on the host

Waiting:
  - containers.web: its interfaces wait for the container to run
"""
    )


def test_numbers_can_be_left_out():
    assert plan_text(Plan(stack="lab", operations=SMALL.operations[1:2]), numbered=False) == (
        "create namespace web  in the file, not on the host\n"
    )


def test_a_plan_with_nothing_to_do_says_so():
    assert plan_text(Plan(stack="lab")) == "Nothing to do: the host is as the file says.\n"


def test_what_waits_is_said_though_there_is_nothing_to_do():
    assert plan_text(Plan(stack="lab", waiting=("web waits",))) == (
        "Nothing to do: the host is as the file says.\n\nWaiting:\n  - web waits\n"
    )


def test_what_was_chosen_and_what_may_not_work_is_said():
    plan = Plan(stack="lab", waiting=("web waits",), warnings=("its MTU is too large",), choices=("a subnet",))
    assert plan_text(plan) == (
        "Nothing to do: the host is as the file says.\n"
        "\nChosen:\n  - a subnet\n\nWaiting:\n  - web waits\n\nWarnings:\n  - its MTU is too large\n"
    )


def test_the_same_step_for_many_is_counted():
    assert (
        plan_text(many(500))
        == """\
   1  create namespace ep0                      in the file, not on the host
   2  create namespace ep1                      in the file, not on the host
   …  and 498 more like them, up to “create namespace ep499”
 501  set net.ipv4.ip_forward to 1 in ep0       it publishes
 502  add address 10.5.0.2/16 on eth0 in ep0    in the file, not on the host
 503  set net.ipv4.ip_forward to 1 in ep1       it publishes
 504  add address 10.5.0.3/16 on eth0 in ep1    in the file, not on the host
   …  and these 2 lines 498 times more, up to “set net.ipv4.ip_forward to 1 in ep499” … “add address 10.5.1.251/16 on eth0 in ep499”
1501  set net.ipv4.ip_forward to 1 on the host  a network needs it
"""
    )


def test_few_of_the_same_are_listed():
    assert len(plan_text(many(5)).splitlines()) == 16


def test_everything_is_listed_if_asked_for():
    lines = plan_text(many(500), full=True).splitlines()
    assert len(lines) == 1501
    assert lines[1499] == "1500  add address 10.5.1.251/16 on eth0 in ep499  in the file, not on the host"


def test_reasons_make_a_difference():
    operations = tuple(CreateNetns(netns=named(f"n{number}"), why=f"reason {number}") for number in range(20))
    assert len(plan_text(Plan(stack="lab", operations=operations)).splitlines()) == 20
