"""Kinds are found by their files, and each can say and read what is its own."""

from __future__ import annotations

import types
from dataclasses import dataclass, fields
from typing import ClassVar

import pytest

from netwright.kinds import CLASSES, link_class, observed_class
from netwright.kinds.bridge import Bridge
from netwright.kinds.ipvlan import Ipvlan
from netwright.kinds.loopback import Loopback
from netwright.kinds.macvlan import Macvlan
from netwright.kinds.nic import Nic
from netwright.kinds.veth import Veth
from netwright.model.link import Link, LinkKey
from netwright.model.netns import named

ETHERNET = 1
LOOPBACK = 772


def test_every_file_is_a_kind():
    assert dict(CLASSES) == {
        "bridge": Bridge,
        "ipvlan": Ipvlan,
        "loopback": Loopback,
        "macvlan": Macvlan,
        "nic": Nic,
        "veth": Veth,
    }


def test_a_link_is_known_by_its_kind_or_its_hardware():
    assert observed_class("bridge", ETHERNET) is Bridge
    assert observed_class("veth", ETHERNET) is Veth
    assert observed_class("", LOOPBACK) is Loopback
    assert observed_class("", ETHERNET) is Link
    assert observed_class("ifb", ETHERNET) is Link


def _module(name, **members):
    module = types.ModuleType(f"netwright.kinds.{name}")
    for key, value in members.items():
        value.__module__ = module.__name__
        setattr(module, key, value)
    return module


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd(Link):
    kind: ClassVar[str] = "odd"


def test_a_file_whose_name_is_not_its_kind_is_refused():
    with pytest.raises(TypeError, match=r"^even.py declares kind 'odd'$"):
        link_class(_module("even", Odd=Odd))


def test_a_file_without_a_kind_is_refused():
    with pytest.raises(TypeError, match=r"^empty.py describes 0 classes of links, not one$"):
        link_class(_module("empty"))


def own_fields(cls):
    """Those that can be wished for: what is only observed is not compared."""
    return {field.name for field in fields(cls) if field.compare} - {field.name for field in fields(Link)}


@pytest.mark.parametrize("cls", CLASSES.values(), ids=CLASSES)
def test_every_kind_has_examples_that_use_its_own_fields(cls):
    own = own_fields(cls)
    shown = {name for example in cls.examples() for name in own if getattr(example, name) is not None}
    assert shown == own


@pytest.mark.parametrize("cls", CLASSES.values(), ids=CLASSES)
def test_what_a_kind_writes_it_reads(cls):
    twin = LinkKey(named("example"), "eth0")
    for example in cls.examples():
        own = own_fields(cls)
        data = example.info_data(frozenset(own))
        read = cls.read_info_data(data, twin)
        if data:
            assert read == {name: getattr(example, name) for name in own if getattr(example, name) is not None}
