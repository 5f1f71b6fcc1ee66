"""A file of a runtime of JavaScript opened in node, for whoever builds one: to check what it computes. Nothing is ever
timed here."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from edgerig.errors import BuildError
from edgerig.ondevice.engines import Array, Description, Shapes, TensorInfo
from edgerig.spec import EngineSpec, load_engines
from edgerig.web import SCRIPTS, frames
from edgerig.web.archive import MAIN, SUFFIX, unpack
from edgerig.web.packages import imports_of, modules_of

HEADER = struct.Struct("<I")


class NodeEngine:
    """`engine` is the row of `build/web.toml` whose script runs the file."""

    engine: str

    def load(self, path: str, threads: int, shapes: Shapes = ()) -> None:
        """Raises BuildError where there is no node, or the runtime refuses the file."""
        row = load_engines()[self.engine]
        self._folder = Path(tempfile.mkdtemp(prefix="edgerig-node-"))
        file = Path(path)
        beside = unpack(file, self._folder) if file.suffix == SUFFIX else []
        job = {
            "script": row.script,
            "folder": str(self._folder if file.suffix == SUFFIX else file.parent),
            "artifact": MAIN if file.suffix == SUFFIX else file.name,
            "beside": beside,
            "threads": threads,
            "version": row.packages[0].version,
            "options": {},
        }
        self._child = _started(row, job, self._folder)
        weakref.finalize(self, _end, self._child, self._folder)
        self._described = json.loads(self._answer())

    def set_inputs(self, inputs: list[Array]) -> None:
        self._given = inputs

    def invoke(self) -> None:
        body = frames.pack([self._given])
        stdin = _pipe(self._child.stdin)
        stdin.write(HEADER.pack(len(body)) + body)
        stdin.flush()
        (self._found,) = frames.unpack(self._answer())

    def outputs(self) -> list[Array]:
        return list(self._found)

    def describe(self) -> Description:
        told: Mapping[str, Any] = self._described
        return Description(
            inputs=[_info(each) for each in told["inputs"]],
            outputs=[_info(each) for each in told["outputs"]],
            runtime=told["runtime"],
            version=told["version"],
            threads=told["threads"],
            delegation_reason=told["delegation_reason"],
        )

    def _answer(self) -> bytes:
        stdout = _pipe(self._child.stdout)
        header = stdout.read(HEADER.size)
        body = stdout.read(HEADER.unpack(header)[0]) if len(header) == HEADER.size else b""
        if not body:
            self._child.wait()
            said = (self._folder / "stderr").read_text(encoding="utf-8", errors="replace").strip()
            raise BuildError(
                f"{load_engines()[self.engine].runtime} refuses the file: {_error(said)}",
                hint="the build's log has its own words",
            )
        return body


class TfjsEngine(NodeEngine):
    engine = "tfjs"


def _started(row: EngineSpec, job: Mapping[str, object], folder: Path) -> subprocess.Popen[bytes]:
    node = shutil.which("node")
    if node is None:
        raise BuildError(f"a file of {row.runtime} is checked in node, which is not installed", hint="install nodejs")
    (folder / "job").write_text(json.dumps(job), encoding="utf-8")
    modules = modules_of(row, print)
    command = [
        node,
        str(SCRIPTS / "host.mjs"),
        str(modules),
        json.dumps(imports_of(row, node=True)),
        str(folder / "job"),
    ]
    with (folder / "stderr").open("wb") as said:
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said)


def _end(child: subprocess.Popen[bytes], folder: Path) -> None:
    child.kill()
    child.communicate()
    shutil.rmtree(folder, ignore_errors=True)


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise BuildError("node was started without its streams")
    return stream


def _info(told: Mapping[str, Any]) -> TensorInfo:
    return TensorInfo(str(told["name"]), tuple(map(int, told["shape"])), str(told["dtype"]))


def _error(said: str) -> str:
    """The line of an exception among what node prints of it."""
    lines = [line.strip() for line in said.splitlines()]
    return next((line for line in lines if "Error:" in line), lines[-1] if lines else "node ended without a word")[:500]
