"""Bringing what a model's name stands for: pinned at the first time, and from then on the same."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

from edgerig.build.fetching import address, hub, library
from edgerig.build.fetching.pin import Pinned, write
from edgerig.cache import temporary_folder, usable
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
    with contextlib.ExitStack() as opened:
        with usable(parent):  # what fails later is the network's
            work = opened.enter_context(temporary_folder(parent, ".fetch-"))
        return write(model, _PINNING[model.scheme](model, work))
