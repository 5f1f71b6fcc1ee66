"""How much longer than it must does a sweep take? Wall time over an ideal that is computed from the same run.

    python benchmarks/sweep.py [--only quickstart] [--only mobilenet_v2] [--sweep FILE]

Each sweep is run cold, with a cache of its own that is empty, and once more warm, through the command line. The ideal
is the builds' time with every processor busy to the end, then the device's, with nothing in between:

- builds: the work of all build processes over the processors, or the longest chain where that is longer: a model's
  preparation, then the start of a format's process and its first variant. What a process that joined another did to
  start is no work of the ideal;
- device: the runner's processes on this machine, one after another.

Both are taken from the sweep itself, whose child processes are timed as they start and end: a busy machine makes all of
it longer. The ratio is one run's. It ends with exit code 1 when a ratio is above the goal.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ratios import machine

from edgerig import process
from edgerig.build import queue
from edgerig.build.request import Reply
from edgerig.errors import EdgerigError, RunError
from edgerig.ondevice import processors

GOAL = 1.15
DEADLINE_S = 3600.0
TRACE = "EDGERIG_BENCHMARK_TRACE"
"""Names the file that a traced command writes its children to."""
SWEEPS = {"quickstart": (), "mobilenet_v2": ("--model", "mobilenet_v2")}
"""What is given to `edgerig sweep`."""


@dataclass(frozen=True)
class Child:
    """A child process of the sweep: `kind` is prepare, build, join or device. `subject` is the model it prepares, or
    the model and format it builds; `seconds` is its whole life, `variants_s` what each variant took of it."""

    kind: str
    subject: str
    model: str
    seconds: float
    variants_s: tuple[float, ...] = ()


def main() -> None:
    if path := os.environ.get(TRACE):
        traced(Path(path))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=SWEEPS, help="this sweep alone; may be given again")
    parser.add_argument("--sweep", type=Path, help="a sweep's TOML instead of both")
    arguments = parser.parse_args()
    sweeps: Mapping[str, Sequence[str]] = {name: SWEEPS[name] for name in arguments.only or SWEEPS}
    if arguments.sweep is not None:
        sweeps = {arguments.sweep.stem: [str(arguments.sweep)]}
    try:
        ratios = compare(sweeps)
    except EdgerigError as error:
        print(f"error: {error.message}", *([f"hint: {error.hint}"] if error.hint else []), sep="\n", file=sys.stderr)
        sys.exit(error.exit_code)
    sys.exit(int(max(ratios) > GOAL))


def compare(sweeps: Mapping[str, Sequence[str]]) -> list[float]:
    """Sweeps each cold and warm and prints a line for either; gives the ratios. Raises RunError."""
    print(machine())
    print(f"wall over ideal, one run each; goal at most {GOAL:g}")
    found = []
    for name, arguments in sweeps.items():
        with tempfile.TemporaryDirectory(prefix="edgerig-benchmark-") as temporary:
            for state in ("cold", "warm"):
                wall_s, children = _swept([*arguments, "--out", f"{temporary}/reports"], Path(temporary))
                found.append(wall_s / sum(ideal(children, processors.available())))
                print(f"{name} {state}: {_line(wall_s, children)}", flush=True)
    print(f"load average {os.getloadavg()[0]:.2f} at the end")
    return found


def ideal(children: Sequence[Child], cores: int) -> tuple[float, float]:
    """Seconds of the builds and of the device, as the module's text says."""
    chains, work = defaultdict[str, float](float), 0.0
    preparations = {child.model: child.seconds for child in children if child.kind == "prepare"}
    for child in children:
        if child.kind in ("prepare", "build"):
            work += child.seconds
        if child.kind == "join":
            work += sum(child.variants_s)
        if child.kind == "build":
            first = child.seconds - sum(child.variants_s[1:])
            chains[child.subject] = max(chains[child.subject], preparations.get(child.model, 0.0) + first)
    longest = max([*preparations.values(), *chains.values()], default=0.0)
    return max(longest, work / cores), sum(child.seconds for child in children if child.kind == "device")


def _line(wall_s: float, children: Sequence[Child]) -> str:
    building = [child for child in children if child.kind != "device"]
    builds_s, device_s = ideal(children, processors.available())
    return (
        f"wall {wall_s:.1f} s, ideal {builds_s + device_s:.1f} s (builds {builds_s:.1f} s of "
        f"{len(building)} processes, device {device_s:.1f} s of {len(children) - len(building)}), "
        f"ratio {wall_s / (builds_s + device_s):.3f}"
    )


def _swept(arguments: Sequence[str], folder: Path) -> tuple[float, list[Child]]:
    """Seconds of `edgerig sweep`, from its start to its end, and its children. Raises RunError when it fails."""
    trace = folder / "trace.json"
    env = {**os.environ, TRACE: str(trace), "EDGERIG_CACHE": str(folder / "cache")}
    begin = time.monotonic()
    done = process.run([sys.executable, __file__, "sweep", *arguments], timeout_s=DEADLINE_S, env=env)
    wall_s = time.monotonic() - begin
    if done.returncode != 0:
        raise RunError(f"the sweep failed:\n{done.stderr[-2000:].decode(errors='replace')}")
    return wall_s, [
        Child(**{**each, "variants_s": tuple(each["variants_s"])}) for each in json.loads(trace.read_text())
    ]


def traced(path: Path) -> None:
    """The command line in this process, with its children's lives written to `path` when it ends."""
    from edgerig.cli.app import main as edgerig

    del os.environ[TRACE]
    children: list[Child] = []
    run = process.run

    def timed(argv: Sequence[str], **given: Any) -> process.Finished:
        begin = time.monotonic()
        done = run(argv, **given)
        seconds = time.monotonic() - begin
        if "edgerig.build.worker" in argv:
            children.append(_builder(Path(argv[-1]), seconds))
        elif any(part.endswith("/runner.pyz") for part in argv):
            children.append(Child("device", "", "", seconds))
        return done

    process.run = timed
    try:
        edgerig()
    finally:
        path.write_text(json.dumps([asdict(child) for child in children]), encoding="utf-8")
    sys.exit(0)


def _builder(folder: Path, seconds: float) -> Child:
    """A build's process that has just ended, whose folder is still there."""
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    model = f"{request['model']['name']}-{request['model']['source']}"
    if request["op"] == "prepare":
        return Child("prepare", model, model, seconds)
    replies = sorted(folder.glob(f"*{queue.REPLY}"), key=lambda reply: reply.stat().st_mtime_ns)
    built = [Reply.model_validate_json(reply.read_text(encoding="utf-8")).built for reply in replies]
    variants_s = tuple(each.seconds or 0.0 for each in built if each is not None)
    kind = "join" if request["joins"] else "build"
    return Child(kind, f"{model}-{request['format']}", model, seconds, variants_s)


if __name__ == "__main__":
    main()
