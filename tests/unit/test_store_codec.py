"""What the database keeps as JSON reads back as it was, and is written in the shape that older versions wrote."""

from __future__ import annotations

import dataclasses
import json
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.backends.store import codec
from netwright.model.docker import Attachment
from netwright.model.link import LinkKey
from netwright.model.loan import Loan, NicLoan, SysctlLoan
from netwright.model.netns import HOST, NetnsRef, container, named
from netwright.model.route import Address, Route
from netwright.model.state import Claims

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NETNS = st.one_of(st.just(HOST), st.builds(named, TEXT), st.builds(container, TEXT))


def every_field(cls: type, **known: st.SearchStrategy[typing.Any]) -> st.SearchStrategy[typing.Any]:
    """Also of fields that have a default, so that a field added to the model is missed here if the codec forgets it."""
    hints = typing.get_type_hints(cls)
    return st.builds(cls, **{f.name: known.get(f.name) or st.from_type(hints[f.name]) for f in dataclasses.fields(cls)})


st.register_type_strategy(str, TEXT)
st.register_type_strategy(NetnsRef, NETNS)
st.register_type_strategy(Address, every_field(Address))
st.register_type_strategy(Route, every_field(Route))
st.register_type_strategy(Attachment, every_field(Attachment))
LOANS = st.lists(st.one_of(*(every_field(kind) for kind in typing.get_args(Loan))), max_size=4).map(tuple)


@given(loans=LOANS)
def test_loans_read_back_as_they_were(loans: tuple[Loan, ...]) -> None:
    assert codec.load_loans(codec.dump_loans(loans)) == loans


@given(netns=st.frozensets(NETNS), links=st.frozensets(st.builds(LinkKey, NETNS, TEXT)), networks=st.frozensets(TEXT))
def test_claims_read_back_as_they_were(netns: frozenset[NetnsRef], links: frozenset[LinkKey], networks: frozenset[str]) -> None:
    claims = Claims(netns=netns, links=links, docker_networks=networks)
    assert codec.load_claims(codec.dump_claims(claims)) == claims


@given(texts=st.dictionaries(TEXT, TEXT))
def test_leases_and_fingerprints_read_back_as_they_were_and_in_order(texts: dict[str, str]) -> None:
    assert list(codec.load_texts(codec.dump_texts(texts)).items()) == list(texts.items())


def test_every_field_of_the_claims_is_kept() -> None:
    assert {field.name for field in dataclasses.fields(Claims)} == set(json.loads(codec.dump_claims(Claims())))


def test_a_borrowed_nic_is_written_in_this_shape() -> None:
    loan = NicLoan(
        home=HOST,
        name="eth1",
        netns=named("my_netns"),
        new_name="lan0",
        mac="02:00:00:00:00:11",
        permanent_mac=None,
        mtu=1400,
        up=True,
        master="br7",
        alias="uplink",
        txqlen=500,
        group=3,
        addrgenmode=1,
        addresses=(Address(dev="eth1", cidr="10.0.0.9/8", label="eth1:x", valid_seconds=90, flags=512),),
        routes=(Route(to="10.9.0.0/16", via="10.0.0.1", dev="eth1", metric=7, table=100, onlink=True, mtu=1300, protocol=4),),
        sysctls={"net.ipv4.conf.eth1.rp_filter": "2"},
    )
    assert json.loads(codec.dump_loans([loan])) == [
        {
            "loan": "nic",
            "home": "host",
            "name": "eth1",
            "netns": "named/my_netns",
            "new_name": "lan0",
            "mac": "02:00:00:00:00:11",
            "permanent_mac": None,
            "mtu": 1400,
            "up": True,
            "master": "br7",
            "alias": "uplink",
            "txqlen": 500,
            "group": 3,
            "addrgenmode": 1,
            "addresses": [
                {
                    "dev": "eth1",
                    "cidr": "10.0.0.9/8",
                    "peer": None,
                    "scope": 0,
                    "label": "eth1:x",
                    "broadcast": None,
                    "flags": 512,
                    "valid_seconds": 90,
                    "preferred_seconds": 4294967295,
                }
            ],
            "routes": [
                {
                    "to": "10.9.0.0/16",
                    "via": "10.0.0.1",
                    "dev": "eth1",
                    "source": None,
                    "metric": 7,
                    "table": 100,
                    "kind": "unicast",
                    "scope": None,
                    "onlink": True,
                    "mtu": 1300,
                    "protocol": 4,
                }
            ],
            "sysctls": {"net.ipv4.conf.eth1.rp_filter": "2"},
        }
    ]


def test_a_changed_sysctl_is_written_in_this_shape() -> None:
    loan = SysctlLoan(netns=container("web"), key="net.ipv4.ip_forward", value="0")
    assert json.loads(codec.dump_loans([loan])) == [
        {"loan": "sysctl", "netns": "container/web", "key": "net.ipv4.ip_forward", "value": "0"}
    ]


@pytest.mark.parametrize("text", ['[{"loan": "bicycle"}]', "[{}]", "[7]", "nonsense"])
def test_what_no_version_wrote_is_no_loan(text: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        codec.load_loans(text)
