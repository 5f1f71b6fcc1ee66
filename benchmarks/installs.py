"""What each way to install edgerig takes, and which commands work in it.

    python benchmarks/installs.py [--only light] [--only run] [--wheel FILE] [--json]

Makes a wheel of the checkout, then for each way a fresh virtual environment outside of it, and runs every command of
the command line there on a small run that was recorded with the environment in force (which needs `build`). The
commands are those that the command line itself lists: one without its line in `commands` below ends the script.

It ends with exit code 1 where a command ends otherwise than well or with a message that names the extra.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer.main

ROOT = Path(__file__).parents[1]
WAYS = {
    "light": "",
    "run": "[run]",
    "history": "[history]",
    "tensorboard": "[tensorboard]",
    "mlflow": "[mlflow]",
    "build": "[build]",
}
HEAVY = ("torch", "tensorflow", "executorch", "litert_torch", "ai_edge_quantizer", "onnxscript", "onnx", "keras", "jax")
QUICK = """\
models = ["digits_cnn"]
formats = ["tflite"]
recipes = ["fp32", "int8-dynamic"]
devices = ["local", "qemu-rpi4"]
[run]
repeats = 1
min_seconds = 0.05
min_runs = 20
warmup_runs = 2
attempts = 1
"""
DEADLINE_S = 1800.0


@dataclass(frozen=True)
class Answer:
    """What a command said: "" where it worked, else its message with the hint."""

    command: str
    seconds: float
    code: int
    message: str


@dataclass(frozen=True)
class Installed:
    """One way to install: `megabytes` of site-packages (10^6 bytes of files), `heavy` the frameworks found there."""

    way: str
    seconds: float
    megabytes: float
    packages: int
    heavy: tuple[str, ...]
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Recorded:
    """A run, another of the same sweep to hold it to, the sweep's file, and a .tflite file."""

    run: Path
    base: Path
    sweep: Path
    model: Path


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--only", action="append", choices=WAYS, help="One way; again: one more.")
    flags.add_argument("--wheel", type=Path, help="Instead of one made of the checkout.")
    flags.add_argument("--json", action="store_true", help="What was found, for scripts.")
    given = flags.parse_args()
    with tempfile.TemporaryDirectory(prefix="edgerig-installs-") as temporary:
        folder = Path(temporary)
        wheel = given.wheel or made_wheel(folder / "dist")
        recorded = record(folder / "recorded")
        found = [tried(way, wheel, recorded, folder / way) for way in given.only or WAYS]
    print(json.dumps([dataclasses.asdict(each) for each in found]) if given.json else table(found))
    sys.exit(any(unexplained(answer) for each in found for answer in each.answers))


def made_wheel(into: Path) -> Path:
    run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(into), str(ROOT)])
    return next(into.glob("*.whl"))


def record(folder: Path) -> Recorded:
    """The small sweep, twice, with the environment in force."""
    folder.mkdir()
    sweep = folder / "sweep.toml"
    sweep.write_text(QUICK)
    for out in ("base", "new"):
        run([sys.executable, "-m", "edgerig", "sweep", str(sweep), "--out", str(folder / out)], cwd=ROOT)
    base, new = (next((folder / out).glob("*/run.json")).parent for out in ("base", "new"))
    return Recorded(new, base, sweep, next((new / "artifacts").glob("*fp32.tflite")))


def tried(way: str, wheel: Path, recorded: Recorded, folder: Path) -> Installed:
    """Installs and asks every command. The environment is removed: all of them together take 8 GB."""
    begin = time.monotonic()
    run([sys.executable, "-m", "venv", str(folder / "venv")])
    python = folder / "venv" / "bin" / "python"
    run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"{wheel}{WAYS[way]}"])
    seconds = time.monotonic() - begin
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    answers = tuple(answer(python, words, folder) for words in commands(recorded, folder))
    installed = Installed(
        way=way,
        seconds=seconds,
        megabytes=sum(file.lstat().st_size for file in site.rglob("*") if not file.is_dir()) / 1e6,
        packages=len(list(site.glob("*.dist-info"))),
        heavy=tuple(name for name in HEAVY if (site / name).is_dir()),
        answers=answers,
    )
    shutil.rmtree(folder / "venv")
    return installed


