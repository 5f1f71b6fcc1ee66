"""A run read for a comparison: whatever was done to its files, the answer is a figure or a clear refusal."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgerig.cli import gating
from edgerig.compare import baseline
from edgerig.compare.comparison import compare
from edgerig.errors import EdgerigError, GateFailed, GateInconclusive, ResultsError
from edgerig.measure.latency import summarize
from edgerig.measure.raw_run import RawControls
from edgerig.results import (
    Accuracy,
    CellResult,
    DeviceRecord,
    Environment,
    HostInfo,
    Latency,
    ModelRecord,
    Parity,
    Results,
    RunInfo,
    Verdict,
    VerdictEvidence,
)
from edgerig.sweep.observed import observe

CELL = "net-torch-tflite-fp32@local/t1"
SAMPLES = 40
TENSOR = {"name": "logits", "shape": [1, 4], "dtype": "float32"}


def test_a_cell_whose_times_say_nothing_is_compared_all_the_same(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    folders = (run / "raw" / CELL, *sorted((run / "raw" / CELL).glob("repeat-*")))
    for folder, samples in zip(folders, np.split(np.repeat([1, 10**12], [648, 552]), 3), strict=True):
        np.save(folder / "samples.npy", samples.astype("<i8"))
    assert 4 < observe(run).cells[CELL].latency.half_width <= 10


def write_run(
    folder: Path,
    *,
    p50_ns: int = 10_000,
    wrong: int = 2,
    processes: int = 3,
    machine: tuple[float, float, float] | None = None,
    seed: int = 3,
) -> Path:
    """A run's folder as a sweep leaves it, of one cell timed in `processes` processes.

    `machine`: how much longer than usual it took for what is bound by its clock, its arithmetic and its memory; None:
    an older runner's one control, at the usual speed."""
    generator = np.random.default_rng(seed)
    labels = np.arange(SAMPLES, dtype=np.int64) % 4
    outputs = np.eye(4, dtype=np.float32)[labels]
    outputs[:wrong] = outputs[:wrong, ::-1]
    raw = folder / "raw" / CELL
    taken, beside = [], []
    for number in range(processes):
        samples = (p50_ns * generator.normal(1.0, 0.003, 400)).astype("<i8")
        taken.append(samples)
        beside.append(controls(machine, generator))
        write_process(raw if number == 0 else raw / f"repeat-{number}", samples, beside[-1])
    np.save(raw / "output_0.npy", outputs)
    (folder / "data" / "net-torch").mkdir(parents=True)
    np.save(folder / "data" / "net-torch" / "labels.npy", labels)
    latency = summarize(taken, 1, [RawControls.model_validate(each.get("controls", {})) for each in beside])
    cell = made_cell(latency if machine else latency.model_copy(update={"control_ms": 0.118}), wrong)
    (folder / "results.json").write_text(made_results(folder.name, cell).model_dump_json(indent=1))
    return folder


def write_process(own: Path, samples: np.ndarray, beside: dict[str, Any]) -> None:
    """What one process of the cell leaves in its folder `own`: its samples (int64 (S,), ns) and its part of the run."""
    own.mkdir(parents=True)
    np.save(own / "samples.npy", samples)
    document = {
        "schema": 1,
        "cell": CELL,
        "engine": {"inputs": [], "outputs": [TENSOR], "runtime": "r", "version": "1", "threads": 1},
        "runtime_import_ns": 1,
        "load_ns": 1,
        "first_inference_ns": 1,
        "warmup_runs": 1,
        "samples": len(samples),
        "timer_overhead_ns": 1,
        **beside,
        "memory": {},
    }
    (own / "raw.json").write_text(json.dumps(document))


def made_cell(latency: Latency, wrong: int) -> CellResult:
    value = 1 - wrong / SAMPLES
    return CellResult.model_validate(
        {
            "id": CELL,
            "model": "net",
            "source": "torch",
            "format": "tflite",
            "recipe": "fp32",
            "device": "local",
            "threads": 1,
            "emulated": False,
            "status": "ok",
            "size_bytes": 1000,
            "latency": latency,
            "accuracy": Accuracy(metric="top1", value=value, ci95=(value - 0.1, 1.0), samples=SAMPLES),
            "parity": Parity(relative_error=0.01, max_abs_error=0.1, samples=SAMPLES, disagreement_reason="fp32"),
            "verdict": Verdict(label="stable", evidence=VerdictEvidence(relative_half_width=0.001), advice=""),
            "raw": f"raw/{CELL}",
        }
    )


def made_results(run: str, cell: CellResult) -> Results:
    dataset = "d: 40 samples, sha256 0123456789abcdef"
    host = HostInfo(cpu="cpu", cores=2, memory_bytes=None, os="os", governor=None)
    return Results(
        run=RunInfo(id=run, started="2026-01-01T00:00:00+00:00", seed=0, command=("edgerig",), spec={}),
        environment=Environment(edgerig="0", python="3", tools={}, host=host),
        devices={"local": DeviceRecord(kind="local", emulated=False, cpu="cpu")},
        models={
            "net-torch": ModelRecord(model="net", description="", source="torch", licence="", dataset=dataset),
        },
        cells=(cell,),
    )


