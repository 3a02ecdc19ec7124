"""What is written down of a NIC's own sysctls before it leaves, and what is kept of that as it goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netwright.model.link import ADDRGENMODE_STABLE_PRIVACY, Link, LinkKey, Observation
from netwright.model.loan import NicLoan, SysctlLoan
from netwright.model.netns import HOST, named
from netwright.model.state import Namespace
from netwright.planning.lending import address_generation, new_loan, passed_on

AT_HOME = LinkKey(HOST, "eth1.7")
AWAY = LinkKey(named("gate"), "wan")
SEEN = {
    "net.ipv4.conf.default.rp_filter": "1",
    "net.ipv4.conf.eth1/7.rp_filter": "2",
    "net.ipv4.conf.eth1/7.arp_ignore": "3",
    "net.ipv4.conf.default.arp_ignore": "3",
    "net.ipv6.conf.default.mtu": "1280",
    "net.ipv6.conf.eth1/7.mtu": "1400",
    "net.ipv6.conf.default.addr_gen_mode": "0",
    "net.ipv6.conf.eth1/7.addr_gen_mode": "1",
    "net.ipv6.conf.eth1/7.stable_secret": "2001:db8::7",
    "net.ipv6.neigh.default.gc_stale_time": "60",
    "net.ipv6.neigh.eth1/7.gc_stale_time": "77",
    "net.ipv6.neigh.eth2.gc_stale_time": "78",
    "net.ipv4.ip_forward": "1",
}


def host(sysctls: dict[str, str] = SEEN, *, alias: str = "", name: str = AT_HOME.name, mode: int = 0) -> Namespace:
    """It has the NIC."""
    link = Link(name=name, alias=alias, up=True, mtu=1500, mac="02:00:00:00:00:17", master="")
    return Namespace(ref=HOST, links={name: link}, seen={name: Observation(index=7, addrgenmode=mode)}, sysctls=sysctls)


def lent(there: Namespace, *sysctl_loans: SysctlLoan, to: LinkKey = AWAY, origin: LinkKey = AT_HOME) -> NicLoan:
    return new_loan(to, origin, AT_HOME, there, there.links[origin.name], sysctl_loans)


def test_those_are_written_down_in_which_it_is_not_as_a_new_link() -> None:
    assert lent(host()).sysctls == {"net.ipv4.conf.eth1/7.rp_filter": "2", "net.ipv6.neigh.eth1/7.gc_stale_time": "77"}


def test_its_secret_is_where_its_addresses_come_from_it() -> None:
    assert lent(host(mode=ADDRGENMODE_STABLE_PRIVACY)).sysctls["net.ipv6.conf.eth1/7.stable_secret"] == "2001:db8::7"


@pytest.mark.parametrize(("mode", "sent"), [(None, None), (1, 1), (3, 3), (ADDRGENMODE_STABLE_PRIVACY, None)])
def test_stable_privacy_is_not_asked_for_before_there_is_a_secret(mode: int | None, sent: int | None) -> None:
    assert address_generation(replace(lent(host()), addrgenmode=mode)) == sent


def test_nothing_is_written_down_of_one_that_stays() -> None:
    assert lent(host(), to=LinkKey(HOST, "wan")).sysctls == {}


def test_what_the_stack_has_set_is_as_it_was_before() -> None:
    ours = SysctlLoan(netns=HOST, key="net.ipv4.conf.eth1/7.rp_filter", value="0")
    theirs = SysctlLoan(netns=HOST, key="net.ipv6.neigh.eth1/7.gc_stale_time", value="60")
    elsewhere = SysctlLoan(netns=named("gate"), key="net.ipv4.conf.eth1/7.arp_ignore", value="9")
    assert lent(host(), ours, theirs, elsewhere).sysctls == {"net.ipv4.conf.eth1/7.rp_filter": "0"}


def test_one_that_was_renamed_in_its_place_has_them_under_its_name_at_home() -> None:
    there = host({"net.ipv4.conf.lan.rp_filter": "2", "net.ipv4.conf.default.rp_filter": "0"}, alias="netwright-loan:lab", name="lan")
    origin = LinkKey(HOST, "lan")
    in_place = replace(lent(host(), to=origin), sysctls={"net.ipv4.conf.eth1/7.tag": "5"})
    assert passed_on(in_place, AWAY, origin, there, ()) == replace(
        in_place,
        netns=AWAY.netns,
        new_name="wan",
        sysctls={"net.ipv4.conf.eth1/7.tag": "5", "net.ipv4.conf.eth1/7.rp_filter": "2"},
    )


def test_of_one_that_came_home_without_its_mark_what_it_has_now_counts() -> None:
    loan = replace(lent(host()), sysctls={"net.ipv4.conf.eth1/7.tag": "5", "net.ipv4.conf.eth1/7.rp_filter": "0"})
    assert passed_on(loan, AWAY, AT_HOME, host(), ()).sysctls == lent(host()).sysctls


def test_one_that_is_away_keeps_what_was_written_down() -> None:
    loan = lent(host())
    there = replace(host({"net.ipv4.conf.wan.rp_filter": "9"}, alias="netwright-loan:lab", name="wan"), ref=AWAY.netns)
    assert passed_on(loan, LinkKey(named("other"), "lan"), AWAY, there, ()) == replace(loan, netns=named("other"), new_name="lan")
