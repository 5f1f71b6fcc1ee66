"""OpenSSH's `Include`, which paramiko's parser ignores: a configuration with what it includes in its place.

An included file begins inside the block its Include stands in and cannot leave it: its own Host and Match blocks count
only where that one does too, which is written as one Match with the criteria of both (ssh_config(5)).
"""

from __future__ import annotations

import glob
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from edgerig.errors import ConfigError

DEEPEST = 16
"""Includes within each other, as in OpenSSH: a file that includes itself ends somewhere."""
_SETTING = re.compile(r"\s*(host|match|include)(?:\s*=\s*|\s+)(.+)", re.IGNORECASE)
_ALL = re.compile(r"((?:canonical|final)?)\s*all\s*", re.IGNORECASE)


def expanded(path: Path) -> Iterator[str]:
    """The lines of `path` and of what it includes; relative names are looked up beside it, `~` and patterns allowed.

    Raises OSError for a file that cannot be read, ConfigError for one included too deep.
    """
    yield from _lines(path, path.parent, "", 0)


def _lines(path: Path, folder: Path, around: str, depth: int) -> Iterator[str]:
    """`around` are the Match criteria of the block the file is included in; empty: it counts everywhere."""
    if depth > DEEPEST:
        raise ConfigError(f"{path}: included more than {DEEPEST} files deep", hint="does it include itself?")
    block = around
    for line in path.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        setting = _SETTING.match(line)
        if setting is None:
            yield line
        elif setting[1].lower() == "include":
            for file in _files(setting[2], folder):
                yield from _lines(file, folder, block, depth + 1)
                yield f"Match {block or 'all'}"
        else:
            block = f"{around} {_criteria(setting[1], setting[2])}".strip()
            yield f"Match {block}" if around else line


def _criteria(keyword: str, value: str) -> str:
    """A Host or Match line's value as Match criteria; empty for what always matches."""
    if keyword.lower() == "host":
        return f"originalhost {','.join(shlex.split(value))}"
    everything = _ALL.fullmatch(value)
    return everything[1] if everything else value


def _files(patterns: str, folder: Path) -> Iterator[Path]:
    """What the patterns stand for; one that nothing matches is no mistake."""
    for pattern in shlex.split(patterns, comments=True):
        names = glob.glob(os.path.join(glob.escape(str(folder)), os.path.expanduser(pattern)))
        yield from (Path(name) for name in sorted(names) if os.path.isfile(name))
