"""Text from elsewhere (a run's folder, a device, a converter) on its way to a terminal or a CI job's log.

What could act there is shown instead: control characters of both sets (ECMA-48 C0 and C1: escape sequences, carriage
returns), format characters (Unicode Cf: bidirectional overrides, invisible ones), lone surrogates, and what CI services
read as their own commands. GitHub's runner obeys a line that begins with `::`, blanks before it or not, and `##[`
anywhere in a line (actions/runner, src/Runner.Common/ActionCommand.cs); Azure's agent `##vso[` anywhere in one
(microsoft/azure-pipelines-agent, src/Agent.Sdk/Util/Command.cs), TeamCity `##teamcity[`.
"""

from __future__ import annotations

import re

SHOWN = "·"
"""In the place of a character that would act, and before what would be a command."""
_LINE_COMMAND = re.compile(r"^([^\S\n]*)(?=::)", re.MULTILINE)
_COMMAND = re.compile(r"#(?=#\w*\[)")


def printable(text: str) -> str:
    """`text` without what a terminal or a CI service would obey, or UTF-8 cannot hold; lines and tabs stay."""
    return without_commands("".join(c if c.isprintable() or c in "\n\t" else SHOWN for c in text))


def one_line(text: str) -> str:
    """`printable`, and no line feed or tab in it starts or fakes another line or column."""
    return printable(" ".join(text.split("\n")).replace("\t", " "))


def without_commands(text: str) -> str:
    """`text`, which may hold our own escape sequences, with no line that a CI service obeys."""
    return _COMMAND.sub(f"#{SHOWN}", _LINE_COMMAND.sub(rf"\1{SHOWN}", text))


def as_json(document: str) -> str:
    """The same JSON `document` with what would act written as JSON's own escapes (RFC 8259, section 7)."""
    return _COMMAND.sub(r"\\u0023", "".join(c if c.isprintable() or c == "\n" else _escaped(c) for c in document))


def _escaped(character: str) -> str:
    """As UTF-16 code units, as JSON has them."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
