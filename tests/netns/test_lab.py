"""Labs, and the pytest plugin that gives them to tests."""

from __future__ import annotations

import doctest
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

import netwright.testing
from netwright.errors import NetwrightError, Refused, SpecError
from netwright.testing import Lab, Reach
from sandbox_users import Pinned, as_nobody, python, run

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.netns

FILE = """
version: 1
name: lab
networks:
  front: {subnets: [192.0.2.0/24, "fd00:2::/64"]}
  back: {subnets: [198.51.100.0/24]}
namespaces:
  gate:
    interfaces:
      eth1: {nic: eth1, addresses: [203.0.113.1/24]}
      front: {network: front, address: 192.0.2.9}
    publish:
      - {listen: "eth1:8080/tcp", from: [203.0.113.0/28], to: "web:80"}
  web: {interfaces: {eth0: {network: front, address: ["192.0.2.80", "fd00:2::80"]}}}
  far: {interfaces: {eth0: {network: back}}}
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab.build(FILE, outside={"eth1": ["203.0.113.7/24", "203.0.113.77/24"]}) as built:
        yield built


def test_a_lab_has_the_files_namespaces_and_those_beyond_nics(lab: Lab) -> None:
    assert list(lab) == ["gate", "web", "far", "outside-eth1"]
    assert lab.notes == ["the NIC eth1 is a veth; its other end, eth1 too, is in the namespace outside-eth1"]
    with pytest.raises(KeyError, match="the lab has no 'wbe'; it has gate, web, far, outside-eth1"):
        lab["wbe"]


def test_a_lab_knows_the_subnets_that_were_chosen() -> None:
    text = "version: 1\nname: lab\nnetworks: {lan: {subnets: [auto4]}}\nnamespaces: {a: {interfaces: {eth0: {network: lan}}}}\n"
    with Lab.build(text) as lab:
        assert lab.networks["lan"] == ["172.17.0.0/16"]
        assert lab["a"].address("lan") == "172.17.0.2"


def test_a_host_knows_its_addresses_on_the_networks(lab: Lab) -> None:
    assert lab["web"].address() == "192.0.2.80"
    assert lab["web"].address("front", family=6) == "fd00:2::80"
    assert lab["gate"].address("front") == "192.0.2.9"
    assert lab.host.address("back") == "198.51.100.1"
    with pytest.raises(LookupError, match=r"web has no IPv4 address on back; it has 192.0.2.80/24, fd00:2::80/64"):
        lab["web"].address("back")


def test_what_a_published_port_says_depends_on_who_asks(lab: Lab) -> None:
    outside = lab["outside-eth1"]
    with lab["web"].listen(80):
        assert outside.can_connect("203.0.113.1", 8080, source="203.0.113.7") is Reach.REACHABLE
        assert outside.can_connect("203.0.113.1", 8080, source="203.0.113.77") is Reach.REFUSED
        assert outside.reaches("203.0.113.1", 8080, source="203.0.113.7")
        assert not outside.reaches("203.0.113.1", 8081, source="203.0.113.7")
    assert outside.can_connect("203.0.113.1", 8080, source="203.0.113.7") is Reach.REFUSED


def test_an_address_that_nobody_has_drops_what_is_sent_to_it(lab: Lab) -> None:
    assert lab["web"].can_connect("192.0.2.200", 80, timeout=0.2) is Reach.DROPPED


@pytest.mark.parametrize("address", ["192.0.2.80", "fd00:2::80"])
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_something_listens_in_both_families_and_protocols(lab: Lab, address: str, protocol: str) -> None:
    assert lab["gate"].can_connect(address, 5353, protocol) is Reach.REFUSED
    with lab["web"].listen(5353, protocol, reply="it is me\n"):
        assert lab["gate"].can_connect(address, 5353, protocol) is Reach.REACHABLE
    assert lab["gate"].can_connect(address, 5353, protocol) is Reach.REFUSED


def test_a_listener_says_what_it_was_told_to_and_takes_a_free_port(lab: Lab) -> None:
    def said(port: int) -> bytes:
        with socket.create_connection(("192.0.2.80", port), 5) as connection:
            return connection.makefile("rb").read()

    with lab["web"].listen(0, reply="the page\n") as port:
        assert lab["gate"].call(said, port) == b"the page\n"


def test_a_program_runs_in_its_namespace_with_its_own_sys(lab: Lab) -> None:
    done = lab["gate"].run(["sh", "-c", "ls /sys/class/net; cat; echo sad >&2; exit 3"], input="said\n")
    assert (done.stdout, done.stderr, done.returncode) == ("eth1\nfront\nlo\nsaid\n", "sad\n", 3)


def test_a_program_that_is_not_there_ends_with_127(lab: Lab) -> None:
    done = lab["gate"].run(["no-such-program"])
    assert (done.returncode, done.stderr) == (127, "netwright: no-such-program: No such file or directory\n")


def test_a_program_that_takes_too_long_is_ended(lab: Lab) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        lab["gate"].run(["sleep", "3220"], timeout=0.3)
    assert lab.host.run(["pgrep", "-fx", "sleep 3220"]).returncode == 1


def test_a_started_program_is_a_real_popen_and_gets_signals(lab: Lab) -> None:
    script = "trap 'echo told; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
    with lab["gate"].popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        program.terminate()
        assert program.stdout.read() == "told\n"
    assert program.returncode == 5


def test_a_function_runs_there_and_its_exception_comes_back(lab: Lab) -> None:
    before = os.readlink("/proc/self/ns/net")
    assert lab["far"].call(socket.if_nameindex) == [(1, "lo"), (2, "eth0")]
    with pytest.raises(ZeroDivisionError):
        lab["far"].call(lambda: 1 // 0)
    assert os.readlink("/proc/self/ns/net") == before


def test_what_is_wrong_in_a_file_is_raised_in_the_test() -> None:
    with pytest.raises(SpecError) as wrong:
        Lab.build("version: 1\nname: lab\nnetwork: {}\n")
    assert [(problem.line, problem.column, problem.path) for problem in wrong.value.problems] == [(3, 1, "network")]
    with pytest.raises(Refused, match=r"The file has no NIC eth1\."):
        Lab.build("version: 1\nname: lab\n", outside={"eth1": []})


def test_a_closed_lab_says_so_and_leaves_nothing() -> None:
    lab = Lab.build("version: 1\nname: lab\nnamespaces: {a: }\n")
    with Pinned(lab.pid) as inside:
        program = lab["a"].popen(["sh", "-c", "setsid -f sleep 3221; echo ready; sleep 3222"], stdout=subprocess.PIPE, text=True)
        assert program.stdout.readline() == "ready\n"
        lab.close()
        program.communicate(timeout=10)
        assert inside.processes() == []
    lab.close()
    with pytest.raises(NetwrightError, match=r"The lab is closed\."):
        lab["a"].reaches("127.0.0.1", 80)


def test_a_lab_ends_with_the_process_that_made_it() -> None:
    program = """
