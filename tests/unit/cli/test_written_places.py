"""One rule for every command that writes where it is told: what is named is made, the folder it stands in must be
there, which is said before anything is done."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from edgerig.cli.app import app
from edgerig.errors import ConfigError

WRITING = {"--out", "--html", "--file", "--to"}
"""What options of a place to write are called."""
NAMED = [
    (["compare", "nothing", "nothing"], "--out", True),
    (["gate", "nothing", "--baseline", "nothing"], "--out", True),
    (["study", "nothing"], "--out", True),
    (["study", "--quick"], "--out", True),
    (["export", "nothing", "--to", "csv"], "--out", False),
    (["export", "nothing", "--to", "perfetto"], "--out", False),
    (["export", "nothing", "--to", "litert"], "--out", True),
    (["export", "nothing", "--to", "tensorboard"], "--out", True),
    (["export", "nothing", "--to", "mlflow"], "--out", False),
    (["check", "nothing.tflite", "--normalization", "1,1"], "--out", False),
    (["debug", "digits_cnn-torch-tflite-int8-static"], "--html", False),
    (["history", "show", "digits_cnn"], "--html", False),
    (["history", "add", "nothing"], "--to", True),
    (["baseline", "update", "nothing"], "--file", False),
    (["devices", "bundle", "aarch64"], "--to", False),
    (["devices", "bundle", "aarch64", "--wheel"], "--to", True),
]
"""A command whose work would fail or take long, its option, and whether that names a folder."""
OF_RUNS = {("sweep", "--out"), ("tune", "--out")}
"""The folder of runs, which is made whole: most often it is new, and everything below it is edgerig's."""
NO_PLACE = {("export", "--to")}
"""A form's name."""


def options(command: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """(command, option) of every option that names a place to write; `command` is Click's or Typer's own copy."""
    for each, below in getattr(command, "commands", {}).items():
        yield from options(below, f"{name} {each}".strip())
    for parameter in command.params:
        yield from ((name, option) for option in WRITING.intersection(parameter.opts))


def test_no_command_that_writes_is_left_out() -> None:
    named = {(command, option) for words, option, _ in NAMED for command in (words[0], " ".join(words[:2]))}
    found = set(options(typer.main.get_command(app)))
    assert len(found) > 10
    assert found - OF_RUNS - NO_PLACE <= named


@pytest.mark.parametrize(("words", "option", "folder"), NAMED)
def test_a_folder_that_is_not_there_is_said_first(
    words: list[str], option: str, folder: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, [*words, option, "no such/place.toml"])
    assert isinstance(done.exception, ConfigError), done.output
    assert done.exception.message == f"{option} no such/place.toml: there is no folder no such"
    assert done.exception.hint == "mkdir -p 'no such'"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("words", "option", "folder"), NAMED)
def test_a_file_is_no_folder_and_a_folder_no_file(
    words: list[str], option: str, folder: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    there = tmp_path / "there.toml"
    there.write_text("kept") if folder else there.mkdir()
    done = CliRunner().invoke(app, [*words, option, "there.toml"])
    assert isinstance(done.exception, ConfigError), done.output
    expected = f"{option} there.toml is no folder" if folder else f"{option} there.toml is a folder"
    assert done.exception.message in (expected, "there.toml: is there already")  # `check` writes over nothing
    assert there.read_text() == "kept" if folder else not list(there.iterdir())


@pytest.mark.parametrize("place", ["s3://team/edgerig", "simplecache::s3://team/edgerig"])
def test_a_url_is_no_folder_of_this_machine(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["history", "add", "nothing", "--to", place])
    assert "nothing" in str(done.exception)
