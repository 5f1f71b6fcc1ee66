"""What there is, and what of it to keep: commands that take a moment. No framework and no numpy is imported here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.markup import escape

from edgerig import api, spec
from edgerig.cache import cache_root, prune
from edgerig.cli.say import print_table, say, table, tell_program
from edgerig.errors import ConfigError
from edgerig.plan import unsupported_reason


def cells(file: Path | None, flags: dict[str, Any]) -> None:
    for cell in api.plan(file, flags).cells:
        if cell.unsupported:
            say(f"unsupported: {cell.id}: {cell.unsupported}", err=True)
        else:
            say(cell.id)


def formats() -> None:
    """One row for each format, source and recipe, a reason wherever the answer is no; then the engines' options."""
    shown = table("format", "source", "recipe", "supported", "what it does, or why not")
    for form in spec.load_formats().values():
        for source in form.routes:
            for name, recipe in spec.load_recipes().items():
                reason = unsupported_reason(source, form.name, name)
                row = recipe.formats[form.name]
                says = reason or f"weights {row.weights}; activations {row.activations}"
                shown.add_row(form.name, source, name, "no" if reason else "yes", escape(says))
        for source in spec.load_sources():
            if reason := spec.no_route(source, form.name):
                shown.add_row(form.name, source, "any", "no", escape(reason))
        if form.as_is:
            code = " with --trust, for opening it runs what is in it" if form.runs_code else ""
            shown.add_row(form.name, form.name, spec.AS_IS, "yes", f"a ready {form.suffix} file, run as it is{code}")
    print_table(shown)
    options = table("engine", "option", "values, the default first", "what it says")
    for engine in spec.load_engines().values():
        for name, option in engine.options.items():
            options.add_row(engine.name, name, ", ".join(map(spec.written, option.values)), escape(option.summary))
    print_table(options)


def recipes() -> None:
    shown = table(
        "recipe", "format", "weights", "activations", "granularity", "calibrated", "options", "note", "source"
    )
    for name, recipe in spec.load_recipes().items():
        for format_name, row in recipe.formats.items():
            if row.unsupported:
                refused = escape(row.unsupported)
                shown.add_row(name, format_name, "unsupported", "", "", "", "", refused, escape(row.source))
            else:
                shown.add_row(
                    name,
                    format_name,
                    escape(row.weights),
                    escape(row.activations),
                    escape(row.granularity),
                    "yes" if recipe.calibration else "no",
                    ", ".join(row.offers),
                    escape(row.note),
                    escape(row.source),
                )
        shown.add_section()
    print_table(shown)


def schema() -> None:
    from edgerig.report.run.read import json_schema

    tell_program(json.dumps(json_schema(), indent=2))


def clean(keep_gib: float) -> None:
    """Prunes this machine's cache."""
    root = cache_root()
    try:
        found = prune(root, int(keep_gib * 2**30))
    except OSError as error:
        raise ConfigError(f"{root} could not be cleaned: {error}", hint="is it yours, and writable?") from error
    removed, kept = found.removed_bytes / 2**30, found.kept_bytes / 2**30
    say(f"{root}: {found.removed} entries of {removed:.2f} GiB removed, {found.kept} of {kept:.2f} GiB kept")
