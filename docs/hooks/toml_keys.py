"""The reference of every key a TOML of edgerig's may have, made of the models that read them: the two cannot disagree.

A table's text is its model's docstring, a key's the docstring below the field; type, bounds and default are those of
the model's JSON Schema (https://docs.pydantic.dev/latest/concepts/json_schema/). As a hook of MkDocs it is the page
`reference/toml.md`; `python docs/hooks/toml_keys.py` prints it.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, get_args

from pydantic import BaseModel

from edgerig.device_kinds import KINDS
from edgerig.registry import load_object
from edgerig.spec import EngineSpec, FormatSpec, ModelSpec, RecipeSpec, SourceSpec, SweepSpec
from edgerig.spec.budget import Budget
from edgerig.spec.toml import FACTORY, NAME

PAGE = "reference/toml.md"
OPENING = """\
# TOML keys

Every key that a file of edgerig's may have. An unknown key is an error that names the nearest known one; a key without
a default has to be given. This page is made of the models that read the files.
"""
QUANTITIES = {
    "share": "number, from 0, at most 1",
    "positive": "number, above 0",
    "whole": "whole number, above 0",
    "amount": "whole number, from 0",
    "number": "number, from 0",
    "any": "number",
}
"""In words, what a key that is a row of another table takes (`spec.keyed.Quantity`)."""
NAMED = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "object": "table"}
PATTERNS = {NAME: "name", FACTORY: '`"file.py:function"`'}
"""What a text of this pattern is called; others are shown."""
BOUNDS = {
    "exclusiveMinimum": "above {}",
    "minimum": "from {}",
    "exclusiveMaximum": "below {}",
    "maximum": "at most {}",
    "minItems": "{} and more",
    "minLength": "{} characters and more",
    "maxLength": "{} characters at most",
}


@dataclass(frozen=True)
class Described:
    """A kind of file: the model of its keys, and the `given` ones, which edgerig knows and the file does not say."""

    title: str
    told: str
    model: type[BaseModel]
    above: str = ""
    """The table of the file the keys stand in; "" for the file's own."""
    given: tuple[str, ...] = ()


def files() -> list[Described]:
    """Every kind of file, in the order of the page."""
    of_devices = [
        Described(
            f"A device of kind {name}",
            f"`devices/NAME.toml` with `kind = {json.dumps(name)}`.",
            load_object(entry.row).spec,
            given=("name",),
        )
        for name, entry in KINDS.items()
    ]
    rows = [
        Described(f"A row: {kind}", f"In a file of rows, and as a package's entry point: {what}.", model, *place)
        for kind, what, model, place in (
            ("engine", "an inference runtime", EngineSpec, ("engine.NAME", ("name",))),
            ("format", "what is built", FormatSpec, ("format.NAME", ("name",))),
            ("recipe", "a quantization recipe", RecipeSpec, ("recipe.NAME", ("name",))),
            ("source", "what a model is authored in", SourceSpec, ("source.NAME", ("name",))),
        )
    ]
    return [
        Described("A sweep", "`edgerig sweep SWEEP.toml`; every flag of a sweep is a key.", SweepSpec),
        Described("A budget", "`edgerig gate NEW --budget budget.toml`.", Budget),
        Described(
            "A model",
            "`models/NAME/model.toml`. `[twins.SOURCE]` holds the same keys for the same weights in another "
            "framework: what it says replaces what stands above it.",
            ModelSpec,
            given=("name", "folder", "ready"),
        ),
        *of_devices,
        *rows,
    ]


def page() -> str:
    """The page, as Markdown."""
    return "\n".join([OPENING, *(part for file in files() for part in _file(file))])


def _file(file: Described) -> Iterator[str]:
    yield f"## {file.title}\n\n{file.told}\n"
    for number, (place, model) in enumerate(tables(file)):
        if number or file.above:
            yield f"### `{place}`\n"
        yield _table(model, file.given if number == 0 else ())


def tables(file: Described) -> list[tuple[str, type[BaseModel]]]:
    """Every table of such a file with what it is called there, each before those inside it."""
    return list(_below(file.model, f"[{file.above}]" if file.above else ""))


