"""Paths in a sweep's file: relative to the folder the file stands in, as a `model.toml`'s are.

A path that is there only as the working folder's is refused with both readings, and not taken: in one folder the file
would mean one model, in another another.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgerig.errors import ConfigError
from edgerig.spec.files import is_file
from edgerig.spec.load_model import file_source, known_models, split_entry
from edgerig.spec.named import FOLDER_PREFIX, is_name


def from_its_folder(table: dict[str, Any], file: Path) -> dict[str, Any]:
    """`table`, read from `file`, with `models`, `dataset` and `out` as the working folder's paths. Raises ConfigError.

    What is no text is left as it is, for whoever parses the table to refuse.
    """
    folder = file.parent
    if folder.resolve() == Path.cwd():
        return table

    def moved(key: str, text: object) -> object:
        return _moved(text, folder, f'{file}: key "{key}"') if isinstance(text, str) else text

    found: dict[str, Any] = {**table, **{key: moved(key, table[key]) for key in ("dataset", "out") if key in table}}
    models = table.get("models")
    if isinstance(models, list):
        known = known_models()
        found["models"] = [_model(model, file, known) if isinstance(model, str) else model for model in models]
    return found


def _model(named: str, file: Path, known: dict[str, Path]) -> str:
    """A model named in `file`, as it is named from the working folder. What a library or a hub calls a model is no
    path; `hf:` in front of a folder is kept there, and what is chosen of a file behind the colon."""
    origin = f'{file}: key "models"'
    if is_name(named):
        local = named.removeprefix(FOLDER_PREFIX)
        return f"{FOLDER_PREFIX}{_moved(local, file.parent, origin)}" if local.startswith(".") else named
    model, entry = split_entry(named, file.parent)
    if not _is_path(model, file.parent, known):
        return named
    return ":".join(filter(None, (_moved(model, file.parent, origin), entry)))


def _is_path(model: str, folder: Path, known: dict[str, Path]) -> bool:
    """Is the model named by a file or a folder, and not by the name of one that is known?"""
    if "/" in model or file_source(Path(model)) is not None:
        return True
    return is_file(folder / model / "model.toml") or (model not in known and is_file(Path(model) / "model.toml"))


def _moved(text: str, folder: Path, origin: str) -> str:
    path = folder / text
    if not _is_there(path) and _is_there(Path(text)):
        raise ConfigError(
            f"{origin}: there is no {path}, but there is {Path(text).absolute()}",
            hint="paths in a sweep's file are relative to that file: correct it, write the whole path, or give a flag",
        )
    return str(path)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have: whoever opens it says so
        return False
