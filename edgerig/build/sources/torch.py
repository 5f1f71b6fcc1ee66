"""Models authored in PyTorch: a factory that makes an `nn.Module` and its state dict, or a `torch.export` archive."""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy.typing as npt
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import nn

from edgerig.build.factory import call_factory
from edgerig.build.inference import infer_by_sample, known_bytes
from edgerig.build.memory import Network
from edgerig.build.source import Arrays, SourceModel, drawn, known_dtype, named_tensors
from edgerig.build.sources.torch_library import network
from edgerig.build.sources.torch_state import with_explicit_state
from edgerig.build.streams import remembering
from edgerig.errors import BuildError
from edgerig.spec import Dtype, ModelSpec, Shapes
from edgerig.spec.model import DYNAMIC

ARCHIVED = re.compile(
    r"archive_format|archive_version|byteorder|\.data/\w+|models/[\w.-]+\.json"
    r"|data/(weights|constants)/([\w.-]+_config\.json|(weight|tensor)_\d+)|data/sample_inputs/[\w.-]+\.pt"
)
"""What a .pt2 archive may hold below its folder: JSON, raw tensors, sample inputs. Script and opaque objects and the
tensors of older layouts are pickles (torch/export/pt2_archive/constants.py)."""
PICKLED = frozenset({".pt", ".pth", ".bin"})
"""Suffixes of state dicts written by `torch.save`."""
REWRITE = "load it where you trust it and write safetensors.torch.save_file(model.state_dict(), path)"
SHOWN_KEYS = 5
"""At most so many keys of a state dict are named in a message."""
FORWARD_HINT = "its forward() takes the [[inputs]] of model.toml in order, a sample at a time"


def load(spec: ModelSpec) -> SourceModel:
    """The spec's network on the CPU, weights loaded, in inference mode. Raises BuildError."""
    if spec.path is not None:
        return _exported(spec, spec.path)
    if spec.library is not None:
        return _of_a_library(spec)
    if spec.factory is None:
        raise BuildError(
            f'model "{spec.name}": no factory to make the network with',
            hint=f'give "factory" in {spec.folder / "model.toml"}',
        )
    module = call_factory(spec.folder, spec.factory, fetched=spec.fetched)
    if not isinstance(module, nn.Module):
        raise BuildError(
            f'factory "{spec.factory}" of model "{spec.name}" gave a {type(module).__name__}, not a torch.nn.Module',
            hint="return the network itself, an instance, not its class",
        )
    if spec.weights is not None:
        _load_weights(module, spec, spec.located(spec.weights))
    return _source(spec, module.eval().requires_grad_(False))


def _source(spec: ModelSpec, module: nn.Module) -> SourceModel:
    """What the module keeps between inferences becomes inputs fed from outputs, for formats without variables."""
    module, spec, notes = with_explicit_state(module, spec)
    network = _called(module, spec)
    memory = remembering(spec, network)
    outer = spec if memory is None else memory.outside

    def infer(inputs: Arrays) -> Arrays:
        return infer_by_sample(outer, memory or network, inputs, hint=FORWARD_HINT)

    return SourceModel(spec, module, infer, notes=notes, memory=memory)


def _of_a_library(spec: ModelSpec) -> SourceModel:
    made = network(spec)
    if spec.weights is not None and not made.weighted:
        _load_weights(made.module, spec, spec.located(spec.weights))
    whole = spec.model_copy(update={"inputs": made.inputs})
    if not spec.outputs:
        given = made.module(*(torch.from_numpy(array) for array in drawn(made.inputs, 0, 1)))
        named = zip(made.outputs, given if isinstance(given, tuple) else (given,), strict=True)
        told = named_tensors(((name, tuple(t.shape), known_dtype(str(t.dtype)[6:])) for name, t in named), "any")
        whole = whole.model_copy(update={"outputs": told})
    source = _source(whole, made.module)
    return replace(source, notes=(*source.notes, *made.notes))


def _load_weights(module: nn.Module, spec: ModelSpec, path: Path) -> None:
    """Loads the file into `module`: exactly the spec's bytes, and every key of the module and no other."""
    content = known_bytes(spec, path)
    tensors = _state_dict(path, content)
    try:
        difference = module.load_state_dict(tensors, strict=False)  # both lists of keys, not torch's first complaint
    except RuntimeError as error:  # a shape that differs; torch's message names the key and both shapes
        raise BuildError(
            f'{path}: does not fit the network of "{spec.factory}": {error}',
            hint="the weights belong to another version of the network",
        ) from error
    missing, unexpected = difference.missing_keys, difference.unexpected_keys
    if missing or unexpected:
        lacks = [f"lacks {_some(missing)}"] if missing else []
        has = [f"has the unknown {_some(unexpected)}"] if unexpected else []
        raise BuildError(
            f'{path}: does not fit the network of "{spec.factory}": it {" and ".join(lacks + has)}',
            hint="the weights belong to another version of the network",
        )


def _state_dict(path: Path, content: bytes) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file, or of a `torch.save`d state dict read without running its pickle's code."""
    if path.suffix not in PICKLED:
        try:
            found: dict[str, torch.Tensor] = safetensors.torch.load(content)
        except SafetensorError as error:
            raise BuildError(
                f"{path}: not a safetensors file: {error}",
                hint="write it with safetensors.torch.save_file(model.state_dict(), path)",
            ) from error
        return found
    if zipfile.is_zipfile(io.BytesIO(content)) and _is_torchscript(content):
        raise BuildError(f"{path}: a TorchScript file, not a state dict of tensors", hint=REWRITE)
    try:
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises pickle's, zip's and its own kinds
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise BuildError(f"{path}: not a state dict of tensors: {reason}", hint=REWRITE) from error
    if not isinstance(loaded, dict) or not all(isinstance(value, torch.Tensor) for value in loaded.values()):
        raise BuildError(
            f"{path}: holds a {type(loaded).__name__} that is not a state dict of tensors alone",
            hint="save model.state_dict() itself, not a checkpoint around it",
        )
    return loaded


