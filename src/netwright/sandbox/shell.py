"""An interactive shell that says in its prompt where it is, and runs in the terminal's foreground."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from netwright.sandbox.throwaway import PRIVATE

NOT_FOUND = 127
NOT_EXECUTABLE = 126
"""Exit statuses of sh(1) for a command that cannot be started."""

Started = tuple[list[str], dict[str, str]]


def interactive(shell: str, name: str) -> int:
    """Run a shell for a person until it ends; its exit status. `name` is shown in the prompt.

    Where standard input is a file or a pipe the shell reads its commands there, and there is no prompt.
    """
    if not os.isatty(0):
        return run([shell])
    arguments, changes = _SHELLS.get(Path(shell).name, _plain)(shell, f"(netwright {name}) ")
    _take_terminal()
    return run(arguments, changes)


def run(arguments: Sequence[str], changes: Mapping[str, str] | None = None) -> int:
    """Run a command to its end; its exit status as sh(1) would say it. Ctrl-C is the command's, not ours."""
    try:
        process = subprocess.Popen(arguments, env=os.environ | (changes or {}))
    except OSError as error:
        os.write(2, f"netwright: {arguments[0]}: {error.strerror}\n".encode())
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    code = process.wait()
    return code if code >= 0 else 128 - code


def _take_terminal() -> None:
    """A process group of our own, in front: a shell gives the terminal back to the group that it was started in."""
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)
        before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.tcsetpgrp(0, os.getpgrp())
        signal.signal(signal.SIGTTOU, before)


def _bash(shell: str, prompt: str) -> Started:
    startup = PRIVATE / "bashrc"
    startup.write_text(
        'for startup in /etc/bash.bashrc ~/.bashrc; do [ -r "$startup" ] && . "$startup"; done; unset startup\n'
        f"PS1={shlex.quote(prompt)}$PS1\n"
    )
    return [shell, "--rcfile", str(startup), "-i"], {}


def _zsh(shell: str, prompt: str) -> Started:
    folder = PRIVATE / "zsh"
    folder.mkdir(exist_ok=True)
    theirs = shlex.quote(os.environ.get("ZDOTDIR") or str(Path.home()))
    for name in (".zshenv", ".zshrc"):
        (folder / name).write_text(f"[ -r {theirs}/{name} ] && . {theirs}/{name}\n")
    with (folder / ".zshrc").open("a") as startup:
        startup.write(f"PROMPT={shlex.quote(prompt)}$PROMPT\n")
    return [shell, "-i"], {"ZDOTDIR": str(folder)}


def _fish(shell: str, prompt: str) -> Started:
    said = f"functions --copy fish_prompt netwright_prompt; function fish_prompt; echo -n {shlex.quote(prompt)}; netwright_prompt; end"
    return [shell, "--init-command", said, "--interactive"], {}


def _plain(shell: str, prompt: str) -> Started:
    return [shell, "-i"], {"PS1": f"{prompt}# "}


_SHELLS: dict[str, Callable[[str, str], Started]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
