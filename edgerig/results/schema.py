"""Which schema edgerig's own files are of, and what is made of fields a newer one has (docs/api.md states the policy).

`schema_version` is the major number: a field is gone, or means something else. Older ones are migrated, newer ones
refused. `schema_minor` grows when fields are added that a reader may do without. A file of a newer minor version is
read: what this one does not know of it is kept where the value is written again, else left out. In a file of this minor
version or an older one an unknown field is an error, for nobody wrote such a file.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from edgerig.spec.toml import RECORDS

ModelT = TypeVar("ModelT", bound=BaseModel)
SCHEMA_VERSION = 3
SCHEMA_MINOR = 2
"""Of results.json, and of the run's folder it is made from."""

RECORDED: Mapping[str, bool] = {RECORDS: True}
NEWER: Mapping[str, bool] = {"newer": True, **RECORDED}
"""The contexts (`pydantic.ValidationInfo.context`) in which a run's file is read, and a newer minor version's."""
MOST_FIELDS, DEEPEST = 64, 8
"""Unknown fields of one value, and how deep what they hold may be nested."""
_NAME = r"[A-Za-z0-9][\w.-]{0,79}"
_ROUNDS, _MOST_LEFT_OUT = 3, 10_000


def newer_major(version: object) -> str:
    """Why a file of the major version `version` is not read, "" where it is no newer one."""
    if isinstance(version, int) and version > SCHEMA_VERSION:
        return f"schema_version {version} is newer than this edgerig reads ({SCHEMA_VERSION})"
    return ""


def newer_minor(minor: object, ours: int = SCHEMA_MINOR) -> bool:
    return isinstance(minor, int) and minor > ours


def beyond_bounds(more: Mapping[str, Any]) -> str:
    """Why no newer version can have written these unknown fields of a value, "" where it can: a file is not trusted to
    be one's."""
    if len(more) > MOST_FIELDS:
        return f"{len(more)} unknown fields, at most {MOST_FIELDS} are kept"
    wrong = next((name for name in more if not re.fullmatch(_NAME, name)), None)
    if wrong is not None:  # "" is one of them
        return f"an unknown field {wrong[:80]!r} whose name none can have"
    level: list[Any] = list(more.values())
    for _ in range(DEEPEST):
        if not all(map(_can_be_written, level)):
            return "an unknown field that holds what JSON cannot"
        level = [inner for each in level for inner in _inside(each)]
    return f"an unknown field nested deeper than {DEEPEST} levels" if level else ""


def _can_be_written(value: Any) -> bool:
    """As JSON in UTF-8, but for what is in it."""
    if isinstance(value, str):
        return not any("\ud800" <= sign <= "\udfff" for sign in value)
    return not isinstance(value, float) or math.isfinite(value)


def _inside(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [*value.keys(), *value.values()]
    return list(value) if isinstance(value, list | tuple) else []


def recorded(cls: type[ModelT], text: bytes, *, newer: bool | None = None) -> ModelT:
    """A document of a run's folder as a `cls`; of a newer minor version, which it says itself where `newer` is None,
    without what is unknown here. Raises ValidationError."""
    try:
        return cls.model_validate_json(text, context=RECORDED)
    except ValidationError:
        document = table(text)
        if not (newer_minor(document.get("schema_minor")) if newer is None else newer):
            raise
    return cls.model_validate(without_unknown(cls, document), context=NEWER)


def table(text: bytes) -> dict[str, Any]:
    """The object that JSON holds, {} for whatever else it is."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def without_unknown(cls: type[BaseModel], document: dict[str, Any]) -> dict[str, Any]:
    """A newer minor version's `document` without the keys that a `cls` refuses because it does not know them. Whatever
    else is wrong with it is left for who reads it. `document` itself is changed."""
    for _ in range(_ROUNDS):
        try:
            cls.model_validate(document, context=NEWER)
        except ValidationError as error:
            unknown = [each["loc"] for each in error.errors(include_url=False) if each["type"] == "extra_forbidden"]
            for place in unknown[:_MOST_LEFT_OUT]:
                _remove(document, place)
            if unknown:
                continue
        break
    return document


def _remove(document: Any, place: tuple[int | str, ...]) -> None:
    *above, last = place
    for part in above:
        try:
            document = document[part]
        except (KeyError, IndexError, TypeError):  # a validator's own name for a branch is no key
            return
    if isinstance(document, dict):
        document.pop(last, None)
