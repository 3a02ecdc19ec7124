"""Other people's firewalls, the real programs, in the network namespace that the calling thread is in: for hosts that tests play.

Each works on copies of its configuration, bound over the machine's own in mount namespaces of its programs. Nothing outside of
the caller's network namespace and a temporary folder is touched, and nothing runs on after the `with` block.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

NEEDS_UFW = "needs ufw (Debian's package is ufw)"
NEEDS_FIREWALLD = "needs firewalld and dbus-daemon (Debian's packages of those names)"
PATIENCE_SECONDS = 60

BUS = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>custom</type>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""

WALL = """\
table inet wall {
    chain input {
        type filter hook input priority filter; policy drop;
        ct state established,related accept
        iif lo accept
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept
        tcp dport 22 accept
    }
    chain forward {
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
    }
}
"""
"""An administrator's ruleset (`nft -f`): nothing comes in but SSH, and nothing is forwarded."""

LIBVIRT = """\
*filter
:LIBVIRT_FWI - [0:0]
:LIBVIRT_FWO - [0:0]
:LIBVIRT_FWX - [0:0]
-I FORWARD 1 -j LIBVIRT_FWX
-I FORWARD 2 -j LIBVIRT_FWI
-I FORWARD 3 -j LIBVIRT_FWO
-A LIBVIRT_FWI -d 192.168.122.0/24 -o virbr0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A LIBVIRT_FWI -o virbr0 -j REJECT --reject-with icmp-port-unreachable
-A LIBVIRT_FWO -s 192.168.122.0/24 -i virbr0 -j ACCEPT
-A LIBVIRT_FWO -i virbr0 -j REJECT --reject-with icmp-port-unreachable
-A LIBVIRT_FWX -i virbr0 -o virbr0 -j ACCEPT
COMMIT
"""
"""What libvirt's network `default` has in the table filter (`iptables-restore --noflush`), in the order in which it inserts."""


def has_ufw() -> bool:
    return shutil.which("ufw") is not None


def has_firewalld() -> bool:
    return shutil.which("firewalld") is not None and shutil.which("dbus-daemon") is not None


def load_nft(text: str) -> None:
    """`nft -f`: one transaction."""
    _run(["nft", "-f", "-"], stdin=text)


def load_iptables(text: str, program: str = "iptables") -> None:
    """`iptables-restore --noflush`: one transaction."""
    _run([f"{program}-restore", "--noflush"], stdin=text)


@dataclass(frozen=True, slots=True)
class Ufw:
    """ufw(8), whose rules stand in the chains of iptables: everything that comes in or is forwarded is dropped."""

    folder: Path

    def run(self, *arguments: str) -> str:
        """`ufw …`; its stdout."""
        return _run(_bound(self._mounts(), "ufw", *arguments))

    def enable(self) -> None:
        self.run("--force", "enable")

    def reload(self) -> None:
        self.run("reload")

    def disable(self) -> None:
        self.run("--force", "disable")

    def _mounts(self) -> dict[str, Path]:
        return {"/etc/ufw": self.folder / "etc", "/etc/default/ufw": self.folder / "default", "/run": self.folder / "run"}


@contextmanager
def ufw() -> Iterator[Ufw]:
    """Enabled, with Debian's defaults. Afterwards it is disabled, and its chains are gone."""
    with _folder() as folder:
        shutil.copytree("/etc/ufw", folder / "etc")
        shutil.copy("/etc/default/ufw", folder / "default")
        (folder / "run").mkdir()
        here = Ufw(folder)
        here.enable()
        try:
            yield here
        finally:
            here.disable()
            for program, prefix in (("iptables", "ufw-"), ("ip6tables", "ufw6-")):
                _forget(program, prefix)


