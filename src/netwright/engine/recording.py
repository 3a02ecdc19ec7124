"""What is written into the log of a change: in words, and without what is in the file."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence

from netwright.model.caller import Caller
from netwright.model.deed import Act, Deed, Result
from netwright.model.operation import AnyOperation
from netwright.planning.sentence import sentence
from netwright.ports import Commit, Store
from netwright.spec.document import Document

MOST = 50
"""Operations of one change that are written out."""
_LONGEST = 2000


def deed_of(
    act: Act,
    stack: str,
    caller: Caller | None,
    before: Commit | None,
    document: Document | None,
    operations: Sequence[AnyOperation] = (),
) -> Deed:
    """Of a change that is done: the stack is as `document` says, or gone."""
    return Deed(
        at=time.time(),
        act=act,
        stack=stack,
        result=Result.DONE,
        caller=caller,
        done=tuple(sentence(operation) for operation in operations[:MOST]),
        more=max(len(operations) - MOST, 0),
        before=before.digest if before is not None else "",
        after=digest_of(document.text) if document is not None else "",
    )


def failed_deed(
    act: Act,
    stack: str,
    caller: Caller | None,
    before: Commit | None,
    result: Result,
    message: str,
    operations: Sequence[AnyOperation] = (),
) -> Deed:
    """Of one that came to nothing: what is committed is what was."""
    digest = before.digest if before is not None else ""
    return Deed(
        at=time.time(),
        act=act,
        stack=stack,
        result=result,
        caller=caller,
        done=tuple(sentence(operation) for operation in operations[:MOST]),
        more=max(len(operations) - MOST, 0),
        message=message[:_LONGEST],
        before=digest,
        after=digest,
    )


def digest_of(text: str) -> str:
    """SHA-256 of a file's text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def told_before(store: Store, deed: Deed) -> bool:
    """Whether it is what has been tried again by itself, and has failed as it did the last time: that is told once."""
    if deed.act not in (Act.RECOVER, Act.EXPIRE):
        return False
    last = [one for one in store.deeds(deed.stack) if one.act is deed.act][-1:]
    return any(one.result is deed.result and one.message == deed.message for one in last)
