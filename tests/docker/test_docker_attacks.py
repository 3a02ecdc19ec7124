"""Containers as Docker starts them may send any frame (CAP_NET_RAW): policies within a bridge of Docker's hold against that as well."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "netns"))

from docker_host import DockerHost
from forgery import arriving, ip4, mac, tagged

import netwright

pytestmark = pytest.mark.every_engine

SHOP = """\
version: 1
name: shop
containers: {web: {}, app: {}, mate: {}}
policies: [{name: web, from: app, to: web, ports: 80}]
"""


def test_a_tag_that_nobody_reads_is_no_way_past_a_policy(engine: DockerHost, tmp_path: Path) -> None:
    for name in ("web", "mate"):
        engine.run("ip", "netns", "attach", name, str(engine.container(name)))
    addresses = {
        name: str(engine.inspect("container", name)["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]) for name in ("web", "mate")
    }
    honest = ip4("tag n", mac("mate"), mac("web"), addresses["mate"], to=addresses["web"])
    tags = {"tag 0": [(0x8100, 0)], "tag p": [(0x8100, 0xE000)], "tag s": [(0x88A8, 0)], "tag 2": [(0x88A8, 0), (0x8100, 0)]}
    frames = [honest, *(tagged(words, honest, *tag) for words, tag in tags.items())]
    assert arriving("mate", frames, "web", end_by="docker0") == ["tag n", *tags], "everything passes without a policy"
    with netwright.open_engine(state_folder=str(tmp_path / "state")) as own:
        own.apply(netwright.parse(SHOP, "shop.yaml"))
        try:
            assert arriving("mate", frames, "web", end_by="docker0") == []
        finally:
            own.destroy("shop")
    assert arriving("mate", frames, "web", end_by="docker0") == ["tag n", *tags]
