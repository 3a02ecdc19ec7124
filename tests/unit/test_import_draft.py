"""A file as the importers write it: comments, values that are read back as they were, and nothing that the language refuses."""

from __future__ import annotations

import yaml
from hypothesis import given
from hypothesis import strategies as st

from netwright.importing.draft import Draft
from netwright.importing.settling import settle
from netwright.importing.yaml_text import comment, scalar
from netwright.spec.load import parse
from netwright.spec.yaml_tree import read

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(["on", "22:22", "1e3", "0x1f", "null", "-", "#", "a: b", "::1"])  # fmt: skip
VALUES = st.recursive(
    TEXTS | st.integers() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS.filter(lambda key: key != "<<"), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from("abcd"), VALUES.filter(lambda value: value not in ({}, [])), min_size=1), TEXTS)
def test_what_is_written_is_read_back_whatever_is_remarked(values: dict[str, object], remark: str) -> None:
    draft = Draft([remark], values)
    for path in list(draft.paths())[:8]:
        draft.remark(path, remark)
    assert read(draft.text()).values == values


@given(TEXTS)
def test_another_reader_of_yaml_takes_a_text_for_the_same_text(text: str) -> None:
    assert yaml.safe_load(scalar(text)) == text


@given(TEXTS)
def test_a_comment_is_one_line(text: str) -> None:
    assert comment(text).splitlines() == [comment(text)]


def test_what_the_language_refuses_is_left_out_with_its_reason() -> None:
    draft = Draft(
        ["head"],
        {
            "version": 1,
            "name": "host",
            "networks": {"br0": {"external": True, "bridge": "br0", "subnets": ["10.1.0.0/24", "10.1.0.0/16"]}, "odd": {"colour": "blue"}},
            "namespaces": {
                "red": {
                    "external": True,
                    "interfaces": {
                        "eth0": {"external": True, "network": "nowhere", "port": "p", "addresses": ["10.1.0.2/24", "10.1.0.0/24"]},
                        "lo": {"external": True},
                    },
                    "routes": [
                        {"to": "default", "via": "10.1.0.1", "external": True},
                        {"to": "default", "via": "10.1.0.2", "external": True},
                        {"to": "10.9.0.0/16", "dev": "eth0", "external": True},
                    ],
                },
                "a b": {"external": True},
            },
        },
    )
    draft.remark(("namespaces", "red", "routes", 1), "the second")
    draft.remark(("namespaces", "red", "routes", 2), "the third")
    text = settle(draft)
    assert (
        text
        == """\
# head
version: 1
name: host

networks:
  br0:
    external: true
    bridge: br0
    # Left out of subnets: 10.1.0.0/16
    #   10.1.0.0/16 overlaps 10.1.0.0/24, which is in this list already.
    subnets: [10.1.0.0/24]
  # Left out: colour: blue
  #   the key 'colour' is not known here.
  odd: {}

# Left out: a b: {external: true}
#   'a b' cannot be a namespace's name: letters, digits and _ . - only, starting with a letter, digit or _.
namespaces:
  red:
    external: true
    # Left out: lo: {external: true}
    #   lo is the loopback interface: every namespace has it, and it is always up.
    interfaces:
      # Left out: network: nowhere
      #   there is no network nowhere in this file.
      eth0:
        external: true
        # Left out of addresses: 10.1.0.0/24
        #   10.1.0.0 is the network address of 10.1.0.0/24, and cannot be an interface's.
        addresses: [10.1.0.2/24]
    # Left out of routes: {to: default, via: 10.1.0.2, external: true}
    #   red has a default route for IPv4 already: namespaces.red.routes[0].
    routes:
      - {to: default, via: 10.1.0.1, external: true}
      # the third
      - {to: 10.9.0.0/16, dev: eth0, external: true}
"""
    )
    assert parse(text, "x")
