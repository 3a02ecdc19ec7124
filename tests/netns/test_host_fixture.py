"""The tests' own host: that it is not the machine, and that what a test leaves is noticed."""

from __future__ import annotations

import os

import pytest

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
