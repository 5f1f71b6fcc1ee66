"""How a profile is taken, of an engine made up here."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from unit.ondevice.test_job import JOB

from edgerig.ondevice.job import Job
from edgerig.ondevice.profiles import About, Event, NoProfile, Operator, clock, find, record

CONV, SOFTMAX = Operator("CONV", "xnnpack", 0, "layer", 0), Operator("SOFTMAX", "kernel", 1)
RUNS = [[Event(CONV, 5), Event(SOFTMAX, 2)], [Event(CONV, 6), Event(CONV, 1), Event(SOFTMAX, 3)]]


class Made:
    """A profiler whose inferences are those of `RUNS` by turns."""

    def __init__(self, runs: Sequence[list[Event]] = RUNS) -> None:
        self.runs = runs
        self.looked = 0
        self.alone = 0

    def invoke(self) -> None:
        self.alone += 1

    def look(self) -> int:
        self.looked += 1
        return 100

    def told(self) -> list[list[Event]]:
        return [self.runs[index % len(self.runs)] for index in range(self.looked)]

    def about(self) -> About:
        return About("by hand", 1, 7, ("a note",), cost=2)


def job(**changes: Any) -> Job:
    fields: dict[str, Any] = {name: value for name, value in JOB.items() if name != "schema"}
    return Job(**fields | {"no_instructions": "nothing counts"} | changes)


def taken(folder: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[..., Any], **changes: Any) -> dict[str, Any]:
    monkeypatch.setattr(record, "find", lambda name: make)
    record.record(job(profile=True, no_clock="none is here", **changes), "artifact", [], str(folder))
    found: dict[str, Any] = json.loads((folder / record.FILE).read_text())
    return found


def test_each_operator_has_a_column_and_each_run_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made()
    monkeypatch.setattr(clock, "_waiting", lambda: lambda: 0)  # on a machine where nothing waits for a processor
    found = taken(tmp_path, monkeypatch, lambda *_: made)
    values = np.load(tmp_path / record.VALUES)
    assert values.shape == (found["runs"], 4)
    assert values.dtype == np.int64
    assert {tuple(row[1:]) for row in values.tolist()} == {(100, 3, 0), (100, 4, 1)}
    assert [(each["name"], each["layer"], each["partition"]) for each in found["operators"]] == [
        ("CONV", "layer", 0),
        ("SOFTMAX", "", None),
    ]
    assert found["operators"][0]["calls"] == pytest.approx(1.5)
    assert (found["unit"], found["method"], found["partitions"], found["floor"]) == ("ns", "by hand", 1, 7)
    assert made.looked == found["runs"] + record.WARM_UP


@pytest.mark.parametrize(
    ("waited", "places"),
    [
        ([0] * 8, list(range(8))),
        ([0, 9, 0, 9, 0, 0, 0, 9], [0, 2, 4, 5, 6]),
        ([5, 4, 3, 2, 1, 0, 9, 9], [1, 2, 3, 4, 5]),
        ([7, 7], [0, 1]),
    ],
)
def test_runs_that_waited_for_a_processor_are_left_out(waited: list[int], places: list[int]) -> None:
    """Which operator waited nobody knows: of each that is longer than a scheduler's slice the median would have it."""
    assert record.undisturbed(waited) == places


def test_a_run_whose_inference_left_alone_waited_is_left_out_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wait beside the clock's readings is taken off the whole all the same: it may be nothing at all."""
    made, total = Made(), 0

    def waited() -> int:  # each third inference left alone has waited, and each counts longer than it took
        nonlocal total
        total += 10**9 * (made.alone % 3 == 0)
        return total

    monkeypatch.setattr(clock, "_waiting", lambda: waited)
    found = taken(tmp_path, monkeypatch, lambda *_: made)
    assert record.FEWEST_RUNS < found["runs"] < record.MOST_RUNS
    assert (np.load(tmp_path / record.VALUES)[:, 0] > 0).all()


def test_of_several_threads_it_is_said_what_an_operator_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert taken(tmp_path, monkeypatch, lambda *_: Made())["notes"] == ["a note"]
    assert record.SEVERAL in taken(tmp_path, monkeypatch, lambda *_: Made(), threads=2)["notes"]


def test_a_reason_stands_in_the_place_of_a_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any) -> Made:
        raise NoProfile("another version")

    assert taken(tmp_path, monkeypatch, none)["reason"] == "another version"
    assert not (tmp_path / record.VALUES).exists()


def test_what_the_runtime_raises_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Made:
        raise RuntimeError("damaged file")

    assert taken(tmp_path, monkeypatch, broken)["reason"] == "the runtime failed: RuntimeError: damaged file"


@pytest.mark.parametrize(
    ("runs", "reason"),
    [([[]], "told of no operator"), ([[Event(CONV._replace(place=n), 1) for n in range(5000)]], "5000 operators")],
)
def test_none_and_too_many_operators(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: list[list[Event]], reason: str
) -> None:
    assert reason in taken(tmp_path, monkeypatch, lambda *_: Made(runs))["reason"]


def test_instructions_of_several_threads_are_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = taken(tmp_path, monkeypatch, lambda *_: Made(), no_instructions="", threads=2)
    assert "taken with 1 only" in found["reason"]


def test_no_instructions_without_the_clock() -> None:
    with pytest.raises(clock.NotCounted, match="it was not compiled"):
        clock.make("", "it was not compiled", count=True)


def test_without_the_clock_runtimes_tell_microseconds(tmp_path: Path) -> None:
    damaged = tmp_path / "clock.so"
    damaged.write_bytes(b"no library")
    for made in (clock.make("", "it was not compiled", count=False), clock.make(str(damaged), "", count=False)):
        assert made.unit == "ns"
        assert "whole microseconds" in made.speeds_up("lib.so")
        assert made.cost() == 0
        assert made.span(lambda: None) >= 0


def test_an_engine_of_another_package_may_have_none() -> None:
    with pytest.raises(NoProfile):
        find("")