def commands(recorded: Recorded, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """(its name, its words) of every command; several where what it is given decides what it needs."""
    run, base, work = str(recorded.run), str(recorded.base), str(folder)
    here = ["--out", work]
    wanted: dict[str, list[tuple[str, list[str]]]] = {
        "plan": [("", [str(recorded.sweep)])],
        "formats": [("", [])],
        "recipes": [("", [])],
        "schema": [("", [])],
        "models": [("", [])],
        "models show": [("", ["digits_cnn"])],
        "models fetch": [("", ["mlperf_tiny_kws", "--from", work])],
        "devices": [("", [])],
        "devices doctor": [("", ["local"])],
        "devices probe": [("", ["local"])],
        "devices provision": [("", ["qemu-rpi4"])],
        "devices bundle": [("", ["aarch64"])],
        "devices clean": [("", ["qemu-rpi4"])],
        "show": [("", [run])],
        "report": [("", [run])],
        "compare": [("", [base, run, *here])],
        "gate": [("", [run, "--baseline", base, *here])],
        "baseline update": [("", [run, "--file", f"{work}/baseline.toml"])],
        "history add": [("", [run, base, "--to", f"{work}/history"])],
        "history show": [("", ["digits_cnn", "--at", f"{work}/history"])],
        "export": [
            (f"--to {form}", [run, "--to", form, "--out", f"{work}/export-{form}"])
            for form in ("csv", "litert", "pytorch", "parquet", "tensorboard", "mlflow")
        ],
        "check": [("", [str(recorded.model), "--runtime", "tflite=2.14.0"])],
        "clean": [("", ["--keep-gib", "1000"])],
        "sweep": [
            ("what is built, qemu-rpi4", [str(recorded.sweep), "--device", "qemu-rpi4", *here]),
            ("what is built, local", [str(recorded.sweep), "--device", "local", *here]),
            ("a .tflite by its path", ["--model", str(recorded.model), "--device", "qemu-rpi4", *here]),
            ("to be built", [str(recorded.sweep), "--format", "onnx", "--limit", "100", "--device", "local", *here]),
        ],
    }
    listed = set(leaves())
    if listed != set(wanted):
        sys.exit(f"the command line has others than this script knows: {sorted(listed ^ set(wanted))}")
    for name in sorted(wanted):
        for which, words in wanted[name]:
            yield f"{name} ({which})" if which else name, [*name.split(), *words]


def leaves() -> Iterator[str]:
    """Every command that the command line lists; of a group that does something by itself, it too."""
    from edgerig.cli.app import app

    def below(command: Any, name: str) -> Iterator[str]:
        inner = getattr(command, "commands", {})
        if name and (not inner or command.invoke_without_command):
            yield name
        for word, each in inner.items():
            yield from below(each, f"{name} {word}".strip())

    yield from below(typer.main.get_command(app), "")


def answer(python: Path, command: tuple[str, list[str]], folder: Path) -> Answer:
    """What it says from an empty folder, with nothing but this environment on the path of modules."""
    name, words = command
    empty = folder / "empty"
    empty.mkdir(exist_ok=True)
    given = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    if name.endswith("(to be built)"):
        given["EDGERIG_CACHE"] = str(folder / "empty-cache")
    begin = time.monotonic()
    done = subprocess.run(
        [str(python.with_name("edgerig")), *words],
        cwd=empty,
        env=given,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    told = [line for line in done.stderr.splitlines() if line.startswith(("error: ", "hint: ", "Traceback"))]
    told += [line.strip() for line in done.stdout.splitlines() if "edgerig[" in line]  # the doctor's findings
    said = " ".join(told) if done.returncode else ""
    return Answer(
        name, time.monotonic() - begin, done.returncode, said or (done.stderr[-300:] if done.returncode else "")
    )


def unexplained(found: Answer) -> bool:
    """Did it end otherwise than well, and not for want of what an extra brings? A gate may be inconclusive, and files
    that are to be fetched from an empty folder are not there."""
    fine = {"gate": (0, 7, 8), "models fetch": (0, 9), "check": (0, 10)}.get(found.command, (0,))
    return found.code not in fine and "edgerig[" not in found.message


def table(found: list[Installed]) -> str:
    lines = [
        "| installed | on disk (MB) | packages | seconds | commands that say what is missing |",
        "|---|---:|---:|---:|---|",
    ]
    for each in found:
        lacking = [a.command for a in each.answers if "edgerig[" in a.message]
        lines.append(
            f"| `edgerig{WAYS[each.way]}` | {each.megabytes:.0f} | {each.packages} | {each.seconds:.0f} | "
            f"{', '.join(lacking) or 'none'} |"
        )
    lines += ["", f"| command | {' | '.join(each.way for each in found)} |", f"|---|{'---|' * len(found)}"]
    for answers in zip(*(each.answers for each in found), strict=True):
        lines.append(f"| {answers[0].command} | {' | '.join(map(short, answers))} |")
    said = {a.message for each in found for a in each.answers if a.message}
    return "\n".join([*lines, "", *sorted(said)])


def short(found: Answer) -> str:
    """ "yes", the extra that is asked for, or the exit code."""
    if "edgerig[" in found.message:
        return "`[" + found.message.rsplit("edgerig[", 1)[1].partition("]")[0] + "]`"
    return f"exit code {found.code}" if unexplained(found) else "yes"


def run(argv: list[str], cwd: Path | None = None) -> None:
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, timeout=DEADLINE_S)
    if done.returncode:
        sys.exit(f"{' '.join(argv)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
