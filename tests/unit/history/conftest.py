from __future__ import annotations

from collections.abc import Callable

import pytest
from unit.history.runs import make_cell, make_run

from edgerig.results import CellResult, Results


@pytest.fixture
def run() -> Callable[..., Results]:
    return make_run


@pytest.fixture
def cell() -> Callable[..., CellResult]:
    return make_cell
