"""What surprises, and what explains it: each cause by the evidence for it, and none without."""

from __future__ import annotations

from typing import Any

import pytest
from unit.explain.made_profiles import cell, emulated, operator, profile, run

from edgerig.explain import Why, explained, gains
from edgerig.explain.causes import memory
from edgerig.ondevice import control
from edgerig.results import BuildRecord, Controls, Delegation, Engine, Profile, Results

CONV = operator("Convolution (NHWC, F32)", "convolution", 60)
FLOAT = profile(100, CONV, operator("Fully Connected", "matrix product", 30))


def only(results: Results) -> Why:
    (found,) = explained(results)
    return found


def causes(results: Results) -> list[str]:
    return [reason.cause for reason in only(results).reasons]


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


def test_operators_on_reference_kernels_are_named_with_their_share() -> None:
    kernels = [operator("SQUARED_DIFFERENCE", "arithmetic", 40, "kernel", None)] * 2
    slow = cell("int8-static", 200, profile=profile(200, CONV, *kernels))
    found = only(run(cell("fp32", 100, profile=FLOAT), slow))
    assert found.kind == "slower"
    assert found.surprise == "tflite int8-static takes 0.200 ms, 2.00 times fp32's 0.100 ms"
    reason = found.reasons[0]
    assert reason.cause == "fallback"
    assert reason.share == pytest.approx(0.4)
    assert reason.text.startswith("2 operators on LiteRT's own kernels take 40.0 %: SQUARED_DIFFERENCE ×2 (40.0 %)")
    assert "in fp32 the delegate takes them all" in reason.text
    assert reason.attempt


def test_without_a_profile_the_share_is_not_known_and_a_command_gives_it() -> None:
    slow = cell("int8-static", 200, delegation=Delegation(delegated=1, total=3, undelegated=("EXP",)))
    (reason,) = only(run(cell("fp32", 100), slow)).reasons
    assert reason.text == "2 operators of 3 run on LiteRT's own kernels (EXP); their share is not known"
    assert reason.attempt == f"edgerig profile {slow.id}"
    assert reason.share is None


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


def test_a_processor_without_dot_products_is_told_and_one_with_is_not() -> None:
    float_, slow = cell("fp32", 100, profile=FLOAT), cell("int8-static", 95, profile=FLOAT)
    for arch, lacking, having in (("aarch64", "dotprod", "neon"), ("x86_64", "avx512_vnni", "avx2")):
        without = only(run(float_, slow, arch=arch, features=(having,)))
        assert without.kind == "little gained"
        reason = next(each for each in without.reasons if each.cause == "no dot products")
        assert f"Example CPU has no instructions for dot products of 8-bit numbers ({lacking}" in reason.text
        assert "90.0 %, 90.0 µs in fp32 and 90.0 µs here" in reason.text
        assert reason.attempt == "int8 for its size; for its speed a processor that has them"
        assert "no dot products" not in causes(run(float_, slow, arch=arch, features=(having, lacking)))


def test_a_processor_whose_features_are_not_known_is_not_accused() -> None:
    results = run(cell("fp32", 100, profile=FLOAT), cell("int8-static", 95, profile=FLOAT))
    device = results.devices["local"].model_copy(update={"state": results.devices["local"].state.model_copy()})
    unknown = results.model_copy(
        update={"devices": {"local": device.model_copy(update={"state": type(device.state)()})}}
    )
    assert "no dot products" not in causes(unknown)


def test_instructions_are_explained_where_a_time_means_nothing() -> None:
    float_ = emulated(
        "fp32", 224_011, profile=profile(224_011, operator("Convolution", "convolution", 200_000), unit="n")
    )
    int8 = emulated(
        "int8-static", 248_898, profile=profile(248_898, operator("Conv", "convolution", 225_000), unit="n")
    )
    found = only(run(float_, int8, arch="aarch64", features=("neon",)))
    assert found.surprise == "tflite int8-static takes 249,000 instructions, 1.11 times fp32's 224,000 instructions"
    assert found.reasons[0].cause == "no dot products"
    assert "200,000 instructions in fp32 and 225,000 instructions here" in found.reasons[0].text


