"""What each command may be without: all other capabilities are taken away, and it works; one more, and it says which is missing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from stacks import outside, run

pytestmark = pytest.mark.netns

SHOP = """\
version: 1
name: shop
networks: {lan: {subnets: [10.3.0.0/24, 'fd03::/64'], bridge: br-priv}}
namespaces:
  priv-a: {interfaces: {eth0: {network: lan}}, publish: [{listen: 80, to: "priv-b:80"}]}
  priv-b: {interfaces: {eth0: {network: lan}, wan: {nic: eth1}}}
host: {publish: [{listen: 80, to: "priv-a:80"}], sysctls: {net.ipv4.conf.all.rp_filter: 2}}
"""
BOTH = ("net_admin", "sys_admin")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NETWRIGHT_STATE", str(tmp_path / "state"))
    Path("shop.yaml").write_text(SHOP)
    with outside():
        yield
        assert limited(BOTH, "destroy", "shop")[0] == 0


def limited(capabilities: tuple[str, ...], *words: str) -> tuple[int, str]:
    """Exit status and standard error of a command of a root that has these capabilities and can get no other."""
    bounding = ",".join(["-all", *(f"+{name}" for name in capabilities)])
    command = ["setpriv", f"--bounding-set={bounding}", "--inh-caps=-all", sys.executable, "-m", "netwright", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stderr


def test_what_changes_or_looks_at_the_host_needs_two() -> None:
    for words in (
        ("plan", "shop.yaml"),
        ("apply", "shop.yaml"),
        ("status", "shop"),
        ("exec", "priv-a", "--", "true"),
        ("recover",),
        ("import", "host"),
    ):
        for missing, others in zip(BOTH, reversed(BOTH), strict=True):
            status, told = limited((others,), *words)
            assert (status, f"this root lacks CAP_{missing.upper()}. Nothing was touched." in told) == (1, True), (words, told)
        assert limited(BOTH, *words)[0] == 0, words
    assert limited(BOTH, "plan", "--check", "shop.yaml")[0] == 0
    assert "lacks CAP_NET_ADMIN and CAP_SYS_ADMIN" in limited((), "destroy", "shop")[1]


def test_what_only_knows_the_file_or_the_memory_needs_none() -> None:
    assert limited(BOTH, "apply", "--confirm", "60", "shop.yaml")[0] == 0
    for words in (("validate", "shop.yaml"), ("graph", "shop.yaml"), ("schema",), ("log",), ("events",), ("confirm", "shop")):
        assert limited((), *words)[0] == 0, words


LOOK = """
import sys
from netwright.backends.netns import identity
from netwright.errors import KernelError
from netwright.model.netns import container
try:
    print(identity(container("web", int(sys.argv[1]))) is not None)
except KernelError as error:
    print(error, "|", error.hint)
"""


def test_a_container_that_may_more_than_we_is_not_taken_for_absent() -> None:
    with subprocess.Popen(["unshare", "--net", "sleep", "60"]) as web:
        try:
            without = ["setpriv", "--bounding-set=-all,+net_admin,+sys_admin", "--inh-caps=-all"]
            assert run(*without, sys.executable, "-c", LOOK, str(web.pid)) == (
                "entering container web: Permission denied | it takes CAP_SYS_PTRACE to look into a container's namespace\n"
            )
            without[1] += ",+sys_ptrace"
            assert run(*without, sys.executable, "-c", LOOK, str(web.pid)) == "True\n"
        finally:
            web.kill()
