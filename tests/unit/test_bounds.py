"""Files that are meant to exhaust whoever reads them; `make torture` has more, and larger ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from torture.bounds import TRIALS, Trial, broken, tried


@pytest.mark.parametrize("trial", [trial for trial in TRIALS if not trial.slow], ids=lambda trial: trial.name)
def test_it_ends_with_a_sentence_in_bounded_memory_and_time(trial: Trial, tmp_path: Path) -> None:
    assert broken(trial, tried(trial, tmp_path)) is None
