"""The tests' own host: that it is not the machine, and that what a test leaves is noticed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest

import own_host

pytestmark = pytest.mark.netns


def test_the_tests_run_in_a_network_of_their_own(host):
    assert os.readlink("/proc/thread-self/ns/net") not in host.machine
    assert os.readlink("/proc/thread-self/ns/mnt") not in host.machine
    assert host.links() == ["lo"]
    assert host.namespaces() == []


def test_what_is_left_is_named(host):
    host.run("ip", "netns", "add", "left-ns")
    host.run("ip", "link", "add", "left-br", "type", "bridge")
    host.run("ip", "address", "add", "192.0.2.1/24", "dev", "left-br")
    host.run("ip", "link", "set", "left-br", "up")
    host.run("ip", "-6", "rule", "add", "priority", "77", "table", "77")
    host.run("nft", "add", "table", "inet", "left_table")
    left = [phrase.split(" {")[0] for phrase in host.left_over()]
    host.run("ip", "netns", "delete", "left-ns")
    host.run("ip", "link", "delete", "left-br")
    host.run("ip", "-6", "rule", "delete", "priority", "77")
    host.run("nft", "delete", "table", "inet", "left_table")
    assert left == ["namespace left-ns", "link left-br", "route", "rule", "route", "nft table inet left_table"]
    assert host.left_over() == []


def stay_in_another(host) -> Callable[[], object]:
    """A thread that has gone to another namespace, and does not end."""
    gone, over = threading.Event(), threading.Event()

    def stay() -> None:
        own_host.unshare(own_host.CLONE_NEWNET)
        gone.set()
        over.wait()

    thread = threading.Thread(target=stay)
    thread.start()
    gone.wait()
    return lambda: (over.set(), thread.join())


def keep_a_handle(host) -> Callable[[], object]:
    host.run("ip", "netns", "add", "left-ns")
    handle = os.open("/run/netns/left-ns", os.O_RDONLY)
    return lambda: (os.close(handle), host.run("ip", "netns", "delete", "left-ns"))


def keep_another_handle_of_the_same(host) -> Callable[[], object]:
    handle = own_host.open_network()
    return lambda: os.close(handle)


def go_away(host) -> Callable[[], object]:
    home = own_host.open_network()
    own_host.unshare(own_host.CLONE_NEWNET)
    return lambda: (own_host.enter(home), os.close(home))


@pytest.mark.parametrize(
    ("leave", "told"),
    [
        (stay_in_another, "threads were left in other network namespaces"),
        (keep_a_handle, "handles of namespaces were left open"),
        (keep_another_handle_of_the_same, "handles of namespaces were left open"),
        (go_away, "the test's thread was left in another network namespace"),
    ],
)
def test_threads_and_handles_that_are_left_are_told(host, leave, told: str):
    with pytest.raises(AssertionError, match=told), own_host.nothing_held():
        put_right = leave(host)
    put_right()
