"""A list of a YAML text gets longer or shorter, and no other letter of the text changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.errors import Refused
from netwright.revising.surgery import with_item, with_value, without
from netwright.spec.yaml_tree import read

PORTS = ("containers", "web", "publish")

GROWN = {
    "a list in block style": (
        'containers:\n  web:   # ours\n    publish:\n      - "1:1"   # one\n      # two\n      - {listen: 2, from: [10.0.0.0/8]}\n\n# the end\n',
        'containers:\n  web:   # ours\n    publish:\n      - "1:1"   # one\n      # two\n      - {listen: 2, from: [10.0.0.0/8]}\n      - "8080:80"\n\n# the end\n',
    ),
    "a list that is not indented": (
        'containers:\n  web:\n    publish:\n    - "1:1"\n    docker: w\n',
        'containers:\n  web:\n    publish:\n    - "1:1"\n    - "8080:80"\n    docker: w\n',
    ),
    "a list in brackets": (
        'containers: {web: {publish: ["1:1"], docker: w}}  # short\n',
        'containers: {web: {publish: ["1:1", "8080:80"], docker: w}}  # short\n',
    ),
    "a list in brackets, an element a line": (
        'containers:\n  web:\n    publish: [\n      "1:1",  # one\n      "2:2"  # two\n    ]\n',
        'containers:\n  web:\n    publish: [\n      "1:1",  # one\n      "2:2",  # two\n      "8080:80"\n    ]\n',
    ),
    "a list in brackets, an element a line, with a comma at the end": (
        'containers:\n  web:\n    publish: [\n      "1:1",\n      "2:2",  # two\n    ]\n',
        'containers:\n  web:\n    publish: [\n      "1:1",\n      "2:2",  # two\n      "8080:80",\n    ]\n',
    ),
    "an empty list": ("containers:\n  web:\n    publish: [ ]  # none\n", 'containers:\n  web:\n    publish: ["8080:80"]  # none\n'),
    "no list": (
        "containers:\n  web:\n    docker: w  # its name\n  db: {}\n",
        'containers:\n  web:\n    docker: w  # its name\n    publish:\n      - "8080:80"\n  db: {}\n',
    ),
    "no list, in braces": ("containers: {web: {docker: w}}\n", 'containers: {web: {docker: w, publish: ["8080:80"]}}\n'),
    "an empty container": (
        "containers:\n  web:\n  db: ~\n",
        'containers:\n  web:\n    publish:\n      - "8080:80"\n  db: ~\n',
    ),
    "a container that is null": (
        "containers:\n  web: null  # ours\n  db: ~\n",
        'containers:\n  web:  # ours\n    publish:\n      - "8080:80"\n  db: ~\n',
    ),
    "no container": ("containers:\n  db: {}\n", 'containers:\n  db: {}\n  web:\n    publish:\n      - "8080:80"\n'),
    "no containers, and no line's end": ("name: shop", 'name: shop\ncontainers:\n  web:\n    publish:\n      - "8080:80"\n'),
    "lines that end as Windows has them": (
        "containers:\r\n  web:\r\n    docker: w\r\n",
        'containers:\r\n  web:\r\n    docker: w\r\n    publish:\r\n      - "8080:80"\r\n',
    ),
    "JSON": ('{"containers": {"web": {"docker": "w"}}}', '{"containers": {"web": {"docker": "w", "publish": ["8080:80"]}}}'),
    "an alias behind it": (
        "x-n: &n {lan: }\ncontainers:\n  web:\n    networks: *n\n  db: *n\n",
        'x-n: &n {lan: }\ncontainers:\n  web:\n    networks: *n\n    publish:\n      - "8080:80"\n  db: *n\n',
    ),
}


@pytest.mark.parametrize("case", GROWN)
def test_an_element_is_added_to(case: str) -> None:
    before, after = GROWN[case]
    assert with_item(before, PORTS, "8080:80") == after


@pytest.mark.parametrize("case", GROWN)
def test_what_was_added_can_be_taken_out_again_of(case: str) -> None:
    before, after = GROWN[case]
    count = len(read(after).values["containers"]["web"]["publish"])
    left = without(after, (*PORTS, count - 1))
    assert read(with_item(left, PORTS, "8080:80")).values == read(after).values
    if count > 1:
        assert read(left).values == read(before).values


def test_the_last_element_takes_its_list_with_it_and_leaves_comments_above() -> None:
    text = "containers:\n  web:\n    # the shop's\n    publish:   # ports\n      # first\n      - '1:1'\n    docker: w\n"
    assert without(text, (*PORTS, 0)) == "containers:\n  web:\n    # the shop's\n    docker: w\n"
    assert without("containers: {web: {publish: [1:1], docker: w}}", (*PORTS, 0)) == "containers: {web: {docker: w}}"


@pytest.mark.parametrize(
    "text",
    [
        "x-p: &p ['1:1']\ncontainers:\n  web:\n    publish: *p\n",
        "x-w: &w {publish: ['1:1']}\ncontainers:\n  web:\n    <<: *w\n",
        "x-w: &w {docker: w}\ncontainers:\n  web: *w\n",
        "containers:\n  web: &w\n    publish: ['1:1']\n  db: *w\n",
    ],
)
def test_what_others_share_is_not_changed_for_them(text: str) -> None:
    with pytest.raises(Refused, match=r"containers.web.publish is written in a way that cannot be changed without changing more than it"):
        with_item(text, PORTS, "8080:80")


def test_a_mapping_is_put_where_nothing_was() -> None:
    assert with_value("containers:\n  db:\n", ("containers", "web"), {"docker": "a.b"}) == ("containers:\n  db:\n  web:\n    docker: a.b\n")


NAMES = st.sampled_from(["a", "b-c", '"q: r"', "12", "null"])
SCALARS = st.sampled_from(["x", "12", '"1:1"', "~", "", "'its'"])
COMMENTS = st.sampled_from(["", "", "  # a [b] {c}: d"])


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A mapping of mappings of lists, in one of many layouts."""
    lines = []
    for key in draw(st.lists(NAMES, unique=True, min_size=1, max_size=3)):
        lines.append(f"{key}:{draw(COMMENTS)}")
        for inner in draw(st.lists(NAMES, unique=True, max_size=3)):
            indent = " " * 3
            items = [draw(SCALARS.filter(bool)) for _ in range(draw(st.integers(0, 3)))]
            shape = draw(st.sampled_from(["block", "flat", "flow", "tall"]))
            if not items:
                lines.append(f"{indent}{inner}: {draw(st.sampled_from(['[]', '', '~', '{}']))}{draw(COMMENTS)}")
            elif shape == "flow":
                lines.append(f"{indent}{inner}: [{', '.join(items)}]{draw(COMMENTS)}")
            elif shape == "tall":
                ending = draw(st.sampled_from(["", ","]))
                lines.append(f"{indent}{inner}: [{draw(COMMENTS)}")
                lines += [f"{indent}  {item}{',' if at < len(items) - 1 else ending}{draw(COMMENTS)}" for at, item in enumerate(items)]
                lines.append(f"{indent}]{draw(COMMENTS)}")
            else:
                lines.append(f"{indent}{inner}:{draw(COMMENTS)}")
                lines += [f"{indent}{' ' * 2 * (shape == 'block')}- {item}{draw(COMMENTS)}" for item in items]
            if draw(st.booleans()):
                lines += ["", f"{indent}# between"]
    return "\n".join(lines) + draw(st.sampled_from(["", "\n", "\n\n# end\n"]))


@given(texts(), st.data())
def test_whatever_the_layout_an_element_comes_and_goes_and_lines_of_others_stay(text: str, data: st.DataObject) -> None:
    values = read(text).values
    outer = data.draw(st.sampled_from(sorted(values)))
    lists = [key for key, value in (values[outer] or {}).items() if value is None or isinstance(value, list)]
    path = (outer, data.draw(st.sampled_from([*lists, "fresh"])))
    if isinstance(values[outer], dict) and path[1] not in lists and path[1] in values[outer]:
        return
    more = with_item(text, path, "8080:80/udp")
    changed = set(more.splitlines()) - set(text.splitlines())
    assert len(changed) <= 3
    now = read(more).values[path[0]][path[1]]
    assert now == [*((values[outer] or {}).get(path[1]) or ()), "8080:80/udp"]
    fewer = without(more, (*path, len(now) - 1))
    assert ((read(fewer).values[outer] or {}).get(path[1]) or []) == now[:-1]
