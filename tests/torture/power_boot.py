"""A host that boots after the power was lost, with what its disk has: commands end in sentences, and lead to what was committed last."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from netwright.backends.store import SqliteStore
from netwright.model.loan import NicLoan
from own_host import FOLDERS
from torture.disk_writes import Image
from torture.figures import Figure
from torture.power_host import CONFIGURED, OTHERWISE, Standing, booted, netwright, standing
from torture.power_loss import lay
from torture.power_replay import Scene

SETUPS = {"before any set-up of the network": None, "set up as before": CONFIGURED, "set up otherwise": OTHERWISE}
"""In words → the address that the NIC has when Netwright's first command is run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """One that is tried."""

    scene: Scene
    words: str
    """What the disk remembers."""
    image: Image
    setup: str
    """One of SETUPS."""
    again: bool
    """Whether the stacks are applied again before they are destroyed."""

    def __str__(self) -> str:
        return f"{self.words!r}, {self.setup}, {'applied again' if self.again else 'destroyed at once'}"


def boots(scene: Scene, seen: Mapping[str, Image], setups: Iterable[str] = SETUPS) -> list[Boot]:
    """Each thing that is remembered, on each host."""
    return [
        Boot(scene=scene, words=words, image=image, setup=setup, again=again)
        for words, image in seen.items()
        for setup in setups
        for again in (True, False)
    ]


def figure(boots: Sequence[Boot], place: Path) -> Figure:
    began = time.monotonic()
    told = ["; ".join(faults(boot, place)) for boot in boots]
    return Figure(
        what=f"booted again: {boots[0].scene.what}",
        tried=len(boots),
        broken=tuple(f"{boot}: {words}" for boot, words in zip(boots, told, strict=True) if words),
        seconds=time.monotonic() - began,
        note=f"{len({boot.words for boot in boots})} states, {len({boot.setup for boot in boots})} set-ups of the NIC, destroyed or applied first",
    )


def faults(boot: Boot, place: Path) -> Iterator[str]:
    """What did not hold: sentences."""
    state = place / boot.scene.state.relative_to(boot.scene.root)
    layout = {str(boot.scene.root): str(place), str(FOLDERS[1]): str(FOLDERS[1])}
    lay(boot.image, layout)
    with closing(SqliteStore(str(state))) as store:
        texts = {name: commit.spec for name, commit in sorted(store.commits().items(), key=lambda item: item[1].committed_at)}
        lent = any(isinstance(loan, NicLoan) for loans in store.loans().values() for loan in loans)
    files = {name: _file(place.with_name("again"), name, text) for name, text in texts.items()}
    reference = _applied(files, boot.setup, lent=lent)
    with booted(SETUPS[boot.setup]):
        lay(boot.image, layout)
        for command in ("status", "log", "recover", "status"):
            yield from _run(state, command)
        with closing(SqliteStore(str(state))) as store:
            stacks = sorted({*texts, *store.loans()})
            if store.journals():
                yield f"after recover a run is still unfinished: {', '.join(store.journals())}"
        if boot.again:
            for name in texts:
                yield from _run(state, "apply", files[name])
            for name in texts:
                yield from _run(state, "plan", "--check", files[name])
            yield from _differences("applied again", reference, standing())
        for name in stacks:
            yield from _run(state, "destroy", name)
        yield from _differences("all destroyed", _applied({}, boot.setup, lent=lent), standing())


def _run(state: Path, *arguments: str) -> Iterator[str]:
    said = netwright(state, *arguments)
    if said.fault is not None or said.status != 0:
        yield f"netwright {' '.join(arguments)}: {said.fault or f'exit status {said.status}: {said.out}{said.err}'}"


def _file(folder: Path, name: str, text: str) -> str:
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}.yaml"
    file.write_text(text)
    return str(file)


def _applied(files: Mapping[str, str], setup: str, *, lent: bool) -> Standing:
    """How a host looks on which these stacks were applied one after the other, and nothing ever happened.

    `lent`: a NIC that nobody has set up is as it was when it was borrowed.
    """
    with booted(SETUPS[setup] or (CONFIGURED if lent else None)), tempfile.TemporaryDirectory() as state:
        for file in files.values():
            said = netwright(Path(state), "apply", file)
            assert said.status == 0, said.err
        return standing()


def _differences(when: str, expected: Standing, seen: Standing) -> Iterator[str]:
    for what, entries in expected.items():
        if seen[what] != entries:
            missing, more = [one for one in entries if one not in seen[what]], [one for one in seen[what] if one not in entries]
            yield f"{when}: {what}: missing {missing}, more {more}"
