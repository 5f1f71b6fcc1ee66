"""The versions of what builds, as store keys and runs name them.

A machine without the converters takes builds from a store that another filled, such as one that CI keeps. Their keys
hold the versions of the packages that made them, which the store therefore remembers: what is not installed here is
taken for what it was there.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from edgerig.cache import cache_root, temporary_folder

ABSENT = "absent"
MADE_WITH = "made-with.json"
"""In the store's root: distribution → its version where a process last built into it."""
_LARGEST = 2**16


@cache
def version(distribution: str) -> str:
    """The installed version of `distribution`; where there is none, the one its builds in the store were made with,
    else "absent"."""
    found = installed(distribution)
    return _remembered(cache_root()).get(distribution, ABSENT) if found == ABSENT else found


def installed(distribution: str) -> str:
    """The version that is installed, "absent" when none is."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ABSENT


def remember(root: Path, distributions: Iterable[str]) -> None:
    """Keeps the installed versions in the store at `root`, which is being built into. That it cannot be written is no
    error: builds are found here all the same."""
    known = _remembered(root)
    here = {name: found for name in distributions if (found := installed(name)) != ABSENT}
    if here.items() <= known.items():
        return
    with contextlib.suppress(OSError), temporary_folder(root, ".made-with-") as folder:
        (folder / MADE_WITH).write_text(json.dumps({**known, **here}, indent=1, sort_keys=True), encoding="utf-8")
        os.replace(folder / MADE_WITH, root / MADE_WITH)


def _remembered(root: Path) -> dict[str, str]:
    """{} where there is none, or what is there is no such file."""
    try:
        with (root / MADE_WITH).open(encoding="utf-8") as file:
            found = json.loads(file.read(_LARGEST))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        name: said for name, said in found.items() if isinstance(said, str) and re.fullmatch(r"[\w.+!-]{1,40}", said)
    }
