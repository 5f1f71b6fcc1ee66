"""A model that 8 bits lose is tuned until it ships; a tuning that is killed goes on and repeats no trial."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from e2e.commands import QUICK, Edgerig
from processes import wait_for

pytestmark = pytest.mark.e2e
TRIALS = 8


def lines(file: Path) -> list[bytes]:
    """Whole ones."""
    return file.read_bytes().split(b"\n")[:-1] if file.is_file() else []


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Edgerig, tuple[str, ...], Path]:
    """Killed once when it had built, once while the rung on the host ran, then brought to its end."""
    edgerig = Edgerig(tmp_path_factory.mktemp("tune"))
    asked = ("tune", "digits_skew", "--settings", edgerig.sweep_file(QUICK), "--format", "onnx")
    command = (*asked, "--trials", str(TRIALS), "--finalists", "1", "--out", str(edgerig.folder))

    def found(pattern: str) -> Path | None:
        return next(edgerig.folder.glob(pattern), None)

    def killed_when(pattern: str) -> list[bytes]:
        running = edgerig.start(*command)
        try:
            file = wait_for(lambda: (path := found(pattern)) and lines(path) and path, 400)
            assert isinstance(file, Path)
        finally:
            running.kill()
            running.communicate()
        return lines(file)

    built = killed_when("tune-*/journal.jsonl")
    ran = killed_when("tune-*/host/*/journal.jsonl")
    ended = edgerig(*command, "--json")
    assert ended.code == 0, ended.err
    folder = found("tune-*")
    assert folder is not None
    (folder.parent / "told.json").write_text(ended.out)
    (run,) = (folder / "host").glob("*/journal.jsonl")
    assert lines(folder / "journal.jsonl")[: len(built)] == built
    assert lines(run)[: len(ran)] == ran
    return edgerig, command, folder


def told(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder.parent / "told.json").read_text())
    return found


def test_no_trial_was_repeated(tuned: tuple[Edgerig, tuple[str, ...], Path]) -> None:
    entries = [json.loads(line) for line in lines(tuned[2] / "journal.jsonl")]
    names = [entry["trial"]["candidate"]["recipe"] for entry in entries if "trial" in entry]
    assert len(names) == len(set(names)) == TRIALS + 1  # and fp32
    assert [entry["rung"]["name"] for entry in entries if "rung" in entry] == ["host", "device", "test"]
    assert all(len(list((tuned[2] / rung).iterdir())) == 1 for rung in ("host", "device", "test"))


def test_the_winner_is_as_accurate_as_float_and_half_its_size(tuned: tuple[Edgerig, tuple[str, ...], Path]) -> None:
    found = told(tuned[2])
    cell, floating = found["on_test"]["cell"], found["on_test"]["floating"]
    assert cell["accuracy"]["value"] >= floating["accuracy"]["value"] - 0.01
    assert floating["accuracy"]["value"] > 0.99
    assert cell["size_bytes"] <= 0.5 * floating["size_bytes"]
    assert (cell["accuracy"]["samples"], found["on_device"]["cell"]["accuracy"]["samples"]) == (540, 1129)


def test_what_is_written_of_the_winner_is_a_sweep(tuned: tuple[Edgerig, tuple[str, ...], Path]) -> None:
    edgerig, _, folder = tuned
    found = told(folder)
    assert found["command"] == f"edgerig sweep {folder / 'winner.toml'}"
    planned = edgerig("plan", str(folder / "winner.toml"))
    assert planned.out.split()[1] == found["on_test"]["cell"]["id"]


def test_the_same_question_again_does_nothing_more(tuned: tuple[Edgerig, tuple[str, ...], Path]) -> None:
    edgerig, command, folder = tuned
    before = lines(folder / "journal.jsonl")
    again = edgerig(*command)
    assert again.code == 0, again.err
    assert f"{TRIALS} trials known from before" in again.err
    assert "winner: onnx-" in again.out
    assert "a full grid has" in again.out
    assert lines(folder / "journal.jsonl") == before
