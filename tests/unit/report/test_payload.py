"""The page's data says each cell what the results say, in few bytes."""

from __future__ import annotations

import json

import pytest

from edgerig.report.run import palette
from edgerig.report.run.payload import encoded, payload, rounded, runs
from edgerig.results import Results, order


def test_columns_decode_to_the_cells_texts(results: Results) -> None:
    cells = order.ordered(results)
    data = payload(cells, ())
    columns = {column["key"]: column for column in data["columns"]}
    texts = {key: [column["texts"][at] for at in column["at"]] for key, column in columns.items()}
    assert data["ids"] == [cell.id for cell in cells]
    assert texts["device"] == [cell.device for cell in cells]
    assert texts["status"] == [cell.status for cell in cells]
    assert texts["note"][0] == "the median is known to ±0.40%"
    assert columns["size"]["sort"][0] == 155.11
    why = columns["accuracy"]["why"]
    assert why["texts"][why["at"][12]] == "no labelled data came with this file"


def test_an_emulated_latency_is_in_no_number_of_the_data(results: Results) -> None:
    cells = order.ordered(results)
    data = payload(cells, ())
    columns = {column["key"]: column for column in data["columns"]}
    for place, cell in enumerate(cells):
        if cell.emulated:
            found = [
                columns["latency"]["sort"],
                columns["p90"]["sort"],
                *(data["latency"][key] for key in ("quantiles", "p99", "min")),
            ]
            assert [values[place] for values in found] == [None] * 5


def test_quantiles_are_per_mille_of_the_median(results: Results) -> None:
    data = payload(order.ordered(results), ())
    levels, quantiles = data["latency"]["levels"], data["latency"]["quantiles"][0]
    assert quantiles == [round(1000 * (0.97 + 0.2 * (level / 100) ** 4)) for level in levels]


def test_bytes_of_a_file_add_up_to_its_size(results: Results) -> None:
    cells = order.ordered(results)
    data = payload(cells, ())["constants"]
    assert data["dtypes"][0] == palette.REST
    for cell, parts in zip(cells, data["bytes"], strict=True):
        assert parts is None if cell.size_bytes is None else sum(parts[1::2]) == cell.size_bytes


def test_what_is_dominated_is_marked(results: Results) -> None:
    cells = order.ordered(results)
    assert payload(cells, [cells[3].id])["dominated"] == [int(place == 3) for place in range(len(cells))]


def test_the_data_stays_small(results: Results) -> None:
    many = [cell.model_copy(update={"id": f"{cell.id}/{n}"}) for n in range(20) for cell in results.cells]
    assert len(json.dumps(payload(many, ()), separators=(",", ":"))) < 600 * len(many)


@pytest.mark.parametrize(("places", "written"), [([], []), ([3], [3, 1]), ([0, 1, 2, 5, 7, 8], [0, 3, 5, 1, 7, 2])])
def test_runs(places: list[int], written: list[int]) -> None:
    assert runs(places) == written


def test_encoded_and_rounded() -> None:
    assert encoded(["b", "a", "b"]) == {"texts": ["b", "a"], "at": [0, 1, 0]}
    assert (rounded(None), rounded(0.123456789), rounded(1234567.0)) == (None, 0.12346, 1234600.0)


def test_every_known_recipe_and_format_looks_different() -> None:
    assert len({palette.colour(name) for name in order.RECIPES}) == len(order.RECIPES)
    assert len({palette.symbol(name) for name in order.FORMATS}) == len(order.FORMATS)
    assert palette.colour("nobody-declared-this") in palette.PALETTE
