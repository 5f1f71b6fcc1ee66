"""What surprises, and what it is held against; each cause by itself: `test_causes.py`."""

from __future__ import annotations

from typing import Any

import pytest
from unit.explain.made_profiles import FLOAT, cell, emulated, only, operator, profile, run

from edgerig.explain import explained, gains
from edgerig.measure.operator_kinds import kind_of
from edgerig.report.run.whys import lines
from edgerig.results import Profile, Results


def test_what_is_faster_than_float_surprises_nobody() -> None:
    quick = cell("int8-static", 50, profile=profile(50, operator("Convolution (NHWC, QS8)", "convolution", 30)))
    results = run(cell("fp32", 100, profile=FLOAT), quick)
    assert explained(results) == []
    assert gains(results) == {
        quick.id: "against its fp32: convolution 60.0 µs → 30.0 µs, matrix product 30.0 µs → 0 ms"
    }


def test_medians_that_are_not_told_apart_do_not_surprise() -> None:
    slower = cell("int8-dynamic", 101.5)
    assert explained(run(cell("fp32", 100), slower)) == []


def test_what_nothing_explains_is_said_to_be_so() -> None:
    slow = cell("int8-dynamic", 200)
    found = only(run(cell("fp32", 100), slow))
    assert (found.reasons, "nothing recorded explains it" in found.open) == ((), True)
    assert found.open.endswith(f"edgerig profile {slow.id}")
    profiled = slow.model_copy(update={"profile": profile(200, operator("X", "other", 190))})
    found = only(run(cell("fp32", 100), profiled))
    assert found.open.startswith(
        "nothing here explains it: of 1 operator 0 run beside the delegate, 5.00 % lie outside"
    )


@pytest.mark.parametrize(
    ("format_name", "recipe", "conversions", "unfused"),
    [
        ("tflite", "int8-static", "int8 inputs and outputs (int8-full), or fewer layers left in float", ""),
        ("tflite", "int8-full", "", ""),
        ("tflite", "fp16", "", ""),
        ("executorch", "int8-static", "fewer layers left in float", ""),
        ("onnx", "int8-static", "fewer layers", "leave the operators between them in float (`float_layers`), or int8-"),
        ("onnx", "int8-static-unsigned", "fewer layers", "leave the operators between them in float (`float_layers`)"),
        ("onnx", "int8-dynamic", "", "int8-static-unsigned"),
    ],
)
def test_nothing_is_to_be_tried_that_format_and_recipe_have_not(
    format_name: str, recipe: str, conversions: str, unfused: str
) -> None:
    names = ("Cast", "Conv", "QuantizeLinear", "DequantizeLinear", "Conv")
    made = [operator(name, kind_of(name), 30, "ort", None) for name in names]
    slow = cell(recipe, 150, format_name, profile=profile(150, *made, partitions=None))
    tried = {each.cause: each.attempt for each in only(run(cell("fp32", 100, format_name), slow)).reasons}
    assert tried["conversions"].startswith(conversions)
    assert bool(tried["conversions"]) is bool(conversions)
    assert tried.get("unfused", "").startswith(unfused)
    assert recipe not in " ".join(tried.get(cause, "") for cause in ("conversions", "unfused")).split()


@pytest.mark.parametrize(
    ("evidence", "cause", "said"),
    [
        ({"throttling": ("it fell to 60%",)}, "throttled", "held its processor back while this was timed: it fell to"),
        (
            {"drift": ("5 processes got 9% slower",)},
            "drifting",
            "changed while it was timed: 5 processes got 9% slower",
        ),
        ({"throttling": ("it fell to 60%",), "drift": ("slower",)}, "throttled", "held its processor back"),
    ],
)
@pytest.mark.parametrize("label", ["throttled", "fallback"])
def test_a_device_that_was_not_the_same_all_the_while_is_told_first(
    label: str, evidence: dict[str, Any], cause: str, said: str
) -> None:
    """Whatever else its verdict says."""
    kernels = profile(200, operator("EXP", "activation", 190, "kernel", None))
    slow = cell("int8-dynamic", 200, profile=kernels)
    assert slow.verdict is not None
    known = slow.verdict.evidence.model_copy(update=evidence)
    told = slow.model_copy(update={"verdict": slow.verdict.model_copy(update={"label": label, "evidence": known})})
    found = only(run(cell("fp32", 100, profile=FLOAT), told))
    assert [reason.cause for reason in found.reasons][:2] == [cause, "fallback"]
    assert said in found.reasons[0].text


def test_a_contended_cell_is_neither_explained_nor_held_against() -> None:
    float_, slow = cell("fp32", 100), cell("int8-dynamic", 300)
    assert slow.verdict is not None
    contended = slow.model_copy(update={"verdict": slow.verdict.model_copy(update={"label": "contended"})})
    assert explained(run(float_, contended)) == []


def test_runtimes_that_are_far_apart_are_held_against_each_other() -> None:
    fast = cell("fp32", 100, profile=FLOAT)
    slow = cell(
        "fp32", 300, "onnx", profile=profile(300, operator("Conv", "convolution", 250, "ort", None), partitions=None)
    )
    found = only(run(fast, slow))
    assert found.kind == "runtime"
    assert found.surprise == "onnx fp32 takes 0.300 ms, 3.00 times tflite fp32's 0.100 ms"
    assert found.reasons[0].text == "tflite → onnx: convolution 60.0 µs → 0.250 ms, outside operators 10.0 µs → 50.0 µs"
    unknown = only(run(fast, slow.model_copy(update={"profile": Profile(reason="the cell was not profiled")})))
    assert unknown.open == f"not known why: it was not profiled: edgerig profile {slow.id}"
    small = only(run(fast, slow.model_copy(update={"profile": Profile(reason="too small for its profiler")})))
    assert small.open == "not known why: too small for its profiler"


