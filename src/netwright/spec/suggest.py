"""Did you mean …?"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

LISTED = 12
"""So many names are listed where none of them is close; more would bury the message."""

COMPARED = 200
"""So many names are compared closely: it takes some microseconds each, for every reference that is wrong."""


def closest(word: str, words: Iterable[str]) -> str | None:
    """The one of `words` that `word` was most likely meant to be; None: none is close."""
    candidates = {candidate.lower(): candidate for candidate in words}
    if len(candidates) > COMPARED:
        ends = word[:1].lower(), word[-1:].lower()
        alike = [low for low in candidates if abs(len(low) - len(word)) <= 2 and (low.startswith(ends[0]) or low.endswith(ends[1]))]
        candidates = {low: candidates[low] for low in alike[:COMPARED]}
    found = get_close_matches(word.lower(), candidates, n=1, cutoff=0.6)
    return candidates[found[0]] if found else None


def did_you_mean(word: str, words: Iterable[str], noun: str) -> str:
    """A hint: the closest of `words`, or all of them where they are few. `noun` is what they are, in the plural."""
    words = list(dict.fromkeys(words))
    close = closest(word, words)
    if close is not None:
        return f"did you mean {close}?"
    if not words:
        return f"there are no {noun}"
    if len(words) > LISTED:
        return f"there are {len(words)} {noun}, and none has a name like it"
    return f"the {noun} are {', '.join(words)}" if len(words) > 1 else f"the only one is {words[0]}"
