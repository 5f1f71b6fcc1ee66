"""A gate's findings as GitHub workflow commands, which its runner turns into annotations.

Format and escaping are those of actions/toolkit, packages/core/src/command.ts: `%`, carriage return and line feed are
percent-encoded in the message, in a property `:` and `,` as well.
"""

from __future__ import annotations

from edgerig.compare.gate import GateResult
from edgerig.printable import printable

SHOWN = 10
"""GitHub shows this many annotations of a level for one step, and drops the others without a word."""


def render(found: GateResult) -> str:
    """One command a line, each ended by a line feed; "" when there is nothing to tell."""
    open_ = "error" if found.rule == "fail" else "warning"
    lines: list[str] = []
    for outcome, level in (("fail", "error"), ("inconclusive", open_)):
        checks = [check for check in found.checks if check.outcome == outcome]
        kept = checks if len(checks) <= SHOWN else checks[: SHOWN - 1]
        lines += [_command(level, f"{outcome}: {check.cell}", f"{check.name}: {check.message}") for check in kept]
        if len(kept) < len(checks):
            more = f"and {len(checks) - len(kept)} more: see the job's summary and junit.xml"
            lines.append(_command(level, f"{outcome}: more", more))
    return "".join(f"{line}\n" for line in lines)


def _command(level: str, title: str, message: str) -> str:
    return f"::{level} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    return printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
