"""`make fuzz`: atheris (libFuzzer, coverage-guided) on whatever reads what others have written; tests/fuzz_targets.py has the targets.

Each runs in a process of its own, for so many seconds, with its seeds and what earlier runs have found worth keeping (.cache/fuzz/NAME). An input on which something
else comes out than a sentence, or which takes 10 seconds or 1 GB, is kept in .cache/fuzz and named. Exit status 1 then.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parents[1]
KEPT = HERE / ".cache" / "fuzz"
SECONDS_OF_ONE, MEGABYTES = 10, 1024
RUN = """\
import sys
import atheris
with atheris.instrument_imports(include=["netwright", "yaml"]):
    from fuzz_targets import TARGETS
name, *options = sys.argv[1:]
atheris.Setup([name, *options], TARGETS[name].feed)
atheris.Fuzz()
"""


def main() -> int:
    sys.path.insert(0, str(HERE / "tests"))
    from fuzz_targets import TARGETS  # noqa: PLC0415 - where the path says

    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"which (default: all): {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=60, help="for each (default: 60)")
    chosen = parser.parse_args()
    if unknown := set(chosen.targets) - TARGETS.keys():
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    broken = []
    for name in chosen.targets or TARGETS:
        corpus = KEPT / name
        corpus.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(TARGETS[name].seeds):
            (corpus / f"seed-{number}").write_bytes(seed)
        options = [f"-max_total_time={chosen.seconds}", f"-timeout={SECONDS_OF_ONE}", f"-rss_limit_mb={MEGABYTES}", "-max_len=4096"]
        options += [f"-artifact_prefix={KEPT}/{name}-", "-verbosity=0", "-print_final_stats=1", str(corpus)]
        done = subprocess.run([sys.executable, "-c", RUN, name, *options], cwd=HERE / "tests", capture_output=True, text=True, check=False)
        told = done.stderr + done.stdout
        runs = next((line.split()[-1] for line in told.splitlines() if "number_of_executed_units" in line), "?")
        print(f"{name:<10} {runs:>9} inputs  {'BROKEN' if done.returncode else ''}", flush=True)
        if done.returncode:
            broken.append(name)
            print(told[-3000:])
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
