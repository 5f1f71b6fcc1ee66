"""Each claim over made-up runs: supported, contradicted, open, and where the cells are missing."""

from __future__ import annotations

import pytest
from unit.study.made import broken, cell, found, outcomes, run

from edgerig.results import CellResult, Stage
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
    assert "eager: keras_eager → torch_eager, mobilenet_v2 at 64 pixels: not compared" in finding.missing
    assert "eager: keras_eager → torch_eager, mobilenet_v2 at 28 pixels: not compared" not in finding.missing
    assert {each.axes["input"] for each in finding.evidence} == {"28", "224"}
    assert "keras → saved_model fp32: not run" in finding.missing


@pytest.mark.parametrize("model", ["mobilenet_v2", "digits_cnn"])
def test_one_size_of_a_network_supports_nothing_of_small_inputs(model: str) -> None:
    """224 pixels are not small; 8 are another network's, which has no other size."""
    cells = [cell("torch", "torchscript", 1.0, model=model), cell("keras", "saved_model", 2.0, model=model)]
    finding = found("small-inputs", run(*cells))
    assert (finding.outcome, outcomes(finding)) == ("depends", [True])
    assert "no network at several sizes of which one is small" in finding.on


def test_what_is_compiled_ahead_is_compared_with_what_is() -> None:
    finding = found("small-inputs", run(cell("torch", "aoti", 1.0), cell("keras", "xla", 2.0)))
    assert [each.axes["mode"] for each in finding.evidence] == ["compiled ahead: xla → aoti"]


def test_small_inputs_may_depend_on_the_input() -> None:
    finding = found("small-inputs", run(*eager(1.0, 2.0), *eager(1.0, 2.0, side=64), *eager(3.0, 1.0, side=28)))
    assert finding.outcome == "depends"
    assert finding.on == "on the input: as claimed with 64, 224, against it with 28"


def test_an_outcome_that_goes_with_two_axes_names_both() -> None:
    cells = [
        cell("keras", "keras_eager", 1.0, model="digits_cnn"),
        cell("torch", "torch_eager", 2.0, model="digits_cnn"),
    ]
    finding = found("small-inputs", run(*eager(1.0, 2.0), *cells))
    expected = "on the input or the network: as claimed with 224; mobilenet_v2, against it with 8; digits_cnn"
    assert (finding.outcome, finding.on.partition("; no network")[0]) == ("depends", expected)


@pytest.mark.parametrize(
    ("key", "ran"), [("small-inputs", "torch_eager"), ("overhead", "torch_eager"), ("int8-speed", "tflite")]
)
def test_nothing_ranks_across_a_shape_or_a_signature(key: str, ran: str) -> None:
    """Of the same longest axis, of the same axes in another order, and of a file's two entries."""

    def compared(model: str, shape: tuple[int, ...], other: str, their: tuple[int, ...]) -> int:
        ours = cell("torch", ran, model=model, shape=shape)
        theirs = [
            cell("keras", "keras_eager", 3.0, model=other, shape=their),
            cell("torch", "onnx", 3.0, model=other, shape=their),
            cell("torch", "tflite", 3.0, recipe="int8-static", model=other, shape=their),
        ]
        return len([each for each in found(key, run(ours, *theirs)).evidence if each.judges])

    wide, square, tall = (1, 3, 32, 128), (1, 3, 128, 128), (1, 3, 128, 32)
    assert compared("net", wide, "net", wide) > 0
    assert compared("net", wide, "net", square) == 0
    assert compared("two+encode", (), "two+decode", ()) == 0
    if key != "small-inputs":
        assert compared("net", wide, "net", tall) == 0


def test_twins_of_a_shape_that_is_not_square_are_compared() -> None:
    ours = cell("torch", "torch_eager", 1.0, shape=(1, 3, 32, 128))
    theirs = cell("keras", "keras_eager", 2.0, shape=(1, 32, 128, 3))
    (each,) = found("small-inputs", run(ours, theirs)).evidence
    assert (each.holds, each.axes["input"], each.axes["network"]) == (True, "1x3x32x128", "mobilenet_v2")


@pytest.mark.parametrize("key", ["small-inputs", "graphs", "overhead"])
def test_an_exported_programs_calls_are_told_where_they_weigh(key: str) -> None:
    finding = found(key, run(*(cell("torch", name, size=200_000) for name in ("torch_eager", "torchscript", "onnx")),
                             cell("keras", "keras_eager", 2.0, size=200_000)))  # fmt: skip
    doubts = {figure.cell.cell.format: figure.doubt for each in finding.evidence for figure in each.figures}
    weighed = [each for each in finding.evidence if "calls weigh" in each.why]
    of_torch_eager = [each for each in finding.evidence if each.found.partition("× the ")[2].startswith("time [")
                      and "torch_eager" in [figure.cell.cell.format for figure in each.figures]]  # fmt: skip
    assert weighed and weighed == of_torch_eager
    assert [(each.holds, each.judges) for each in weighed] == [(None, False)] * len(weighed)
    assert {name for name, doubt in doubts.items() if "calls weigh" in doubt} <= {"torch_eager"}
    assert "torch.export" in finding.claim.tested
    large = found(key, run(*eager(1.0, 2.0), cell("torch", "torchscript"), cell("torch", "onnx")))
    assert not any(figure.doubt for each in large.evidence for figure in each.figures)


