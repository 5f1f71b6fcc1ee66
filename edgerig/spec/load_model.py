"""A model by the name a sweep gives it: of a shipped or own folder, of a file, of a library or a hub."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgerig.errors import ConfigError
from edgerig.spec import entry
from edgerig.spec.files import is_file
from edgerig.spec.metric import Labels, asked, load_metrics
from edgerig.spec.model import ModelSpec, TensorSpec, file_name
from edgerig.spec.named import Named, named, unfetched
from edgerig.spec.recipe import load_formats
from edgerig.spec.reference import load_reference
from edgerig.spec.source import load_sources, runs_as_it_is
from edgerig.spec.toml import Layout, Source, first_wins, nearest, parse, read_toml, roots

_RUNS_CODE = (
    "a pickle or TorchScript file runs code when it is opened, so it is not: export the model to .pt2 "
    "(torch.export.save), or make a folder with a factory and its state dict as weights; a TorchScript file that you "
    "trust runs as it is where it is called NAME.torchscript and --trust is given"
)
_WEIGHTS_ALONE = (
    'it holds weights without their network: make a folder whose model.toml has a "factory" for the network, and this '
    'file as "weights" (with its "weights_sha256")'
)
_OTHER_FILES = {
    **dict.fromkeys((".pt", ".pth", ".ckpt", ".pkl", ".bin", ".jit", ".ptl"), _RUNS_CODE),
    **dict.fromkeys((".safetensors", ".npz", ".gguf"), _WEIGHTS_ALONE),
    ".pb": "a frozen graph or a part of a SavedModel: give the folder that holds saved_model.pb",
    ".mlmodel": "a Core ML file runs on Apple's runtime only: bring the model it was converted from",
    ".engine": "a TensorRT plan runs on the GPU it was made on only: bring the model it was built from",
}
"""Suffix of a file people have → what to bring instead."""
_NETWORK = ("factory", "file", "application", "library", "weights", "weights_sha256", "reads")
_OWN_TO_A_SOURCE = ("source", *_NETWORK, "signature", "inputs", "outputs", "state")
"""Keys of a `model.toml` that say nothing of the model's twins."""


def known_models() -> dict[str, Path]:
    """Model name → its `model.toml`."""
    return first_wins((p.parent.name, p) for root in roots("models") for p in sorted(root.glob("*/model.toml")))


def load_models(
    name: str,
    dataset: Path | None = None,
    *,
    quantize: bool = False,
    metric: tuple[str, ...] = (),
    trust: bool = False,
) -> dict[Source, ModelSpec]:
    """The model `name` as authored in each of its sources, the main one first.

    `name` is a shipped or own model's name, a folder with a `model.toml`, a model's file, or what a library or a hub
    calls it (`spec/named.py`). `dataset` is the npz to evaluate one without a folder on, `metric` what it is evaluated
    by (none: top1). A .tflite or .onnx file is run as it is unless `quantize`, which makes it a source to build from.
    `NAME:SIGNATURE` is the model run through that signature. A file that runs code when it is opened is refused unless
    there is `trust` in it. Raises ConfigError.
    """
    by_name = named(name)
    file, signature = (name, "") if by_name is not None else split_entry(name)
    models = _by_name(by_name, dataset, metric) if by_name is not None else _load(file, dataset, quantize, metric)
    if not trust:
        _refuse_code(file, models)
    if not signature:
        return models
    source, main = next(iter(models.items()))
    if why := entry.refusal(source, signature):
        raise ConfigError(f"{file}:{signature}: {why}", hint="leave the part behind the colon out")
    return {source: main.model_copy(update={"signature": signature})}


def split_entry(name: str, folder: Path = Path()) -> tuple[str, str]:
    """A model as a sweep names it → the model and its file's entry, "" where none is named. Paths are relative to
    `folder`."""

    def is_model(text: str) -> bool:
        path = folder / text
        return file_source(path) is not None or is_file(path / "model.toml") or text in known_models()

    return entry.split(name, is_model)


def _load(name: str, dataset: Path | None, quantize: bool, metric: tuple[str, ...]) -> dict[Source, ModelSpec]:
    path = Path(name)
    source = file_source(path)
    if source is not None:
        return {source: _from_file(path, source, dataset, quantize, metric)}
    known = known_models()
    toml = path / "model.toml" if is_file(path / "model.toml") else known.get(name)
    if toml is None:
        raise ConfigError(f'unknown model "{name}"', hint=_hint(path, known))
    return _from_folder(toml)


def _refuse_code(name: str, models: Mapping[Source, ModelSpec]) -> None:
    for source, model in models.items():
        row = load_formats().get(source)
        if model.ready and row is not None and row.runs_code:
            raise ConfigError(
                f"{name}: {row.runs_code}",
                hint="where you trust who made it: edgerig sweep --trust, or trust = true in the sweep's file",
            )


