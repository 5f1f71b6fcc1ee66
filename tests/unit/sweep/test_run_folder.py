"""The journal survives any kill; a run's folder says what is wrong with it."""

import contextlib
import json
import os
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgerig.errors import ConfigError, NotKept, ResultsError
from edgerig.plan import make_plan
from edgerig.results import SCHEMA_MINOR, SCHEMA_VERSION
from edgerig.spec import SweepSpec
from edgerig.sweep.disk import fresh_folder
from edgerig.sweep.environment import environment
from edgerig.sweep.outcome import Outcome
from edgerig.sweep.run_folder import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(make_plan(SweepSpec(out=tmp_path)), environment(), ["edgerig", "sweep"])


def record(run: RunFolder, *cells: str) -> None:
    with run.journal() as journal:
        for cell in cells:
            journal.write(Outcome(cell=cell, status="ok"))


def test_a_run_is_opened_as_it_was_created(run: RunFolder) -> None:
    opened = RunFolder.open(run.path)
    assert opened.file == run.file
    assert opened.outcomes() == {}


def test_outcomes_are_there_the_moment_they_are_written(run: RunFolder) -> None:
    with run.journal() as journal:
        journal.write(Outcome(cell="a", status="ok"))
        assert list(RunFolder.open(run.path).outcomes()) == ["a"]


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_line_cut_short_counts_as_not_written_and_spoils_no_other(run: RunFolder, cut: int) -> None:
    record(run, "a", "b")
    path = run.path / "journal.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    assert list(run.outcomes()) == ["a"]
    record(run, "c")
    assert list(run.outcomes()) == ["a", "c"]


@contextlib.contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes: as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_keeps_what_was_written_and_says_how_to_go_on(run: RunFolder) -> None:
    record(run, "a")
    size = (run.path / "journal.jsonl").stat().st_size
    with pytest.raises(NotKept) as caught, room_for(size + 20):
        record(run, "b")
    assert str(run.path) in caught.value.message
    assert f"--resume {run.path}" in caught.value.hint
    assert (run.path / "journal.jsonl").stat().st_size == size + 20
    assert list(run.outcomes()) == ["a"]
    record(run, "c")
    assert list(run.outcomes()) == ["a", "c"]


def test_a_line_damaged_in_the_middle_is_named(run: RunFolder) -> None:
    record(run, "a", "b")
    path = run.path / "journal.jsonl"
    path.write_bytes(b"x" + path.read_bytes())
    with pytest.raises(ResultsError, match="line 1 is damaged"):
        run.outcomes()


def test_two_sweeps_do_not_share_a_run(run: RunFolder) -> None:
    with run.journal(), pytest.raises(ConfigError, match="another sweep"), run.journal():
        pass


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "not a run's folder"), ("{", "run.json"), ('{"run": 1}', "run.json"), ("\udcff", "run.json")],
)
def test_what_is_no_run_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "run.json").write_bytes(os.fsencode(text))
    with pytest.raises(ResultsError) as caught:
        RunFolder.open(tmp_path)
    assert said in caught.value.message


def test_an_unwritable_out_is_refused_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError) as caught:
        RunFolder.create(make_plan(SweepSpec(out=tmp_path / "file")), environment(), [])
    assert "--out" in caught.value.hint


@pytest.mark.parametrize("what", ["the folder", "the journal", "run.json"])
def test_a_run_that_was_removed_is_noticed_and_not_begun_a_second_time(run: RunFolder, what: str) -> None:
    """An open file outlives its name: what is written to it then is lost."""
    with run.journal() as journal:
        journal.write(Outcome(cell="a", status="ok"))
        if what == "the folder":
            shutil.rmtree(run.path)
        else:
            (run.path / {"the journal": "journal.jsonl"}.get(what, what)).unlink()
        with pytest.raises(NotKept, match="was removed or moved while the sweep ran") as caught:
            journal.write(Outcome(cell="b", status="ok"))
        assert str(run.path) in caught.value.message
        assert "new sweep" in caught.value.hint
        if what == "the folder":
            with pytest.raises(NotKept):
                fresh_folder(run.path, "raw/x@local/t1")
            assert not run.path.exists()


