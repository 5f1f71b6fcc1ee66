"""The runner of a browser's and node's jobs, in a real node: what of ONNX files is open, large outputs, the secret; and
in a real browser a page that nobody sees."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import browser
import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx_nets import Graph

from edgerig.devices.web import browser as pages
from edgerig.devices.web import nodejs, server
from edgerig.devices.web.place import Place
from edgerig.devices.web.runner import run
from edgerig.ondevice.engines import create
from edgerig.ondevice.evaluate import evaluated
from edgerig.ondevice.job import Job
from edgerig.spec import load_engines
from edgerig.web.packages import modules_of

pytestmark = [pytest.mark.integration, pytest.mark.needs("nodejs", "npm")]

OPSET = 17
FLOAT, INT = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64


def looked_up(batch: int | str = "batch") -> onnx.ModelProto:
    """ids (batch, seq) int64 → rows (batch, seq, 8) float32 of a table."""
    net = Graph(OPSET)
    table = net.constant(np.linspace(-1, 1, 80, dtype=np.float32).reshape(10, 8), "table")
    net.node("Gather", [table, "ids"], ["rows"], axis=0)
    axes: list[Any] = [batch, "seq"]
    return net.model({"ids": (INT, axes)}, {"rows": (FLOAT, [*axes, 8])})


def enlarged(times: int) -> onnx.ModelProto:
    """x (1, 4) float32 → (1, 4 · times) float32."""
    net = Graph(OPSET)
    net.node("Tile", ["x", net.constant(np.array([1, times]), "repeats")], ["y"])
    return net.model({"x": (FLOAT, [1, 4])}, {"y": (FLOAT, [1, 4 * times])})


def run_in_node(
    model: onnx.ModelProto, x: npt.NDArray[Any], folder: Path, shapes: list[list[int]] | None = None
) -> dict[str, Any]:
    """The raw run of the model over the samples of `x`, a tensor's worth of samples in its first axis."""
    raw = run_in("node", shutil.which("node") or "", model, x, folder, shapes)
    assert "error" not in raw, raw
    return raw


def run_in(
    kind: str,
    program: str,
    model: onnx.ModelProto,
    x: npt.NDArray[Any],
    folder: Path,
    shapes: list[list[int]] | None = None,
) -> dict[str, Any]:
    onnx.save(model, folder / "model.onnx")
    np.save(folder / "input_0.npy", x)
    row = load_engines()["ort_web"]
    job = Job(
        cell=f"made-up@{kind}/t1",
        engine=row.script,
        engine_options={},
        artifact="model.onnx",
        sha256=hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest(),
        beside={},
        threads=1,
        shapes=shapes or [],
        processors=[],
        cluster="",
        inputs=["input_0.npy"],
        fed=[],
        resets=[],
        warmup_runs=1,
        min_runs=2,
        min_seconds=0.0,
        max_seconds=10.0,
        **dict.fromkeys(("no_instructions", "no_state", "profiler", "clock", "no_clock"), ""),
        sustained_s=0.0,
        timing_only=False,
        profile=False,
    )
    return run(kind, [program], 0, modules_of(row, print), job, folder)


@pytest.mark.parametrize(
    ("batch", "shapes", "x", "shape"),
    [
        ("batch", [[1, 6]], (3, 6), (1, 6, 8)),
        ("batch", [[4, 6]], (3, 4, 6), (4, 6, 8)),
        ("batch", [], (3, 6), (1, -1, 8)),
        (4, [[4, 6]], (3, 4, 6), (4, 6, 8)),
    ],
)
def test_open_axes_are_as_on_any_other_device(
    tmp_path: Path, batch: int | str, shapes: list[list[int]], x: tuple[int, ...], shape: tuple[int, ...]
) -> None:
    ids = np.arange(np.prod(x), dtype=np.int64).reshape(x) % 10
    raw = run_in_node(looked_up(batch), ids, tmp_path, shapes)
    here = create(load_engines()["onnxruntime"].module, {})
    here.load(str(tmp_path / "model.onnx"), 1, [tuple(each) for each in shapes])
    known = evaluated(here, [ids])
    assert [tensor["shape"] for tensor in raw["engine"]["inputs"]] == [each.shape for each in here.describe().inputs]
    assert [tuple(tensor["shape"]) for tensor in raw["engine"]["outputs"]] == [each.shape for each in known.tensors]
    assert raw["engine"]["outputs"][0]["shape"] == shape
    for index, array in enumerate(known.arrays):
        np.testing.assert_array_equal(np.load(tmp_path / f"output_{index}.npy"), array)


def test_outputs_come_in_pieces_however_small_the_inputs_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """12 samples of 16 bytes and 4 MiB of output each: 48 MiB, of which no request may hold more than 32."""
    monkeypatch.setattr(server, "LARGEST_BODY", 32 * 2**20)
    x = np.arange(12 * 4, dtype=np.float32).reshape(12, 4)
    run_in_node(enlarged(2**18), x, tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / "output_0.npy"), np.tile(x, 2**18))


def test_the_runtime_is_started_before_the_file_is_loaded(tmp_path: Path) -> None:
    """It has 14 MB of WebAssembly to compile, the file has one operator."""
    raw = run_in_node(enlarged(1), np.zeros((1, 4), np.float32), tmp_path)
    assert raw["load_ns"] < raw["runtime_import_ns"] / 4
    assert raw["memory"]["runtime_rss_bytes"] > raw["memory"]["peak_rss_bytes"] / 2


@browser.needed
def test_a_page_that_nobody_sees_is_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A phone's is so while its screen is off; here the page says it of itself."""
    hidden = "<script>Object.defineProperty(document, 'visibilityState', {{ get: () => 'hidden' }})</script>"
    monkeypatch.setattr(pages, "_PAGE", pages._PAGE.replace("<body>", f"<body>{hidden}"))
    raw = run_in("browser", str(browser.BROWSER), enlarged(1), np.zeros((1, 4), np.float32), tmp_path)
    assert raw["error"]["message"].startswith("the page is hidden: is the screen on")


def test_what_is_timed_has_been_warm_for_a_second(tmp_path: Path) -> None:
    """V8 compiles what runs often a second time, beside the calls; a second of this network is thousands of them."""
    raw = run_in_node(enlarged(1), np.zeros((1, 4), np.float32), tmp_path)
    assert raw["warmup_runs"] > 1000, "of the job is 1"


def test_the_secret_is_not_among_the_arguments(tmp_path: Path) -> None:
    """Every user of the machine reads those; the environment is its owner's."""
    script = "import { readFileSync, writeFileSync } from 'node:fs'; for (const name of ['cmdline', 'environ'])"
    script += " writeFileSync(`${process.argv[2]}/${name}`, readFileSync(`/proc/self/${name}`))"
    (tmp_path / "node.mjs").write_text(script)
    nodejs.run(Place([shutil.which("node") or ""], "http://127.0.0.1:1/s3cr3t", tmp_path, tmp_path, tmp_path, {}))
    assert b"s3cr3t" in (tmp_path / "environ").read_bytes()
    assert b"s3cr3t" not in (tmp_path / "cmdline").read_bytes()
