"""One cell's raw run → the figures reported of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from edgerig.measure import contention, drift
from edgerig.measure.affinity import affinity
from edgerig.measure.answers import Answers
from edgerig.measure.confusion import confusion
from edgerig.measure.cost import instructions
from edgerig.measure.delta import with_delta
from edgerig.measure.device_state import cell_state
from edgerig.measure.energy import energy
from edgerig.measure.error import Outputs
from edgerig.measure.kernels import FLOAT, HALF, INTEGER, compare_kernels
from edgerig.measure.labels import classes_of, set_of
from edgerig.measure.latency import MEDIAN_TOLERANCE, summarize
from edgerig.measure.metrics import Evidence, Given, Unmeasurable, array_of, chosen, measure
from edgerig.measure.parity import parity
from edgerig.measure.raw import Raw, RawEngine
from edgerig.measure.sequences import Sequences, judged
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
from edgerig.results.stages import HostStage
from edgerig.spec import Asked, Metric, ModelSpec, OptionValue, RunSettings, asked, load_engines, load_metrics
from edgerig.spec.stream import StreamSpec

NO_SOURCE = "a ready file: there is no source model to compare with"


@dataclass(frozen=True)
class CellRun:
    """What a cell is judged from.

    `output_names` is what the source calls its outputs, () for a ready file. `inputs` are the model's, where a metric
    needs them; `own_metrics` what the user's own metrics gave. `reference` are the source model's outputs and `fp32`
    the outputs of the same cell's fp32 sibling, None where there is none (`no_fp32` says why). `before` and `after` is
    the device around the run, `alone` what the run's cells on it say of its core (`measure/sharing.py`).
    `settings` is how it was to be timed; `drifted` what the device's reference cell says;
    `sustained`: it was to be kept at work.
    """

    cell: Cell
    model: ModelSpec
    artifact: Artifact
    raw: Raw
    output_names: Sequence[str] = ()
    labels: Mapping[str, Given] = field(default_factory=dict)
    inputs: Outputs = field(default_factory=list)
    own_metrics: Mapping[str, Accuracy] = field(default_factory=dict)
    answers: Answers | None = None
    preprocess: HostStage | None = None
    reference: Outputs | None = None
    fp32: Outputs | None = None
    no_fp32: str = ""
    before: DeviceRecord | None = None
    after: DeviceRecord | None = None
    alone: float | None = None
    settings: RunSettings = field(default_factory=RunSettings)
    drifted: Sequence[str] = ()
    sustained: bool = False
    sequences: Sequences | None = None
    """What of a sample's steps is judged, where samples are sequences."""

    @property
    def found(self) -> tuple[Sequence[str], Sequence[Given]]:
        """What metrics are taken of, and what it is called. Raises Unmeasurable where a postprocess function failed."""
        if self.answers is None:
            return self.names, judged(self.sequences, self.raw.outputs)
        if self.answers.record.failure:
            raise Unmeasurable(self.answers.record.failure)
        return self.answers.record.names, self.answers.values

    @property
    def names(self) -> Sequence[str]:
        """Of the outputs: the source's, the file's own where it has others."""
        return names_of(self.output_names, self.artifact)


