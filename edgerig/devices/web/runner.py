"""The runner of a job for a browser or node: one job in, one raw run out, as `ondevice/main.py` is for other devices.

Exit code 0: a raw run was written; 1: the script or what it runs in failed, with the reason in `raw.json`.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgerig.devices.web import browser, devtools, nodejs
from edgerig.devices.web.exchange import Exchange
from edgerig.devices.web.memory import Peaks
from edgerig.devices.web.place import Place
from edgerig.devices.web.server import Site, serving
from edgerig.devices.web.tflite_tensors import entry_of
from edgerig.ondevice import lifeline
from edgerig.ondevice.affinity import Affinity
from edgerig.ondevice.job import SCHEMA, Job, read_job, write_json
from edgerig.spec import EngineSpec, load_engines
from edgerig.web import SCRIPTS
from edgerig.web.archive import MAIN, SUFFIX, unpack
from edgerig.web.packages import imports_of

HOSTS = {
    "browser": browser.HOST,
    "adb-browser": devtools.HOST,
    "node": nodejs.HOST,
    "qemu-node": nodejs.EMULATED,
}


def main(arguments: Sequence[str]) -> None:
    kind, command, port, modules, named = arguments
    path = Path(named).resolve()
    lifeline.hold()
    try:
        raw = run(kind, json.loads(command), int(port), Path(modules), read_job(str(path)), path.parent)
    except Exception as error:
        traceback.print_exc()
        raw = {"schema": SCHEMA, "error": {"type": type(error).__name__, "message": str(error)[:2000]}}
    write_json(str(path.parent / "raw.json"), raw)
    sys.stderr.flush()
    os._exit(1 if "error" in raw else 0)  # a driver's own threads would be waited for


def run(kind: str, command: Sequence[str], port: int, modules: Path, job: Job, folder: Path) -> dict[str, Any]:
    """The raw run; `modules` has the engine's packages. Raises OSError where the port is taken, RuntimeError where the
    browser or node ends before it."""
    if job.fed:
        raise ValueError("a network whose state is fed back from its outputs is not run by a script")
    artifact, beside = _whole(_checked(job, folder), job, folder)
    host = HOSTS[kind]
    if host.here:
        Affinity(job.processors, job.cluster)  # what is started below keeps to them too
    elif job.processors or job.cluster:
        raise ValueError("which processors a phone's browser may use is not ours to say")
    engine = next(each for each in load_engines().values() if each.script == job.engine)
    inputs = [np.load(folder / name, mmap_mode="r", allow_pickle=False) for name in job.inputs]
    exchange = Exchange(
        job,
        folder,
        inputs,
        Peaks(host.pids, host.what),
        _beside(engine, artifact, job)
        | {"artifact": artifact.name, "beside": beside, "warm_seconds": host.warm_seconds},
        here=host.here,
    )
    imports = imports_of(engine, node=host.node)
    site = Site(
        folders={"job-files": artifact.parent, "packages": modules, "js": SCRIPTS},
        answers={"page.html": lambda _, __: browser.page(imports), **exchange.answers()},
    )
    with serving(site, port) as address:
        host.run(Place(command, address, folder, SCRIPTS, modules, imports))
    if exchange.raw is None:
        raise RuntimeError(f"{host.what} ended before the run did")
    return exchange.raw


def _beside(engine: EngineSpec, artifact: Path, job: Job) -> dict[str, object]:
    """What an engine's script must know of itself, and of a file that its runtime does not tell."""
    told: dict[str, object] = {"version": engine.packages[0].version}
    if artifact.suffix == ".tflite":
        told["entry"] = entry_of(artifact, str(job.engine_options.get("signature", ""))).to_json()
    return told


def _whole(artifact: Path, job: Job, folder: Path) -> tuple[Path, list[str]]:
    """The file that is loaded, and the names of those beside it: an archive's are taken out."""
    if artifact.suffix == SUFFIX:
        unpacked = folder / "unpacked"
        names = unpack(artifact, unpacked)
        return unpacked / MAIN, names
    return artifact, [Path(name).name for name in job.beside]


def _checked(job: Job, folder: Path) -> Path:
    """The artifact's path. Raises ValueError when it, or a file beside it, is not the one the job means."""
    for name, wanted in {job.artifact: job.sha256, **job.beside}.items():
        with (folder / name).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != wanted:
            raise ValueError(f"{name} has sha256 {digest}, the job says {wanted}")
    return (folder / job.artifact).resolve()
