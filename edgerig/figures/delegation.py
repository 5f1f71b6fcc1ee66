"""How much of the network runs on the runtime's fast backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgerig.figures.column import Column
from edgerig.figures.field import text, whole
from edgerig.figures.figure import Figure
from edgerig.figures.numbers import MISSING

if TYPE_CHECKING:
    from edgerig.results import CellResult


def _written(cell: CellResult) -> str:
    found = cell.delegation
    return MISSING if found.delegated is None or found.total is None else f"{found.delegated}/{found.total}"


def _share(cell: CellResult) -> float | None:
    found = cell.delegation
    return found.delegated / found.total if found.delegated is not None and found.total else None


DELEGATION = Figure(
    key="delegation",
    name="delegated",
    unit="operators",
    value=lambda c: c.delegation.delegated,
    reason=lambda c: c.delegation.reason,
    field="delegated_operators",
    fields=(
        whole("delegated_operators", lambda c: c.delegation.delegated),
        whole("total_operators", lambda c: c.delegation.total),
        text("delegation_reason", lambda c: c.delegation.reason),
    ),
    group="execution",
    better="higher",
    shown="optional",
    columns=(
        Column(
            "delegation",
            "delegated",
            _written,
            _share,
            numeric=True,
            reason=lambda c: c.delegation.reason,
            usual=False,
            label="delegated",
        ),
    ),
    notes=(
        ("Delegated", "operators on the runtime's fast backend, of all it executes. The others run on slower kernels."),
    ),
)
