"""A run's folder → its results: every planned cell, recomputed from the raw runs."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from edgerig.build.own_metric import read_own_metrics
from edgerig.build.request import Prepared
from edgerig.confined import Confined
from edgerig.errors import RunError, foreseen
from edgerig.measure.answers import read_answers
from edgerig.measure.cell import measured
from edgerig.measure.cell_run import CellRun
from edgerig.measure.profile import read_profile
from edgerig.measure.raw import read_outputs, read_raw, read_watched
from edgerig.measure.reference import signs
from edgerig.measure.sequences import sequences_of
from edgerig.measure.sharing import alone
from edgerig.plan import Cell
from edgerig.results import Artifact, BuildRecord, CellResult, Coverage, DeviceRecord, ErrorRecord, ModelRecord, Results
from edgerig.spec import AS_IS, OwnRecipe, load_recipes
from edgerig.sweep.drifting import Drifts, drifts
from edgerig.sweep.outcome import Outcome
from edgerig.sweep.pipeline import TRACEBACK
from edgerig.sweep.run_folder import RunFolder


def conclude(run: RunFolder, only: str | None = None) -> Results:
    """Measures every journaled raw run, or those of one device; a cell without one appears with its reason. Raises
    ResultsError."""
    outcomes = run.outcomes()
    plan = run.file.plan
    concluded = [name for name in plan.devices if only in (None, name)]
    cores = {name: _alone(name, run, outcomes) for name in concluded}
    whole = _Whole(run, outcomes, cores, drifts(run))
    return Results(
        run=run.file.run,
        environment=run.file.environment,
        devices={name: _device(name, run, outcomes) for name in concluded},
        models={name: _model(name, run) for name in plan.models},
        cells=tuple(_cell(cell, whole) for cell in plan.cells if cell.device in cores),
        drift=whole.drifted.devices,
    )


@dataclass(frozen=True)
class _Whole:
    """The run a cell is concluded in; `cores` as `_alone` tells of each device, None where nothing does."""

    run: RunFolder
    outcomes: dict[str, Outcome]
    cores: dict[str, float | None]
    drifted: Drifts


def _cell(cell: Cell, whole: _Whole) -> CellResult:
    run, outcomes, order = whole.run, whole.outcomes, whole.drifted.cells.get(cell.id)
    known: dict[str, Any] = {"id": cell.id, **cell.model_dump(exclude={"unsupported", "by_device"}), "order": order}
    model = run.file.plan.models[cell.model_id]
    known |= {"shapes": model.shapes, "signature": model.signature, "weights": model.weights_are}
    outcome = outcomes.get(cell.id)
    if outcome is None:
        return CellResult(
            **known,
            status="skipped",
            error=ErrorRecord(
                stage="run",
                kind="Interrupted",
                message="the sweep ended before this cell was run",
                hint=f"edgerig sweep --resume {run.path}",
            ),
        )
    size = outcome.artifact.size_bytes if outcome.artifact else None
    known |= {"build": outcome.build, "raw": outcome.raw, "size_bytes": size, "conditions": outcome.conditions}
    if outcome.status != "ok" or outcome.artifact is None or outcome.raw is None:
        return CellResult(**known, status=outcome.status, error=outcome.error)
    try:
        found = measured(_run_of(cell, outcome, outcome.artifact, run.folder / outcome.raw, whole))
        known["profile"] = read_profile(run.folder / outcome.raw, cell.id)
        known["coverage"] = _coverage(cell, run.prepared(cell.model_id), run.file.plan.sweep.recipe)
        known["build"] = _with_size_note(cell, outcome, outcomes)
        return CellResult(**known | vars(found), status="ok")
    except Exception as error:  # what one raw run holds must not cost the results of all the others
        failure = foreseen(error, run.folder / outcome.raw / TRACEBACK)
        return CellResult(
            **known,
            status="failed",
            error=ErrorRecord(stage="measure", kind=failure.kind, message=failure.message, hint=failure.hint),
        )


def _run_of(cell: Cell, outcome: Outcome, artifact: Artifact, folder: Confined, whole: _Whole) -> CellRun:
    """All that is known of a cell that ran, its raw run in `folder`. Raises RunError for a raw run that is none."""
    raw, run, drifted = read_raw(folder, cell.id), whole.run, whole.drifted
    model, prepared, settings = (
        run.file.plan.models[cell.model_id],
        run.prepared(cell.model_id),
        run.file.plan.sweep.run,
    )
    fp32, no_fp32 = _fp32_sibling(cell, whole.outcomes, run)
    return CellRun(
        cell=cell,
        model=model,
        artifact=artifact,
        raw=raw,
        output_names=prepared.outputs if prepared is not None else (),
        labels=run.labels(cell.model_id),
        inputs=run.inputs(cell.model_id),
        sequences=sequences_of(model.stream, run.lengths(cell.model_id)),
        answers=read_answers(folder) if model.postprocess else None,
        preprocess=prepared.preprocess if prepared is not None else None,
        own_metrics=read_own_metrics(folder),
        reference=_reference(run, cell, raw.outputs),
        fp32=fp32,
        no_fp32=no_fp32,
        before=outcome.device,
        after=outcome.after,
        alone=whole.cores[cell.device],
        settings=settings,
        sustained=settings.sustained_s > 0 and not cell.emulated,
        drifted=signs(drifted.cells.get(cell.id), drifted.devices, cell.device),
    )


def _alone(device: str, run: RunFolder, outcomes: dict[str, Outcome]) -> float | None:
    """What the cells on the device say together of how fast its core is while nothing shares it (`measure/sharing.py`):
    the least, since what shares a core makes it slower."""
    found: list[float] = []
    for cell in run.file.plan.cells:
        outcome = outcomes.get(cell.id)
        if cell.device != device or cell.emulated or outcome is None or outcome.status != "ok" or outcome.raw is None:
            continue
        with contextlib.suppress(Exception):  # whatever a raw run holds is said of its own cell, and costs no other's
            first, watched = read_watched(run.folder / outcome.raw, cell.id)
            ratio = alone(watched, first.engine.threads)
            found += [] if ratio is None else [ratio]
    return min(found, default=None)


def _reference(run: RunFolder, cell: Cell, outputs: list[npt.NDArray[Any]]) -> list[npt.NDArray[Any]] | None:
    """The source's outputs for as many samples as the cell was run on (`run.limit`)."""
    reference = run.reference(cell.model_id)
    return None if reference is None else [array[: len(outputs[0])] for array in reference]


