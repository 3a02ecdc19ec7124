"""A stack's life through the command line, in processes of its own; iproute2 is the witness."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from netwright.backends.store import SqliteStore

pytestmark = pytest.mark.netns

SHOP = """\
version: 1
name: shop
networks: {lan: {subnets: [10.3.0.0/24], bridge: br-cli, masquerade: false}}
namespaces:
  cli-a: {interfaces: {eth0: {network: lan, address: 10.3.0.7, mtu: 1400}}}
"""
MORE = SHOP + "  cli-b: {interfaces: {eth0: {network: lan, address: 10.3.0.8}}}\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the files and the state are. No stack outlives the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NETWRIGHT_STATE", str(tmp_path / "state"))
    Path("shop.yaml").write_text(SHOP)
    Path("more.yaml").write_text(MORE)
    yield tmp_path
    assert netwright("destroy", "shop").returncode == 0


@contextmanager
def started(*arguments: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A command that is still running. It does not outlive the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "netwright", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=60)


def communicated(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit status and what it said on standard error since."""
    _, err = process.communicate(timeout=120)
    return process.returncode, err


def netwright(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "netwright", *arguments], input=stdin, capture_output=True, text=True, check=False, timeout=120
    )


def document(*arguments: str) -> Any:
    return json.loads(netwright(*arguments, "--json").stdout)


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_plan_shows_what_would_be_done_and_does_nothing(host) -> None:
    done = netwright("plan", "shop.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    assert "create namespace cli-a" in done.stdout
    assert netwright("plan", "--check", "shop.yaml").returncode == 3
    assert (host.namespaces(), host.links()) == ([], ["lo"])
    assert not Path("state", "state.db").exists()


def test_apply_makes_it_a_second_one_finds_nothing_to_do_and_destroy_leaves_nothing(host) -> None:
    first = netwright("apply", "shop.yaml")
    assert first.returncode == 0
    assert "create namespace cli-a" in first.stdout
    assert " done and verified in " in first.stderr
    assert host.link("eth0", netns="cli-a")["mtu"] == 1400
    assert [entry["local"] for entry in host.ip("address", "show", "dev", "eth0", netns="cli-a")[0]["addr_info"]] == ["10.3.0.7"]
    second = netwright("apply", "-", stdin=SHOP)
    assert (second.returncode, second.stdout, second.stderr) == (0, "Nothing to do: the host is as the file says.\n", "")
    assert netwright("plan", "--check", "shop.yaml").returncode == 0
    gone = netwright("destroy", "./shop.yaml")
    assert gone.returncode == 0
    assert gone.stderr.endswith("; nothing of it is left.\n")
    assert (host.namespaces(), host.links()) == ([], ["lo"])
    again = netwright("destroy", "shop")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "shop: nothing of it was here.\n")


def test_the_documents_say_the_same(host) -> None:
    plan = document("plan", "shop.yaml")
    applied = document("apply", "shop.yaml")
    assert applied["plan"] == plan
    assert {key: applied[key] for key in ("version", "stack", "changed", "recovered", "confirm_before")} == {
        "version": 1,
        "stack": "shop",
        "changed": True,
        "recovered": [],
        "confirm_before": None,
    }
    (stack,) = document("status")["stacks"]
    assert (stack["name"], stack["source"], stack["in_order"], stack["drift"]["operations"]) == ("shop", "shop.yaml", True, [])
    (eth0,) = next(place for place in stack["namespaces"] if place["name"] == "named/cli-a")["links"]
    link = host.link("eth0", netns="cli-a")
    assert eth0 == {
        "name": "eth0",
        "kind": "veth",
        "there": True,
        "up": True,
        "mtu": 1400,
        "mac": link["address"],
        "master": None,
        "addresses": ["10.3.0.7/24"],
    }
    assert document("graph", "shop", "--format", "dot")["drawing"].startswith("graph ")
    assert document("recover") == {"version": 1, "recovered": [], "rolled_back": []}
    assert document("destroy", "shop")["changed"] is True
    assert document("destroy", "shop")["changed"] is False


