"""Where the API's socket may be: in no folder in which somebody else could put another one in its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from netwright.errors import Refused
from netwright.frontends.daemon.listening import listen

STRANGER = 4242


def test_a_folder_that_everybody_may_write_to_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(Refused, match=r"api\.sock: everybody may write to the folder"):
        listen(folder / "api.sock", None)
    assert list(folder.iterdir()) == []


def test_a_folder_like_tmp_is_taken(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    folder.chmod(0o1777)
    with listen(folder / "api.sock", None):
        assert (folder / "api.sock").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a folder to somebody else: needs root")
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    os.chown(folder, STRANGER, STRANGER)
    with pytest.raises(Refused, match=r"the folder belongs to another user \(number 4242\)") as refused:
        listen(folder / "api.sock", None)
    assert refused.value.hint == "set NETWRIGHT_SOCKET to a path in a folder of root's"


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a socket to a group: needs root")
def test_it_is_the_groups_from_the_moment_that_it_is_more_than_roots(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with listen(tmp_path / "run" / "api.sock", STRANGER):
            found = (tmp_path / "run" / "api.sock").stat()
    finally:
        os.umask(before)
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (0, STRANGER, 0o660)
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o755
