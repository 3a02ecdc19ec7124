"""A host with a real Docker Engine, made of namespaces: what it does to interfaces, rules and sysctls stays in there.

    the machine        nothing of it is touched, but for a folder below /tmp and empty cgroups, both removed at the end
    ├── host           a network namespace: dockerd with its bridges and rules; eth1 is its only NIC
    └── ext            a network namespace: the world beyond eth1, reached by the veth's other end, also called eth1

dockerd runs in a mount namespace of its own too, with an empty /run (no system bus, over which it would talk to the machine's
firewalld; no sockets of another containerd) and an empty /etc/docker. It looks for plugins' sockets in `plugins`. Its pids are the machine's: containers can be entered.
Both network namespaces are held by file descriptors and have no names, so they are in no test's way.
"""

from __future__ import annotations

import ctypes
import io
import json
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from docker_engines import Programs

import own_host

IMAGE = "bb:1"
CHURN = int(os.environ.get("NETWRIGHT_CHURN", "24"))
"""Containers that a test starts and stops in a row."""
PATIENCE_SECONDS = 60
PR_SET_PDEATHSIG = 1
MOUNTS = """\
mount -t tmpfs tmpfs /run
mkdir -p /run/docker/plugins
mount --bind "$PLUGINS" /run/docker/plugins
[ ! -d /etc/docker ] || mount -t tmpfs tmpfs /etc/docker
grep -q ' - cgroup' /proc/self/mountinfo || mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec dockerd "$@"
"""
_prctl = ctypes.CDLL(None).prctl


