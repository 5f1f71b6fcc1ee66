"""The type of a figure: everything that is to be known of one, in one row.

Every list of figures anywhere (tables, CSV, Parquet, exports, the page, comparisons, limits, baselines, the history)
is made of such rows, so that a figure more is one row more. Light: nothing is imported but the standard library.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from edgerig.figures.column import Column, Heat
from edgerig.figures.field import Field
from edgerig.figures.numbers import MISSING, duration, significant

if TYPE_CHECKING:
    from edgerig.results import CellResult

Number = int | float
Better = Literal["lower", "higher", ""]
Group = Literal["cost", "quality", "execution", "footprint"]
GROUPS: tuple[Group, ...] = ("cost", "quality", "execution", "footprint")
"""A report's table has what a cell costs before what it gives, then where it ran and what it takes beside."""
Shown = Literal["usual", "optional", "sometimes", "never"]
"""In tables: until the reader chooses otherwise; when the reader chooses; where some cell has it; not at all."""
Known = Literal["exact", "counted", "share", "interval", "latency", "accuracy"]
Quantity = Literal["whole", "positive", "share"]
Belongs = Literal["anywhere", "processor", "data"]
Without = Literal["", "wrong", "untimed"]


@dataclass(frozen=True)
class Certainty:
    """How exactly a figure is known. `beside`: the numbers that say so, by the suffix of their names in a baseline.

    `exact`: it repeats, any change is one of the build. `counted`: it repeats but for a few; `_spread` is the range of
    a run's own counts. `share`: of `_samples`, by Wilson's interval. `interval`: it has a 95 % interval of its own,
    from `_low` to `_high`. `latency` and `accuracy` have statistics of their own (`compare/evidence.py`).
    """

    known: Known
    beside: tuple[tuple[str, Callable[[CellResult], Number | None]], ...] = ()


EXACT = Certainty("exact")


def counted(spread: Callable[[CellResult], Number | None]) -> Certainty:
    return Certainty("counted", (("spread", spread),))


def share_of(samples: Callable[[CellResult], int | None]) -> Certainty:
    return Certainty("share", (("samples", samples),))


def within(low: Callable[[CellResult], Number | None], high: Callable[[CellResult], Number | None]) -> Certainty:
    """Of its 95 % interval."""
    return Certainty("interval", (("low", low), ("high", high)))


@dataclass(frozen=True)
class Change:
    """How two runs' figures are compared. `minimum` is the smallest change that counts, relative to the base's figure
    (0.05: 5 %), else (`relative` false) absolute. `unit`: what a table of changes writes behind the name.
    `on_processor`: figures of two processors are not compared. `note` is what a comparison says of how it was done."""

    minimum: float
    relative: bool = True
    unit: str = ""
    on_processor: bool = False
    note: str = "they repeat, so any change above the minimum is one of the build."


@dataclass(frozen=True)
class Limit:
    """What a budget may hold a cell to under `key`, which is the figure's name in a baseline too: at most that, or at
    least where more is better. `beyond` follows a number of variants that do not keep it, `within` follows "at most" or
    "at least", `{}` standing for it. `on`: the devices that have such a figure at all."""

    key: str
    quantity: Quantity
    beyond: str
    within: str = "{}"
    on: Literal["any", "real", "emulated"] = "any"


@dataclass(frozen=True)
class Trend:
    """How a history follows it: `name` is what it is asked for by, `exact` and `minimum` as `history/changes.py` takes
    them. A series is of one cell; `belongs` says of what else. `without`: the verdicts whose cells have no place in it.
    `corrected`: the machine's own speed is taken out."""

    name: str
    exact: bool
    minimum: float
    belongs: Belongs
    without: Without
    digits: int = 3
    corrected: bool = False


def _nothing(cell: CellResult) -> str:
    return ""


@dataclass(frozen=True)
class Figure:
    """`key` is its one name: of its column, in comparisons, checks and payloads. `name` is its name in words, `unit`
    that of `value`. `reason` says why `value` is None; it may be "" where it is not.

    `field` is the name its value stands under in files, one of some figure's `fields`; those it brings are `fields`.
    A table writes `value` in `scale`: its unit there, and how many of `unit` that is. `columns` are its own where the
    one made of all this (`table`) does not do.

    `headline`: it stands on the card of what is to ship, where it is known.

    `warning` is what a reader is warned of, "" for nothing; `remark` what is told behind a value. `notes` say how it
    was measured, as (name, text).
    """

    key: str
    name: str
    unit: str
    value: Callable[[CellResult], Number | None]
    reason: Callable[[CellResult], str]
    field: str
    fields: tuple[Field, ...] = ()
    group: Group = "cost"
    better: Better = "lower"
    shown: Shown = "never"
    written: Callable[[float], str] = significant
    scale: tuple[str, float] | None = None
    heat: Heat = "ratio"
    telling: Callable[[Sequence[CellResult]], bool] = lambda cells: True
    columns: tuple[Column, ...] = ()
    headline: bool = False
    certainty: Certainty = EXACT
    change: Change | None = None
    limit: Limit | None = None
    trend: Trend | None = None
    warning: Callable[[CellResult], str] = _nothing
    remark: Callable[[CellResult], str] = _nothing
    notes: tuple[tuple[str, str], ...] = ()

    @property
    def time(self) -> bool:
        """Is it a time, which an emulator's clock cannot tell, and which is written with its unit?"""
        return self.unit == "ms"

    @property
    def whole(self) -> bool:
        """Is its value a whole number?"""
        return any(field.name == self.field and field.kind == "int" for field in self.fields)

    @property
    def kept(self) -> str:
        """Its name in a baseline."""
        return self.limit.key if self.limit else self.field

    @property
    def reason_field(self) -> str | None:
        """The name its reason stands under in files."""
        return next((field.name for field in self.fields if field.name.endswith("_reason")), None)

    def said(self, value: Number) -> str:
        """A value in a sentence, with its unit: to three digits what is counted, too."""
        if self.time:
            return duration(value)
        unit, per = self.scale or ("", 1)
        write = significant if self.whole else self.written
        return f"{write(value / per)} {unit}".rstrip()

    @property
    def table(self) -> tuple[Column, ...]:
        """Its columns in a report's table, its own first."""
        if self.columns or self.shown == "never":
            return self.columns
        return (self._column(),)

    def _column(self) -> Column:
        unit, per = self.scale or ("", 1)

        def sort(cell: CellResult) -> Number | None:
            value = self.value(cell)
            return value if value is None or per == 1 else value / per

        def text(cell: CellResult) -> str:
            value = sort(cell)
            return MISSING if value is None else self.written(value)

        return Column(
            self.key,
            f"{self.name} ({unit})" if unit else self.name,
            text,
            sort,
            numeric=True,
            reason=self.reason,
            usual=self.shown != "optional",
            sometimes=self.shown == "sometimes",
            better=(lambda cell: self.better) if self.better == "higher" else None,
            telling=self.telling,
            heat=self.heat,
            hover=self.shown != "optional",
            label=self.name,
            unit=f" {unit}" if unit else "",
        )
