"""`make rounds`: 10,000 times a small stack is applied and destroyed by one process, and what that process holds on the way.

In network and mount namespaces of its own, made by scripts/rounds. Exit status 1 if anything grew.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from rounds import SMALL, Held, Rounds

WARM = 100
ROOM = 8 << 20
"""Bytes that the allocator may have to itself."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make rounds", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10_000, metavar="N")
    count = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        rounds = Rounds(SMALL, folder)
        rounds.run(WARM)
        first = last = rounds.held()
        print(f"{'rounds':>8}  {'seconds':>8}  {'descriptors':>11}  {'threads':>7}  {'MB':>7}")
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
        print(f"the state has {size:.1f} MB")
    flat = (last.descriptors, last.threads) == (first.descriptors, first.threads) and last.memory - first.memory < ROOM
    print("flat" if flat else "it grew")
    return 0 if flat else 1


def _tell(done: int, began: float, held: Held) -> None:
    print(f"{done:>8}  {time.monotonic() - began:>8.1f}  {held.descriptors:>11}  {held.threads:>7}  {held.memory / 1e6:>7.1f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
