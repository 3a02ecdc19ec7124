"""What libyaml complains of, in sentences for the person who wrote the file."""

from __future__ import annotations

import re

from yaml import MarkedYAMLError, YAMLError

from netwright.errors import Problem

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Its opposite is c-printable of YAML 1.2, section 5.1."""

_SENTENCES: dict[str, tuple[str, str | None]] = {
    "mapping values are not allowed in this context": ("a second `: ` is not expected here", "put a text with `: ` in it in quotes"),
    "block sequence entries are not allowed in this context": ("a list's `- ` cannot start on the line of its key", "write it on a line of its own"),
    "did not find expected key": ("the indentation fits no mapping above", "keys of one mapping start in the same column"),
    "did not find expected '-' indicator": ("a list goes on here, so this line should start with `- `", "or the list should be indented more"),
    "did not find expected ',' or ']'": ("the list that `[` opened is not closed: `,` or `]` is expected here", None),
    "did not find expected ',' or '}'": ("the mapping that `{` opened is not closed: `,` or `}` is expected here", None),
    "could not find expected ':'": ("this line is no `key: value`: the `:` is missing", "or the text belongs to the line above and should be indented more"),
    "found unexpected end of stream": ("the quotes that were opened are never closed", None),
    "found unexpected document indicator": ("the quotes that were opened are not closed before `---` or `...`", None),
    "found unknown escape character": ("this backslash sequence is not known in double quotes", "write \\\\ for a backslash, or use single quotes"),
    "did not find expected <document start>": ("something stands here that belongs to nothing above", None),
    "found incompatible YAML document": ("this version of YAML is not known", "leave out the %YAML line: the file is read as YAML 1.2"),
    "found unknown directive name": ("only %YAML and %TAG can start a line with %", "put the text in quotes"),
    "found undefined tag handle": ("a word that starts with `!` is a tag, and this one is not known", "put the text in quotes"),
    "did not find expected node content": ("a value is expected here", "put a text that starts with : , ] or } in quotes"),
}  # fmt: skip
_MISSING_COLON = _SENTENCES["could not find expected ':'"]
_MISSING_BLANK = re.compile(r"\s*(?:- +)*(?:-(?P<item>[^\s-])|[\w.-]+:(?P<value>\S))")
"""A line that starts as an element or a key would, but for the blank behind its `-` or `:`."""
_HAS_KEY = re.compile(r":(?:\s|$)")
_STARTS = {
    "\t": ("a tab stands where YAML takes only spaces", "indent with spaces"),
    "@": ("a text cannot start with @ unless it is in quotes", None),
    "`": ("a text cannot start with ` unless it is in quotes", None),
    "%": ("a text cannot start with % unless it is in quotes", None),
}


def unprintable(text: str) -> Problem | None:
    """The first character that YAML does not take, if there is one."""
    found = _UNPRINTABLE.search(text)
    if found is None:
        return None
    line = text.count("\n", 0, found.start()) + 1
    column = found.start() - (text.rfind("\n", 0, found.start()) + 1) + 1
    code = ord(found.group())
    if 0xD800 <= code <= 0xDFFF:
        return Problem(line, column, "", "this is not UTF-8 text", "save the file as UTF-8")
    return Problem(line, column, "", f"the control character U+{code:04X} cannot stand in a YAML file")


def complaint(error: YAMLError, text: str) -> Problem:
    """A syntax error, at its place."""
    if not isinstance(error, MarkedYAMLError):
        return Problem(0, 0, "", "the file is not YAML")
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (-1, -1)
    problem = error.problem or ""
    message, hint = _SENTENCES.get(problem, (f"this is not YAML: {problem}", None))
    lines = text.splitlines()
    here = lines[line][column : column + 1] if 0 <= line < len(lines) else ""
    if problem == "found character that cannot start any token" or "tab character" in problem:
        message, hint = _STARTS.get(here, (f"a text cannot start with {here!r}", "put it in quotes"))
    opened = error.context_mark
    if problem in ("found unexpected end of stream", "found unexpected document indicator") or "or '" in problem:
        # What was opened and forgotten is the mistake; the end, where the parser noticed, says nothing.
        if opened is not None:
            message = message.replace(" is expected here", f" is missing at line {line + 1}") if "or '" in problem else message
            line, column = opened.line, opened.column
    elif problem == "could not find expected ':'" and opened is not None:
        return _keyless(lines, opened.line, opened.column)
    elif problem == "mapping values are not allowed in this context" and not _HAS_KEY.search(lines[line][:column]):
        return _not_below(lines, line)
    return Problem(line + 1, column + 1, "", message, hint)


def _keyless(lines: list[str], line: int, column: int) -> Problem:
    """A line that should be `key: value` or `- element`, and is neither."""
    found = _MISSING_BLANK.match(lines[line])
    if found is None:
        return Problem(line + 1, column + 1, "", *_MISSING_COLON)
    group = "item" if found["item"] else "value"
    mark = "-" if found["item"] else ":"
    return Problem(line + 1, found.start(group) + 1, "", f"a blank is missing behind the `{mark}`")


def _not_below(lines: list[str], line: int) -> Problem:
    """A key where none can be: mostly because what stands above has become a text that goes on here."""
    above = next((number for number in range(line - 1, -1, -1) if lines[number].split("#")[0].strip()), line)
    column = len(lines[above]) - len(lines[above].lstrip())
    if above != line and (not _HAS_KEY.search(lines[above]) or _MISSING_BLANK.match(lines[above])):
        return _keyless(lines, above, column)
    column = len(lines[line]) - len(lines[line].lstrip())
    message = f"this line is indented deeper than line {above + 1}, which has a value already"
    return Problem(line + 1, column + 1, "", message, "keys of one mapping start in the same column")
