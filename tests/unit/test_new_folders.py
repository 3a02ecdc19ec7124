"""Folders that are made: whose they are, and who may look into them, whatever the caller's umask is and whatever was there before."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from netwright.backends.event_log import EventLog
from netwright.backends.files import NetnsFiles
from netwright.backends.new_folder import make_private, make_readable
from netwright.backends.service import only_one
from netwright.backends.store import SqliteStore
from netwright.errors import BackendError, Busy, Refused
from netwright.model.event import Event, What
from netwright.model.netns import named
from netwright.model.operation import WriteFile
from netwright.ports import Claims, Journal
from netwright.reception import bound

STRANGER = 4242
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to others: needs root")


@pytest.fixture(params=[0o000, 0o077], ids=["umask 000", "umask 077"])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def modes(top: Path) -> dict[str, int]:
    """Of all that is below it."""
    return {str(path.relative_to(top)): mode(path) for path in sorted(top.rglob("*")) if not path.is_symlink()}


def test_the_state_is_for_nobody_else(umask: int, tmp_path: Path) -> None:
    folder = tmp_path / "lib" / "netwright"
    with only_one(str(folder / "docker-plugin" / "plugin.lock"), Busy("two")):
        EventLog(str(folder)).add(Event(at=1.0, what=What.STARTED, message="at work"))
        store = SqliteStore(str(folder))
        with store.lock(wait=True, waiting=print):
            store.begin(Journal(stack="shop", spec=None, source="shop.yaml", started_at=1.0, claims=Claims()), ())
        found = modes(tmp_path)
        store.close()
    assert {name: value for name, value in found.items() if (tmp_path / name).is_dir()} == {
        "lib": 0o700,
        "lib/netwright": 0o700,
        "lib/netwright/docker-plugin": 0o700,
    }
    assert {"lib/netwright/state.db", "lib/netwright/lock", "lib/netwright/events.log"} < found.keys()
    assert {value for name, value in found.items() if name.count("/") > 1 or "." in name} <= {0o600, 0o700}


def test_what_commands_in_a_namespace_read_is_for_everybody_to_read_and_for_nobody_to_change(umask: int, tmp_path: Path) -> None:
    files = NetnsFiles(str(tmp_path / "etc" / "netns"))
    files.observe(frozenset(), "shop")
    files.execute(
        [WriteFile(netns=named("web"), name="resolv.conf", content="# netwright:shop\nnameserver 10.9.9.9\n", why="")], lambda _: None
    )
    assert modes(tmp_path) == {"etc": 0o755, "etc/netns": 0o755, "etc/netns/web": 0o755, "etc/netns/web/resolv.conf": 0o644}


def test_a_folder_that_is_there_stays_as_it_is_for_all_to_read(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    make_readable(tmp_path)
    assert mode(tmp_path) == 0o750


def test_a_socket_is_its_owners_from_the_first_moment(umask: int, tmp_path: Path) -> None:
    with bound(str(tmp_path / "api.sock")):
        assert mode(tmp_path / "api.sock") == 0o600
    assert os.umask(umask) == umask


@pytest.mark.parametrize("content", [[], ["state.db", "notes"], ["lock", "events.log"]], ids=["empty", "with a database", "with a log"])
def test_a_state_folder_that_others_may_look_into_is_closed(tmp_path: Path, content: list[str]) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(0o755)
    for name in content:
        (folder / name).touch()
    make_private(folder)
    assert mode(folder) == 0o700


def test_a_folder_with_other_things_in_it_is_not_closed_to_others(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "letters").touch()
    with pytest.raises(Refused, match=r"there is more in it \(letters\)") as refused:
        SqliteStore(str(tmp_path)).lock(wait=True, waiting=print).__enter__()
    assert refused.value.hint == "set NETWRIGHT_STATE to a folder of its own"
    assert modes(tmp_path.parent)[tmp_path.name] == 0o755
    assert [path.name for path in tmp_path.iterdir()] == ["letters"]


@as_root
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "state.db").write_bytes(b"planted")
    os.chown(folder, STRANGER, STRANGER)
    said = command(folder)
    assert said.startswith(f"error: The folder of the state, {folder}, belongs to another user (number 4242)")
    assert f"chown -hR root {folder}" in said
    assert [path.name for path in folder.iterdir()] == ["state.db"]


@as_root
def test_a_link_of_somebody_else_is_refused_and_where_it_leads_to_stays_as_it_is(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir(mode=0o755)
    link = tmp_path / "state"
    link.symlink_to(target)
    os.chown(link, STRANGER, STRANGER, follow_symlinks=False)
    with pytest.raises(Refused, match=f"{link}, is a link that belongs to another user \\(number 4242\\)"):
        make_private(link)
    assert mode(target) == 0o755
    os.chown(link, 0, 0, follow_symlinks=False)
    make_private(link)
    assert mode(target) == 0o700


def test_a_file_in_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with (
        pytest.raises(BackendError, match="state cannot be used: Not a directory"),
        only_one(str(tmp_path / "state" / "lock"), Busy("two")),
    ):
        pass


def command(state: Path) -> str:
    """What a command says that looks at the state."""
    environment = {**os.environ, "NETWRIGHT_STATE": str(state), "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "netwright", "log"], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr
