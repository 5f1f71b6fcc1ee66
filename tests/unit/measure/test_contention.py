"""Samples of a watch whose every figure the test has chosen: 3 ms inferences, a burst each, on 2 processors."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest

from edgerig.errors import UnparsableOutput
from edgerig.measure.contention import Timed, select, settled
from edgerig.measure.raw import Raw, Watched, attempts_of, read_raw
from edgerig.measure.raw_run import RawContention, RawRun, RawStretch
from edgerig.ondevice.contention import COLUMNS

MS = 1_000_000
TENSOR = {"name": "y", "shape": [1, 2], "dtype": "float32"}

Process: TypeAlias = tuple[npt.NDArray[np.int64], Watched]


def run_of(samples: int, threads: int = 1, **more: object) -> RawRun:
    return RawRun.model_validate(
        {
            "schema": 1,
            "cell": "c",
            "engine": {"inputs": [], "outputs": [TENSOR], "runtime": "R", "version": "1", "threads": threads},
            "runtime_import_ns": 1,
            "load_ns": 2,
            "first_inference_ns": 3,
            "warmup_runs": 1,
            "timer_overhead_ns": 4,
            "samples": samples,
            "memory": {},
            **more,
        }
    )


def process(
    times_ms: npt.ArrayLike,
    waited_ms: npt.ArrayLike = 0.0,
    runnable: int = 1,
    involuntary: int = 0,
    stolen_ms: npt.ArrayLike = 0.0,
    others: float = 0.0,
    voluntary: int = 0,
    core_us: npt.ArrayLike = -0.001,
    **raw: int,
) -> Process:
    """One process: its samples and what was seen of them; an array or one value for all."""
    times = np.asarray(times_ms, float) * MS
    waited, stolen = (np.broadcast_to(np.asarray(each, float) * MS, times.shape) for each in (waited_ms, stolen_ms))
    columns = [np.ones(len(times)), times, waited, times - waited - stolen, involuntary, voluntary, runnable]
    columns.append(np.asarray(core_us, float) * 1e3)
    bursts = np.stack([np.broadcast_to(column, times.shape) for column in columns], axis=1).astype(np.int64)
    wall = int(times.sum())
    own = wall - int(waited.sum())
    stretch = RawStretch(
        bursts=len(times),
        wall_ns=wall,
        idle_ns=max(int(2 * wall - own - others * wall), 0),
        steal_ns=0,
        own_ns=own,
        chain_ns=40_000,
    )
    known = {"bursts": len(times), "cpus": 2, "threads": 1, "stretches": [stretch], **raw}
    return times.astype(np.int64), Watched(bursts, RawContention.model_validate(known))


def raw_of(*processes: Process, threads: int = 1, again: Sequence[Raw] = ()) -> Raw:
    samples, watched = zip(*processes, strict=True)
    run = run_of(sum(map(len, samples)), threads)
    return Raw(run, samples, [], watched=watched, again=tuple(again))


def still(count: int = 100) -> Process:
    return process(3 + np.linspace(0, 0.01, count))


def test_a_still_machine_counts_every_sample() -> None:
    timed = select(raw_of(still(), still()))
    assert sum(map(len, timed.processes_ns)) == 200
    assert (timed.contention.counted, timed.contention.contended, timed.contention.found) == ("all", False, "")
    assert timed.contention.undisturbed == 200


def test_samples_that_waited_and_the_one_after_each_are_left_out() -> None:
    waits = np.zeros(300)
    waits[::3] = 9.0
    after = np.where(np.arange(300) % 3 == 1, 0.5, 0.0)  # caches are cold
    timed = select(raw_of(process(3 + waits + after, waits)))
    found = timed.contention
    assert (found.counted, found.contended, found.undisturbed, found.measured) == ("undisturbed", False, 100, 300)
    assert timed.processes_ns[0].tolist() == [3 * MS] * 100
    assert found.waited == pytest.approx(900 / (900 + 900 + 50), abs=0.01)
    assert found.all_p50_ms == 3.5


@pytest.mark.parametrize(("clean", "contended"), [(49, True), (50, False)])
def test_too_few_undisturbed_samples_are_no_figure(clean: int, contended: bool) -> None:
    waits = np.r_[np.full(250, 9.0), np.zeros(clean + 1)]
    found = select(raw_of(process(3 + waits, waits))).contention
    assert found.contended == contended
    assert found.counted == ("all" if contended else "undisturbed")


def test_half_of_few_samples_is_enough() -> None:
    waits = np.r_[np.full(5, 90.0), np.zeros(16)]
    assert select(raw_of(process(300 + waits, waits))).contention.counted == "undisturbed"


def test_busy_neighbours_count_although_nothing_waited() -> None:
    timed = select(raw_of(process(np.full(200, 4.0), runnable=2, others=1.0)))
    assert timed.contention.contended
    assert "beside 100%" in timed.contention.found
    assert timed.contention.others_cpus == pytest.approx(1.0)


def shared_core(
    alone: int, count: int = 200, fast_us: float = 9.0, slow_us: float = 15.0
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Of so many bursts a few in which nothing shared the core, spread over all; the others are slower."""
    free = np.isin(np.arange(count), np.linspace(0, count - 1, alone).astype(int)) if alone else np.zeros(count, bool)
    return np.where(free, 3.0, 4.0), np.where(free, fast_us, slow_us)


