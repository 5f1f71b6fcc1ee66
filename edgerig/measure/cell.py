"""One cell's raw run → the figures reported of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt

from edgerig.measure import contention
from edgerig.measure.cost import instructions
from edgerig.measure.delta import with_delta
from edgerig.measure.error import Outputs
from edgerig.measure.kernels import FLOAT, HALF, INTEGER, compare_kernels
from edgerig.measure.latency import summarize
from edgerig.measure.metrics import METRICS, Evidence, measure
from edgerig.measure.parity import parity
from edgerig.measure.raw import Raw
from edgerig.measure.state import cell_state
from edgerig.measure.throttling import signs
from edgerig.measure.verdict import judge
from edgerig.plan import Cell
from edgerig.results import Accuracy, Artifact, Delegation, DeviceRecord, Engine, Memory
from edgerig.spec import ModelSpec


def figures(
    cell: Cell,
    model: ModelSpec,
    artifact: Artifact,
    raw: Raw,
    output_names: Sequence[str],
    labels: npt.NDArray[Any] | None,
    inputs: Outputs,
    own_metrics: Mapping[str, Accuracy],
    reference: Outputs | None,
    fp32: Outputs | None,
    no_fp32: str,
    probed: tuple[DeviceRecord | None, DeviceRecord | None] = (None, None),
    alone: float | None = None,
) -> dict[str, Any]:
    """The measured fields of the cell's `CellResult`.

    `output_names` is what the source calls its outputs, () for a ready file. `inputs` are the model's, where a metric
    needs them; `own_metrics` what the user's own metrics gave. `reference` are the source model's outputs and `fp32`
    the outputs of the same cell's fp32 sibling, None where there is none (`no_fp32` says why). `probed` is the device
    before and after the run, `alone` what the run's cells on it say of its core (`measure/sharing.py`).
    """
    timed, no_source = (
        contention.select(raw, artifact.size_bytes, alone),
        "a ready file: there is no source model to compare with",
    )
    run, again = raw.run, timed.attempt.run
    state = cell_state(again.state, *probed)
    delegation = _delegation(artifact, raw)
    latency = summarize(timed.processes_ns, run.warmup_runs, timed.attempt.controls)
    controls = latency.controls.model_copy(update={"beside_ms": timed.core_ms})
    latency = latency.model_copy(update={"contention": timed.contention, "controls": controls})
    metrics = _metrics(model, raw.outputs, labels, inputs, own_metrics)
    names = output_names if len(output_names) == len(artifact.outputs) else [t.name for t in artifact.outputs]
    return {
        "size_bytes": artifact.size_bytes,
        "runtime_import_ms": again.runtime_import_ns / 1e6,
        "load_ms": again.load_ns / 1e6,
        "first_inference_ms": again.first_inference_ns / 1e6,
        "latency": latency,
        "memory": Memory(**run.memory.model_dump()),
        "accuracy": (
            with_delta(metrics[model.metric[0]], raw.outputs, fp32, labels, no_fp32)
            if metrics
            else Accuracy(reason=_no_accuracy(model))
        ),
        "metrics": metrics,
        "parity": parity(names, raw.outputs, reference, no_source, fp32, no_fp32),
        "delegation": delegation,
        "cost": instructions(run.instructions),
        "verdict": judge(
            emulated=cell.emulated,
            threads=cell.threads,
            threads_in_force=run.engine.threads,
            delegation=delegation,
            interval=latency.interval,
            kernels=compare_kernels(names, raw.outputs, raw.host, reference, _tolerance(artifact)),
            throttling=signs(state),
            contention=timed.contention,
            saturates=_saturates(artifact, probed[0]),
        ),
        "state": state,
        "engine": _engine(artifact, raw),
    }


def _engine(artifact: Artifact, raw: Raw) -> Engine:
    seen = raw.run.engine
    return Engine(
        name=artifact.engine,
        runtime=seen.runtime,
        version=seen.version,
        threads=seen.threads,
        notes=tuple(seen.notes),
        state=tuple(seen.state),
    )


def _saturates(artifact: Artifact, device: DeviceRecord | None) -> bool:
    """Does ONNX Runtime multiply by the file's signed 8-bit weights inexactly on this device, unless told not to?"""
    signed = artifact.engine == "onnxruntime" and artifact.constants.get("int8", 0) > 0
    return signed and device is not None and device.int8_saturates is True


def _tolerance(artifact: Artifact) -> float:
    """What kernels of two processors may differ by in this file; of a ready file nobody knows what it holds."""
    if artifact.recipe == "fp32":
        return FLOAT
    return HALF if artifact.recipe == "fp16" else INTEGER


def _metrics(
    model: ModelSpec,
    outputs: Outputs,
    labels: npt.NDArray[Any] | None,
    inputs: Outputs,
    own_metrics: Mapping[str, Accuracy],
) -> dict[str, Accuracy]:
    """Each of the model's metrics on the samples the cell ran on (`run.limit`); {} without metrics."""
    given = [array[: len(outputs[0])] for array in inputs]
    against_inputs = model.dataset is not None and model.dataset.labels == "inputs"
    targets = (given[0] if given else None) if against_inputs else labels
    found: dict[str, Accuracy] = {}
    for name in model.metric:
        if name not in METRICS:
            found[name] = own_metrics.get(name, Accuracy(metric=name, reason="it was not taken in this run"))
        elif targets is None:
            found[name] = Accuracy(metric=name, reason=_no_accuracy(model))
        else:
            found[name] = measure(name, Evidence(outputs, targets[: len(outputs[0])], given))
    return found


def _no_accuracy(model: ModelSpec) -> str:
    return model.no_accuracy_reason or "the dataset has no labels"


def _delegation(artifact: Artifact, raw: Raw) -> Delegation:
    """As seen on the device, else as known from the build (ExecuTorch decides it there)."""
    seen = raw.run.engine
    if seen.total is not None:
        return Delegation(delegated=seen.delegated, total=seen.total, undelegated=tuple(seen.undelegated))
    if artifact.operators is not None:
        return Delegation(delegated=artifact.delegated, total=artifact.operators, undelegated=artifact.undelegated)
    return Delegation(reason=seen.delegation_reason or "the runtime does not tell")
