"""results.csv: one row per planned cell, raw values in the units their column names say.

A value that was not measured is an empty field, with its reason in the `…_reason` column beside it. After the columns
every run has come those of the models' further metrics, `metric_<name>…`, empty where a model has no such metric.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from edgerig.figures import metric
from edgerig.figures.accuracy import fields_of_metric
from edgerig.figures.field import Field, Value
from edgerig.report.run.fields import fields
from edgerig.results import CellResult, Results
from edgerig.results.order import ordered

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""First characters a spreadsheet takes for a formula (OWASP, "CSV Injection")."""


def columns(cells: Sequence[CellResult]) -> tuple[Field, ...]:
    """The columns of a table of `cells`."""
    return (*fields(), *(field for name in metric.further(cells) for field in fields_of_metric(name)))


def render(results: Results) -> bytes:
    """UTF-8 CSV (RFC 4180 quoting, lines ended by a line feed) with a header row."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    cells = ordered(results)
    shown = columns(cells)
    writer.writerow(field.name for field in shown)
    writer.writerows([written(field.get(cell)) for field in shown] for cell in cells)
    return text.getvalue().encode()


def written(field: Value) -> str:
    """Text that a spreadsheet would run as a formula gets an apostrophe in front; numbers keep every digit."""
    if field is None:
        return ""
    if isinstance(field, bool):
        return "true" if field else "false"
    if isinstance(field, str):
        return f"'{field}" if field.startswith(_FORMULA) else field
    return repr(field)