def test_a_core_that_another_machine_shares_counts_when_it_was_alone() -> None:
    times, core = shared_core(30)
    timed = select(raw_of(*(process(times, core_us=core) for _ in range(3))))
    found = timed.contention
    assert (found.counted, found.contended, found.undisturbed, found.measured) == ("undisturbed", False, 90, 600)
    assert [set(each.tolist()) for each in timed.processes_ns] == [{3 * MS}] * 3
    assert found.shared == pytest.approx(510 * 4 / (510 * 4 + 90 * 3), abs=0.001)
    assert "another machine on the same host shared the core beside 88% of it" in found.found
    assert found.all_p50_ms == 4.0
    assert timed.core_ms == (0.009,) * 3


def test_a_process_whose_core_was_hardly_ever_alone_does_not_count() -> None:
    some, hardly = (process(times, core_us=core) for times, core in (shared_core(30), shared_core(4)))
    timed = select(raw_of(some, some, hardly))
    assert (timed.contention.counted, len(timed.processes_ns)) == ("undisturbed", 2)
    timed = select(raw_of(some, hardly, hardly))
    assert (timed.contention.counted, timed.contention.contended) == ("unwaited", True)


def test_a_neighbour_on_another_core_is_company_of_what_does_not_stay_in_a_cache() -> None:
    watched = [process(np.full(200, 3.0), runnable=2, others=1.0, core_us=9.0) for _ in range(3)]
    small = select(raw_of(*watched), 126_692).contention
    assert (small.counted, small.contended, small.found, small.company) == ("all", False, "", 1.0)
    assert select(raw_of(*watched), 14_000_000).contention.contended
    unseen = [process(np.full(200, 3.0), runnable=2, others=1.0) for _ in range(3)]
    assert select(raw_of(*unseen), 126_692).contention.contended, "nobody looked at the core"


def test_attempts_of_which_each_has_too_few_are_enough_together() -> None:
    some, never = (process(times, core_us=core) for times, core in (shared_core(30), shared_core(0)))
    attempts = [raw_of(some, never, never) for _ in range(3)]
    assert select(attempts[0]).contention.contended
    timed = select(replace(attempts[0], again=tuple(attempts[1:])))
    assert (timed.contention.counted, timed.contention.contended) == ("undisturbed", False)
    assert (timed.contention.attempts, timed.contention.attempt) == (3, 0)
    assert [set(each.tolist()) for each in timed.processes_ns] == [{3 * MS}] * 3
    assert select(replace(attempts[0], again=(attempts[1],))).contention.contended, "two processes are no three"


def test_a_core_that_was_shared_all_the_time_is_seen_by_what_it_took_beside_other_cells() -> None:
    times, core = shared_core(0)
    raw = raw_of(*(process(times, core_us=core) for _ in range(3)))
    assert select(raw).contention.found == "", "alone it has nothing to be held against"
    found = select(raw, 100, reference=9_000 / 40_000).contention
    assert (found.contended, found.shared, found.alone) == (True, 1.0, 0.225)
    assert select(raw, 100, reference=1.0).contention.alone == 15_000 / 40_000, "no core is slower alone than shared"


