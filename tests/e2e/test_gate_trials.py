"""The gate's trials of latency (benchmarks/gate.py), once each; the others are in test_ci_kit.py."""

from __future__ import annotations

import pytest
from e2e.commands import gate_trials

pytestmark = [pytest.mark.e2e, pytest.mark.alone]


def test_what_is_as_fast_passes_and_what_is_slower_is_not_called_the_same() -> None:
    gate_trials("local", kinds=("identical", "slower"))
