"""One host of a lab: its programs, its addresses, and what it can reach."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import pickle
import subprocess
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeVar

from netwright.errors import NetwrightError
from netwright.sandbox import kernel
from netwright.sandbox.entrance import END, command, enter
from netwright.sandbox.probe import Reach

T = TypeVar("T")


class Keeping(Protocol):
    """What a host needs of its lab."""

    networks: Mapping[str, Sequence[str]]

    @property
    def pid(self) -> int: ...

    def ask(self, **request: Any) -> dict[str, Any]: ...


class Program(subprocess.Popen[Any]):
    """A started program. Signals go to it through what has started it, and so does its end."""

    def kill(self) -> None:
        """End it at once, as SIGKILL does."""
        self.send_signal(END)


@dataclass(frozen=True, slots=True)
class Host:
    """A network namespace of a lab. `name` is "" for the host itself; `addresses` are its own, ADDRESS/LENGTH."""

    lab: Keeping
    name: str
    addresses: tuple[str, ...]

    def run(
        self,
        arguments: Sequence[str],
        *,
        input: str | None = None,  # noqa: A002 - as subprocess.run calls it
        check: bool = False,
        timeout: float | None = 60.0,
        env: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program here and wait for it, as subprocess.run does; stdout and stderr are captured, as text.

        Exit status 127: it could not be started. Raises TimeoutExpired, and CalledProcessError if `check` is set.
        """
        stdin = subprocess.DEVNULL if input is None else subprocess.PIPE
        pipe = subprocess.PIPE
        with self.popen(arguments, stdin=stdin, stdout=pipe, stderr=pipe, text=True, env=env, cwd=cwd) as program:
            try:
                stdout, stderr = program.communicate(input, timeout)
            except subprocess.TimeoutExpired as error:
                program.kill()
                error.stdout, error.stderr = program.communicate()
                error.cmd = list(arguments)
                raise
            except BaseException:
                program.kill()
                raise
        done = subprocess.CompletedProcess(list(arguments), program.returncode, stdout, stderr)
        if check:
            done.check_returncode()
        return done

    def popen(self, arguments: Sequence[str], **options: Any) -> Program:
        """Start a program here; `options` are subprocess.Popen's. It dies with the lab, if not before."""
        return Program(command(self.lab.pid, self.name, arguments), **options)

    def address(self, network: str | None = None, *, family: int = 4) -> str:
        """This host's address on a network of the file; without one, its first. Raises LookupError."""
        subnets = None if network is None else [ipaddress.ip_network(subnet) for subnet in self.lab.networks[network]]
        for cidr in self.addresses:
            ip = ipaddress.ip_interface(cidr).ip
            if ip.version == family and (subnets is None or any(ip in subnet for subnet in subnets)):
                return str(ip)
        where = "" if network is None else f" on {network}"
        raise LookupError(f"{self.name or 'the host'} has no IPv{family} address{where}; it has {', '.join(self.addresses) or 'none'}")

    def can_connect(self, address: str, port: int, protocol: str = "tcp", *, source: str | None = None, timeout: float = 2.0) -> Reach:
        """Try to reach a port from here, once; `source` is one of this host's own addresses.

        With udp the other side has to answer, as `listen` does. `timeout` is in seconds: after it the attempt counts as dropped.
        """
        told = self.lab.ask(do="reach", namespace=self.name, address=address, port=port, protocol=protocol, source=source, timeout=timeout)
        return Reach(told["reach"])

    def reaches(self, address: str, port: int, protocol: str = "tcp", *, source: str | None = None, timeout: float = 2.0) -> bool:
        """Whether `can_connect` says reachable: for `assert lab["client"].reaches("10.0.0.1", 1234)`."""
        return bool(self.can_connect(address, port, protocol, source=source, timeout=timeout))

    @contextlib.contextmanager
    def listen(self, port: int, protocol: str = "tcp", *, address: str = "::", reply: str = "netwright\n") -> Iterator[int]:
        """Answer on a port here with `reply` (udp: to whoever sends something), for as long as the block lasts.

        Gives the port: 0 takes a free one. `address` :: is all of them, IPv4 too.
        """
        told = self.lab.ask(do="listen", namespace=self.name, address=address, port=port, protocol=protocol, reply=reply)
        try:
            yield told["port"]
        finally:
            # A lab that was closed inside the block has stopped to listen already.
            with contextlib.suppress(NetwrightError):
                self.lab.ask(do="silence", service=told["service"])

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a Python function here, in a child process; its result or its exception, pickled, is the caller's.

        What it changes in memory stays in the child. It sees the lab's /run, /etc, /sys and processes.
        """
        ours, theirs = os.pipe()
        with warnings.catch_warnings():
            # Python 3.12 warns of fork where there are threads; of them only this one lives on in the child, and it takes no lock.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            os.close(ours)
            self._answer(theirs, function, arguments)
        os.close(theirs)
        with os.fdopen(ours, "rb") as pipe:
            told = pipe.read()
        _, status = os.waitpid(child, 0)
        if not told:
            raise ChildProcessError(f"the child in {self.name or 'the host'} ended with status {os.waitstatus_to_exitcode(status)}")
        failed, result = pickle.loads(told)  # noqa: S301 - written by our own child
        if failed:
            raise result
        answer: T = result
        return answer

    def _answer(self, pipe: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> NoReturn:
        try:
            kernel.die_with_parent()
            enter(self.lab.pid, self.name)
            # Only a child is born among the lab's processes, and only for those its /proc has a self.
            child = os.fork()
            if child:
                os.close(pipe)
                _, status = os.waitpid(child, 0)
                os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
            kernel.die_with_parent()
            told = pickle.dumps((False, function(*arguments)))
        except BaseException as error:  # noqa: BLE001 - handed to the caller whole
            told = _pickled(error)
        with os.fdopen(pipe, "wb") as stream:
            stream.write(told)
        os._exit(0)


def _pickled(error: BaseException) -> bytes:
    try:
        pickled = pickle.dumps((True, error))
        pickle.loads(pickled)  # noqa: S301 - the line above made it
    except Exception:  # noqa: BLE001 - whatever an exception's own pickling raises
        return pickle.dumps((True, RuntimeError(f"{type(error).__name__}: {error}")))
    return pickled
