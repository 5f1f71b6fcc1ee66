"""A raw run is untrusted until it parses."""

import json
import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgerig.errors import RunError, UnparsableOutput
from edgerig.measure import raw as raw_module
from edgerig.measure import raw_run
from edgerig.measure.raw import read_raw

CELL = "m-torch-tflite-fp32@local/t1"


TENSOR = {"name": "x", "shape": [1, 2], "dtype": "float32", "scale": 0.0, "zero_point": 0}


def good() -> dict[str, Any]:
    return {
        "schema": 1,
        "cell": CELL,
        "runtime_import_ns": 1,
        "load_ns": 2,
        "first_inference_ns": 3,
        "warmup_runs": 1,
        "samples": 3,
        "timer_overhead_ns": 40,
        "memory": {"peak_rss_bytes": 10, "includes": "all"},
        "state": {},
        "engine": {"inputs": [TENSOR], "outputs": [TENSOR], "runtime": "R", "version": "1", "threads": 1},
    }


def write(
    folder: Path, raw: str | dict[str, Any], samples: npt.ArrayLike = (1, 2, 3), output: npt.ArrayLike = ((0.0, 1.0),)
) -> None:
    (folder / "raw.json").write_text(raw if isinstance(raw, str) else json.dumps(raw))
    np.save(folder / "samples.npy", np.array(samples, dtype=np.int64))
    np.save(folder / "output_0.npy", np.array(output, dtype=np.float32))


