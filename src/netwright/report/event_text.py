"""What the daemon did, in words: a sentence for its journal, a paragraph for `netwright events`."""

from __future__ import annotations

import time

from netwright.model.event import Event, What

_PLAIN = {What.STARTED: "The daemon is at work.", What.STOPPED: "The daemon has stopped."}


def event_text(event: Event) -> str:
    """One line, without the time."""
    if event.what in _PLAIN:
        return _PLAIN[event.what]
    why = f", because {'; '.join(event.why)}" if event.why else ""
    again = f" The next attempt is in {_seconds(event.again_in)}." if event.again_in is not None else ""
    head = f"{event.stack}: " if event.stack else ""
    match event.what:
        case What.REPAIRED:
            took = f" in {event.seconds * 1000:.0f} ms" if event.seconds is not None else ""
            more = f" and {len(event.done) - 3} more" if len(event.done) > 3 else ""
            return f"{head}repaired{took}{why}: {'; '.join(event.done[:3])}{more}."
        case What.FIGHT:
            suspects = f" Suspected: {'; '.join(event.suspects)}." if event.suspects else " Nobody is suspected."
            return f"{head}{event.message}{suspects}{again}"
        case What.FAILED:
            return f"{head}could not be put right{why}: {_sentence(event.message)}{again}"
        case What.RECOVERED:
            return f"{head}a run was cut short; it is as it was last committed."
        case What.EXPIRED:
            return f"{head}was not confirmed in time, and was rolled back."
        case What.WAITING:
            return f"{head}waits: {_sentence(event.message)}"
        case What.WARNED:
            return f"{head}warning: {_sentence(event.message)}"
        case _:
            return f"{head}{event.message}"


def event_line(event: Event) -> str:
    """With its time, as `netwright events` prints it."""
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(event.at))}  {event_text(event)}\n"


def _sentence(text: str) -> str:
    plain = " ".join(text.split("\n"))
    return plain if plain.endswith(".") else f"{plain}."


def _seconds(value: float) -> str:
    return f"{value:g} second{'s' * (value != 1)}"
