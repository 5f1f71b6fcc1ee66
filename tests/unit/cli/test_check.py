"""`edgerig check`: exit codes, table, JSON, what is written and what is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import made_apps
import pytest
from unit.cli.imported import imported


def edgerig(*arguments: Path | str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgerig", "check", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_clean_files_end_with_0_failing_ones_with_10(tmp_path: Path) -> None:
    good = written(tmp_path / "good.so", made_apps.elf())
    bad = written(tmp_path / "bad.so", made_apps.elf(4096))
    assert edgerig(good).returncode == 0
    done = edgerig(good, bad)
    assert done.returncode == 10
    assert "1 of 2 files fail" in done.stderr
    assert "max-page-size=16384" in done.stdout


def test_json_has_every_finding(tmp_path: Path) -> None:
    done = edgerig("--json", written(tmp_path / "a.so", made_apps.elf(4096)))
    (file,) = json.loads(done.stdout)["files"]
    assert (file["kind"], file["verdict"]) == ("shared library", "fails")
    assert set(file["findings"][0]) == {"verdict", "check", "where", "what", "fix"}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("", None, "is a folder"),
        ("missing.so", None, "No such file"),
        ("empty.so", b"", "is empty"),
        ("text.so", b"hello\n", "is no ELF file"),
        ("text.txt", b"hello\n", "is of no kind that is checked"),
        ("text.apk", b"hello\n", "is no zip archive"),
        ("text.tflite", b"hello, this is text\n", "bytes 4 to 7 are not"),
        ("text.onnx", b"hello, this is text\n", "is no ONNX model"),
    ],
)
def test_wrong_files_end_with_2_and_what_to_do(tmp_path: Path, name: str, content: bytes | None, said: str) -> None:
    path = tmp_path / name if content is None else written(tmp_path / name, content)
    done = edgerig(path)
    assert done.returncode == 2
    assert said in done.stdout
    assert "Traceback" not in done.stderr


def test_the_others_are_checked_when_one_is_missing(tmp_path: Path) -> None:
    done = edgerig(tmp_path / "missing.so", written(tmp_path / "good.so", made_apps.elf()))
    assert done.returncode == 2
    assert "segments are aligned to 16 KB" in done.stdout


def test_labels_are_written_into_a_new_file(tmp_path: Path) -> None:
    model = written(tmp_path / "a.tflite", made_apps.tflite())
    labels = written(tmp_path / "labels.txt", b"a\nb\nc\nd\n")
    before = model.read_bytes()
    done = edgerig(model, "--set-labels", labels, "--normalization", "127.5,127.5", "--out", tmp_path / "new.tflite")
    assert done.returncode == 0, done.stderr
    assert "output 0 has 4 labels in 'labels.txt'" in done.stdout
    assert model.read_bytes() == before
    assert edgerig(model, "--set-labels", labels, "--in-place").returncode == 0
    assert model.read_bytes() != before


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--normalization", "1,1"], "where the model is written is not said"),
        (["--normalization", "1,1", "--out", "x.tflite", "--in-place"], "said twice"),
        (["--normalization", "1", "--in-place"], "is not MEAN,STD"),
        (["--normalization", "0,0", "--in-place"], "is not MEAN,STD"),
        (["--normalization", "nan,1", "--in-place"], "is not MEAN,STD"),
        (["--set-labels", "missing.txt", "--in-place"], "No such file"),
        (["--out", "x.tflite"], "nothing is written"),
        (["--runtime", "tflite"], "is not NAME=VERSION"),
    ],
)
def test_flags_that_do_not_go_together_write_nothing(tmp_path: Path, flags: list[str], said: str) -> None:
    model = written(tmp_path / "a.tflite", made_apps.tflite())
    before = model.read_bytes()
    done = edgerig(model, *flags)
    assert done.returncode == 2
    assert said in done.stderr
    assert model.read_bytes() == before


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    model = written(tmp_path / "a.tflite", made_apps.tflite())
    done = edgerig(model, "--normalization", "1,1", "--out", model)
    assert done.returncode == 2
    assert "is there already" in done.stderr


def test_it_imports_no_framework(tmp_path: Path) -> None:
    """Nor numpy or flatbuffers: a light install has what it needs."""
    files = [
        written(tmp_path / "a.tflite", made_apps.tflite()),
        written(tmp_path / "a.onnx", made_apps.onnx()),
        made_apps.archive(tmp_path / "a.apk", {"lib/arm64-v8a/liba.so": made_apps.elf()}, align=16384),
    ]
    heavy = {"numpy", "torch", "tensorflow", "onnx", "onnxruntime", "ai_edge_litert", "flatbuffers"}
    assert imported(["check", *map(str, files)], heavy) == "[]"


def test_a_fifo_is_no_file_to_wait_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.so")
    done = edgerig(tmp_path / "a.so")
    assert done.returncode == 2
    assert "FIFO" in done.stdout
