"""Which iptables is started: the system's, whatever stands first in the caller's PATH."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from netwright.backends.xtables import Variant, program
from netwright.errors import Missing

SYSTEMS = shutil.which("iptables-nft-save", path="/usr/local/sbin:/usr/sbin:/sbin")


def planted(folder: Path) -> Path:
    program = folder / "iptables-nft-save"
    program.write_text("#!/bin/sh\ntouch planted\n")
    program.chmod(0o755)
    return program


@pytest.mark.skipif(SYSTEMS is None, reason="needs iptables (Debian's package is iptables)")
def test_one_that_somebody_has_put_into_path_is_not_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/sbin")
    assert program(4, Variant.NFT, "save") == SYSTEMS


def test_where_the_system_has_none_path_says_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = planted(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program(4, Variant.NFT, "save", folders=()) == str(there)


@pytest.mark.parametrize("relative", [".", "", "bin"])
def test_one_in_the_folder_that_the_caller_is_in_is_never_started(relative: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    planted(tmp_path / relative)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", relative)
    with pytest.raises(Missing, match="iptables-save is not there"):
        program(4, Variant.NFT, "save", folders=())
