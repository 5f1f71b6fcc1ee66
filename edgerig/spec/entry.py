"""Entries of a model's file by name: signatures of TFLite files and SavedModels, methods of ExecuTorch programs.

On the line and in a sweep's `models`, `FILE:NAME` is the file's entry NAME; in a `model.toml` the key is `signature`.
"""

from __future__ import annotations

from collections.abc import Callable

DEFAULTS = {"tflite": "", "saved_model": "serving_default", "executorch": "forward"}
"""Source whose files have entries → the one that is run where none is chosen; "" for a TFLite file's first subgraph,
whatever it is called."""


def split(name: str, is_model: Callable[[str], bool]) -> tuple[str, str]:
    """A model as it is named → the model and the entry, "" where none is named. The colon is the name's own unless a
    model stands before it."""
    model, _, entry = name.rpartition(":")
    return (model, entry) if model and entry and not is_model(name) and is_model(model) else (name, "")


def refusal(source: str, entry: str) -> str:
    """Why a `source` has no entry of that name, "" where its file is to be asked."""
    if not entry or source in DEFAULTS:
        return ""
    return f'"signature" is for files that have signatures or methods ({", ".join(DEFAULTS)}), not for {source}'


def chosen(source: str, entry: str) -> str:
    """The entry where it is not the default, so that what is the default is not named."""
    return "" if entry == DEFAULTS.get(source, "") else entry
