"""The pytest plugin: the fixture `netwright_lab`. It adds no hook, no option and no marker, and costs nothing until it is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from netwright.testing.lab import Lab


class LabMaker(Protocol):
    """What the fixture gives."""

    def __call__(self, file: str | Path, *, outside: Mapping[str, Sequence[str]] | None = None) -> Lab:
        """`Lab.build`; the lab is closed at the test's end."""


@pytest.fixture
def netwright_lab() -> Iterator[LabMaker]:
    """Builds labs: `lab = netwright_lab(YAML text or Path)`, then `lab["web"].run([…])`, `lab["client"].reaches(…)`.

    Skips the test where the system lets the user make no namespaces of their own, and says what would allow it.
    """
    from netwright.errors import Missing  # noqa: PLC0415 - importing this plugin must cost nothing
    from netwright.testing.lab import Lab  # noqa: PLC0415 - the same

    with ExitStack() as labs:

        def build(file: str | Path, *, outside: Mapping[str, Sequence[str]] | None = None) -> Lab:
            try:
                lab = labs.enter_context(Lab())
            except Missing as error:
                pytest.skip(f"{error} ({error.hint})")
            lab.load(file, outside=outside)
            return lab

        yield build
