"""The drawing: that it is XML, that nothing overlaps, that no text leaves its box."""

from __future__ import annotations

import re
from itertools import combinations
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictured import ARTICLE, BARE, MIXED, document, many

from netwright.picture import Picture, draw, from_document
from netwright.picture.layout import lay_out
from netwright.picture.shapes import Layout, Rect
from netwright.picture.values import Box, Interface, Network, Publish

SVG = "{http://www.w3.org/2000/svg}"
words = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=24)
addresses = st.lists(st.sampled_from(["10.0.0.1/8", "2001:db8:1234:5678:9abc:def0:1234:5678/128", "allocated"]), max_size=3).map(tuple)


@st.composite
def pictures(draw: st.DrawFn) -> Picture:
    networks = [f"n{number}" for number in range(draw(st.integers(0, 9)))]
    keys = [f"named/{number}" for number in range(draw(st.integers(0, 14)))]

    def interface(box: int, number: int) -> Interface:
        kind = draw(st.sampled_from(["nic", "peer", *(["network"] * 3 if networks else [])]))
        return Interface(
            name=f"e{number}" + draw(st.sampled_from(["", "-long-name"])),
            addresses=draw(addresses),
            network=draw(st.sampled_from(networks)) if kind == "network" else None,
            nic=draw(words) if kind == "nic" else None,
            peer=(draw(st.sampled_from(keys)), "nowhere") if kind == "peer" else None,
            masquerade=draw(st.booleans()),
            trouble=draw(st.sampled_from(["", "differs: mtu, master"])),
        )

    boxes: list[Box] = []
    for place, key in enumerate(keys):
        publishes = [
            Publish(
                listen=draw(words),
                sources=tuple(draw(st.lists(words, max_size=5))),
                to=draw(words),
                target=draw(st.sampled_from([None, *keys])),
            )
            for _ in range(draw(st.integers(0, 3)))
        ]
        boxes.append(
            Box(
                key=key,
                name=draw(words),
                kind=draw(st.sampled_from(["namespace", "container", "host"])),
                interfaces=tuple(interface(place, number) for number in range(draw(st.integers(0, 4)))),
                routes=tuple(draw(st.lists(words, max_size=2))),
                publishes=tuple(publishes),
                note=draw(st.sampled_from(["", "external"])),
                trouble=draw(st.sampled_from(["", "missing"])),
            )
        )
    # A peer's other end is in the picture too, as from_document makes it.
    paired = {box.key: list(box.interfaces) for box in boxes}
    for box in boxes:
        for number, each in enumerate(box.interfaces):
            if each.peer is not None:
                far = Interface(name=f"far-{box.key}-{number}"[-15:], peer=(box.key, each.name))
                paired[each.peer[0]].append(far)
                at = paired[box.key].index(each)
                paired[box.key][at] = Interface(name=each.name, addresses=each.addresses, peer=(each.peer[0], far.name))
    return Picture(
        title=draw(words),
        networks=tuple(
            Network(
                key=key,
                bridge=draw(words),
                subnets=tuple(draw(st.lists(words, max_size=3))),
                trouble=draw(st.sampled_from(["", "missing"])),
            )
            for key in networks
        ),
        boxes=tuple(
            Box(
                key=box.key,
                name=box.name,
                kind=box.kind,
                interfaces=tuple(paired[box.key]),
                routes=box.routes,
                publishes=box.publishes,
                note=box.note,
                trouble=box.trouble,
            )
            for box in boxes
        ),
    )


def check(layout: Layout) -> None:
    page = Rect(0, 0, layout.width, layout.height)
    solids = [box.frame for box in layout.boxes] + [bar.frame for bar in layout.bars]
    solids += [plug.frame for plug in layout.plugs] + [pill.frame for pill in layout.pills]
    tabs = [(tab.frame, box) for box in layout.boxes for tab in box.tabs]
    for one, other in combinations(solids, 2):
        assert not one.overlaps(other), (one, other)
    for (one, _), (other, _) in combinations(tabs, 2):
        assert not one.overlaps(other), (one, other)
    for tab, box in tabs:
        assert not any(tab.overlaps(solid) for solid in solids if solid is not box.frame), tab
    for box in layout.boxes:
        assert all(box.frame.contains(label.frame) for label in box.labels), box
        assert all(tab.frame.contains(tab.label.frame) for tab in box.tabs), box
        frames = [label.frame for label in box.labels] + [tab.frame for tab in box.tabs]
        for one, other in combinations(frames, 2):
            assert not one.overlaps(other), (one, other)
    for holder in (*layout.bars, *layout.pills):
        assert all(holder.frame.contains(label.frame) for label in holder.labels), holder
        for one, other in combinations([label.frame for label in holder.labels], 2):
            assert not one.overlaps(other), (one, other)
    ends = [point for wire in layout.wires if wire.kind == "publish" for point in (wire.points[0], wire.points[-1])]
    ends += [wire.points[0] for wire in layout.wires if wire.kind == "stub"]
    for x, y in ends:
        (box,) = (box for box in layout.boxes if box.frame.bottom == y and box.frame.x + 5 < x < box.frame.right - 5)
        assert not any(tab.frame.x < x < tab.frame.right and tab.frame.bottom > y for tab in box.tabs), (x, box)
    assert len(set(ends)) == len(ends)
    assert all(plug.frame.contains(plug.label.frame) for plug in layout.plugs)
    assert all(page.contains(frame) for frame in [*solids, *(frame for frame, _ in tabs)])
    assert all(page.contains(label.frame) for label in layout.heading)
    assert all(0 <= x <= layout.width and 0 <= y <= layout.height for wire in layout.wires for x, y in wire.points)


