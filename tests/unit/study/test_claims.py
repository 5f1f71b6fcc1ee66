"""Each claim over made-up runs: supported, contradicted, open, and where the cells are missing."""

from __future__ import annotations

import pytest
from unit.study.made import broken, cell, found, outcomes, run

from edgerig.results import CellResult
from edgerig.study import study
from edgerig.study.claims import CLAIMS

EAGER = ("torch", "torch_eager"), ("keras", "keras_eager")


def eager(torch_ms: float, keras_ms: float, side: int = 0, half: float = 0.005) -> list[CellResult]:
    times = (torch_ms, keras_ms)
    return [cell(*name, ms, side=side, half=half) for name, ms in zip(EAGER, times, strict=True)]


@pytest.mark.parametrize(
    ("times", "outcome"),
    [((1.0, 2.0), "supported"), ((2.0, 1.0), "contradicted"), ((1.0, 1.01), "open")],
)
def test_small_inputs(times: tuple[float, float], outcome: str) -> None:
    finding = found("small-inputs", run(*eager(*times), *eager(*times, side=28)))
    assert finding.outcome == outcome
    assert len(finding.evidence) == 2
    assert {each.axes["input"] for each in finding.evidence} == {"28", "224"}
    assert "keras → saved_model fp32: not run" in finding.missing


def test_small_inputs_may_depend_on_the_input() -> None:
    finding = found("small-inputs", run(*eager(1.0, 2.0), *eager(1.0, 2.0, side=64), *eager(3.0, 1.0, side=28)))
    assert finding.outcome == "depends"
    assert finding.on == "on the input: as claimed with 64, 224, against it with 28"


def test_wide_intervals_are_not_told_apart_however_far_the_medians() -> None:
    finding = found("small-inputs", run(*eager(1.0, 1.5, half=0.3)))
    assert (finding.outcome, outcomes(finding)) == ("open", [None])
    assert "overlap" in finding.on


def test_some_as_claimed_and_the_rest_open_is_no_support() -> None:
    finding = found("small-inputs", run(*eager(1.0, 2.0), *eager(1.0, 1.01, side=28)))
    assert finding.outcome == "depends"
    assert "as claimed in 1 of 2" in finding.on


@pytest.mark.parametrize(
    ("compiled", "graph", "outcome"),
    [(0.5, 0.5, "supported"), (2.0, 2.0, "contradicted"), (1.01, 0.99, "open"), (0.5, 2.0, "depends")],
)
def test_graphs(compiled: float, graph: float, outcome: str) -> None:
    cells = [*eager(1.0, 1.0), cell("torch", "torch_compile", compiled), cell("keras", "saved_model", graph)]
    finding = found("graphs", run(*cells))
    assert finding.outcome == outcome
    if outcome == "depends":
        assert finding.on.startswith("on the framework: as claimed with PyTorch")


def test_what_a_graph_takes_until_its_first_answer_stands_beside_it() -> None:
    finding = found("graphs", run(cell("torch", "torch_eager", 1.0), cell("torch", "torchscript", 6.0)))
    judged, beside = finding.evidence
    assert (judged.judges, beside.judges) == (True, False)
    assert [figure.text for figure in beside.figures] == ["5.00 ms to the first answer", "20.0 ms to the first answer"]
    assert beside.found == "4.00× the time"


def test_a_contended_median_is_compared_with_none() -> None:
    cells = [cell("torch", "torch_eager", 9.0, label="contended"), cell("torch", "torchscript", 1.0)]
    finding = found("graphs", run(*cells))
    assert finding.outcome == "open"
    assert "contended" in finding.on


def test_emulated_times_are_no_evidence() -> None:
    cells = [cell(*name, ms, emulated=True, label="emulated") for name, ms in zip(EAGER, (1.0, 9.0), strict=True)]
    finding = found("small-inputs", run(*cells))
    assert (finding.outcome, finding.evidence) == ("not testable", ())


def test_cells_of_two_runs_or_devices_are_not_compared() -> None:
    ours, theirs = eager(1.0, 9.0)
    apart = found("small-inputs", run(ours, name="one"), run(theirs, name="two"))
    elsewhere = found("small-inputs", run(ours, cell("keras", "keras_eager", 9.0, device="board")))
    assert [apart.outcome, elsewhere.outcome] == ["not testable"] * 2


def test_a_run_given_twice_is_one() -> None:
    both = run(*eager(1.0, 2.0))
    assert len(found("small-inputs", both, both).evidence) == 1