def test_wide_intervals_are_not_told_apart_however_far_the_medians() -> None:
    finding = found("small-inputs", run(*eager(1.0, 1.5, half=0.3)))
    assert (finding.outcome, outcomes(finding)) == ("open", [None])
    assert "overlap" in finding.on


@pytest.mark.parametrize("graph", [0.5, 2.0])
def test_one_framework_alone_is_half_a_claim(graph: float) -> None:
    finding = found("graphs", run(cell("torch", "torch_eager", 1.0), cell("torch", "torchscript", graph)))
    assert (finding.outcome, outcomes(finding)) == ("depends", [graph < 1])
    assert "PyTorch alone, nothing of TensorFlow was compared" in finding.on
    arrived = found("onnx-bridge", run(cell("torch", "onnx")))
    assert (arrived.outcome, "nothing of TensorFlow" in arrived.on) == ("depends", True)


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
        assert finding.on.startswith("on the framework or the graph: as claimed with PyTorch; torch_compile")


def test_what_a_graph_takes_until_its_first_answer_stands_beside_it() -> None:
    finding = found("graphs", run(cell("torch", "torch_eager", 1.0), cell("torch", "torchscript", 6.0, compile_ms=30)))
    judged, beside = finding.evidence
    assert (judged.judges, beside.judges) == (True, False)
    assert [figure.text for figure in beside.figures] == ["5.00 ms to the first answer", "50.0 ms to the first answer"]
    assert beside.found == "10.0× the time"


def test_a_fallback_that_is_noisy_too_is_compared_by_its_interval_and_both_are_said() -> None:
    cells = [cell("torch", "torch_eager", 9.0, half=0.3, label="fallback"), cell("torch", "torchscript", 1.0)]
    one = found("graphs", run(*cells)).evidence[0]
    assert (one.holds, [figure.doubt for figure in one.figures]) == (True, ["fallback, noisy", ""])


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
    torch = [cell("torch", "torch_eager", 1.0), cell("torch", "executorch", runtime)]
    finding = found("overhead", run(*torch, cell("keras", "keras_eager", 1.0), cell("keras", "tflite", runtime)))
    assert finding.outcome == outcome
    beside = [each.found for each in finding.evidence if not each.judges]
    assert beside == ["1.00× the memory"] * 2


def test_what_needs_no_framework_where_it_runs_is_no_overhead_of_one() -> None:
    cells = [cell("keras", "xla", 0.5), cell("keras", "tflite", 1.0), cell("torch", "aoti"), cell("torch", "tflite")]
    finding = found("overhead", run(*cells))
    assert {each.axes["run by it as"] for each in finding.evidence} == {"aoti"}
    assert "XLA" in finding.claim.tested and "libtorch" in finding.claim.tested


