"""One file the user named: opened, told by its ending, checked."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import BinaryIO

from edgerig.check import elf, libraries, models, packages
from edgerig.check.targets import Targets
from edgerig.check.verdicts import FILE, Broken, FileReport, Finding, Verdict, broken
from edgerig.confined import open_named

PACKAGES = {".apk": "Android app", ".aab": "Android app bundle", ".aar": "Android library", ".whl": "Python wheel"}
_TAKES = ".so, .apk, .aab, .aar, .whl, .tflite, .onnx and .pte are checked"


def check(path: Path, targets: Targets) -> FileReport:
    """What is found in the file, also when it cannot be read."""
    kind = _ending(path.name)
    try:
        with open_named(path) as file:
            if not file.seek(0, 2):
                raise Broken("is empty")
            file.seek(0)
            return FileReport(str(path), _words(kind), tuple(_findings(file, kind, targets)))
    except OSError as error:
        fix = "name the files in it" if path.is_dir() else "give a file that is there and that you may read"
        what = "is a folder" if path.is_dir() else error.strerror or str(error)
        return FileReport(str(path), _words(kind), (Finding(Verdict.UNREADABLE, FILE, what, "", fix),))
    except Broken as error:
        return FileReport(str(path), _words(kind), (broken(error, verdict=Verdict.UNREADABLE),))


def _findings(file: BinaryIO, kind: str, targets: Targets) -> list[Finding]:
    """Raises Broken."""
    if kind == ".so":
        prefix = file.read(elf.PREFIX)
        if not prefix.startswith(elf.MAGIC):
            raise Broken("is no ELF file: it does not begin with 7f 45 4c 46", "give a shared library built for Linux")
        return libraries.findings(prefix, os.fstat(file.fileno()).st_size)
    if kind in PACKAGES:
        return packages.findings(file, kind, targets)
    if kind in models.KINDS:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return models.findings(content, kind, targets)
    raise Broken(f"is of no kind that is checked ({kind or 'no ending'})", _TAKES)


def _ending(name: str) -> str:
    """ ".so" for libx.so.1.2 as well."""
    lower = name.lower()
    return ".so" if lower.endswith(".so") or ".so." in lower else os.path.splitext(lower)[1]


def _words(kind: str) -> str:
    if kind in models.KINDS:
        return models.KINDS[kind][0]
    return {**PACKAGES, ".so": "shared library"}.get(kind, "unknown")
