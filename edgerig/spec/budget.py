"""Budgets: what is acceptable. A gate holds a run to one by cell glob; a sweep's decisions are made under the same
limits (`Acceptable`)."""

from __future__ import annotations

import fnmatch
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from edgerig.spec.toml import Strict, parse, read_toml

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, le=1e15, allow_inf_nan=False)]
Bytes = Annotated[int, Field(gt=0, le=2**53)]


class Minimums(Strict):
    """The smallest change that counts, on top of the evidence for it. What is smaller is `same`.

    `size`, `latency`, `memory` and `instructions` are relative (0.05: 5 % more); `accuracy` is a drop and `parity` a
    rise of the relative error, both absolute (0.01: one point). A metric that is no share, such as psnr, is relative.
    """

    size: Share = 0.01
    latency: Share = 0.05
    memory: Share = 0.10
    accuracy: Share = 0.01
    parity: Share = 0.002
    instructions: Share = 0.005


class Acceptable(Strict):
    """The limits both budgets know, under one name and with one meaning; None: no limit.

    `agreement` is a floor: the share of samples with the float network's top class, of an output of indices the share
    of elements that are equal; of several outputs the least. `relative_error` is that of the output furthest off.
    """

    size_bytes: Bytes | None = None
    latency_p50_ms: Positive | None = None
    relative_error: Positive | None = None
    agreement: Share | None = None


class Limits(Acceptable):
    """What a cell may cost at most, whatever the baseline was; None: no limit. `accuracy` is a floor too."""

    latency_p90_ms: Positive | None = None
    latency_p99_ms: Positive | None = None
    peak_memory_bytes: Bytes | None = None
    accuracy: Share | None = None
    instructions: Bytes | None = None


class _MinimumsHere(Strict):
    """Those that differ from the budget's general ones."""

    size: Share | None = None
    latency: Share | None = None
    memory: Share | None = None
    accuracy: Share | None = None
    parity: Share | None = None
    instructions: Share | None = None


class CellBudget(Strict):
    """A budget's block: it holds for every cell whose id matches the glob `match`."""

    match: str = Field(min_length=1)
    limit: Limits = Limits()
    regression: _MinimumsHere = _MinimumsHere()

    def holds_for(self, cell: str) -> bool:
        return fnmatch.fnmatchcase(cell, self.match)


class Budget(Strict):
    """A gate's rules. Where several blocks match a cell, the later one wins, key by key."""

    inconclusive: Literal["fail", "pass"] = "fail"
    """What becomes of a check that nothing can be said of: exit code 8, or 0 with a warning."""
    regression: Minimums = Minimums()
    cells: tuple[CellBudget, ...] = ()

    def minimums(self, cell: str) -> Minimums:
        here = [block.regression.model_dump(exclude_none=True) for block in self.cells if block.holds_for(cell)]
        return self.regression.model_copy(update={key: value for each in here for key, value in each.items()})

    def limits(self, cell: str) -> Limits:
        here = [block.limit.model_dump(exclude_none=True) for block in self.cells if block.holds_for(cell)]
        return Limits(**{key: value for each in here for key, value in each.items()})


def load_budget(path: Path | None) -> Budget:
    """The budget in the TOML `path` (None: no limits, the default minimums). Raises ConfigError."""
    return Budget() if path is None else parse(Budget, read_toml(path), str(path))