def _below(model: type[BaseModel], place: str) -> Iterator[tuple[str, type[BaseModel]]]:
    yield place, model
    for key, field in model.model_fields.items():
        for inner in _models_in(field.annotation):
            name = ".".join(filter(None, (place.strip("[]"), key)))
            kind = _container(field.annotation)
            yield from _below(inner, {"list": f"[[{name}]]", "dict": f"[{name}.NAME]", "": f"[{name}]"}[kind])


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for each in get_args(annotation) for model in _models_in(each)]


def _container(annotation: Any) -> str:
    """How a field holds its table: "list", "dict", or "" where it is the table itself."""
    origin = getattr(annotation, "__origin__", None)
    return {tuple: "list", list: "list", dict: "dict"}.get(origin, "") if origin is not None else ""


def _table(model: type[BaseModel], given: tuple[str, ...]) -> str:
    lines = [f"{inspect.cleandoc(model.__doc__ or '')}\n", "| key | takes | default | |", "|---|---|---|---|"]
    lines += [f"| `{key}` | {takes} | {default} | {told} |" for key, takes, default, told in keys(model, given)]
    return "\n".join(lines) + "\n"


def keys(model: type[BaseModel], given: tuple[str, ...] = ()) -> list[tuple[str, str, str, str]]:
    """Of each key its name, what it takes, its default and what is said of it, as cells of a Markdown table."""
    schema = model.model_json_schema()
    told = _docstrings(model)
    found = [
        (key, takes(shape), default(shape, key in schema.get("required", [])), _cell(told.get(key, "")))
        for key, shape in schema["properties"].items()
        if key not in given
    ]
    row_keys = getattr(model, "row_keys", dict)()
    known = {key for key, *_ in found}
    return found + [(key, QUANTITIES[of], "–", "") for key, of in row_keys.items() if key not in known]


def takes(shape: dict[str, Any]) -> str:
    """In words, what a value of this JSON Schema is."""
    if "$ref" in shape or "allOf" in shape:
        return "table"
    if "anyOf" in shape:
        return " or ".join(dict.fromkeys(takes(each) for each in shape["anyOf"] if each.get("type") != "null"))
    if "const" in shape:
        return f"`{json.dumps(shape['const'])}`"
    if "enum" in shape:
        return ", ".join(f"`{json.dumps(each)}`" for each in shape["enum"])
    if shape.get("type") == "array":
        several = shape.get("prefixItems")
        name = f"[{', '.join(map(takes, several))}]" if several else f"list of {takes(shape.get('items', {}))}"
        shape = {key: value for key, value in shape.items() if key == "minItems" and not several}
    elif shape.get("format") == "path":
        name = "path"
    else:
        name = NAMED.get(shape.get("type", ""), "value")
    bounds = [text.format(shape[key]) for key, text in BOUNDS.items() if key in shape]
    pattern = shape.get("pattern")
    if pattern in PATTERNS:
        name = PATTERNS[pattern]
    elif pattern is not None:
        bounds.append(f"<code>{_as_entities(pattern)}</code>")
    return ", ".join([name, *bounds])


def default(shape: dict[str, Any], required: bool) -> str:
    """A key's default as TOML has it; "–" for none."""
    if required:
        return "**needed**"
    value = shape.get("default")
    if value is None or value == {} or isinstance(value, dict):
        return "–"
    return f"`{json.dumps(value, ensure_ascii=False)}`".replace("|", "\\|")


def _as_entities(pattern: str) -> str:
    """A regular expression that neither a table's cell nor Markdown reads anything into."""
    return "".join(each if each.isalnum() else f"&#{ord(each)};" for each in pattern)


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Field → the docstring below it, of the class and those it is made of."""
    found: dict[str, str] = {}
    for cls in reversed([each for each in model.__mro__ if issubclass(each, BaseModel) and each is not BaseModel]):
        body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0].body
        for field, text in pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                found[ast.unparse(field.target)] = str(text.value.value)
    return found


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def on_files(files: Any, config: Any) -> Any:
    """MkDocs calls this with the site's files. What stands in the page's place for readers of the repository goes."""
    from mkdocs.structure.files import File

    if (stands_there := files.get_file_from_path(PAGE)) is not None:
        files.remove(stands_there)
    files.append(File.generated(config, PAGE, content=page()))
    return files


if __name__ == "__main__":
    sys.stdout.write(page())
