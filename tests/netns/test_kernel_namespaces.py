"""Named namespaces: ours for `ip netns`, its own for us; sysctls in them; and sockets that notice another under the same name."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from netwright.backends.netlink import NetlinkKernel
from netwright.backends.netns import in_thread, run_in, visit
from netwright.kinds.bridge import Bridge
from netwright.model.link import Link
from netwright.model.netns import HOST, container, named
from netwright.model.operation import (
    CreateLink,
    CreateNetns,
    DeleteLink,
    DeleteNetns,
    RemoveAddress,
    RemoveRoute,
    RemoveRule,
    SetSysctl,
)
from netwright.model.route import Address, Route, Rule
from netwright.ports import OperationFailed

pytestmark = pytest.mark.netns

A, B = named("ns-a"), named("ns-b")


@pytest.fixture
def kernel(host):
    kernel = NetlinkKernel()
    yield kernel
    kernel.close()


def do(kernel, *operations):
    told = []
    kernel.execute(operations, told.append)
    assert sum(told) == len(operations)


def create(*refs):
    return [CreateNetns(netns=ref, why="test") for ref in refs]


def delete(*refs):
    return [DeleteNetns(netns=ref, why="test") for ref in refs]


def test_ip_netns_lists_enters_and_deletes_ours(host, kernel):
    do(kernel, *create(A, B))
    assert host.namespaces() == ["ns-a", "ns-b"]
    assert host.links(netns="ns-a") == ["lo"]
    host.run("ip", "netns", "exec", "ns-a", "ip", "link", "add", "br-in", "type", "bridge")
    assert sorted(kernel.observe([A])[A].links) == ["br-in", "lo"]
    host.run("ip", "netns", "delete", "ns-a")
    assert A not in kernel.observe([A, B])
    do(kernel, *delete(A, B))
    assert host.namespaces() == []


def test_we_read_and_delete_those_of_ip_netns(host, kernel):
    host.run("ip", "netns", "add", "ns-a")
    host.run("ip", "link", "add", "br-in", "type", "bridge", netns="ns-a")
    assert sorted(kernel.observe([A])[A].links) == ["br-in", "lo"]
    do(kernel, *delete(A))
    assert host.namespaces() == []


def test_the_folder_of_names_is_a_shared_mount_as_ip_netns_makes_it(host, kernel):
    do(kernel, *create(A))
    mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    assert [line[6].partition(":")[0] for line in mounts if line[4] == "/run/netns"][-1] == "shared"
    do(kernel, *delete(A))


def test_a_name_that_is_taken_is_refused_and_what_came_before_is_done(host, kernel):
    host.run("ip", "netns", "add", "ns-b")
    told = []
    with pytest.raises(OperationFailed) as failure:
        kernel.execute(create(A, B), told.append)
    assert (failure.value.operation.netns, failure.value.cause.errno, sum(told)) == (B, errno.EEXIST, 1)
    assert str(failure.value) == "could not make the namespace ns-b: there is a network namespace ns-b already"
    assert host.namespaces() == ["ns-a", "ns-b"]
    do(kernel, *delete(A, B))


def test_a_file_that_a_killed_run_left_is_no_namespace_and_no_obstacle(host, kernel):
    Path("/run/netns/ns-a").touch(mode=0)
    assert kernel.observe([A]) == {}
    assert kernel.hollow([A, B]) == {A}
    do(kernel, *create(A))
    assert list(kernel.observe([A])) == [A]
    assert kernel.hollow([A, B]) == set()
    do(kernel, *delete(A))
    Path("/run/netns/ns-a").touch(mode=0)
    do(kernel, *delete(A))
    assert host.namespaces() == []


def test_another_namespace_under_a_known_name_is_looked_at_anew(host, kernel):
    do(kernel, *create(A), CreateLink(netns=A, link=Bridge(name="br-old"), why="test"))
    assert "br-old" in kernel.observe([A])[A].links
    host.run("ip", "netns", "delete", "ns-a")
    host.run("ip", "netns", "add", "ns-a")
    assert list(kernel.observe([A])[A].links) == ["lo"]
    do(kernel, *delete(A))


def test_sysctls_are_written_at_birth_and_later_and_read(host, kernel):
    values = {"net.ipv4.ip_forward": "1", "net.ipv4.ip_local_port_range": "20000 30000"}
    do(
        kernel,
        CreateNetns(netns=A, sysctls=values, why="test"),
        CreateLink(netns=A, link=Bridge(name="br.7"), why="test"),
        SetSysctl(netns=A, key="net.ipv4.conf.br/7.rp_filter", value="2", why="test"),
        SetSysctl(netns=HOST, key="net.ipv4.conf.lo.rp_filter", value="2", why="test"),
    )
    assert host.run("sysctl", "-n", "net.ipv4.ip_forward", "net.ipv4.conf.br/7.rp_filter", netns="ns-a") == "1\n2\n"
    assert host.run("sysctl", "-n", "net.ipv4.conf.lo.rp_filter") == "2\n"
    wanted = {
        A: frozenset({*values, "net.ipv4.conf.br/7.rp_filter", "net.ipv4.not_there"}),
        HOST: frozenset({"net.ipv4.conf.lo.rp_filter"}),
        B: frozenset({"net.ipv4.ip_forward"}),
    }
    assert kernel.read_sysctls(wanted) == {
        A: {**values, "net.ipv4.conf.br/7.rp_filter": "2"},
        HOST: {"net.ipv4.conf.lo.rp_filter": "2"},
    }
    do(kernel, SetSysctl(netns=HOST, key="net.ipv4.conf.lo.rp_filter", value="0", why="test"), *delete(A))


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("net.ipv4.not_there", "1", errno.ENOENT),
        ("net.ipv4.ip_forward", "many", errno.EINVAL),
        ("net.//.//.kernel.hostname", "mine", errno.EINVAL),
        ("net..ipv4", "1", errno.EINVAL),
    ],
)
def test_a_sysctl_that_cannot_be_set_fails_its_operation(host, kernel, key, value, code):
    do(kernel, *create(A))
    good = SetSysctl(netns=A, key="net.ipv4.ip_forward", value="1", why="test")
    bad = SetSysctl(netns=A, key=key, value=value, why="test")
    told = []
    with pytest.raises(OperationFailed) as failure:
        kernel.execute([good, bad, good], told.append)
    assert (failure.value.operation, failure.value.cause.errno, sum(told)) == (bad, code, 1)
    do(kernel, *delete(A))


def test_a_sysctl_that_need_not_be_set_is_left_as_it_is_where_the_kernel_refuses_it(host, kernel):
    do(kernel, *create(A))
    given = {
        "net.ipv4.conf.lo.rp_filter": "many",
        "net.ipv4.not_there": "1",
        "net.ipv4.conf.lo.mc_forwarding": "1",
        "net.ipv4.ip_forward": "1",
    }
    do(kernel, *(SetSysctl(netns=A, key=key, value=value, optional=True, why="test") for key, value in given.items()))
    assert host.run("sysctl", "-n", "net.ipv4.conf.lo.rp_filter", "net.ipv4.ip_forward", netns="ns-a") == "0\n1\n"
    do(kernel, *delete(A))


def test_what_is_gone_with_its_namespace_is_removed_already(host, kernel):
    do(
        kernel,
        DeleteLink(netns=A, name="eth0", why="test"),
        RemoveAddress(netns=A, address=Address(dev="eth0", cidr="10.0.0.1/8"), why="test"),
        RemoveRoute(netns=A, route=Route(to="10.0.0.0/8"), why="test"),
        RemoveRule(netns=A, rule=Rule(family=4, priority=1, table=7), why="test"),
        *delete(A),
    )
    with pytest.raises(OperationFailed, match=r"^there is no network namespace ns-a$"):
        do(kernel, CreateLink(netns=A, link=Bridge(name="br-t"), why="test"))


def test_a_container_that_does_not_run_is_not_there(host, kernel):
    assert kernel.observe([container("web"), container("gone", 1 << 30)]) == {}
    own = container("self", os.getpid())
    assert list(kernel.observe([own])[own].links) == ["lo"]


MANY = """
import os, threading
from netwright.backends.netlink import NetlinkKernel
from netwright.model.netns import named
from netwright.model.operation import CreateNetns, DeleteNetns