def test_pairs_that_were_not_fused_are_told_of_onnx() -> None:
    inner = [
        operator("QuantizeLinear", "conversion", 20, "ort", None),
        operator("DequantizeLinear", "conversion", 30, "ort", None),
    ]
    conv = operator("QLinearConv", "convolution", 20, "ort", None)
    slow = cell("int8-static", 150, "onnx", profile=profile(150, conv, *inner, conv, partitions=None))
    (reason,) = (r for r in only(run(cell("fp32", 100, "onnx"), slow)).reasons if r.cause == "unfused")
    assert reason.share == pytest.approx(1 / 3)
    assert "DequantizeLinear (20.0 %), QuantizeLinear (13.3 %)" in reason.text
    borders = profile(150, inner[0], conv, inner[1], partitions=None)
    told = causes(run(cell("fp32", 100, "onnx"), cell("int8-static", 150, "onnx", profile=borders)))
    assert ("unfused" in told, "conversions" in told) == (False, True)


def test_conversions_at_borders_are_told_where_they_cost() -> None:
    slow = cell("int8-static", 150, profile=profile(150, operator("Convert (F32, QS8)", "conversion", 30)))
    assert "conversions" in causes(run(cell("fp32", 100), slow))
    cheap = cell("int8-static", 150, profile=profile(150, operator("Convert (F32, QS8)", "conversion", 3), CONV))
    assert "conversions" not in causes(run(cell("fp32", 100), cheap))


def test_a_split_delegate_is_told_by_what_splits_it() -> None:
    first, last = operator("A", "convolution", 50), operator("B", "convolution", 50, partition=1)
    between = operator("EXP", "activation", 60, "kernel", None)
    slow = cell("int8-static", 200, profile=profile(200, first, between, last, partitions=2))
    results = run(cell("fp32", 100, profile=FLOAT), slow)
    (reason,) = (r for r in only(results).reasons if r.cause == "split")
    assert reason.text == "the delegate has the graph in 2 pieces, split by EXP; in fp32 in 1"


def test_what_calling_a_split_delegate_takes_is_told_where_the_runtime_tells_it() -> None:
    first, last = operator("A", "convolution", 50), operator("B", "convolution", 50, partition=1)
    between = operator("EXP", "activation", 60, "portable", None)
    known = profile(200, first, between, last, partitions=2).model_copy(update={"entering": 30_000.0})
    (why,) = explained(
        run(
            cell(
                "fp32",
                200,
                "executorch",
                profile=known,
                delegation=Delegation(delegated=2, total=3, undelegated=("EXP",)),
            )
        )
    )
    (reason,) = (each for each in why.reasons if each.cause == "split")
    assert reason.text.endswith("split by EXP; calling them takes 30.0 µs (15.0 %)")
    assert reason.share == pytest.approx(0.45)


def test_a_network_that_is_too_small_is_told_by_what_lies_outside_of_it() -> None:
    slow = cell("int8-static", 10, profile=profile(10, operator("Conv", "convolution", 4)))
    (reason,) = (r for r in only(run(cell("fp32", 8), slow)).reasons if r.cause == "too small")
    assert reason.text.startswith("6.00 µs of 10.0 µs (60.0 %) are outside of its 1 operators")


def test_halves_that_are_computed_in_float() -> None:
    built = BuildRecord(seconds=1.0, cached=False, peak_rss_bytes=None, log=None, constants={"float16": 5000})
    half = cell("fp16", 100, build=built, profile=FLOAT, size_bytes=500)
    found = only(run(cell("fp32", 100, profile=FLOAT), half))
    assert found.kind == "not faster"
    assert "5.00 kB of weights are stored in 16 bits and computed with in 32" in found.reasons[0].text
    assert "50.0 % smaller" in found.reasons[0].text
    true = cell("fp16", 100, build=built, profile=profile(100, operator("Convolution (NHWC, F16)", "convolution", 90)))
    assert "halves" not in causes(run(cell("fp32", 100, profile=FLOAT), true))


def test_depthwise_convolutions_bind_a_network_they_are_most_of() -> None:
    float_ = profile(100, operator("DW", "depthwise convolution", 60), operator("FC", "matrix product", 30))
    int8 = profile(90, operator("DW", "depthwise convolution", 55), operator("FC", "matrix product", 10))
    results = run(cell("fp32", 100, profile=float_), cell("int8-static", 90, profile=int8))
    (reason,) = (r for r in only(results).reasons if r.cause == "depthwise")
    assert "(1) take 61.1 %: 60.0 µs in fp32, 55.0 µs here" in reason.text


