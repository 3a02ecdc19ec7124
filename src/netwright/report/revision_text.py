"""What `publish` and `unpublish` did, as lines: from the document that `--json` prints, whoever made it."""

from __future__ import annotations

from typing import Any


def revision_text(document: dict[str, Any]) -> str:
    """The operations, and what waits; nothing where there was nothing to do."""
    operations = document["plan"]["operations"]
    lines = [f"{number}  {one['sentence']}" for number, one in enumerate(operations, 1)]
    if document["plan"]["waiting"]:
        lines += ["Waiting:", *(f"  - {one}" for one in document["plan"]["waiting"])]
    return "".join(f"{line}\n" for line in lines)


def revision_words(document: dict[str, Any]) -> list[str]:
    """The sentences beside it."""
    operations = len(document["plan"]["operations"])
    words = [document["said"] if document["done"] else f"Would be: {document['said']}"]
    if operations and document["done"]:
        words.append(f"{operations} operation{'s' * (operations != 1)} done and verified in {document['seconds']:.2f} s.")
    return [*words, *(f"warning: {one}." for one in document["warnings"])]