def crosses_a_box(layout: Layout) -> bool:
    """Whether a wire runs through the inside of a box; all wires are upright or level."""
    for wire in layout.wires:
        for (x, y), (to_x, to_y) in zip(wire.points, wire.points[1:], strict=False):
            assert x == to_x or y == to_y
            line = Rect(min(x, to_x) - 0.1, min(y, to_y) - 0.1, abs(x - to_x) + 0.2, abs(y - to_y) + 0.2)
            for box in layout.boxes:
                inside = Rect(box.frame.x + 1, box.frame.y + 1, box.frame.width - 2, box.frame.height - 2)
                if line.overlaps(inside):
                    return True
    return False


@settings(max_examples=150, deadline=None)
@given(pictures())
def test_nothing_overlaps_and_no_text_leaves_its_box(picture: Picture):
    layout = lay_out(picture)
    check(layout)
    assert not crosses_a_box(layout)


@settings(max_examples=60, deadline=None)
@given(pictures(), st.sampled_from(["auto", "light", "dark"]))
def test_any_text_makes_well_formed_xml(picture: Picture, theme: str):
    root = ET.fromstring(draw(picture, "svg", theme=theme))
    assert root.tag == f"{SVG}svg"


@pytest.mark.parametrize("text", [ARTICLE, MIXED, BARE], ids=["article", "mixed", "bare"])
def test_the_files_of_these_tests_are_drawn_without_overlap(text):
    layout = lay_out(from_document(document(text)))
    check(layout)
    assert not crosses_a_box(layout)


@pytest.mark.parametrize("count", [1, 2, 12, 60, 1000])
def test_every_size_is_drawn(count):
    layout = lay_out(from_document(many(count)))
    check(layout)
    assert len(layout.boxes) == min(count, 60)
    assert layout.width < 2600


def test_what_is_left_out_of_a_thousand_is_counted():
    texts = [element.text for element in ET.fromstring(draw(from_document(many(1000)), "svg")).iter(f"{SVG}text")]
    assert texts[:2] == ["many", "2 networks, 1000 namespaces"]
    assert [text for text in texts if text is not None and ("more" in text or "interfaces" in text)] == [
        "628 interfaces",
        "313 interfaces",
        "… and 941 more",
    ]
    assert "last" in texts


def test_the_articles_network_has_all_its_words():
    texts = [element.text for element in ET.fromstring(draw(from_document(document(ARTICLE)), "svg")).iter(f"{SVG}text")]
    assert texts == [
        "article",
        "1 network, 1 namespace, 1 container",
        "outside world",
        "custom",
        "bridge docker1 · made by Docker · NAT",
        "172.30.0.0/16 · gateway 172.30.0.1",
        "eth1",
        "uplink",
        "10.0.0.1/8",
        "NAT",
        "172.30.0.2/16",
        "my_netns",
        "namespace",
        "default via 10.255.255.254",
        "custom",
        "172.30.0.10/16",
        "web",
        "container",
        "NIC eth1",
        "eth1:1234/tcp from 10.0.0.0/16 → web:1234",
    ]


def test_a_reader_who_does_not_see_it_is_told():
    root = ET.fromstring(draw(from_document(document(ARTICLE)), "svg"))
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == "Networks of article"
    assert root.findtext(f"{SVG}desc") == draw(from_document(document(ARTICLE)))


def test_labels_of_containers_are_escaped():
    assert "label app=&lt;api&gt; &amp; &quot;co&quot;<" in draw(from_document(document(MIXED)), "svg")


def test_nothing_is_fetched_from_anywhere():
    drawing = draw(from_document(document(MIXED)), "svg")
    assert re.findall(r"(?:href|src|url\(|@import|<script|<image)[^>]*", drawing) == []


@pytest.mark.parametrize(("theme", "light", "dark", "asks"), [("auto", 1, 1, 1), ("light", 1, 0, 0), ("dark", 0, 1, 0)])
def test_light_and_dark(theme, light, dark, asks):
    drawing = draw(from_document(document(ARTICLE)), "svg", theme=theme)
    assert drawing.count(".page { fill: #ffffff }") == light
    assert drawing.count(".page { fill: #10161f }") == dark
    assert drawing.count("@media (prefers-color-scheme: dark)") == asks