@pytest.mark.parametrize(("runtime", "outcome"), [(0.5, "supported"), (3.0, "contradicted"), (1.01, "open")])
def test_overhead(runtime: float, outcome: str) -> None:
    finding = found("overhead", run(cell("torch", "torch_eager", 1.0), cell("torch", "executorch", runtime)))
    assert finding.outcome == outcome
    (beside,) = [each for each in finding.evidence if not each.judges]
    assert beside.found == "1.00× the memory"


def int8(size: int, p50_ms: float, model: str = "mobilenet_v2") -> list[CellResult]:
    small = cell("torch", "tflite", p50_ms, recipe="int8-static", size=size, model=model)
    return [cell("torch", "tflite", 1.0, size=1000, model=model), small]


@pytest.mark.parametrize(
    ("figures", "size", "speed"),
    [
        ((260, 0.5), "supported", "supported"),
        ((460, 1.5), "contradicted", "contradicted"),
        ((300, 1.01), "supported", "open"),
    ],
)
def test_int8(figures: tuple[int, float], size: str, speed: str) -> None:
    made = run(*int8(*figures))
    assert found("int8-size", made).outcome == size
    assert found("int8-speed", made).outcome == speed
    assert "keras → onnx int8-static: not run" in found("int8-size", made).missing


def test_int8_may_depend_on_the_network() -> None:
    made = run(*int8(260, 0.5), *int8(460, 1.5, "digits_cnn"))
    expected = "on the network: as claimed with mobilenet_v2, against it with digits_cnn"
    for key in ("int8-size", "int8-speed"):
        finding = found(key, made)
        assert finding.outcome == "depends"
        if key == "int8-size":
            assert finding.on == expected


def asked(source: str, works: int, of: int) -> list[CellResult]:
    """As many cells to tflite, of which the first ones work."""
    made = [cell(source, "tflite", model=f"net{index}") for index in range(of)]
    return [each if index < works else broken(each) for index, each in enumerate(made)]


@pytest.mark.parametrize(
    ("torch", "keras", "outcome"),
    [(0, 20, "supported"), (20, 0, "contradicted"), (19, 20, "open"), (20, 20, "open")],
)
def test_maturity(torch: int, keras: int, outcome: str) -> None:
    finding = found("maturity", run(*asked("torch", torch, 20), *asked("keras", keras, 20)))
    assert finding.outcome == outcome
    routes = [each.found for each in finding.evidence if not each.judges]
    assert routes == [f"{torch} of 20 work, 9.0 s a build, 2 lines", f"{keras} of 20 work, 9.0 s a build, 2 lines"]


def test_maturity_asks_both_for_the_same_and_leaves_out_what_was_never_tried() -> None:
    skipped = [broken(each, "skipped") for each in asked("torch", 4, 4)]
    finding = found("maturity", run(*skipped, *asked("keras", 8, 8)))
    assert (finding.outcome, finding.missing) == ("not testable", ("no cell from PyTorch",))
    more = found("maturity", run(*asked("torch", 1, 1), *asked("keras", 0, 20)))
    (judged,) = [each for each in more.evidence if each.judges]
    assert [figure.text for figure in judged.figures[:2]] == ["PyTorch 1 of 1", "TensorFlow 0 of 1"]


@pytest.mark.parametrize(
    ("cells", "outcome"),
    [
        ([cell("torch", "onnx"), cell("keras", "onnx")], "supported"),
        ([broken(cell("torch", "onnx")), broken(cell("keras", "onnx"), "unsupported")], "contradicted"),
        ([cell("torch", "onnx"), cell("keras", "onnx", error=0.2)], "depends"),
        ([cell("onnx", "tflite", error=None)], "open"),
        ([cell("torch", "onnx", label="wrong")], "contradicted"),
        ([cell("torch", "tflite")], "not testable"),
    ],
)
def test_the_bridge(cells: list[CellResult], outcome: str) -> None:
    finding = found("onnx-bridge", run(*cells))
    assert finding.outcome == outcome


def test_what_failed_is_told_with_its_reason() -> None:
    finding = found("overhead", run(cell("torch", "torch_eager"), broken(cell("torch", "onnx"), message="no kernel")))
    assert "torch → onnx fp32: failed, no kernel" in finding.missing


def test_what_no_cell_can_tell_is_said() -> None:
    for key, word in (("training", "trains nothing"), ("ecosystem", "asked of people")):
        finding = found(key, run(cell("torch", "onnx")))
        assert finding.outcome == "not testable"
        assert word in finding.on


def test_no_verdict_is_without_evidence() -> None:
    """Of every claim, over nothing at all."""
    made = study([run()])
    assert [finding.claim for finding in made.findings] == list(CLAIMS)
    assert {finding.outcome for finding in made.findings} == {"not testable"}
    assert all(finding.on for finding in made.findings)
