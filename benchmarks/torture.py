"""`make torture`: everything that can fail is made to fail, and what is promised is looked at by others each time.

In network and mount namespaces of its own, made by scripts/torture. Exit status 1 if anything did not hold.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(1, str(Path(__file__).parents[1] / "tests" / "netns"))

from torture.figures import Effort, Figure, details, row

SECTIONS = {
    "faults": "each operation fails once, in each way that it can, and SIGKILL at each",
    "power": "the power goes at each write to the database",
    "chance": "files, edits, strangers and crashes at random",
    "races": "many at the same time",
    "attacks": "who is shut out, or says that they are another, tries with real packets",
    "bounds": "files that are meant to exhaust whoever reads them",
}
"""By name, what each does; the module is tests/torture/NAME.py."""
QUICK = Effort(every=10, rounds=1)
WHOLE = Effort(every=1, rounds=10)


def main() -> int:
    described = "\n".join(f"  {name:<8} {what}" for name, what in SECTIONS.items())
    parser = argparse.ArgumentParser(
        prog="make torture", description=__doc__, epilog=f"sections:\n{described}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help="which (default: all)")
    parser.add_argument("--quick", action="store_true", help="every tenth place: minutes instead of an hour")
    chosen = parser.parse_args()
    if unknown := set(chosen.sections) - SECTIONS.keys():
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    effort = QUICK if chosen.quick else WHOLE
    print(f"{platform.system()} {platform.release()}, {os.cpu_count()} processors, Python {platform.python_version()}", flush=True)
    began = time.monotonic()
    figures: list[Figure] = []
    for name in chosen.sections or SECTIONS:
        section = importlib.import_module(f"torture.{name}")
        for figure in section.run(effort):
            figures.append(figure)
            print(row(figure), flush=True)
            if figure.broken:
                print(details(figure), flush=True)
    tried = sum(figure.tried for figure in figures)
    print(f"\n{tried} tried, {sum(len(figure.broken) for figure in figures)} did not hold, {time.monotonic() - began:.0f} s")
    return 1 if any(figure.broken for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
