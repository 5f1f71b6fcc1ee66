"""Each cause by the evidence for it, and none without."""

from __future__ import annotations

from typing import Any

import pytest
from unit.explain.made_profiles import CONV, FLOAT, causes, cell, emulated, only, operator, profile, run

from edgerig.explain import explained
from edgerig.explain.causes import memory
from edgerig.ondevice import control
from edgerig.results import BuildRecord, CellResult, Controls, Delegation, Engine, Profile


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


def test_a_twin_without_a_profile_is_said_to_have_none() -> None:
    """It is not taken for one that has no fallback and one piece."""
    pieces = [CONV, operator("EXP", "arithmetic", 90, "kernel", None)]
    known = profile(200, *pieces, operator("B", "convolution", 20, partition=1), partitions=2)
    left_out = Delegation(delegated=2, total=3, undelegated=("EXP",))
    float_, slow = cell("fp32", 100), cell("int8-dynamic", 200, profile=known, delegation=left_out)
    said = "there is no profile of fp32 to hold it against: it was not profiled: edgerig profile " + float_.id
    assert (causes(run(float_, slow))[0], only(run(float_, slow)).open) == ("fallback", said)
    alike = float_.model_copy(update={"delegation": left_out})
    found = next(why for why in explained(run(alike, slow)) if why.kind == "slower")
    assert ("fallback" in [each.cause for each in found.reasons], found.open) == (False, said)
    small = cell("fp16", 97, profile=known)
    assert only(run(float_, small)).open == said


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
    assert reason.text.startswith("6.00 µs of 10.0 µs (60.0 %) are outside of its 1 operator: ")


def test_calls_of_a_delegate_in_pieces_are_no_calls_of_the_network() -> None:
    pieces = [operator("A", "convolution", 40), operator("EXP", "activation", 20, "portable", None)]
    known = profile(200, *pieces, operator("B", "convolution", 40, partition=1), partitions=2)
    float_ = cell("fp32", 100, "executorch", profile=FLOAT)
    for entering, told in ((90_000.0, False), (10_000.0, True)):
        slow = cell("int8-static", 200, "executorch", profile=known.model_copy(update={"entering": entering}))
        found = causes(run(float_, slow))
        assert ("split" in found, "too small" in found) == (True, told)


def test_halves_that_are_computed_in_float() -> None:
    built = BuildRecord(seconds=1.0, cached=False, peak_rss_bytes=None, log=None, constants={"float16": 5000})
    half = cell("fp16", 100, build=built, profile=FLOAT, size_bytes=500)
    found = only(run(cell("fp32", 100, profile=FLOAT), half))
    assert found.kind == "not faster"
    assert "5.00 kB of weights are stored in 16 bits and computed with in 32" in found.reasons[0].text
    assert "50.0 % smaller" in found.reasons[0].text
    assert "(2 operators of XNNPACK, none in float16)" in found.reasons[0].text
    one = cell("fp16", 100, build=built, profile=profile(100, operator("Convolution (NHWC, F32)", "convolution", 90)))
    assert "(1 operator of XNNPACK," in only(run(cell("fp32", 100, profile=FLOAT), one)).reasons[0].text
    true = cell("fp16", 100, build=built, profile=profile(100, operator("Convolution (NHWC, F16)", "convolution", 90)))
    assert "halves" not in causes(run(cell("fp32", 100, profile=FLOAT), true))


@pytest.mark.parametrize(("format_name", "runner"), [("tflite", "kernel"), ("executorch", "portable"), ("onnx", "ort")])
def test_of_names_without_types_nothing_is_said_of_halves(format_name: str, runner: str) -> None:
    built = BuildRecord(seconds=1.0, cached=False, peak_rss_bytes=None, log=None, constants={"float16": 5000})
    pieces = None if format_name == "onnx" else 1
    told = profile(100, operator("Conv", "convolution", 60, runner, None), CONV, partitions=pieces)
    results = run(
        cell("fp32", 100, format_name, profile=told), cell("fp16", 97, format_name, build=built, profile=told)
    )
    assert "halves" not in causes(results)


def test_onnx_runtimes_casts_tell_of_halves_that_are_computed_in_float() -> None:
    built = BuildRecord(seconds=1.0, cached=False, peak_rss_bytes=None, log=None, constants={"float16": 5000})
    conv, cast = operator("Conv", "convolution", 45, "ort", None), operator("Cast", "conversion", 1, "ort", None)
    plain = profile(100, conv, conv, partitions=None)
    inside = profile(100, conv, cast, cast, conv, partitions=None)
    borders = profile(100, cast, conv, conv, cast, partitions=None)
    half = cell("fp16", 100, "onnx", build=built, profile=inside)
    found = only(run(cell("fp32", 100, "onnx", profile=plain), half))
    (said,) = (each.text for each in found.reasons if each.cause == "halves")
    assert "at least in part: 2 Casts between the operators that compute, none in fp32" in said
    for ours, theirs in ((borders, plain), (inside, inside), (inside, Profile())):
        cells = cell("fp32", 100, "onnx", profile=theirs), half.model_copy(update={"profile": ours})
        assert "halves" not in causes(run(*cells))