def _fp32_sibling(
    cell: Cell, outcomes: dict[str, Outcome], run: RunFolder
) -> tuple[list[npt.NDArray[Any]] | None, str]:
    """Outputs of the same cell with recipe fp32, or None and why there are none."""
    if cell.recipe in ("fp32", AS_IS):
        return None, "this is the fp32 variant" if cell.recipe == "fp32" else "a ready file has no fp32 variant"
    sibling = cell.model_copy(update={"recipe": "fp32"}).id
    outcome = outcomes.get(sibling)
    if outcome is None or outcome.status != "ok" or outcome.raw is None:
        return None, f"{sibling} did not run in this sweep"
    try:
        return read_outputs(run.folder / outcome.raw, sibling), ""
    except RunError as error:
        return None, f"{sibling} cannot be read: {error.message}"


def _coverage(cell: Cell, prepared: Prepared | None, own: Mapping[str, OwnRecipe]) -> Coverage:
    """How much of the evaluation data a calibrated recipe's ranges do not cover; `own` are the sweep's recipes."""
    recipe = load_recipes().get(own[cell.recipe].like if cell.recipe in own else cell.recipe)
    if recipe is None or not recipe.calibration:
        return Coverage(reason="the recipe takes no ranges from calibration data")
    if prepared is None or prepared.outside is None:
        return Coverage(reason="it is not known what calibration has seen")
    return Coverage(outside=prepared.outside, samples=prepared.steps or prepared.samples)


def _with_size_note(cell: Cell, outcome: Outcome, outcomes: dict[str, Outcome]) -> BuildRecord | None:
    """The build's record, with a note where a recipe that should shrink the file did not."""
    sibling = outcomes.get(cell.model_copy(update={"recipe": "fp32"}).id)
    built, ours = outcome.build, outcome.artifact
    plain = None if sibling is None else sibling.artifact
    if built is None or ours is None or plain is None or cell.recipe == "fp32" or ours.size_bytes < plain.size_bytes:
        return built
    note = f"not smaller than fp32: {ours.size_bytes:,} bytes against {plain.size_bytes:,}"
    return built.model_copy(update={"notes": (*built.notes, note)})


def _device(name: str, run: RunFolder, outcomes: dict[str, Outcome]) -> DeviceRecord:
    """As probed with its last cell, else what its file says."""
    on_it = {cell.id for cell in run.file.plan.cells if cell.device == name}
    probed = [o.device for o in outcomes.values() if o.cell in on_it and o.device is not None]
    spec = run.file.plan.devices[name]
    return probed[-1] if probed else DeviceRecord(kind=spec.kind, emulated=spec.emulated)


def _model(name: str, run: RunFolder) -> ModelRecord:
    spec, prepared = run.file.plan.models[name], run.prepared(name)
    dataset = (
        None
        if prepared is None
        else (f"{prepared.origin}: {prepared.samples} samples, sha256 {prepared.fingerprint[:16]}")
    )
    return ModelRecord(
        model=spec.shaped_name,
        source=spec.source,
        description=spec.description,
        licence=spec.licence,
        dataset=dataset,
        no_accuracy_reason=spec.no_accuracy_reason,
        classes=() if spec.dataset is None else spec.dataset.classes,
        published=spec.published,
        weights=spec.weights_are,
        revision=spec.revision,
        reference=spec.reference,
    )
