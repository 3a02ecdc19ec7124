"""What every mapping of the file is: frozen, and closed to keys that are not its own."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """Frozen; unknown keys are errors; YAML's own types are taken as they are (the text "1" is no number)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True, arbitrary_types_allowed=True)
    later: ClassVar[frozenset[str]] = frozenset()
    """Keys of the language that this release does not know yet."""
