"""Graphviz and Mermaid sources."""

from __future__ import annotations

import json
import shutil
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from pictured import ARTICLE, BARE, MIXED, document, many

from netwright.errors import InvalidValue
from netwright.picture import FORMATS, Picture, draw, from_document


def dot() -> str:
    return shutil.which("dot") or pytest.skip("dot is not installed (Debian's package is graphviz)")


def graph(picture: Picture) -> dict:
    source = draw(picture, "dot")
    done = subprocess.run([dot(), "-Tdot_json"], input=source, text=True, capture_output=True, check=True)
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_graphviz_reads_the_articles_network():
    read = graph(from_document(document(ARTICLE)))
    objects = {entry["name"]: entry.get("label") for entry in read["objects"]}
    edges = {(read["objects"][edge["tail"]]["name"], read["objects"][edge["head"]]["name"]): edge.get("label") for edge in read["edges"]}
    assert objects == {
        "cluster_0": r"namespace my_netns\ndefault via 10.255.255.254",
        "cluster_1": "container web",
        "outside": "outside world",
        "network custom": r"custom\nbridge docker1\n172.30.0.0/16\ngateway 172.30.0.1\nmade by Docker\nNAT",
        "in named/my_netns": "",
        "named/my_netns eth1": r"eth1\n10.0.0.1/8\nNAT",
        "named/my_netns uplink": r"uplink\n172.30.0.2/16",
        "in container/web": "",
        "container/web custom": r"custom\n172.30.0.10/16",
    }
    assert edges == {
        ("outside", "named/my_netns eth1"): "NIC eth1",
        ("network custom", "named/my_netns uplink"): "",
        ("network custom", "container/web custom"): "",
        ("in named/my_netns", "in container/web"): "eth1:1234/tcp from 10.0.0.0/16 → web:1234",
    }


@pytest.mark.parametrize("picture", [from_document(document(MIXED)), from_document(document(BARE)), from_document(many(30))])
def test_graphviz_reads_the_others_without_a_warning(picture):
    assert graph(picture)["label"] == picture.title


def test_graphviz_gets_any_text_back():
    title = 'a "b" \\c \\"d\\" {e} <f>\\'
    source = draw(replace(from_document(document(BARE)), title=title), "dot")
    drawn = subprocess.run([dot(), "-Tsvg"], input=source, text=True, capture_output=True, check=True).stdout
    assert [element.text for element in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")] == [title]


def test_mermaid_of_the_articles_network():
    assert (
        draw(from_document(document(ARTICLE)), "mermaid")
        == """\
flowchart TB
  outside(["outside world"]):::outside
  n0["custom<br/>bridge docker1<br/>172.30.0.0/16<br/>gateway 172.30.0.1<br/>made by Docker<br/>NAT"]:::bridge
  subgraph b0["namespace my_netns"]
    b0i0["eth1<br/>10.0.0.1/8<br/>NAT"]
    b0i1["uplink<br/>172.30.0.2/16"]
    b0r(["default via 10.255.255.254"])
  end
  subgraph b1["container web"]
    b1i0["custom<br/>172.30.0.10/16"]
  end
  outside ---|"NIC eth1"| b0i0
  n0 --- b0i1
  n0 --- b1i0
  b0 -.->|"eth1:1234/tcp from 10.0.0.0/16 → web:1234"| b1
  classDef bridge fill:#e7effc,stroke:#2563c9,color:#17212f
  classDef outside stroke-dasharray:5 4
  classDef troubled stroke:#c0182b,stroke-dasharray:7 4
"""
    )


def test_mermaid_has_peers_targets_without_a_box_and_escapes():
    lines = draw(from_document(document(MIXED)), "mermaid").splitlines()
    assert [line.strip() for line in lines if "===" in line or "p3" in line or "co" in line.split("#quot;")] == [
        'b5["container api<br/>label app=#lt;api#gt; #38; #quot;co#quot;"]',
        "b0i0 === b2i1",
        "b2i0 === b3i1",
        'b1 -.-> p3["wan0:53/udp → 192.0.2.53:53"]',
    ]


def test_a_format_that_is_none_is_refused():
    with pytest.raises(InvalidValue, match="'png' is not a format of a picture: text, svg, dot, mermaid"):
        draw(from_document(document(BARE)), "png")


def test_every_format_draws_something():
    assert all(draw(from_document(document(MIXED)), each).endswith("\n") for each in FORMATS)
