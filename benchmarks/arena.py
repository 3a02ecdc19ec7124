"""One measurement, in network and mount namespaces of its own: `arena.py FOLDER COMPETITOR ENDPOINTS`.

Started by run.py under unshare(1). Prints one JSON object: what was timed → seconds of wall clock.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import peers
from topology import Topology, network_count, one_more, spread

GONE_SECONDS = 120
"""How long the kernel may take to drop namespaces that were deleted."""


def seal() -> None:
    """No name of the machine in reach: tmpfs over the folders in which namespaces are named."""
    for folder in ("/run/netns", "/etc/netns"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "arena", folder], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def timed(command: list[str]) -> float:
    """Seconds that a command takes. Its output is shown only if it fails."""
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return seconds


def shell(folder: Path, script: str) -> float:
    """Seconds that a shell script takes."""
    path = folder / "script.sh"
    path.write_text(script)
    return timed(["sh", str(path)])


def until_gone(action: Callable[[], float]) -> float:
    """Seconds until the last port of ours is gone: deleting a namespace returns before its links are."""
    start = time.perf_counter()
    action()
    while any(line.split(":")[0].strip().startswith("p") for line in Path("/proc/net/dev").read_text().splitlines()):
        if time.perf_counter() - start > GONE_SECONDS:
            sys.exit(f"links were still there after {GONE_SECONDS} s")
        time.sleep(0.005)
    return time.perf_counter() - start


def must_be_there(topology: Topology) -> None:
    """Every competitor has to have built it all: namespaces, ports, and the last one's way out."""
    last = topology.endpoints[-1]
    names = len(list(Path("/run/netns").iterdir()))
    ports = sum(line.strip().startswith("p") for line in Path("/proc/net/dev").read_text().splitlines())
    route = subprocess.run(["ip", "-n", last.namespace, "route", "get", "192.0.2.1"], capture_output=True, text=True, check=False)
    wanted = f"via {last.gateway} dev eth0 src {last.address}"
    if names != len(topology.endpoints) or ports != len(topology.endpoints) or wanted not in route.stdout:
        sys.exit(f"not what was asked for: {names} namespaces, {ports} ports, {route.stdout}{route.stderr}")


def article(folder: Path, topology: Topology) -> dict[str, float]:
    up = shell(folder, peers.article_up(topology))
    must_be_there(topology)
    return {"apply": up, "destroy": until_gone(lambda: shell(folder, peers.links_down(topology)))}


def ip_batch(folder: Path, topology: Topology) -> dict[str, float]:
    up = shell(folder, peers.batch_up(topology, folder))
    must_be_there(topology)
    return {"apply": up, "destroy": until_gone(lambda: shell(folder, peers.batch_down(topology, folder)))}


def floor(folder: Path, topology: Topology) -> dict[str, float]:
    """The C program builds; what it built is taken away by the loop over `ip netns del`."""
    count = len(topology.endpoints)
    up = timed([str(folder / "floor"), str(network_count(count)), str(count)])
    must_be_there(topology)
    return {"apply": up, "destroy": until_gone(lambda: shell(folder, peers.namespaces_down(topology)))}


def netwright(folder: Path, topology: Topology) -> dict[str, float]:
    command = str(Path(sys.executable).with_name("netwright"))
    file, larger = folder / "bench.yaml", folder / "larger.yaml"
    file.write_text(topology.yaml())
    larger.write_text(one_more(topology).yaml())
    os.environ["NETWRIGHT_STATE"] = str(folder / "state")
    seconds = {"apply": timed([command, "apply", str(file)])}
    must_be_there(topology)
    seconds["again"] = timed([command, "apply", str(file)])
    seconds["one more"] = timed([command, "apply", str(larger)])
    timed([command, "apply", str(file)])
    must_be_there(topology)
    seconds["destroy"] = until_gone(lambda: timed([command, "destroy", "bench"]))
    return seconds


COMPETITORS = {"netwright": netwright, "article": article, "ip -batch": ip_batch, "floor": floor}

if __name__ == "__main__":
    seal()
    print(json.dumps(COMPETITORS[sys.argv[2]](Path(sys.argv[1]), spread(int(sys.argv[3])))))
