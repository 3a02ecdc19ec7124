"""`make rounds`: 10,000 times a small stack is applied and destroyed by one process, and what that process holds on the way.

Then a twentieth as often with a NIC, and applies that fail, that are refused, and that are interrupted.
In network and mount namespaces of its own, made by scripts/rounds. Exit status 1 if anything grew.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from rounds import KINDS, Held

WARM = 100
ROOM = 8 << 20
"""Bytes that the allocator may have to itself."""
FIRST = "small"
SELDOM = 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="make rounds", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10_000, metavar="N")
    parser.add_argument("--kind", choices=KINDS, action="append", help="only this one")
    chosen = parser.parse_args()
    subprocess.run(["ip", "link", "add", "eth1", "type", "veth", "peer", "name", "eth1-far"], check=True)
    kinds = chosen.kind or list(KINDS)
    flat = [_rounds(kind, chosen.rounds if kind == FIRST or chosen.kind else max(chosen.rounds // SELDOM, 10)) for kind in kinds]
    return 0 if all(flat) else 1


def _rounds(kind: str, count: int) -> bool:
    """Whether nothing grew."""
    with tempfile.TemporaryDirectory() as folder:
        rounds = KINDS[kind](folder)
        rounds.run(min(WARM, count))
        first = last = rounds.held()
        print(f"{kind}\n{'rounds':>8}  {'seconds':>8}  {'descriptors':>11}  {'threads':>7}  {'namespaces':>10}  {'MB':>7}")
        began = time.monotonic()
        _tell(0, began, first)
        done = 0
        while done < count:
            step = min(max(count // 10, 1), count - done)
            rounds.run(step)
            done += step
            last = rounds.held()
            _tell(done, began, last)
        size = Path(folder, "state.db").stat().st_size / 1e6
    flat = (last.descriptors, last.threads, last.namespaces) == (first.descriptors, first.threads, 0) and last.memory - first.memory < ROOM
    print(f"{'flat' if flat else 'it grew'}; the state has {size:.1f} MB", flush=True)
    return flat


def _tell(done: int, began: float, held: Held) -> None:
    print(
        f"{done:>8}  {time.monotonic() - began:>8.1f}  {held.descriptors:>11}  {held.threads:>7}  {held.namespaces:>10}  {held.memory / 1e6:>7.1f}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
