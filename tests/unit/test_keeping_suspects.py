"""Whom the daemon suspects."""

from __future__ import annotations

from netwright.keeping.suspects import suspects
from netwright.model.netns import HOST, named
from netwright.model.notice import Kind, Notice
from netwright.model.operation import AddAddress, DeleteTable, SetSysctl
from netwright.model.route import Address

RUNNING = ["systemd", "firewalld", "NetworkManager", "dockerd", "dockerd", "tuned", "bash"]
TABLE = DeleteTable(netns=HOST, name="nw_shop", why="test")
ADDRESS = AddAddress(netns=named("a"), address=Address(dev="eth0", cidr="10.0.0.1/8"), why="test")


def test_whoever_the_kernel_has_named_comes_first_then_programs_that_manage_the_same() -> None:
    gone = Notice(kind=Kind.TABLE, netns=HOST, subject="nw_shop", gone=True, by="nft (PID 123)")
    assert suspects([TABLE], [gone, gone], RUNNING) == (
        "nft (PID 123) has changed it",
        "firewalld is running",
        "the Docker Engine is running",
    )


def test_links_and_addresses_are_managed_by_others_than_firewalls() -> None:
    assert suspects([ADDRESS], [], RUNNING) == ("NetworkManager is running", "the Docker Engine is running")
    assert suspects([SetSysctl(netns=HOST, key="net.ipv4.ip_forward", value="1", why="test")], [], RUNNING) == (
        "the Docker Engine is running",
        "tuned is running",
    )


def test_nobody_is_suspected_where_nobody_runs() -> None:
    assert suspects([TABLE, ADDRESS], [], ["systemd", "bash"]) == ()