def _from_folder(toml: Path) -> dict[Source, ModelSpec]:
    folder = toml.resolve().parent
    table = {**read_toml(toml), "reference": load_reference(folder)}
    twins = table.pop("twins", {})
    if not isinstance(twins, dict) or not all(isinstance(twin, dict) for twin in twins.values()):
        raise ConfigError(f'{toml}: key "twins" is not a table', hint="write [twins.keras] and its keys below it")
    main = parse(ModelSpec, {"name": folder.name, **table, "folder": folder, **_finished(table)}, str(toml))
    if main.name != folder.name:
        raise ConfigError(
            f'{toml}: key "name": "{main.name}" is not the folder\'s name "{folder.name}"',
            hint="leave the key out, or rename the folder",
        )
    models = {main.source: main}
    shared = {key: value for key, value in table.items() if key not in _OWN_TO_A_SOURCE}
    for twin, own in twins.items():
        layout = _layout(main.inputs)
        whole = {"name": folder.name, "dataset_layout": layout, **shared, **own, "source": twin, "folder": folder}
        model = parse(ModelSpec, whole, f"{toml}: [twins.{twin}]")
        models[model.source] = model
    if len(models) != 1 + len(twins):
        raise ConfigError(f'{toml}: a twin has the main source "{main.source}"', hint="name another source")
    return models


def _finished(table: Mapping[str, object]) -> dict[str, bool]:
    """A file that nothing is built from is run as it is."""
    source = load_sources().get(str(table.get("source")))
    return {"ready": True} if source is not None and source.finished and runs_as_it_is(source.name) else {}


def _by_name(name: Named, dataset: Path | None, metric: tuple[str, ...]) -> dict[Source, ModelSpec]:
    fetched = name.folder is None and is_file(name.lock)
    model = (
        next(iter(_from_folder(name.lock).values())) if fetched else parse(ModelSpec, unfetched(name), f'"{name.text}"')
    )
    if dataset is None:
        return {model.source: model}
    _require_dataset(dataset)
    table = {**model.model_dump(), "dataset": {"npz": dataset.resolve(), "labels": _labels_for(metric)}}
    # Random weights may be calibrated and compared on it; that they guess as chance does is nothing to report.
    by = metric or (() if model.random_weights else ("top1",))
    scored = {"metric": by, "no_accuracy_reason": ""} if by else {}
    return {model.source: parse(ModelSpec, {**table, **scored}, name.text)}


def has_no_folder(name: str) -> bool:
    """Is it a model's file or a name of a library, whose dataset the sweep names?"""
    return named(name) is not None or file_source(Path(split_entry(name)[0])) is not None


def file_source(path: Path) -> Source | None:
    """The source a file (or SavedModel folder) at `path` is, by the end of its name, in letters of any size; None when
    it is no model's file."""
    if is_file(path / "saved_model.pb"):
        return "saved_model"
    known = _suffixes()
    name = path.name.lower()
    return next((known[suffix] for suffix in sorted(known, key=len, reverse=True) if name.endswith(suffix)), None)


def _suffixes() -> dict[str, Source]:
    """Suffix of a model's file → its source."""
    return {suffix: source.name for source in load_sources().values() for suffix in source.suffixes}


def apart(name: str, model: ModelSpec) -> ModelSpec:
    """The model of the file at `name` under a longer name, for another one has its own: its folder's in front, or where
    that says nothing its suffix behind."""
    path = Path(name).resolve()
    longer = file_name(f"{path.parent.name}-{path.stem}") if path.parent != Path.cwd() else ""
    return model.model_copy(update={"name": longer or file_name(f"{path.stem}_{path.suffix[1:]}")})


def _layout(tensors: tuple[TensorSpec, ...]) -> Layout:
    return next((tensor.layout for tensor in tensors if tensor.layout != "any"), "any")


def _hint(path: Path, known: dict[str, Path]) -> str:
    if path.suffix.lower() in _OTHER_FILES:
        return _OTHER_FILES[path.suffix.lower()]
    suffixes = sorted(_suffixes())
    return nearest(path.name, known) + f"; a model's file ends in {', '.join(suffixes)}, or is a SavedModel folder"


def _labels_for(metric: tuple[str, ...]) -> Labels | dict[str, Labels]:
    """What a file's dataset must have for its metrics: of each output labels of its own where several are named."""
    known = load_metrics()
    kinds = [(one.output, known[one.metric].labels) for one in map(asked, metric) if one.metric in known]
    named = {output: labels[0] for output, labels in reversed(kinds) if output is not None}
    if len(named) > 1:
        return dict(reversed(named.items()))
    shared = [kind for kind in kinds[0][1] if all(kind in labels for _, labels in kinds)] if kinds else []
    return shared[0] if shared else kinds[0][1][0] if kinds else "class" if not metric else "any"


def _from_file(path: Path, source: Source, dataset: Path | None, quantize: bool, metric: tuple[str, ...]) -> ModelSpec:
    if source != "saved_model" and not is_file(path):
        raise ConfigError(f"{path}: no such file", hint="check the path given as a model")
    if dataset is not None:
        _require_dataset(dataset)
    table = {
        "name": file_name(path.resolve().stem),
        "source": source,
        "file": path.resolve(),
        "folder": path.resolve().parent,
        "ready": runs_as_it_is(source) and (not quantize or bool(load_sources()[source].finished)),
        "dataset": None if dataset is None else {"npz": dataset.resolve(), "labels": _labels_for(metric)},
        "metric": () if dataset is None else metric or "top1",
        "no_accuracy_reason": "" if dataset is not None else "no dataset was given for this file",
    }
    return parse(ModelSpec, table, str(path))


def _require_dataset(dataset: Path) -> None:
    if not is_file(dataset):
        raise ConfigError(f"{dataset}: no such file", hint="check the path given as a dataset")
