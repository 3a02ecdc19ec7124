"""What is in the sets and maps of our table is changed element by element; the witness is nft, with handles and counters."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import pytest
from firewall_net import ask, run

from netwright.backends.nft import Nft
from netwright.errors import FirewallError
from netwright.firewall.text import chain_text, map_text, set_text
from netwright.model.firewall import Table
from netwright.model.netns import named
from netwright.model.operation import AnyOperation, ChangeElements, ReplaceTable
from netwright.model.state import Desired, Namespace, State
from netwright.planning.planner import plan
from netwright.ports import OperationFailed

pytestmark = pytest.mark.netns

NAME = "nw_lab"
SITE = named("t1")


@pytest.fixture
def netns() -> Iterator[str]:
    run("ip", "netns", "add", "t1")
    yield "t1"
    run("ip", "netns", "delete", "t1", check=False)


def table(sources4: set[str], sources6: set[str], ports: dict[str, str], flows: set[str]) -> Table:
    """A table with a set and a map of each sort that we make."""
    body = (
        set_text("from4", "ipv4_addr", sorted(sources4), interval=True)
        + set_text("from6", "ipv6_addr", sorted(sources6), interval=True)
        + set_text("flows", "ipv4_addr . ipv4_addr . inet_proto . inet_service", sorted(flows), interval=True)
        + map_text("ports", "ifname . inet_proto . inet_service : verdict", ports)
        + chain_text("one", ["counter accept"])
        + chain_text("two", ["counter drop"])
        + chain_text(
            "in", ["ip saddr @from4 counter", "iifname . meta l4proto . th dport vmap @ports"], hook="filter hook input priority 0"
        )
    )
    return Table.of(NAME, body, frozenset())


def observe() -> Table:
    return Nft().observe_tables({SITE: NAME})[SITE]


def planned(wanted: Table) -> tuple[AnyOperation, ...]:
    """What an apply would do to what is there now."""
    desired = Desired(stack="lab", state=State(namespaces={SITE: Namespace(ref=SITE, table=wanted)}))
    return plan(desired, State(namespaces={SITE: Namespace(ref=SITE, table=observe())})).operations


def execute(*operations: AnyOperation) -> None:
    Nft().execute(operations, lambda _: None)


def handles() -> list[str]:
    return re.findall(r"# handle \d+", run("nft", "--stateless", "-a", "list", "table", "inet", NAME, netns="t1"))


def test_any_content_becomes_any_other_without_a_rule_being_touched(netns: str) -> None:
    luck = random.Random(7)
    prefixes4 = [f"10.{n}.0.0/16" for n in range(6)] + [f"192.0.2.{n}/32" for n in range(6)] + ["198.51.100.0/25", "198.51.100.128/25"]
    prefixes6 = [f"fd00:{n}::/32" for n in range(1, 6)] + [f"2001:db8::{n}/128" for n in range(1, 6)]
    flows = [
        f"{source} . 172.30.0.{n}/32 . tcp . {port}" for source in ("10.0.0.0/8", "11.0.0.1/32") for n in (1, 2) for port in ("80", "90-99")
    ]
    keys = [f'"{dev}" . {protocol} . {port}' for dev in ("eth0", "br-a.1") for protocol in ("tcp", "udp", "sctp") for port in (53, 8080)]

    def some(things: list[str]) -> set[str]:
        return {thing for thing in things if luck.random() < 0.5}

    def drawn() -> Table:
        ports = {key: luck.choice(["goto one", "goto two", "drop"]) for key in some(keys)}
        return table(some(prefixes4), some(prefixes6), ports, some(flows))

    wanted = drawn()
    execute(ReplaceTable(netns=SITE, table=wanted, owner="lab", why="a test"))
    before, listing = handles(), observe().listing
    for _ in range(25):
        assert observe().elements == wanted.elements
        wanted = drawn()
        operations = planned(wanted)
        assert {type(operation) for operation in operations} <= {ChangeElements}
        execute(*operations)
        assert planned(wanted) == ()
    assert handles() == before
    assert observe().listing == listing


def test_a_change_of_elements_keeps_what_rules_have_counted(netns: str) -> None:
    execute(ReplaceTable(netns=SITE, table=table({"127.0.0.1/32"}, set(), {}, set()), owner="lab", why="a test"))
    run("ip", "link", "set", "lo", "up", netns=netns)
    assert ask("t1", "127.0.0.1", 9) == "refused"
    counted = re.findall(r"@from4 counter packets (\d+)", run("nft", "list", "ruleset", netns=netns))
    assert counted == ["2"], "a question and a refusal"
    execute(*planned(table({"127.0.0.0/8", "10.0.0.0/8"}, {"::1/128"}, {}, set())))
    assert re.findall(r"@from4 counter packets (\d+)", run("nft", "list", "ruleset", netns=netns)) == counted


def test_somebody_elses_element_is_taken_out_and_one_that_is_gone_put_back(netns: str) -> None:
    wanted = table({"10.0.0.0/16"}, {"fd00::/16"}, {'"eth0" . tcp . 80': "goto one"}, set())
    execute(ReplaceTable(netns=SITE, table=wanted, owner="lab", why="a test"))
    run("nft", f'add element inet {NAME} from4 {{ 203.0.113.9 }}; delete element inet {NAME} ports {{ "eth0" . tcp . 80 }}', netns=netns)
    (operation,) = planned(wanted)
    assert operation == ChangeElements(
        netns=SITE,
        table=NAME,
        remove={"from4": frozenset({"203.0.113.9"})},
        add={"ports": frozenset({'"eth0" . 6 . 80 : goto one'})},
        why="addresses or ports have changed",
    )
    execute(operation)
    assert planned(wanted) == ()


def test_an_element_that_nft_refuses_is_told_and_nothing_is_changed(netns: str) -> None:
    wanted = table({"10.0.0.0/16"}, set(), {}, set())
    execute(ReplaceTable(netns=SITE, table=wanted, owner="lab", why="a test"))
    wrong = ChangeElements(netns=SITE, table=NAME, remove={"from4": frozenset({"10.0.0.0/16"})}, add={"nowhere": frozenset({"1"})}, why="x")
    with pytest.raises(OperationFailed, match="what is in the nft table nw_lab was not changed in t1") as failed:
        execute(wrong)
    assert isinstance(failed.value.cause, FirewallError)
    assert observe().elements == wanted.elements
