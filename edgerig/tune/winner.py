"""The winner as what a sweep takes: a TOML with its recipe's row, and the command that builds and measures it again."""

from __future__ import annotations

import shlex
from pathlib import Path

import tomlkit

from edgerig.report.files import replace_file
from edgerig.results import CellResult
from edgerig.spec import SweepSpec
from edgerig.spec.engine import OptionValue
from edgerig.spec.named import is_name
from edgerig.tune.question import Question
from edgerig.tune.space import FLOAT, Candidate

FILE = "winner.toml"
HEAD = """Found by `edgerig tune`. Any sweep's file takes the table [recipe.…], and the name under "recipes"."""
HEAD_FIXED = "Found by `edgerig tune`: one of edgerig's own recipes."


def sweep_of(question: Question, winner: Candidate, pick: CellResult) -> SweepSpec:
    """The winner and its float twin, placed on the device as `pick` was, as the question times them, over the model's
    own data."""
    changed = {
        "models": tuple(map(_absolute, question.sweep.models)),
        "dataset": None if question.sweep.dataset is None else question.sweep.dataset.absolute(),
        "formats": (winner.format,),
        "recipes": (FLOAT, winner.recipe),
        "recipe": {} if winner.own is None else {winner.recipe: winner.own},
        "threads": (pick.threads,),
        "accelerators": (pick.accelerator,),
        "processors": (() if pick.cluster else pick.processors,),
        "cpus": (pick.cluster,) if pick.cluster else (),
        "engine": _options_of(pick, question.sweep),
        "select": ("*",),
        "out": SweepSpec.model_fields["out"].default,
    }
    return question.sweep.model_copy(update=changed)


def _options_of(pick: CellResult, sweep: SweepSpec) -> dict[str, dict[str, tuple[OptionValue, ...]]]:
    """Of the options that were tried, the values that the pick ran with; what it has none of is its default."""
    own = pick.engine_options
    found: dict[str, dict[str, tuple[OptionValue, ...]]] = {
        engine: {name: (own[name],) for name in tried if name in own} for engine, tried in sweep.engine.items()
    }
    return {engine: options for engine, options in found.items() if options}


def write(sweep: SweepSpec, folder: Path) -> Path:
    """The sweep's TOML, in `folder`."""
    document = tomlkit.document()
    document.add(tomlkit.comment(HEAD if sweep.recipe else HEAD_FIXED))
    for key, value in sweep.model_dump(mode="json", exclude_defaults=True, exclude_none=True).items():
        document.add(key, tomlkit.item(value))
    for key in ("models", "recipes", "devices"):  # said, also where they are what is done when nothing is
        document[key] = list(getattr(sweep, key))
    return replace_file(folder / FILE, tomlkit.dumps(document).encode())


def command(path: Path) -> str:
    return f"edgerig sweep {shlex.quote(str(path))}"


def _absolute(model: str) -> str:
    """A path, from wherever the file is read."""
    return model if is_name(model) or not Path(model).exists() else str(Path(model).absolute())
