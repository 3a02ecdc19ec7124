"""A file that root changes lies in a folder that may be somebody else's: what is put in its way there is not followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from netwright.errors import NetwrightError
from netwright.frontends.cli.rewriting import Original, open_original

SHOP = "version: 1\nname: shop\n"


@pytest.fixture
def original(tmp_path: Path) -> Original:
    (tmp_path / "alice").mkdir()
    path = tmp_path / "alice" / "shop.yaml"
    path.write_text(SHOP)
    path.chmod(0o666)
    return open_original(str(path))


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that nobody else may read."""
    path = tmp_path / "secret"
    path.write_text("secret")
    path.chmod(0o600)
    return path


def at_fsync(monkeypatch: pytest.MonkeyPatch, action: Callable[[], None]) -> None:
    """The folder's owner is quick: they act, once, while the new file is being written."""
    sync = os.fsync
    left = [action]

    def first(descriptor: int) -> None:
        while left:
            left.pop()()
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", first)


def test_a_link_in_the_place_of_the_new_file_gives_nobody_the_file_that_it_leads_to(
    original: Original, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.geteuid() == 0:
        os.chown(original.path, 4242, 4242)

    def swap() -> None:
        (new,) = original.path.parent.glob(".shop.yaml.*")
        new.unlink()
        new.symlink_to(secret)

    at_fsync(monkeypatch, swap)
    original.write(SHOP + "# changed\n")
    found = secret.stat()
    assert (stat.S_IMODE(found.st_mode), found.st_uid, secret.read_text()) == (0o600, os.geteuid(), "secret")


def test_a_link_in_the_place_of_the_file_is_not_followed(original: Original, secret: Path) -> None:
    original.path.unlink()
    original.path.symlink_to(secret)
    with pytest.raises(NetwrightError, match=r"shop\.yaml could not be changed"):
        original.write(SHOP + "# changed\n")
    assert secret.read_text() == "secret"
    assert [path.name for path in original.path.parent.iterdir()] == ["shop.yaml"]


def test_the_new_file_is_its_owners_with_its_mode(original: Original) -> None:
    if os.geteuid() == 0:
        os.chown(original.path, 4242, 4243)
    before = original.path.stat()
    original.write(SHOP + "# changed\n")
    after = original.path.stat()
    assert original.path.read_text() == SHOP + "# changed\n"
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