def test_a_whole_raw_run_is_read(tmp_path: Path) -> None:
    write(tmp_path, good())
    raw = read_raw(tmp_path, CELL)
    assert raw.samples_ns.tolist() == [1, 2, 3]
    assert raw.outputs[0].shape == (1, 2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": 2}, "schema"),
        ({"cell": "another"}, "'another'"),
        ({"load_ns": -5}, "load_ns"),
        ({"load_ns": "soon"}, "load_ns"),
        ({"engine": good()["engine"] | {"compile_ns": 3}}, "3 ns of compilation in a load of 2 ns"),
        ({"engine": good()["engine"] | {"compile_ns": -1}}, "engine.compile_ns"),
        ({"samples": 0}, "samples"),
        ({"engine": None}, "engine"),
        ({"memory": {"peak_rss_bytes": 0}}, "memory.peak_rss_bytes"),
        ({"samples": 4}, "samples.npy: dtype <i8 and shape (3,)"),
        ({"samples": 10**12}, "samples"),
        ({"warmup_runs": 10**30}, "warmup_runs"),
        ({"memory": {"peak_rss_bytes": 10**30}}, "memory.peak_rss_bytes"),
        ({"state": {"before": {"load1": float("nan")}}}, "state.before.load1"),
        ({"engine": good()["engine"] | {"outputs": []}}, "engine.outputs"),
        ({"engine": good()["engine"] | {"outputs": [TENSOR | {"scale": float("inf")}]}}, "engine.outputs.0.scale"),
        ({"engine": good()["engine"] | {"total": 10**30}}, "engine.total"),
        ({"engine": good()["engine"] | {"delegated": 3, "total": 2}}, "3 of 2 operators"),
        ({"state": {"before": {"temperature_c": 5000}}}, "state.before.temperature_c"),
        ({"state": {"during": [{"frequency_khz": -1}]}}, "state.during.0.frequency_khz"),
        ({"state": {"during": [{}] * 1001}}, "state.during"),
        ({"state": {"reasons": {"x": "y" * 5000}}}, "state.reasons.x"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    write(tmp_path, good() | change)
    with pytest.raises(UnparsableOutput) as caught:
        read_raw(tmp_path, CELL)
    assert said in caught.value.message
    assert CELL in caught.value.message


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema": 1}', "x" * 5000])
def test_what_is_no_raw_run_is_refused(tmp_path: Path, text: str) -> None:
    write(tmp_path, text)
    with pytest.raises(UnparsableOutput, match=r"raw\.json is not a raw run"):
        read_raw(tmp_path, CELL)


def test_the_engines_own_words_are_passed_on(tmp_path: Path) -> None:
    write(tmp_path, {"schema": 1, "error": {"type": "RuntimeError", "message": "0x20: no backend"}})
    with pytest.raises(RunError, match="RuntimeError: 0x20: no backend"):
        read_raw(tmp_path, CELL)


def test_what_a_device_says_does_nothing_to_a_terminal(tmp_path: Path) -> None:
    engine = good()["engine"] | {"version": "1\x1b[2J\u202e", "notes": ["a\rb"]}
    write(tmp_path, good() | {"engine": engine})
    run = read_raw(tmp_path, CELL).run
    assert (run.engine.version, run.engine.notes) == ("1·[2J·", ["a·b"])
    write(tmp_path, {"schema": 1, "error": {"type": "E", "message": "\x1b]0;title\x07"}})
    with pytest.raises(RunError, match="·]0;title·"):
        read_raw(tmp_path, CELL)


@pytest.mark.parametrize("samples", [(1, -2, 3), (1, 0, 3), (1, 2**62, 3)])
def test_durations_no_clock_gives_are_refused(tmp_path: Path, samples: tuple[int, int, int]) -> None:
    """Every report divides by a latency."""
    write(tmp_path, good(), samples=samples)
    with pytest.raises(UnparsableOutput, match=f"durations from {min(samples)} to {max(samples)} ns"):
        read_raw(tmp_path, CELL)


def test_foreign_arrays_are_refused(tmp_path: Path) -> None:
    write(tmp_path, good(), output=((0.0, 1.0, 2.0),))
    with pytest.raises(UnparsableOutput, match=r"output_0\.npy: dtype <f4 and shape \(1, 3\)"):
        read_raw(tmp_path, CELL)


def header(text: str, version: int = 1) -> bytes:
    return b"\x93NUMPY" + bytes((version, 0)) + struct.pack("<H" if version == 1 else "<I", len(text)) + text.encode()


def described(shape: str, descr: str = "'<f4'") -> bytes:
    return header(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}\n")


HOSTILE = {
    "empty": b"",
    "zip": b"PK\3\4" + bytes(100),
    "pickle": b"\x80\x04\x95" + bytes(100),
    "huge": described("(1000000000000, 2)"),
    "beyond any machine": described(f"({10**300}, 2)"),
    "negative": described("(-1, 2)") + bytes(8),
    "a truth for a length": described("(True, 2)") + bytes(8),
    "a float for a length": described("(1.0, 2)") + bytes(8),
    "objects": described("(1, 2)", "'|O'") + bytes(16),
    "a structure": described("(1, 2)", "[('a', '<f4')]") + bytes(8),
    "an array in each": described("(1, 2)", "('<f4', (1,))") + bytes(8),
    "other byte order": described("(1, 2)", "'>f4'") + bytes(8),
    "one axis more": described("(1, 2, 1)") + bytes(8),
    "one byte more": described("(1, 2)") + bytes(9),
    "one byte less": described("(1, 2)") + bytes(7),
    "no key": header("{}"),
    "keys of two types": header("{1: 2, 'a': 3}"),
    "a key that is none": header("{[]: 1}"),
    "an unknown version": b"\x93NUMPY\x09\x00" + bytes(10),
    "parentheses": header("(" * 9000),
    "minuses": header("-" * 9000 + "1"),
    "an open text": header("{'descr': '''"),
    "indentation": header("  {}\n {"),
    "a longer header than there is": described("(1, 2)")[:-9],
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_array_is_refused_before_it_is_loaded(tmp_path: Path, content: bytes) -> None:
    write(tmp_path, good())
    (tmp_path / "output_0.npy").write_bytes(content)
    with pytest.raises(UnparsableOutput, match=r"output_0\.npy: ") as caught:
        read_raw(tmp_path, CELL)
    assert len(caught.value.message) < 500


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_array_is_read_or_refused_and_nothing_else(tmp_path: Path, seed: int) -> None:
    write(tmp_path, good())
    path, chance = tmp_path / "output_0.npy", random.Random(seed)
    whole, refused = path.read_bytes(), 0
    for _ in range(500):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged[: chance.choice((len(damaged), chance.randrange(len(damaged))))])
        try:
            assert read_raw(tmp_path, CELL).outputs[0].shape == (1, 2)
        except UnparsableOutput:
            refused += 1
    assert 0 < refused < 500


def test_an_array_in_fortran_order_and_one_of_free_length_are_read(tmp_path: Path) -> None:
    engine = good()["engine"] | {"outputs": [TENSOR | {"shape": [1, 2, -1]}]}
    write(tmp_path, good() | {"engine": engine})
    outputs = np.arange(24, dtype=np.float32).reshape(3, 2, 4)
    np.save(tmp_path / "output_0.npy", np.asfortranarray(outputs))
    assert np.array_equal(read_raw(tmp_path, CELL).outputs[0], outputs)


def test_a_pickled_array_is_never_loaded(tmp_path: Path) -> None:
    write(tmp_path, good())
    np.save(tmp_path / "samples.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UnparsableOutput, match=r"samples\.npy: dtype \|O"):
        read_raw(tmp_path, CELL)


def test_a_cut_array_is_refused(tmp_path: Path) -> None:
    write(tmp_path, good())
    whole = (tmp_path / "samples.npy").read_bytes()
    (tmp_path / "samples.npy").write_bytes(whole[:-4])
    with pytest.raises(UnparsableOutput, match=r"samples\.npy"):
        read_raw(tmp_path, CELL)


def test_a_raw_run_of_before_there_were_readings_still_reads(tmp_path: Path) -> None:
    write(tmp_path, good() | {"state": {"before": {"load1": 0.5, "memory_available_bytes": 10}, "after": {}}})
    state = read_raw(tmp_path, CELL).run.state
    assert (state.before.load1, state.during, state.after.load1) == (0.5, [], None)


def test_states_of_processes_one_after_the_other_are_one() -> None:
    def reading(at_ns: int) -> raw_run.RawReading:
        return raw_run.RawReading(at_ns=at_ns, cpu=0)

    first = raw_run.RawState(before=reading(0), during=[reading(5)], after=reading(10), reasons={"a": "b"})
    second = raw_run.RawState(before=reading(1), after=reading(7))
    joined = raw_module._one_state([first, second])
    assert (joined.before.at_ns, [each.at_ns for each in joined.during], joined.after.at_ns) == (0, [5, 10, 11], 17)
    assert joined.reasons == {"a": "b"}
    assert raw_module._one_state([first]) == first
    assert raw_module._one_state([raw_run.RawState(reason="emulated")] * 2).reason == "emulated"
