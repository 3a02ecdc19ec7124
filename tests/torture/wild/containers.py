"""A state machine beside a real Docker Engine: containers come, go and are killed by others while stacks speak of them."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, ClassVar

import yaml
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

import netwright
from netwright.engine.engine import Engine
from netwright.errors import Refused
from torture.wild.comparison import differences
from torture.wild.files import Tree, as_text
from torture.wild.look import Look, look, marked, stack_of
from torture.wild.promises import nothing_to_do, step

if TYPE_CHECKING:
    from docker_host import DockerHost

NAMES = ("web", "db", "other")
STACK = "lab"
ADDRESSES = {"web": ("172.30.0.10", "192.168.77.20"), "db": ("172.30.0.11", "192.168.77.21")}
SHOWN = (
    '{"name": {{json .Name}}, "on": {{json .State.Running}}, "pid": {{json .State.Pid}}, "networks": {{json .NetworkSettings.Networks}}}'
)


@st.composite
def files(draw: st.DrawFn) -> str:
    """A file about containers; valid."""
    networks: Tree = {"lan": {"bridge": "br7", "subnets": ["192.168.77.0/24"], "masquerade": False}}
    if custom := draw(st.booleans()):
        networks["custom"] = {"managed_by": "docker", "bridge": "docker7", "subnets": ["172.30.0.0/16"]}
        networks["custom"] |= draw(st.sampled_from([{}, {"mtu": 1400}, {"labels": {"colour": "blue"}}]))
    containers: Tree = {}
    for name in draw(st.lists(st.sampled_from(sorted(ADDRESSES)), unique=True, min_size=1)):
        on_docker, on_lan = ADDRESSES[name]
        container: Tree = {}
        if custom and draw(st.booleans()):
            container["networks"] = {"custom": {"address": on_docker}}
        if draw(st.booleans()):
            container["interfaces"] = {"eth7": {"network": "lan", "address": on_lan, "mtu": 1400}}
        if draw(st.booleans()):
            listen = 8080 + sorted(ADDRESSES).index(name)
            container["publish"] = [{"listen": listen, "to": 80, **draw(st.sampled_from([{}, {"from": ["10.0.0.0/16"]}]))}]
        containers[name] = container
    tree: Tree = {"version": 1, "name": STACK, "networks": networks, "containers": containers}
    if draw(st.booleans()):
        tree["namespaces"] = {"peer": {"interfaces": {"eth0": {"network": "lan", "address": "192.168.77.9"}}}}
    if draw(st.integers(0, 2)) == 2:
        tree["policies"] = [{"name": "office", "from": ["10.0.0.0/16"], "to": min(containers), "ports": [8080, 80]}]
    return as_text(tree)


class Harbour(RuleBasedStateMachine):
    """`docker`: the engine, on whose host the thread is."""

    counted: ClassVar[Counter[str]] = Counter()
    docker: ClassVar[DockerHost]

    def __init__(self) -> None:
        super().__init__()
        self.counted["examples"] += 1
        self._steps: list[str] = []
        self._open = ExitStack()
        self.folder = self._open.enter_context(tempfile.TemporaryDirectory(prefix="netwright-chance-"))
        self._open.callback(self.docker.empty)
        self.tree: Tree | None = None

    def script(self) -> str:
        """The steps up to here."""
        return "\n".join(["# on a host with a Docker Engine; image: busybox", *self._steps])

    def engine(self) -> Engine:
        return netwright.open_engine(state_folder=self.folder)

    def ask(self, *arguments: str) -> None:
        """Something that somebody does with docker; what it refuses is no matter."""
        self._steps.append(" ".join(("docker", *arguments)))
        self.counted["interferences"] += 1
        try:
            self.docker.docker(*arguments)
        except AssertionError as error:
            self._steps.append(f"# {str(error).splitlines()[0]}")

    def containers(self) -> dict[str, Any]:
        """As Docker shows them, by name."""
        names = self.docker.docker("ps", "--all", "--format", "{{.Names}}").split()
        if not names:
            return {}
        shown = [json.loads(line) for line in self.docker.docker("inspect", "--format", SHOWN, *names).splitlines()]
        return {one["name"].removeprefix("/"): one for one in shown}

    @staticmethod
    def others(containers: dict[str, Any]) -> dict[str, Any]:
        """What is nobody's but the containers' own: that they run, as what, and Docker's own network of theirs."""
        return {
            name: {"on": one["on"], "pid": one["pid"], "bridge": one["networks"].get("bridge", {}).get("IPAddress")}
            for name, one in containers.items()
        }

    def change(self, tree: Tree | None, change: Callable[[Engine], object]) -> bool:
        before = self.others(self.containers())
        try:
            with self.engine() as engine:
                change(engine)
        except Refused as error:
            self._steps.append(f"# refused: {str(error).splitlines()[0]}")
            self.counted["refused"] += 1
            return False
        finally:
            wrong = differences(before, self.others(self.containers()))
            assert not wrong, "containers were touched:\n" + "\n".join(wrong)
        self.tree = tree
        return True

    def in_order(self) -> None:
        """As the file says, for every container that runs."""
        assert self.tree is not None
        with self.engine() as engine:
            (status,) = engine.status(STACK)
        assert status.trouble is None, status.trouble
        assert status.drift is not None
        nothing_to_do(status.drift)
        seen, there = look(), self.containers()
        wrong = list(self._wrong(self.tree, seen, there))
        assert not wrong, "it is not as the file says:\n" + "\n".join(wrong)

    def _wrong(self, tree: Tree, seen: Look, there: dict[str, Any]) -> list[str]:
        found = [] if stack_of(seen.host.links.get("br7", {})) == STACK else ["there is no br7"]
        found += [] if "custom" not in tree["networks"] or "docker7" in seen.host.links else ["there is no docker7"]
        tables = "".join(seen.host.tables.values())
        for name, spec in tree["containers"].items():
            one = there.get(name)
            if one is None or not one["on"]:
                continue
            wanted = spec.get("networks", {}).get("custom", {}).get("address")
            has = one["networks"].get("custom", {}).get("IPAddress")
            if wanted not in (None, has):
                found.append(f"{name} has {has} on custom, not {wanted}")
            inside = subprocess.run(
                ["nsenter", f"--net=/proc/{one['pid']}/ns/net", "ip", "-j", "address", "show"], check=True, capture_output=True, text=True
            ).stdout
            links = {link["ifname"]: link for link in json.loads(inside) if link}
            eth7 = (
                [(a["local"], links["eth7"]["mtu"]) for a in links["eth7"]["addr_info"] if a["family"] == "inet"] if "eth7" in links else []
            )
            asked = [(spec["interfaces"]["eth7"]["address"], 1400)] if "interfaces" in spec else []
            if eth7 != asked:
                found.append(f"{name} has {eth7} on eth7, not {asked}")
            found += [
                f"{p['listen']} is in no table" for p in spec.get("publish", ()) if str(p["listen"]) not in tables and one["networks"]
            ]
        return found

    @rule(text=files())
    @step
    def apply(self, text: str) -> None:
        """A file."""
        self._apply(text)

    @precondition(lambda self: self.tree)
    @rule()
    @step
    def apply_again(self) -> None:
        """What was done by hand is put right."""
        assert self.tree is not None
        self._apply(as_text(self.tree))

    def _apply(self, text: str) -> None:
        self._steps += [f"cat > stack.yaml <<'END'\n{text}END", "netwright apply stack.yaml"]
        self.counted["applies"] += 1
        document = netwright.parse(text, "stack.yaml")
        if self.change(yaml.safe_load(text), lambda engine: engine.apply(document)):
            self.in_order()

    @precondition(lambda self: self.tree)
    @rule()
    @step
    def keep(self) -> None:
        """What the daemon does when it has heard of something."""
        self._steps.append("netwright daemon  # looks")
        if self.change(self.tree, lambda engine: engine.keep(STACK)):
            self.in_order()

    @precondition(lambda self: self.tree)
    @rule()
    @step
    def destroy(self) -> None:
        self._steps.append(f"netwright destroy {STACK}")
        self.counted["destroys"] += 1
        if self.change(None, lambda engine: engine.destroy(STACK)):
            self.gone()

    def gone(self) -> None:
        """Nothing of ours is left, in Docker neither."""
        seen = look()
        left = marked(seen)
        left += [
            f"Docker's network {name}" for name in self.docker.docker("network", "ls", "--filter", "label=io.netwright.stack", "-q").split()
        ]
        left += [line for line in self.docker.run("iptables", "-S", check=False).splitlines() if "netwright" in line]
        assert not left, "this is left:\n" + "\n".join(left)

    @rule(name=st.sampled_from(NAMES))
    @step
    def start(self, name: str) -> None:
        """A container comes, or comes back."""
        if name in self.containers():
            self.ask("start", name)
        else:
            self.ask("run", "--detach", "--name", name, "--stop-signal", "KILL", "bb:1", "sleep", "1000000")

    @rule(
        name=st.sampled_from(NAMES),
        how=st.sampled_from([("kill",), ("restart", "--time", "0"), ("rm", "--force"), ("network", "disconnect", "custom")]),
    )
    @step
    def disturb(self, name: str, how: tuple[str, ...]) -> None:
        """A container is killed, restarted, removed or taken off its network."""
        if name in self.containers():
            self.ask(*how, name)

    @rule(one=st.sampled_from(NAMES), two=st.sampled_from(NAMES))
    @step
    def rename(self, one: str, two: str) -> None:
        """Another is called so now."""
        there = self.containers()
        if one in there and two not in there:
            self.ask("rename", one, two)

    @precondition(lambda self: self.tree and self.restarts < 1)
    @rule()
    @step
    def restart_engine(self) -> None:
        """As an update of Docker does it."""
        self.restarts += 1
        self._steps.append("systemctl restart docker")
        self.counted["restarts of dockerd"] += 1
        self.docker.restart()

    restarts = 0

    def teardown(self) -> None:
        with self._open:
            if sys.exc_info()[0] is None:
                self.end()
            else:
                with self.engine() as engine:
                    engine.destroy(STACK)

    @step
    def end(self) -> None:
        """Whatever is there is destroyed."""
        self._steps.append(f"netwright destroy {STACK}")
        # One that was taken off Docker's network by hand and put back by hand would hold it.
        self.change(None, lambda engine: engine.destroy(STACK))
        self.gone()
