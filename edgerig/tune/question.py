"""What is asked: a model, a device, a budget, and how much may be tried."""

from __future__ import annotations

from pydantic import Field, PositiveInt

from edgerig.errors import ConfigError
from edgerig.plan import Plan, make_plan, unsupported_reason
from edgerig.spec import ModelSpec, Strict, SweepSpec, load_formats
from edgerig.tune.space import FLOAT, fixed


class Question(Strict):
    """`sweep` names one model and one device, the formats to choose among, the threads to try, the budget, and how
    finalists are timed; its recipes are all there are, and those of its own. `trials` are built at most, of all formats
    together; of `finalists` variants the device decides."""

    sweep: SweepSpec
    trials: PositiveInt = Field(default=24, le=10_000)
    finalists: PositiveInt = Field(default=3, le=1000)

    def plan(self) -> Plan:
        """The plan of the float variants alone: names are resolved, and checked. Raises ConfigError."""
        everything = {"recipes": (FLOAT,), "recipe": {}, "select": ("*",)}
        plan = make_plan(SweepSpec.model_validate(self.sweep.model_dump(exclude_unset=True) | everything))
        if len(plan.models) != 1 or len(plan.devices) != 1:
            raise ConfigError(
                f"a model is tuned for a device: {len(plan.models)} models and {len(plan.devices)} devices were named",
                hint="name one of each; --source where a model has several",
            )
        model = model_of(plan)
        if model.ready:
            raise ConfigError(f"{model.name} is run as it is", hint="name a model that recipes can be built from")
        for cell in plan.cells:
            if cell.unsupported:
                raise ConfigError(
                    f"{model.id} cannot be built as {cell.format}: {cell.unsupported}",
                    hint=f"leave that format out: --format, of {', '.join(load_formats())}",
                )
            if not fixed(cell.source, cell.format):
                raise ConfigError(
                    f"{cell.format} has no recipe but {FLOAT}: there is nothing to choose",
                    hint="name formats that quantize: edgerig formats",
                )
        self._check_own(model)
        return plan

    def _check_own(self, model: ModelSpec) -> None:
        """Raises ConfigError for a recipe of one's own that no format to choose among can do."""
        known = self.sweep.known_recipes()
        for name in self.sweep.recipe:
            why = [unsupported_reason(model.source, each, name, known) for each in self.sweep.formats]
            if all(why):
                raise ConfigError(
                    f"[recipe.{name}] can be tried in no format: {why[0]}",
                    hint="leave the recipe out, or name a format that can do it: --format",
                )

    def share(self) -> int:
        """Trials of each format."""
        return max(1, self.trials // len(set(self.sweep.formats)))


def model_of(plan: Plan) -> ModelSpec:
    return next(iter(plan.models.values()))