def test_profiles_of_shares_alone_are_not_held_against_each_other() -> None:
    shares = FLOAT.model_copy(update={"shares_only": True})
    found = only(run(cell("fp32", 100, profile=FLOAT), cell("int8-dynamic", 300, profile=shares)))
    assert found.reasons == ()


def test_fp32_is_called_the_faster_where_it_was_timed_so_alone() -> None:
    float_, slow = cell("fp32", 100, profile=FLOAT), cell("int8-static", 150, profile=FLOAT)
    reason = next(r for r in only(run(float_, slow, features=("avx2",))).reasons if r.cause == "no dot products")
    assert reason.attempt.startswith("fp32 is the faster on this processor")
    counted = emulated("fp32", 1000, profile=FLOAT), emulated("int8-static", 1500, profile=FLOAT)
    reason = next(r for r in only(run(*counted, features=("avx2",))).reasons if r.cause == "no dot products")
    assert "faster" not in reason.attempt


@pytest.mark.parametrize("name", ["int8-static", "mine"])
def test_a_recipe_of_the_sweeps_own_is_what_it_is_like(name: str) -> None:
    kernels = profile(200, operator("EXP", "arithmetic", 90, "kernel", None), operator("Conv", "convolution", 100))
    float_, slow = cell("fp32", 100, profile=FLOAT), cell(name, 200, profile=kernels)
    found = only(with_own(run(float_, slow, features=("avx2",))))
    assert [each.cause for each in found.reasons] == ["no dot products", "fallback", "operators"]
    assert found.reasons[1].attempt.startswith("int8-dynamic")
    assert only(with_own(run(float_, cell(name, 95, profile=FLOAT)))).kind == "little gained"


def test_a_file_of_results_may_have_any_recipes() -> None:
    slow = cell("mine", 200, profile=FLOAT)
    for own in ("text", {"mine": 3}, {"fp32": {"like": "int8-static", "options": {"per_tensor": True}}}):
        assert only(with_own(run(cell("fp32", 100, profile=FLOAT), slow), own)).kind == "slower"


def with_own(results: Results, own: Any = None) -> Results:
    """As a sweep that has a recipe of its own, `mine`."""
    mine = {"mine": {"like": "int8-static", "options": {"float_layers": ["op03_CONV_2D"]}}} if own is None else own
    return results.model_copy(update={"run": results.run.model_copy(update={"spec": {"recipe": mine}})})


def test_threads_that_bring_nothing_are_not_explained_by_the_recipe() -> None:
    one, two = cell("int8-static", 100, profile=FLOAT), cell("int8-static", 99, threads=2, profile=FLOAT)
    found = next(why for why in explained(run(one, two, features=("avx2",))) if why.kind == "threads")
    assert [each.cause for each in found.reasons] == []
    assert found.open


def test_a_profile_that_says_the_opposite_of_what_was_timed_is_no_difference() -> None:
    quick = profile(80, operator("Convolution", "convolution", 70))
    found = only(run(cell("fp32", 100, profile=FLOAT), cell("int8-dynamic", 150, profile=quick)))
    assert "operators" not in [each.cause for each in found.reasons]
    slow = profile(120, operator("Convolution", "convolution", 110))
    assert gains(run(cell("fp32", 100, profile=FLOAT), cell("int8-static", 50, profile=slow))) == {}


@pytest.mark.parametrize(
    ("timed", "profiled", "said"),
    [
        (3000, 1003, "their profiles do not show it: 3.00 µs of 2.00 ms"),
        (1100, 1500, "their profiles do not show it: 0.500 ms of 0.100 ms"),
        (3000, 900, "their profiles do not show it: -0.100 ms of 2.00 ms"),
        (3000, 2200, ""),
    ],
)
def test_a_profile_that_differs_by_another_amount_explains_no_difference(
    timed: float, profiled: float, said: str
) -> None:
    float_ = cell("fp32", 1000, profile=profile(1000, operator("Conv", "convolution", 900)))
    slow = cell("int8-dynamic", timed, profile=profile(profiled, operator("Conv", "convolution", profiled - 100)))
    found = only(run(float_, slow))
    assert ("operators" in [each.cause for each in found.reasons]) is not bool(said)
    assert said in found.open
    assert bool(found.open) is bool(said)


def test_what_profiles_do_not_show_is_said_beside_reasons_and_of_runtimes() -> None:
    float_ = cell("fp32", 1000, profile=profile(1000, operator("Conv", "convolution", 900)))
    kernels = operator("EXP", "arithmetic", 500, "kernel", None)
    slow = cell("int8-dynamic", 3000, profile=profile(1003, operator("Conv", "convolution", 402), kernels))
    found = only(run(float_, slow))
    assert [each.cause for each in found.reasons] == ["fallback"]
    assert lines(found)[-1] == "Their profiles do not show it: 3.00 µs of 2.00 ms"
    other = cell("fp32", 3000, "onnx", profile=profile(1003, operator("C", "convolution", 9, "ort", None)))
    assert only(run(float_, other)).open == "their profiles do not show it: 3.00 µs of 2.00 ms"
    quick = cell("int8-static", 500, profile=profile(998, operator("Conv", "convolution", 898)))
    assert gains(run(float_, quick)) == {}


def test_a_cell_is_held_against_the_fewest_threads_whatever_the_order() -> None:
    four, one, two = (cell("fp32", 100, threads=count) for count in (4, 1, 2))
    held = {why.cell.id: why.beside for why in explained(run(four, one, two))}
    assert held == {four.id: (one,), two.id: (one,)}
