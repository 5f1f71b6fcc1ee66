"""What a build needs beside this Python: a converter's own environment, a runtime that opens the file for its check."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edgerig.spec import FormatSpec, ToolSpec, load_engines
from edgerig.toolenv import ToolEnvironment, tool_environment
from edgerig.web import SCRIPTS
from edgerig.web.packages import modules_of


def environment_of(tool: ToolSpec, say: Callable[[str], None]) -> ToolEnvironment:
    """Made when the cache has none, of which `say` is told. Raises BuildError."""
    return tool_environment(tool.name, tool.packages, say)


def needs_more(format_spec: FormatSpec) -> bool:
    return format_spec.tool is not None or bool(load_engines()[format_spec.engine].host)


def bring(format_spec: FormatSpec, say: Callable[[str], None]) -> None:
    """Makes and downloads what is not in the cache; `say` is told before. To be called where it reaches the user: a
    build's process only has its log. Raises BuildError, DeviceError."""
    if format_spec.tool is not None:
        environment_of(format_spec.tool, say)
    engine = load_engines()[format_spec.engine]
    if engine.host:
        modules_of(engine, say)


def code_of_host(format_spec: FormatSpec) -> list[Path]:
    """The scripts that open a file of the format for its check; [] where they are Python's, as an engine's are."""
    if not load_engines()[format_spec.engine].host:
        return []
    return sorted([*SCRIPTS.parent.glob("*.py"), *(path for path in SCRIPTS.rglob("*.mjs") if path.is_file())])
