"""Each folder of spec_cases is a wrong file and, word for word, what its author reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from netwright.errors import SpecError
from netwright.spec.load import parse

CASES = sorted((Path(__file__).parent / "spec_cases").iterdir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_wrong_file_is_told_everything_that_is_wrong_with_it(case: Path):
    with pytest.raises(SpecError) as caught:
        parse((case / "file.yaml").read_text(), "file.yaml")

    assert str(caught.value) + "\n" == (case / "problems.txt").read_text()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_message_speaks_of_the_libraries_behind_it(case: Path):
    text = (case / "problems.txt").read_text()

    assert not [
        word for word in ("Value error", "Input should", "pydantic", "http", "Traceback", "function-") if word in text.replace("'http'", "")
    ]
