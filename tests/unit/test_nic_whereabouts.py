"""A borrowed NIC is told from a link that only says that it is one."""

from __future__ import annotations

import pytest

from netwright.kinds.veth import Veth
from netwright.model.link import Link, LinkKey, Observation
from netwright.model.loan import NicLoan
from netwright.model.netns import HOST, named
from netwright.model.state import Namespace, State
from netwright.resolve.facts import Facts
from netwright.resolve.nic import whereabouts

WEB = named("web")
BURNT_IN = "02:00:00:00:00:17"
MARK = "netwright-loan:lab"
LOAN = NicLoan(
    home=HOST,
    name="eth1",
    netns=WEB,
    new_name="wan",
    mac=BURNT_IN,
    permanent_mac=BURNT_IN,
    mtu=1500,
    up=True,
    master="",
    alias="",
    txqlen=1000,
    group=0,
    addrgenmode=0,
    addresses=(),
    routes=(),
)


def seen(*links: tuple[Link, str | None]) -> Facts:
    there = Namespace(
        ref=WEB,
        links={link.name: link for link, _ in links},
        seen={link.name: Observation(index=number, permanent_mac=burnt_in) for number, (link, burnt_in) in enumerate(links, start=7)},
    )
    return Facts(observed=State(namespaces={HOST: Namespace(ref=HOST), WEB: there}), loans=(LOAN,))


REAL = Link(name="wan", alias=MARK, mac="02:00:00:00:00:99")
FORGED = Veth(name="wan", alias=MARK, mac=BURNT_IN)


@pytest.mark.parametrize(
    ("links", "found"),
    [
        ([(REAL, BURNT_IN)], "wan"),
        ([(FORGED, None)], None),
        ([(FORGED, None), (Link(name="hidden", alias="", mac=BURNT_IN), BURNT_IN)], None),
        ([(FORGED, None), (Link(name="hidden", alias=MARK, mac=BURNT_IN), BURNT_IN)], "hidden"),
    ],
    ids=["itself, with another address", "a pair of that name and address", "and the NIC without its mark", "and the NIC with its mark"],
)
def test_a_link_of_its_name_and_mark_is_the_nic_only_with_the_address_that_is_burnt_in(
    links: list[tuple[Link, str | None]], found: str | None
) -> None:
    assert whereabouts(LOAN, "lab", seen(*links)) == (LinkKey(WEB, found) if found else None)
