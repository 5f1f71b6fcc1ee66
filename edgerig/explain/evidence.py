"""What is known of a cell and of those it is held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from edgerig.decide.rules import sound, timed
from edgerig.errors import ConfigError
from edgerig.explain.reason import Kind
from edgerig.results import CellResult, DeviceRecord, Profile, Results
from edgerig.results.median import median_interval
from edgerig.spec import OwnRecipe, RecipeSpec, load_recipes, recipes_with

FP32 = "fp32"
_OWN = TypeAdapter(dict[str, OwnRecipe])
SAME = 0.02
"""Costs this close are the same: what a stable median is known to (`measure.latency.MEDIAN_TOLERANCE`)."""


@dataclass(frozen=True)
class Evidence:
    """`cell`, which ran, with its device; `twin` is the same variant in fp32, placed alike, and `fewer` the same cell
    on fewer threads: None where they did not run or are not to be compared."""

    cell: CellResult
    device: DeviceRecord
    twin: CellResult | None = None
    fewer: CellResult | None = None
    kind: Kind | None = None
    """Of the surprise that causes are asked for."""
    recipe: RecipeSpec | None = None
    """The cell's, one of the sweep's own too; None where it is not known."""

    @property
    def profile(self) -> Profile:
        return self.cell.profile

    @property
    def recipe_kind(self) -> str:
        """The recipe that the cell's is, with whatever options."""
        return self.cell.recipe if self.recipe is None else self.recipe.kind

    @property
    def in_integers(self) -> bool:
        """Does the recipe multiply integers, by the recipes' rows? Of recipes that are not known: no."""
        lowering = None if self.recipe is None else self.recipe.formats.get(self.cell.format)
        return lowering is not None and "int8" in lowering.activations

    def offers(self, recipe: str) -> bool:
        """Is there such a recipe in the cell's format, and is the cell's not of it?"""
        row = load_recipes().get(recipe)
        lowering = None if row is None else row.formats.get(self.cell.format)
        return recipe != self.recipe_kind and lowering is not None and not lowering.unsupported

    def has_option(self, name: str) -> bool:
        lowering = None if self.recipe is None else self.recipe.formats.get(self.cell.format)
        return lowering is not None and name in lowering.offers

    @property
    def both_profiled(self) -> bool:
        """Can the operators of the cell and of its twin be held against each other, value by value?"""
        return self.twin is not None and comparable(self.cell.profile, self.twin.profile)

    def gained(self, ours: float, theirs: float, most: float = 0.0) -> bool:
        """Is a part of the cell, which takes `ours`, no cause, for it took `theirs` in the twin? Less than that, by
        more than is known, makes no cell slower; of one that gained little it explains nothing where it takes less than
        `most` of it."""
        return ours < (1 - SAME if self.kind == "slower" else most) * theirs


def comparable(one: Profile, other: Profile) -> bool:
    known = bool(one.operators) and bool(other.operators) and one.unit == other.unit
    return known and not one.shares_only and not other.shares_only


def gathered(results: Results) -> list[Evidence]:
    """Of every cell that ran, in the run's order."""
    ran = [cell for cell in results.cells if sound(cell) and (cell.emulated or timed(cell))]
    known = {cell.id: cell for cell in ran}
    unknown, recipes = DeviceRecord(kind="", emulated=False), _recipes(results)
    fewest: dict[tuple[str, str, str], CellResult] = {}
    for cell in sorted(ran, key=lambda each: -each.threads):
        fewest[_but_threads(cell)] = cell
    return [
        Evidence(
            cell,
            results.devices.get(cell.device, unknown),
            _twin(cell, known),
            least if (least := fewest[_but_threads(cell)]).threads < cell.threads else None,
            recipe=recipes.get(cell.recipe),
        )
        for cell in ran
    ]


def _recipes(results: Results) -> Mapping[str, RecipeSpec]:
    """With those of the sweep's own, as its file had them; without, where they are no recipes here."""
    try:
        return recipes_with(_OWN.validate_python(results.run.spec.get("recipe", {})))
    except (ConfigError, ValidationError):
        return load_recipes()


def _twin(cell: CellResult, known: Mapping[str, CellResult]) -> CellResult | None:
    """By its id, in which the recipe stands before the place: ids hold all that tells cells apart."""
    head, at, place = cell.id.partition("@")
    ending = f"-{cell.recipe}"
    if cell.recipe == FP32 or not head.endswith(ending):
        return None
    return known.get(f"{head.removesuffix(ending)}-{FP32}{at}{place}")


def _but_threads(cell: CellResult) -> tuple[str, str, str]:
    """What tells a cell from others than itself on more or fewer threads."""
    stem, _, place = cell.id.partition("@")
    return stem, cell.device, place.removeprefix(f"{cell.device}/t{cell.threads}")


def left(cell: CellResult) -> int:
    """How many operators its delegate leaves to the runtime; `Delegation.undelegated` has each name once."""
    found = cell.delegation
    if found.total is None or found.delegated is None:
        return len(found.undelegated)
    return found.total - found.delegated


def cost(cell: CellResult) -> float | None:
    """Of one inference, in nanoseconds, or in instructions where the device is emulated."""
    if cell.emulated:
        return None if cell.cost.instructions is None else float(cell.cost.instructions)
    return None if cell.latency is None else cell.latency.p50_ms * 1e6


def unit(cell: CellResult) -> str:
    return "instructions" if cell.emulated else "ns"


def ratio(cell: CellResult, other: CellResult) -> float | None:
    """The cell's cost over the other's; 1.0 where they are not told apart, as in `decide/decision.py`; None where one
    of them has none."""
    ours, theirs = cost(cell), cost(other)
    if ours is None or not theirs:
        return None
    found = ours / theirs
    if abs(found - 1) <= SAME:
        return 1.0
    if not cell.emulated:
        one, two = median_interval(cell), median_interval(other)
        if one is not None and two is not None and one[0] <= two[1] and two[0] <= one[1]:
            return 1.0
    return found
