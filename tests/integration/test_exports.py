"""Exports read back by the tools they are for: TensorBoard's own reader, MLflow's own client."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from unit.history.runs import make_cell, make_run

from edgerig.errors import ConfigError
from edgerig.report import exports
from edgerig.results import Accuracy

pytestmark = pytest.mark.integration

HOSTILE = "it's `a` \\ <b>\"/../x"
PLAIN = make_cell()
NAMED = make_cell(f"{HOSTILE}-torch-onnx-fp32@local/t1", model=HOSTILE, accuracy=None, p50=2.0)
EMULATED = make_cell(
    "digits_cnn-torch-tflite-fp32@qemu/t1",
    device="qemu",
    emulated=True,
    label="emulated",
    instructions=9_000,
    peak=None,
)
FAILED = make_cell("digits_cnn-torch-onnx-fp16@local/t1", failed="no answer")
SEVERAL = PLAIN.model_copy(
    update={
        "id": "digits_cnn-torch-onnx-fp32@local/t1",
        "metrics": {
            "accuracy": PLAIN.accuracy,
            "boxes:0=map": Accuracy(metric="map", output="boxes:0", value=0.5, samples=540),
        },
    }
)
RUN = make_run(1, PLAIN, SEVERAL, NAMED, EMULATED, FAILED, commit="c" * 40)


def test_tensorboard_shows_scalars_and_hparams_of_every_cell_that_ran(tmp_path: Path) -> None:
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    plugin_data = pytest.importorskip("tensorboard.plugins.hparams.plugin_data_pb2")
    out = tmp_path / "tb"
    for _ in range(2):  # the second replaces the first: no figure stands twice
        exports.write("tensorboard", RUN, tmp_path, out)
    folders = sorted(path for path in out.iterdir() if path.is_dir())
    assert len(folders) == 4
    read = {}
    for folder in folders:
        found = event_accumulator.EventAccumulator(str(folder))
        found.Reload()
        scalars = {tag: [event.value for event in found.Scalars(tag)] for tag in found.Tags()["scalars"]}
        raw = found.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
        start = plugin_data.HParamsPluginData.FromString(raw).session_start_info
        facts = {key: value.string_value or value.number_value for key, value in start.hparams.items()}
        read[facts["id"]] = (scalars, facts)
    assert set(read) == {PLAIN.id, SEVERAL.id, NAMED.id, EMULATED.id}
    assert read[PLAIN.id][0]["latency_p50_ms"] == [1.0]
    assert read[PLAIN.id][0]["accuracy"] == [pytest.approx(0.99)]
    assert "accuracy" not in read[NAMED.id][0]
    assert not any(name.endswith("_ms") for name in read[EMULATED.id][0])
    assert read[EMULATED.id][0]["instructions"] == [9000]
    assert read[NAMED.id][1]["model"] == HOSTILE


def test_tensorboard_never_empties_a_folder_of_something_else(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    (tmp_path / "mine.txt").write_text("dear")
    with pytest.raises(ConfigError, match="something else"):
        exports.write("tensorboard", RUN, tmp_path, tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "dear"


def test_mlflow_finds_every_cell_that_ran_once(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    out = tmp_path / "deep" / "mlflow.db"
    for _ in range(2):  # the second adds nothing
        done = exports.write("mlflow", RUN, tmp_path, out)
    client = mlflow.MlflowClient(tracking_uri=done.written[0], registry_uri=done.written[0])
    experiments = {e.name: e.experiment_id for e in client.search_experiments() if e.name != "Default"}
    assert set(experiments) == {"edgerig/digits_cnn", f"edgerig/{HOSTILE}"}
    runs = {run.data.params["id"]: run for run in client.search_runs(list(experiments.values()))}
    assert set(runs) == {PLAIN.id, SEVERAL.id, NAMED.id, EMULATED.id}
    assert len(client.search_runs(list(experiments.values()))) == 4
    assert runs[SEVERAL.id].data.metrics["metric_boxes_0.map"] == 0.5
    plain = runs[PLAIN.id]
    assert plain.data.metrics["latency_p50_ms"] == 1.0
    assert "instructions" not in plain.data.metrics
    assert plain.data.tags["edgerig.run"] == RUN.run.id
    assert plain.data.tags["mlflow.source.git.commit"] == "c" * 40
    assert "instructions: not emulated" in plain.data.tags["edgerig.not_measured"]
    assert plain.info.status == "FINISHED"
    assert not any(name.endswith("_ms") for name in runs[EMULATED.id].data.metrics)
    assert "failed: no answer" in dict(done.left_out)[FAILED.id]


@pytest.mark.parametrize(
    ("name", "blocked"), [("mlflow", "mlflow"), ("mlflow", "sqlalchemy"), ("tensorboard", "tensorboard")]
)
def test_without_its_package_the_extra_is_named(tmp_path: Path, name: str, blocked: str) -> None:
    """In a process of its own, in which the package cannot be imported."""
    code = (
        f"import sys; sys.modules[{blocked!r}] = None\n"
        "from pathlib import Path\n"
        "from unit.history.runs import make_run\n"
        "from edgerig.errors import ConfigError\n"
        "from edgerig.report import exports\n"
        f"try:\n    exports.write({name!r}, make_run(1), Path('.'), Path('x'))\n"
        "except ConfigError as error:\n    print(error.hint)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{code}"],
        capture_output=True, text=True, timeout=120, cwd=tmp_path,
    )  # fmt: skip
    assert done.stdout.strip() == f"pip install 'edgerig[{name}]'", done.stderr
