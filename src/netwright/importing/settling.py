"""What the language refuses is left out of an imported file, and said there with the reason.

A host or a Compose file may hold what no file of ours can: names of another alphabet, one address twice, a driver that is not
known. Rather than to know all of that twice, the importers write what they find, and the language's own checks judge it.
"""

from __future__ import annotations

import re

from netwright.errors import Problem, Refused, SpecError
from netwright.importing.draft import Draft, flat
from netwright.spec.load import parse
from netwright.spec.places import Path, path_text

_ROUNDS = 100
"""Each leaves out all that is refused, and can leave references to it; they are not nested deeper than a file is."""
_SHOWN = 100
_LINE = re.compile(r" \(line [0-9]+\)")
"""Lines move while things are left out."""
_WITH_NETWORK = ("address", "port", "default_route")
_WHOLE = {"networks": ("driver", "managed_by", "bridge", "name"), "containers": ("docker",)}
"""Section → keys without which an entry would mean something else."""


def settle(draft: Draft) -> str:
    """The text of the draft, which is changed until the language accepts it. Raises Refused where that is impossible."""
    for _ in range(_ROUNDS):
        text = draft.text()
        try:
            parse(text, "the imported file")
        except SpecError as error:
            if not _leave_out(draft, error.problems):
                raise Refused(f"This cannot be written as a file of Netwright's: {error}") from None
        else:
            return text
    raise Refused("This cannot be written as a file of Netwright's.")


def _leave_out(draft: Draft, problems: tuple[Problem, ...]) -> bool:
    known = {path_text(path): path for path in draft.paths()}
    reasons: dict[Path, str] = {}
    for problem in problems:
        if part := _part(known.get(problem.path, ())):
            reasons.setdefault(part, _LINE.sub("", problem.message))
    outermost = [path for path in reasons if not any(path[:length] in reasons for length in range(len(path)))]
    # From the last to the first: so what is still to be taken out of a list keeps its index.
    for path in sorted(
        outermost, key=lambda path: [(str(step), step if isinstance(step, int) else 0) for step in path[:-1]] + [_last(path)], reverse=True
    ):
        _take_out(draft, path, reasons[path])
    return bool(outermost)


def _last(path: Path) -> tuple[str, int]:
    return ("", path[-1]) if isinstance(path[-1], int) else (path[-1], 0)


def _part(path: Path) -> Path:
    """What must go for a problem at `path`: an element of a list, a key of an interface, or a whole entry; (): nothing that may."""
    if len(path) < 2:
        return ()
    if len(path) > 2 and path[2] in _WHOLE.get(str(path[0]), ()):
        return path[:2]
    for index, step in enumerate(path):
        if isinstance(step, int):
            return path[: index + 1]
    if "interfaces" in path and len(path) > path.index("interfaces") + 2:
        return path[: path.index("interfaces") + 3]
    return path


def _take_out(draft: Draft, path: Path, why: str) -> None:
    value = draft.take_out(path)
    holder = draft.at(path[:-1])
    if path[-1] == "network":
        for key in _WITH_NETWORK:
            holder.pop(key, None)
    shown = flat(value)
    shown = f"{shown[:_SHOWN]}…" if len(shown) > _SHOWN else shown
    draft.remark(
        path[:-1], f"Left out: {path[-1]}: {shown}" if isinstance(path[-1], str) else f"Left out of {path[-2]}: {shown}", f"  {why}."
    )
    if holder == [] and len(path) > 2:
        lines = draft.remarks.pop(path[:-1], [])
        draft.take_out(path[:-1])
        draft.remark(path[:-2], *lines)
