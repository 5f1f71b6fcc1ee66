"""TensorFlow networks that keep something between calls: refused, since every converter of theirs takes variables for
constants, so that a file would go on from the same state in each inference."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import numpy as np

from edgerig.build.probing import UNKNOWN_STATE, probes
from edgerig.build.source import Arrays
from edgerig.errors import BuildError
from edgerig.spec import ModelSpec

SEED = 0


def require_no_own_state(
    spec: ModelSpec, network: Callable[[Arrays], Any], variables: Iterable[Any], how: str
) -> tuple[str, ...]:
    """What to note of a network whose variables no call changes. Raises BuildError naming those that one does change;
    `how` says what to do instead."""
    known = list(variables)
    if not known:
        return ()
    before = [variable.numpy() for variable in known]
    ran = _called(spec, network)
    changed = [
        str(getattr(variable, "path", variable.name))
        for variable, value in zip(known, before, strict=True)
        if not np.array_equal(variable.numpy(), value, equal_nan=np.asarray(value).dtype.kind == "f")
    ]
    if changed:
        raise BuildError(
            f'model "{spec.name}": a call changes its variables ({", ".join(changed)}), which converters take for '
            "constants",
            hint=f"make its state inputs and outputs, and name them under [[state]]: {how}",
        )
    return () if ran else (UNKNOWN_STATE,)


def _called(spec: ModelSpec, network: Callable[[Arrays], Any]) -> bool:
    for sample in probes(spec.inputs, SEED):
        with suppress(Exception):  # random inputs need not suit it: its own data will say
            network(sample)
            return True
    return False