def controls(machine: tuple[float, float, float] | None, generator: np.random.Generator) -> dict[str, Any]:
    if machine is None:
        return {"control_ns": [118_000, 118_100]}
    usual = {"clock_ns": 118_000, "core_ns": 200_000, "memory_ns": 4_000_000}
    return {
        "controls": {
            name: [int(ns * slower * generator.normal(1.0, 0.002)) for _ in range(2)]
            for (name, ns), slower in zip(usual.items(), machine, strict=True)
        }
    }


def told(base: Path, new: Path, capsys: pytest.CaptureFixture[str]) -> tuple[str, list[str]]:
    """What `edgerig compare` prints: the label of the cell's latency, and the lines that hold for the machine."""
    gating.compare_runs(base, new, as_json=True, out=None)
    (cell,) = json.loads(capsys.readouterr().out)["cells"]
    gating.compare_runs(base, new, as_json=False, out=None)
    lines = capsys.readouterr().out.splitlines()
    label = next(metric["label"] for metric in cell["metrics"] if metric["metric"] == "latency")
    return label, [line for line in lines if line.startswith("local: ")]


@pytest.mark.parametrize("as_file", [False, True], ids=["folder", "baseline"])
def test_a_change_of_the_clock_is_no_change_of_the_build(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], as_file: bool
) -> None:
    """Runs whose machine is between 10 % faster and slower: the same build is the same, one that is 10 % slower is not,
    and what happened is said in one line above the table."""
    base = write_run(tmp_path / "base", processes=5, machine=(1.0, 1.0, 1.0), seed=100)
    if as_file:
        (tmp_path / "base.toml").write_bytes(baseline.render(observe(base)))
        base = tmp_path / "base.toml"
    clocks = np.linspace(0.9, 1.1, 10)
    for number, clock in enumerate(clocks):
        for slower, label in ((1.0, "same"), (1.1, "regressed")):
            p50_ns = round(10_000 * clock * slower)
            where = tmp_path / f"{number}-{label}"
            new = write_run(where, p50_ns=p50_ns, processes=5, machine=(clock,) * 3, seed=number)
            found, lines = told(base, new, capsys)
            assert found == label, (clock, lines)
            assert len(lines) == 1
            assert "latencies are corrected for it" in lines[0]


def test_a_neighbour_that_only_loads_the_memory_or_shares_the_core_leaves_it_open(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = write_run(tmp_path / "base", processes=5, machine=(1.0, 1.0, 1.0))
    base, large = changed(base, size_bytes=40_000_000), {"size_bytes": 40_000_000}
    for number, machine in enumerate(((1.0, 1.0, 1.5), (1.0, 1.6, 1.2), (1.4, 1.4, 1.4))):
        new = write_run(tmp_path / f"{number}", p50_ns=13_000, processes=5, machine=machine, seed=5)
        found, (line,) = told(base, changed(new, **large), capsys)
        assert found == "inconclusive", line
    for text in ("gate.md", "junit.xml"):
        gate(new, base)
        assert (new / text).read_text().count("more than the 25%") == 1


def test_a_baseline_of_before_there_were_controls_compares_as_it_did(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "older.toml"
    text = baseline.render(observe(run)).decode()
    assert "[devices.local.speed" in text
    file.write_text(re.sub(r"\[devices\.local\.speed[^\[]*", "", text))
    assert observe(file).devices["local"].speed.clock is None
    same, (line,) = told(file, run, capsys)
    assert (same, "as measured" in line) == ("same", True)
    other = write_run(tmp_path / "other", p50_ns=12_000, machine=(1.2, 1.2, 1.2))
    open_, (line,) = told(file, other, capsys)
    assert (open_, "no latency is compared" in line) == ("inconclusive", True)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run")


def changed(run: Path, **fields: object) -> Path:
    document = json.loads((run / "results.json").read_text())
    document["cells"][0] |= fields
    (run / "results.json").write_text(json.dumps(document))
    return run


def test_a_runs_folder_gives_samples_and_answers(run: Path) -> None:
    cell = observe(run).cells[CELL]
    assert [len(blocks) for blocks in cell.latency.blocks_ms] == [50, 50, 50]
    assert len(cell.latency.process_p50_ms) == 3
    assert cell.accuracy.wrong == (0, 1)
    assert cell.accuracy.dataset == "sha256 0123456789abcdef"
    assert cell.outputs_sha256


def test_results_alone_and_a_baseline_file_compare_too(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "baseline.toml"
    file.write_bytes(baseline.render(observe(run)))
    for base in (run / "results.json", file):
        (found,) = compare(observe(base), observe(run)).cells
        assert {each.metric: each.label for each in found.metrics}["latency"] == "same"
        assert found.label in ("same", "inconclusive")
    assert observe(file).cells[CELL].accuracy.wrong == (0, 1)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"raw": "../../etc"}, "outside the folder"),
        ({"raw": "/etc"}, "outside the folder"),
        ({"raw": "raw/\0"}, "null"),
        ({"raw": "x" * 5000}, "too long"),
        ({"model": "../../../etc"}, "outside the folder"),
        ({"size_bytes": 10**30}, "too large"),
        ({"size_bytes": -5}, "size_bytes"),
        ({"threads": "many"}, r"cells\[0\].threads"),
    ],
)
def test_a_hostile_file_is_refused_with_its_place(run: Path, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ResultsError, match=said) as caught:
        observe(changed(run, **fields))
    assert caught.value.hint


