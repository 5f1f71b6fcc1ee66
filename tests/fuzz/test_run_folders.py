"""`report`, `show`, `compare`, `gate`, `baseline`, `export` and `history` over run folders that anybody made."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from fuzz.inputs import VALUES, altered, count, damaged, exchanged, numbers, survived
from fuzz.whole_run import write_run

from edgerig.compare import baseline
from edgerig.compare.comparison import compare
from edgerig.decide.budget import budget_of
from edgerig.decide.decision import decisions
from edgerig.errors import EdgerigError
from edgerig.history import store
from edgerig.report.exports import write
from edgerig.report.run import WRITERS, render, write_all
from edgerig.report.run.read import read_results
from edgerig.sweep.conclude import conclude
from edgerig.sweep.observed import observe
from edgerig.sweep.run_folder import RunFolder

if TYPE_CHECKING:
    from _typeshed import SupportsLenAndGetItem


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("good")).path


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder that no command may read or write, with files by the names that commands use."""
    folder = tmp_path / "outside"
    folder.mkdir()
    for name in ("secret", "results.json", "raw.json", "traceback.txt", "index.html", "journal.jsonl"):
        (folder / name).write_text("nobody's business")
    return folder


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {str(file): (file.stat().st_mtime_ns, file.read_bytes()) for file in folder.rglob("*") if file.is_file()}


def paths(run: Path) -> list[Path]:
    return sorted(path for path in run.rglob("*") if not path.name.endswith(".html"))


def trial(good: Path, at: Path) -> Path:
    run = at / "run"
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(good, run)
    return run


def damage(run: Path, outside: Path, random: Random) -> None:
    """One of the things that can be wrong with a run's folder."""
    if random.random() < 0.25:
        exchanged(random.choice(paths(run)), outside, random)
        return
    file = random.choice([path for path in paths(run) if path.is_file()])
    if file.suffix in (".json", ".jsonl") and random.random() < 0.7:
        lines = [json.loads(line) for line in file.read_text().splitlines()] if file.suffix == ".jsonl" else None
        document = lines if lines is not None else json.loads(file.read_text())
        changed = altered(document, random)
        told = [json.dumps(each) + "\n" for each in changed] if lines is not None else [json.dumps(changed)]
        file.write_text("".join(told))
    else:
        file.write_bytes(damaged(file.read_bytes(), random))


def use(run: Path, good: Path, at: Path, random: Random) -> None:
    """One of the commands that take a run's folder. Raises EdgerigError, and AssertionError for a cell that met an
    exception nobody foresaw."""
    command = random.randrange(5)
    if command <= 1:
        results = conclude(RunFolder.open(run))
        amiss = [cell.error for cell in results.cells if cell.error and cell.error.kind == "InternalError"]
        assert not amiss, amiss[0].message
        if command == 0:
            write_all(results, run)
        else:
            for name in WRITERS:
                if not name.endswith(".html"):  # half of all the time
                    render(name, results)
    elif command == 2:
        found = observe(run)
        baseline.render(found)
        compare(observe(good), found)
    elif command == 3:
        results = read_results(run)
        decisions(results, budget_of(results))
        write(random.choice(("csv", "litert", "pytorch", "parquet")), results, run, None)
    else:
        store.add(read_results(run), str(at / "history"))
        store.read(str(at / "history"))


def test_no_run_folder_gives_a_traceback_or_leads_out_of_itself(good: Path, outside: Path, tmp_path: Path) -> None:
    before = state(outside)
    for name, random in numbers("run folder", 60):
        run = trial(good, tmp_path)
        damage(run, outside, random)
        with survived(name):
            use(run, good, tmp_path, random)
        assert state(outside) == before, name


@pytest.mark.parametrize("name", ["results.json", "raw", "data", "journal.jsonl", "run.json", "export", "logs"])
def test_whatever_stands_in_a_place_is_not_followed(good: Path, outside: Path, tmp_path: Path, name: str) -> None:
    """Each kind of thing in each place, through `report`; in the long form through every command."""
    before = state(outside)
    commands = range(5) if count(0) else [0]
    for kind, command in itertools.product(range(11), commands):
        run = trial(good, tmp_path)
        if not (run / name).exists():
            (run / name).mkdir()
        exchanged(run / name, outside, Fixed(kind))
        with survived(f"{name}, kind {kind}, command {command}"):
            use(run, good, tmp_path, Fixed(command))
        assert state(outside) == before


def further(document: dict[str, Any], random: Random) -> dict[str, Any]:
    """As a newer minor version of the schema might have written it, or somebody who wants it to be taken for one."""
    tables = [document, *(each for each in _tables(document) if random.random() < 0.05)]
    for table in tables:
        for _ in range(random.choice((1, 1, 3, 200))):
            name = random.choice(("more", "more_ms", "id", "x" * 5000, "", "../x", "\x1b[0m", str(random.random())))
            table.setdefault(name, random.choice((*VALUES, [[[[[[[[[[1]]]]]]]]]], {"x": {"y": {"z": [0, {}]}}})))
    return document | {"schema_minor": 99}


def _tables(tree: object) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
    for each in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _tables(each)


def test_what_says_it_is_of_a_newer_version_is_kept_or_refused(good: Path, tmp_path: Path) -> None:
    kept = 0
    for name, random in numbers("newer run", 40):
        run = trial(good, tmp_path)
        file = run / random.choice(("results.json", "run.json"))
        file.write_text(json.dumps(further(json.loads(file.read_text()), random)))
        with survived(name):
            use(run, good, tmp_path, random)
            kept += 1
    assert kept, "not all are refused"


Chosen = TypeVar("Chosen")


class Fixed(Random):
    """Always the same choice."""

    def __init__(self, at: int) -> None:
        self._at = at
        super().__init__(0)

    def choice(self, seq: SupportsLenAndGetItem[Chosen]) -> Chosen:
        return seq[self._at % len(seq)]

    def randrange(self, *_: int) -> int:
        return self._at


def test_a_whole_run_passes(good: Path, tmp_path: Path) -> None:
    """What is tried is no folder that everything refuses."""
    run = trial(good, tmp_path)
    for command in range(5):
        use(run, good, tmp_path, Fixed(command))
    assert {cell.status for cell in read_results(run).cells} == {"ok"}
    assert os.listdir(tmp_path / "history")
    with pytest.raises(EdgerigError):
        use(tmp_path / "history", good, tmp_path, Fixed(0))
