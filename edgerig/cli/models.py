"""`edgerig models …`: what there is, what a model is, and its files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from edgerig import extras, spec
from edgerig.cli.say import print_table, say, table, tell_program
from edgerig.errors import ConfigError

if TYPE_CHECKING:
    from edgerig.build.card import NetworkFacts

OWN = "own"
FETCHED = "fetched"


def listing() -> None:
    shown = table("model", "source", "input", "dataset", "files", "description")
    for name in spec.known_models():
        offered = spec.load_models(name)
        model = next(iter(offered.values()))
        shapes = ", ".join("×".join(map(str, tensor.shape)) for tensor in model.inputs)
        shown.add_row(
            name, ", ".join(offered), shapes, escape(data_of(model)), escape(_files(model)), escape(model.description)
        )
    print_table(shown)


def fetch(name: str, mirror: Path | None) -> None:
    from edgerig.build.fetching.files import fetch as fetch_files

    if (by_name := spec.named(name)) is not None and not _pinned(by_name, mirror):
        return
    model = next(iter(spec.load_models(name).values()))
    if not model.files:
        raise ConfigError(f'model "{name}" has no files to fetch', hint="all it needs is in its folder")
    for each in fetch_files(model, mirror):
        how = f"from {each.origin}" if each.origin else "was there"
        say(f"{each.file.name}: {how} ({each.file.size_bytes:,} bytes, sha256 as expected)")
    say(f"{name} is ready: edgerig sweep --model {name}")


def _pinned(name: spec.Named, mirror: Path | None) -> bool:
    """Was it pinned before? Else it is now, unless there is nothing to fetch."""
    from edgerig.build.fetching.named import pin

    if name.folder is not None:
        raise ConfigError(f"{name.folder} is a folder of your own", hint=f"edgerig sweep --model {name.text}")
    if name.lock.is_file():
        return True
    if mirror is not None:
        raise ConfigError(
            f"{name.text} was never fetched: what it stands for is not known",
            hint="give the file or folder itself as the model (hf:./FOLDER as save_pretrained writes it)",
        )
    for row in pin(name):
        say(f"{row.name}: from {row.origin} ({row.size_bytes:,} bytes, sha256 {row.sha256} recorded)")
    say(f"{name.text} is ready, pinned by {name.lock}: edgerig sweep --model {name.text}")
    return False


def show(name: str, source: str | None, as_json: bool) -> None:
    from edgerig.cli.card import Card, print_card
    from edgerig.report.run.latest import latest

    offered = spec.load_models(name)
    model = next((each for each in offered.values() if source in (None, each.source)), None)
    if model is None:
        raise ConfigError(f'model "{name}" has no source "{source}"', hint=f"it has: {', '.join(offered)}")
    card = Card(model, list(offered), _facts(model), latest(Path("reports"), model.name), data_of(model))
    if as_json:
        tell_program(card.json())
    else:
        print_card(card)


def _facts(model: spec.ModelSpec) -> NetworkFacts:
    """What is counted of the network, or why nothing is."""
    from edgerig.build.card import network_facts, uncounted

    if _files(model) not in (OWN, FETCHED):
        return uncounted(model, f"its files are absent: edgerig models fetch {model.name}")
    if absent := extras.missing(spec.load_sources()[model.source].distributions):
        return uncounted(model, f"{absent[0]} is not installed: {extras.install(absent)}")
    return network_facts(model)


def data_of(model: spec.ModelSpec) -> str:
    """The kind of its dataset and what it is read from."""
    if model.dataset is None:
        return "none"
    named = model.dataset.factory or model.dataset.npz
    return f"{model.dataset.kind} {named}" if named else model.dataset.kind


def _files(model: spec.ModelSpec) -> str:
    if model.fetched is None:
        return OWN
    fetched = all(spec.file_state(file, model.fetched) == "fetched" for file in model.files)
    return FETCHED if fetched else f"edgerig models fetch {model.name}"
