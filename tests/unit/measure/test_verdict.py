from dataclasses import replace
from typing import Any, Literal

import pytest

from edgerig.figures.verdict import kind_of
from edgerig.measure.kernels import Kernels
from edgerig.measure.latency import interval_of
from edgerig.measure.verdict import Seen, judge
from edgerig.results import Contention, Delegation, MedianInterval

TIGHT = MedianInterval(low_ms=0.99, high_ms=1.01, half_width=0.01, within=0.002, blocks=50, processes=5)
WIDE = MedianInterval(low_ms=0.9, high_ms=1.1, half_width=0.1, within=0.002, blocks=50, processes=5)
NONE = None
ALONE = interval_of([1.0], 0.001, 50)
WHOLE = Delegation(delegated=3, total=3)
PART = Delegation(delegated=2, total=3, undelegated=("SOFTMAX",))
UNKNOWN = Delegation(reason="the runtime does not tell")


@pytest.mark.parametrize(
    ("emulated", "in_force", "delegation", "interval", "label", "advice"),
    [
        (False, 1, WHOLE, TIGHT, "stable", "±1.00%"),
        (False, 1, UNKNOWN, TIGHT, "stable", "±1.00%"),
        (False, 1, WHOLE, WIDE, "noisy", "±10.0%"),
        (False, 1, WHOLE, NONE, "noisy", "too few samples"),
        (False, 1, WHOLE, ALONE, "noisy", "in one process, whose samples give its median to ±0.10%"),
        (False, 1, PART, TIGHT, "fallback", "1 of 3 operators"),
        (False, 2, WHOLE, TIGHT, "fallback", "2 are in force"),
        (True, 2, PART, WIDE, "emulated", "not latency"),
    ],
)
def test_the_strongest_thing_to_be_said(
    emulated: bool, in_force: int, delegation: Delegation, interval: MedianInterval | None, label: str, advice: str
) -> None:
    found = judge(
        Seen(emulated=emulated, threads=1, threads_in_force=in_force, delegation=delegation, interval=interval)
    )
    assert found.label == label
    assert advice in found.advice


@pytest.mark.parametrize(("wrong", "label"), [("", "emulated"), ('output "y": relative error 1.1', "wrong")])
def test_a_device_that_computes_something_else_is_found_out(wrong: str, label: str) -> None:
    kernels = Kernels(samples=16, error=0.2, tolerance=0.35, wrong=wrong)
    found = judge(Seen(emulated=True, threads=1, threads_in_force=1, delegation=WHOLE, interval=TIGHT, kernels=kernels))
    assert found.label == label
    assert ("do not ship" in found.advice) == (label == "wrong")
    assert found.evidence.host_relative_error == 0.2


def test_evidence_is_json_even_without_an_interval() -> None:
    evidence = judge(Seen(emulated=False, threads=1, threads_in_force=1, delegation=UNKNOWN, interval=NONE)).evidence
    assert evidence.undelegated_operators is None


@pytest.mark.parametrize(
    ("emulated", "delegation", "interval", "label"),
    [
        (False, WHOLE, TIGHT, "throttled"),
        (False, WHOLE, WIDE, "throttled"),
        (False, PART, TIGHT, "throttled"),
        (True, WHOLE, TIGHT, "emulated"),
    ],
)
def test_a_throttled_device_is_said_before_noise_and_before_a_fallback(
    emulated: bool, delegation: Delegation, interval: MedianInterval, label: str
) -> None:
    found = judge(
        Seen(
            emulated=emulated,
            threads=1,
            threads_in_force=1,
            delegation=delegation,
            interval=interval,
            throttling=["the firmware says: throttled"],
        )
    )
    assert found.label == label
    assert found.evidence.throttling == ("the firmware says: throttled",)
    assert ("the firmware says: throttled: cool the device" in found.advice) == (label == "throttled")


@pytest.mark.parametrize("interval", [WIDE, NONE, ALONE])
def test_a_fallback_that_is_noisy_says_both(interval: MedianInterval | None) -> None:
    seen = Seen(emulated=False, threads=1, threads_in_force=1, delegation=WHOLE, interval=interval, seconds=3.0)
    found = judge(replace(seen, delegation=PART))
    assert found.label == "fallback"
    assert found.advice.endswith(f"; besides, {judge(seen).advice}")


