"""What a check says: findings, each with a verdict and a fix, and one verdict per file."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Verdict(enum.IntEnum):
    """In the order of how bad it is; a file's is its worst finding's."""

    OK = 0
    NOTE = 1
    """To be known; it does not fail the check."""
    FAILS = 2
    """It would not work, or not everywhere, where it is to ship."""
    UNREADABLE = 3
    """It is not what its name says, or cannot be read: nothing was checked."""

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Finding:
    """One thing found. `check` is what was looked at, `where` a name inside the file ("" for the file itself), `fix`
    what to do ("" where there is nothing to do)."""

    verdict: Verdict
    check: str
    what: str
    where: str = ""
    fix: str = ""


@dataclass(frozen=True)
class FileReport:
    """A file's findings; never empty."""

    path: str
    kind: str
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        return max(finding.verdict for finding in self.findings)


class Broken(Exception):
    """What is in a file is not what its format asks for; `fix` says what to do."""

    def __init__(self, what: str, fix: str = "is it whole? Compare its size and checksum with the original") -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix


FILE = "file"
"""The check whether a file is what its name says."""


def broken(error: Broken, where: str = "", verdict: Verdict = Verdict.FAILS) -> Finding:
    return Finding(verdict, FILE, error.what, where, error.fix)
