"""A file profiled by its runtime's own Python tool: `python own_profiles.py ENGINE FILE SHAPE RUNS` prints JSON with
`whole` and `sum` in nanoseconds, the medians of inferences left alone and of their operators together.

`executorch` is ETDump and the Inspector (pytorch.org/executorch, "Profiling Models"), `onnxruntime` the JSON of a
session's profile. LiteRT's wheel has none in Python.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

MEANS_NOTHING = "native_call_"


def main() -> None:
    engine, file, shape, runs = sys.argv[1:5]
    given = np.ones([int(length) for length in shape.split("x")], np.float32)
    measured = {"executorch": executorch, "onnxruntime": onnxruntime}[engine](file, given, int(runs))
    print(json.dumps(measured))


def executorch(file: str, given: Any, runs: int) -> dict[str, float]:
    import torch
    from executorch.devtools import Inspector
    from executorch.extension.pybindings.portable_lib import _load_for_executorch

    sample = [torch.from_numpy(given)]
    alone = _load_for_executorch(file)
    wholes = [_timed(lambda: alone.forward(sample)) for _ in range(runs)]
    traced = _load_for_executorch(file, enable_etdump=True)
    for _ in range(runs):
        traced.forward(sample)
    with tempfile.TemporaryDirectory() as folder:
        dump = str(Path(folder) / "dump.etdp")
        traced.write_etdump_result_to_file(dump)
        blocks = Inspector(etdump_path=dump).event_blocks
    events = [event for block in blocks if block.name == "Execute" for event in block.events]
    told = [event for event in events if event.is_delegated_op or event.name.startswith(MEANS_NOTHING)]
    return {"whole": median(wholes), "sum": 1e6 * sum(event.perf_data.p50 for event in told)}


def onnxruntime(file: str, given: Any, runs: int) -> dict[str, float]:
    import onnxruntime as ort

    def session(folder: str | None) -> Any:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_profiling = folder is not None
        options.profile_file_prefix = f"{folder}/profile"
        return ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    alone = session(None)
    feed = {alone.get_inputs()[0].name: given}
    wholes = [_timed(lambda: alone.run(None, feed)) for _ in range(runs)]
    with tempfile.TemporaryDirectory() as folder:
        told = session(folder)
        for _ in range(runs):
            told.run(None, feed)
        events = json.loads(Path(told.end_profiling()).read_text())
    sums, nodes = [], 0.0
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith("_kernel_time"):
            nodes += event["dur"]
        elif event["name"] == "model_run":
            sums.append(nodes)
            nodes = 0.0
    return {"whole": median(wholes), "sum": 1e3 * median(sums)}


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter_ns()
    call()
    return float(time.perf_counter_ns() - start)


if __name__ == "__main__":
    main()