def _is_torchscript(content: bytes) -> bool:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return any("/code/" in name for name in archive.namelist())


def _exported(spec: ModelSpec, path: Path) -> SourceModel:
    """A program of `torch.export.save`. Raises BuildError; an archive with pickled parts is not opened."""
    _refuse_pickles(path)
    # What else is a pickle in the archive (sample inputs) is read without running its code: where that fails, torch
    # would try again with running it, unless this forbids it.
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    try:
        program = torch.export.load(path)
    except Exception as error:  # torch raises zip's, json's and its own kinds
        raise BuildError(
            f"{path}: torch cannot load it: {type(error).__name__}: {str(error).strip().splitlines()[0]}",
            hint="write it with torch.export.save(torch.export.export(model, inputs), path), by this torch version",
        ) from error
    signature = program.graph_signature
    inputs = spec.inputs or named_tensors(_values(program, signature.user_inputs, path, spec.shapes), "NCHW")
    given = {tensor.name for tensor in inputs} & set(spec.shapes)
    outputs = spec.outputs or named_tensors(
        _values(program, signature.user_outputs, path, spec.shapes, opened=bool(given)), "any"
    )
    whole = spec.model_copy(update={"inputs": inputs, "outputs": outputs})
    return _source(whole, Exported(program.module().requires_grad_(False)))


class Exported(nn.Module):  # type: ignore[misc]  # torch is Any to the type checker
    """An exported program as a module: what converters set on it (`eval()`) it was exported with, and refuses."""

    def __init__(self, program: nn.Module) -> None:
        super().__init__()
        self.program = program

    def train(self, mode: bool = True) -> Exported:
        self.training = mode
        return self

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.program(*inputs)


def _refuse_pickles(path: Path) -> None:
    """Raises BuildError when loading the archive would unpickle a part of it, or when it is no such archive."""
    hint = "write it with torch.export.save(torch.export.export(model, inputs), path), by this torch version"
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            configs = [json.loads(archive.read(name)) for name in names if name.endswith("_config.json")]
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise BuildError(f"{path}: not a whole .pt2 archive: {error}", hint=hint) from error
    if any("/aotinductor/" in name for name in names):
        raise BuildError(
            f"{path}: an AOTInductor package, machine code that would run when it is opened",
            hint="bring the network itself; where you trust who made the package, call it …aoti.pt2 and give --trust",
        )
    entries = [entry for config in configs for entry in config.get("config", {}).values()]
    if not any(name.endswith("archive_format") for name in names):
        raise BuildError(f"{path}: not a .pt2 archive, or one of a torch before 2.8", hint=hint)
    loose = [name for name in names if not ARCHIVED.fullmatch(name.partition("/")[2])]
    if loose or any(entry.get("use_pickle") for entry in entries):
        raise BuildError(
            f"{path}: parts of it are pickled, and a pickle runs code when it is opened",
            hint="make its weights contiguous tensors and leave script objects out, then export it again",
        )


def _values(
    program: torch.export.ExportedProgram, names: list[str], path: Path, shapes: Shapes, *, opened: bool = False
) -> list[tuple[str, tuple[int, ...], Dtype]]:
    """Name, shape and dtype of the program's values called `names`: in the shapes that are given for them; `opened`, a
    length that follows from others is left open."""
    found = {node.name: node.meta["val"] for node in program.graph.nodes if "val" in node.meta}
    values = []
    for name in names:
        shape = shapes.get(name) or tuple(found[name].shape)
        if opened:
            shape = tuple(axis if isinstance(axis, int) else DYNAMIC for axis in shape)
        if not all(isinstance(axis, int) for axis in shape):
            raise BuildError(
                f'{path}: "{name}" has a dynamic shape {[str(axis) for axis in shape]}',
                hint=f"give the lengths, as in --shape {name}=1x64, or export it with static shapes",
            )
        values.append((name, shape, known_dtype(str(found[name].dtype).removeprefix("torch."))))
    return values


def _some(keys: list[str]) -> str:
    rest = len(keys) - SHOWN_KEYS
    return ", ".join(sorted(keys)[:SHOWN_KEYS]) + (f" and {rest} more" if rest > 0 else "")


def _as_array(value: torch.Tensor) -> npt.NDArray[Any]:
    """Real values as float32; integers and bools as they are: an index beyond 2^24 is not a float32."""
    real = value.is_floating_point() and value.dtype != torch.float64
    array: npt.NDArray[Any] = (value.to("cpu", torch.float32) if real else value.cpu()).numpy()
    return array


def _called(module: nn.Module, spec: ModelSpec) -> Network:
    """The module as a network of arrays. It raises BuildError when it returns anything but the spec's tensors."""

    def call(batch: Arrays) -> Arrays:
        with torch.no_grad():
            returned = module(*(torch.from_numpy(array) for array in batch))
        values = list(returned) if isinstance(returned, tuple | list) else [returned]
        kinds = [type(value).__name__ for value in values]
        if len(values) != len(spec.outputs) or not all(isinstance(value, torch.Tensor) for value in values):
            raise BuildError(
                f'model "{spec.name}": the network returns {", ".join(kinds)}, '
                f"model.toml names {len(spec.outputs)} output tensors",
                hint="return one tensor, or a tuple with one tensor for each [[outputs]]",
            )
        return [_as_array(value) for value in values]

    return call
