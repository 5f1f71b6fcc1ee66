"""Names that stand for files: an address, a Kaggle or TensorFlow Hub handle. What lies there is a model's file, or an
archive with one or with a SavedModel."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from edgerig.build.fetching.archive import extract, members
from edgerig.build.fetching.download import download
from edgerig.build.fetching.pin import Brought, Key, Pinned
from edgerig.errors import FetchError
from edgerig.spec import Named, file_source

KAGGLE = "https://www.kaggle.com"
KAGGLE_VARIABLE = "KAGGLE_API_ENDPOINT"
"""Kaggle's own client honours it too (kagglehub, config.py)."""
SAVED_MODEL = "saved_model.pb"
_KAGGLE_PAGE = re.compile(rf"{re.escape(KAGGLE)}/models/(?P<handle>[\w.-]+/[\w.-]+/\w+/[\w.-]+/\d+)/?")
_TFHUB_PAGE = re.compile(r"https://tfhub\.dev/[\w./-]+")
_SHOWN = 12


def pin(model: Named, work: Path) -> Pinned:
    """The files the name stands for. Raises FetchError."""
    url = address(model)
    whole = work / "download"
    download(url, whole, "bring the file or folder by hand and give its path as the model")
    name = PurePosixPath(re.sub(r"[?#].*$", "", url)).name
    keys: dict[str, Key] = {"description": f"from {model.text}", "no_accuracy_reason": "no dataset was given for it"}
    if source := file_source(Path(name)):
        return Pinned({**keys, "source": source, "file": name}, (Brought(whole, name, url),))
    inside = members(whole)
    if roots := [PurePosixPath(each).parent for each in inside if PurePosixPath(each).name == SAVED_MODEL]:
        root = min(roots, key=lambda each: len(each.parts))
        files = tuple(_taken(whole, each, f"saved_model/{_below(each, root)}", url) for each in _under(inside, root))
        return Pinned({**keys, "source": "saved_model", "file": "saved_model"}, files)
    known = [each for each in inside if file_source(Path(each))]
    if len(known) != 1:
        raise FetchError(
            f"{url}: an archive without {SAVED_MODEL}, and with {len(known)} files of a model",
            hint=f"it holds: {', '.join(sorted(known or inside)[:_SHOWN])}",
        )
    name = PurePosixPath(known[0]).name
    return Pinned({**keys, "source": str(file_source(Path(name))), "file": name}, (_taken(whole, known[0], name, url),))


def address(model: Named) -> str:
    """Where the files lie. A page of Kaggle's or TensorFlow Hub's stands for the archive that it offers."""
    handle = model.name if model.scheme == "kaggle" else ""
    if page := _KAGGLE_PAGE.fullmatch(model.name):
        handle = page["handle"]
    if handle:
        return f"{os.environ.get(KAGGLE_VARIABLE, KAGGLE).rstrip('/')}/api/v1/models/{handle}/download"
    if _TFHUB_PAGE.fullmatch(model.name):
        # tensorflow_hub's own question for a packed module (tensorflow_hub/compressed_module_resolver.py)
        return f"{model.name}?tf-hub-format=compressed"
    return model.name


def _under(inside: Iterable[str], root: PurePosixPath) -> list[str]:
    return sorted(name for name in inside if root in PurePosixPath(name).parents)


def _below(name: str, root: PurePosixPath) -> str:
    return str(PurePosixPath(name).relative_to(root))


def _taken(archive: Path, member: str, name: str, url: str) -> Brought:
    into = archive.with_name(f"member-{len(list(archive.parent.iterdir()))}")
    extract(archive, member, into)
    return Brought(into, name, url, member)
