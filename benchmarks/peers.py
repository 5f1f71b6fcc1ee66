"""What edgerig's runner is held against: the runtimes' own tools and the barest loops around them.

Every peer is a program of its own that takes FILE RUNS WARMUP, holds the runtime to one thread, and ends its output
with one line of JSON, `{"p50_ms": …}`.
"""

from __future__ import annotations

import importlib.util
import json
import os
from dataclasses import dataclass
from pathlib import Path

from edgerig import process
from edgerig.compiler import INSTALL_HINT, find_compiler
from edgerig.devices import native, runner_recipe
from edgerig.devices.device import PosixDevice
from edgerig.errors import ConfigError, RunError

FOLDER = Path(__file__).resolve().parent
COMPILE_DEADLINE_S = 120.0
RUN_DEADLINE_S = 900.0
TAIL_BYTES = 1000


@dataclass(frozen=True)
class Peer:
    """`program` is its command, to be followed by FILE RUNS WARMUP; `measures` says what its figure stands around."""

    name: str
    measures: str
    program: tuple[str, ...]


def peers_by_engine(device: PosixDevice, build: Path) -> dict[str, list[Peer]]:
    """The peers of each engine; the C++ loop is compiled into the folder `build`. Raises ConfigError."""

    def bare(loop: str) -> tuple[str, ...]:
        return (*device.python, str(FOLDER / "bare_loops.py"), loop)

    return {
        "litert": [
            Peer(
                "litert-tool",
                "LiteRT's own benchmark_litert_model: CompiledModel.run_by_name, timed in Python, random inputs",
                (*device.python, str(FOLDER / "litert_tool.py")),
            ),
            Peer(
                "litert-loop",
                "a bare loop of Interpreter.invoke(), timed in Python; no copies",
                bare("litert-interpreter"),
            ),
        ],
        "onnxruntime": [
            Peer(
                "ort-run",
                "a bare loop of session.run(None, feed), timed in Python; makes new output arrays in each call",
                bare("onnxruntime-run"),
            ),
            Peer(
                "ort-binding",
                "a bare loop of session.run_with_iobinding(), timed in Python; no copies",
                bare("onnxruntime-io-binding"),
            ),
        ],
        "executorch": [
            Peer(
                "cpp-loop",
                "a bare loop of Method::execute(), timed in C++; no Python anywhere, no copies",
                (str(_compile(build)),),
            ),
        ],
    }


def p50_ms(device: PosixDevice, peer: Peer, file: Path, runs: int, warmup: int) -> float:
    """The peer's median over `runs` inferences, in a process like those the runner gets. Raises RunError."""
    done = device.transport.run([*peer.program, str(file), str(runs), str(warmup)], RUN_DEADLINE_S)
    if done.timed_out:
        raise RunError(f"{peer.name} on {file.name} passed its deadline of {RUN_DEADLINE_S:g} s")
    lines = done.stdout.decode(errors="replace").strip().splitlines()
    try:
        if done.returncode != 0:
            raise ValueError(process.signal_name(done.returncode))
        return float(json.loads(lines[-1])["p50_ms"])
    except (ValueError, LookupError, TypeError) as error:
        tail = done.stderr[-TAIL_BYTES:].decode(errors="replace").strip()
        raise RunError(f"{peer.name} on {file.name} gave no median ({error}): {tail}") from error


def _compile(build: Path) -> Path:
    """The C++ loop as a program, by the compiler and against the libraries of the rig's own runner."""
    spec, compiler = importlib.util.find_spec("executorch"), find_compiler(os.environ)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError("the ExecuTorch loop cannot be compiled", hint=native.NO_WHEEL)
    if not compiler:
        raise ConfigError("the ExecuTorch loop needs a C++ compiler", hint=INSTALL_HINT)
    wheel, program = Path(spec.submodule_search_locations[0]), build / "executorch_loop"
    headers = wheel / "include"
    command = [
        *compiler,
        *("-std=c++17", "-O2", "-DC10_USING_CUSTOM_GENERATED_MACROS"),
        *("-isystem", str(headers), "-isystem", str(headers / "executorch/runtime/core/portable_type/c10")),
        str(FOLDER / "executorch_loop.cc"),
        "-Wl,--no-as-needed",  # kernels and backends register themselves when loaded; nothing here calls them
        *(str(runner_recipe.library(wheel, name)) for name in runner_recipe.LIBRARIES),
        f"-Wl,-rpath,{wheel / 'lib'}",
        *("-o", str(program)),
    ]
    try:
        done = process.run(command, timeout_s=COMPILE_DEADLINE_S)
    except OSError as error:
        raise ConfigError(f"{compiler[0]} does not start: {error.strerror}", hint=INSTALL_HINT) from error
    if done.timed_out or done.returncode != 0:
        tail = done.stderr[-TAIL_BYTES:].decode(errors="replace").strip()
        ended = "its deadline" if done.timed_out else process.signal_name(done.returncode)
        raise ConfigError(f"{compiler[0]} did not compile the ExecuTorch loop ({ended}): {tail}", hint=INSTALL_HINT)
    return program
