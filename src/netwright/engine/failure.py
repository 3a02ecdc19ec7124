"""Why a change failed, in the words that its user reads."""

from __future__ import annotations

from netwright.errors import ApplyFailed, NetwrightError, SpecError
from netwright.model.operation import Plan
from netwright.planning.docker import START_IT
from netwright.planning.docker_differences import listed
from netwright.planning.sentence import sentence
from netwright.ports import OperationFailed


class Unsettled(NetwrightError):
    """The host is where it should be, and the memory cannot be told so: the disk is full, say."""

    def __init__(self, cause: NetwrightError) -> None:
        super().__init__(str(cause), hint=cause.hint)


def hint_for(error: BaseException, stack: str) -> str:
    """What to do when there is no way back by itself."""
    if isinstance(error, SpecError):
        return f"apply a file that this Netwright understands, or run: netwright destroy {stack}"
    cause = error.cause if isinstance(error, OperationFailed) else error
    own = getattr(cause, "hint", None)
    return (
        f"{own}; then run: netwright recover" if own else f"when the cause is gone, run: netwright recover (or netwright destroy {stack})"
    )


def left_behind(plan: Plan) -> ApplyFailed:
    """Of a stack that went back to what it was, but for what only Docker can remove."""
    needs = "need" if len(plan.left) > 1 else "needs"
    return ApplyFailed(f"{listed(plan.left)} {needs} Docker, which is away", rolled_back=False, hint=START_IT)


def reason_of(error: BaseException) -> str:
    """What went wrong, as a clause."""
    if isinstance(error, OperationFailed):
        return f"Failed to {sentence(error.operation)}: {error.cause}"
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, NetwrightError):
        return str(error)
    if isinstance(error, MemoryError):
        return "there was not enough memory"
    return f"{type(error).__name__}: {error}"