kernel = NetlinkKernel()
refs = [named(f"many-{number}") for number in range(300)]
before = os.readlink("/proc/thread-self/ns/net")
kernel.execute([CreateNetns(netns=ref, why="test") for ref in refs], lambda _: None)
assert set(kernel.observe(refs)) == set(refs)
print(len(os.listdir("/proc/self/fd")) > 300)
kernel.execute([DeleteNetns(netns=ref, why="test") for ref in refs], lambda _: None)
assert kernel.observe(refs) == {}
assert os.readlink("/proc/thread-self/ns/net") == before
assert threading.active_count() == 1
"""


@pytest.mark.parametrize(
    ("limits", "keeps_all"), [("520:520", False), ("290:1024", True)], ids=["those last used are kept", "the limit is raised"]
)
def test_many_namespaces_are_made_and_read_though_few_files_may_be_open(host, limits, keeps_all):
    output = host.run("prlimit", f"--nofile={limits}", sys.executable, "-c", MANY)
    assert output == f"{keeps_all}\n"


def test_a_visit_skips_what_is_not_there_and_runs_in_each_of_the_others(host, kernel):
    do(kernel, *create(A))
    home = os.readlink("/proc/thread-self/ns/net")
    seen = visit([A, B, HOST], lambda _: os.readlink("/proc/thread-self/ns/net"))
    assert set(seen) == {A, HOST}
    assert seen[HOST] == home
    assert seen[A] == run_in(A, lambda: os.readlink("/proc/thread-self/ns/net")) != home
    do(kernel, *delete(A))


def test_what_fails_in_another_thread_is_the_callers_failure(host):
    with pytest.raises(ZeroDivisionError):
        in_thread(lambda: 1 // 0)


def test_a_plain_link_has_no_data_of_its_own():
    assert Link(name="x").info_data(frozenset({"mtu"})) == b""
