"""A part of the system that is absent is named with its package, and only by what needs it."""

from __future__ import annotations

import errno
import resource
import subprocess
import sys
from collections.abc import Iterator

import pytest
from firewall_net import run

from netwright.backends import libnftables, xtables
from netwright.backends.iptables import Iptables
from netwright.backends.nfnetlink import NetfilterSocket
from netwright.backends.nft import Nft
from netwright.errors import KernelError, Missing
from netwright.model.firewall import ForeignChain, ForeignRules, Table
from netwright.model.netns import HOST
from netwright.model.operation import ReplaceTable
from netwright.ports import OperationFailed
from own_host import away, new_network

pytestmark = pytest.mark.netns

DOCKER_USER = ForeignChain(4, "filter", "DOCKER-USER")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    with away():
        new_network()
        yield


@pytest.fixture
def no_libnftables(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(libnftables, "SONAME", "libnftables-of-nobody.so.1")
    libnftables._library.cache_clear()
    yield
    libnftables._library.cache_clear()


@pytest.mark.usefixtures("no_libnftables")
def test_without_libnftables_only_a_table_is_missed_and_the_package_is_named() -> None:
    assert Nft().observe_tables({HOST: "nw_web"}) == {}
    with pytest.raises(OperationFailed) as failure:
        Nft().execute([ReplaceTable(netns=HOST, table=Table.of("nw_web", "", frozenset()), owner="web", why="a test")], lambda _: None)
    assert isinstance(failure.value.cause, Missing)
    assert failure.value.cause.hint == "install the package libnftables1 (Debian, Ubuntu)"


def test_without_iptables_only_its_chains_are_missed_and_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Iptables().observe_foreign({DOCKER_USER}, "web") == {DOCKER_USER: ForeignRules()}
    run("iptables-nft", "-N", "DOCKER-USER")
    monkeypatch.setattr(xtables, "FOLDERS", ("/nonexistent",))
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(Missing, match="iptables-save is not there") as failure:
        Iptables().observe_foreign({DOCKER_USER}, "web")
    assert failure.value.hint == "install the package iptables"


EXITS = """\
import resource, sys
from netwright.backends.libnftables import run_nft
run_nft("list tables")
if sys.argv[1:] == ["starved"]:
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
run_nft("list tables")
"""


def test_when_nftables_library_ends_the_process_its_last_words_say_what_to_do() -> None:
    done = subprocess.run([sys.executable, "-c", EXITS, "starved"], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "error: nftables' library has ended this process" in done.stderr
    assert "hint: when the cause is gone, run: netwright recover" in done.stderr


def test_a_process_that_has_used_nftables_library_ends_as_any_other() -> None:
    done = subprocess.run([sys.executable, "-c", EXITS], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_process_that_may_open_no_file_more_is_told_so_by_netfilter() -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        with pytest.raises(KernelError, match=r"^opening a netfilter socket: Too many open files$") as told:
            NetfilterSocket()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert told.value.errno == errno.EMFILE
