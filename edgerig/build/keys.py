"""What a store entry's key is made of. A key changes exactly when what would be built could change."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from edgerig.build import datasets
from edgerig.build.beside import code_of_host
from edgerig.build.onnx_weights import beside
from edgerig.build.store import digest, file_digest
from edgerig.build.versions import version
from edgerig.errors import BuildError, ConfigError
from edgerig.registry import code_elsewhere
from edgerig.spec import PACKAGE, FormatSpec, ModelSpec, RecipeSpec, load_engines, load_formats, load_sources
from edgerig.toolenv import key_of

BUILD = PACKAGE / "build"


def code(spec: ModelSpec) -> dict[str, str]:
    """Path in the model's folder → sha256 of its Python: all beside its factory and its dataset's, packages too."""
    files: set[Path] = set()
    for factory in (spec.factory, spec.dataset.factory if spec.dataset else None, spec.preprocess):
        if factory is not None:
            named = (spec.folder / factory.partition(":")[0]).resolve()
            files |= {named, *named.parent.glob("*.py")}
            files |= {file for found in named.parent.glob("*/__init__.py") for file in found.parent.rglob("*.py")}
    return {os.path.relpath(path, spec.folder): _known_file(path, spec) for path in sorted(files)}


def data_key(spec: ModelSpec, seed: int) -> str:
    """The model's evaluation and calibration data: the data itself when it is a file, else what makes it."""
    parts: dict[str, Any] = {
        "what": "data",
        "tensors": [t.model_dump(mode="json") for t in spec.inputs],
        "shapes": _shapes(spec),
        "layout": spec.dataset_layout,
        "files": [file.sha256 for file in spec.files],
        "reads": [_known_file(spec.located(path), spec) for path in spec.reads],
        "application": spec.application,
        "library": spec.library,
        "signature": spec.signature,
        "state": _state(spec),
        "seed": seed,
        "outputs": [t.model_dump(mode="json") for t in spec.outputs],  # labels are checked against them,
        "metric": spec.metric,  # and against it
        "reader": _digests(*sorted((BUILD / "datasets").glob("*.py")), *SHARED),
        "numpy": version("numpy"),
    }
    if spec.path is not None:
        parts["file"] = _model_file(spec.path, spec)
    if spec.dataset is not None:
        parts["dataset"] = datasets.content(spec.dataset, spec.located)
        if spec.dataset.factory is not None or spec.preprocess is not None:
            parts["code"] = code(spec)
    if spec.preprocess is not None or spec.postprocess is not None:
        parts["stages"] = [spec.preprocess, spec.postprocess is not None]  # what labels may be follows from the latter
    return digest(parts)


def reference_key(spec: ModelSpec, data: str) -> str:
    """The source model's outputs on the data with the key `data`."""
    return digest(
        {
            "what": "reference",
            "model": _model(spec),
            "data": data,
            "framework": _framework(spec),
            "reader": _digests(*_sources(), *SHARED, *_engines(), BUILD / "coverage.py"),
            **_elsewhere(load_sources()[spec.source].loader),
        }
    )


def artifact_key(
    spec: ModelSpec, format_spec: FormatSpec, recipe: RecipeSpec, options: dict[str, str], data: str, calibration: str
) -> str:
    """A built variant; `calibration` is the calibration data's fingerprint, which counts only where it is used.

    A sample of the data with the key `data` is traced, and what the file gives on the first ones is kept with it.
    """
    return digest(
        {
            "what": "artifact",
            "model": _model(spec),
            "format": format_spec.name,
            "machine": platform.machine() if format_spec.machines else None,
            "recipe": {
                "name": recipe.name,
                "like": recipe.like,
                "options": recipe.options.model_dump(mode="json"),
                "lowering": recipe.formats[format_spec.name].model_dump(mode="json"),
            },
            "options": options,
            "data": data,
            "calibration": calibration if recipe.calibration else None,
            "tools": {tool: version(tool) for tool in (*format_spec.tools, *recipe.needs)} | _apart(format_spec),
            "framework": _framework(spec),
            "builder": _digests(
                *sorted(path for path in (BUILD / "formats").rglob("*") if path.suffix in (".py", ".cc", ".h")),
                *sorted((BUILD / "equalize").glob("*.py")),
                *sorted((BUILD / "routes").rglob("*.py")),
                *_sources(),
                *SHARED,
                *_engines(),
                *code_of_host(format_spec),
                BUILD / "check.py",
                BUILD / "machines.py",
                BUILD / "worker.py",
                PACKAGE / "measure" / "error.py",
                PACKAGE / "measure" / "operator_layers.py",
                PACKAGE / "ondevice" / "profiles" / "work.py",
            ),
            **_elsewhere(
                load_sources()[spec.source].loader,
                format_spec.builder,
                *format_spec.routes.values(),
                _engine(format_spec),
            ),
        }
    )