def wait_for(what: str, ready: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Poll until `ready` is true. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(0.02)


class DockerHost:
    """Started by `start`, ended by `remove`; `stop` and `start` in between are an engine that is stopped and started."""

    def __init__(self, programs: Programs) -> None:
        self.programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="netwright-docker-"))
        self.socket = self.folder / "docker.sock"
        self.url = f"unix://{self.socket}"
        self.plugins = self.folder / "plugins"
        self.plugins.mkdir()
        self.scratch = self.folder / "tmp"
        self.scratch.mkdir()
        self.log = self.folder / "dockerd.log"
        self.cgroup = f"netwright-tests-{os.getpid()}-{programs.name}"
        self._process: subprocess.Popen[bytes] | None = None
        self._mounts: int | None = None
        with own_host.away():
            own_host.new_network()
            self.ext = own_host.open_network()
            own_host.new_network()
            self.host = own_host.open_network()
        self.plug_in()

    def plug_in(self) -> None:
        """Give the host its NIC: eth1 here, eth1 in ext, both down and without addresses; what was left of an earlier one goes."""
        for netns in (self.host, self.ext):
            subprocess.run([*_inside(netns), "ip", "link", "delete", "eth1"], check=False, capture_output=True, pass_fds=(netns,))
        peer = ("peer", "name", "eth1", "netns", f"/proc/{os.getpid()}/fd/{self.ext}")
        self.run("ip", "link", "add", "eth1", "address", "02:00:00:00:e1:01", "type", "veth", *peer)

    def run(self, *command: str, netns: int | None = None, check: bool = True) -> str:
        """Run a program on the host (or with `netns=engine.ext` in the world beyond it); its stdout."""
        where = self.host if netns is None else netns
        done = subprocess.run([*_inside(where), *command], check=False, capture_output=True, text=True, pass_fds=(where,))
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: exit status {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def docker(self, *arguments: str, stdin: bytes | None = None) -> str:
        """The docker command, the witness; its stdout. Raises AssertionError with its stderr."""
        command = ["docker", "--host", self.url, *arguments]
        environment = {**os.environ, "DOCKER_CONFIG": str(self.folder / "cli"), "PATH": self.programs.path}
        done = subprocess.run(command, check=False, capture_output=True, input=stdin, env=environment, timeout=2 * PATIENCE_SECONDS)
        if done.returncode != 0:
            raise AssertionError(f"docker {' '.join(arguments)}: {done.stderr.decode().strip()}")
        return done.stdout.decode().strip()

    def inspect(self, kind: str, name: str) -> dict[str, Any]:
        """`docker KIND inspect NAME`, read."""
        (answer,) = json.loads(self.docker(kind, "inspect", name))
        assert isinstance(answer, dict)
        return answer

    def container(self, name: str, *options: str, command: tuple[str, ...] = ("sleep", "1000000")) -> int:
        """Start a container of busybox; its pid."""
        # A first process ignores TERM unless it says otherwise: Docker would wait ten seconds for each container to stop.
        self.docker("run", "--detach", "--name", name, "--stop-signal", "KILL", *options, IMAGE, *command)
        return self.pid(name)

    def pid(self, name: str) -> int:
        """Of a container's first process; 0: it does not run."""
        return int(self.docker("inspect", "--format", "{{.State.Pid}}", name))

    def web(self, name: str = "web", *options: str, port: int = 80, page: str = "the page") -> int:
        """Start a container that serves `page` on `port`, and wait until it does; its pid."""
        serve = f"mkdir -p /www; echo '{page}' > /www/index.html; exec httpd -f -p {port} -h /www"
        self.container(name, *options, command=("sh", "-c", serve))
        return self.wait_for_page(name, port, page)

    def wait_for_page(self, name: str, port: int, page: str = "the page") -> int:
        """Until a container serves `page`, e.g. after a restart; its pid."""
        pid = self.pid(name)
        fetch = ["nsenter", f"--net=/proc/{pid}/ns/net", "busybox", "wget", "-q", "-O", "-", f"http://127.0.0.1:{port}/"]
        wait_for(f"{name} to serve", lambda: subprocess.run(fetch, check=False, capture_output=True).stdout.decode().strip() == page)
        return pid

    def start(self) -> None:
        """Start dockerd, and wait until it answers."""
        arguments = (
            *("--data-root", str(self.folder / "data"), "--exec-root", str(self.folder / "exec"), "--pidfile", str(self.folder / "pid")),
            *("--host", self.url, "--storage-driver", "vfs", "--cgroup-parent", f"/{self.cgroup}"),
            *self.programs.options,
        )
        if self.programs.nftables:
            # Docker 29 leaves forwarding to the host's owner, and does not start without it.
            self.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        command = [*_inside(self.host), "unshare", "--mount", "--propagation", "private", "sh", "-ec", MOUNTS, "dockerd", *arguments]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(self.host,),
                # A containerd that ends writes its stacks down in TMPDIR.
                env={**os.environ, "PLUGINS": str(self.plugins), "TMPDIR": str(self.scratch), "PATH": self.programs.path},
                start_new_session=True,
                preexec_fn=lambda: _prctl(PR_SET_PDEATHSIG, signal.SIGTERM),  # noqa: PLW1509 - it must not outlive a killed test run
            )
        try:
            wait_for("dockerd to answer", self._answers)
        except (TimeoutError, AssertionError) as error:
            self.stop()
            raise AssertionError(f"dockerd did not start: {error}\n{self.log.read_text()[-3000:]}") from error

    def stop(self) -> None:
        """Stop dockerd, and whatever it has started and left: containerd, its shims, proxies, containers."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(PATIENCE_SECONDS)
        wait_for("what dockerd had started to end", lambda: not self._end_members())
        if self._mounts is not None:
            os.close(self._mounts)
            self._mounts = None
        # A killed containerd that nobody has reaped yet would be taken for a living one by its pid.
        for left in (self.socket, self.folder / "pid", self.folder / "exec" / "containerd" / "containerd.pid"):
            left.unlink(missing_ok=True)

    def kill(self) -> None:
        """As a crash: dockerd and all that it has started get SIGKILL at once, and clean up nothing."""
        assert self._process is not None
        self._process.kill()
        self.stop()

    @property
    def running(self) -> bool:
        return self._process is not None

    def restart(self) -> None:
        """As `systemctl restart docker` does it: containers without a restart policy are stopped afterwards."""
        self.stop()
        self.start()

    def empty(self) -> None:
        """Remove every container, and every network that the engine did not bring itself."""
        if self._process is None:
            self.start()
        elif not self._has_its_rules():
            # What a test has flushed, Docker writes anew when it starts.
            self.restart()
        containers = self.docker("ps", "--all", "--quiet", "--no-trunc").split()
        if containers:
            self.docker("rm", "--force", "--volumes", *containers)
        networks = self.docker("network", "ls", "--quiet", "--no-trunc", "--filter", "type=custom").split()
        if networks:
            self.docker("network", "rm", *networks)

    def remove(self) -> None:
        """End all of it, and remove what it left."""
        try:
            if self._process is not None:
                self.empty()
        finally:
            self.stop()
            os.close(self.host)
            os.close(self.ext)
            for controller in (Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").iterdir()):
                if (controller / self.cgroup).is_dir():
                    (controller / self.cgroup).rmdir()
            shutil.rmtree(self.folder)

    def load_image(self) -> None:
        """A container image without a registry: busybox, which is statically linked, and a link to it for each of its commands."""
        busybox = shutil.which("busybox")
        assert busybox is not None, "the tests' containers are made of busybox: apt-get install busybox-static"
        programs = subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True).stdout.split()
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            tar.add(busybox, "bin/busybox")
            for program in programs:
                if program != "busybox":
                    link = tarfile.TarInfo(f"bin/{program}")
                    link.type, link.linkname, link.mode = tarfile.SYMTYPE, "busybox", 0o777
                    tar.addfile(link)
        self.docker("import", "-", IMAGE, stdin=packed.getvalue())

    def _has_its_rules(self) -> bool:
        if self.programs.nftables:
            return "docker-bridges" in self.run("nft", "list", "tables")
        return self.run("iptables", "-t", "nat", "-S", "DOCKER", check=False) != ""

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"it ended with status {self._process.returncode}"
        if self._mounts is None:
            # Held open: the number of a namespace that is gone is given to the next one, e.g. to a container of another worker's engine.
            mounts = os.open(f"/proc/{self._process.pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
            # Until `unshare` has run, it is the tests' own, whose processes are to be left alone.
            if os.fstat(mounts).st_ino == os.stat("/proc/thread-self/ns/mnt").st_ino:
                os.close(mounts)
            else:
                self._mounts = mounts
        info = ["docker", "--host", self.url, "info"]
        return self.socket.exists() and subprocess.run(info, check=False, capture_output=True).returncode == 0

    def _end_members(self) -> list[int]:
        """Kill the processes that live in dockerd's mount namespace, and their children (containers have another one)."""
        mounts = None if self._mounts is None else os.fstat(self._mounts).st_ino
        parents: dict[int, int] = {}
        members: set[int] = set()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if mounts is not None and (entry / "ns/mnt").stat().st_ino == mounts:
                    members.add(int(entry.name))
            except OSError:
                continue
        while more := {pid for pid, parent in parents.items() if parent in members} - members:
            members |= more
        for pid in members:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return sorted(members)


def _inside(netns: int) -> tuple[str, ...]:
    return ("nsenter", f"--net=/proc/self/fd/{netns}")
