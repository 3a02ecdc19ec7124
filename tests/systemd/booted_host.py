"""A host that systemd has booted: its first process, in namespaces of its own; the unit files are run as they are shipped.

    the machine        nothing of it is touched, but for a folder below /tmp and a cgroup, both removed at the end
    └── host           network, mounts, pids, host name, IPC and cgroups of its own; systemd is PID 1

/etc and /var are overlays, kept over a reboot; /run, /dev and the sysctls outside net are new and read-only as a container has them
(https://systemd.io/CONTAINER_INTERFACE/). Of the machine's units only the journal is started: no getty, no udev, no network.
"""

from __future__ import annotations

import ctypes
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from daemon_process import until

PROGRAM = Path("/lib/systemd/systemd")
PACKAGING = Path(__file__).parents[2] / "packaging"
NETWRIGHT = Path(sys.executable).parent / "netwright"
PR_SET_PDEATHSIG = 1
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# A cgroup namespace has for its root the cgroup of who makes it: without one of its own, systemd would take the machine's.
OUTSIDE = """\
mkdir "$FOLDER/cgroup2"
mount -t cgroup2 none "$FOLDER/cgroup2"
mkdir "$FOLDER/cgroup2/$CGROUP"
echo $$ >"$FOLDER/cgroup2/$CGROUP/cgroup.procs"
umount "$FOLDER/cgroup2"
rmdir "$FOLDER/cgroup2"
exec unshare --pid --net --ipc --uts --cgroup --fork --kill-child sh -eu -c "$INSIDE"
"""
INSIDE = """\
hostname booted
for folder in etc var; do
    mount -t overlay -o "lowerdir=/$folder,upperdir=$KEPT/$folder,workdir=$KEPT/$folder.work" overlay "/$folder"
done
rm -rf /etc/fstab /etc/crypttab /etc/init.d /etc/rc?.d /etc/netns
[ -e /etc/systemd/system/booted ] || { rm -rf /etc/systemd/system; mkdir -p /etc/systemd/system; : >/etc/systemd/system/booted; }
mkdir -p /etc/systemd/journald.conf.d
printf '[Journal]\\nStorage=volatile\\n' >/etc/systemd/journald.conf.d/booted.conf
for wants in /lib/systemd/system/*.target.wants; do
    mount -t tmpfs -o mode=755 tmpfs "$wants"
done
ln -s ../systemd-journald.service /lib/systemd/system/sysinit.target.wants/
ln -sf /dev/null /etc/systemd/system/systemd-remount-fs.service

# New ones beside the old: what stands on the machine's own devices is bound into them.
devices="$KEPT/dev"
mkdir -p "$devices"
mount -t tmpfs -o mode=755 tmpfs "$devices"
for device in null zero full random urandom tty; do
    : >"$devices/$device"
    mount --bind "/dev/$device" "$devices/$device"
done
: >"$devices/console"
mount --bind /dev/null "$devices/console"
mkdir "$devices/pts" "$devices/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$devices/pts"
mount -t tmpfs tmpfs "$devices/shm"
ln -s pts/ptmx "$devices/ptmx"
ln -s /proc/self/fd "$devices/fd"
mount --rbind "$devices" /dev
mount -t tmpfs -o mode=755 tmpfs /run
mount -t proc proc /proc
mount --bind /proc/sys /proc/sys
mount --bind /proc/sys/net /proc/sys/net
mount -o remount,bind,ro /proc/sys
mount -t sysfs -o ro sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
# What is the machine's own in every namespace.
machine=-sys_boot,-sys_time,-sys_module,-sys_rawio,-syslog
exec setpriv --bounding-set=$machine --inh-caps=$machine \\
    env -i PATH="$PATH" container=netwright-tests "$SYSTEMD" --system --unit=multi-user.target --log-target=console --show-status=0
"""
_prctl = ctypes.CDLL(None).prctl