def test_depthwise_convolutions_bind_a_network_they_are_most_of() -> None:
    float_ = profile(100, operator("DW", "depthwise convolution", 60), operator("FC", "matrix product", 30))
    int8 = profile(90, operator("DW", "depthwise convolution", 55), operator("FC", "matrix product", 10))
    results = run(cell("fp32", 100, profile=float_), cell("int8-static", 90, profile=int8))
    (reason,) = (r for r in only(results).reasons if r.cause == "depthwise")
    assert "(1) take 61.1 %: 60.0 µs in fp32, 55.0 µs here" in reason.text


@pytest.mark.parametrize(
    ("cause", "named", "theirs", "ours"),
    [
        ("depthwise", operator("DW", "depthwise convolution", 0), 80, 50),
        ("no dot products", operator("Conv", "convolution", 0), 80, 68),
        ("conversions", operator("Convert", "conversion", 0), 80, 50),
        ("memory", operator("FC", "matrix product", 0) | {"moved": 500_000_000, "macs": 1000}, 80, 70),
    ],
)
def test_what_takes_less_than_in_float_makes_no_cell_slower(
    cause: str, named: dict[str, Any], theirs: float, ours: float
) -> None:
    """But less than it could have gained is why a cell gained little."""
    controls = Controls(memory_ms=(memory.READ_BYTES / 10 / 1e6,))

    def told(recipe: str, took: float, whole: float) -> CellResult:
        known = profile(whole, named | {"value": took}).model_copy(update={"cache_bytes": 1000})
        made = cell(recipe, whole, profile=known)
        assert made.latency is not None
        return made.model_copy(update={"latency": made.latency.model_copy(update={"controls": controls})})

    float_ = told("fp32", theirs, 100)
    for took, whole, explains in ((ours, 130, False), (theirs - 1, 130, True), (ours, 95, True)):
        results = run(float_, told("int8-static", took, whole), features=("avx2",))
        assert (cause in causes(results)) is explains, (took, whole)


def test_calls_that_take_less_than_in_float_make_no_cell_slower() -> None:
    float_ = cell("fp32", 100, profile=profile(100, operator("Conv", "convolution", 40)))
    for outside, explains in ((50, False), (70, True)):
        known = profile(120, operator("Conv", "convolution", 120 - outside))
        assert ("too small" in causes(run(float_, cell("int8-static", 120, profile=known)))) is explains


def test_fp32_is_called_the_faster_only_of_products_that_are() -> None:
    reason = next(
        each
        for each in only(run(cell("fp32", 100), cell("int8-static", 150), features=("avx2",))).reasons
        if each.cause == "no dot products"
    )
    assert "faster" not in reason.attempt


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
    assert found.reasons[0].attempt == "1 thread"


def test_weights_alone_in_8_bits_need_no_dot_products() -> None:
    slow = cell("int8-weight", 150, profile=FLOAT)
    assert "no dot products" not in causes(run(cell("fp32", 100, profile=FLOAT), slow, features=("avx2",)))


def test_a_delegate_that_is_off_is_no_fallback_of_some_operators() -> None:
    kernels = profile(200, operator("CONV_2D", "convolution", 190, "kernel", None), partitions=None)
    off = cell("int8-static", 200, profile=kernels, engine_options={"xnnpack": False})
    found = only(run(cell("fp32", 100, profile=FLOAT), off))
    assert [each.cause for each in found.reasons][:1] == ["no delegate"]
    assert found.reasons[0].text == "XNNPACK is switched off (xnnpack=false): all of it runs on LiteRT's own kernels"
    assert "fallback" not in [each.cause for each in found.reasons]


@pytest.mark.parametrize("told", ["by the runtime", "by the profile"])
def test_a_delegate_that_is_off_in_float_too_explains_what_float_takes(told: str) -> None:
    kernels = profile(200, operator("CONV_2D", "convolution", 190, "kernel", None), partitions=None)
    off: dict[str, Any] = {"profile": kernels} if told == "by the profile" else {"delegation": Delegation(delegated=0)}
    off["engine_options"] = {"xnnpack": False}
    results = run(cell("fp32", 100, **off), cell("int8-static", 200, **off))
    float_, slow = sorted(explained(results), key=lambda why: why.kind)
    assert (float_.kind, [each.cause for each in float_.reasons]) == ("fallback", ["no delegate"])
    assert float_.surprise == "tflite fp32: no delegate has any of its operators"
    assert (slow.kind, "no delegate" in [each.cause for each in slow.reasons]) == ("slower", False)


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
