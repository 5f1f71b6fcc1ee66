"""What a script is started with, and by what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """`command` starts what runs the script of `scripts`, which finds its job at `address`; `folder` is the job's,
    `modules` has the packages, of which `imports` says what is imported."""

    command: Sequence[str]
    address: str
    folder: Path
    scripts: Path
    modules: Path
    imports: Mapping[str, str]


@dataclass(frozen=True)
class Host:
    """What a script runs in. `run` returns when the script has ended, and raises RuntimeError when what it ran in ended
    before; `pids` gives the processes whose memory counts, `what` their name in words. `node`: is it node? `here`:
    does it run on this machine, whose processors, clock and sensors are then read around what is timed?
    `warm_seconds` is for how long it infers before anything is timed, beyond a job's `warmup_runs`."""

    run: Callable[[Place], None]
    pids: Callable[[], Iterable[int]]
    what: str
    node: bool = False
    here: bool = True
    warm_seconds: float = 1.0
