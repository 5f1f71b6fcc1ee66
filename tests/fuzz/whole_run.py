"""A run's folder as a sweep leaves it, of two cells of a shipped model, without a framework or a device."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from edgerig.build.request import Prepared
from edgerig.plan import make_plan
from edgerig.report.run import write_all
from edgerig.results import Artifact, BuildRecord, DeviceRecord, TensorRecord
from edgerig.spec import SweepSpec, load_models
from edgerig.sweep.conclude import conclude
from edgerig.sweep.environment import environment
from edgerig.sweep.outcome import Outcome
from edgerig.sweep.run_folder import RunFolder

SAMPLES = 30
LOGITS = {"name": "logits", "shape": [1, 10], "dtype": "float32"}


def write_run(out: Path) -> RunFolder:
    """The folder, with every report, below `out`."""
    sweep = SweepSpec(out=out, models=("digits_cnn",), formats=("onnx",), recipes=("fp32", "int8-static"))
    plan = make_plan(sweep)
    run = RunFolder.create(plan, environment(), ["edgerig", "sweep"])
    labels = np.arange(SAMPLES, dtype="<i8") % 10
    for model in plan.models:
        _write_data(run.path / "data" / model, labels)
    with run.journal() as journal:
        for cell in plan.cells:
            _write_raw(run.path / "raw" / cell.id, cell.id, labels)
            device = DeviceRecord(kind="local", emulated=False, arch="x86_64", cpu="cpu", cores=2)
            journal.write(
                Outcome(
                    cell=cell.id,
                    status="ok",
                    artifact=_artifact(cell.recipe),
                    build=BuildRecord(seconds=1.0, cached=False, peak_rss_bytes=1, log=None, key="0" * 16),
                    device=device,
                    after=device,
                    raw=f"raw/{cell.id}",
                )
            )
    write_all(conclude(run), run.path)
    return run


def _write_data(folder: Path, labels: np.ndarray) -> None:
    folder.mkdir(parents=True)
    np.save(folder / "labels.npy", labels)
    np.save(folder / "output_0.npy", np.eye(10, dtype="<f4")[labels] * 9)
    prepared = Prepared(
        data_key="d",
        reference_key="r",
        fingerprint="0" * 64,
        calibration_fingerprint="1" * 64,
        samples=SAMPLES,
        labelled=True,
        origin="data.py:load",
        inputs=load_models("digits_cnn")["torch"].inputs,
        outputs=("logits",),
        outside=0.1,
    )
    (folder / "prepared.json").write_text(prepared.model_dump_json())


def raw_document(cell: str, samples: int) -> dict[str, Any]:
    reading = {"at_ns": 5, "load1": 0.5, "cpu": 0, "frequency_khz": 10**6, "max_frequency_khz": 10**6}
    return {
        "schema": 1,
        "cell": cell,
        "engine": {"inputs": [], "outputs": [LOGITS], "runtime": "r", "version": "1", "threads": 1, "notes": ["n"]},
        "runtime_import_ns": 1,
        "load_ns": 1,
        "first_inference_ns": 1,
        "warmup_runs": 1,
        "samples": samples,
        "timer_overhead_ns": 1,
        "control_ns": [118_000, 118_100],
        "memory": {"peak_rss_bytes": 10**8, "runtime_rss_bytes": 10**7},
        "instructions": {"counts": [5, 5], "empty": [1]},
        "state": {"before": reading, "during": [reading], "after": reading, "reasons": {"x": "y"}},
        "energy": {
            "sensor": "RAPL package-0",
            "kind": "counter",
            "update_ns": 10**6,
            "microjoules": 4 * 10**6,
            "window_ns": 2 * 10**9,
            "inferences": samples,
            "readings": 40,
            "changes": 40,
            "idle_microjoules": 5 * 10**5,
            "idle_ns": 5 * 10**8,
            "idle_changes": 9,
        },
    }


def _write_raw(folder: Path, cell: str, labels: np.ndarray) -> None:
    random = np.random.default_rng(3)
    for own in (folder, folder / "repeat-1"):
        own.mkdir(parents=True)
        samples = (10_000 * random.normal(1.0, 0.003, 200)).astype("<i8")
        np.save(own / "samples.npy", samples)
        (own / "raw.json").write_text(json.dumps(raw_document(cell, len(samples))))
    outputs = np.eye(10, dtype="<f4")[labels] * 9
    outputs[:2] = outputs[:2, ::-1]
    np.save(folder / "output_0.npy", outputs)
    np.save(folder / "host_0.npy", outputs[:8])


def _artifact(recipe: str) -> Artifact:
    return Artifact(
        key="0" * 16,
        file="model.onnx",
        sha256="0" * 64,
        size_bytes=1000,
        format="onnx",
        recipe=recipe,
        engine="onnxruntime",
        layout="NCHW",
        inputs=(TensorRecord(name="image", shape=(1, 1, 8, 8), dtype="float32"),),
        outputs=(TensorRecord.model_validate(LOGITS),),
        constants={"float32": 900},
        check=None,
    )
