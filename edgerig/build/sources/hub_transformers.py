"""Networks by transformers: classifiers and encoders of pictures, sound and text.

The configuration says which class it is; where there is none (a name that was never fetched), it is the default one of
the architecture that transformers' own documentation names with that repository. Code in a repository is never run.
"""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import torch
from torch import nn

from edgerig.build.source import drawn
from edgerig.build.sources.library_network import Network
from edgerig.errors import BuildError
from edgerig.spec import ModelSpec, Named, TensorSpec
from edgerig.spec.toml import nearest

TOKENS = 128
"""Length of a text, where the model's `[[inputs]]` do not say otherwise."""
SAMPLES = 16_000
"""Length of a sound: a second at the rate nearly all are trained at."""
OUTPUTS = ("logits", "pred_boxes", "image_embeds", "text_embeds", "last_hidden_state")
"""What is kept of what a class returns, where it is there; hidden states only where nothing else is."""
_GENERATES = re.compile(r"For(CausalLM|ConditionalGeneration|Seq2SeqLM|SpeechSeq2Seq)$|LMHeadModel$")
_CHECKPOINT = re.compile(r"auto_docstring\([^)]*checkpoint=\"(?P<name>[^\"]+)\"")
_MODEL_TYPE = re.compile(r"^    model_type(?:: \w+)? = \"(?P<type>[\w-]+)\"", re.MULTILINE)
_HEADS = ("IMAGE_CLASSIFICATION", "AUDIO_CLASSIFICATION", "SEQUENCE_CLASSIFICATION")