def names_of(source: Sequence[str], artifact: Artifact) -> tuple[str, ...]:
    """What a built file's outputs are called: as the source has them, as the file where it has more or fewer."""
    own = tuple(tensor.name for tensor in artifact.outputs)
    return tuple(source) if len(source) == len(own) else own


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
    metrics = _metrics(ran)
    return Measured(
        size_bytes=artifact.size_bytes,
        runtime_import_ms=_milliseconds(again.runtime_import_ns),
        load_ms=_milliseconds(None if again.load_ns is None else again.load_ns - (again.engine.compile_ns or 0)),
        compile_ms=_milliseconds(raw.run.engine.compile_ns),  # of the first process: later ones find what it compiled
        first_inference_ms=_milliseconds(again.first_inference_ns),
        latency=latency,
        memory=Memory(**run.memory.model_dump()),
        accuracy=_accuracy(ran, metrics),
        metrics=metrics,
        confusion=tuple(_confusions(ran)),
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


def _accuracy(ran: CellRun, metrics: Mapping[str, Accuracy]) -> Accuracy:
    """The model's first metric, with what it lost against the fp32 variant's."""
    if not metrics:
        return Accuracy(reason=_no_accuracy(ran.model))
    first = ran.model.metric[0]
    accuracy, fp32 = metrics[first], ran.fp32
    if ran.answers is not None:
        return accuracy.model_copy(update={"delta_reason": "it is taken of what the postprocess function made"})
    try:
        outputs = [array_of(one) for one in chosen(first, *ran.found)]
        fp32 = (
            None if fp32 is None else [array_of(one) for one in chosen(first, ran.names, judged(ran.sequences, fp32))]
        )
    except Unmeasurable:
        return accuracy  # which says so itself
    labels = classes_of(ran.labels, set_of(asked(first), ran.model.dataset))
    return with_delta(accuracy, outputs, fp32, labels, ran.no_fp32)


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


def _metrics(ran: CellRun) -> dict[str, Accuracy]:
    """Each of the model's metrics on the samples the cell ran on (`run.limit`), by the text that asks for it."""
    model = ran.model
    samples = len(judged(ran.sequences, ran.raw.outputs[:1])[0])
    given = judged(ran.sequences, ran.inputs)
    found: dict[str, Accuracy] = {}
    for text in model.metric:
        wanted = asked(text)
        none = partial(Accuracy, metric=wanted.metric, output=wanted.output)
        targets = _targets(ran, wanted)
        if wanted.metric not in load_metrics():
            found[text] = ran.own_metrics.get(text, none(reason=_not_taken(wanted.metric)))
        elif targets is None:
            found[text] = none(reason=_no_accuracy(model))
        else:
            try:
                outputs = chosen(text, *ran.found)
                inputs = [array_of(one)[:samples] for one in given] if ran.model.measured_on_inputs else []
                found[text] = measure(text, Evidence(outputs, targets[:samples], inputs))
            except Unmeasurable as error:
                found[text] = none(reason=str(error))
    return found


def _stages(ran: CellRun) -> Stages:
    known = {"preprocess": ran.preprocess, "postprocess": ran.answers.record.stage if ran.answers else None}
    return Stages.model_validate({name: stage for name, stage in known.items() if stage is not None})


def _targets(ran: CellRun, wanted: Asked) -> Given | None:
    """What the metric is taken against; None where there is nothing."""
    dataset = ran.model.dataset
    if dataset is not None and dataset.labels_of(wanted.outputs) == "inputs":
        return judged(ran.sequences, ran.inputs[:1])[0] if ran.inputs else None
    return ran.labels.get(set_of(wanted, dataset))


def _confusions(ran: CellRun) -> Iterator[Confusion]:
    """Of each output that a metric of classes is taken of, once."""
    known = load_metrics()
    wanted = [asked(text) for text in ran.model.metric]
    rows = {metric.output: metric.text for metric in wanted if _of_classes(known.get(metric.metric))}
    for output, text in rows.items():
        with contextlib.suppress(Unmeasurable):  # the metric says so
            scores = [array_of(one) for one in chosen(text, *ran.found)]
            labels = classes_of(ran.labels, set_of(asked(text), ran.model.dataset))
            if (
                labels is not None
                and len(scores) == 1
                and (found := confusion(output, scores[0], labels[: len(scores[0])])) is not None
            ):
                yield found


def _of_classes(metric: Metric | None) -> bool:
    return metric is not None and metric.labels == ("class",) and not metric.binary


def _not_taken(name: str) -> str:
    if ".py:" in name:
        return "it was not taken in this run"
    return f"nothing that is installed here knows the metric {name}"


def _no_accuracy(model: ModelSpec) -> str:
    return model.no_accuracy_reason or "the dataset has no labels"


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
