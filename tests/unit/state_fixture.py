"""Makes tests/unit/states/version-N.sql, the state as this version of Netwright writes it: `python tests/unit/state_fixture.py`.

Run once when a version of the database is new; the file is kept for ever, and never made anew.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from contextlib import closing, suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from memory_host import CutOff, Mortal, a_host, an_engine

from netwright.backends.store import schema
from netwright.spec.load import parse

STATES = Path(__file__).parent / "states"
EDGE = """\
version: 1
name: edge
networks: {lan: {subnets: [10.5.0.0/24], bridge: br-edge}}
namespaces:
  gate: {interfaces: {wan: {nic: eth1, addresses: [203.0.113.5/24]}, eth0: {network: lan}}}
"""
TRIED = EDGE + "  more: {interfaces: {eth0: {network: lan}}}\n"
LAB = "version: 1\nname: lab\nnetworks: {lan: {subnets: [10.6.0.0/24]}}\nnamespaces: {a: {interfaces: {eth0: {network: lan}}}}\n"
WIDER = LAB.replace("a: {", "b: {interfaces: {eth0: {network: lan}}}, a: {")
CUT_AT = 5
"""The operation at which the last run was killed."""


def main() -> None:
    """`edge` holds a NIC and waits to be confirmed; a change of `lab` was cut short."""
    with tempfile.TemporaryDirectory() as folder:
        world = Mortal(a_host(), -1)
        with an_engine(world, Path(folder)) as engine:
            engine.apply(parse(EDGE, "edge.yaml"))
            engine.apply(parse(TRIED, "edge.yaml"), confirm_seconds=600)
            engine.apply(parse(LAB, "lab.yaml"))
            world.at = len(world.executed) + CUT_AT
            with suppress(CutOff):
                engine.apply(parse(WIDER, "lab.yaml"))
        with closing(sqlite3.connect(f"{folder}/state.db")) as database:
            dump = "\n".join(database.iterdump())
    STATES.mkdir(exist_ok=True)
    number = len(schema.MIGRATIONS)
    (STATES / f"version-{number}.sql").write_text(f"{dump}\nPRAGMA user_version = {number};\n")


if __name__ == "__main__":
    main()
