"""`netwright validate`, as a person and as a program sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from netwright.frontends.cli.program import program

RIGHT = """\
version: 1
name: shop
networks:
  lan: {subnets: [10.3.0.0/24]}
namespaces:
  web: {interfaces: {eth0: {network: lan}}}
  db: {interfaces: {eth0: {network: lan}}}
"""
WRONG = """\
version: 1
name: shop
networks:
  lan: {subnets: [123.456.0.0/16]}
namespaces:
  web: {interfaces: {eth0: {network: lan, mtu: 7}}}
"""


def netwright(*arguments: str, stdin: str | bytes = "") -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    result = CliRunner().invoke(program, list(arguments), input=stdin)
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("shop.yaml").write_text(RIGHT)
    Path("wrong.yaml").write_text(WRONG)


def test_a_right_file_is_said_to_be_right_in_words() -> None:
    assert netwright("validate", "shop.yaml") == (0, "", "shop.yaml: right. Stack shop: 1 network, 2 namespaces.\n")


def test_a_file_that_is_not_there_may_be_one_that_is_and_a_folder_is_no_file() -> None:
    Path("folder.yaml").mkdir()
    assert netwright("validate", "shpo.yaml")[2].startswith(
        "shpo.yaml: cannot be read: No such file or directory\n    hint: did you mean shop.yaml?\n"
    )
    assert netwright("validate", "folder.yaml")[2] == (
        "folder.yaml: cannot be read: Is a directory\nerror: 1 problem in folder.yaml; nothing was touched\n"
    )


def test_a_right_file_as_a_document() -> None:
    status, out, err = netwright("validate", "--json", "shop.yaml")
    assert (status, err) == (0, "")
    assert json.loads(out) == {
        "version": 1,
        "file": "shop.yaml",
        "stack": "shop",
        "networks": ["lan"],
        "namespaces": ["web", "db"],
        "containers": [],
    }


def test_a_file_can_come_from_standard_input() -> None:
    assert netwright("validate", "-", stdin=RIGHT) == (0, "", "<stdin>: right. Stack shop: 1 network, 2 namespaces.\n")


def test_all_that_is_wrong_is_said_at_once_with_its_place() -> None:
    status, out, err = netwright("validate", "wrong.yaml")
    assert (status, out) == (2, "")
    places = [line.split(": ")[:2] for line in err.splitlines() if line.startswith("wrong.yaml:")]
    assert places == [["wrong.yaml:4:19", "networks.lan.subnets[0]"], ["wrong.yaml:6:48", "namespaces.web.interfaces.eth0.mtu"]]
    assert err.splitlines()[-1] == "error: 2 problems in wrong.yaml; nothing was touched"


def test_all_that_is_wrong_as_a_document() -> None:
    status, out, _ = netwright("validate", "wrong.yaml", "--json")
    error = json.loads(out)["error"]
    assert (status, error["kind"], error["exit_status"]) == (2, "Spec", 2)
    assert [(one["line"], one["column"], one["path"]) for one in error["problems"]] == [
        (4, 19, "networks.lan.subnets[0]"),
        (6, 48, "namespaces.web.interfaces.eth0.mtu"),
    ]


def test_a_file_that_is_not_there_is_named_with_one_that_is() -> None:
    assert netwright("validate", "shpo.yaml") == (
        2,
        "",
        (
            "shpo.yaml: cannot be read: No such file or directory\n    hint: did you mean shop.yaml?\n"
            "error: 1 problem in shpo.yaml; nothing was touched\n"
        ),
    )


def test_what_is_not_utf8_is_pointed_at() -> None:
    Path("latin.yaml").write_bytes(b"version: 1\nname: caf\xe9\n")
    status, _, err = netwright("validate", "latin.yaml")
    assert (status, err.splitlines()[0]) == (2, "latin.yaml:2:10: the byte 0xe9 is not UTF-8")


def test_what_never_ends_is_not_read_to_its_end() -> None:
    status, _, err = netwright("validate", "/dev/zero")
    assert (status, err.splitlines()[:2]) == (2, ["/dev/zero: is larger than 64 MiB", "    hint: is it the file that you mean?"])


def test_a_folder_is_no_file() -> None:
    Path("folder.yaml").mkdir()
    assert netwright("validate", "folder.yaml")[2].startswith("folder.yaml: cannot be read: Is a directory\n")
