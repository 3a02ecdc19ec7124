"""The program as a whole: its commands, its help, what it loads, what a shell completes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import jsonschema
import pytest
import yaml
from click.testing import CliRunner

import netwright
from netwright.frontends.cli.program import COMMANDS, program

HEAVY = ("yaml", "pydantic", "docker", "rich", "sqlite3", "click", "ctypes", "asyncio", "http.client")
RIGHT = "version: 1\nname: shop\n"


def loaded_by(*arguments: str) -> list[str]:
    """Which of HEAVY a fresh interpreter has loaded when the command is done."""
    code = f"""
import sys
sys.argv = ["netwright", *{list(arguments)!r}]
from netwright.frontends.cli import answer
try:
    answer()
except SystemExit as end:
    print(end.code, [name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], input=RIGHT, capture_output=True, text=True, check=True, timeout=60)
    status, _, names = done.stderr.splitlines()[-1].partition(" ")
    assert status == "0"
    return json.loads(names.replace("'", '"'))


def test_asking_for_the_version_loads_nothing() -> None:
    assert loaded_by("--version") == []


def test_help_loads_the_command_line_alone() -> None:
    assert loaded_by("--help") == ["click"]


def test_validate_loads_what_reads_a_file_and_no_more() -> None:
    assert loaded_by("validate", "-") == ["yaml", "pydantic", "click"]


def test_the_version_is_the_packages() -> None:
    for arguments in (["--version"], ["--version", "validate"]):
        done = subprocess.run([sys.executable, "-m", "netwright", *arguments], capture_output=True, text=True, check=True, timeout=60)
        assert done.stdout == f"netwright {netwright.__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    command = program.get_command(click.Context(program), name)
    assert command is not None
    if not command.hidden:
        result = CliRunner().invoke(program, [name, "--help"])
        assert (result.exit_code, result.stderr) == (0, "")
        assert "netwright " + name in result.stdout


def test_the_overview_shows_every_command_and_no_hidden_one() -> None:
    shown = CliRunner().invoke(program, []).stdout.partition("Commands:\n")[2]
    assert [line.split()[0] for line in shown.splitlines()] == [name for name in COMMANDS if name != "_watch-trial"]


def test_no_line_of_the_overview_is_cut_off_or_wider_than_a_terminal() -> None:
    lines = CliRunner().invoke(program, []).stdout.splitlines()[1:]
    assert [line for line in lines if line.endswith("...")] == []
    assert [line for line in lines if len(line) > 80] == []


def test_the_picture_is_as_wide_as_the_terminal() -> None:
    text = "version: 1\nname: shop\nnetworks: {lan: {subnets: [10.5.0.0/24, 'fd00:5::/64'], gateway: [10.5.0.1, 'fd00:5::1']}}\n"
    for columns in (60, 75, 130):
        drawn = CliRunner(env={"COLUMNS": str(columns)}).invoke(program, ["graph", "-"], input=text).stdout
        assert max(map(len, drawn.splitlines())) <= columns
        assert (columns == 130) == (len(drawn.splitlines()) == 2)


def test_the_schema_accepts_the_example_and_refuses_what_the_language_refuses() -> None:
    result = CliRunner().invoke(program, ["schema"])
    assert result.exit_code == 0
    schema = json.loads(result.stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    example = yaml.safe_load((Path(__file__).parents[2] / "examples" / "article.yaml").read_text())
    jsonschema.validate(example, schema)
    with pytest.raises(jsonschema.ValidationError, match="colour"):
        jsonschema.validate({**example, "colour": "blue"}, schema)


def completed(*words: str, shell: str = "zsh", folder: Path | None = None, state: Path | None = None) -> list[str]:
    """What the shell is offered for the last of the words: zsh's protocol has type, value and help a line each."""
    environment = {
        **os.environ,
        "_NETWRIGHT_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": " ".join(["netwright", *words]),
        "COMP_CWORD": str(len(words)),
        **({"NETWRIGHT_STATE": str(state)} if state else {}),
    }
    done = subprocess.run(
        [sys.executable, "-m", "netwright"], env=environment, cwd=folder, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    return done.stdout.splitlines()[1::3]


def test_commands_and_formats_are_completed() -> None:
    assert completed("con") == ["confirm"]
    assert completed("graph", "--format", "s") == ["svg"]


def test_files_are_completed_where_a_file_is_wanted(tmp_path: Path) -> None:
    for name in ("shop.yaml", "shed.yml", "shell.txt", ".shadow.yaml"):
        (tmp_path / name).write_text("")
    assert completed("apply", "sh", folder=tmp_path) == ["shed.yml", "shop.yaml"]
    assert completed("apply", "", folder=tmp_path) == ["shed.yml", "shop.yaml"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_names_the_program_and_its_shells_protocol(shell: str) -> None:
    result = CliRunner().invoke(program, ["completion", shell])
    assert result.exit_code == 0
    assert f"_NETWRIGHT_COMPLETE={shell}_complete" in result.stdout


def test_a_real_bash_completes_with_it(tmp_path: Path) -> None:
    script = CliRunner().invoke(program, ["completion", "bash"]).stdout
    (tmp_path / "netwright").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m netwright "$@"\n')
    (tmp_path / "netwright").chmod(0o755)
    tried = f"""{script}
COMP_WORDS=(netwright v); COMP_CWORD=1; _netwright_completion netwright; echo "${{COMPREPLY[@]}}"
"""
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", tried], env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == ("validate\n", "")


def test_an_unknown_shell_is_refused() -> None:
    assert CliRunner().invoke(program, ["completion", "tcsh"]).exit_code == 2
