"""What it takes until the first answer: the runtime's import, the file's loading, its compilation where the runtime
compiles, the first inference."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from edgerig.figures.field import real
from edgerig.figures.figure import Figure

if TYPE_CHECKING:
    from edgerig.results import CellResult


def _once(key: str, name: str, get: Callable[[CellResult], float | None]) -> Figure:
    """It happens once in a process: no statistics, no comparison, no column."""
    field = real(f"{key}_ms", get)
    return Figure(key, name, "ms", get, lambda c: "not timed", field.name, (field,), group="execution")


IMPORT = _once("runtime_import", "import of the runtime", lambda c: c.runtime_import_ms)
LOAD = _once("load", "loading", lambda c: c.load_ms)
COMPILE = _once("compile", "compilation", lambda c: c.compile_ms)
FIRST = _once("first_inference", "first inference", lambda c: c.first_inference_ms)