def test_numbers_no_computer_holds_are_refused(run: Path) -> None:
    text = (run / "results.json").read_text()
    for number in ("1e999", "-1e999", "NaN", "Infinity", "9" * 400, "9" * 5000):
        (run / "results.json").write_text(text.replace('"size_bytes": 1000', f'"size_bytes": {number}'))
        with pytest.raises(ResultsError):
            observe(run)


def test_damaged_raw_runs_and_labels_are_refused(run: Path) -> None:
    for file in ("samples.npy", "output_0.npy", "raw.json", "repeat-1/samples.npy", "repeat-2/raw.json"):
        path = run / "raw" / CELL / file
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(ResultsError, match="damaged|" + path.name):
            observe(run)
        path.write_bytes(content)
    np.save(run / "data" / "net-torch" / "labels.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(ResultsError, match=r"labels\.npy"):
        observe(run)


def test_a_link_out_of_the_folder_is_not_followed(run: Path, tmp_path: Path) -> None:
    (run / "raw").rename(tmp_path / "elsewhere")
    (run / "raw").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ResultsError, match="symbolic link"):
        observe(run)


def test_wherever_a_file_is_cut_or_altered_there_is_no_traceback(run: Path, tmp_path: Path) -> None:
    """Some 600 damages of a real file, by a fixed seed: bytes cut, flipped, doubled, replaced by what JSON uses."""
    generator = random.Random(11)
    good = tmp_path / "baseline.toml"
    good.write_bytes(baseline.render(observe(run)))
    refused = 0
    for original in (run / "results.json", good):
        content = original.read_bytes()
        damages = [content[:end] for end in range(0, len(content), max(1, len(content) // 100))]
        for _ in range(200):
            at, length = generator.randrange(len(content)), generator.randrange(1, 12)
            filling = generator.choice([b"", b"null", b'"', b"[" * 50, b"{}", b"-1", b"1e999", b"\xff\x00", b"9" * 30])
            damages.append(content[:at] + filling + content[at + length :])
        for damage in damages:
            original.write_bytes(damage)
            try:
                compare(observe(run), observe(run if original.name == "results.json" else good))
            except EdgerigError as error:
                refused += 1
                assert error.message
        original.write_bytes(content)
    assert refused > 300


def gate(new: Path, base: Path, **environment: str) -> dict[str, Any]:
    try:
        gating.gate_run(new, base, None, ["*"], None)
    except (GateFailed, GateInconclusive) as error:
        assert error.exit_code == json.loads((new / "verdict.json").read_text())["exit_code"]
    verdict: dict[str, Any] = json.loads((new / "verdict.json").read_text())
    return verdict


def test_the_gate_writes_its_files_and_tells_github(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = write_run(tmp_path / "slow", p50_ns=12_000)
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert gate(run, run)["outcome"] == "pass"
    verdict = gate(slow, run)
    assert (verdict["outcome"], verdict["exit_code"]) == ("fail", 7)
    assert [check["name"] for check in verdict["checks"] if check["outcome"] == "fail"] == ["latency"]
    assert (slow / "junit.xml").is_file()
    assert f"::error title=fail%3A {CELL}::latency: regressed" in capsys.readouterr().out
    assert "edgerig gate: passed" in summary.read_text()
    assert "edgerig gate: failed" in summary.read_text()


def test_an_old_run_is_compared_by_its_new_ids(run: Path, tmp_path: Path) -> None:
    """Schema 1 knew neither the source in an id nor processes."""
    old = write_run(tmp_path / "old", processes=1)
    document = json.loads((old / "results.json").read_text())
    document["schema_version"] = 1
    document["models"] = {"net": {key: v for key, v in document["models"]["net-torch"].items() if key != "model"}}
    document["cells"][0] |= {"id": "net-tflite-fp32@local/t1", "raw": "raw/net-tflite-fp32@local/t1"}
    for key in ("process_p50_ms", "control_ms", "interval", "interval_reason", "controls"):
        del document["cells"][0]["latency"][key]
    (old / "results.json").write_text(json.dumps(document))
    (old / "raw" / CELL).parent.rename(old / "raw" / "net-tflite-fp32@local")
    raw = old / "raw" / "net-tflite-fp32@local" / "t1" / "raw.json"
    raw.write_text(raw.read_text().replace(CELL, "net-tflite-fp32@local/t1"))
    (old / "data" / "net-torch").rename(old / "data" / "net")
    (found,) = compare(observe(old), observe(run)).cells
    assert found.id == CELL
    assert {each.metric: each.label for each in found.metrics}["accuracy"] == "same"
    assert observe(old).cells[CELL].accuracy.wrong == (0, 1)