class BootedHost:
    """Booted by `boot`, ended by `remove`. `cut_power` and `boot` in between are a reboot that nobody has announced."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="netwright-systemd-"))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "kept", str(self.folder)], check=True)
        for name in ("etc", "etc.work", "var", "var.work"):
            (self.folder / name).mkdir()
        self.log = self.folder / "console"
        self._cgroup = f"netwright-tests-{os.getpid()}-systemd"
        self._outside: subprocess.Popen[bytes] | None = None
        self._inside = 0

    def boot(self) -> None:
        """Until systemd says that it has done all that it had to. Raises AssertionError with what it said."""
        with self.log.open("ab") as log:
            self._outside = subprocess.Popen(
                ["unshare", "--mount", "--propagation", "private", "sh", "-eu", "-c", OUTSIDE],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={
                    "PATH": PATH,
                    "FOLDER": str(self.folder),
                    "KEPT": str(self.folder),
                    "CGROUP": self._cgroup,
                    "INSIDE": INSIDE,
                    "SYSTEMD": str(PROGRAM),
                },
                preexec_fn=lambda: _prctl(PR_SET_PDEATHSIG, signal.SIGKILL),  # noqa: PLW1509 - it must not outlive a killed test run
            )
        try:
            until("systemd to be PID 1", self._is_there)
            until(
                "systemd to have booted", lambda: self.run("systemctl", "is-system-running", check=False).strip() in {"running", "degraded"}
            )
        except (TimeoutError, AssertionError) as error:
            self.cut_power()
            raise AssertionError(f"systemd has not booted: {error}\n{self.log.read_text()[-3000:]}") from error

    def cut_power(self) -> None:
        """Its PID 1 is killed, and with it all that it has started."""
        outside, self._outside, self._inside = self._outside, None, 0
        if outside is not None:
            outside.kill()
            outside.wait(60)
        # The kernel ends the rest of a pid namespace after its first process, in its own time.
        until("its cgroup to be empty", self._cgroup_is_gone)

    def remove(self) -> None:
        """End all of it, and remove what it left."""
        try:
            self.cut_power()
        finally:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)
            shutil.rmtree(self.folder)

    def run(self, *command: str, stdin: str = "", check: bool = True) -> str:
        """A program's stdout, run as root logged in on that host. Raises AssertionError with what it said, unless `check` is false."""
        done = subprocess.run(
            ["nsenter", f"--target={self._inside}", "--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup", "--", *command],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env={"PATH": PATH, "LC_ALL": "C.UTF-8", "SYSTEMD_PAGER": "", "NO_COLOR": "1"},
        )
        assert not check or done.returncode == 0, f"{' '.join(command)}: {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    def sh(self, script: str) -> str:
        """Lines of shell."""
        return self.run("sh", "-ec", script)

    def write(self, path: str, text: str) -> None:
        """A file of that host."""
        self.run("sh", "-ec", 'mkdir -p "${1%/*}"; cat >"$1"', "sh", path, stdin=text)

    def install(self, unit: str) -> None:
        """A unit file as it is shipped; a drop-in says where the checkout's program is."""
        text = (PACKAGING / unit).read_text()
        (line,) = (line for line in text.splitlines() if line.startswith("ExecStart="))
        program = line.replace("/usr/local/bin/netwright", str(NETWRIGHT))
        assert program != line
        self.write(f"/etc/systemd/system/{unit}", text)
        self.write(f"/etc/systemd/system/{unit}.d/checkout.conf", f"[Service]\nExecStart=\n{program}\n")
        self.run("systemctl", "daemon-reload")

    def property(self, unit: str, name: str) -> str:
        """One of `systemctl show`."""
        return self.run("systemctl", "show", "--value", f"--property={name}", unit).strip()

    def main_pid(self, unit: str) -> int:
        """In the host's numbers; 0: it does not run."""
        return int(self.property(unit, "MainPID"))

    def status_of(self, pid: int) -> dict[str, str]:
        """proc(5): /proc/PID/status, by its host's number."""
        lines = self.run("cat", f"/proc/{pid}/status").splitlines()
        return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}

    def journal(self, unit: str) -> str:
        """What a unit has said."""
        return self.run("journalctl", "--quiet", "--output=cat", f"--unit={unit}")

    def ip(self, *arguments: str, netns: str = "") -> list[dict[str, Any]]:
        """`ip -j -d …`, read."""
        where = ("-n", netns) if netns else ()
        return [entry for entry in json.loads(self.run("ip", *where, "-j", "-d", *arguments) or "[]") if entry]

    def stat(self, *paths: str) -> list[str]:
        """`OWNER:GROUP MODE` of each."""
        return self.run("stat", "--format=%U:%G %a", *paths).splitlines()

    def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Status and document of a request of root's to the daemon, which does the work, then."""
        connection = _UnixConnection(str(self._seen_from_here("run/netwright/api.sock")))
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def _seen_from_here(self, path: str) -> Path:
        return Path("/proc", str(self._inside), "root", path)

    def _is_there(self) -> bool:
        assert self._outside is not None
        assert self._outside.poll() is None, f"it ended with status {self._outside.returncode}"
        children = Path(f"/proc/{self._outside.pid}/task/{self._outside.pid}/children").read_text().split()
        try:
            if not children or Path(f"/proc/{children[0]}/comm").read_text() != "systemd\n":
                return False
        except FileNotFoundError:
            # A program of the script's that has ended meanwhile.
            return False
        self._inside = int(children[0])
        return self._seen_from_here("run/systemd/private").is_socket()

    def _cgroup_is_gone(self) -> bool:
        """Remove the cgroup and those that systemd has made in it; whether that was possible."""
        for mounted in _cgroup2_folders():
            top = mounted / self._cgroup
            for folder, _, _ in os.walk(top, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    return False
        return True


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=120)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def _cgroup2_folders() -> list[Path]:
    lines = (line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines())
    return [Path(fields[4]) for fields in lines if fields[fields.index("-") + 1] == "cgroup2"]
