"""The Docker Engines that the tests are run with: the installed one, a newer one of Debian's, and any other that somebody names.

NETWRIGHT_TEST_ENGINE=FOLDER: the folder has dockerd, containerd, its shim and docker-proxy; what it has not is taken from PATH.
NETWRIGHT_TEST_ENGINE_OPTIONS: what its dockerd is started with, such as --firewall-backend=nftables.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

UNPACKED = Path(__file__).parents[2] / ".cache" / "engine-sid"
"""What scripts/newer_engine leaves: `root` and `version`, or `missing` with the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """One engine's."""

    name: str
    path: str
    """PATH with its programs first."""
    options: tuple[str, ...] = ()
    """More of dockerd's."""
    missing: str = ""
    """Why it cannot be started."""

    @property
    def nftables(self) -> bool:
        """Its rules are in nftables, and it has no DOCKER-USER."""
        return "--firewall-backend=nftables" in self.options


def _engines() -> Iterator[Programs]:
    path = os.environ["PATH"]
    yield Programs(name="installed", path=path, missing="" if shutil.which("dockerd") else "needs dockerd (Debian's package is docker.io)")
    root = UNPACKED / "root" / "usr"
    yield Programs(name="sid", path=f"{root}/sbin:{root}/bin:{path}", missing=_why_not())
    if folder := os.environ.get("NETWRIGHT_TEST_ENGINE"):
        options = tuple(shlex.split(os.environ.get("NETWRIGHT_TEST_ENGINE_OPTIONS", "")))
        yield Programs(name="named", path=f"{folder}:{path}", options=options)


def _why_not() -> str:
    if (UNPACKED / "version").exists():
        return ""
    told = UNPACKED / "missing"
    reason = told.read_text(encoding="utf-8").strip() if told.exists() else "scripts/newer_engine was not run"
    return f"the newer engine is not here: {reason}"


ENGINES = tuple(_engines())
"""The installed one first."""

NFTABLES = tuple(engine for engine in ENGINES if engine.nftables) or (
    Programs(
        name="nftables", path="", missing="no Docker 29 or later is named with --firewall-backend=nftables (tests/docker/docker_engines.py)"
    ),
)
"""Those whose rules are in nftables."""
