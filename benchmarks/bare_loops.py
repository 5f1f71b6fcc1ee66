"""The barest Python loops over a runtime, one thread: `bare_loops.py LOOP FILE RUNS WARMUP`.

Each sample is one clock read, one call, one clock read, with the interpreter as it comes (garbage collection on).
Prints one JSON line with the nearest-rank median in milliseconds. Imports nothing of edgerig.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

DTYPES = {"tensor(float)": np.float32, "tensor(int8)": np.int8, "tensor(uint8)": np.uint8}
"""Those the benchmark's files have at their ends."""


def litert_interpreter(path: str) -> Callable[[], object]:
    """The interpreter's public `invoke()`, inputs set beforehand."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path, num_threads=1)
    interpreter.allocate_tensors()
    for details in interpreter.get_input_details():
        interpreter.set_tensor(details["index"], np.ones(details["shape"], details["dtype"]))
    invoke: Callable[[], object] = interpreter.invoke
    return invoke


def onnxruntime_run(path: str) -> Callable[[], object]:
    """`session.run`: each call takes numpy inputs and makes numpy outputs."""
    session = _session(path)
    feed = _feed(session)
    return lambda: session.run(None, feed)


def onnxruntime_io_binding(path: str) -> Callable[[], object]:
    """`session.run_with_iobinding`: inputs and outputs bound to memory of the runtime's own beforehand."""
    from onnxruntime import OrtValue

    session = _session(path)
    binding = session.io_binding()
    for name, array in _feed(session).items():
        binding.bind_ortvalue_input(name, OrtValue.ortvalue_from_numpy(array))
    for node in session.get_outputs():
        memory = OrtValue.ortvalue_from_shape_and_type(node.shape, DTYPES[node.type])
        binding.bind_ortvalue_output(node.name, memory)
    return lambda: session.run_with_iobinding(binding)


def _session(path: str) -> Any:
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _feed(session: Any) -> dict[str, Any]:
    """Ones for every input of the session."""
    return {node.name: np.ones(node.shape, DTYPES[node.type]) for node in session.get_inputs()}


LOOPS = {
    "litert-interpreter": litert_interpreter,
    "onnxruntime-run": onnxruntime_run,
    "onnxruntime-io-binding": onnxruntime_io_binding,
}


def main() -> None:
    loop, path, runs, warmup = sys.argv[1:]
    call = LOOPS[loop](path)
    for _ in range(int(warmup)):
        call()
    samples = []
    clock = time.perf_counter_ns
    for _ in range(int(runs)):
        start = clock()
        call()
        samples.append(clock() - start)
    samples.sort()
    print(json.dumps({"p50_ms": samples[(len(samples) - 1) // 2] / 1e6}))


if __name__ == "__main__":
    main()
