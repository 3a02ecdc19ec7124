"""`netwright demo`: the article's network with real packets, for root and for a user who may nothing."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from sandbox_users import ROOT, USERS, run

pytestmark = pytest.mark.netns

NETWRIGHT = [sys.executable, "-P", "-c", "from netwright.frontends.cli import main; main()"]


@pytest.mark.parametrize("user", USERS.values(), ids=USERS)
def test_one_client_is_served_and_all_else_is_refused(user: Callable[[list[str]], list[str]]) -> None:
    links = run(["ip", "-j", "link"]).stdout
    done = run(user([*NETWRIGHT, "demo", "--json"]))
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["held"] is True
    assert told["namespaces"] == ["my_netns", "web", "outside-eth1"]
    assert [(a["from"], a["to"], a["result"], a["page"], a["held"]) for a in told["attempts"]] == [
        ("10.0.7.7", "10.0.0.1:1234/tcp", "reachable", "This is the page of web, port 1234.\n", True),
        ("10.1.7.7", "10.0.0.1:1234/tcp", "refused", None, True),
        ("10.0.7.7", "172.30.0.2:1234/tcp", "refused", None, True),
    ]
    assert run(["ip", "-j", "link"]).stdout == links
    assert [name for name in os.listdir("/run/netns") if name in told["namespaces"]] == []


def test_it_tells_the_story_in_words() -> None:
    done = run([*NETWRIGHT, "demo"])
    assert (done.returncode, done.stderr) == (0, "")
    for words in (
        "name: article",
        " 10.0.7.7 → 10.0.0.1:1234    served   as it should be: a client in 10.0.0.0/16, through eth1",
        "“This is the page of web, port 1234.”",
        " 10.1.7.7 → 10.0.0.1:1234    refused  as it should be: a client in 10.1.0.0/16, the same way",
        " 10.0.7.7 → 172.30.0.2:1234  refused  as it should be: the first client, the same port on another address",
        "All is as the file says, and nothing of it is left.",
    ):
        assert words in done.stdout
    assert "\x1b" not in done.stdout


def test_a_network_that_lets_everybody_in_is_seen(tmp_path: Path) -> None:
    broken = """
import sys
from dataclasses import replace
from netwright.sandbox import article
from netwright.spec.load import parse
right = article.article()
wrong = parse(right.text.replace("        from: [10.0.0.0/16]\\n", ""), "article.yaml")
assert wrong.text != right.text
article.article = lambda: wrong
sys.argv = ["netwright", "demo"]
from netwright.frontends.cli import main
main()
"""
    done = run([sys.executable, "-P", "-c", broken])
    assert done.returncode == 1
    assert " 10.1.7.7 → 10.0.0.1:1234    served   SHOULD BE refused: a client in 10.1.0.0/16, the same way" in done.stdout
    assert "NOT all is as the file says." in done.stdout


def test_the_file_is_twenty_lines_and_one_copy() -> None:
    example, packaged = ROOT / "examples/article.yaml", ROOT / "src/netwright/examples/article.yaml"
    assert example.is_symlink()
    assert example.samefile(packaged)
    assert len(packaged.read_text().splitlines()) == 20
    assert yaml.safe_load(packaged.read_text())["networks"] == {
        "custom": {"managed_by": "docker", "bridge": "docker1", "subnets": ["172.30.0.0/16"]}
    }
