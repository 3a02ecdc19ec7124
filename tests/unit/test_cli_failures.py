"""What is said, and with which exit status, when something is wrong. Never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types

import click
import pytest
from click.testing import CliRunner

from netwright.errors import (
    ApplyFailed,
    BackendError,
    Busy,
    DockerError,
    Interrupted,
    InvalidValue,
    KernelError,
    Missing,
    NetwrightError,
    Problem,
    Refused,
    SpecError,
)
from netwright.frontends.cli import failure as failure_module
from netwright.frontends.cli import program as program_module
from netwright.frontends.cli.program import program

RIGHT = "version: 1\nname: shop\n"


def failing(monkeypatch: pytest.MonkeyPatch, failure: BaseException) -> None:
    """A command `fail` that raises it."""

    @click.command()
    @click.option("--json", "as_json", is_flag=True)
    def fail(as_json: bool) -> int:
        raise failure

    module = types.ModuleType("netwright.frontends.cli.fail")
    module.fail = fail  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "netwright.frontends.cli.fail", module)
    monkeypatch.setitem(program_module.COMMANDS, "fail", "fail:fail")


@pytest.mark.parametrize(
    ("failure", "status", "said"),
    [
        (
            Refused("The host has no eth7.", hint="ip link lists its NICs"),
            1,
            "error: The host has no eth7.\nhint: ip link lists its NICs\n",
        ),
        (Busy("PID 7 is at it."), 1, "error: PID 7 is at it.\n"),
        (
            Missing("There is no libnftables.", hint="apt install libnftables1"),
            1,
            "error: There is no libnftables.\nhint: apt install libnftables1\n",
        ),
        (KernelError(17, "making br0: File exists"), 1, "error: making br0: File exists\n"),
        (DockerError("Docker is away."), 1, "error: Docker is away.\n"),
        (ApplyFailed("It failed. The host is as before.", rolled_back=True), 1, "error: It failed. The host is as before.\n"),
        (InvalidValue("'A' cannot be a stack's name"), 2, "error: 'A' cannot be a stack's name\n"),
        (Interrupted("Interrupted. The host is as before."), 130, "error: Interrupted. The host is as before.\n"),
        (
            SpecError("x.yaml", [Problem(3, 5, "networks.lan", "is wrong", "make it right")]),
            2,
            "x.yaml:3:5: networks.lan: is wrong\n    hint: make it right\nerror: 1 problem in x.yaml; nothing was touched\n",
        ),
        (KeyboardInterrupt(), 130, "\nInterrupted.\n"),
        (
            RuntimeError("two\nlines"),
            1,
            (
                "error: This should not happen: RuntimeError: two lines\n"
                "hint: run it again with NETWRIGHT_DEBUG=1 and report what it prints, with your file; "
                "netwright status tells how the host stands\n"
            ),
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_failure_is_a_sentence_with_its_hint_and_its_exit_status(
    monkeypatch: pytest.MonkeyPatch, failure: BaseException, status: int, said: str
) -> None:
    monkeypatch.delenv("NETWRIGHT_DEBUG", raising=False)
    failing(monkeypatch, failure)
    result = CliRunner().invoke(program, ["fail"])
    assert (result.exit_code, result.stdout, result.stderr) == (status, "", said)


@pytest.mark.parametrize(
    ("failure", "document"),
    [
        (
            ApplyFailed("It failed.", rolled_back=False, hint="netwright recover"),
            {
                "kind": "ApplyFailed",
                "message": "It failed.",
                "hint": "netwright recover",
                "exit_status": 1,
                "rolled_back": False,
                "problems": [],
            },
        ),
        (
            KernelError(17, "making br0: File exists"),
            {"kind": "Kernel", "message": "making br0: File exists", "hint": None, "exit_status": 1, "rolled_back": None, "problems": []},
        ),
        (
            KeyboardInterrupt(),
            {"kind": "Interrupted", "message": "Interrupted.", "hint": None, "exit_status": 130, "rolled_back": None, "problems": []},
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_with_json_a_failure_is_a_document_on_standard_output(
    monkeypatch: pytest.MonkeyPatch, failure: NetwrightError, document: dict[str, object]
) -> None:
    failing(monkeypatch, failure)
    result = CliRunner().invoke(program, ["fail", "--json"])
    assert result.exit_code == document["exit_status"]
    assert json.loads(result.stdout) == {"version": 1, "error": document}


def test_a_mistake_in_netwright_shows_its_traceback_if_that_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETWRIGHT_DEBUG", "1")
    failing(monkeypatch, RuntimeError("oh"))
    with pytest.raises(RuntimeError, match="oh"):
        CliRunner(catch_exceptions=False).invoke(program, ["fail"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["aply", "x.yaml"], "error: No such command 'aply'. Did you mean 'apply'?\nhint: netwright --help tells more\n"),
        (["validate"], "error: Missing argument 'FILE'.\nhint: netwright validate --help tells more\n"),
        (
            ["plan", "--commands", "--json", "-"],
            "error: --commands and --json exclude each other.\nhint: netwright plan --help tells more\n",
        ),
        (["exec", "web", "--"], "error: Missing argument '-- COMMAND…'.\nhint: netwright exec --help tells more\n"),
        *(
            (
                ["apply", "--confirm", wrong, "x.yaml"],
                f"error: Invalid value for '--confirm': {said}\nhint: netwright apply --help tells more\n",
            )
            for wrong, said in (
                ("soon", "'soon' is not a number of seconds."),
                ("0", "0 is not more than 0 seconds and at most a week (604800)."),
                ("nan", "nan is not more than 0 seconds and at most a week (604800)."),
                ("inf", "inf is not more than 0 seconds and at most a week (604800)."),
                ("604801", "604801 is not more than 0 seconds and at most a week (604800)."),
            )
        ),
    ],
)
def test_a_wrong_command_line_exits_with_2_and_says_what_is_wrong(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(program, arguments)
    assert (result.exit_code, result.stderr) == (2, said)


def test_a_wrong_command_line_as_a_document() -> None:
    result = CliRunner().invoke(program, ["plan", "--json"])
    assert json.loads(result.stdout)["error"]["kind"] == "Usage"


def test_a_reader_that_goes_away_is_no_failure() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "netwright", "schema"], stdout=writing, stderr=subprocess.PIPE, check=False, timeout=60
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_full_disk_behind_standard_output_is_said() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([sys.executable, "-m", "netwright", "schema"], stdout=full, stderr=subprocess.PIPE, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (1, b"error: Standard output cannot be written: No space left on device. All else is done.\n")


@pytest.mark.parametrize(
    ("closed", "arguments", "status", "said"),
    [
        (">&-", ["schema"], 0, b""),
        (">&-", ["--version"], 0, b""),
        ("2>&-", ["validate", "none.yaml"], 2, b""),
        (
            "<&-",
            ["validate", "-"],
            2,
            b"<stdin>: the file is empty\n    hint: start with `version: 1` and `name: \xe2\x80\xa6`\nerror: 1 problem in <stdin>; nothing was touched\n",
        ),
    ],
)
def test_a_closed_stream_is_an_empty_one(closed: str, arguments: list[str], status: int, said: bytes) -> None:
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh"]
    done = subprocess.run([*shell, sys.executable, "-m", "netwright", *arguments], capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (status, b"", said)


def test_a_terminal_that_lacks_a_character_gets_a_question_mark() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(
        [sys.executable, "-m", "netwright", "exec", "x", "--"], capture_output=True, env=environment, check=False, timeout=60
    )
    assert done.stderr.splitlines()[0] == b"error: Missing argument '-- COMMAND?'."


UNPRIVILEGED = """
import os, sys
import netwright.spec.load, netwright.report.documents, netwright.wiring
from netwright.frontends.cli.program import COMMANDS, program
for name in COMMANDS:
    program.get_command(None, name)
