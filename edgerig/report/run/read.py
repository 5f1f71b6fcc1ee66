"""Reading results back, with a clear answer to every way a file can be wrong."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

from edgerig.confined import Confined, read_named
from edgerig.errors import ResultsError
from edgerig.results import SCHEMA_MINOR, SCHEMA_VERSION, Results
from edgerig.results.schema import NEWER, newer_major, newer_minor

MAX_BYTES = 256 * 1024 * 1024
"""A cell takes about 4 kB, so this is some 60,000 cells; more is not a results file."""
_SHOWN = 5
_REMAKE = "`edgerig report` writes it anew from the run's saved raw runs"


def read_results(path: Path) -> Results:
    """The results in the file `path`, or in the `results.json` of the folder `path`.

    Of a newer minor version of the schema, fields that are unknown here are kept. Raises ResultsError when the file is
    missing, unreadable, too large, truncated, not JSON, of a newer schema version, or when a value in it is not what
    the schema says.
    """
    file, content = _content(path)
    return results_of(content, file)


def results_of(content: bytes, file: Path) -> Results:
    """The results in a results.json's bytes, of the `file` that errors name. Raises as `read_results` does."""
    document = _document(file, _decoded(file, content))
    document = _migrated(file, document)
    context = NEWER if newer_minor(document["schema_minor"]) else None
    try:
        results = Results.model_validate(document, context=context)
    except ValidationError as error:
        found = error.errors(include_url=False)
        lines = [f"{file}: {_place(item['loc'])}: {item['msg']}" for item in found[:_SHOWN]]
        if len(found) > _SHOWN:
            lines.append(f"{file}: and {len(found) - _SHOWN} more")
        raise ResultsError("\n".join(lines), hint=_REMAKE) from error
    repeated = [cell for cell, times in Counter(cell.id for cell in results.cells).items() if times > 1]
    if repeated:
        raise ResultsError(f'{file}: cell "{repeated[0]}" appears more than once', hint=_REMAKE)
    return results


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of results.json as it is written: every field is present."""
    schema = Results.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "edgerig results"}


def _content(path: Path) -> tuple[Path, bytes]:
    """The file and what it holds. A file the user named may be a link, one found in a folder may not."""
    file = path
    try:
        if not path.is_dir():
            return file, read_named(path, MAX_BYTES)
        file = path / "results.json"
        return file, (Confined(path) / "results.json").read_bytes(MAX_BYTES)
    except FileNotFoundError as error:
        raise ResultsError(f"{file}: no such file", hint="give a run's folder or its results.json") from error
    except OSError as error:
        raise ResultsError(
            f"{file}: cannot be read: {error.strerror or error}",
            hint="is this the results.json of a run, and may you read it?",
        ) from error


def _decoded(file: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ResultsError(f"{file}: not UTF-8 text (byte {error.start})", hint=_REMAKE) from error


def _document(file: Path, text: str) -> dict[str, Any]:
    try:
        document = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_bounded)
    except json.JSONDecodeError as error:
        what = "ends early" if error.pos >= len(text.rstrip()) or "Unterminated" in error.msg else "is not JSON"
        raise ResultsError(
            f"{file}: {what}: {error.msg} at line {error.lineno}, column {error.colno}", hint=_REMAKE
        ) from error
    except (ValueError, RecursionError) as error:
        raise ResultsError(f"{file}: is not JSON: {error}", hint=_REMAKE) from error
    if not isinstance(document, dict):
        raise ResultsError(
            f"{file}: holds a {type(document).__name__}, not an object", hint="is this the results.json of a run?"
        )
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits[:40]} is too large a number")
    return number


def _bounded(digits: str) -> int:
    """Nothing here is counted beyond 64 bits, and what is larger breaks whoever computes with it."""
    if len(digits) > 20 or abs(int(digits)) >= 2**63:
        raise ValueError(f"{digits[:40]} is too large a number")
    return int(digits)


def _migrated(file: Path, document: dict[str, Any]) -> dict[str, Any]:
    """The document in this edgerig's schema, or a newer minor version of it. Raises ResultsError when it is in none it
    knows."""
    version = document.get("schema_version")
    if isinstance(version, bool) or not isinstance(version, int):
        raise ResultsError(f'{file}: no "schema_version"', hint="is this the results.json of a run?")
    if why := newer_major(version):
        raise ResultsError(f"{file}: {why}", hint="update edgerig")
    if version < 1:
        raise ResultsError(f"{file}: schema_version {version} is not known (expected {SCHEMA_VERSION})", hint=_REMAKE)
    minor = document.get("schema_minor", 0)
    if isinstance(minor, bool) or not isinstance(minor, int) or minor < 0:
        raise ResultsError(f'{file}: "schema_minor" is not a whole number from 0 on', hint=_REMAKE)
    for step in range(version, SCHEMA_VERSION):
        document, minor = _MIGRATIONS[step](file, document), 0
    return {**document, "schema_minor": max(minor, SCHEMA_MINOR)}


def _from_schema_1(file: Path, document: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 had no source in a cell's id (`net-tflite-fp32@…`), and one source per model."""
    try:
        return {
            **document,
            "schema_version": 2,
            "models": {
                f"{name}-{record['source']}": {"model": name, **record} for name, record in document["models"].items()
            },
            "cells": [
                {**cell, "id": f"{cell['model']}-{cell['source']}{cell['id'].removeprefix(cell['model'])}"}
                for cell in document["cells"]
            ],
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise ResultsError(f"{file}: says it is of schema 1 and is not: {error!r}", hint=_REMAKE) from error


def _from_schema_2(file: Path, document: dict[str, Any]) -> dict[str, Any]:
    """Schema 2 had one relative error over all outputs, and a bound it was held to when the file was built."""
    try:
        cells = [{**cell, "build": _without_bound(cell.get("build"))} for cell in document["cells"]]
        return {**document, "schema_version": 3, "cells": cells}
    except (KeyError, TypeError, AttributeError) as error:
        raise ResultsError(f"{file}: says it is of schema 2 and is not: {error!r}", hint=_REMAKE) from error


def _without_bound(build: dict[str, Any] | None) -> dict[str, Any] | None:
    if build is None or not build.get("check"):
        return build
    return {**build, "check": {key: value for key, value in build["check"].items() if key != "bound"}}


_MIGRATIONS = {1: _from_schema_1, 2: _from_schema_2}


def _place(location: tuple[int | str, ...]) -> str:
    """`("cells", 3, "status")` as `cells[3].status`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".") or "the document"
