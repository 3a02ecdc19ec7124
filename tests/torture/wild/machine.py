"""The state machine: what is done to a host at random."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import yaml
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

import netwright
from netwright.errors import Refused, SpecError
from netwright.revising.publication import Publish, Unpublish
from netwright.revising.request import parse_port
from torture.wild.comparison import settled
from torture.wild.crash import failing, killed
from torture.wild.edits import edits
from torture.wild.files import STACKS, as_text, files
from torture.wild.ground import sh
from torture.wild.look import every_sysctl, look
from torture.wild.packets import misled
from torture.wild.promises import Promises, nothing_to_do, step
from torture.wild.strangers import deeds

SOME = st.sampled_from(STACKS)
NUMBERS = st.integers(0, 45)
"""Of operations: at which a run is cut off."""
ANY = st.data()


class Wild(Promises):
    """Files of three stacks, edits, strangers, and crashes."""

    def text_for(self, stack: str, data: st.DataObject) -> str:
        """A file of the stack: a new one, or an edit of the one that is committed."""
        tree = self.committed.get(stack)
        if tree is None or data.draw(st.integers(0, 3), label="new or edited") == 3:
            return data.draw(files(stack), label="file")
        return data.draw(edits(stack, as_text(tree)), label="edited")

    ease = 1
    """How much disturbance is allowed before the next apply: a host on which nothing stands is no test."""

    @rule(stack=SOME, data=ANY)
    @step
    def apply(self, stack: str, data: st.DataObject) -> None:
        """A new file, or an edit."""
        self._apply(stack, self.text_for(stack, data))

    @precondition(lambda self: self.committed)
    @rule(data=ANY)
    @step
    def apply_again(self, data: st.DataObject) -> None:
        """The committed file: what strangers have done to the stack is put right."""
        stack = data.draw(st.sampled_from(sorted(self.committed)))
        self._apply(stack, as_text(self.committed[stack]))

    def _apply(self, stack: str, text: str) -> None:
        self.note("netwright apply stack.yaml", text)
        self.counted["applies"] += 1
        tree = yaml.safe_load(text)
        document = netwright.parse(text, "stack.yaml")
        if not self.change(stack, tree, lambda engine: engine.apply(document)):
            return
        self.ease += 3
        with self.engine() as engine:
            nothing_to_do(engine.apply(document).plan)
        if not self.contested:
            wrong = misled(tree, closed=any("policies" in other for other in self.committed.values()))
            assert not wrong, "packets find out:\n" + "\n".join(wrong)

    @precondition(lambda self: self.committed or self.unfinished)
    @rule(data=ANY)
    @step
    def destroy(self, data: st.DataObject) -> None:
        """A stack goes, also one of which a run was cut off."""
        stack = data.draw(st.sampled_from(sorted({*self.committed, *self.unfinished})))
        self.note(f"netwright destroy {stack}")
        self.counted["destroys"] += 1
        if self.change(stack, None, lambda engine: engine.destroy(stack)):
            self.unfinished.discard(stack)

    @precondition(lambda self: self.committed)
    @rule(data=ANY)
    @step
    def publish(self, data: st.DataObject) -> None:
        """A port of a namespace of the stack's, or all of its ports no more."""
        stack = data.draw(st.sampled_from(sorted(self.committed)))
        tree = self.committed[stack]
        names = [name for name, space in tree.get("namespaces", {}).items() if space.get("interfaces")]
        if not names:
            return
        target = data.draw(st.sampled_from(names))
        opens, port = data.draw(st.booleans()), f"{8500 + STACKS.index(stack)}:80"
        self.note(f"netwright {'publish' if opens else 'unpublish'} {target} {port if opens else ''} --stack {stack}")
        change = Publish(target=target, port=parse_port(port), stack=stack) if opens else Unpublish(target=target, listen=None, stack=stack)
        was_sound = stack in self.sound
        before = self.look_first()
        try:
            with self.engine() as engine:
                revised = engine.revise(change)
        except (Refused, SpecError):
            if not self.unfinished:
                self.untouched(before)
            self.recovered()
            return
        self.recovered()
        assert revised.spec is not None
        self.committed[stack] = yaml.safe_load(revised.spec)
        self.strangers_untouched(before, look())
        if was_sound:
            self.in_order(stack, look())

    @precondition(lambda self: not self.unfinished)
    @rule(stack=SOME, data=ANY)
    @step
    def only_look(self, stack: str, data: st.DataObject) -> None:
        """A plan and a status touch nothing."""
        text = self.text_for(stack, data)
        self.note("netwright plan stack.yaml; netwright status", text)
        before = self.look_first()
        with self.engine() as engine:
            with contextlib.suppress(Refused, SpecError):
                engine.plan(netwright.parse(text, "stack.yaml"))
            engine.status()
        self.untouched(before)

    @precondition(lambda self: self.ease > 0)
    @rule(data=ANY)
    @step
    def interfere(self, data: st.DataObject) -> None:
        """Somebody does something to the host, or several things."""
        self.ease -= 1
        for _ in range(data.draw(st.integers(1, 3), label="deeds")):
            before = look()
            deed = data.draw(deeds(before))
            self.note(deed.script)
            self.counted["interferences"] += 1
            subprocess.run(["sh", "-c", deed.script], check=False, capture_output=True)
            self.sound.clear()
            self.met(before, look())
            self.contested = self.contested or deed.takes
            self.known_nics -= deed.nics

    @precondition(lambda self: self.committed)
    @rule(data=ANY)
    @step
    def keep(self, data: st.DataObject) -> None:
        """What the daemon does when it has heard of something."""
        stack = data.draw(st.sampled_from(sorted(self.committed)))
        self.note(f"netwright daemon  # looks at {stack}")
        before, unfinished = self.look_first(), bool(self.unfinished)
        with self.engine() as engine:
            outcome = engine.keep(stack)
            assert outcome is not None
            (status,) = engine.status(stack, lenient=True)
        assert status.trouble is None, status.trouble
        assert status.drift is not None
        nothing_to_do(status.drift)
        if not unfinished:
            self.strangers_untouched(before, look())

    @rule(stack=SOME, data=ANY, number=NUMBERS)
    @step
    def fail(self, stack: str, data: st.DataObject, number: int) -> None:
        """An operation of an apply, or of a destroy, fails."""
        text = self.text_for(stack, data)
        gone = stack in self.committed and data.draw(st.booleans())
        self.note(f"netwright {f'destroy {stack}' if gone else 'apply stack.yaml'}  # operation {number} fails", None if gone else text)
        self.counted["failures"] += 1
        document = netwright.parse(text, "stack.yaml")
        engine = failing(self.folder, number)
        if gone:
            if self.change(stack, None, lambda engine: engine.destroy(stack), engine=engine):
                self.unfinished.discard(stack)
        else:
            self.change(stack, yaml.safe_load(text), lambda engine: engine.apply(document), engine=engine)

    @precondition(lambda self: self.ease > 0)
    @rule(stack=SOME, data=ANY, number=NUMBERS)
    @step
    def crash(self, stack: str, data: st.DataObject, number: int) -> None:
        """An apply, a destroy, a repair or a recovery gets SIGKILL."""
        ways = ["apply", *(["destroy", "keep"] if stack in self.committed else []), *(["recover"] if self.unfinished else [])]
        way = data.draw(st.sampled_from(ways))
        text = self.text_for(stack, data) if way == "apply" else None
        self.note(f"netwright {way} {stack}  # SIGKILL at operation {number}", text)
        document = netwright.parse(text, "stack.yaml") if text else None
        before = self.look_first()
        done = killed(
            self.folder,
            number,
            lambda engine: (
                engine.apply(document)
                if document is not None
                else engine.destroy(stack)
                if way == "destroy"
                else engine.keep(stack)
                if way == "keep"
                else engine.recover()
            ),
        )
        self.ease -= 1
        self.counted["crashes"] += done
        if done:
            self.sound.clear()
            # Whose run it was that ended, its own or the recovery of another, does not matter: both are brought back.
            self.unfinished |= {stack} if way != "recover" else set()
        elif not self.unfinished:
            self.untouched(before)
        self.strangers_untouched(before, look())

    @precondition(lambda self: self.unfinished)
    @rule()
    @step
    def recover(self) -> None:
        """After a crash."""
        self.note("netwright recover")
        self.counted["recoveries"] += 1
        before = self.look_first()
        with self.engine() as engine:
            engine.recover()
            assert not any(status.unfinished for status in engine.status())
        self.strangers_untouched(before, look())
        again = sorted(self.unfinished)
        self.recovered()
        for stack in again:
            if stack in self.committed and not self.contested:
                with self.engine() as engine:
                    engine.keep(stack)
                self.in_order(stack, look())

    def teardown(self) -> None:
        """Everything is destroyed: nothing of ours is left, and what was there before is there as it was."""
        with self._open:
            if sys.exc_info()[0] is None:
                self._destroy_all()

    @step
    def _destroy_all(self) -> None:
        self.note("netwright recover; for each stack: netwright destroy")
        before = self.look_first()
        with self.engine() as engine:
            names = {status.name for status in engine.status()} | set(self.committed)
            for stack in sorted(names):
                try:
                    engine.destroy(stack)
                except Refused as error:
                    # The name of its NIC is a stranger's now: then that one goes first.
                    for link in [name for name in look().host.links if f" {name}" in str(error)]:
                        sh(f"ip link delete {link}")
                    engine.destroy(stack)
            assert engine.status() == ()
        self.committed.clear()
        self.unfinished.clear()
        self.gone(None, look())
        self.strangers_untouched(before, look())
        known = self.known_nics & look().host.links.keys()
        left = settled(self.at_home(self.first, known), lambda: self.at_home(look(), known))
        assert not left, "the NICs are not as they were:\n" + "\n".join(left)
        left = settled(self.sysctls, lambda: every_sysctl({"up0", "br-ext"}))
        assert not left, "sysctls are not as they were:\n" + "\n".join(left)
