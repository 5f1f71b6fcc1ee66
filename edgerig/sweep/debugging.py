"""A cell looked into layer by layer: which variant is meant, its float twin, and the process that runs both."""

from __future__ import annotations

import fnmatch
import tempfile
from pathlib import Path

from pydantic import Field

from edgerig import extras
from edgerig.build import spawn
from edgerig.build.layers import ADAPTERS
from edgerig.build.layers.request import FED, FED_HINT, LayersRequest
from edgerig.build.layers.spawn import layer_report
from edgerig.build.request import Prepared
from edgerig.build.store import Store
from edgerig.errors import ConfigError, NothingSelected
from edgerig.results import Artifact
from edgerig.results.layers import LayerReport
from edgerig.spec import (
    AS_IS,
    FormatName,
    ModelSpec,
    OwnRecipe,
    Strict,
    known_models,
    load_formats,
    load_models,
    load_recipes,
    load_sources,
    recipes_with,
)
from edgerig.spec.sweep import BuildSettings
from edgerig.sweep.run_folder import RunFolder

FLOAT = "fp32"
EXAMPLE = "digits_cnn-torch-tflite-int8-static"


class Target(Strict):
    """The variant that is meant, with what it takes to build it; `artifact` is the file that a run had of it."""

    model: ModelSpec
    format: FormatName
    recipe: str
    own: dict[str, OwnRecipe] = Field(default={})
    options: dict[str, str] = Field(default={})
    seed: int = 0
    build: BuildSettings = BuildSettings()
    artifact: Artifact | None = None

    @property
    def name(self) -> str:
        return f"{self.model.id}-{self.format}-{self.recipe}"


def of_id(cell: str, model: str | None = None) -> Target:
    """By a cell's or variant's id, of a model by its name or file: `model`, else one of those known by name. Raises
    ConfigError."""
    variant = cell.partition("@")[0]
    names = [model] if model else sorted((n for n in known_models() if variant.startswith(f"{n}-")), key=len)
    for name in reversed(names):
        for spec in load_models(name, quantize=True).values():
            for format_name in load_formats():
                stem = f"{spec.id}-{format_name}-"
                if variant.startswith(stem) and variant.removeprefix(stem) in load_recipes():
                    spec.require_files()
                    return Target(model=spec, format=format_name, recipe=variant.removeprefix(stem))
    raise ConfigError(
        f'"{cell}" names no variant that is known here',
        hint=f"an id is MODEL-SOURCE-FORMAT-RECIPE such as {EXAMPLE}; of a run: edgerig debug RUN CELL; of a file: "
        "--model FILE",
    )


def of_run(run: Path, cell: str) -> Target:
    """The cell of a run's folder by its id, or the first that a glob matches. Raises ResultsError, NothingSelected."""
    folder = RunFolder.open(run)
    plan, outcomes = folder.file.plan, folder.outcomes()
    found = [each for each in plan.cells if fnmatch.fnmatchcase(each.id, cell) or each.id.partition("@")[0] == cell]
    if not found:
        raise NothingSelected(f"{run}: no cell matches {cell}", hint="see results.csv for ids")
    chosen, sweep = found[0], plan.sweep
    outcome = outcomes.get(chosen.id)
    return Target(
        model=plan.models[chosen.model_id],
        format=chosen.format,
        recipe=chosen.recipe,
        own=dict(sweep.recipe),
        options=dict(sweep.options.get(chosen.format, {})),
        seed=sweep.seed,
        build=sweep.build,
        artifact=None if outcome is None else outcome.artifact,
    )


def debug(target: Target, store: Store, samples: int, threshold_db: float) -> LayerReport:
    """Builds what is not in the store and looks into both. Raises EdgerigError."""
    adapter = _check(target)
    with tempfile.TemporaryDirectory(prefix="edgerig-debug-") as temporary:
        work = Path(temporary)
        prepared = spawn.prepare(target.model, target.seed, target.build.preparation_s, store, work / "logs")
        floating, quantized = None, target.artifact
        if adapter:
            floating, quantized = _files(target, prepared, store, work)
    request = LayersRequest(
        variant=target.name,
        model=target.model,
        format=target.format,
        recipe=recipes_with(target.own)[target.recipe],
        inputs=prepared.inputs,
        floating=floating,
        quantized=quantized if adapter else None,
        program=None if adapter else target.artifact,
        store=store.root,
        data_key=prepared.data_key,
        samples=samples,
        threshold_db=threshold_db,
    )
    return layer_report(request, target.build.timeout_s)


def _check(target: Target) -> bool:
    """Does the format read built files? Raises ConfigError where there is nothing to look into, NotInstalled."""
    if target.format not in ADAPTERS:
        raise ConfigError(f"nothing looks into {target.format}", hint=f"formats: {', '.join(ADAPTERS)}")
    if target.recipe in (AS_IS, FLOAT):
        why = "is the float twin itself" if target.recipe == FLOAT else "is run as it is: it has no float twin"
        raise ConfigError(f"{target.name} {why}", hint="name a cell of a quantized recipe")
    if target.model.state or (target.artifact is not None and target.artifact.fed):
        raise ConfigError(f"{target.name} {FED}", hint=FED_HINT)
    tools = (*load_formats()[target.format].tools, *load_sources()[target.model.source].distributions)
    extras.require(tools, f"to look into {target.name}")
    return ADAPTERS[target.format].reads_files


def _files(target: Target, prepared: Prepared, store: Store, work: Path) -> tuple[Artifact, Artifact]:
    """The float twin and the variant, of the store or built now; the variant's is the run's where the store has it."""
    shared = work / "queue"
    shared.mkdir()
    built = spawn.build_variants(
        target.model,
        target.format,
        [FLOAT, target.recipe],
        target.options,
        prepared,
        target.build.timeout_s,
        store,
        work / "logs",
        target.own,
        shared,
    )
    files: list[Artifact] = []
    for outcome in built:
        if outcome.artifact is None:
            raise outcome.failure.error() if outcome.failure else ConfigError(f"{outcome.recipe} could not be built")
        files.append(outcome.artifact)
    floating, quantized = files
    if target.artifact is not None and store.find("artifact", target.artifact.key) is not None:
        quantized = target.artifact
    if floating.fed or quantized.fed:  # of a source that was seen to keep something between calls
        raise ConfigError(f"{target.name} {FED}", hint=FED_HINT)
    return floating, quantized