FAULTS: dict[str, dict[str, Any]] = {
    "throttled": {"throttling": ["the firmware says: throttled"]},
    "drifting": {"drift": ["its 5 processes got 60.0% slower one after another"]},
    "too-short": {"interval": None, "seconds": 0.02},
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ({"delegation": PART}, "1 of 3 operators run outside the fast backend (SOFTMAX)"),
        ({"threads_in_force": 2}, "1 threads were asked for, 2 are in force"),
        ({"saturates": True}, "session.x64quantprecision"),
    ],
)
def test_a_time_that_is_not_the_cells_own_is_not_hidden_by_what_is_so_of_the_file(
    fault: str, odd: dict[str, Any], said: str
) -> None:
    seen = Seen(emulated=False, threads=1, threads_in_force=1, delegation=WHOLE, interval=TIGHT)
    found = judge(replace(seen, **{**odd, **FAULTS[fault]}))
    assert found.label == fault
    assert found.advice.startswith(judge(replace(seen, **FAULTS[fault])).advice)
    assert said in found.advice
    assert not kind_of(found.label).timed
    assert not kind_of(found.label).settled


@pytest.mark.parametrize(
    ("interval", "delegation", "label"),
    [(TIGHT, UNKNOWN, "saturates"), (WIDE, UNKNOWN, "noisy"), (TIGHT, PART, "fallback")],
)
def test_a_processor_whose_products_saturate_is_said_where_nothing_worse_is(
    interval: MedianInterval, delegation: Delegation, label: str
) -> None:
    found = judge(
        Seen(emulated=False, threads=1, threads_in_force=1, delegation=delegation, interval=interval, saturates=True)
    )
    assert found.label == label
    assert found.evidence.saturates is True
    assert "session.x64quantprecision" in found.advice  # the file is no better where its time is worse known


@pytest.mark.parametrize(
    ("processes", "label"),
    [((0.97, 1.0, 1.03), "noisy"), ((0.97, 1.0, 1.03, 0.97, 1.03), "noisy"), ((0.995, 1.0, 1.005) * 2, "stable")],
)
def test_processes_that_differ_are_not_stable_however_exact_each_of_them_is(
    processes: tuple[float, ...], label: str
) -> None:
    interval = interval_of(processes, 0.0006, 150)
    found = judge(Seen(emulated=False, threads=1, threads_in_force=1, delegation=WHOLE, interval=interval))
    assert found.label == label
    assert f"over {len(processes)} processes" in found.advice


@pytest.mark.parametrize(
    ("contended", "counted", "emulated", "delegation", "interval", "label"),
    [
        (True, "all", False, WHOLE, TIGHT, "contended"),
        (True, "unwaited", False, PART, WIDE, "contended"),
        (True, "all", True, WHOLE, TIGHT, "emulated"),
        (False, "undisturbed", False, WHOLE, TIGHT, "stable"),
        (False, "undisturbed", False, WHOLE, WIDE, "noisy"),
        (False, "all", False, WHOLE, TIGHT, "stable"),
    ],
)
def test_contended_data_is_never_stable(
    contended: bool,
    counted: Literal["all", "undisturbed", "unwaited"],
    emulated: bool,
    delegation: Delegation,
    interval: MedianInterval,
    label: str,
) -> None:
    seen = Contention(
        contended=contended,
        found="its threads waited for a processor for 72% of the timed wall",
        counted=counted,
        measured=250,
        undisturbed=105,
        all_p50_ms=19.7,
        waited=0.72,
        stolen=0,
        company=0,
        involuntary_switches=900,
        attempts=3,
    )
    found = judge(
        Seen(
            emulated=emulated, threads=1, threads_in_force=1, delegation=delegation, interval=interval, contention=seen
        )
    )
    assert found.label == label
    assert found.evidence.attempts == 3
    assert ("in the best of 3 attempts" in found.advice) == (label == "contended")
    if not emulated:
        assert ("105 of 250" in found.advice) == (counted == "undisturbed" or contended)