def test_quiet_says_nothing(host) -> None:
    for arguments in (("apply", "shop.yaml"), ("destroy", "shop")):
        done = netwright(*arguments, "--quiet")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_status_shows_drift_and_names_a_stack_that_was_meant(host) -> None:
    netwright("apply", "shop.yaml")
    host.run("ip", "-n", "cli-a", "link", "set", "eth0", "mtu", "1300")
    shown = netwright("status", "shop")
    assert (shown.returncode, shown.stdout.splitlines()[0]) == (0, "shop  drifted")
    assert "mtu 1400" in shown.stdout.partition("an apply would")[2]
    wrong = netwright("status", "shpo")
    assert (wrong.returncode, wrong.stderr) == (1, "error: There is no stack shpo on this host.\nhint: did you mean shop?\n")


def test_the_shell_completes_stacks(host) -> None:
    netwright("apply", "shop.yaml")
    environment = {**os.environ, "_NETWRIGHT_COMPLETE": "zsh_complete", "COMP_WORDS": "netwright destroy sh", "COMP_CWORD": "2"}
    done = subprocess.run([sys.executable, "-m", "netwright"], env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[1::3] == ["shop", "shop.yaml"]


def test_one_at_a_time_who_waits_says_for_whom(host, folder: Path) -> None:
    with ExitStack() as held:
        held.enter_context(SqliteStore(str(folder / "state")).lock(wait=False, waiting=print))
        busy = netwright("apply", "--no-wait", "shop.yaml")
        assert busy.returncode == 1
        assert busy.stderr.startswith(f"error: PID {os.getpid()} (")
        with started("apply", "shop.yaml") as waiting:
            assert waiting.stderr is not None
            assert waiting.stderr.readline().startswith(f"Waiting for PID {os.getpid()} (")
            assert host.namespaces() == []
            held.close()
            status, _ = communicated(waiting)
    assert (status, host.namespaces()) == (0, ["cli-a"])


def test_who_is_tired_of_waiting_presses_ctrl_c(host, folder: Path) -> None:
    with SqliteStore(str(folder / "state")).lock(wait=False, waiting=print), started("apply", "shop.yaml") as waiting:
        assert waiting.stderr is not None
        waiting.stderr.readline()
        waiting.send_signal(signal.SIGINT)
        status, err = communicated(waiting)
    assert (status, err.strip(), host.namespaces()) == (130, "Interrupted.", [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_in_the_middle_rolls_back(host, number: signal.Signals) -> None:
    netwright("apply", "shop.yaml")
    many = SHOP + "".join(f"  cli-m{n}: {{interfaces: {{eth0: {{network: lan}}}}}}\n" for n in range(100))
    Path("many.yaml").write_text(many)
    with started("apply", "many.yaml") as process:
        until(lambda: len(os.listdir("/run/netns")) > 1)
        process.send_signal(number)
        status, err = communicated(process)
    assert status == 130, err
    assert "Rolling back…" in err
    assert host.namespaces() == ["cli-a"]
    assert [name for name in host.links() if name.startswith("clim")] == []
    assert netwright("plan", "--check", "shop.yaml").returncode == 0


def test_a_refusal_says_that_nothing_was_touched(host) -> None:
    subprocess.run(["ip", "netns", "add", "cli-a"], check=True)
    try:
        refused = netwright("apply", "shop.yaml")
    finally:
        subprocess.run(["ip", "netns", "delete", "cli-a"], check=True)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        "error: the namespace cli-a exists already, and is not Netwright's; external: true joins it as it is\nNothing was touched.\n"
    )


def test_a_change_that_is_confirmed_stays(host) -> None:
    netwright("apply", "shop.yaml")
    tried = netwright("apply", "--confirm", "60", "more.yaml")
    assert tried.returncode == 0
    assert tried.stderr.splitlines()[-1].endswith("unless you run: netwright confirm shop")
    assert "not confirmed" in netwright("status").stdout
    confirmed = netwright("confirm")
    assert (confirmed.returncode, confirmed.stderr) == (0, "shop: confirmed, it stays.\n")
    assert netwright("confirm", "shop").returncode == 1
    # Who would roll it back has nothing to do any more.
    until(lambda: not watchers())
    assert host.namespaces() == ["cli-a", "cli-b"]


def test_an_apply_says_what_an_earlier_one_has_left_to_be_confirmed(host) -> None:
    netwright("apply", "shop.yaml")
    tried = netwright("apply", "--confirm", "60", "more.yaml")
    again = netwright("apply", "more.yaml")
    assert again.stdout == "Nothing to do: the host is as the file says.\n"
    assert again.stderr == tried.stderr.splitlines(keepends=True)[-1]
    assert netwright("confirm").returncode == 0
    until(lambda: not watchers())


def test_a_change_that_is_not_confirmed_is_rolled_back_though_the_terminal_is_gone(host) -> None:
    netwright("apply", "shop.yaml")
    # In a session of its own, all of which is killed: what is left of it must do the work.
    with started("apply", "--confirm", "4", "more.yaml", start_new_session=True) as process:
        status, err = communicated(process)
    assert (status, host.namespaces()) == (0, ["cli-a", "cli-b"]), err
    (watcher,) = watchers()
    assert os.getsid(watcher) != process.pid
    assert {os.readlink(f"/proc/{watcher}/fd/{number}") for number in range(3)} == {"/dev/null"}
    until(lambda: not watchers())
    assert host.namespaces() == ["cli-a"]
    assert netwright("plan", "--check", "shop.yaml").returncode == 0
    late = netwright("confirm", "shop")
    assert (late.returncode, late.stderr.splitlines()[0]) == (1, "error: There is no change of shop that waits to be confirmed.")


def watchers() -> list[int]:
    """The processes in this network namespace that wait for a confirmation."""
    here = os.readlink("/proc/self/ns/net")
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"_watch-trial" in (process / "cmdline").read_bytes() and os.readlink(process / "ns" / "net") == here:
                found.append(int(process.name))
        except OSError:
            continue
    return found


def test_what_only_the_host_shows_to_be_wrong_is_said_and_nothing_is_touched(host) -> None:
    Path("wrong.yaml").write_text(SHOP.replace("network: lan, address: 10.3.0.7, mtu: 1400", "nic: cli-nic"))
    before = host.links()
    done = netwright("apply", "wrong.yaml")
    assert done.returncode in (1, 2)
    assert "cli-nic" in done.stderr
    assert (host.links(), host.namespaces()) == (before, [])


def test_a_log_without_events_says_so_and_prints_no_document(host) -> None:
    told = netwright("events", "shop")
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "The daemon has done nothing yet, as far as its log goes back.\n")
    told = netwright("events", "--json")
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


def test_the_log_tells_who_changed_what_by_which_command(host, monkeypatch: pytest.MonkeyPatch) -> None:
    assert netwright("log").stderr == "Nothing was changed here yet, as far as the log goes back.\n"
    monkeypatch.setenv("SUDO_USER", "ann")
    began = time.time()
    netwright("apply", "shop.yaml")
    Path("wrong.yaml").write_text(SHOP.replace("network: lan, address: 10.3.0.7, mtu: 1400", "nic: cli-nic"))
    netwright("apply", "wrong.yaml")
    netwright("destroy", "shop")
    entries = document("log", "shop")["entries"]
    assert [(one["act"], one["result"], one["caller"]["command"]) for one in entries] == [
        ("apply", "done", "netwright apply shop.yaml"),
        ("apply", "refused", "netwright apply wrong.yaml"),
        ("destroy", "done", "netwright destroy shop"),
    ]
    first, refused, last = entries
    assert began <= first["at"] <= last["at"] <= time.time()
    assert {key: first["caller"][key] for key in ("uid", "user", "sudo_user", "sessions")} == {
        "uid": 0,
        "user": "root",
        "sudo_user": "ann",
        "sessions": [],
    }
    assert (first["before"], last["after"]) == (None, None)
    assert first["after"] == last["before"] == hashlib.sha256(SHOP.encode()).hexdigest()
    assert "delete namespace cli-a" in last["done"]
    assert "cli-nic" in refused["message"]
    shown = netwright("log").stdout
    assert "  shop: apply, done, by root (by sudo from ann): netwright apply shop.yaml\n    create namespace cli-a" in shown
    assert document("log", "other") == {"version": 1, "entries": []}
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (Path("state"), *Path("state").iterdir())}
    assert modes == {"state": 0o700, "lock": 0o600, "state.db": 0o600}