os.setgroups([]), os.setresgid(65534, 65534, 65534), os.setresuid(65534, 65534, 65534)
sys.argv = ["netwright", *sys.argv[1:]]
program.main()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, which needs root")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["apply", "-"], "netwright apply changes the host's networks"),
        (["destroy", "shop"], "netwright destroy changes the host's networks"),
        (["plan", "-"], "netwright plan reads the host's namespaces and packet filters"),
        (["status"], "netwright status reads the state and the host's namespaces"),
        (["graph", "shop"], "netwright graph reads the state and the host's namespaces"),
        (["recover"], "netwright recover changes the host's networks"),
        (["confirm", "shop"], "netwright confirm writes to the state"),
        (["exec", "web", "true"], "netwright exec enters another network namespace"),
    ],
)
def test_who_is_not_root_is_told_why_root_is_needed(arguments: list[str], said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNPRIVILEGED, *arguments], input=RIGHT, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: {said}: that needs root. Nothing was touched.\nhint: sudo netwright {' '.join(arguments)}\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="gives up capabilities, which needs root")
def test_a_root_without_capabilities_is_told_which_are_missing() -> None:
    done = subprocess.run(
        ["setpriv", "--bounding-set=-sys_admin", sys.executable, "-m", "netwright", "recover"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: netwright recover changes the host's networks: this root lacks CAP_SYS_ADMIN. Nothing was touched.\n"
        "hint: in a container, start it with --privileged; otherwise run it outside of the sandbox that took them away\n"
    )


@pytest.mark.parametrize(
    "error",
    [
        KernelError(12, "opening an rtnetlink socket: no memory", hint="free some"),
        Missing("nft is not there.", hint="install it"),
        BackendError("The state folder cannot be used."),
        Refused("There is no NIC eth7."),
    ],
)
def test_what_fails_before_the_first_change_says_that_nothing_was_touched(error: NetwrightError) -> None:
    said, hint = str(error), error.hint
    with pytest.raises(type(error)) as told, failure_module.untouched():
        raise error
    assert (str(told.value), told.value.hint) == (f"{said}\nNothing was touched.", hint)


def test_a_failure_that_says_itself_what_the_state_is_is_left_as_it_is() -> None:
    with pytest.raises(ApplyFailed, match=r"^The host is as before$"), failure_module.untouched():
        raise ApplyFailed("The host is as before", rolled_back=True)
