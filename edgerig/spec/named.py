"""Models by name, as a library or a hub calls them: `hf:ORG/MODEL`, `keras:MobileNetV3Small`, an address.

    hf:ORG/MODEL[@REVISION][#CLASS]   the Hugging Face hub, through transformers
    hf:./FOLDER                       what transformers' `save_pretrained` wrote
    keras:NAME                        keras.applications
    torchvision:NAME, timm:NAME       where that package is installed
    kaggle:OWNER/MODEL/FRAMEWORK/VARIATION/VERSION, https://tfhub.dev/…   a SavedModel
    https://…                         a model's file, or an archive with a SavedModel

`edgerig models fetch NAME` pins what it stands for: it brings the files into the cache beside a `model.toml` that says
their revision, addresses and sha256. Until then the network of a library has random weights, and its name says so.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgerig.errors import ConfigError
from edgerig.spec.files import fetched_folder, is_file
from edgerig.spec.toml import LONGEST_NAME, Source

LOCK = "model.toml"
"""What a fetched name is from then on, in its folder of the cache."""
RANDOM = "-random"
"""Ends the name of a model whose weights were never fetched, and so the id of each of its cells."""


@dataclass(frozen=True)
class Scheme:
    """What stands before the colon. `package` is the distribution that has the networks, "" where none is needed."""

    name: str
    source: Source
    package: str
    pattern: str
    example: str


SCHEMES: Mapping[str, Scheme] = {
    scheme.name: scheme
    for scheme in (
        Scheme(
            "hf",
            "torch",
            "transformers",
            r"(?P<name>[\w.-]+(/[\w.-]+)?)(@(?P<revision>[\w./-]+))?(#(?P<part>\w+))?",
            "hf:google/vit-base-patch16-224",
        ),
        Scheme("keras", "keras", "keras", r"(?P<name>[A-Za-z]\w*)", "keras:MobileNetV3Small"),
        Scheme("torchvision", "torch", "torchvision", r"(?P<name>\w+)", "torchvision:mobilenet_v3_small"),
        Scheme("timm", "torch", "timm", r"(?P<name>[\w.-]+)", "timm:mobilenetv3_small_100"),
        Scheme(
            "kaggle",
            "saved_model",
            "",
            r"(?P<name>[\w.-]+/[\w.-]+/\w+/[\w.-]+/\d+)",
            "kaggle:google/mobilenet-v2/tensorFlow2/100-224-classification/2",
        ),
    )
}
FOLDER_PREFIX = "hf:"
"""Before a folder that transformers' `save_pretrained` wrote."""
_ADDRESS = re.compile(r"https?://\S+")
_FOLDER = re.compile(FOLDER_PREFIX + r"(?P<folder>[./~].*)")


@dataclass(frozen=True)
class Named:
    """A model's name taken apart. `scheme` is "https" for an address, which is its `name`; `folder` is a local one."""

    text: str
    scheme: str
    name: str
    revision: str = ""
    part: str = ""
    folder: Path | None = None

    @property
    def slug(self) -> str:
        """Its name as a model's, which stands in ids and paths. An address' has a hash of the whole behind it."""
        if self.scheme == "https":
            stem = re.sub(r"[?#].*$", "", self.name).rstrip("/").rpartition("/")[2]
            stem = re.sub(r"(\.tar)?\.\w+$", "", stem)
            return f"{_plain(stem)[:60] or 'model'}_{hashlib.sha256(self.name.encode()).hexdigest()[:8]}"
        if self.folder is not None:
            return _plain(self.folder.resolve().name) or "model"
        parts = (self.scheme, self.name, self.revision[:12], self.part)
        return _plain("_".join(part for part in parts if part))[: LONGEST_NAME - len(RANDOM)]

    @property
    def lock(self) -> Path:
        """Where `edgerig models fetch` writes what it pinned."""
        return fetched_folder(self.slug) / LOCK


def is_name(text: str) -> bool:
    """Does it begin as the names here do?"""
    return bool(_ADDRESS.fullmatch(text)) or (text.partition(":")[0] in SCHEMES and ":" in text)


def named(text: str) -> Named | None:
    """What the name stands for; None where it is no such name. Raises ConfigError for one that is almost."""
    if _ADDRESS.fullmatch(text):
        return Named(text, "https", text)
    if local := _FOLDER.fullmatch(text):
        return Named(text, "hf", local["folder"], folder=Path(local["folder"]).expanduser())
    scheme = SCHEMES.get(text.partition(":")[0])
    if scheme is None or ":" not in text:
        return None
    if (matched := re.fullmatch(scheme.pattern, text.partition(":")[2])) is None:
        raise ConfigError(f'model "{text}" is not a name of {scheme.name}', hint=f'such as "{scheme.example}"')
    found = {key: value or "" for key, value in matched.groupdict().items()}
    return Named(text, scheme.name, found["name"], found.get("revision", ""), found.get("part", ""))


def unfetched(model: Named) -> dict[str, Any]:
    """The keys of a `model.toml` for a name that was never fetched: the library's network with random weights.

    Raises ConfigError where a name stands for files alone.
    """
    if model.folder is not None:
        return _local(model, model.folder)
    scheme = SCHEMES.get(model.scheme)
    if scheme is None or not scheme.package:
        raise ConfigError(f'model "{model.text}" was not fetched', hint=f"edgerig models fetch {model.text}")
    origin = {"application": model.name} if scheme.name == "keras" else {"library": model.text}
    return {
        "name": f"{model.slug}{RANDOM}",
        "description": f"{model.text}, random weights",
        "source": scheme.source,
        **origin,
        "random_weights": True,
        "no_accuracy_reason": f"its weights are random: edgerig models fetch {model.text} brings the trained ones",
    }


def _local(model: Named, folder: Path) -> dict[str, Any]:
    """A folder that transformers' `save_pretrained` wrote, used where it lies; one without weights has random ones."""
    if not is_file(folder / "config.json"):
        raise ConfigError(f"{folder}: no config.json in it", hint="give the folder that save_pretrained wrote")
    kept = sorted(path for path in folder.iterdir() if path.suffix in (".json", ".safetensors", ".bin"))
    random = not any(path.suffix in (".safetensors", ".bin") for path in kept)
    return {
        "name": f"{model.slug}{RANDOM if random else ''}",
        "description": f"{model.slug}, a configuration with random weights"
        if random
        else f"{model.slug}, a saved model",
        "source": "torch",
        "library": "hf:.",
        "folder": folder.resolve(),
        "reads": [path.name for path in kept],
        "random_weights": random,
        "no_accuracy_reason": "its weights are random" if random else "no dataset was given for it",
    }


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", text).strip("_.-")
