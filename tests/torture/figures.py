"""What a section of the torture found: how often a thing was tried, how often it held, and every time that it did not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much to try."""

    every: int = 1
    """Of the places where something can be made to fail, every how many-th: 1 tries all of them."""
    rounds: int = 1
    """How often what is random or racing is tried, as a factor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    what: str
    """`article: SIGKILL at each operation`"""
    tried: int
    broken: tuple[str, ...] = ()
    """A sentence for each time that the promise did not hold: where, what was expected, what was seen."""
    seconds: float
    note: str = ""
    """Figures beside: "at most 2.1 s to recover"."""


def row(figure: Figure) -> str:
    """A line of the table."""
    held = figure.tried - len(figure.broken)
    verdict = "" if not figure.broken else "  BROKEN"
    note = f"  {figure.note}" if figure.note else ""
    return f"{figure.what:<64} {figure.tried:>6} tried {held:>6} held {figure.seconds:>7.1f} s{verdict}{note}"


def details(figure: Figure) -> str:
    """What did not hold, a line each."""
    return "\n".join(f"    {sentence}" for sentence in figure.broken)
