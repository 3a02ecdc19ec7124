"""The examples of the Python API's page run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import netwright
from conftest import Host

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "python.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_of_the_page_runs(
    number: int, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NETWRIGHT_STATE", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    Path("lab.yaml").write_text((PAGE.parents[2] / "examples" / "lab.yaml").read_text())
    exec(compile(EXAMPLES[number], f"{PAGE.name}[{number}]", "exec"), {})
    said = capsys.readouterr().out
    assert ("CreateNetns because in the file, not on the host" in said, "phase: verifying" in said) == (number == 0, number == 1)
    assert host.namespaces() == []


def test_every_name_of_the_api_is_there_and_documented() -> None:
    page = PAGE.read_text()
    for name in netwright.__all__:
        assert getattr(netwright, name) is not None
        assert f"`{name}" in page, name