def int8(size: int, p50_ms: float, model: str = "mobilenet_v2", before: int = 1_000_000) -> list[CellResult]:
    """From both frameworks; `size` in thousandths of `before`, bytes."""
    return [
        each
        for source in ("torch", "keras")
        for each in (
            cell(source, "tflite", 1.0, size=before, model=model),
            cell(source, "tflite", p50_ms, recipe="int8-static", size=before * size // 1000, model=model),
        )
    ]


def test_a_file_that_is_mostly_graph_says_nothing_of_its_weights() -> None:
    finding = found("int8-size", run(*int8(260, 0.5), *int8(460, 0.5, "digits_cnn", before=127_000)))
    assert finding.outcome == "supported"
    beside = [each for each in finding.evidence if not each.judges]
    expected = ("digits_cnn", "0.46× the size, of so small a file much is no weights", None)
    assert [(each.axes["network"], each.found, each.holds) for each in beside] == [expected] * 2


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
    [(0, 20, "supported"), (20, 0, "contradicted"), (19, 20, "depends"), (20, 20, "open")],
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


def test_cells_of_one_network_are_one_comparison_with_exact_counts() -> None:
    recipes = ("fp32", "fp16", "int8-dynamic", "int8-static")
    torch = [cell("torch", "onnx", recipe=each) for each in recipes]
    keras = [cell("keras", "onnx", recipe=each) for each in recipes]
    (judged,) = [
        each
        for each in found("maturity", run(*(broken(each) for each in torch[1:]), torch[0], *keras)).evidence
        if each.judges
    ]
    assert (judged.found, judged.holds, judged.axes["network"]) == ("+3 of 4 for TensorFlow", True, "mobilenet_v2")


def test_a_route_that_no_tool_goes_is_no_merit_of_a_framework() -> None:
    cells = [broken(cell("torch", "executorch")), cell("keras", "executorch"), cell("torch", "onnx")]
    finding = found("maturity", run(*cells, cell("keras", "onnx")))
    (judged,) = [each for each in finding.evidence if each.judges]
    assert (judged.found, finding.outcome) == ("as many of both", "open")
    assert [line for line in finding.missing if line.startswith("executorch, from either: not counted")]


def test_what_the_survey_names_of_one_framework_stands_beside() -> None:
    finding = found("maturity", run(cell("torch", "torchscript"), broken(cell("keras", "saved_model"))))
    beside = {each.axes["route"]: (each.found.partition(":")[0], each.judges) for each in finding.evidence}
    assert beside == {"torch → torchscript": ("1 of 1 work", False), "keras → saved_model": ("0 of 1 work", False)}
    assert "TorchServe" in finding.claim.tested


REFUSED = ("unsupported", "it runs on cpu, not on npu", "deploy")
LOST = ("failed", "the link is gone", "deploy")


@pytest.mark.parametrize("lost", [REFUSED, LOST])
def test_what_a_device_refuses_or_loses_counts_against_nobody(lost: tuple[str, str, Stage]) -> None:
    away = [broken(each, *lost) for each in asked("torch", 20, 20)]
    finding = found("maturity", run(*away, *asked("keras", 20, 20)))
    assert (finding.outcome, finding.missing[0]) == ("not testable", "no cell from PyTorch")
    assert all(lost[1] in line for line in finding.missing[1:]) and len(finding.missing) == 21
    assert found("onnx-bridge", run(broken(cell("torch", "onnx"), *lost))).outcome == "not testable"


NOBODYS: list[tuple[Stage, str]] = [
    ("build", "BuildTimeout"),
    ("build", "BuilderCrashed"),
    ("build", "InternalError"),
    ("prepare", "BuildError"),
    ("run", "RunTimeout"),
    ("run", "RunnerCrashed"),
    ("run", "InternalError"),
    ("run", "Unreachable"),
    ("measure", "RunError"),
]


@pytest.mark.parametrize(("stage", "kind"), NOBODYS)
def test_a_deadline_a_killed_process_and_a_fault_of_ours_count_against_nobody(stage: Stage, kind: str) -> None:
    away = [broken(each, "failed", "no answer", stage, kind) for each in asked("torch", 3, 3)]
    finding = found("maturity", run(*away, *asked("keras", 3, 3)))
    assert finding.outcome == "not testable"
    assert sum(f"no answer ({kind})" in line for line in finding.missing) == 3
    lost = broken(cell("torch", "onnx"), "failed", "no answer", stage, kind)
    bridge = found("onnx-bridge", run(lost, cell("keras", "onnx")))
    assert (bridge.outcome, outcomes(bridge)) == ("depends", [None, True])
    assert bridge.evidence[0].why == f"failed, no answer ({kind})"


@pytest.mark.parametrize("kind", ["BuildError", "UnsupportedRecipe", "ParityError"])
def test_what_the_converter_cannot_do_counts_against_its_route(kind: str) -> None:
    away = [broken(each, kind=kind) for each in asked("torch", 3, 3)]
    assert found("maturity", run(*away, *asked("keras", 3, 3))).outcome == "supported"
    assert outcomes(found("onnx-bridge", run(broken(cell("torch", "onnx"), kind=kind)))) == [False]


def test_a_file_counts_once_and_works_where_it_does_however_it_is_placed() -> None:
    def placed(source: str, works: int) -> list[CellResult]:
        made = [
            cell(source, "tflite", model=f"net{i}", place=place) for i in range(5) for place in ("t1", "t2", "t4/big")
        ]
        return [each if each.model < f"net{works}" or each.threads != 2 else broken(each) for each in made]

    finding = found("maturity", run(*placed("torch", 3), *placed("keras", 5)))
    counts = [each.text for one in finding.evidence if one.judges for each in one.figures if " of " in each.text]
    assert counts == ["PyTorch 1 of 1", "TensorFlow 1 of 1"] * 3 + ["PyTorch 0 of 1", "TensorFlow 1 of 1"] * 2
    assert finding.outcome == "depends"
    routes = [each.found.partition(",")[0] for each in finding.evidence if not each.judges]
    assert routes == ["3 of 5 work", "5 of 5 work"]


@pytest.mark.parametrize(
    ("cells", "outcome"),
    [
        ([cell("onnx", "onnx"), cell("onnx", "torch_eager")], "not testable"),
        ([cell("torch", "onnx"), cell("keras", "onnx")], "supported"),
        ([broken(cell("torch", "onnx")), broken(cell("keras", "onnx"), "unsupported")], "contradicted"),
        ([cell("torch", "onnx"), cell("keras", "onnx", error=0.2)], "depends"),
        ([cell("onnx", "tflite", error=None)], "open"),
        ([cell("torch", "onnx", label="wrong"), cell("keras", "onnx", label="wrong")], "contradicted"),
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
