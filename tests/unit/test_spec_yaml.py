"""YAML 1.2 core: what scalars mean, where things stand, what aliases and merge keys do, and what is refused."""

from __future__ import annotations

import math

import pytest

from netwright.errors import SpecError
from netwright.spec.load import decode, parse
from netwright.spec.places import Places
from netwright.spec.yaml_tree import MAX_CHARACTERS, MAX_VALUES, read


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("No", "No"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("TRUE", True),
        ("tRUE", "tRUE"),
        ("~", None),
        ("", None),
        ("null", None),
        ("Null", None),
        ("nULL", "nULL"),
        ("0", 0),
        ("-12", -12),
        ("+7", 7),
        ("007", 7),
        ("0o17", 15),
        ("0o18", "0o18"),
        ("-0o17", "-0o17"),
        ("0x1F", 31),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("1.5", 1.5),
        ("1.", 1.0),
        (".5", 0.5),
        ("-1e3", -1000.0),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("+.Inf", math.inf),
        ("22:22", "22:22"),
        ("02:00:00:00:00:02", "02:00:00:00:00:02"),
        ("190:20:30", "190:20:30"),
        ("2020-05-23", "2020-05-23"),
        ("10.0.0.1", "10.0.0.1"),
        ("1e", "1e"),
        ("-", None),
        ("=", "="),
        ('"5"', "5"),
        ("'true'", "true"),
        ('""', ""),
        ("!!str 5", "5"),
        ("! 5", "5"),
        ("9" * 4301, "9" * 4301),
    ],
)
def test_a_scalar_means_what_the_core_schema_of_yaml_1_2_says(written: str, meant: object):
    value = read(f"a: {written}\n").values["a"] if written != "-" else read("a:\n").values["a"]

    assert value == meant
    assert type(value) is type(meant)


def test_not_a_number_is_a_float():
    assert math.isnan(read("a: .nan").values["a"])


def test_keys_are_always_texts():
    assert read("1: a\ntrue: b\nnull: c\n0x10: d\n").values == {"1": "a", "true": "b", "null": "c", "0x10": "d"}


def test_every_value_and_key_has_its_place():
    places = Places(read("a: 1\nb:\n  c: [x,  {d: 2}]\n  e:\n").root)

    assert dict(places) == {
        (): (1, 1),
        ("a",): (1, 4),
        ("b",): (2, 1),
        ("b", "c"): (3, 3),
        ("b", "c", 0): (3, 7),
        ("b", "c", 1): (3, 11),
        ("b", "c", 1, "d"): (3, 15),
        ("b", "e"): (4, 3),
    }
    assert places.key(("a",)) == (1, 1)
    assert places.key(("b", "c", 1, "d")) == (3, 12)
    assert places.key(("b", "c", 0)) is None
    assert places.nearest(("b", "c", 7, "z")) == (3, 3)
    assert len(places) == 8


def test_columns_count_characters_not_bytes():
    assert Places(read("{é: 1, ü: 2}").root)[("ü",)] == (1, 11)


def test_a_byte_order_mark_and_windows_line_ends_change_nothing():
    text = decode("\ufeffversion: 1\r\nname: lab\r\n".encode(), "f")

    assert parse("\ufeff" + text, "f").spec.name == "lab"


def test_a_document_finds_its_places_after_it_was_read():
    document = parse("version: 1\nname: lab\nnetworks:\n  lan: {mtu: 1400}\n", "f")

    assert document.problem(("networks", "lan", "mtu"), "is odd").text("f") == "f:4:14: networks.lan.mtu: is odd"
    assert document.problem(("networks", "lan", "bridge"), "is taken", "choose").text("f") == (
        "f:4:3: networks.lan.bridge: is taken\n    hint: choose"
    )


def test_an_alias_is_what_it_names():
    values = read("a: &x {b: [1, 2]}\nc: *x\nd: &y text\ne: [*y, *y]\n").values

    assert values == {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}, "d": "text", "e": ["text", "text"]}


def test_a_problem_in_an_aliased_part_stands_where_it_is_written():
    places = Places(read("a: &x\n  b: 1\nc: *x\n").root)

    assert places[("c", "b")] == (2, 6)
    assert places[("c",)] == (3, 1)


def test_merge_keys_give_what_a_mapping_does_not_say_itself():
    values = read("a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {y: 5, <<: [*a, *b]}\nd: {<<: *b, w: 6}\n").values

    assert values["c"] == {"y": 5, "x": 1, "z": 4}
    assert values["d"] == {"w": 6, "y": 3, "z": 4}


def test_two_less_thans_in_quotes_are_a_key_like_others():
    assert read("'<<': 1").values == {"<<": 1}


def test_what_repeats_can_stand_under_keys_of_ones_own():
    document = parse(
        """\
version: 1
name: lab
x-common: &common {network: lan, mtu: 1400}
networks: {lan: {subnets: [10.0.0.0/24]}}
namespaces:
  a: {interfaces: {eth0: {<<: *common}}}
  b: {interfaces: {eth0: {<<: *common, mtu: 1300}}}
""",
        "f",
    )

    mtus = {name: part.interfaces["eth0"].mtu for name, part in document.spec.namespaces.items() if part}
    assert mtus == {"a": 1400, "b": 1300}


def test_a_file_that_is_too_big_is_refused_unread():
    with pytest.raises(SpecError) as caught:
        parse("#" * (MAX_CHARACTERS + 1), "big.yaml")

    assert str(caught.value) == "big.yaml: the file is too big: 16,777,217 characters; at most 16,777,216 are read"


def test_a_file_of_too_many_values_is_refused():
    with pytest.raises(SpecError) as caught:
        parse("[" + "1," * MAX_VALUES + "]", "long.yaml")

    assert str(caught.value).endswith("the file has more than 1,000,000 values")


def test_a_hundred_thousand_brackets_are_refused_at_the_fifty_first():
    with pytest.raises(SpecError) as caught:
        parse("[" * 100_000, "deep.yaml")

    assert str(caught.value) == "deep.yaml:1:51: nested more than 50 levels deep"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"version: 1\nname: l\xe4b\n", "f.yaml:2:8: the byte 0xe4 is not UTF-8\n    hint: save the file as UTF-8"),
        (b"\xff\xfev\x00", "f.yaml:1:1: the file is UTF-16, not UTF-8\n    hint: save it as UTF-8"),
        ("é: 1\n".encode() + b"\xe9", "f.yaml:2:1: the byte 0xe9 is not UTF-8\n    hint: save the file as UTF-8"),
    ],
)
def test_bytes_that_are_not_utf_8_are_refused_at_their_place(data: bytes, message: str):
    with pytest.raises(SpecError) as caught:
        decode(data, "f.yaml")

    assert str(caught.value) == message


def test_a_text_read_with_surrogates_was_not_utf_8():
    with pytest.raises(SpecError) as caught:
        parse(b"name: l\xe4b".decode(errors="surrogateescape"), "f.yaml")

    assert str(caught.value) == "f.yaml:1:8: this is not UTF-8 text\n    hint: save the file as UTF-8"
