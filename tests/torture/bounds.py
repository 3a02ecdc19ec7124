"""Files that are meant to exhaust whoever reads them: refused with a sentence, or read, in bounded memory and time.

Each is given to a command in a process of its own, whose memory and processor time the kernel bounds (setrlimit(2)) and counts (wait4(2)).
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import own_host
from torture.figures import Effort, Figure

MEMORY = 1 << 30
"""Bytes of address space: a command may not have more."""
SECONDS = 120
"""Of processor time."""
MOST_SAID = 400_000
"""Characters of what is said: a hundred problems, each with a message, a place and a hint of a thousand."""
HEAD = "version: 1\nname: shop\n"
LAN = "networks: {lan: {subnets: [10.0.0.0/8]}}\n"
WEB = "namespaces: {web: {interfaces: {eth0: {network: lan}}}}\n"
SMALL = f"""\
{HEAD}networks: {{lan: {{subnets: [172.29.0.0/24]}}}}
{WEB}host: {{publish: [{{listen: 8080, to: 'web:80'}}]}}
policies: [{{name: visit, from: [10.0.0.0/8], to: web, ports: [80/tcp]}}]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A file, what is done with it, and what comes of it."""

    name: str
    text: Callable[[], str] | None = None
    path: str = ""
    """Where there is no text: a file of the kernel's."""
    command: Sequence[str] = ("validate",)
    status: int = 2
    says: str = ""
    """Stands in what is said on standard error."""
    host: Callable[[], tuple[Sequence[str], str]] | None = None
    """A command, and what it reads, that fills the host with what others have made: in a network namespace of its own."""
    slow: bool = False
    """Takes seconds: not for `make test`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    status: int
    """-N: ended by the signal N."""
    said: str
    """On standard error."""
    memory: int
    """Bytes, at most (getrusage(2): ru_maxrss)."""
    seconds: float
    """Of processor time."""


def _aliases() -> str:
    """Each list has the one before ten times: a thousand million values, written out."""
    lists = "".join(f"x-{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 10))
    return f"{HEAD}x-0: &a0 [1]\n{lists}"


def _merges() -> str:
    keys = ", ".join(f"k{number}: 1" for number in range(1_000))
    return f"{HEAD}x-all: &all {{{keys}}}\n" + "".join(f"x-{number}: {{<<: *all}}\n" for number in range(2_000))


def _endpoints(count: int, networks: int) -> str:
    nets = "".join(f"  l{number}: {{subnets: [10.{number}.0.0/16]}}\n" for number in range(networks))
    spaces = "".join(f"  n{number}: {{interfaces: {{eth0: {{network: l{number % networks}}}}}}}\n" for number in range(count))
    return f"{HEAD}networks:\n{nets}namespaces:\n{spaces}"


def _policies(count: int) -> str:
    lines = "".join(
        f"  - {{name: p{number}, from: n{number}, to: n{number * 7 % count}, ports: [{number + 1}/tcp]}}\n" for number in range(count)
    )
    return f"{_endpoints(count, 10)}policies:\n{lines}"


def _publishes(count: int) -> str:
    lines = "".join(f"  - {{listen: '10.0.{number >> 8}.{number & 255}:1-65535/tcp', to: 'web:1-65535'}}\n" for number in range(count))
    return f"{HEAD}{LAN}{WEB}host:\n  publish:\n{lines}"


def _strangers(count: int) -> str:
    return f"{HEAD}namespaces:\n" + "".join(f"  n{number}: {{interfaces: {{eth0: {{network: none}}}}}}\n" for number in range(count))


def _sources(count: int) -> str:
    prefixes = ", ".join(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}/32" for number in range(count))
    return f"{HEAD}{LAN}{WEB}host: {{publish: [{{listen: 80, to: 'web:80', from: [{prefixes}]}}]}}\n"


TRIALS = (
    Trial(name="aliases of aliases", text=_aliases, says="with its aliases written out the file has more than 1,000,000 values"),
    Trial(name="merge keys", text=_merges, says="with its aliases written out the file has more than 1,000,000 values"),
    Trial(
        name="100,000 levels of lists", text=lambda: HEAD + "a: " + "[" * 100_000 + "]" * 100_000, says="nested more than 50 levels deep"
    ),
    Trial(
        name="100,000 levels of mappings",
        text=lambda: HEAD + "a: " + "{a: " * 100_000 + "}" * 100_000,
        says="nested more than 50 levels deep",
    ),
    Trial(name="a name of 10 MB", text=lambda: "version: 1\nname: " + "a" * 10_000_000, says="more characters)"),
    Trial(name="a key of 5 MB", text=lambda: HEAD + "? " + "a" * 5_000_000 + "\n: 1\n", says="more characters)"),
    Trial(name="a number of 4 MB", text=lambda: "version: 0x" + "f" * 4_000_000 + "\nname: shop\n", says="more characters)"),
    Trial(name="a text of 10 MB that nobody reads", text=lambda: HEAD + "x-note: " + "a" * 10_000_000, status=0),
    Trial(name="a file of 20 MB", text=lambda: HEAD + "# a comment\n" * 1_700_000, says="the file is too big: 20,"),
    Trial(name="a file without an end", path="/dev/zero", says="is larger than 64 MiB"),
    Trial(name="a folder", path="/", says="Is a directory"),
    Trial(name="13 million ports", text=lambda: _publishes(200), says="the file publishes more than 500,000 ports"),
    Trial(
        name="2,000,000 keys",
        text=lambda: "".join(f"k{number}: 1\n" for number in range(1_000_000)),
        says="more than 1,000,000 values",
        slow=True,
    ),
    Trial(name="100,000 problems", text=lambda: _strangers(100_000), says="and 99900 more", slow=True),
    Trial(name="100,000 sources", text=lambda: _sources(100_000), status=0, slow=True),
    Trial(
        name="100,000 endpoints on a bridge", text=lambda: _endpoints(100_000, 1), says="a Linux bridge has at most 1,023 ports", slow=True
    ),
    Trial(name="100,000 endpoints", text=lambda: _endpoints(100_000, 100), status=0, slow=True),
    Trial(name="10,000 policies of 10,000 namespaces", text=lambda: _policies(10_000), status=0, slow=True),
    Trial(name="10,000 policies of 10,000 namespaces, planned", text=lambda: _policies(10_000), command=("plan",), status=0, slow=True),
    Trial(name="458,745 ports, planned", text=lambda: _publishes(7), command=("plan",), status=0, slow=True),
    Trial(name="10,000 endpoints, drawn", text=lambda: _endpoints(10_000, 10), command=("graph",), status=0, slow=True),
    Trial(name="beside 100,000 routes", text=lambda: SMALL, host=lambda: _routes(100_000), command=("plan",), status=0, slow=True),
    Trial(
        name="beside 50,000 rules of nftables", text=lambda: SMALL, host=lambda: _nft_rules(50_000), command=("plan",), status=0, slow=True
    ),
    Trial(
        name="beside 20,000 rules of iptables",
        text=lambda: SMALL,
        host=lambda: _iptables_rules(20_000),
        command=("plan",),
        status=0,
        slow=True,
    ),
    Trial(name="10,000 endpoints, planned", text=lambda: _endpoints(10_000, 10), command=("plan", "--commands"), status=0, slow=True),
)


def _routes(count: int) -> tuple[Sequence[str], str]:
    lines = "".join(f"route add blackhole 10.{number >> 16}.{number >> 8 & 255}.{number & 255}/32\n" for number in range(count))
    return ("ip", "-batch", "-"), lines


def _nft_rules(count: int) -> tuple[Sequence[str], str]:
    rules = "".join(
        f'ip saddr 10.{number >> 8 & 255}.{number & 255}.1 tcp dport {number + 1} drop comment "{number}"\n' for number in range(count)
    )
    return ("nft", "-f", "-"), f"table inet big {{\nchain forward {{\ntype filter hook forward priority 0; policy accept;\n{rules}}}\n}}\n"


def _iptables_rules(count: int) -> tuple[Sequence[str], str]:
    rules = "".join(
        f"-A FORWARD -s 10.{number >> 8 & 255}.{number & 255}.1/32 -p tcp --dport {number + 1} -j DROP\n" for number in range(count)
    )
    return ("iptables-nft-restore",), f"*filter\n:FORWARD ACCEPT [0:0]\n{rules}COMMIT\n"


def tried(trial: Trial, folder: Path) -> Result:
    """Do it. `folder`: for the file, and for a state that nobody has."""
    if trial.host is None:
        return _tried(trial, folder)
    with own_host.away():
        own_host.new_network()
        command, text = trial.host()
        subprocess.run(command, input=text, text=True, check=True, capture_output=True)
        return _tried(trial, folder)


def _tried(trial: Trial, folder: Path) -> Result:
    path = trial.path or str(folder / "hostile.yaml")
    if trial.text is not None:
        Path(path).write_text(trial.text())
    told = folder / "told"
    with told.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "netwright", *trial.command, path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env={**os.environ, "NETWRIGHT_STATE": str(folder / "state"), "NO_COLOR": "1"},
            preexec_fn=_bound,  # noqa: PLW1509 - it only sets limits
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    said = told.read_bytes().decode(errors="replace")
    return Result(status=process.returncode, said=said, memory=used.ru_maxrss << 10, seconds=used.ru_utime + used.ru_stime)


def broken(trial: Trial, result: Result) -> str | None:
    """What was promised and did not hold."""
    if result.status != trial.status:
        return f"{trial.name}: exit status {result.status}, not {trial.status}: {result.said[-300:]}"
    if trial.says not in result.said or "should not happen" in result.said or "Traceback" in result.said:
        return f"{trial.name}: it says {result.said[:300]!r}, and not {trial.says!r}"
    if len(result.said) > MOST_SAID:
        return f"{trial.name}: it says {len(result.said):,} characters"
    return None


def run(effort: Effort) -> Iterator[Figure]:
    """Each once: what is random is tried elsewhere."""
    for trial in TRIALS if effort.every == 1 else [one for one in TRIALS if not one.slow]:
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            result = tried(trial, Path(folder))
        wrong = broken(trial, result)
        yield Figure(
            what=f"{trial.command[0]}: {trial.name}",
            tried=1,
            broken=() if wrong is None else (wrong,),
            seconds=time.monotonic() - began,
            note=f"{result.memory >> 20} MB, {result.seconds:.1f} s of processor time",
        )


def _bound() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
