"""`make bench`: Netwright beside its peers, in one run, in rounds that take turns, medians and ratios.

Everything happens in namespaces that are made for one measurement and dropped after it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import report

HERE = Path(__file__).parent
COMPETITORS = ("netwright", "article", "ip -batch", "floor")
START_REPEATS = 15
QUIET_SECONDS = 20
SMALL_FILE = HERE / "small.yaml"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--endpoints", type=int, nargs="+", default=[500, 1000], metavar="N", help="sizes (default: 500 1000)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="rounds of each size (default: 3)")
    parser.add_argument("--only", choices=COMPETITORS, nargs="+", default=list(COMPETITORS), metavar="NAME", help=", ".join(COMPETITORS))
    parser.add_argument("--keeping", type=int, default=20, metavar="N", help="rounds of what the daemon repairs, 0: none (default: 20)")
    parser.add_argument("--quick", action="store_true", help="100 endpoints, one round: a first look, not a result")
    parser.add_argument("--json", action="store_true", help="every single time instead of the report")
    parser.add_argument("--save", action="store_true", help="keep the report in benchmarks/results/")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.endpoints, chosen.rounds, chosen.keeping = [100], 1, min(chosen.keeping, 3)
    return chosen


def wait_for_quiet() -> None:
    """The kernel goes on for seconds after a namespace was dropped; begin when the machine is idle, or after a while."""
    end = time.monotonic() + QUIET_SECONDS
    quiet = 0
    while quiet < 2 and time.monotonic() < end:
        before = _cpu_times()
        time.sleep(0.25)
        spent = [b - a for a, b in zip(before, _cpu_times(), strict=True)]
        quiet = quiet + 1 if (spent[3] + spent[4]) / max(sum(spent), 1) > 0.8 else 0


def _cpu_times() -> list[int]:
    """proc(5), /proc/stat: user, nice, system, idle, iowait, …"""
    return [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]


def measure(competitor: str, endpoints: int, floor: Path) -> dict[str, float]:
    """One competitor, one round, in namespaces of its own."""
    wait_for_quiet()
    with tempfile.TemporaryDirectory(prefix="netwright-bench-") as folder:
        (Path(folder) / "floor").symlink_to(floor)
        namespaces = ["unshare", "--net", "--mount", "--propagation", "private"]
        command = [*namespaces, sys.executable, str(HERE / "arena.py"), folder, competitor, str(endpoints)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{competitor} with {endpoints} endpoints was not measured")
    seconds: dict[str, float] = json.loads(done.stdout)
    return seconds


def measure_starts() -> dict[str, float]:
    """Medians, in seconds, of commands that do next to nothing."""
    netwright = str(Path(sys.executable).with_name("netwright"))
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "--version": [netwright, "--version"],
        "validate": [netwright, "validate", str(SMALL_FILE)],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(START_REPEATS):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            times[name].append(time.perf_counter() - start)
    return {name: median(values) for name, values in times.items()}


def measure_keeping(rounds: int) -> dict[str, list[float]]:
    """How soon the daemon has put something right: every time, in seconds. Nothing without a Docker Engine to be had."""
    if not rounds or shutil.which("dockerd") is None:
        return {}
    wait_for_quiet()
    done = subprocess.run([sys.executable, str(HERE / "keeping.py"), str(rounds)], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit("what the daemon repairs was not measured")
    kept: dict[str, list[float]] = json.loads(done.stdout)
    return kept


def main() -> None:
    chosen = options()
    samples: report.Samples = {}

    def take(competitor: str, endpoints: int, floor: Path) -> None:
        print(f"{endpoints} endpoints, {competitor}", file=sys.stderr)
        for what, seconds in measure(competitor, endpoints, floor).items():
            samples.setdefault((what, endpoints, competitor), []).append(seconds)

    with tempfile.TemporaryDirectory(prefix="netwright-floor-") as folder:
        floor = Path(folder) / "floor"
        # As it is installed: with its bytecode, wherever the sources are.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = folder
        subprocess.run(["gcc", "-O2", "-Wall", "-o", str(floor), str(HERE / "floor.c")], check=True)
        for round_number in range(chosen.rounds):
            if "netwright" in chosen.only:
                take("netwright", 1, floor)
            for endpoints in chosen.endpoints:
                turn = round_number % len(chosen.only)
                for competitor in chosen.only[turn:] + chosen.only[:turn]:
                    take(competitor, endpoints, floor)
        starts = measure_starts() if "netwright" in chosen.only else {}
        kept = measure_keeping(chosen.keeping) if "netwright" in chosen.only else {}
    if chosen.json:
        rows = [{"what": what, "endpoints": n, "competitor": who, "seconds": times} for (what, n, who), times in samples.items()]
        print(json.dumps({"machine": report.machine(), "samples": rows, "starts": starts, "keeping": kept}, indent=2))
        return
    text = report.markdown(samples, starts, chosen.rounds) + report.keeping(kept)
    print(text)
    if chosen.save:
        name = datetime.now(UTC).strftime("%Y-%m-%d-%H%M.md")
        (HERE / "results").mkdir(exist_ok=True)
        (HERE / "results" / name).write_text(text)


if __name__ == "__main__":
    main()
