"""The command line itself over what strangers made: exit codes by family, no traceback, nothing obeyed, no hang."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fuzz.inputs import SECONDS
from fuzz.whole_run import write_run

from edgerig.compare import baseline
from edgerig.sweep.observed import observe

EVIL = "\x1b]0;gone\x07\u202e\r\n::error::owned\n##[error]owned\x9b2J"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("good")).path


@pytest.fixture
def run(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "run"))


def edgerig(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        [sys.executable, "-m", "edgerig", *arguments],
        cwd=folder,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=3 * SECONDS,
    )
    assert b"Traceback" not in done.stdout + done.stderr, done.stderr.decode(errors="replace")[-2000:]
    return done


def refused(done: subprocess.CompletedProcess[bytes], *said: str) -> None:
    text = done.stderr.decode()
    assert done.returncode == 2, text
    assert [each for each in said if each not in text] == [], text
    assert "hint: " in text


DEVICES = (
    ("kind = []", "kind"),
    ("kind = {}", "kind"),
    ("x = " + "[" * 3000, "nested"),
    ("x = " + "9" * 5000, "digits"),
    ("kind = 'ssh'\nhost = 'h'\nname = '" + "a" * 5000 + "'", "name"),
    ("kind = 'ssh'\nhost = 'h'\n" + "a" * 5000 + " = 1", "unknown key"),
    ("kind = 'ssh'\nhost = 'h'\nport = 0x" + "f" * 5000, "port"),
)


@pytest.mark.parametrize(("text", "said"), DEVICES, ids=range(len(DEVICES)))
def test_a_device_file_that_is_wrong_is_named_and_hides_no_other(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "bad.toml").write_text(text)
    (tmp_path / "devices" / "board.toml").write_text('kind = "ssh"\nhost = "board"\n')
    done = edgerig(tmp_path, "devices")
    refused(done, "bad.toml", said)
    assert b"ssh://board" in done.stdout
    refused(edgerig(tmp_path, "devices", "probe", "bad"), "bad.toml", said)


def test_a_name_that_no_file_can_have_is_refused(run: Path, tmp_path: Path) -> None:
    for arguments in (["show"], ["report"], ["plan"], ["gate", str(run), "--baseline"], ["plan", "--model"]):
        done = edgerig(tmp_path, *arguments, "a" * 5000)
        refused(done, "a" * 100)


@pytest.mark.parametrize("name", ["journal.jsonl", "run.json", "results.json", "raw"])
@pytest.mark.parametrize("kind", ["folder", "FIFO", "symbolic link"])
def test_what_stands_in_the_place_of_a_file_is_said(run: Path, tmp_path: Path, name: str, kind: str) -> None:
    shutil.rmtree(run / name, ignore_errors=True)
    (run / name).unlink(missing_ok=True)
    kinds: dict[str, Callable[[], object]] = {
        "folder": (run / name).mkdir,
        "FIFO": lambda: os.mkfifo(run / name),
        "symbolic link": lambda: (run / name).symlink_to("/etc"),
    }
    kinds[kind]()
    done = edgerig(tmp_path, "show" if name == "results.json" else "report", str(run))
    if name == "raw":  # each cell by itself
        assert done.returncode == 1
        return
    refused(done, name, kind)


def test_a_report_writes_through_no_link(run: Path, tmp_path: Path) -> None:
    """As the user who runs `report` on it: over names that a stranger foresees, and through folders."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine").write_text("mine")
    for name in ("index.html", "report.md", "results.csv", "results.json"):
        (run / name).unlink()
        (run / name).symlink_to(outside / "mine")
        for pid in range(1, 40000, 7):
            os.symlink(outside / "mine", run / f".{name}.{pid}.tmp")
    (run / "export").symlink_to(outside)
    cell = next(run.glob("raw/*/*"))
    (cell / "raw.json").write_text("{")
    (cell / "traceback.txt").symlink_to(outside / "mine")
    done = edgerig(tmp_path, "report", str(run))
    assert done.returncode == 1, done.stderr
    refused(edgerig(tmp_path, "export", str(run), "--to", "csv"), "export", "symbolic link")
    refused(edgerig(tmp_path, "export", str(run), "--to", "tensorboard"), "export", "symbolic link")
    refused(edgerig(tmp_path, "export", str(run), "--to", "mlflow"), "export", "symbolic link")
    assert sorted(outside.iterdir()) == [outside / "mine"]
    assert (outside / "mine").read_text() == "mine"
    assert (run / "index.html").is_file()
    assert not (run / "index.html").is_symlink()


def test_a_raw_run_elsewhere_is_neither_read_nor_written(run: Path, tmp_path: Path) -> None:
    journal = run / "journal.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    elsewhere = Path(shutil.copytree(run / lines[0]["raw"], tmp_path / "elsewhere"))
    (elsewhere / "samples.npy").write_bytes(b"no array")
    before = sorted(elsewhere.iterdir())
    for raw in (str(elsewhere), "../elsewhere", "raw/../../elsewhere"):
        lines[0]["raw"] = raw
        journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
        done = edgerig(tmp_path, "report", str(run))
        assert done.returncode == 1
        assert b"outside the folder" in done.stderr
        assert sorted(elsewhere.iterdir()) == before


