"""The kinds of links. Each is one file in this folder, named as the kernel names the kind; nothing else lists them."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from netwright.model.link import Link


def link_class(module: ModuleType) -> type[Link]:
    """The one class of links that a file describes.

    Raises TypeError where it describes none or several, or one whose kind is neither the file's name nor empty.
    """
    name = module.__name__.rpartition(".")[2]
    own = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Link) and value.__module__ == module.__name__
    ]
    if len(own) != 1:
        raise TypeError(f"{name}.py describes {len(own)} classes of links, not one")
    if own[0].kind not in {name, ""}:
        raise TypeError(f"{name}.py declares kind {own[0].kind!r}")
    return own[0]


CLASSES: dict[str, type[Link]] = {module.name: link_class(import_module(f"{__name__}.{module.name}")) for module in iter_modules(__path__)}
"""File name → class."""

_BY_KIND = {cls.kind: cls for cls in CLASSES.values() if cls.kind}
_BY_HARDWARE = {cls.hardware: cls for cls in CLASSES.values() if cls.hardware is not None}


def observed_class(kind: str, hardware: int) -> type[Link]:
    """What a link is, by its IFLA_INFO_KIND, or, where it has none, by its hardware type (ARPHRD_*); a plain Link if no file says."""
    if kind:
        return _BY_KIND.get(kind, Link)
    return _BY_HARDWARE.get(hardware, Link)
