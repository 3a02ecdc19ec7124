"""Every example is applied, applied again without anything to do, and destroyed. Those that need Docker or a NIC: in a sandbox's terms."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import netwright
from conftest import Host
from netwright.sandbox.standins import stand_in
from netwright.wiring import open_world

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_applied_and_is_stable_and_goes(example: Path, host: Host, tmp_path: Path) -> None:
    before = (host.links(), host.namespaces(), host.run("nft", "list", "ruleset"), host.run("ip", "route"))
    sandboxed = stand_in(netwright.load(example))
    world = open_world()
    world.execute([operation for nic in sandboxed.nics for operation in nic.operations()], lambda _done: None)
    world.close()
    with netwright.open_engine(state_folder=str(tmp_path)) as engine:
        assert engine.apply(sandboxed.document).plan.operations
        assert engine.apply(sandboxed.document).plan.operations == ()
        engine.destroy(sandboxed.document.spec.name)
    for nic in sandboxed.nics:
        host.run("ip", "netns", "delete", nic.netns.name)
        subprocess.run(["ip", "link", "delete", nic.name], check=False, capture_output=True)
    assert (host.links(), host.namespaces(), host.run("nft", "list", "ruleset"), host.run("ip", "route")) == before
    assert subprocess.run(["find", "/etc/netns", "-mindepth", "1"], check=True, capture_output=True, text=True).stdout == ""
