"""What becomes of that in a file which the host does not allow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from netwright.errors import Problem


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Of a draw towards a document. What is not left out is a reason to refuse all of it."""

    standing: bool = False
    """What is so with the committed file already is left out."""
    news: bool = False
    """All else is left out as well."""
    asked: str = ""
    """The path of what the user asks for with this change: that is never left out as what stood there before."""

    def __bool__(self) -> bool:
        """Whether anything may be left out."""
        return self.standing or self.news

    def remaining(self, problems: Iterable[Problem], before: Iterable[Problem]) -> tuple[Problem, ...]:
        """Those that are a reason to refuse; `before`: the committed file's."""
        if self.news:
            return ()
        known = {_placeless(problem) for problem in before} if self.standing else set()
        return tuple(p for p in problems if _placeless(p) not in known or self._concerns(p.path))

    def _concerns(self, path: str) -> bool:
        return self.asked != "" and (path == self.asked or path.startswith((f"{self.asked}.", f"{self.asked}[")))


NOTHING = Tolerance()
EVERYTHING = Tolerance(standing=True, news=True)


def _placeless(problem: Problem) -> Problem:
    """The same in a text where it stands elsewhere."""
    return replace(problem, line=0, column=0)