def test_a_journal_that_was_replaced_is_noticed(run: RunFolder) -> None:
    with run.journal() as journal:
        (run.path / "other").write_bytes(b"")
        os.replace(run.path / "other", run.path / "journal.jsonl")
        with pytest.raises(NotKept, match="removed or moved"):
            journal.write(Outcome(cell="a", status="ok"))


def test_a_run_that_was_moved_says_where_it_is(run: RunFolder) -> None:
    moved = run.path.with_name("moved")
    with run.journal() as journal:
        run.path.rename(moved)
        with pytest.raises(NotKept) as caught:
            journal.write(Outcome(cell="a", status="ok"))
    assert f"edgerig sweep --resume {moved}" in caught.value.hint
    assert not run.path.exists()


CELL = "raw/net@local/t1"


def test_a_cells_folder_is_emptied_before_it_is_run_again(run: RunFolder) -> None:
    """A sweep was killed in its second process: what that left would pass for the next attempt's."""
    old, beside = run.path / CELL / "repeat-1", run.path / "raw" / "net@local" / "t2"
    for folder in (old, beside):
        folder.mkdir(parents=True)
        (folder / "raw.json").write_text("{}")
    assert fresh_folder(run.path, CELL) == run.path / CELL
    assert list((run.path / CELL).iterdir()) == []
    assert (beside / "raw.json").exists()


def test_no_link_is_followed_when_a_cells_folder_is_emptied(run: RunFolder, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "t1").mkdir(parents=True)
    (elsewhere / "t1" / "precious").write_text("x")
    (run.path / CELL).mkdir(parents=True)
    (run.path / CELL / "link").symlink_to(elsewhere)
    fresh_folder(run.path, CELL)
    (run.path / CELL).rmdir()
    (run.path / CELL).symlink_to(elsewhere / "t1")
    fresh_folder(run.path, CELL)
    assert not (run.path / CELL).is_symlink()
    shutil.rmtree(run.path / "raw" / "net@local")
    (run.path / "raw" / "net@local").symlink_to(elsewhere)
    with pytest.raises(NotKept):
        fresh_folder(run.path, CELL)
    assert (elsewhere / "t1" / "precious").read_text() == "x"


def by_another_version(run: RunFolder, minor: int = SCHEMA_MINOR + 1, major: int = SCHEMA_VERSION) -> None:
    """The run's folder as that version would have made it: with fields that are not known here."""
    document = json.loads((run.path / "run.json").read_text())
    document |= {"schema_version": major, "schema_minor": minor, "farm": {"name": "north"}}
    document["plan"]["sweep"]["run"]["bursts"] = 3
    document["environment"]["container"] = "x"
    (run.path / "run.json").write_text(json.dumps(document))
    record(run, "a")
    line = json.loads((run.path / "journal.jsonl").read_text()) | {"queued_s": 0.5}
    (run.path / "journal.jsonl").write_text(json.dumps(line) + "\n")


def test_a_run_of_a_newer_minor_version_is_read_without_what_is_unknown_and_not_gone_on_with(run: RunFolder) -> None:
    by_another_version(run)
    opened = RunFolder.open(run.path)
    assert opened.file.plan == run.file.plan
    assert opened.outcomes() == {"a": Outcome(cell="a", status="ok")}
    with pytest.raises(ResultsError, match="begun by a newer edgerig"):
        RunFolder.open_to_write(run.path)


@pytest.mark.parametrize("minor", [0, SCHEMA_MINOR])
def test_an_unknown_field_of_a_run_of_a_known_version_is_an_error(run: RunFolder, minor: int) -> None:
    by_another_version(run, minor)
    with pytest.raises(ResultsError, match="Extra inputs are not permitted"):
        RunFolder.open(run.path)


def test_a_run_of_a_newer_major_version_is_refused(run: RunFolder) -> None:
    by_another_version(run, major=SCHEMA_VERSION + 1)
    with pytest.raises(ResultsError, match="is newer than this edgerig reads") as caught:
        RunFolder.open(run.path)
    assert caught.value.hint == "update edgerig"