def evil_run(run: Path) -> Path:
    """Texts that act, wherever a stranger can put one."""
    document = json.loads((run / "results.json").read_text())
    document["run"]["id"] = f"::error::{EVIL}"
    document["run"]["command"].append(EVIL)
    document["environment"]["host"]["cpu"] = EVIL
    first, second = document["cells"]
    first["device"] = f"::warning::x{'y' * 400}::error::{EVIL}"
    document["devices"][first["device"]] = {**document["devices"]["local"], "cpu": EVIL, "os": EVIL}
    first["model"] = f"::error::{EVIL}"
    first["verdict"]["advice"] = EVIL
    second["status"] = "failed"
    second["error"] = {"stage": "run", "kind": f"::error::{EVIL}", "message": EVIL, "hint": EVIL}
    for number, cell in enumerate((first, second)):
        cell["id"] = f"::error::{number}{'z' * 400}::error::{EVIL}"
        cell["raw"] = None
    (run / "results.json").write_text(json.dumps(document))
    return run


PRINTING = (
    ("show", "RUN"),
    ("show", "RUN", "--json"),
    ("show", "RUN", "--csv"),
    ("compare", "GOOD", "RUN"),
    ("compare", "GOOD", "RUN", "--json"),
    ("gate", "RUN", "--baseline", "GOOD"),
    ("baseline", "update", "RUN", "--file", "b.toml"),
    ("export", "RUN", "--to", "csv"),
    ("export", "RUN", "--to", "litert"),
    ("history", "add", "RUN"),
    ("report", "JOURNAL"),
)


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_nothing_that_a_run_says_is_obeyed(good: Path, run: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """By a terminal, or by a service that reads the log."""
    if "JOURNAL" in arguments:
        journal = run / "journal.jsonl"
        lines = [json.loads(line) for line in journal.read_text().splitlines()]
        for line in lines:
            error = {"stage": "run", "kind": "::error::x", "message": f"::error::{EVIL}", "hint": f"x\n::error::{EVIL}"}
            line |= {"status": "failed", "error": error}
        journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    else:
        evil_run(run)
    places = {"RUN": str(run), "JOURNAL": str(run), "GOOD": str(good)}
    summary = tmp_path / "summary.md"
    done = edgerig(
        tmp_path, *(places.get(each, each) for each in arguments), GITHUB_STEP_SUMMARY=str(summary), COLUMNS="80"
    )
    assert b"error::" in done.stdout + done.stderr or b"%3A%3A" in done.stdout + done.stderr or not done.returncode
    for text in (done.stdout.decode(), done.stderr.decode()):
        assert [c for c in text if not c.isprintable() and c != "\n"] == []
        assert [line for line in text.split("\n") if line.lstrip().startswith("::") or "##[" in line] == []
    for file in (summary, run / "report.md", run / "compare.md"):
        if file.is_file():
            shown = file.read_text()
            assert [c for c in shown if not c.isprintable() and c != "\n"] == []


def test_a_gates_annotations_hold_one_command_a_line(good: Path, run: Path, tmp_path: Path) -> None:
    done = edgerig(
        tmp_path, "gate", str(evil_run(run)), "--baseline", str(good), GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=""
    )
    told = [line for line in done.stdout.decode().split("\n") if line.lstrip().startswith("::")]
    assert told
    assert [line for line in told if not line.startswith(("::error title=", "::warning title="))] == []
    assert [c for c in done.stdout.decode() if not c.isprintable() and c != "\n"] == []


@pytest.mark.parametrize("locale", [{"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}, {"LC_ALL": "POSIX"}])
def test_names_with_umlauts_work_in_an_ascii_locale(run: Path, tmp_path: Path, locale: dict[str, str]) -> None:
    named = run.rename(tmp_path / "Prüfung")
    ascii_only = {**locale, "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "LANG": "C"}
    done = edgerig(tmp_path, "report", "Prüfung", **ascii_only)
    assert done.returncode == 0, done.stderr
    assert (named / "index.html").is_file()
    done = edgerig(tmp_path, "compare", "Prüfung", "Prüfung", "--out", "Größe", **ascii_only)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "Größe" / "compare.html").is_file()


def test_a_baseline_and_a_bundle_that_are_fifos_are_refused_at_once(run: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.toml")
    (tmp_path / "endless.toml").symlink_to("/dev/zero")
    for name in ("fifo.toml", "endless.toml"):
        refused(edgerig(tmp_path, "gate", str(run), "--baseline", name), name)
        refused(edgerig(tmp_path, "gate", str(run), "--budget", name), name)
        refused(edgerig(tmp_path, "plan", name), name)
        refused(edgerig(tmp_path, "devices", "bundle", "--from", name), name)


def test_a_baseline_of_a_stranger_says_nothing_that_is_obeyed(run: Path, tmp_path: Path) -> None:
    text = baseline.render(observe(run)).decode()
    (tmp_path / "b.toml").write_text(text.replace('"local"', json.dumps(EVIL)))
    done = edgerig(tmp_path, "gate", str(run), "--baseline", "b.toml")
    said = done.stdout.decode() + done.stderr.decode()
    assert [c for c in said if not c.isprintable() and c != "\n"] == []
    assert [line for line in said.split("\n") if line.lstrip().startswith("::") or "##[" in line] == []
