"""Texts and tables in GitHub-flavoured Markdown, with strangers' texts shown as texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from edgerig.printable import one_line

_SPECIAL = re.compile(r"([\\`*\[\]|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
_BLOCK_START = re.compile(r"^(?=[-+=#])")
"""What begins a list, a heading or an underline when a text starts with it."""

_MENTION = re.compile(r"(?<!\w)@(?=\w)")
"""What GitHub takes for somebody to be told of the text, wherever it stands; in a cell's id a letter is before it."""


def text(value: str) -> str:
    """`value` on one line, shown literally: no markup, no HTML, no table cell broken, nobody mentioned, nothing that a
    terminal obeys."""
    line = one_line(" ".join(value.split()))
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        line = line.replace(character, entity)
    return _MENTION.sub("@<!-- -->", _BLOCK_START.sub(r"\\", _SPECIAL.sub(r"\\\1", line)))


def table(header: Sequence[str], rows: Iterable[Sequence[str]], numeric: Sequence[bool]) -> str:
    rule = ["---:" if right else "---" for right in numeric]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *rows))
