"""What XLA compiles ahead of time of real Keras networks, and what it does not: each with its reason."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgerig.build.formats.xla import XlaBuilder
from edgerig.build.source import Arrays, SourceModel, known_dtype
from edgerig.errors import EdgerigError, UnsupportedRecipe
from edgerig.ondevice.engines import UnsupportedTensor
from edgerig.ondevice.engines.xla import MAGIC, TRAILER, XlaEngine, noted
from edgerig.spec import ModelSpec, TensorSpec, load_recipes

pytestmark = [pytest.mark.contract, pytest.mark.needs("g++", "g++-aarch64-linux-gnu")]

FP32 = load_recipes()["fp32"]
X = np.linspace(-2, 2, 8, dtype=np.float32).reshape(1, 8)
AARCH64 = 183
"""EM_AARCH64 (elf.h), at byte 18 of a file."""


def keras_source(compute: Callable[..., Any], inputs: Arrays, shape: tuple[int, ...]) -> SourceModel:
    import keras

    given = [keras.Input(batch_shape=array.shape, dtype=array.dtype.name) for array in inputs]
    spec = ModelSpec(
        name="net",
        source="keras",
        factory="model.py:create",
        no_accuracy_reason="made for a test",
        inputs=tuple(
            TensorSpec(name=f"in{i}", shape=array.shape, dtype=known_dtype(array.dtype.name))
            for i, array in enumerate(inputs)
        ),
        outputs=(TensorSpec(name="out", shape=shape),),
    )
    return SourceModel(spec, keras.Model(given, compute(*given)), list, inputs)


def of_tensorflow(compute: Callable[..., Any]) -> Callable[..., Any]:
    import keras

    return lambda x: keras.layers.Lambda(compute)(x)


def loaded(file: Path) -> XlaEngine:
    engine = XlaEngine()
    engine.load(str(file), 1)
    return engine


def run(file: Path, *inputs: np.ndarray) -> np.ndarray:
    engine = loaded(file)
    engine.set_inputs(list(inputs))
    engine.invoke()
    return engine.outputs()[0]


def test_an_input_that_nothing_reads_is_taken_and_left(tmp_path: Path) -> None:
    model = keras_source(lambda a, b: b * 2, [X, X + 1], (1, 8))
    built = XlaBuilder(model, {}, tmp_path).build(FP32, None, tmp_path / "net.xla.so")
    np.testing.assert_allclose(run(built.file, X, X + 1), (X + 1) * 2)


def test_integers_are_looked_up_as_they_are(tmp_path: Path) -> None:
    import keras

    table = np.arange(40, dtype=np.float32).reshape(10, 4)
    layer = keras.layers.Embedding(10, 4)
    places = np.array([[9, 0, 3]], np.int64)
    model = keras_source(layer, [places], (1, 3, 4))
    layer.set_weights([table])
    built = XlaBuilder(model, {}, tmp_path).build(FP32, None, tmp_path / "net.xla.so")
    np.testing.assert_array_equal(run(built.file, places), table[places])


def test_another_processor_gets_a_file_of_its_own_which_does_not_open_here(tmp_path: Path) -> None:
    builder = XlaBuilder(keras_source(lambda x: x * 2, [X], (1, 8)), {}, tmp_path)
    here = builder.build(FP32, None, tmp_path / "here.xla.so")
    there = builder.build_for("aarch64", FP32, tmp_path / "there.xla.so")
    assert int.from_bytes(there.file.read_bytes()[18:20], "little") == AARCH64
    assert noted(str(there.file)) == noted(str(here.file))
    with pytest.raises(OSError, match="machine code for aarch64, and this processor is x86_64"):
        loaded(there.file)


def test_without_a_cross_compiler_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builder = XlaBuilder(keras_source(lambda x: x * 2, [X], (1, 8)), {}, tmp_path)
    builder.build(FP32, None, tmp_path / "here.xla.so")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EdgerigError, match="no C\\+\\+ compiler for aarch64") as caught:
        builder.build_for("aarch64", FP32, tmp_path / "there.xla.so")
    assert "apt install g++-aarch64-linux-gnu" in caught.value.hint
    with pytest.raises(EdgerigError, match="not for riscv64"):
        builder.build_for("riscv64", FP32, tmp_path / "there.xla.so")


def test_what_xla_has_no_kernels_for_is_refused_by_name(tmp_path: Path) -> None:
    import tensorflow as tf

    text = of_tensorflow(lambda x: tf.cast(tf.strings.length(tf.as_string(x)), tf.float32))
    with pytest.raises(EdgerigError, match=r"XLA's compiler failed: .*AsString"):
        XlaBuilder(keras_source(text, [X], (1, 8)), {}, tmp_path).build(FP32, None, tmp_path / "net.xla.so")


def test_random_numbers_are_refused(tmp_path: Path) -> None:
    import tensorflow as tf

    noisy = of_tensorflow(lambda x: x + tf.random.uniform((1, 8)))
    with pytest.raises(EdgerigError, match="draws random numbers"):
        XlaBuilder(keras_source(noisy, [X], (1, 8)), {}, tmp_path).build(FP32, None, tmp_path / "net.xla.so")


def test_a_length_that_the_data_decides_is_refused(tmp_path: Path) -> None:
    import tensorflow as tf

    chosen = of_tensorflow(lambda x: tf.boolean_mask(x, x > 0))
    with pytest.raises(UnsupportedRecipe, match=r'"out" is \[-1\]: XLA compiles for fixed shapes'):
        XlaBuilder(keras_source(chosen, [X], (-1,)), {}, tmp_path).build(FP32, None, tmp_path / "net.xla.so")


def test_a_note_that_is_not_the_programs_is_refused(tmp_path: Path) -> None:
    built = XlaBuilder(keras_source(lambda x: x * 2, [X], (1, 8)), {}, tmp_path).build(
        FP32, None, tmp_path / "a.xla.so"
    )
    whole, note = built.file.read_bytes(), noted(str(built.file))
    library = whole[: -len(note) - TRAILER.size]
    other = note.replace(b"[1, 8]", b"[1, 9]")
    (tmp_path / "b.xla.so").write_bytes(library + other + TRAILER.pack(MAGIC, len(other)))
    with pytest.raises(UnsupportedTensor, match="36 bytes in the note, 32 in the program"):
        loaded(tmp_path / "b.xla.so")
    (tmp_path / "c.xla.so").write_bytes(library + note + TRAILER.pack(MAGIC, 2**40))
    with pytest.raises(ValueError, match="no whole library"):
        loaded(tmp_path / "c.xla.so")


def test_a_program_runs_without_tensorflow(tmp_path: Path) -> None:
    built = XlaBuilder(keras_source(lambda x: x * 2, [X], (1, 8)), {}, tmp_path).build(
        FP32, None, tmp_path / "a.xla.so"
    )
    program = """
import sys
import numpy as np
from edgerig.ondevice.engines.xla import XlaEngine
engine = XlaEngine()
engine.load(sys.argv[1], 1)
engine.set_inputs([np.ones((1, 8), np.float32)])
engine.invoke()
print(engine.outputs()[0].sum(), sorted({name.partition(".")[0] for name in sys.modules} & {"tensorflow", "keras"}))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(built.file)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "16.0 []\n"), done.stderr
