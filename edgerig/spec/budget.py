"""Budgets: what is acceptable, in one language. A gate holds a run to one by cell glob; a sweep's decisions are made
under the same limits (`SweepBudget`). Which keys there are is what `edgerig/figures` says of each figure."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from edgerig import figures
from edgerig.spec.keyed import Keyed, Number, Quantity, Share
from edgerig.spec.toml import Strict, parse, read_toml


class Minimums(Keyed):
    """The smallest change that counts, on top of the evidence for it, by figure. What is smaller is `same`. Where a
    figure is not named, `figures.Change.minimum` holds.

    `size`, `latency`, `memory` and `instructions` are relative (0.05: 5 % more); `accuracy` is a drop and `parity` a
    rise of the relative error, both absolute (0.01: one point). A metric that is no share, such as psnr, is relative.
    """

    @classmethod
    def row_keys(cls) -> Mapping[str, Quantity]:
        return dict.fromkeys(figures.compared(), "share")

    def least(self, key: str) -> Number:
        found = self.of(key)
        return figures.compared()[key][1].minimum if found is None else found


class Limits(Keyed):
    """What a cell may cost at most, or has to reach where more is better, whatever the baseline was; None: no limit.

    `agreement` is a floor: the share of samples with the float network's top class, of an output of indices the share
    of elements that are equal; of several outputs the least. `accuracy` is a floor too. `relative_error` is that of the
    output furthest off. `metrics` has limits of the models' metrics by their keys, `"scores=top1"`, each in its
    metric's own unit (a share of 1): a floor where more is better, else at most that.
    """

    metrics: dict[str, Annotated[float, Field(allow_inf_nan=False)]] = Field(default={})

    @classmethod
    def row_keys(cls) -> Mapping[str, Quantity]:
        return {key: limit.quantity for key, (_, limit) in figures.limited().items()}

    def given(self) -> dict[str, Number]:
        """The limits there are, by key."""
        return {key: limit for key in self.row_keys() if (limit := self.of(key)) is not None}


class SweepBudget(Limits):
    """What a variant may cost and still be recommended. A limit that is None is none.

    `agreement` holds only where there is no accuracy to compare: what the network is for says more than what it said.
    """

    accuracy_drop: float = Field(default=0.01, ge=0, le=1)
    """Against fp32: 0.01 is one point of a share; of a metric that is no share, 1 % of fp32's value."""
    agreement: Share | None = 0.9
    rank: Literal["latency", "sustained"] = "latency"
    """By which time variants are ranked on a real device: that of one that is fresh, or of one kept at work for minutes
    (`run.sustained_s`), where that was measured."""


class CellBudget(Strict):
    """A budget's block: it holds for every cell whose id matches the glob `match`. `regression` has what differs from
    the budget's general ones."""

    match: str = Field(min_length=1)
    limit: Limits = Limits()
    regression: Minimums = Minimums()

    def holds_for(self, cell: str) -> bool:
        return fnmatch.fnmatchcase(cell, self.match)


class Budget(Strict):
    """A gate's rules. Where several blocks match a cell, the later one wins, key by key."""

    inconclusive: Literal["fail", "pass"] = "fail"
    """What becomes of a check that nothing can be said of: exit code 8, or 0 with a warning."""
    regression: Minimums = Minimums()
    cells: tuple[CellBudget, ...] = ()

    def minimums(self, cell: str) -> Minimums:
        """All of them, those that nobody named as well."""
        known = {key: change.minimum for key, (_, change) in figures.compared().items()}
        here = (self.regression, *(block.regression for block in self.cells if block.holds_for(cell)))
        return Minimums(**_later_wins(known, *(each.model_dump(exclude_none=True) for each in here)))

    def limits(self, cell: str) -> Limits:
        here = (block.limit for block in self.cells if block.holds_for(cell))
        found = list(here)
        metrics = _later_wins(*(each.metrics for each in found))
        return Limits(metrics=metrics, **_later_wins(*(each.given() for each in found)))


def _later_wins(*tables: Mapping[str, Number]) -> dict[str, Number]:
    return {key: value for table in tables for key, value in table.items()}


def load_budget(path: Path | None) -> Budget:
    """The budget in the TOML `path` (None: no limits, the default minimums). Raises ConfigError."""
    return Budget() if path is None else parse(Budget, read_toml(path), str(path))
