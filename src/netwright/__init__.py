"""Netwright: a host's container networks from one file.

The functions of the Python API are here by name (`netwright.load`, `plan`, `apply`, `destroy`, …; see `netwright.api`) and are
loaded when they are first used: importing the package alone loads nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netwright.api import (
        Document as Document,
    )
    from netwright.api import (
        Engine as Engine,
    )
    from netwright.api import (
        NetwrightError as NetwrightError,
    )
    from netwright.api import (
        Outcome as Outcome,
    )
    from netwright.api import (
        Plan as Plan,
    )
    from netwright.api import (
        Progress as Progress,
    )
    from netwright.api import (
        Silent as Silent,
    )
    from netwright.api import (
        StackStatus as StackStatus,
    )
    from netwright.api import (
        apply as apply,
    )
    from netwright.api import (
        destroy as destroy,
    )
    from netwright.api import (
        load as load,
    )
    from netwright.api import (
        open_engine as open_engine,
    )
    from netwright.api import (
        parse as parse,
    )
    from netwright.api import (
        plan as plan,
    )
    from netwright.api import (
        recover as recover,
    )
    from netwright.api import (
        status as status,
    )

__version__ = "0.1.0"

_API = frozenset(
    {
        "Document",
        "Engine",
        "NetwrightError",
        "Outcome",
        "Plan",
        "Progress",
        "Silent",
        "StackStatus",
        "apply",
        "destroy",
        "load",
        "open_engine",
        "parse",
        "recover",
        "status",
    }
)


def __getattr__(name: str) -> Any:
    if name in _API:
        return getattr(import_module("netwright.api"), name)
    raise AttributeError(f"module 'netwright' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_API})
