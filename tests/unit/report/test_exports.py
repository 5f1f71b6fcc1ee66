"""Exports that need no framework: each is read the way its consumer reads it."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import numpy.typing as npt
import pytest
from unit.history.runs import make_cell, make_run

from edgerig.report import exports
from edgerig.results import OperatorProfile, Profile

PLAIN = make_cell()
EMULATED = make_cell(
    "digits_cnn-torch-tflite-fp32@qemu-rpi4/t1", device="qemu-rpi4", emulated=True, label="emulated",
    instructions=9_000, peak=None, p50=7.0,
)  # fmt: skip
FAILED = make_cell("a/../../b", failed="no <answer>\nat all")
RUN = make_run(1, PLAIN, EMULATED, FAILED, commit="c" * 40)

TEXTS = {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}}


def strict(required: tuple[str, ...], **properties: object) -> dict[str, object]:
    return {"type": "object", "additionalProperties": False, "required": list(required), "properties": properties}


TEXT, COUNT = {"type": "string"}, {"type": "integer", "minimum": 0}
LIST = {"type": "array", "items": TEXT}
PYTORCH = {
    "type": "array",
    "minItems": 1,
    "items": strict(
        ("benchmark", "model", "metric"),
        schema_version={"const": "v3"},
        benchmark=strict(("name",), name=TEXT, mode={"enum": ["training", "inference"]}, dtype=TEXT, extra_info=TEXTS),
        runners={
            "type": "array",
            "items": strict(
                (), name=TEXT, type=TEXT, cpu_info=TEXT, cpu_count=COUNT, mem_info=TEXT, avail_mem_in_gb=COUNT,
                gpu_info=TEXT, gpu_count=COUNT, gpu_mem_info=TEXT, avail_gpu_mem_in_gb=COUNT, extra_info=TEXTS,
            ),
        },
        model=strict(("name",), name=TEXT, type=TEXT, backend=TEXT, origins=LIST, extra_info=TEXTS),
        inputs={"type": "object"},
        dependencies={
            "type": "object",
            "additionalProperties": strict((), repo=TEXT, branch=TEXT, sha=TEXT, version=TEXT, extra_info=TEXTS),
        },
        metric=strict(
            ("name", "benchmark_values"),
            name=TEXT,
            benchmark_values={"type": "array", "minItems": 1, "items": {"type": "number"}},
            target_value={"type": "number"},
            extra_info=TEXTS,
        ),
    ),
}  # fmt: skip
"""pytorch/test-infra, clickhouse_db_schema/oss_ci_benchmark_v3/schema.sql: the columns of its tuples, and those that
the PyTorch wiki calls required."""


def reasons(done: exports.Export) -> dict[str, str]:
    found: dict[str, str] = {}
    for cell, reason in done.left_out:
        found[cell] = f"{found.get(cell, '')}{reason}; "
    return found


def test_pytorch_records_follow_the_database_and_hold_no_emulated_time(tmp_path: Path) -> None:
    done = exports.write("pytorch", RUN, tmp_path, None)
    records = json.loads((tmp_path / "export" / "pytorch.json").read_text())
    jsonschema.validate(records, PYTORCH)
    values = {
        (r["benchmark"]["extra_info"]["cell"], r["metric"]["name"]): r["metric"]["benchmark_values"] for r in records
    }
    assert values[PLAIN.id, "latency_p50_ms"] == [1.0]
    assert values[EMULATED.id, "instructions"] == [9000]
    emulated = {name for cell, name in values if cell == EMULATED.id}
    assert emulated == {"size_bytes", "accuracy", "instructions", "instructions_spread"}
    assert (PLAIN.id, "instructions") not in values
    assert not any(cell == FAILED.id for cell, _ in values)
    assert "failed: no <answer>" in reasons(done)[FAILED.id]
    assert "times of an emulator" in reasons(done)[EMULATED.id]
    assert "instructions: not emulated" in reasons(done)[PLAIN.id]


def raw_run(folder: Path, cell: str, samples: npt.NDArray[Any]) -> None:
    folder.mkdir(parents=True)
    tensor = {"name": "y", "shape": [1, 2], "dtype": "float32"}
    engine = {"inputs": [tensor], "outputs": [tensor], "runtime": "LiteRT", "version": "2.3.0", "threads": 1}
    known = {
        "schema": 1, "cell": cell, "timer_overhead_ns": 1, "engine": engine, "memory": {"reason": "not taken"},
        "instructions": {"reason": "none"}, "samples": len(samples), "warmup_runs": 10,
        "runtime_import_ns": 1, "load_ns": 1, "first_inference_ns": 1,
    }  # fmt: skip
    (folder / "raw.json").write_text(json.dumps(known))
    np.save(folder / "samples.npy", np.asarray(samples, dtype="<i8"))
    np.save(folder / "output_0.npy", np.zeros((3, 2), dtype="<f4"))


def test_litert_files_have_the_tools_keys_and_its_percentiles(tmp_path: Path) -> None:
    samples = np.arange(1, 101) * 1_000_000
    raw_run(tmp_path / "raw" / "one", PLAIN.id, samples)
    timed = PLAIN.model_copy(update={"raw": "raw/one"})
    done = exports.write("litert", make_run(1, timed, EMULATED, FAILED), tmp_path, tmp_path / "out")
    (file,) = (tmp_path / "out").iterdir()
    assert done.written == (str(file),)
    told = json.loads(file.read_text())
    assert told["latency"]["median_ms"] == 50.5
    assert told["latency"]["p95_ms"] == pytest.approx(95.05)
    assert told["latency"]["avg_ms"] == 1.0
    assert told["model_size_mb"] == 1000 / 1024**2
    assert "times of an emulator" in reasons(done)[EMULATED.id]
    tool = pytest.importorskip("ai_edge_litert.tools.benchmark_litert_model", reason="needs LiteRT's own tool")
    written = inspect.getsource(tool.run_benchmark).rsplit("results = {", 1)[1].split("if args.result_json", 1)[0]
    keys = set(re.findall(r"'(\w+)':", written))
    assert {*told, *told["latency"]} <= keys
    assert keys - {*told, *told["latency"]} == {
        "signature", "warmup_avg_ms", "throughput_mb_s", "fully_accelerated",
    }  # fmt: skip


def test_litert_leaves_out_what_the_raw_samples_would_tell_when_they_are_gone(tmp_path: Path) -> None:
    gone = PLAIN.model_copy(update={"raw": "raw/gone"})
    done = exports.write("litert", make_run(1, gone), tmp_path, tmp_path / "out")
    told = json.loads(next((tmp_path / "out").iterdir()).read_text())
    assert "median_ms" not in told["latency"]
    assert "raw.json cannot be read" in reasons(done)[PLAIN.id]


def test_every_export_is_importable_by_its_row() -> None:
    from edgerig.registry import load_object

    for name, form in exports.EXPORTS.items():
        assert load_object(form.write).__module__ == f"edgerig.report.exports.{name}"


@pytest.mark.parametrize("name", ["csv", "parquet", "pytorch", "litert"])
def test_a_place_that_cannot_be_written_says_so(tmp_path: Path, name: str) -> None:
    from edgerig.errors import ResultsError

    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match="cannot be written"):
        exports.write(name, RUN, tmp_path, tmp_path / "file" / "below")


def test_perfetto_draws_an_inference_of_each_profile(tmp_path: Path) -> None:
    """As "Trace Event Format" has it: complete events behind one another, in microseconds."""
    operator = OperatorProfile(
        index=0, name="Conv", kind="convolution", layer="c1", runner="xnnpack", partition=0, value=3000, spread=5,
        share=0.6, calls=1,
    )  # fmt: skip
    left = operator.model_copy(update={"index": 1, "name": "SOFTMAX", "runner": "kernel", "partition": None})
    found = Profile(
        method="m", whole=8000, profiled_whole=9000, sum=6000, outside=2000, runs=7, operators=(operator, left)
    )
    timed, counted = (
        PLAIN.model_copy(update={"profile": found}),
        EMULATED.model_copy(update={"profile": found.model_copy(update={"unit": "instructions", "shares_only": True})}),
    )
    done = exports.write("perfetto", make_run(1, timed, counted, FAILED, make_cell("other")), tmp_path, None)
    document = json.loads((tmp_path / "export" / "trace.json").read_text())
    spans = [event for event in document["traceEvents"] if event["ph"] == "X"]
    assert {event["ph"] for event in document["traceEvents"]} == {"X", "M"}
    drawn = [(each["name"], each["ts"], each["dur"]) for each in spans if each["pid"] == 1]
    assert drawn == [("Conv", 0, 3), ("SOFTMAX", 3, 3), ("outside operators", 6, 2)]
    assert spans[0]["args"] == {
        "layer": "c1", "runner": "xnnpack", "partition": 0, "share": 0.6, "spread": 5, "calls": 1,
    }  # fmt: skip
    assert [each["dur"] for each in spans if each["pid"] == 2][:2] == [pytest.approx(4.8)] * 2
    names = [event["args"]["name"] for event in document["traceEvents"] if event["name"] == "process_name"]
    assert names == [timed.id, f"{counted.id} (one nanosecond stands for one instruction)"]
    assert reasons(done)["other"] == "no profile: the cell was not profiled; "
    assert FAILED.id in reasons(done)