def for_machine(key: str, machine: str) -> str:
    """Of the file for another processor than this host's, beside the artifact of the `key`."""
    return digest({"machine": machine, "of": key})


def ready_key(spec: ModelSpec, data: str) -> str:
    """A ready file, taken as it is, with what it gives on the first samples of the data with the key `data`."""
    if spec.path is None:
        raise ValueError(f"{spec.name} is not a file")
    return digest(
        {
            "what": "ready",
            "name": spec.name,
            "shapes": _shapes(spec),
            "file": _model_file(spec.path, spec),
            "signature": spec.signature,
            "state": _state(spec),
            "data": data,
            "reader": _digests(
                *(BUILD / name for name in ("ready.py", "opening.py", "onnx_weights.py", "worker.py")), *_engines()
            ),
            **_elsewhere(_engine(load_formats()[spec.source])),
        }
    )


def _framework(spec: ModelSpec) -> list[str]:
    return [version(tool) for tool in load_sources()[spec.source].distributions]


SHARED = (
    BUILD / "calibration.py",
    BUILD / "factory.py",
    BUILD / "inference.py",
    BUILD / "layout.py",
    BUILD / "memory.py",
    BUILD / "onnx_weights.py",
    BUILD / "opening.py",
    BUILD / "settling.py",
    BUILD / "source.py",
    BUILD / "streams.py",
    BUILD / "tflite_codes.py",
    PACKAGE / "ondevice" / "tensors.py",
)
"""What readers, sources and builders all import."""


def _digests(*paths: Path) -> dict[str, str]:
    return {str(path.relative_to(PACKAGE)): file_digest(path) for path in paths}


def _engines() -> list[Path]:
    """What tells a file's tensors and gives its outputs."""
    ondevice = PACKAGE / "ondevice"
    return [*sorted((ondevice / "engines").glob("*.py")), ondevice / "evaluate.py", ondevice / "stream.py"]


def _apart(format_spec: FormatSpec) -> dict[str, str]:
    """What is used of other environments than this Python's."""
    tool, engine = format_spec.tool, load_engines()[format_spec.engine]
    environment = {} if tool is None else {tool.name: key_of(tool.packages)}
    return environment | {each.name: each.integrity for each in engine.packages if engine.host}


def _engine(format_spec: FormatSpec) -> str:
    """Where the code of the format's engine is."""
    return load_engines()[format_spec.engine].opens


def _elsewhere(*code: str) -> dict[str, dict[str, str]]:
    """What of the code at "module:name" other packages have; {} where it is all edgerig's own."""
    try:
        files = {name: path for each in code if each for name, path in code_elsewhere(each).items()}
    except ImportError as error:
        raise ConfigError(str(error), hint="is the package that adds the format installed as a whole?") from error
    return {"elsewhere": {name: file_digest(path) for name, path in sorted(files.items())}} if files else {}


def _sources() -> list[Path]:
    return sorted((BUILD / "sources").glob("*.py"))


def _state(spec: ModelSpec) -> dict[str, Any]:
    """What is fed back and when it begins anew."""
    return {
        "fed": [each.model_dump(mode="json") for each in spec.state],
        "stream": None if spec.stream is None else spec.stream.told,
    }


def _model(spec: ModelSpec) -> dict[str, Any]:
    return {
        "source": spec.source,
        "factory": spec.factory,
        "application": spec.application,
        "library": spec.library,
        "file": None if spec.path is None else _model_file(spec.path, spec),
        "signature": spec.signature,
        "state": _state(spec),
        "reads": [_known_file(spec.located(path), spec) for path in spec.reads],
        "files": [file.sha256 for file in spec.files],
        "code": code(spec),
        "weights": spec.weights_sha256,
        "inputs": [t.model_dump(mode="json") for t in spec.inputs],
        "outputs": [t.model_dump(mode="json") for t in spec.outputs],
        "shapes": _shapes(spec),
    }


def _shapes(spec: ModelSpec) -> dict[str, list[int]]:
    return {name: list(shape) for name, shape in spec.shapes.items()}


def _model_file(path: Path, spec: ModelSpec) -> str:
    """Of a SavedModel, every file below it; of an ONNX file, also those it keeps weights in."""
    below = sorted(file for file in path.rglob("*") if file.is_file())
    files = below if path.is_dir() else [path, *_beside(path)]
    return digest({"files": {os.path.relpath(file, path): _known_file(file, spec) for file in files}})


def _beside(path: Path) -> list[Path]:
    """What is no ONNX file after all, or lacks one of its files, is told of where it is loaded."""
    try:
        return [file for file in beside(path) if file.is_file()]
    except BuildError:
        return []


def _known_file(path: Path, spec: ModelSpec) -> str:
    try:
        return file_digest(path)
    except OSError as error:
        raise ConfigError(
            f'model "{spec.name}": {path} cannot be read: {error.strerror}',
            hint=f"correct the path in {spec.folder / 'model.toml'}",
        ) from error