class Positional(nn.Module):  # type: ignore[misc]  # torch is Any to the type checker
    """A transformers network that takes tensors in order and gives those of its outputs that are kept."""

    def __init__(self, network: nn.Module, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> None:
        super().__init__()
        self.network, self.inputs, self.outputs = network, inputs, outputs

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found = self.network(**dict(zip(self.inputs, tensors, strict=True)))
        return tuple(found[name] for name in self.outputs)


def make(spec: ModelSpec, wanted: Named, library: Any) -> Network:
    """The network of a configuration, with the weights beside it unless they are random. Raises BuildError."""
    folder = spec.fetched or spec.folder
    config = _config(spec, wanted, library, folder if (folder / "config.json").is_file() else None)
    kind = _class(spec, wanted, library, config)
    config._attn_implementation = "eager"
    config.use_cache = False
    try:
        loaded = (
            kind(config)
            if spec.random_weights
            else kind.from_pretrained(folder, config=config, local_files_only=True, dtype=torch.float32)
        )
    except Exception as error:  # whatever a class raises on a configuration or on weights that do not fit it
        raise BuildError(
            f'model "{spec.name}": {kind.__name__} cannot be made: {type(error).__name__}: {str(error)[:400]}',
            hint=f"does transformers.{kind.__name__}.from_pretrained load it?",
        ) from error
    loaded = _encoder(loaded, config).eval().float()
    inputs = spec.inputs or _inputs(spec, loaded, config, folder)
    outputs = _outputs(spec, loaded, inputs)
    whole = Positional(loaded, tuple(tensor.name for tensor in inputs), outputs)
    return Network(whole, inputs, outputs, weighted=not spec.random_weights)


def _config(spec: ModelSpec, wanted: Named, library: Any, folder: Path | None) -> Any:
    """The configuration beside the model, else the default one of the architecture it is known by."""
    if folder is not None:
        try:
            return library.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except Exception as error:  # a model type nobody knows, a key of the wrong type
            raise BuildError(
                f"{folder / 'config.json'}: transformers {library.__version__} cannot read it: {str(error)[:300]}",
                hint="a network whose code stands in the repository is not run; a newer transformers may know it",
            ) from error
    types = library.models.auto.configuration_auto.CONFIG_MAPPING_NAMES
    kind = wanted.name if wanted.name in types else _checkpoints(library).get(wanted.name.lower())
    if kind not in types:
        raise BuildError(
            f'model "{spec.name}": nothing was fetched of {wanted.name}, and transformers tells no architecture of it',
            hint=f"edgerig models fetch {wanted.text}; or an architecture with random weights: hf:vit. "
            + nearest(wanted.name, types),
        )
    return library.AutoConfig.for_model(kind)


def _checkpoints(library: Any) -> dict[str, str]:
    """Repository, in lower case → model type, as the configurations' documentation has them: `auto_docstring(
    checkpoint=…)` above a class that begins with its `model_type`."""
    found: dict[str, str] = {}
    for path in sorted((Path(library.__file__).parent / "models").glob("*/configuration_*.py")):
        text = path.read_text(encoding="utf-8")
        for documented in _CHECKPOINT.finditer(text):
            if kind := _MODEL_TYPE.search(text, documented.end()):
                found.setdefault(documented["name"].lower(), kind["type"])
    return found


def _class(spec: ModelSpec, wanted: Named, library: Any, config: Any) -> Any:
    """The class of the network: the one that is named, the configuration's own, else one with a head for classes, else
    the bare encoder."""
    named = wanted.part or next(iter(config.architectures or ()), "")
    if _GENERATES.search(named) and not config.is_encoder_decoder:
        raise BuildError(
            f'model "{spec.name}": {named} writes a text step by step with a cache that grows: '
            "what is measured here is one inference of fixed shapes",
            hint=f"its hidden states: {wanted.text.partition('#')[0]}#{_bare(library, config)}",
        )
    if config.is_encoder_decoder and not wanted.part:
        named = _bare(library, config)
    if not named:
        tables = library.models.auto.modeling_auto
        heads = (getattr(tables, f"MODEL_FOR_{head}_MAPPING_NAMES") for head in _HEADS)
        named = next((head[config.model_type] for head in heads if config.model_type in head), _bare(library, config))
        named = named if isinstance(named, str) else named[0]
    kind = getattr(library, named, None)
    if kind is None or not hasattr(kind, "from_pretrained"):
        raise BuildError(
            f'model "{spec.name}": transformers {library.__version__} has no class "{named}"',
            hint=f"name one of its classes: {wanted.text.partition('#')[0]}#{_bare(library, config)}",
        )
    return kind


def _bare(library: Any, config: Any) -> str:
    named = library.models.auto.modeling_auto.MODEL_MAPPING_NAMES.get(config.model_type, "")
    return named if isinstance(named, str) else str(named[0])


def _encoder(network: Any, config: Any) -> Any:
    """The encoder alone of a network that has a decoder too."""
    return network.get_encoder() if config.is_encoder_decoder else network


def _inputs(spec: ModelSpec, network: Any, config: Any, folder: Path) -> tuple[TensorSpec, ...]:
    """What the network is fed, at batch 1, by the name of its main input."""
    main = network.main_input_name
    taken = inspect.signature(network.forward).parameters
    text = getattr(config, "text_config", config)
    if main == "pixel_values":
        vision = getattr(config, "vision_config", config)
        return (TensorSpec(name=main, shape=(1, *_picture(vision, folder)), layout="NCHW"),)
    if main == "input_ids" and hasattr(text, "vocab_size"):
        length = min(TOKENS, int(getattr(text, "max_position_embeddings", TOKENS)) or TOKENS)
        ids = TensorSpec(name=main, shape=(1, length), dtype="int64", range=(0, text.vocab_size - 1))
        mask = TensorSpec(name="attention_mask", shape=(1, length), dtype="int64", range=(0, 1))
        return (ids, mask) if "attention_mask" in taken else (ids,)
    if main == "input_features" and hasattr(config, "num_mel_bins") and hasattr(config, "max_source_positions"):
        return (TensorSpec(name=main, shape=(1, config.num_mel_bins, 2 * config.max_source_positions)),)
    if main == "input_values" and hasattr(config, "num_mel_bins") and hasattr(config, "max_length"):
        return (TensorSpec(name=main, shape=(1, config.max_length, config.num_mel_bins)),)
    if main == "input_values":
        return (TensorSpec(name=main, shape=(1, SAMPLES)),)
    raise BuildError(
        f'model "{spec.name}": its configuration does not tell the shape of {main}',
        hint=f'give it: [[inputs]] name = "{main}", shape = [1, …], in the model.toml that models fetch wrote',
    )


def _picture(config: Any, folder: Path) -> tuple[int, int, int]:
    """Channels, height and width: the configuration's, else what the pictures are resized to, else 224."""
    size = getattr(config, "image_size", None) or _resized(folder) or 224
    height, width = size if isinstance(size, list | tuple) else (size, size)
    return int(getattr(config, "num_channels", 3)), int(height), int(width)


def _resized(folder: Path) -> tuple[int, int] | None:
    """The size in preprocessor_config.json, as transformers' image processors write it."""
    try:
        known = json.loads((folder / "preprocessor_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    for key in ("crop_size", "size"):
        size = known.get(key)
        if isinstance(size, int):
            return size, size
        if isinstance(size, dict) and "height" in size and "width" in size:
            return int(size["height"]), int(size["width"])
        if isinstance(size, dict) and "shortest_edge" in size:
            return int(size["shortest_edge"]), int(size["shortest_edge"])
    return None


def _outputs(spec: ModelSpec, network: Any, inputs: tuple[TensorSpec, ...]) -> tuple[str, ...]:
    """Which of `OUTPUTS` the network gives, found by asking it once."""
    fed = {tensor.name: torch.from_numpy(array) for tensor, array in zip(inputs, drawn(inputs, 0, 1), strict=True)}
    try:
        with torch.no_grad():
            given = network(**fed)
    except Exception as error:  # whatever a network raises on an input it does not take
        raise BuildError(
            f'model "{spec.name}": {type(network).__name__} fails on inputs of its own shapes: '
            f"{type(error).__name__}: {str(error)[:300]}",
            hint="give its [[inputs]] in a model.toml",
        ) from error
    names = tuple(name for name in OUTPUTS if isinstance(given.get(name), torch.Tensor))
    if not names:
        raise BuildError(
            f'model "{spec.name}": {type(network).__name__} gives none of {", ".join(OUTPUTS)}',
            hint="name another class of it behind a #",
        )
    return tuple(name for name in names if name != "last_hidden_state") or names
