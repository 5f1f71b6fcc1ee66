"""Names to code, imported only when the code is needed: `"package.module:Object"`."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

OURS = "edgerig"


def load_object(path: str) -> Any:
    """The object `"package.module:Object"` names. Raises ImportError or AttributeError when there is none."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def code_elsewhere(path: str) -> dict[str, Path]:
    """The Python files of the package `"package.module:Object"` is in, by their path from the folder it is imported
    from; {} for edgerig's own. Imports nothing. Raises ImportError when there is no such package."""
    package = path.partition(":")[0].partition(".")[0]
    if package == OURS:
        return {}
    spec = importlib.util.find_spec(package)
    if spec is None or not (spec.submodule_search_locations or (spec.origin or "").endswith(".py")):
        raise ImportError(f"no Python package {package!r} is found")
    if spec.submodule_search_locations is None:
        return {Path(str(spec.origin)).name: Path(str(spec.origin))}
    folders = map(Path, spec.submodule_search_locations)
    files = ((folder, file) for folder in folders for file in sorted(folder.rglob("*.py")))
    return {f"{package}/{file.relative_to(folder).as_posix()}": file for folder, file in files}
