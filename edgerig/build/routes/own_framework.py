"""From a source to a format of the same framework: nothing is converted, the network itself is what is saved."""

from __future__ import annotations

from typing import Any

from edgerig.build.source import SourceModel


def convert(model: SourceModel) -> Any:
    return model.module
