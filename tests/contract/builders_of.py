"""Builders of a model, as a build's process has them, and a trained network's data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgerig.build.builder import FormatBuilder
from edgerig.build.factory import call_factory
from edgerig.build.source import SourceModel
from edgerig.registry import load_object
from edgerig.spec import load_formats, load_models


def builder(format_name: str, model: SourceModel, work: Path, **options: str) -> FormatBuilder:
    spec = load_formats()[format_name]
    defaults = {name: values[0] for name, values in spec.options.items()}
    made: FormatBuilder = load_object(spec.builder)(model, {**defaults, **options}, work)
    return made


def by_format(model: SourceModel, folders: pytest.TempPathFactory) -> Callable[[str], FormatBuilder]:
    """One builder a format, shared by all its recipes."""
    made: dict[str, FormatBuilder] = {}

    def get(format_name: str) -> FormatBuilder:
        if format_name not in made:
            made[format_name] = builder(format_name, model, folders.mktemp(format_name))
        return made[format_name]

    return get


def digits_data() -> dict[str, np.ndarray]:
    """`digits_cnn`'s arrays, by name."""
    spec = load_models("digits_cnn")["torch"]
    assert spec.dataset is not None
    data: dict[str, np.ndarray] = call_factory(spec.folder, str(spec.dataset.factory))
    return data
