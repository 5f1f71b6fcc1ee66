"""The order of chance: repeatable, in blocks, with the reference between; in the real engine, and on resuming."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from unit.sweep.stages import Bench, Sweep, raw_run

from edgerig.devices.device import CellJob
from edgerig.errors import NotKept
from edgerig.plan import Cell, make_plan
from edgerig.results import CellResult, ReferenceVisit
from edgerig.spec import SweepSpec
from edgerig.spec.order import OrderSettings
from edgerig.sweep.conclude import conclude
from edgerig.sweep.drifting import around
from edgerig.sweep.order import Place, Stop, places, reference_of, stops
from edgerig.sweep.outcome import Outcome
from edgerig.sweep.run_folder import RunFolder

BLOCKS = OrderSettings(by="blocks", seed=7)


def planned(threads: Sequence[int] = (1, 2)) -> tuple[Cell, ...]:
    return make_plan(SweepSpec(threads=tuple(threads))).cells


def test_a_block_is_what_is_compared_and_lies_together() -> None:
    cells = {cell.id: cell for cell in planned()}
    found = places(cells.values(), 7)
    assert found.keys() == cells.keys()
    assert [place.number for place in found.values()] == list(range(1, len(cells) + 1))
    blocks = [[cells[name] for name in names] for _, names in groupby(found, key=lambda name: found[name].block)]
    assert len(blocks) == 4
    for block in blocks:
        assert len(block) == 12
        assert len({(cell.model, cell.place) for cell in block}) == 1


def test_a_seed_gives_one_order_whoever_asks_and_another_seed_another() -> None:
    cells = planned()
    assert list(places(cells, 7)) == list(places(cells[::-1], 7))
    assert list(places(cells, 7)) != list(places(cells, 8))
    rest = [cell for cell in cells if cell.recipe != "fp16"]
    assert list(places(rest, 7)) == [name for name in places(cells, 7) if "-fp16@" not in name]


def test_every_place_in_a_block_is_as_likely() -> None:
    """Of 400 seeds, how often each of 12 cells comes first: 33 on the average."""
    cells = [cell for cell in planned((1,)) if cell.model == "digits_cnn"]
    first = [next(iter(places(cells, seed))) for seed in range(400)]
    counts = [first.count(cell.id) for cell in cells]
    assert min(counts) > 10
    assert max(counts) < 65


def laid(*blocks: int, every: int = 8, begun: int = 0) -> list[str]:
    ready = [(Place(block, number), f"c{number}") for number, block in enumerate(blocks, start=1)]
    found: list[Stop[str]] = list(stops(ready[::-1], "R", begun, every))
    return [f"{stop.what}{stop.visit}" if stop.visit else stop.what for stop in found]


def test_the_reference_stands_before_the_first_block_between_blocks_and_after_the_last() -> None:
    assert laid(1, 1, 2, 3, 3) == ["R1", "c1", "c2", "R2", "c3", "R3", "c4", "c5", "R4"]
    assert laid(1, 1, 1, 1, 1, every=2) == ["R1", "c1", "c2", "R2", "c3", "c4", "R3", "c5", "R4"]
    assert laid(2, 2, begun=3) == ["R4", "c1", "c2", "R5"]
    assert laid() == []


def test_the_reference_is_the_first_planned_cell_that_is_asked_for() -> None:
    cells = planned()
    assert reference_of(cells, BLOCKS) == cells[0]
    chosen = reference_of(cells, BLOCKS.model_copy(update={"reference": "*vit*onnx-fp32@*"}))
    assert chosen is not None
    assert chosen.id == "digits_vit-torch-onnx-fp32@local/t1"
    assert reference_of(cells, BLOCKS.model_copy(update={"reference": ""})) is None
    assert reference_of(cells, OrderSettings()) is None
    assert reference_of([cell.model_copy(update={"emulated": True}) for cell in cells], BLOCKS) is None


Slowness = Callable[[int], float]


@pytest.fixture
def shuffled(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> Callable[..., RunFolder]:
    """The test's sweep in blocks; what it runs takes as long as `slowness` says of how much was run before it."""

    def run(slowness: Slowness = lambda _: 1.0, devices: Sequence[str] = ("local",), dies: int = 0) -> RunFolder:
        began: list[str] = []

        def execute(bench: Bench, job: CellJob) -> None:
            if dies and len(began) == dies:
                raise NotKept("the disk is full", hint="")
            raw_run(job.cell, job.into)
            level = 1000 * slowness(len(began))
            np.save(job.into / "samples.npy", np.linspace(level, level * 1.001, 50).astype(np.int64))
            for repeat in range(1, 5):
                own = job.into / f"repeat-{repeat}"
                own.mkdir()
                for name in ("raw.json", "samples.npy"):
                    (own / name).write_bytes((job.into / name).read_bytes())
            began.append(job.cell)

        monkeypatch.setattr(Bench, "execute", execute)
        wanted = sweep.wanted.model_copy(update={"order": BLOCKS, "devices": tuple(devices)})
        if sweep.run.file.run.order_seed is None:
            folder = RunFolder.create(make_plan(wanted), sweep.run.file.environment, [])
            sweep.run.path, sweep.run.file = folder.path, folder.file
        return sweep()

    return run


