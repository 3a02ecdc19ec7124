"""Through which ports fewer are let in than before, from the elements of two tables."""

from __future__ import annotations

import pytest

from netwright.firewall.admission import narrowed
from netwright.firewall.compiler import compile_table
from netwright.firewall.intents import Intents, Publish
from netwright.model.firewall import Admission, Published
from netwright.model.nft_text import Elements

PORT = Published("udp", 5353, "172.30.0.10", 53)


def elements(sources: tuple[str, ...] | None = None, *, address: str | None = None, interface: str | None = None) -> Elements:
    publish = Publish(
        protocol="udp",
        ports=(5353, 5353),
        target=PORT.target,
        target_ports=(53, 53),
        sources=sources,
        address=address,
        interface=interface,
    )
    table = compile_table("lab", Intents(publishes=(publish,)))
    assert table is not None
    return table.elements


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (elements(("10.0.0.0/24",)), elements(("10.0.0.0/24",))),
        (elements(("10.0.0.0/24",)), elements(("10.0.0.0/16", "192.0.2.1/32"))),
        (elements(("10.0.0.7/32",)), elements()),
        (elements(address="192.0.2.1"), elements()),
        (elements(interface="eth1"), elements(interface="eth1")),
        (elements(interface="eth1"), elements()),
    ],
)
def test_where_as_many_or_more_are_let_in_nothing_is_narrowed(before: Elements, after: Elements) -> None:
    assert narrowed(before, after, {"eth1": ["192.0.2.1"]}) == frozenset()


@pytest.mark.parametrize(
    ("before", "after", "admitted"),
    [
        (elements(), elements(("10.0.0.0/24", "192.0.2.1/32")), {Admission(published=PORT, sources=("10.0.0.0/24", "192.0.2.1"))}),
        (elements(("10.0.0.0/16",)), elements(("10.0.0.0/24",)), {Admission(published=PORT, sources=("10.0.0.0/24",))}),
        (elements(("10.0.0.0/24",)), elements(("10.0.1.0/24",)), {Admission(published=PORT, sources=("10.0.1.0/24",))}),
        (elements(), elements(address="192.0.2.1"), {Admission(published=PORT, address="192.0.2.1")}),
        (elements(address="192.0.2.1"), elements(address="192.0.2.2"), {Admission(published=PORT, address="192.0.2.2")}),
        (
            elements(),
            elements(interface="eth1"),
            {Admission(published=PORT, address="192.0.2.1"), Admission(published=PORT, address="192.0.2.3")},
        ),
    ],
)
def test_where_fewer_are_let_in_those_are_told_who_still_are(before: Elements, after: Elements, admitted: set[Admission]) -> None:
    assert narrowed(before, after, {"eth1": ["192.0.2.1", "192.0.2.3", "fd00::1"]}) == admitted


def test_a_port_that_is_gone_or_new_is_not_narrowed() -> None:
    assert narrowed(elements(), {}, {}) == frozenset()
    assert narrowed({}, elements(("10.0.0.0/24",)), {}) == frozenset()


def test_an_admission_is_for_its_clients_and_its_address() -> None:
    admission = Admission(published=PORT, sources=("10.0.0.0/24", "192.0.2.9"), address="192.0.2.1")
    assert admission.lets_in("10.0.0.7", "192.0.2.1")
    assert admission.lets_in("192.0.2.9", "192.0.2.1")
    assert not admission.lets_in("10.0.1.7", "192.0.2.1")
    assert not admission.lets_in("10.0.0.7", "192.0.2.2")