import time
from netwright.testing import Lab
lab = Lab.build("version: 1\\nname: lab\\nnamespaces: {a: }\\n")
lab["a"].popen(["sleep", "3223"])
print(lab.pid, flush=True)
time.sleep(100)
"""
    with subprocess.Popen(python(program), stdout=subprocess.PIPE, text=True) as maker:
        assert maker.stdout is not None
        with Pinned(maker.stdout.readline().strip()) as inside:
            assert len(inside.processes()) >= 3
            maker.send_signal(signal.SIGKILL)
            maker.wait(10)
            assert inside.left_after(10) == []


def test_the_examples_in_the_documentation_run() -> None:
    assert doctest.testmod(netwright.testing) == doctest.TestResults(failed=0, attempted=2)


TESTS = """
import pytest

FILE = '''
version: 1
name: lab
networks: {lan: {subnets: [192.0.2.0/24]}}
namespaces:
  web: {interfaces: {eth0: {network: lan, address: 192.0.2.80}}}
  client: {interfaces: {eth0: {network: lan}}}
'''

@pytest.mark.parametrize("number", range(2))
def test_reaches(netwright_lab, number):
    lab = netwright_lab(FILE)
    with lab["web"].listen(80):
        assert lab["client"].reaches("192.0.2.80", 80)
    assert lab["client"].call(max, 1, number) == 1

def test_path(netwright_lab, tmp_path):
    (tmp_path / "f.yaml").write_text(FILE)
    assert list(netwright_lab(tmp_path / "f.yaml")) == ["web", "client"]
"""


def test_the_fixture_gives_labs_also_to_parallel_workers(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    pytester.runpytest_subprocess("-q", "-n2", "-W", "error").assert_outcomes(passed=3)


def test_the_fixture_works_for_a_user_who_may_nothing(pytester: pytest.Pytester) -> None:
    tests = pytester.makepyfile(TESTS).read_text()
    script = 'mkdir -p "$1" && cd "$1" && printf "%s" "$2" > test_it.py && exec "$3" -m pytest -q -W error -p no:cacheprovider --basetemp="$1/t" test_it.py'
    before = ["mount -t tmpfs -o mode=1777 scratch /media"]
    done = run(as_nobody(["sh", "-c", script, "sh", "/media/own", tests, sys.executable], before=before))
    assert "3 passed" in done.stdout, done.stdout + done.stderr


def test_the_fixture_skips_with_the_reason_where_it_is_forbidden(pytester: pytest.Pytester) -> None:
    tests = pytester.makepyfile(TESTS).read_text()
    script = 'mkdir -p "$1" && cd "$1" && printf "%s" "$2" > test_it.py && exec "$3" -m pytest -rs -p no:cacheprovider --basetemp="$1/t" test_it.py'
    before = ["mount -t tmpfs -o mode=1777 scratch /media", "echo 0 > /proc/sys/user/max_user_namespaces"]
    command = as_nobody(["sh", "-c", script, "sh", "/media/own", tests, sys.executable], before=before)
    program = "import os, sys\nfrom netwright.sandbox import throwaway\nthrowaway.become()\nos.execvp(sys.argv[1], sys.argv[1:])"
    done = run(python(program, *command))
    assert "3 skipped" in done.stdout, done.stdout + done.stderr
    assert "user.max_user_namespaces = 0 forbids them to ordinary users. (sudo sysctl" in done.stdout


def test_importing_the_plugin_loads_no_engine_and_no_library() -> None:
    program = """
import sys, pytest
before = set(sys.modules)
import netwright.testing.plugin
print(sorted(name for name in set(sys.modules) - before if name.partition(".")[0] in ("netwright", "yaml", "pydantic", "docker", "rich")))
"""
    assert run(python(program)).stdout == (
        "['netwright', 'netwright.errors', 'netwright.sandbox', 'netwright.sandbox.entrance', 'netwright.sandbox.kernel', "
        "'netwright.sandbox.probe', 'netwright.testing', 'netwright.testing.host', 'netwright.testing.lab', 'netwright.testing.plugin']\n"
    )


def test_the_plugin_is_one_fixture_and_no_hook() -> None:
    from netwright.testing import plugin

    assert [name for name in vars(plugin) if name.startswith("pytest_")] == []
    assert [name for name, value in vars(plugin).items() if type(value).__name__ == "FixtureFunctionDefinition"] == ["netwright_lab"]