def names(run: RunFolder) -> list[str]:
    return [f"R{line.visit}" if line.visit else line.cell for line in run.journaled()]


def test_a_sweep_runs_in_that_order_and_records_its_seed(shuffled: Callable[..., RunFolder]) -> None:
    run = shuffled()
    assert json.loads((run.path / "run.json").read_text())["run"]["order_seed"] == 7
    found = names(run)
    assert [name for name in found if not name.startswith("R")] == list(places(run.file.plan.cells, 7))
    assert [name for name in found if name.startswith("R")] == ["R1", "R2", "R3"]
    assert (found[0], found[-1]) == ("R1", "R3")
    assert (run.path / "reference/local/2/raw.json").is_file()
    results = conclude(run)
    assert [visit.number for visit in results.drift["local"].visits] == [1, 2, 3]
    assert (results.drift["local"].shows, results.drift["local"].spread) == (False, 0.0)
    assert {cell.order.block for cell in results.cells if cell.order} == {1, 2}


def labels(cells: Sequence[CellResult]) -> set[str]:
    return {cell.verdict.label for cell in cells if cell.verdict}


def test_a_device_that_drifts_is_found_out_and_its_cells_with_it(shuffled: Callable[..., RunFolder]) -> None:
    results = conclude(shuffled(lambda run_before: 1.0 if run_before < 6 else 1.2))
    drift = results.drift["local"]
    assert drift.shows
    assert drift.last_over_first == pytest.approx(0.2, abs=0.001)
    by_block = {block: [c for c in results.cells if c.order and c.order.block == block] for block in (1, 2)}
    changed = [block for block, cells in by_block.items() if labels(cells) == {"drifting"}]
    assert len(changed) == 1  # the reference was timed before and after each block, and changed in one
    (drifted,) = (by_block[block] for block in changed)
    assert "the reference cell" in drifted[0].verdict.advice if drifted[0].verdict else False
    assert "20 % slower around it" in drifted[0].verdict.advice if drifted[0].verdict else False


def test_a_run_that_is_resumed_goes_on_in_its_order(shuffled: Callable[..., RunFolder]) -> None:
    with pytest.raises(NotKept):
        shuffled(dies=3)
    run = shuffled()
    found = names(run)
    cells = [name for name in found if not name.startswith("R")]
    assert cells == list(places(run.file.plan.cells, 7))
    assert [name for name in found if name.startswith("R")] == ["R1", "R2", "R3", "R4"]
    assert len(cells) == len(set(cells)) == 8
    assert conclude(run).drift["local"].visits[-1].number == 4


def test_devices_of_their_own_wait_for_what_is_built_and_have_each_its_order(
    shuffled: Callable[..., RunFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "pi.toml").write_text('kind = "ssh"\nhost = "pi"')
    monkeypatch.chdir(tmp_path)
    run = shuffled(devices=("pi", "local"))
    found = names(run)
    for device in ("pi", "local"):
        own = [cell for cell in run.file.plan.cells if cell.device == device]
        assert [name for name in found if f"@{device}/" in name] == list(places(own, 7))
    results = conclude(run)
    assert {device: len(drift.visits) for device, drift in results.drift.items()} == {"pi": 3, "local": 3}


class Lines(list[int]):
    """Counts how often one of them is looked at."""

    looks = 0

    def __getitem__(self, index: Any) -> Any:
        self.looks += 1
        return super().__getitem__(index)

    def __iter__(self) -> Iterator[int]:
        self.looks += len(self)
        return super().__iter__()


def test_a_cells_visits_are_those_next_to_it_in_the_journal_found_without_looking_at_all() -> None:
    journal = [Outcome(cell="R", status="ok", visit=1)]
    for visit in range(2, 102):
        journal += [Outcome(cell=f"c{visit}", status="ok"), Outcome(cell="R", status="ok", visit=visit)]
    cells = {outcome.cell for outcome in journal if not outcome.visit}
    lines = Lines(line for line, outcome in enumerate(journal) if outcome.visit)
    visits = tuple(ReferenceVisit(number=journal[line].visit, p50_ms=1.0) for line in list(lines))
    lines.looks = 0
    found = around(journal, cells, lines, visits)
    assert {cell: (before.number, after.number) for cell, (before, after) in found.items() if before and after} == {
        f"c{visit}": (visit - 1, visit) for visit in range(2, 102)
    }
    assert lines.looks <= 10 * len(cells)
    assert around(journal[:2], cells, [0], visits[:1]) == {"c2": (visits[0], None)}
    assert around(journal[1:2], cells, [], ()) == {"c2": (None, None)}
