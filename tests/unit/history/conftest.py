from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from unit.history.runs import make_cell, make_run


@pytest.fixture
def run() -> Callable[..., Any]:
    return make_run


@pytest.fixture
def cell() -> Callable[..., Any]:
    return make_cell
