"""A sweep on the real cluster whose stages are the test's own: nothing is built, and no device is reached."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from edgerig.build import spawn
from edgerig.build.request import Prepared
from edgerig.build.spawn import BuildOutcome
from edgerig.build.store import Store
from edgerig.devices.device import CellJob
from edgerig.devices.turns import Claim, NoLease
from edgerig.plan import make_plan
from edgerig.results import Artifact, BuildRecord, DeviceRecord, TensorRecord
from edgerig.spec import Device, SweepSpec
from edgerig.sweep import engine, sessions
from edgerig.sweep.environment import environment
from edgerig.sweep.run_folder import RunFolder

TENSOR = TensorRecord(name="x", shape=(1, 10), dtype="float32")
PREPARED = Prepared(
    data_key="d",
    reference_key=None,
    fingerprint="f",
    calibration_fingerprint="c",
    samples=3,
    labelled=False,
    origin="the test",
)


def built(recipe: str) -> BuildOutcome:
    artifact = Artifact(
        key="a", file="model.bin", sha256="", size_bytes=5, format="onnx", recipe=recipe, engine="onnxruntime",
        layout="any", inputs=(TENSOR,), outputs=(TENSOR,), constants={}, check=None,
    )  # fmt: skip
    record = BuildRecord(seconds=1.0, cached=False, peak_rss_bytes=None, log=None)
    return BuildOutcome(recipe=recipe, artifact=artifact, record=record, failure=None)


def raw_run(cell: str, into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    tensor = TENSOR.model_dump(mode="json")
    engine_ = {"inputs": [tensor], "outputs": [tensor], "runtime": "R", "version": "1", "threads": 1}
    durations = {"runtime_import_ns": 1, "load_ns": 2, "first_inference_ns": 3, "timer_overhead_ns": 40}
    raw = {"schema": 1, "cell": cell, "warmup_runs": 1, "samples": 50, "memory": {}, "engine": engine_, **durations}
    (into / "raw.json").write_text(json.dumps(raw))
    np.save(into / "samples.npy", np.full(50, 1000, np.int64))
    np.save(into / "output_0.npy", np.ones((3, 10), np.float32))


class Bench:
    """An open device that needs no transport: it leaves a sound raw run for every cell."""

    def __init__(self) -> None:
        self.lease = NoLease()
        self.left: list[str] = []

    def probe(self) -> DeviceRecord:
        return DeviceRecord(kind="bench", emulated=False)

    def execute(self, job: CellJob) -> None:
        raw_run(job.cell, job.into)


@dataclass
class Sweep:
    """Run by a call, on this machine or on the devices that are given; `open` are those open at the moment."""

    wanted: SweepSpec
    run: RunFolder
    store: Store
    open: set[str]

    def __call__(self, *devices: str) -> RunFolder:
        if devices:
            plan = make_plan(self.wanted.model_copy(update={"devices": devices}))
            self.run.file = self.run.file.model_copy(update={"plan": plan})
        engine.run_sweep(self.run, self.store, lambda _: None)
        return self.run


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sweep:
    """A sweep of two models on the real cluster, whose cells leave a sound raw run but for the faults of the test."""
    is_open: set[str] = set()
    store = Store(tmp_path / "store")
    for kind, key in (("data", "d"), ("artifact", "a")):
        with store.staging(kind) as staged:
            np.save(staged / "input_0.npy", np.zeros((3, 4), np.float32))
            (staged / "model.bin").write_bytes(b"model")
            store.commit(kind, key, staged, {})

    @contextlib.contextmanager
    def opened(spec: Device, claim: Claim | None) -> Iterator[Bench]:
        is_open.add(spec.name)
        yield Bench()
        is_open.remove(spec.name)
        raise ValueError("closing fails too")

    monkeypatch.setattr(sessions, "open_device", opened)
    monkeypatch.setattr(spawn, "prepare", lambda *_: PREPARED)
    monkeypatch.setattr(
        spawn, "build_variants", lambda *given, joins: [] if joins else [built(recipe) for recipe in given[2]]
    )
    wanted = SweepSpec(formats=("onnx", "tflite"), recipes=("fp32", "int8-static"), out=tmp_path / "reports")
    return Sweep(wanted, RunFolder.create(make_plan(wanted), environment(), []), store, is_open)
