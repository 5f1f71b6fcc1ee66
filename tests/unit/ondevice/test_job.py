import json
from pathlib import Path
from typing import Any

import pytest

from edgerig.ondevice.job import SCHEMA, read_job, write_json

JOB = {
    "schema": SCHEMA,
    "cell": "c",
    "engine": "edgerig.ondevice.engines.litert:LitertEngine",
    "engine_options": {},
    "artifact": "m.tflite",
    "sha256": "0",
    "beside": {},
    "threads": 1,
    "shapes": [],
    "processors": [],
    "cluster": "",
    "inputs": ["input_0.npy"],
    "fed": [],
    "resets": [],
    "warmup_runs": 1,
    "min_runs": 1,
    "min_seconds": 0.0,
    "max_seconds": 1.0,
    "no_instructions": "",
    "no_state": "",
    "sustained_s": 0.0,
    "timing_only": False,
    "profile": False,
    "profiler": "",
    "clock": "",
    "no_clock": "",
}


def test_a_job_is_read_back(tmp_path: Path) -> None:
    write_json(str(tmp_path / "job.json"), JOB)
    assert read_job(str(tmp_path / "job.json")).artifact == "m.tflite"
    assert [path.name for path in tmp_path.iterdir()] == ["job.json"]


@pytest.mark.parametrize("change", [{"schema": 2}, {"extra": 1}, {"threads": None}])
def test_another_job_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    job = JOB | change
    if change == {"threads": None}:
        del job["threads"]
    (tmp_path / "job.json").write_text(json.dumps(job))
    with pytest.raises(ValueError, match=r"job\.json"):
        read_job(str(tmp_path / "job.json"))
