"""The job a runner is given and the raw run it gives back, as JSON beside .npy files.

Job (`job.json`, schema 1): paths are relative to the job's folder.

    {"schema": 1, "cell": ID, "artifact": FILE, "sha256": HEX,
     "beside": {FILE: HEX, …},             the files the artifact reads beside itself
     "engine": "package.module:Class",    and what its class is made with:
     "engine_options": {}, "threads": 1,
     "shapes": [],                         one an input, which the file is loaded with; []: its own
     "processors": [],                     the runner keeps to these; [] to none
     "cluster": "",                        or to those that `clusters.chosen` calls so: "big", "little"
     "fed": [{"output": 1, "input": 2, "initial": 0.0, "keep": false}],
                                          the inputs fed from outputs (`stream.Fed`); not among `inputs`
     "resets": [],                         the samples before which the state is started anew, ascending
     "inputs": [FILE.npy, …],              one (N, …) array per tensor, in the file's own layout; of a
                                          quantized tensor its real values; the batch's axis, of length 1, is left
                                          out where it is the first, and may be where it is another
     "warmup_runs": 10, "min_runs": 50, "min_seconds": 1.0, "max_seconds": 150.0,
     "no_instructions": "",                why guest instructions are not to be counted; "": count them
     "no_state": "",                       why there is no state of the device to be read; "": read it
     "sustained_s": 0.0,                   how long to go on inferring after the timed loop, 0: not at all
     "timing_only": false,                 one more process for the timing: no memory pass, no count, no outputs
     "profile": false,                     a process for the profile alone, as `profiles/record.py` writes it, by
     "profiler": "",                       the engine's "package.module:function", "" where it has none, and by
     "clock": "", "no_clock": ""}          the clock library (`native/op_clock.c`), or "" and why there is none

Raw run (`raw.json`, schema 1): every duration in nanoseconds of the device's monotonic clock, `instructions` as
`markers.count` gives them, `controls` as `control.Controls` does, before and after the timed loop, `state` as
`main._timed` does: `{"before", "during", "after", "reasons"}` with readings of `sensors.Sensors`, or `{"reason"}`;
`sustained`, where it was asked for, as `sustained.keep` does, and of a runner that cannot always `{"reason"}`;
`affinity` as `affinity.Affinity.to_json` does, after the timed loop;
`contention` as `contention.Watch.to_json` does, or `{"reason"}`: then there is no `bursts.npy` (int64, (B, 8), whose
columns are `contention.COLUMNS`); `energy` as `energy.Meter.to_json` does.
`samples.npy` (int64, (S,)) holds every steady-state sample in order; `output_<i>.npy` ((N, …), of the dtype
`tensors.outside_dtype` says) the outputs, as `evaluate.evaluated` gives them and `engine` in `raw.json` tells.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, fields
from typing import Any

SCHEMA = 1


@dataclass(frozen=True)
class Job:
    cell: str
    engine: str
    engine_options: dict[str, Any]
    artifact: str
    sha256: str
    beside: dict[str, str]
    threads: int
    shapes: list[list[int]]
    processors: list[int]
    cluster: str
    inputs: list[str]
    fed: list[dict[str, Any]]
    resets: list[int]
    warmup_runs: int
    min_runs: int
    min_seconds: float
    max_seconds: float
    no_instructions: str
    no_state: str
    sustained_s: float
    timing_only: bool
    profile: bool
    profiler: str
    clock: str
    no_clock: str


def read_job(path: str) -> Job:
    """Raises ValueError when the file is not a job of this schema."""
    with open(path, encoding="utf-8") as file:
        data = json.load(file)
    if not isinstance(data, dict) or data.pop("schema", None) != SCHEMA:
        raise ValueError(f"{path} is not a job of schema {SCHEMA}")
    expected = {field.name for field in fields(Job)}
    if data.keys() != expected:
        raise ValueError(f"{path}: keys {sorted(data.keys() ^ expected)} are missing or unknown")
    return Job(**data)


def write_json(path: str, value: object) -> None:
    """Writes atomically, so that a reader never sees half a file."""
    temporary = f"{path}.tmp"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(value, file, allow_nan=False)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
