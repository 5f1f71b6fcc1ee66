"""A raw run is untrusted until it parses."""

import json

import numpy as np
import pytest

from edgerig.errors import RunError, UnparsableOutput
from edgerig.measure import raw as raw_module
from edgerig.measure.raw import read_raw

CELL = "m-torch-tflite-fp32@local/t1"


def good():
    tensor = {"name": "x", "shape": [1, 2], "dtype": "float32", "scale": 0.0, "zero_point": 0}
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
        "engine": {"inputs": [tensor], "outputs": [tensor], "runtime": "R", "version": "1", "threads": 1},
    }


def write(folder, raw, samples=(1, 2, 3), output=((0.0, 1.0),)):
    (folder / "raw.json").write_text(raw if isinstance(raw, str) else json.dumps(raw))
    np.save(folder / "samples.npy", np.array(samples, dtype=np.int64))
    np.save(folder / "output_0.npy", np.array(output, dtype=np.float32))


def test_a_whole_raw_run_is_read(tmp_path):
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
        ({"samples": 0}, "samples"),
        ({"engine": None}, "engine"),
        ({"memory": {"peak_rss_bytes": 0}}, "memory.peak_rss_bytes"),
        ({"samples": 4}, "samples.npy has"),
        ({"state": {"before": {"temperature_c": 5000}}}, "state.before.temperature_c"),
        ({"state": {"during": [{"frequency_khz": -1}]}}, "state.during.0.frequency_khz"),
        ({"state": {"during": [{}] * 1001}}, "state.during"),
        ({"state": {"reasons": {"x": "y" * 5000}}}, "state.reasons.x"),
    ],
)
def test_a_wrong_value_is_named(tmp_path, change, said):
    write(tmp_path, good() | change)
    with pytest.raises(UnparsableOutput) as caught:
        read_raw(tmp_path, CELL)
    assert said in caught.value.message
    assert CELL in caught.value.message


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema": 1}', "x" * 5000])
def test_what_is_no_raw_run_is_refused(tmp_path, text):
    write(tmp_path, text)
    with pytest.raises(UnparsableOutput, match=r"raw\.json is not a raw run"):
        read_raw(tmp_path, CELL)


def test_the_engines_own_words_are_passed_on(tmp_path):
    write(tmp_path, {"schema": 1, "error": {"type": "RuntimeError", "message": "0x20: no backend"}})
    with pytest.raises(RunError, match="RuntimeError: 0x20: no backend"):
        read_raw(tmp_path, CELL)


def test_negative_samples_and_foreign_arrays_are_refused(tmp_path):
    write(tmp_path, good(), samples=(1, -2, 3))
    with pytest.raises(UnparsableOutput, match="negative"):
        read_raw(tmp_path, CELL)
    write(tmp_path, good(), output=((0.0, 1.0, 2.0),))
    with pytest.raises(UnparsableOutput, match=r"output_0\.npy has"):
        read_raw(tmp_path, CELL)


def test_a_pickled_array_is_never_loaded(tmp_path):
    write(tmp_path, good())
    np.save(tmp_path / "samples.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(UnparsableOutput, match="not a readable array"):
        read_raw(tmp_path, CELL)


def test_a_cut_array_is_refused(tmp_path):
    write(tmp_path, good())
    whole = (tmp_path / "samples.npy").read_bytes()
    (tmp_path / "samples.npy").write_bytes(whole[:-4])
    with pytest.raises(UnparsableOutput, match=r"samples\.npy"):
        read_raw(tmp_path, CELL)


def test_a_raw_run_of_before_there_were_readings_still_reads(tmp_path):
    write(tmp_path, good() | {"state": {"before": {"load1": 0.5, "memory_available_bytes": 10}, "after": {}}})
    state = read_raw(tmp_path, CELL).run.state
    assert (state.before.load1, state.during, state.after.load1) == (0.5, [], None)


def test_states_of_processes_one_after_the_other_are_one() -> None:
    def reading(at_ns: int) -> raw_module.RawReading:
        return raw_module.RawReading(at_ns=at_ns, cpu=0)

    first = raw_module.RawState(before=reading(0), during=[reading(5)], after=reading(10), reasons={"a": "b"})
    second = raw_module.RawState(before=reading(1), after=reading(7))
    joined = raw_module._one_state([first, second])
    assert (joined.before.at_ns, [each.at_ns for each in joined.during], joined.after.at_ns) == (0, [5, 10, 11], 17)
    assert joined.reasons == {"a": "b"}
    assert raw_module._one_state([first]) == first
    assert raw_module._one_state([raw_module.RawState(reason="emulated")] * 2).reason == "emulated"
