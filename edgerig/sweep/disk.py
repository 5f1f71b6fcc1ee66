"""Writing to a run's folder: what the disk refuses, and a folder that is gone, end the sweep and cost no outcome."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from edgerig.confined import Confined
from edgerig.errors import NotKept

GONE = "the run's folder, or its journal, was removed or moved while the sweep ran"
GONE_HINT = "bring it back, or begin a new sweep: what was built is in the cache"


def fresh_folder(run: Path, name: str) -> Path:
    """The folder `name` ("raw/<cell>") of the run's folder `run`, empty: what a killed sweep left in it is no part of
    the next attempt. Raises NotKept."""
    with writing(run):
        return (Confined(run) / name).make_fresh()


@contextlib.contextmanager
def writing(run: Path) -> Iterator[None]:
    """Around what is written to the run's folder `run`. Raises NotKept, which says how to go on, for what the disk
    refuses and when the folder is gone."""
    check_there(run)
    try:
        yield
    except OSError as error:
        check_there(run)
        raise not_kept(run, f"{run} cannot be written: {error.strerror}") from error


def check_there(run: Path) -> None:
    """Raises NotKept when the run's folder was removed or moved: nothing may make a second one in its place."""
    if not (run / "run.json").is_file():
        raise NotKept(f"{run}: {GONE}", hint=GONE_HINT)


def not_kept(run: Path, what: str) -> NotKept:
    """For a sweep that this machine's disk ends."""
    return NotKept(what, hint=f"make space, then go on with: edgerig sweep --resume {run}")


def copy_whole(source: Path, target: Path) -> None:
    """Under another name first: a copy cut short by a kill must not pass for the whole."""
    partial = target.with_name(f".{target.name}.partial")
    shutil.copyfile(source, partial)
    os.replace(partial, target)