def test_a_slower_clock_is_no_shared_core() -> None:
    """Both computations take as much longer: the second process' clock is a third slower."""
    fast, (samples, watched) = process(np.full(200, 3.0), core_us=9.0), process(np.full(200, 4.0), core_us=12.0)
    (stretch,) = watched.raw.stretches
    slower = watched.raw.model_copy(update={"stretches": [stretch.model_copy(update={"chain_ns": 53_333})]})
    found = select(raw_of(fast, (samples, replace(watched, raw=slower)))).contention
    assert (found.shared, found.found, found.counted) == (0.0, "", "all")
    found = select(raw_of(fast, (samples, watched))).contention
    assert found.shared == pytest.approx(4 / 7)


def test_whether_a_core_is_shared_is_not_known_of_several_threads_and_of_few_bursts() -> None:
    times, core = shared_core(30)
    found = select(raw_of(process(times, core_us=core), threads=2)).contention
    assert (found.shared, found.counted) == (None, "all")
    assert "2 threads" in found.reasons["shared"]
    found = select(raw_of(process(times[:99], core_us=core[:99]))).contention
    assert (found.shared, found.found) == (None, "")
    assert found.reasons["shared"] == "fewer than 100 bursts tell how fast the core is alone"


def test_what_did_not_wait_is_told_of_a_contended_cell() -> None:
    waits = np.tile([9.0, 0.0, 0.0], 100)
    timed = select(raw_of(process(3 + waits, waits, runnable=3, others=1.5)))
    assert timed.contention.contended
    assert timed.contention.counted == "unwaited"
    assert np.median(timed.processes_ns[0]) == 3 * MS


def test_a_neighbour_on_one_of_many_processors_is_none() -> None:
    assert select(raw_of(process(np.full(200, 3.0), runnable=2, cpus=16))).contention.found == ""


def test_waiting_that_does_not_show_in_the_median_is_no_contention() -> None:
    """Networks of microseconds: a wait is in one of hundreds of samples, bursts hold many."""
    samples, watched = process(np.full(600, 0.01))
    bursts = np.zeros((6, len(COLUMNS)), np.int64)
    bursts[:] = [100, MS, 0, MS, 0, 0, 1, -1]
    bursts[1:, 2] = 5 * MS
    bursts[1:, 1] = 6 * MS
    stretch = watched.raw.stretches[0].model_copy(update={"bursts": 6})
    raw = watched.raw.model_copy(update={"bursts": 6, "stretches": [stretch]})
    found = select(raw_of((samples, Watched(bursts, raw)), (samples, Watched(bursts, raw)))).contention
    assert found.waited > 1
    assert not found.contended


def test_a_hypervisor_that_takes_the_processor_is_seen_by_the_threads_own_clock() -> None:
    stolen = np.tile([3.0, 0.0, 0.0], 60)
    found = select(raw_of(process(3 + stolen, stolen_ms=stolen))).contention
    assert found.stolen == pytest.approx(0.25, abs=0.01)
    assert "hypervisor" in found.found
    assert found.counted == "undisturbed"
    sleeping = select(raw_of(process(3 + stolen, stolen_ms=stolen, voluntary=1))).contention
    assert (sleeping.stolen, sleeping.found) == (0.0, "")


def test_a_kernel_that_does_not_count_waiting_is_told_by_the_threads_clock_and_the_reason_is_kept() -> None:
    waits = np.tile([9.0, 0.0, 0.0], 60)
    samples, watched = process(3 + waits, waits)
    bursts = watched.bursts.copy()
    bursts[:, COLUMNS.index("waited_ns")] = -1
    raw = watched.raw.model_copy(update={"reasons": {"waited_ns": "the kernel does not count waiting"}})
    timed = select(raw_of((samples, Watched(bursts, raw))))
    assert timed.contention.counted == "undisturbed"
    assert np.median(timed.processes_ns[0]) == 3 * MS
    assert timed.contention.reasons["waited"] == "the kernel does not count waiting"


@pytest.mark.parametrize(("others", "involuntary", "found"), [(0.0, 0, False), (0.6, 0, True), (0.0, 1, True)])
def test_threads_of_a_pool_that_wake_up_are_not_kept_waiting(others: float, involuntary: int, found: bool) -> None:
    made = process(np.full(200, 3.0), 0.2, stolen_ms=-0.2, others=others, involuntary=involuntary)  # workers wait
    assert bool(select(raw_of(made, threads=2)).contention.found) == found


