"""Lists of processors, as kernels and people write them."""

from __future__ import annotations

import pytest

from edgerig.processor_list import numbers


@pytest.mark.parametrize(
    ("text", "found"), [("0-3,5\n", [0, 1, 2, 3, 5]), ("7", [7]), (" 2, 0 ", [2, 0]), ("1-1,1023", [1, 1023])]
)
def test_numbers_and_ranges(text: str, found: list[int]) -> None:
    assert numbers(text) == found


@pytest.mark.parametrize("text", ["", "3-2", "0-", "big", "0,,1", "-1", "10000", "٣", "0-3:1/2"])
def test_what_is_no_list_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="is no list of processors, such as 2,3 or 0-3"):
        numbers(text)
