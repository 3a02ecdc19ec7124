"""A plan as lines that a person reads: one an operation, what it does and why, in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from netwright.model.operation import AnyOperation, Plan
from netwright.planning.sentence import sentence

NOTHING = "Nothing to do: the host is as the file says."

LONGEST_STRIDE = 12
"""How many operations a repeated step may have: what one endpoint needs."""
ENOUGH = 6
"""So many repetitions of a step, and all but the first two are counted rather than listed."""
WIDEST = 76
"""Reasons stand in a column behind the longest sentence, up to here."""


@dataclass(frozen=True, slots=True)
class _Line:
    number: str
    what: str
    why: str


def plan_text(plan: Plan, *, numbered: bool = True, full: bool = False) -> str:
    """The plan as text that ends with a newline.

    Operations that repeat (the same step for 500 endpoints) are counted after the first two, unless `full`.
    """
    text = operations_text(plan, numbered=numbered, full=full) if plan.operations else f"{NOTHING}\n"
    for title, sentences in (("Chosen", plan.choices), ("Waiting", plan.waiting), ("Warnings", plan.warnings)):
        if sentences:
            text += f"\n{title}:\n" + "".join(f"  - {one}\n" for one in sentences)
    return text


def operations_text(plan: Plan, *, numbered: bool = True, full: bool = False) -> str:
    """What is done, and nothing of what is said beside it."""
    lines = list(_all(plan.operations) if full else _summarised(plan.operations))
    return _aligned(lines, numbered=numbered)


def _all(operations: Sequence[AnyOperation], start: int = 0, end: int | None = None) -> Iterator[_Line]:
    for number in range(start, len(operations) if end is None else end):
        yield _Line(str(number + 1), sentence(operations[number]), operations[number].why)


def _summarised(operations: Sequence[AnyOperation]) -> Iterator[_Line]:
    steps = [(type(operation), operation.why) for operation in operations]
    at = 0
    while at < len(steps):
        stride, times = _repetition(steps, at)
        if times < ENOUGH:
            yield from _all(operations, at, at + 1)
            at += 1
            continue
        yield from _all(operations, at, at + 2 * stride)
        end = at + stride * times
        first, last = sentence(operations[end - stride]), sentence(operations[end - 1])
        if stride == 1:
            text = f"and {times - 2} more like them, up to “{last}”"
        else:
            text = f"and these {stride} lines {times - 2} times more, up to “{first}” … “{last}”"
        yield _Line("…", text, "")
        at = end


def _repetition(steps: Sequence[object], at: int) -> tuple[int, int]:
    """The stride at `at` whose repetitions reach furthest, and how often it is there."""
    best, reach = (1, 1), 1
    for stride in range(1, LONGEST_STRIDE + 1):
        end = at + stride
        while end < len(steps) and steps[end] == steps[end - stride]:
            end += 1
        times = (end - at) // stride
        if times >= ENOUGH and times * stride > reach:
            best, reach = (stride, times), times * stride
    return best


def _aligned(lines: Sequence[_Line], *, numbered: bool) -> str:
    digits = max(len(line.number) for line in lines)
    width = max((len(line.what) for line in lines if line.why and len(line.what) <= WIDEST), default=WIDEST)
    text = ""
    for line in lines:
        number = f"{line.number:>{digits}}  " if numbered else ""
        text += f"{number}{line.what:<{width}}  {line.why}".rstrip() + "\n"
    return text