def test_the_attempts_that_are_not_contended_count_together() -> None:
    bad = raw_of(process(np.full(100, 12.0), 9.0, runnable=3))
    good = raw_of(still())
    timed = select(replace(bad, again=(bad, good)))
    assert (timed.contention.attempt, timed.contention.attempts, timed.contention.contended) == (3, 3, False)
    assert timed.attempt is good
    timed = select(replace(bad, again=(bad, good, good)))
    assert (timed.contention.attempt, timed.contention.attempts, timed.contention.contended) == (0, 4, False)
    assert [len(samples) for samples in timed.processes_ns] == [len(good.samples_ns)] * 2
    assert select(replace(bad, again=(bad,))).contention.contended


def test_a_cell_is_settled_once_its_median_is_known() -> None:
    def of(*p50_ms: float) -> Timed:
        return Timed(raw_of(still()), tuple(np.full(50, int(ms * MS)) for ms in p50_ms), None)

    alike, apart = (1.0, 1.001, 0.999, 1.0, 1.0), (1.0, 1.06, 0.94, 1.03, 0.97)
    assert settled(of(*alike))
    assert settled(of(*alike[:4], 1.3)), "one that strays is left out"
    assert not settled(of(*apart))
    assert settled(of(*alike, *alike, *apart))
    contended = select(raw_of(process(np.full(100, 12.0), 9.0, runnable=3)))
    assert contended.contention.contended
    assert not settled(contended)
    assert not settled(Timed(raw_of(still()), (np.full(5, MS),) * 3, None)), "too few samples to say"
    assert settled(Timed(raw_of(still()), (np.full(50, MS),) * 2, None)), "two were asked for"


def test_runs_of_before_read_as_before(tmp_path: Path) -> None:
    samples = np.full(10, MS)
    assert select(Raw(run_of(10), (samples,), [])).contention is None
    save(tmp_path, samples, None)
    raw = read_raw(tmp_path, "c")
    assert select(raw).processes_ns[0].tolist() == samples.tolist()
    assert attempts_of(tmp_path) == 1


def test_the_bursts_of_an_older_runner_read_as_if_nobody_had_looked_at_the_core(tmp_path: Path) -> None:
    samples, watched = still()
    save(tmp_path, samples, watched.bursts[:, :-1])
    raw = read_raw(tmp_path, "c")
    assert set(raw.watched[0].bursts[:, COLUMNS.index("core_ns")].tolist()) == {-1}
    assert select(raw).contention.shared is None


def save(folder: Path, samples: npt.NDArray[Any], bursts: npt.NDArray[Any] | None) -> None:
    folder.mkdir(exist_ok=True)
    more: dict[str, Any] = {} if bursts is None else {"contention": {"bursts": len(bursts), "cpus": 2, "threads": 1}}
    run = run_of(len(samples), **more)
    (folder / "raw.json").write_text(json.dumps(run.model_dump(by_alias=True, mode="json", exclude_defaults=True)))
    np.save(folder / "samples.npy", samples)
    np.save(folder / "output_0.npy", np.ones((3, 2), np.float32))
    if bursts is not None:
        np.save(folder / "bursts.npy", bursts)


def test_attempts_are_read_from_their_folders(tmp_path: Path) -> None:
    bad, good = process(np.full(60, 12.0), 9.0), still(60)
    save(tmp_path, bad[0], bad[1].bursts)
    save(tmp_path / "attempt-2", good[0], good[1].bursts)
    raw = read_raw(tmp_path, "c")
    assert attempts_of(tmp_path) == 2
    assert select(raw).contention.attempt == 2
    assert len(raw.outputs) == 1


@pytest.mark.parametrize("damage", ["counts", "negative"])
def test_bursts_that_cannot_be_are_refused(tmp_path: Path, damage: str) -> None:
    samples, watched = still(60)
    bursts = watched.bursts.copy()
    bursts[3, 0 if damage == "counts" else 2] = 2 if damage == "counts" else -5
    save(tmp_path, samples, bursts)
    with pytest.raises(UnparsableOutput, match=r"bursts\.npy"):
        read_raw(tmp_path, "c")
