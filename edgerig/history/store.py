"""The history's files: `<run-id>.parquet`, in a folder or at any fsspec URL (s3://, gs://, sftp://, memory://, …).

Where nothing installed writes Parquet, a run is kept as its results.json, `<run-id>.json`, which is read as well.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import fsspec
from fsspec.implementations.local import LocalFileSystem

from edgerig import extras
from edgerig.confined import Confined
from edgerig.errors import ConfigError, EdgerigError, ResultsError
from edgerig.report.run import json_results
from edgerig.report.run.read import results_of
from edgerig.results import Results

if TYPE_CHECKING:
    import pyarrow as pa

FOLDER = "history"
"""Beside the runs, in the folder `--out` names."""
_READERS = 8
LARGEST = 64 * 2**20
"""Of a file, in bytes; a cell takes some hundred, in JSON some thousand."""
WRITES = ("pyarrow",)
READS = ("pyarrow", "duckdb")
"""The distributions that trends take, of the extra `history`."""
_PARQUET, _JSON = ".parquet", ".json"


@dataclass(frozen=True)
class History:
    """Every run's rows, and what could not be read (`file: why`, with what to do)."""

    rows: pa.Table
    runs: int
    warnings: tuple[str, ...]


def beside(run: Path) -> str:
    """Where the history of the folder a run's folder stands in is kept."""
    return str(run.resolve().parent / FOLDER)


def add(results: Results, at: str) -> str:
    """Writes the run into the history at `at` (a folder or URL, made if missing) and returns its file.

    The file appears whole or not at all, under the run's name: adding a run again replaces it. Raises ConfigError.
    """
    content, suffix = _rendered(results)
    files, root = _open(at)
    # Dots in front would hide the file, and a slash would lead elsewhere.
    name = re.sub(r"^\.", "%2E", quote(results.run.id, safe="")) + suffix
    target, temporary = f"{root}/{name}", f"{root}/.{name}.{secrets.token_hex(4)}.tmp"
    try:
        if _is_local(files):
            (Confined(Path(root)) / name).replace(content)
            return target
        files.makedirs(root, exist_ok=True)
        files.pipe_file(temporary, content)
        files.mv(temporary, target)
    except Exception as error:  # each file system raises what its own library raises
        raise _failed(at, "cannot be written", error) from error
    return str(files.unstrip_protocol(target)) if "://" in at else target


def read(at: str) -> History:
    """The runs in the history at `at`. A file that cannot be read is left out and named in `warnings`.

    Raises ConfigError when there is no history at all or it cannot be listed, NotInstalled without `READS`.
    """
    extras.require(READS, "to read a history")
    import pyarrow as pa

    from edgerig.report.run import parquet_results

    files, root = _open(at)
    try:
        if not files.exists(root):
            raise ConfigError(
                f"{at}: no such history",
                hint="every finished sweep writes to OUT/history; `edgerig history add RUN --to PLACE` adds to another",
            )
        found = _runs(files.ls(root, detail=False))
    except EdgerigError:
        raise
    except Exception as error:  # as above
        raise _failed(at, "cannot be read", error) from error
    with ThreadPoolExecutor(_READERS) as pool:
        outcomes = list(pool.map(lambda path: _read_one(files, path), found))
    tables = [outcome for outcome in outcomes if isinstance(outcome, pa.Table)]
    warnings = tuple(outcome for outcome in outcomes if isinstance(outcome, str))
    rows = pa.concat_tables(tables) if tables else parquet_results.schema().empty_table()
    return History(rows, len(tables), warnings)


def _rendered(results: Results) -> tuple[bytes, str]:
    """What is kept of the run, and the file's suffix."""
    if extras.missing(WRITES):
        return json_results.render(results), _JSON
    from edgerig.report.run import parquet_results

    return parquet_results.render(results), _PARQUET


def _runs(paths: Iterable[str]) -> list[str]:
    """Those of the files that are runs, each once: of one kept in both forms its Parquet."""
    names = sorted(path for path in paths if not path.rsplit("/", 1)[-1].startswith("."))
    tables = [path for path in names if path.endswith(_PARQUET)]
    known = {path.removesuffix(_PARQUET) for path in tables}
    documents = [path for path in names if path.endswith(_JSON) and path.removesuffix(_JSON) not in known]
    return sorted(tables + documents)


def _read_one(files: Any, path: str) -> pa.Table | str:
    """The file's rows, or why there are none."""
    from edgerig.report.run import parquet_results

    try:
        content = _content(files, path)
        if path.endswith(_JSON):
            return parquet_results.checked(parquet_results.table(results_of(content, Path(path))), path)
        return parquet_results.parsed(content, path)
    except ResultsError as error:
        return f"{error.message} ({error.hint})"
    except Exception as error:  # one file out of reach must not hide the others
        return f"{path}: cannot be read: {_said(error)}"


def _content(files: Any, path: str) -> bytes:
    """The file's bytes, of a folder on this machine none that a link leads to. Raises what the file system raises."""
    if _is_local(files):
        return Confined.at(Path(path)).read_bytes(LARGEST)
    content: bytes = files.cat_file(path, 0, LARGEST + 1)
    if len(content) > LARGEST:
        raise OSError(errno.EFBIG, f"is larger than {LARGEST:,} bytes", path)
    return content


def is_url(at: str) -> bool:
    """Is it a URL of fsspec's, chained or not, and no folder's path?"""
    return "://" in at or "::" in at


def _is_local(files: Any) -> bool:
    return isinstance(files, LocalFileSystem)


def _open(at: str) -> tuple[Any, str]:
    place = at if is_url(at) else os.path.abspath(at)
    try:
        files, root = fsspec.core.url_to_fs(place)
    except (ImportError, ValueError) as error:
        raise ConfigError(
            f"{at}: {_said(error)}", hint="give a folder, or a URL fsspec knows, with its package installed"
        ) from error
    except Exception as error:  # a file system's constructor may already connect
        raise _failed(at, "cannot be opened", error) from error
    return files, str(root).rstrip("/")


def _failed(at: str, what: str, error: Exception) -> ConfigError:
    return ConfigError(f"{at}: {what}: {_said(error)}", hint="check that the place exists and you may use it")


def _said(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).splitlines() or [""])[0] or type(error).__name__
