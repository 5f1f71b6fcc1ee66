"""Tables of classes: of a few as a whole, of many those that are answered worst; in Markdown those that are to ship."""

from __future__ import annotations

import numpy as np
from unit.history.runs import make_cell, make_run

from edgerig.measure.confusion import confusion
from edgerig.report.run import classes, markdown
from edgerig.results import CellResult, Results


def answered(labels: list[int], answers: list[int], count: int) -> CellResult:
    found = confusion(None, np.eye(count, dtype=np.float32)[answers], np.array(labels))
    assert found is not None
    return make_cell().model_copy(update={"confusion": (found,)})


def run(cell: CellResult) -> Results:
    return make_run(1, cell)


def test_a_few_classes_are_a_whole_table() -> None:
    cell = answered([0, 0, 1, 2], [0, 1, 1, 2], 3)
    (table,) = classes.tables(run(cell), [cell], [])
    assert table.header == ("0", "1", "2")
    assert table.title == "1 sample of 4 wrong"
    assert [[count for count, *_ in row.counts] for row in table.rows] == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert [row.recall for row in table.rows] == ["50.0 %", "100 %", "100 %"]
    assert table.rows[0].taken_for == "1 (1)"


def test_of_many_classes_the_worst_are_listed() -> None:
    cell = answered([*range(30), 7], [*range(7), 8, *range(8, 30), 7], 30)
    (table,) = classes.tables(run(cell), [cell], [])
    assert table.header == ()
    assert (len(table.rows), table.hidden) == (classes.WIDEST, 10)
    assert (table.rows[0].name, table.rows[0].taken_for) == ("7", "8 (1)")


def test_markdown_tells_classes_of_what_is_to_ship() -> None:
    text = markdown.render(run(answered([0, 0, 1, 2], [0, 1, 1, 2], 3))).decode()
    section = text.partition("## What is taken for what")[2].partition("\n## ")[0]
    assert f"| {make_cell().id} | 0 | 2 | 50.0 % |" in section
    assert section.count(f"| {make_cell().id} |") == 3


def test_markdown_tells_nothing_where_nothing_is_classified() -> None:
    assert "taken for what" not in markdown.render(run(make_cell())).decode()
