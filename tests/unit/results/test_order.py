from __future__ import annotations

from edgerig.results import Results, order


def test_the_order_does_not_depend_on_which_cell_finished_first(results: Results) -> None:
    backwards = results.model_copy(update={"cells": tuple(reversed(results.cells))})
    assert order.ordered(backwards) == order.ordered(results) == list(results.cells)


def test_every_cell_belongs_to_a_device(results: Results) -> None:
    grouped = order.by_device(results)
    assert list(grouped) == list(results.devices)
    assert [cell for cells in grouped.values() for cell in cells] == order.ordered(results)
