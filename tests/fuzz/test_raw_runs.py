"""Raw runs as a device, or whoever it is in truth, sends them."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from random import Random

import numpy as np
import pytest
from fuzz.inputs import altered, damaged, numbers, survived
from fuzz.whole_run import LOGITS, SAMPLES, raw_document

from edgerig.build.datasets.arrays import open_npz
from edgerig.build.datasets.dataset import Fits, Tensor
from edgerig.measure.raw import read_raw
from edgerig.npy import map_untrusted
from edgerig.spec import DatasetSpec

CELL = "net-torch-onnx-fp32@local/t1"
DESCRIPTIONS = ("<i8", ">i8", "<f4", "<f8", "|O", "<U5", "|V8", "<M8[s]", "|b1", "<c16", "x", "<i8,<i8", "(2,)<i8", "")
SHAPES = ("(200,)", "(30, 10)", "(0,)", "(-1,)", "(10**9, 10**9)", "(2**63,)", "()", "(1.5,)", "('x',)", "(True,)",
          "[200]", "200", "(" * 3000 + ")" * 3000, "(" + "9" * 5000 + ",)", "{}", "(200,", "lambda: 0", "")  # fmt: skip


def header(random: Random) -> bytes:
    """A file of arrays whose header says something else than what follows."""
    told = (
        f"{{'descr': {random.choice(DESCRIPTIONS)!r}, 'fortran_order': {random.choice(('False', 'True', '1', 'x'))}, "
        f"'shape': {random.choice(SHAPES)}, {random.choice(('', '', 'x: 1', chr(0), '**{}'))}}}\n"
    ).encode()
    major = random.choice((1, 1, 1, 2, 3, 9))
    length = random.choice((len(told), len(told), 0, 65535, 2**32 - 1))
    size = (min(length, 65535)).to_bytes(2, "little") if major == 1 else length.to_bytes(4, "little")
    return b"\x93NUMPY" + bytes((major, 0)) + size + told + random.randbytes(random.choice((0, 8, 1600)))


def array(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


@pytest.fixture
def raw(tmp_path: Path) -> dict[str, bytes]:
    """The files of a sound raw run, by name."""
    document = raw_document(CELL, 200)
    document["engine"]["outputs"] = [LOGITS]
    return {
        "raw.json": json.dumps(document).encode(),
        "samples.npy": array(np.full(200, 1000, "<i8")),
        "output_0.npy": array(np.zeros((SAMPLES, 10), "<f4")),
        "host_0.npy": array(np.zeros((8, 10), "<f4")),
    }


def put(files: dict[str, bytes], folder: Path) -> Path:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def test_no_raw_run_gives_a_traceback(raw: dict[str, bytes], tmp_path: Path) -> None:
    for name, random in numbers("raw run", 300):
        file = random.choice(list(raw))
        content = raw[file]
        if file == "raw.json":
            told = random.random() < 0.7
            content = json.dumps(altered(json.loads(content), random)).encode() if told else damaged(content, random)
        else:
            content = header(random) if random.random() < 0.6 else damaged(content, random)
        put({**raw, file: content}, tmp_path)
        with survived(name):
            read_raw(tmp_path, CELL)


def test_no_array_gives_anything_but_what_its_callers_expect(tmp_path: Path) -> None:
    """Of labels and reference outputs, which are mapped."""
    file = tmp_path / "labels.npy"
    for name, random in numbers("array", 300):
        file.write_bytes(header(random) if random.random() < 0.7 else damaged(array(np.arange(30)), random))
        with survived(name):
            try:
                assert map_untrusted(file).dtype.kind in "biuf"
            except (OSError, ValueError):
                continue


def test_no_archive_of_arrays_gives_a_traceback(tmp_path: Path) -> None:
    """A dataset's npz, whose members are told by their headers as well."""
    good = io.BytesIO()
    np.savez_compressed(good, inputs=np.zeros((30, 4), "<f4"), labels=np.arange(30))
    spec, file = DatasetSpec(npz=Path("d.npz")), tmp_path / "d.npz"
    fits = Fits((Tensor("inputs", (1, 4)),), (1, 30), "class", 30)
    for name, random in numbers("archive", 100):
        if random.random() < 0.5:
            file.write_bytes(damaged(good.getvalue(), random))
        else:
            with zipfile.ZipFile(file, "w", random.choice((0, 8, 12, 14))) as made:
                made.writestr("inputs.npy", header(random))
                made.writestr("labels.npy", header(random))
        with survived(name):
            for _ in open_npz(spec, tmp_path, fits).evaluation.batches():
                pass


def test_a_sound_raw_run_is_read(raw: dict[str, bytes], tmp_path: Path) -> None:
    assert len(read_raw(put(raw, tmp_path), CELL).samples_ns) == 200
