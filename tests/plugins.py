"""Packages of others, as an installer leaves them: a folder for `sys.path` with their code and their entry points."""

from __future__ import annotations

import shutil
from pathlib import Path

HERE = Path(__file__).parent / "plugin"


def install(folder: Path, name: str, group: str, point: str, module: str = "") -> Path:
    """Puts the package `name` with one entry point of `group`, such as `folder = folder_kind:KIND`, into `folder`, and
    the `module` of `tests/plugin` that it has."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{point}\n")
    if module:
        shutil.copy(HERE / f"{module}.py", folder)
    return folder
