"""What others have named does nothing to a terminal, whichever way it gets there; and a file is read without waiting for ever."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.errors import Problem, SpecError
from netwright.report.plain import json_text, plain

FEW = settings(max_examples=200, derandomize=True, deadline=None, database=None)
GOOD = "version: 1\nname: shop\n"
ANY = st.text(st.characters(exclude_categories=()), max_size=30)


def test_each_such_character_is_shown_by_its_number() -> None:
    assert (
        plain("a\x1b[31mb\x07\r\x7f\x9b\u202ec\u2066\u2028\ud800\tü\n")
        == "a\\x1b[31mb\\x07\\x0d\\x7f\\x9b\\u202ec\\u2066\\u2028\\ud800\tü\n"
    )
    # Our own colours stay where there are any; nothing else does.
    assert (
        plain("\x1b[31m\x1b[1mred\x1b[0m\x1b[8m\x1b[2J\x1b]0;x\x07", coloured=True)
        == "\x1b[31m\x1b[1mred\x1b[0m\\x1b[8m\\x1b[2J\\x1b]0;x\\x07"
    )


def test_json_says_the_same_and_nothing_raw() -> None:
    assert json_text({"a": "\x1b\x7f\u202eü\ud800"}, indent=None) == '{"a": "\\u001b\\u007f\\u202eü\\ud800"}\n'


@FEW
@given(ANY)
def test_whatever_it_is(text: str) -> None:
    for shown in (plain(text), json_text([text])):
        assert all(letter in "\n\t" or ord(letter) >= 0x20 for letter in shown)
        shown.encode()
    assert json.loads(json_text([text])) == [text]


def test_of_many_problems_the_first_are_told_and_how_many_more_there_are() -> None:
    error = SpecError("shop.yaml", [Problem(line, 1, "", "is wrong") for line in range(1, 184)])
    lines = str(error).splitlines()
    assert (len(lines), lines[99], lines[100]) == (101, "shop.yaml:100:1: is wrong", "shop.yaml: and 83 more")
    assert len(error.problems) == 183


def validate(argument: str, **options: object) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "netwright", "validate", argument]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)  # type: ignore[call-overload]
    return done.returncode, done.stdout, done.stderr


def test_a_named_pipe_that_nobody_writes_to_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "link.yaml").symlink_to("pipe.yaml")
    for name in ("pipe.yaml", "link.yaml"):
        status, _, words = validate(str(tmp_path / name))
        assert (status, words.splitlines()) == (
            2,
            [
                f"{tmp_path}/{name}: is a named pipe, and no file",
                "    hint: write it to a file, or hand it on as standard input: netwright … - < PIPE",
                f"error: 1 problem in {tmp_path}/{name}; nothing was touched",
            ],
        )


def test_a_shells_pipe_and_standard_input_are_read() -> None:
    assert validate("-", input=GOOD)[0] == 0
    assert validate("/dev/stdin", input=GOOD)[0] == 0
    read, write = os.pipe()
    try:
        os.write(write, GOOD.encode())
        os.close(write)
        assert validate(f"/dev/fd/{read}", pass_fds=[read])[0] == 0
    finally:
        os.close(read)


@pytest.mark.parametrize("name", ["\x1b[31mred.yaml", "a\u202egnp.yaml", "a\x9b2Jb.yaml"])
def test_the_name_of_a_file_is_shown_by_numbers(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("version: 2\n")
    for argument in (name, f"missing{name}"):
        status, _, words = validate(argument, cwd=tmp_path)
        assert status == 2
        assert plain(argument) in words
        assert plain(words) == words
