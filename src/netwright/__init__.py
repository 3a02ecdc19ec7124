"""Netwright: a host's container networks from one file.

The functions of the Python API are here by name (`netwright.load`, `plan`, `apply`, `destroy`, …; see `netwright.api`) and are
loaded when they are first used: importing the package alone loads nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netwright.api import (
        Document,
        Engine,
        NetwrightError,
        Outcome,
        Plan,
        Progress,
        Revision,
        Silent,
        StackStatus,
        apply,
        destroy,
        import_compose,
        import_host,
        load,
        log,
        open_engine,
        parse,
        plan,
        publish,
        recover,
        status,
        unpublish,
    )

__version__ = "0.1.0"

__all__ = [
    "Document",
    "Engine",
    "NetwrightError",
    "Outcome",
    "Plan",
    "Progress",
    "Revision",
    "Silent",
    "StackStatus",
    "apply",
    "destroy",
    "import_compose",
    "import_host",
    "load",
    "log",
    "open_engine",
    "parse",
    "plan",
    "publish",
    "recover",
    "status",
    "unpublish",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("netwright.api"), name)
    raise AttributeError(f"module 'netwright' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
