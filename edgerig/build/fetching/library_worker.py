"""`python -m edgerig.build.fetching.library_worker SCHEME NAME FILE`: writes into FILE, as JSON, what a library would
download for a name (`library.Told`). It downloads nothing."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from edgerig.build.fetching.library import Told
from edgerig.spec.named import SCHEMES
from edgerig.spec.toml import nearest


class _Asked(Exception):
    """Raised in place of a download, with what was to be downloaded."""

    def __init__(self, url: str, md5: str) -> None:
        super().__init__(url)
        self.url, self.md5 = url, md5


def keras(name: str, library: Any, version: str) -> Told:
    """What `keras.applications.NAME(weights="imagenet")` asks `file_utils.get_file` for."""
    from keras.src.utils import file_utils

    known = [each for each in dir(library.applications) if each[0].isupper()]
    if name not in known:
        return Told(version=version, error=f'keras.applications has no "{name}"', hint=nearest(name, known))

    def get_file(fname: str | None = None, origin: str | None = None, **more: Any) -> NoReturn:
        raise _Asked(str(origin), str(more.get("file_hash") or more.get("md5_hash") or ""))

    make: Callable[..., Any] = getattr(library.applications, name)
    file_utils.get_file = get_file
    try:
        make(weights="imagenet")
    except _Asked as asked:
        return Told(version=version, url=asked.url, md5=asked.md5 if len(asked.md5) == 32 else "")
    return Told(version=version, error=f"keras.applications.{name} has no trained weights")


def torchvision(name: str, library: Any, version: str) -> Told:
    models = library.models
    if name not in models.list_models():
        known = models.list_models()
        return Told(version=version, error=f'torchvision has no "{name}"', hint=nearest(name, known))
    weights = getattr(models.get_model_weights(name), "DEFAULT", None)
    if weights is None:
        return Told(version=version, error=f"torchvision has no trained weights for {name}")
    crop = getattr(weights.transforms(), "crop_size", None)
    shape = (1, 3, crop[-1], crop[-1]) if crop else ()
    return Told(version=version, url=weights.url, shape=shape)


def timm(name: str, library: Any, version: str) -> Told:
    if not library.is_model(name.partition(".")[0]):
        return Told(version=version, error=f'timm has no "{name}"', hint=nearest(name, library.list_models()))
    found = library.get_pretrained_cfg(name)
    told = {} if found is None else found.to_dict()
    size = tuple(told.get("input_size") or ())
    if not told.get("hf_hub_id") and not told.get("url"):
        return Told(version=version, error=f"timm has no trained weights for {name}")
    return Told(
        version=version,
        repository=told.get("hf_hub_id") or "",
        url=told.get("url") or "",
        licence=told.get("license") or "",
        shape=(1, *size) if size else (),
    )


LIBRARIES = {"keras": keras, "torchvision": torchvision, "timm": timm}


def main() -> None:
    scheme, name, into = sys.argv[1:]
    package = SCHEMES[scheme].package
    try:
        library = importlib.import_module(package)
        told = LIBRARIES[scheme](name, library, importlib.metadata.version(package))
    except ImportError as error:
        why = "is not installed" if error.name == package else f"cannot be imported here: {error}"
        told = Told(version="", error=f"{package} {why}", hint=f"pip install {package}")
    except (OSError, RuntimeError) as error:  # compiled against another torch
        told = Told(version="", error=f"{package} cannot be imported here: {type(error).__name__}: {error}")
    Path(into).write_text(told.model_dump_json(), encoding="utf-8")


if __name__ == "__main__":
    main()
