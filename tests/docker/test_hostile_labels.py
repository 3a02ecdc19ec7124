"""Labels of a real engine's containers may be any text: no rule, file, picture or command of ours has any of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_host import DockerHost

MARKER = "PWNED"
HOSTILE = (
    f"a\ntouch {MARKER}\n",
    f"$(touch {MARKER})",
    f"`touch {MARKER}`",
    f"'; touch {MARKER}; '",
    f'" drop; }} table ip {MARKER} {{ comment "',
    f"{{{{.{MARKER}}}}} %s %n",
    f"<script>{MARKER}</script>]]>&{MARKER};",
    f"../../../tmp/{MARKER}",
    f"\x1b]0;{MARKER}\x07\u202e",
    MARKER * 20_000,
)
MANY = 2_000
"""Labels of one container, besides."""
SHOP = """\
version: 1
name: shop
networks: {front: {managed_by: docker, bridge: docker7, subnets: [10.87.0.0/24]}}
namespaces: {box: {interfaces: {eth0: {network: front}}}}
containers: {web: {docker: {label: app=web}, networks: {front: {}}, publish: ["8087:80"]}}
policies: [{name: visit, from: box, to: web, ports: [80/tcp], log: true}]
"""
COMMANDS = (
    ("plan", "shop.yaml", "--commands"),
    ("apply", "shop.yaml"),
    ("status", "--json"),
    ("graph", "shop", "--format", "svg"),
    ("import", "host"),
    ("log", "--full"),
)


@pytest.fixture
def said(engine: DockerHost, tmp_path: Path) -> Iterator[dict[str, str]]:
    """What each command has said, of a container with such labels."""
    labels = tmp_path / "labels"
    labels.write_text("".join(f"n{number}=v{number}\n" for number in range(MANY)))
    given = [word for index, value in enumerate(HOSTILE) for word in ("--label", f"h{index}={value}")]
    keys = [word for value in HOSTILE[1:5] for word in ("--label", value.replace(" ", "") + "=1")]
    engine.container("anything", "--label", "app=web", "--label-file", str(labels), *given, *keys)
    (tmp_path / "shop.yaml").write_text(SHOP)
    environment = {**os.environ, "NETWRIGHT_STATE": str(tmp_path / "state"), "NO_COLOR": "1"}

    def netwright(*words: str) -> str:
        command = [sys.executable, "-m", "netwright", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path, timeout=120)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout + done.stderr

    yield {" ".join(words): netwright(*words) for words in COMMANDS}
    netwright("destroy", "shop")


def test_nothing_of_them_is_anywhere(engine: DockerHost, said: dict[str, str], tmp_path: Path) -> None:
    assert len(engine.inspect("container", "anything")["Config"]["Labels"]) == MANY + len(HOSTILE) + 5
    assert [command for command, words in said.items() if MARKER in words] == []
    assert "8087" in said["graph shop --format svg"]
    witnesses = (
        ("nft", "list", "ruleset"),
        ("iptables-save",),
        ("ip6tables-save",),
        ("ip", "-d", "link"),
        ("sh", "-c", "cat /etc/netns/*/*"),
    )
    assert [" ".join(command) for command in witnesses if MARKER in engine.run(*command)] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels", "shop.yaml", "state"]
    assert MARKER.encode() not in (tmp_path / "state" / "state.db").read_bytes()