@dataclass(frozen=True, slots=True)
class Firewalld:
    """firewalld(1) with its backend for nftables, on a bus of its own: the table `inet firewalld`."""

    bus: str

    def run(self, *arguments: str) -> str:
        """`firewall-cmd …`; its stdout."""
        return _run(["firewall-cmd", *arguments], environment={"DBUS_SYSTEM_BUS_ADDRESS": self.bus})

    def reload(self) -> None:
        self.run("--reload")


@contextmanager
def firewalld() -> Iterator[Firewalld]:
    """Running, with Debian's defaults: every interface is in the zone `public`. Afterwards it is stopped, and its table is gone."""
    with _folder() as folder:
        shutil.copytree("/etc/firewalld", folder / "etc")
        for name in ("run", "log"):
            (folder / name).mkdir()
        socket = folder / "bus"
        (folder / "bus.conf").write_text(BUS.format(path=socket), encoding="utf-8")
        bus = f"unix:path={socket}"
        with (folder / "output").open("wb") as output:
            processes = [_start(["dbus-daemon", f"--config-file={folder / 'bus.conf'}", "--nofork", "--nopidfile"], bus, output.fileno())]
            try:
                _wait_for("dbus-daemon", processes[0], socket.exists, folder / "output")
                mounts = {"/etc/firewalld": folder / "etc", "/run": folder / "run", "/var/log": folder / "log"}
                processes.append(_start(_bound(mounts, "firewalld", "--nofork", "--nopid"), bus, output.fileno()))
                _wait_for("firewalld", processes[1], lambda: _answers(bus), folder / "output")
                yield Firewalld(bus)
            finally:
                for process in reversed(processes):
                    process.terminate()
                    process.wait(PATIENCE_SECONDS)


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="netwright-firewall-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _bound(mounts: Mapping[str, Path], *command: str) -> list[str]:
    """The command in a mount namespace of its own, in which what `mounts` names is a file or folder of ours."""
    binds = "".join(f"mount --bind '{source}' '{target}'; " for target, source in mounts.items())
    return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", binds + 'exec "$@"', "sh", *command]


def _run(command: list[str], *, stdin: str = "", environment: Mapping[str, str] | None = None) -> str:
    told = {**os.environ, "LC_ALL": "C", **(environment or {})}
    done = subprocess.run(command, check=False, capture_output=True, text=True, input=stdin, env=told, timeout=PATIENCE_SECONDS)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command[-4:])}: exit status {done.returncode}: {done.stderr.strip()}{done.stdout.strip()}")
    return done.stdout


def _start(command: list[str], bus: str, output: int) -> subprocess.Popen[bytes]:
    told = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bus}
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=told)


def _answers(bus: str) -> bool:
    told = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bus}
    return subprocess.run(["firewall-cmd", "--state"], check=False, capture_output=True, env=told).returncode == 0


def _wait_for(what: str, process: subprocess.Popen[bytes], ready: object, output: Path) -> None:
    assert callable(ready)
    end = time.monotonic() + PATIENCE_SECONDS
    while not ready():
        assert process.poll() is None, f"{what} ended with status {process.returncode}: {output.read_text(encoding='utf-8')[-2000:]}"
        assert time.monotonic() < end, f"{what} did not answer in {PATIENCE_SECONDS} s: {output.read_text(encoding='utf-8')[-2000:]}"
        time.sleep(0.05)


def _forget(program: str, prefix: str) -> None:
    """Take out chains that a firewall has left, and the rules that lead to them."""
    saved = _run([f"{program}-save", "-t", "filter"]).splitlines()
    chains = [line[1:].partition(" ")[0] for line in saved if line.startswith(f":{prefix}")]
    leading = [line for line in saved if line.startswith("-A ") and f"-j {prefix}" in line and not line.startswith(f"-A {prefix}")]
    lines = ["*filter", *(line.replace("-A ", "-D ", 1) for line in leading)]
    lines += [f"-F {chain}" for chain in chains] + [f"-X {chain}" for chain in chains]
    load_iptables("\n".join([*lines, "COMMIT", ""]), program)
