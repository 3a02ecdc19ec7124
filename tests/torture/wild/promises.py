"""What must be so on a host after each step, whatever was done: what the state machine looks at."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import wraps
from typing import Any, ClassVar, ParamSpec

from hypothesis.stateful import RuleBasedStateMachine

import netwright
from netwright.engine.engine import Engine
from netwright.errors import ApplyFailed, NetwrightError, Refused, SpecError
from netwright.model.operation import Plan
from netwright.planning.sentence import sentence
from torture.wild.agreement import disagreements
from torture.wild.comparison import settled
from torture.wild.files import Tree
from torture.wild.ground import MACS, NICS, ground, laid
from torture.wild.look import (
    HOST,
    Link,
    Look,
    all_links,
    as_a_stranger_knows,
    every_sysctl,
    exactly,
    look,
    marked,
    roughly,
    strange,
)

REFUSED_ALONE = (
    "is on no network of this namespace",
    "does not reach",
    "has IPv6 only, and nobody who may use this port",
    "its replies must find back",
)
"""What a file may be refused for on a host of its own."""
P = ParamSpec("P")


class Broken(AssertionError):
    """A promise that did not hold; its text has the steps that led there, as a script."""


def step(done: Callable[P, None]) -> Callable[P, None]:
    """A rule whose failure tells the steps."""

    @wraps(done)
    def told(*arguments: P.args, **named: P.kwargs) -> None:
        machine: Any = arguments[0]
        machine.counted["steps"] += 1
        try:
            done(*arguments, **named)
        except (AssertionError, NetwrightError) as error:
            raise Broken(f"{type(error).__name__}: {error}\n\n{machine.script()}") from error

    return told


def nothing_to_do(plan: Plan) -> None:
    """An empty plan."""
    left = [sentence(operation) for operation in plan.operations]
    assert not left, "there is something to do:\n" + "\n".join(left)


class Promises(RuleBasedStateMachine):
    """A host, the stacks on it as they were committed, and how to look at them."""

    counted: ClassVar[Counter[str]] = Counter()
    """What was done, of all examples."""

    def __init__(self) -> None:
        super().__init__()
        self.counted["examples"] += 1
        self._steps: list[str] = []
        self._open = ExitStack()
        self.folder = self._open.enter_context(tempfile.TemporaryDirectory(prefix="netwright-chance-"))
        self._open.enter_context(ground())
        self.committed: dict[str, Tree] = {}
        self.sound: set[str] = set()
        """The stacks that are as they were applied: nobody has touched the host since."""
        self.unfinished: set[str] = set()
        self._doubtful = False
        """Whether a run had been cut off before the step: who has a NIC then cannot be told."""
        self.contested = False
        """Whether a stranger has made or taken something that a file may want."""
        self.sysctls = every_sysctl({"up0", "br-ext"})
        self.first = look()
        self.known_nics = frozenset(NICS)
        """Those that no stranger has touched: they come home as they were at first."""
        self.theirs = all_links(self.first)
        """The links that strangers have made, the loopbacks of their namespaces among them."""

    # What is looked at

    def script(self) -> str:
        """The steps up to here, to be typed in namespaces of one's own: unshare --net --mount, a tmpfs on /run/netns and on /etc/netns."""
        return "\n".join(["ip link set lo up", laid(), *self._steps])

    def note(self, line: str, text: str | None = None) -> None:
        """Write down a step; `text`: the file that it is about."""
        self._steps += [f"cat > stack.yaml <<'END'\n{text}END", line] if text is not None else [line]

    def engine(self) -> Engine:
        return netwright.open_engine(state_folder=self.folder)

    def strangers(self, *looks: Look) -> set[Link]:
        """The links that are nobody's but theirs: without NICs that a stack has, or may have."""
        asked = {nic for nic in NICS for tree in self.committed.values() if nic in str(tree) or MACS[nic] in str(tree)}
        lent = {nic for seen in looks for nic in NICS if nic in seen.host.borrowed() or nic not in seen.host.links}
        borrowed = set(NICS) if self.unfinished or self._doubtful else asked | lent
        return {link for link in self.theirs if link not in {(HOST, nic) for nic in borrowed}}

    def look_first(self) -> Look:
        """Before a step of Netwright's."""
        self._doubtful = bool(self.unfinished)
        return look()

    def met(self, before: Look, after: Look) -> None:
        """A stranger was there: what is new and has no mark is theirs."""
        self.theirs |= {(name, key) for name, key in all_links(after) - all_links(before) if not self._is_marked(after, name, key)}
        self.theirs &= all_links(after) | {(HOST, nic) for nic in NICS}

    @staticmethod
    def _is_marked(seen: Look, name: str, key: str) -> bool:
        place = seen.places[name]
        return place is not None and "netwright" in str(place.links[key].get("ifalias", ""))

    @staticmethod
    def at_home(seen: Look, nics: Iterable[str]) -> dict[str, Any]:
        """NICs as the host has them, with their routes."""
        found: dict[str, Any] = {nic: as_a_stranger_knows(seen.host.links.get(nic, {})) for nic in nics}
        for route in seen.host.routes:
            if route.get("dev") in found and route.get("protocol") != "78":
                found[str(sorted(route.items(), key=str))] = True
        return found

    def untouched(self, before: Look, *, remade: bool = False) -> None:
        """The host is as before."""
        shown = roughly if remade else exactly
        left = settled(shown(before), lambda: shown(look()))
        assert not left, "the host is not as before:\n" + "\n".join(left)

    def strangers_untouched(self, before: Look, after: Look) -> None:
        """What is somebody else's is as before."""
        theirs = self.strangers(before, after)
        left = settled(strange(before, theirs), lambda: strange(look(), theirs), strange(after, theirs))
        assert not left, "what is not Netwright's was touched:\n" + "\n".join(left)

    def in_order(self, stack: str, after: Look) -> None:
        """A fresh engine finds nothing to do, and the witnesses see what the file says."""
        tree = self.committed[stack]
        with self.engine() as engine:
            (status,) = engine.status(stack)
        assert status.trouble is None, status.trouble
        assert status.drift is not None
        nothing_to_do(status.drift)
        wrong = disagreements(tree, after)
        assert not wrong, "it is not as the file says:\n" + "\n".join(wrong)

    # What may come of a change

    def change(self, stack: str, tree: Tree | None, change: Callable[[Engine], object], *, engine: Engine | None = None) -> bool:
        """Make a change, and look at what came of it; whether it was made. `tree`: what is committed then; None: nothing."""
        before, sound = self.look_first(), set(self.sound)
        recovers = bool(self.unfinished)
        try:
            with engine or self.engine() as opened:
                change(opened)
        except (Refused, SpecError) as error:
            self.counted["refused"] += 1
            self.note(f"# refused: {str(error).splitlines()[0]}")
            known = any(words in str(error) for words in REFUSED_ALONE)
            alone = not known and not self.contested and not (set(self.committed) | self.unfinished) - {stack}
            assert not alone or tree is None or self.needs_what_is_gone(tree), f"refused, with nobody in the way: {error}"
            if not recovers:
                self.untouched(before)
            self.recovered(stack if tree is None else None, failing=engine is not None)
            return False
        except ApplyFailed as error:
            if engine is None:
                raise
            assert error.rolled_back, str(error)
            self.counted["failed"] += 1
            self.note(f"# failed: {str(error).splitlines()[0]}")
            self.recovered(failing=True)
            self.strangers_untouched(before, look())
            if (stack in sound or stack not in self.committed) and not recovers:
                self.untouched(before, remade=True)
            return False
        after = look()
        if tree is None:
            self.committed.pop(stack, None)
            self.sound.discard(stack)
            self.gone(stack, after)
        else:
            self.committed[stack] = tree
            self.sound.add(stack)
        self.recovered(stack if tree is None else None, failing=engine is not None)
        if tree is not None:
            self.in_order(stack, after)
        self.strangers_untouched(before, after)
        for other in sound - {stack}:
            self.in_order(other, after)
        return True

    def needs_what_is_gone(self, tree: Tree) -> bool:
        """Whether a file asks for a NIC that is not there."""
        return any(nic in str(tree) for nic in NICS if nic not in look().host.links)

    @staticmethod
    def gone(stack: str | None, after: Look) -> None:
        """Nothing is left of a stack; None: of all."""
        left = marked(after, stack)
        assert not left, "this is left:\n" + "\n".join(left)

    def recovered(self, but: str | None = None, *, failing: bool = False) -> None:
        """What every change does first: what was cut off is brought back, but one stack that is destroyed; `failing`: unless that fails."""
        still: set[str] = set()
        if failing and self.unfinished:
            with self.engine() as engine:
                still = {status.name for status in engine.status() if status.unfinished}
        after = look() if self.unfinished else None
        for stack in sorted(self.unfinished - {but} - still):
            self.unfinished.discard(stack)
            if stack not in self.committed and after is not None:
                self.gone(stack, after)
