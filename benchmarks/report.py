"""The report: what was asked for, what was measured, and on what."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from statistics import median

Samples = dict[tuple[str, int, str], list[float]]
"""(what, endpoints, competitor) → seconds, one for each round."""

PEERS = {
    "apply": (
        ("article", "the article's commands", 20.0),
        ("ip -batch", "`ip -batch`", 4.0),
    ),
    "destroy": (
        ("article", "links deleted one by one", 10.0),
        ("floor", "`ip netns del` in a loop", 2.0),
        ("ip -batch", "`ip -batch`", 1.0),
    ),
}
"""How many times faster Netwright is to be, by peer. The floor's column of `destroy` is the loop: see arena.py."""

FOOTNOTE = (
    "The floor is a C program that sends the batches and settings that `apply` ends up with, and does nothing else: it parses no file, looks at "
    "nothing first, verifies nothing. `ip -batch` and the article's commands leave the kernel's defaults (IPv6 on, a queue for each processor). "
    "A `destroy` ends when the last link is gone. What the floor built is taken away by the loop over `ip netns del`."
)

KEEPING_FOOTNOTE = (
    "With the daemon, until published ports, policies and rules in iptables are in force again. The clock begins when the command that undoes it "
    "has returned; for a container when Docker has started it, for `dockerd` when it answers. Where it is 0 ms, all was back before that."
)

FLOOR_LIMIT = 1.5
AGAIN_LIMIT = 0.10
ONE_MORE_LIMIT = 3.0
VERSION_LIMIT = 5.0
VALIDATE_LIMIT = 15.0


def machine() -> dict[str, str]:
    """Machine, kernel and versions."""
    info = Path("/proc/cpuinfo").read_text()
    model = next((line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name")), platform.machine())
    return {
        "processor": f"{model}, {os.cpu_count()} visible",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "iproute2": subprocess.run(["ip", "-V"], capture_output=True, text=True, check=True).stdout.strip().removeprefix("ip utility, "),
        "gcc": subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True, check=True).stdout.strip(),
    }


def markdown(samples: Samples, starts: dict[str, float], rounds: int) -> str:
    """The whole report."""
    lines = [
        f"# Benchmark, {datetime.now(UTC):%Y-%m-%d}",
        "",
        *(f"- {name}: {value}" for name, value in machine().items()),
        f"- median of {rounds} round{'s' if rounds > 1 else ''}, the competitors taking turns; times are wall clock of the whole command",
        "",
        "| what | Netwright | peer | peer's time | measured | asked for | |",
        "|--|--|--|--|--|--|--|",
        *map(str, _comparisons(samples)),
        *map(str, _own(samples)),
        *map(str, _starts(starts)),
        "",
        "| endpoints | competitor | what | median | ms an endpoint | all rounds |",
        "|--|--|--|--|--|--|",
        *(
            f"| {endpoints} | {who} | {what} | {_show(median(times))} | {median(times) / endpoints * 1000:.2f} | "
            f"{', '.join(_show(one) for one in times)} |"
            for (what, endpoints, who), times in sorted(samples.items(), key=lambda item: (item[0][1], item[0][0], item[0][2]))
        ),
        "",
        FOOTNOTE,
    ]
    return "\n".join(lines) + "\n"


def keeping(kept: dict[str, list[float]]) -> str:
    """How soon the daemon has put something right, as a table; empty where it was not measured."""
    if not kept:
        return ""
    lines = [
        *("", "| undone | p50 | p99 | times |", "|--|--|--|--|"),
        *(f"| {what} | {_show(median(times))} | {_show(_p99(times))} | {len(times)} |" for what, times in kept.items()),
        *("", KEEPING_FOOTNOTE),
    ]
    return "\n".join(lines) + "\n"


def _p99(times: list[float]) -> float:
    """Nearest rank: of fewer than a hundred it is the longest."""
    return sorted(times)[max(ceil(0.99 * len(times)) - 1, 0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing that was asked for. Times in seconds."""

    what: str
    own: float
    peer: str
    theirs: float
    measured: str
    asked: str
    met: bool

    def __str__(self) -> str:
        verdict = "met" if self.met else "**not met**"
        return f"| {self.what} | {_show(self.own)} | {self.peer} | {_show(self.theirs)} | {self.measured} | {self.asked} | {verdict} |"


def _comparisons(samples: Samples) -> list[Row]:
    rows = []
    for (what, endpoints, who), times in samples.items():
        if who != "netwright" or endpoints == 1:
            continue
        for peer, title, factor in PEERS.get(what, ()):
            if (what, endpoints, peer) in samples:
                rows.append(
                    _times_faster(f"`{what}`, {endpoints} endpoints", median(times), title, median(samples[what, endpoints, peer]), factor)
                )
        if what == "apply" and (what, endpoints, "floor") in samples:
            floor = median(samples[what, endpoints, "floor"])
            rows.append(_share(f"`apply`, {endpoints} endpoints", median(times), "the C program (the floor)", floor, FLOOR_LIMIT))
    return rows


def _own(samples: Samples) -> list[Row]:
    rows = []
    for (what, endpoints, who), times in samples.items():
        if who != "netwright" or endpoints == 1:
            continue
        if what == "again":
            first = median(samples["apply", endpoints, who])
            rows.append(_share(f"`apply` again, {endpoints} endpoints", median(times), "the first `apply`", first, AGAIN_LIMIT))
        if what == "one more" and (what, 1, who) in samples:
            small = median(samples[what, 1, who])
            rows.append(_share(f"one more endpoint on {endpoints}", median(times), "on a stack of 1", small, ONE_MORE_LIMIT))
    return rows


def _starts(starts: dict[str, float]) -> list[Row]:
    wanted = (("--version", "`netwright --version`", VERSION_LIMIT), ("validate", "`validate` of a small file", VALIDATE_LIMIT))
    return [
        _share(title, starts[name], "`python -c pass`", starts["python -c pass"], limit) for name, title, limit in wanted if name in starts
    ]


def _times_faster(what: str, own: float, peer: str, theirs: float, factor: float) -> Row:
    ratio = theirs / own
    return Row(what=what, own=own, peer=peer, theirs=theirs, measured=f"{ratio:.1f}× faster", asked=f"≥ {factor:g}×", met=ratio >= factor)


def _share(what: str, own: float, peer: str, theirs: float, limit: float) -> Row:
    ratio = own / theirs
    return Row(what=what, own=own, peer=peer, theirs=theirs, measured=f"{ratio:.2f}× its time", asked=f"≤ {limit:g}×", met=ratio <= limit)


def _show(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
