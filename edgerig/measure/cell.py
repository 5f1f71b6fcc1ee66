"""One cell's raw run → the figures reported of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgerig.measure import contention, drift
from edgerig.measure.affinity import affinity
from edgerig.measure.cell_metrics import accuracy_of, confusions, metrics_of
from edgerig.measure.cell_run import CellRun
from edgerig.measure.cost import instructions
from edgerig.measure.device_state import cell_state
from edgerig.measure.energy import energy
from edgerig.measure.kernels import FLOAT, HALF, INTEGER, compare_kernels
from edgerig.measure.latency import MEDIAN_TOLERANCE, summarize
from edgerig.measure.parity import parity
from edgerig.measure.raw import Raw
from edgerig.measure.raw_run import RawEngine
from edgerig.measure.served import served
from edgerig.measure.sustained import sustained
from edgerig.measure.throttling import signs
from edgerig.measure.verdict import Seen, judge
from edgerig.plan import Cell
from edgerig.results import (
    Accuracy,
    Affinity,
    Artifact,
    CellState,
    Confusion,
    Cost,
    Delegation,
    DeviceRecord,
    Energy,
    Engine,
    Latency,
    Memory,
    Parity,
    Served,
    Stages,
    Sustained,
    Verdict,
)
from edgerig.spec import ModelSpec, OptionValue, load_engines
from edgerig.spec.stream import StreamSpec

NO_SOURCE = "a ready file: there is no source model to compare with"


@dataclass(frozen=True)
class Measured:
    """What was measured of a cell, under the names `CellResult` has for it."""

    size_bytes: int
    runtime_import_ms: float | None
    load_ms: float | None
    compile_ms: float | None
    first_inference_ms: float | None
    latency: Latency
    memory: Memory
    accuracy: Accuracy
    metrics: dict[str, Accuracy]
    confusion: tuple[Confusion, ...]
    parity: Parity
    delegation: Delegation
    cost: Cost
    energy: Energy
    stages: Stages
    verdict: Verdict
    state: CellState
    affinity: Affinity
    sustained: Sustained
    served: Served
    engine: Engine
    signature: str


def measured(ran: CellRun) -> Measured:
    """The figures of a cell that ran, and how far they can be trusted."""
    artifact, raw = ran.artifact, ran.raw
    timed, run = contention.select(raw, artifact.size_bytes, ran.alone), raw.run
    again = timed.attempt.run
    state = cell_state(again.state, ran.before, ran.after)
    delegation = delegation_of(artifact, raw.run.engine, ran.cell.engine_options)
    latency = summarize(timed.processes_ns, run.warmup_runs, timed.attempt.controls)
    controls = latency.controls.model_copy(update={"beside_ms": timed.core_ms})
    beside: dict[str, object] = {"contention": timed.contention, "controls": controls}
    latency = latency.model_copy(update=beside | _stopped(ran, timed, latency))
    metrics = metrics_of(ran)
    return Measured(
        size_bytes=artifact.size_bytes,
        runtime_import_ms=_milliseconds(again.runtime_import_ns),
        load_ms=_milliseconds(None if again.load_ns is None else again.load_ns - (again.engine.compile_ns or 0)),
        compile_ms=_milliseconds(raw.run.engine.compile_ns),  # of the first process: later ones find what it compiled
        first_inference_ms=_milliseconds(again.first_inference_ns),
        latency=latency,
        memory=Memory(**run.memory.model_dump()),
        accuracy=accuracy_of(ran, metrics),
        metrics=metrics,
        confusion=tuple(confusions(ran)),
        parity=parity(ran.names, raw.outputs, ran.reference, NO_SOURCE, ran.fp32, ran.no_fp32),
        delegation=delegation,
        cost=instructions(run.instructions),
        energy=energy(timed.attempt.energies, timed.contention),
        stages=_stages(ran),
        verdict=judge(_seen(ran, state, delegation, latency, timed)),
        state=state,
        affinity=affinity(again.affinity),
        sustained=sustained(raw.sustained or run.sustained, asked=ran.sustained, threads=again.engine.threads),
        served=served(raw),
        engine=_engine(ran.cell, ran.model, artifact, raw),
        signature=ran.model.signature or (run.engine.signature if ran.model.ready else ""),
    )


def _milliseconds(nanoseconds: int | None) -> float | None:
    """Of what happened before anybody looked: None."""
    return None if nanoseconds is None else nanoseconds / 1e6


def _stopped(ran: CellRun, timed: contention.Timed, latency: Latency) -> dict[str, object]:
    """Why no more was timed, where more than one attempt was allowed: as `devices/deploy.py` decides it. Neither where
    a further attempt failed, nor where processes are too few to tell an interval by."""
    settings, attempts = ran.settings, (ran.raw, *ran.raw.again)
    if ran.cell.emulated or settings.most_attempts == 1:
        return {}
    wanted = settings.precision or MEDIAN_TOLERANCE
    stopped = ""
    if contention.settled(timed, settings.precision):
        precise = latency.interval is not None and latency.interval.half_width <= wanted
        stopped = "precise" if precise else ""
    elif len(attempts) >= settings.most_attempts:
        stopped = "cap"
    elif settings.precision is not None:
        seconds = sum(float(samples.sum()) for each in attempts for samples in each.processes_ns) / 1e9
        stopped = "cap" if seconds >= settings.max_seconds else ""
    return {"stopped": stopped, "precision": wanted}


def _seen(ran: CellRun, state: CellState, delegation: Delegation, latency: Latency, timed: contention.Timed) -> Seen:
    artifact, raw = ran.artifact, ran.raw
    return Seen(
        emulated=ran.cell.emulated,
        threads=ran.cell.threads,
        threads_in_force=raw.run.engine.threads,
        delegation=delegation,
        interval=latency.interval,
        kernels=compare_kernels(ran.names, raw.outputs, raw.host, ran.reference, _tolerance(artifact)),
        throttling=signs(state),
        contention=latency.contention,
        affinity=affinity(raw.run.affinity),
        drift=[*drift.signs(timed.processes_ns, state), *ran.drifted],
        seconds=sum(float(samples.sum()) for samples in timed.processes_ns) / 1e9,
        saturates=_saturates(artifact, ran.before),
    )


def _engine(cell: Cell, model: ModelSpec, artifact: Artifact, raw: Raw) -> Engine:
    seen = raw.run.engine
    row = load_engines().get(artifact.engine)
    return Engine(
        name=artifact.engine,
        runtime=seen.runtime,
        version=seen.version,
        threads=seen.threads,
        options=row.complete(cell.engine_options) if row else {},
        notes=tuple(seen.notes),
        state=tuple(seen.state),
        reset=(StreamSpec() if model.stream is None else model.stream).words if seen.state or model.stream else "",
    )


def _saturates(artifact: Artifact, device: DeviceRecord | None) -> bool:
    """Does its runtime multiply by the file's signed 8-bit weights inexactly on this device, unless told not to?"""
    row = load_engines().get(artifact.engine)
    signed = row is not None and row.saturates and artifact.constants.get("int8", 0) > 0
    return signed and device is not None and device.int8_saturates is True


def _tolerance(artifact: Artifact) -> float:
    """What kernels of two processors may differ by in this file; of a ready file nobody knows what it holds."""
    if artifact.recipe == "fp32":
        return FLOAT
    return HALF if artifact.recipe == "fp16" else INTEGER


def _stages(ran: CellRun) -> Stages:
    known = {"preprocess": ran.preprocess, "postprocess": ran.answers.record.stage if ran.answers else None}
    return Stages.model_validate({name: stage for name, stage in known.items() if stage is not None})


def delegation_of(artifact: Artifact, seen: RawEngine, options: Mapping[str, OptionValue]) -> Delegation:
    """As seen on the device, else as known from the build (ExecuTorch decides it there). One that the engine's
    `options` switch off took nothing, of however many there are."""
    if seen.total is not None:
        return Delegation(delegated=seen.delegated, total=seen.total, undelegated=tuple(seen.undelegated))
    if artifact.operators is not None:
        return Delegation(delegated=artifact.delegated, total=artifact.operators, undelegated=artifact.undelegated)
    row = load_engines().get(artifact.engine)
    off = row is not None and options.get(row.delegate) is False
    return Delegation(delegated=0 if off else None, reason=seen.delegation_reason or "the runtime does not tell")
