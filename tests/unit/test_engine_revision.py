"""A committed file that a command rewrites: done whole, or the host and the file stay as they were."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from netwright.backends.store import SqliteStore
from netwright.dockerdriver.conflicts import Claim
from netwright.engine.engine import Engine
from netwright.engine.outcome import Silent
from netwright.errors import ApplyFailed, SpecError
from netwright.revising.publication import Publish, Unpublish
from netwright.revising.request import parse_listened, parse_port
from netwright.spec.load import parse

sys.path.insert(0, str(Path(__file__).parent))

from memory_host import a_host, an_engine, visible

LAB = """\
version: 1
name: lab
networks: {lan: {bridge: br-pub, subnets: [10.77.0.0/24]}}
namespaces:
  app: {interfaces: {eth0: {network: lan, address: 10.77.0.20}}}
"""
PUBLISH = Publish(target="app", port=parse_port("8080:80"))


def test_what_is_foreseen_is_what_is_done_and_then_nothing_is_left_to_do(tmp_path: Path) -> None:
    with an_engine(a_host(), tmp_path) as engine:
        engine.apply(parse(LAB, "lab.yaml"))
        foreseen = engine.foresee(PUBLISH)
        assert (foreseen.stack, foreseen.outcome, engine.status("lab")[0].spec_text) == ("lab", None, LAB)
        made = engine.revise(PUBLISH)
        assert made.outcome is not None
        assert (made.plan.operations, made.outcome.plan.operations) == (foreseen.plan.operations, foreseen.plan.operations)
        assert made.spec == LAB + 'host:\n  publish:\n    - {listen: 8080/tcp, to: "app:80"}\n'
        again = engine.revise(PUBLISH)
        assert (again.spec, again.plan.operations) == (made.spec, ())
        back = engine.revise(Unpublish(target="app", listen=parse_listened("8080")))
        assert (back.spec, engine.status("lab")[0].spec_text) == (LAB, LAB)


def test_a_failure_at_any_operation_leaves_the_host_and_the_committed_file_as_they_were(tmp_path: Path) -> None:
    world = a_host()
    with an_engine(world, tmp_path) as engine:
        engine.apply(parse(LAB, "lab.yaml"))
        before, count = visible(world), len(engine.foresee(PUBLISH).plan.operations)
        assert count > 0
        for number in range(count):
            world.fail_at = len(world.executed) + number
            with pytest.raises(ApplyFailed) as raised:
                engine.revise(PUBLISH)
            assert raised.value.rolled_back
            assert (visible(world), engine.status("lab")[0].spec_text) == (before, LAB)


def test_a_port_can_be_taken_back_whatever_else_the_host_does_not_allow_any_more(tmp_path: Path) -> None:
    claims: list[Claim] = []
    with Engine(a_host(), SqliteStore(str(tmp_path), claims=lambda: claims), Silent()) as engine:
        engine.apply(parse(LAB, "lab.yaml"))
        for port in ("8080:80", "8081:80", "8082:80"):
            engine.revise(Publish(target="app", port=parse_port(port)))
        claims += [Claim(stack="docker-plugin", protocol="tcp", first=port, last=port, address=None) for port in (8081, 8082)]
        with pytest.raises(SpecError, match="port 8082/tcp of the host is published already, by Docker's driver netwright"):
            engine.revise(Publish(target="app", port=parse_port("8082:81"), replace=True))
        assert engine.revise(Publish(target="app", port=parse_port("8083:80"))).outcome is not None
        for listen in ("8080", "8082", "8081", "8083"):
            engine.revise(Unpublish(target="app", listen=parse_listened(listen)))
        assert engine.status("lab")[0].spec_text == LAB


def test_a_trial_that_is_not_confirmed_takes_what_was_published_since_with_it(tmp_path: Path) -> None:
    with an_engine(a_host(), tmp_path) as engine:
        engine.apply(parse(LAB, "lab.yaml"))
        changed = LAB.replace("10.77.0.20", "10.77.0.21")
        engine.apply(parse(changed, "lab.yaml"), confirm_seconds=0.3)
        made = engine.revise(PUBLISH)
        assert made.outcome is not None
        assert made.outcome.confirm_before is not None
        while not engine.expire_trials():
            pass
        assert engine.status("lab")[0].spec_text == LAB
