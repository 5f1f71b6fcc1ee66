"""Bringing what a model's name stands for: pinned at the first time, and from then on the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from edgerig.build.fetching import address, hub, library
from edgerig.build.fetching.pin import Pinned, write
from edgerig.cache import temporary_folder
from edgerig.errors import ConfigError
from edgerig.spec import FileSpec, Named

_PINNING: Mapping[str, Callable[[Named, Path], Pinned]] = {
    "hf": hub.pin,
    "keras": library.pin,
    "torchvision": library.pin,
    "timm": library.pin,
    "kaggle": address.pin,
    "https": address.pin,
}


def pin(model: Named) -> tuple[FileSpec, ...]:
    """Asks the network what the name stands for now, brings its files and records them; gives their rows.

    Raises FetchError, ConfigError, NotInstalled.
    """
    parent = model.lock.parent.parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"cache folder {parent} cannot be used: {error.strerror}", hint="set EDGERIG_CACHE to a writable folder"
        ) from error
    with temporary_folder(parent, ".fetch-") as work:
        return write(model, _PINNING[model.scheme](model, work))
