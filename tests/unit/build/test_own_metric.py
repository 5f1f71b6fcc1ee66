"""Metrics of the user's own run in a real child process; whatever they do costs their own figure only."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgerig.build.own_metric import KEPT, LOG, MetricRequest, read_own_metrics, take_own_metrics
from edgerig.build.own_metric_worker import take
from edgerig.errors import EdgerigError, ResultsError
from edgerig.results import Accuracy
from edgerig.spec import DatasetSpec, ModelSpec

CODE = """
import os, time
import numpy as np
def plain(outputs, labels): return float((outputs[0].argmax(axis=1) == labels).mean())
def scored(outputs, labels):
    print("seen", len(labels))
    error = np.abs(outputs[0].argmax(axis=1) - labels)
    return {"value": error.mean(), "scores": error, "higher_is_better": False, "unit": "steps"}
def raises(outputs, labels): return 1 / 0
def aborts(outputs, labels): os.abort()
def hangs(outputs, labels): time.sleep(60)
def text(outputs, labels): return "good"
def nan(outputs, labels): return float("nan")
def other(outputs, labels): return {"value": 1.0, "scores": [1.0]}
def unequal(outputs, labels): return {"value": 2.0, "scores": np.zeros(8)}
def unknown(outputs, labels): return {"value": 2.0, "valu": 3}
"""


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "own.py").write_text(CODE)
    data, raw = tmp_path / "data", tmp_path / "raw"
    data.mkdir()
    raw.mkdir()
    np.save(raw / "output_0.npy", np.eye(10, dtype=np.float32)[[0, 1, 2, 3, 4, 5, 6, 6]])
    np.save(data / "labels.npy", np.arange(12))  # more labels than outputs: the run was limited
    return {"model_folder": tmp_path, "data": data, "raw": raw}


@pytest.fixture
def taken(folders: dict[str, Path]) -> Callable[..., dict[str, Accuracy]]:
    """Takes the named metrics, each in its process."""

    def call(*names: str, timeout_s: float = 60.0) -> dict[str, Accuracy]:
        metric = tuple(f"own.py:{name}" for name in names)
        place = folders["model_folder"]
        model = ModelSpec(
            name="m",
            source="onnx",
            file=Path("m.onnx"),
            folder=place,
            metric=metric,
            dataset=DatasetSpec(npz=Path("d.npz")),
        )
        take_own_metrics(model, ("scores",), folders["data"], folders["raw"], timeout_s)
        return read_own_metrics(folders["raw"])

    return call


def test_a_float_and_per_sample_scores(taken: Callable[..., dict[str, Accuracy]], tmp_path: Path) -> None:
    found = taken("plain", "scored")
    plain, scored = found["own.py:plain"], found["own.py:scored"]
    assert (plain.value, plain.ci95, plain.samples, plain.unit) == (0.875, None, 8, "")
    assert (scored.value, scored.higher_is_better, scored.unit) == (0.125, False, "steps")
    assert scored.ci95[0] < 0.125 < scored.ci95[1]
    assert b"seen 8" in (tmp_path / "raw" / LOG).read_bytes()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("text", "a finite number is needed"),
        ("nan", "a finite number is needed"),
        ("other", "8 finite numbers are needed"),
        ("unequal", "the mean of its scores 0"),
        ("unknown", "unknown keys valu"),
        ("absent", 'has no function "absent"'),
    ],
)
def test_what_it_may_not_return(folders: dict[str, Path], name: str, said: str) -> None:
    with pytest.raises(EdgerigError) as caught:
        take(MetricRequest.model_validate({"metric": f"own.py:{name}", "names": ["scores"], **folders}))
    assert said in caught.value.message
    assert caught.value.hint


def test_what_ends_badly_is_the_reason(taken: Callable[..., dict[str, Accuracy]]) -> None:
    found = taken("raises", "aborts")
    assert "ZeroDivisionError" in found["own.py:raises"].reason
    assert "SIGABRT" in found["own.py:aborts"].reason
    assert all(each.value is None for each in found.values())


def test_a_metric_that_hangs_is_killed(taken: Callable[..., dict[str, Accuracy]]) -> None:
    (found,) = taken("hangs", timeout_s=3.0).values()
    assert "deadline of 3 s" in found.reason


def test_a_damaged_file_of_metrics_is_refused(tmp_path: Path) -> None:
    assert read_own_metrics(tmp_path) == {}
    (tmp_path / KEPT).write_text('{"own.py:x": {"value": "many"}}')
    with pytest.raises(ResultsError, match="damaged"):
        read_own_metrics(tmp_path)
