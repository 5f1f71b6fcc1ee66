"""TOML to frozen values: every refusal names the file, the key and the fix."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_origin

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from edgerig.confined import read_named
from edgerig.errors import ConfigError

PACKAGE = Path(__file__).resolve().parents[1]
RECORDS = "recorded"
"""Key of pydantic's context, true where a run's file is read: names were checked when it was planned, and the package
that knows one may be gone."""
AS_IS = "as-is"
"""The recipe name of a file that is run exactly as its author built it."""

LARGEST_TOML = 16 * 2**20
"""Bytes: some thousand times the largest that anybody wrote by hand."""
_MOST_SHOWN = 20
"""Wrong keys of one file, and known names, that are told."""
LONGEST_NAME = 80
NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
Name = Annotated[str, StringConstraints(pattern=NAME, max_length=LONGEST_NAME)]
FACTORY = r"^[\w./-]+\.py:[A-Za-z_]\w*$"
Factory = Annotated[str, StringConstraints(pattern=FACTORY)]
"""`"file.py:function"`, the file relative to the model's folder."""
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
FormatName = Name
"""A row of `build/formats.toml`; whether there is one is asked where a user names it."""
Source = Name
"""What a model is authored in: a row of `build/sources.toml`, asked for as a format's is."""
Layout = Literal["NCHW", "NHWC", "any"]
Dtype = Literal[
    "float32",
    "float16",
    "float64",
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]
"""Of a model's tensors, by numpy's names."""


class Strict(BaseModel):
    """A frozen value; an unknown key is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def row_keys(cls) -> Mapping[str, Any]:
        """Keys beyond the fields, of a table whose keys are rows of another one (`spec/keyed.py`)."""
        return {}


SpecT = TypeVar("SpecT", bound=BaseModel)


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for an unknown name: those it begins, else the nearest known one, and all of them."""
    known = sorted(known)
    name = name[:LONGEST_NAME]  # comparing takes the product of the lengths
    begun = [each for each in known if name and each.startswith(name)]
    meant = " or ".join(f'"{each}"' for each in begun or difflib.get_close_matches(name, known, n=1, cutoff=0.5))
    listed = f"known: {', '.join(known[:_MOST_SHOWN]) or 'none'}{', …' if len(known) > _MOST_SHOWN else ''}"
    return f"did you mean {meant}? {listed}" if meant else listed


def unknown(what: str, name: str, known: Iterable[str], where: str = "") -> ConfigError:
    """The refusal of a name that is not among the `known` ones; `where` is the file and key it stands in."""
    return ConfigError(f'{where}{": " if where else ""}unknown {what} "{_cut(name)}"', hint=nearest(name, known))


def read_toml(path: Path, limit: int = LARGEST_TOML) -> dict[str, Any]:
    """The table in the regular file, of at most `limit` bytes. Raises ConfigError naming the file (and the line, for a
    syntax error)."""
    try:
        return tomllib.loads(read_named(path, limit).decode("utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file", hint="check the path") from error
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror or error}", hint="a readable UTF-8 TOML file is needed"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: cannot be read: not UTF-8 text (byte {error.start})", hint="save it as UTF-8"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}", hint="correct the line named above") from error
    except RecursionError as error:
        raise ConfigError(
            f"{path}: its brackets are nested too deep to be read", hint="no key of edgerig's has that many"
        ) from error
    except ValueError as error:  # a decimal number of more digits than Python converts (sys.set_int_max_str_digits)
        raise ConfigError(f"{path}: not TOML that can be read: {error}", hint="write a smaller number") from error


def parse(cls: type[SpecT], table: Mapping[str, Any], origin: str, context: Mapping[str, Any] | None = None) -> SpecT:
    """`table` as a `cls`; a `ConfigError` names `origin`, each wrong key and its fix. `context` is pydantic's."""
    try:
        return cls.model_validate(table, context=context)
    except ValidationError as error:
        lines, hints = [], []
        found = error.errors(include_url=False)
        for item in found[:_MOST_SHOWN]:
            key = _cut(".".join(str(part) for part in item["loc"]))
            if item["type"] == "extra_forbidden":
                lines.append(f'{origin}: unknown key "{key}"')
                hints.append(nearest(str(item["loc"][-1]), _keys_at(cls, item["loc"][:-1])))
            else:
                message = item["msg"].removeprefix("Value error, ")
                if item["type"] == "model_type":
                    message = f"a table is needed, with keys out of: {', '.join(_keys_at(cls, item['loc']))}"
                given = "" if isinstance(item["input"], dict) else f" (given: {shown(item['input'])})"
                lines.append(f'{origin}: key "{key}": {message}{given}' if key else f"{origin}: {message}")
        if len(found) > _MOST_SHOWN:
            lines.append(f"{origin}: and {len(found) - _MOST_SHOWN} more")
        raise ConfigError(
            "\n".join(lines), hint="; ".join(dict.fromkeys(hints)) or "correct the keys named above"
        ) from error


def shown(value: object) -> str:
    """A value from a file in a message: at most 200 characters of it."""
    try:
        text = repr(value)
    except (ValueError, RecursionError) as error:  # of a number with more digits than Python prints; nested too deep
        text = f"a {type(value).__name__} that cannot be shown: {error}"
    return _cut(text)


def _cut(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:199]}…"


def _keys_at(cls: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The known keys of the table at `location` inside `cls`."""
    named = False
    for part in location:
        if isinstance(part, int) or named:  # a list's place, or a name in a dictionary of tables
            named = False
            continue
        field = cls.model_fields.get(part)
        if field is None:
            return []
        named = get_origin(field.annotation) is dict
        candidates = [field.annotation, *getattr(field.annotation, "__args__", ())]
        found = [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]
        if not found:
            return []
        cls = found[0]
    return [*cls.model_fields, *(cls.row_keys() if issubclass(cls, Strict) else ())]


def roots(kind: Literal["models", "devices"]) -> list[Path]:
    """Where `kind` is looked up, first match wins: the working folder, then what is shipped."""
    shipped = PACKAGE / "shipped" / kind
    return [Path.cwd() / kind, shipped if shipped.is_dir() else PACKAGE.parent / kind]


def first_wins(pairs: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    known: dict[str, Path] = {}
    for name, path in pairs:
        known.setdefault(name, path)
    return known