def test_threads_that_are_not_in_force() -> None:
    engine = Engine(name="litert", runtime="LiteRT", version="1", threads=1)
    two = cell("fp32", 99, threads=2, engine=engine)
    found = only(run(cell("fp32", 100), two))
    assert found.kind == "threads"
    assert found.reasons[0].text == "2 threads asked for, 1 in force, as LiteRT tells"


def test_more_threads_than_processors() -> None:
    two = cell("fp32", 100, threads=2, processors=(0,))
    found = only(run(cell("fp32", 100), two))
    assert found.reasons[0].text == "2 threads are more than the processors it is held to (1)"


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


def test_weights_alone_in_8_bits_need_no_dot_products() -> None:
    slow = cell("int8-weight", 150, profile=FLOAT)
    assert "no dot products" not in causes(run(cell("fp32", 100, profile=FLOAT), slow, features=("avx2",)))


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


def test_a_delegate_that_is_off_is_no_fallback_of_some_operators() -> None:
    kernels = profile(200, operator("CONV_2D", "convolution", 190, "kernel", None), partitions=None)
    off = cell("int8-static", 200, profile=kernels, engine_options={"xnnpack": False})
    found = only(run(cell("fp32", 100, profile=kernels, engine_options={"xnnpack": False}), off))
    assert [each.cause for each in found.reasons][:1] == ["no delegate"]
    assert found.reasons[0].text == "XNNPACK is switched off (xnnpack=false): all of it runs on LiteRT's own kernels"
    assert "fallback" not in [each.cause for each in found.reasons]


def test_a_cell_is_held_against_the_fewest_threads_whatever_the_order() -> None:
    four, one, two = (cell("fp32", 100, threads=count) for count in (4, 1, 2))
    held = {why.cell.id: why.beside for why in explained(run(four, one, two))}
    assert held == {four.id: (one,), two.id: (one,)}


def waiting(speed: float, *, moved: int, cache: int | None, threads: int = 1, calls: int = 1) -> list[str]:
    """What explains a network that is no faster in halves, whose one product reads its tensors at `speed` GB/s on a
    device whose memory one thread reads at 10."""
    took_us = moved / speed / 1e3
    product = operator("Fully Connected", "matrix product", took_us) | {
        "moved": moved // calls, "macs": moved // calls // 4, "calls": calls
    }  # fmt: skip
    known = profile(took_us * 1.01, product).model_copy(update={"cache_bytes": cache})
    cells = [cell(recipe, took_us * 1.01, profile=known, threads=threads) for recipe in ("fp32", "fp16")]
    controls = Controls(memory_ms=(memory.READ_BYTES / 10 / 1e6,))
    timed = [each.model_copy(update={"latency": each.latency.model_copy(update={"controls": controls})})
             for each in cells if each.latency is not None]  # fmt: skip
    return [reason.text for reason in only(run(*timed)).reasons if reason.cause == "memory"]


@pytest.mark.parametrize("calls", [1, 2])
def test_a_product_that_waits_for_the_memory_is_told_with_its_figures(calls: int) -> None:
    """The more so where a loop calls it again."""
    assert waiting(9.0, moved=80_000_000, cache=32_000_000, calls=calls) == [
        "memory-bound: Fully Connected (99.0 %) move 4.00 bytes a multiply-accumulate, at 90.0 % of the 10.0 GB/s that "
        "one thread reads this device's memory at"
    ]


@pytest.mark.parametrize(
    ("speed", "moved", "cache", "threads"),
    [
        (9.0, 8_000_000, 32_000_000, 1),
        (9.0, 80_000_000, None, 1),
        (3.0, 80_000_000, 32_000_000, 1),
        (9.0, 80_000_000, 32_000_000, 2),
    ],
    ids=["it stays in the caches", "they are not known", "it could read faster", "two threads may read more"],
)
def test_memory_binds_nothing_where_the_figures_do_not_carry_it(
    speed: float, moved: int, cache: int | None, threads: int
) -> None:
    assert waiting(speed, moved=moved, cache=cache, threads=threads) == []


def test_the_memory_that_is_read_is_the_controls() -> None:
    assert memory.READ_BYTES == control.MEMORY_BYTES
