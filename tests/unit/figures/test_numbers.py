from __future__ import annotations

import pytest

from edgerig.figures import numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0"),
        (0.0131, "0.0131"),
        (98.5185, "98.5"),
        (9.996, "10.0"),
        (155.112, "155"),
        (1085.78, "1,090"),
        (14_234_000, "14,200,000"),
        (0.00043, "0.000430"),
        (2.1e-7, "2.10e-07"),
        (-0.5, "-0.500"),
        (float("nan"), "nan"),
    ],
)
def test_significant(value: float | None, text: str) -> None:
    assert numbers.significant(value) == text
