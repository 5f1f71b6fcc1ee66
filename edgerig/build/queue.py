"""The variants of one model and format as several processes share them: a folder that says who has begun which.

What is to be built is a file `<recipe>.waiting`, renamed to `<recipe>.begun.<process>` by the process that takes it:
that succeeds once (rename(2)), so that no two build the same, and one that dies has said at which it was. `process` is
the name of its folder in the queue's, where its replies are. When a file was renamed and when the reply was written say
how long a variant took, and so whether one more process would be worth its start.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

WAITING, BEGUN, FILLED = ".waiting", ".begun.", "filled"
REPLY = ".reply.json"
SHORTEST_START_S = 5.0
"""Of a process until it builds: to import torch, TensorFlow and a converter takes 5 to 14 s with their files cached."""


@dataclass(frozen=True)
class Begun:
    """A variant that `process` has begun, `since_s` ago; it took `took_s`, None while there is no reply."""

    recipe: str
    process: str
    since_s: float
    took_s: float | None


def fill(queue: Path, recipes: Iterable[str]) -> None:
    """Puts what is to be built into the folder `queue`, which is there and empty."""
    for recipe in recipes:
        (queue / f"{recipe}{WAITING}").touch()
    (queue / FILLED).touch()


def waiting(queue: Path) -> set[str] | None:
    """The recipes that nobody has begun; None while the queue is not filled."""
    if not (queue / FILLED).exists():
        return None
    return {file.name.removesuffix(WAITING) for file in queue.glob(f"*{WAITING}")}


def take(queue: Path, recipes: Iterable[str], process: str) -> Iterator[str]:
    """Those of the recipes that nobody has begun, in order: each is this process' own once it is given."""
    for recipe in recipes:
        with contextlib.suppress(FileNotFoundError):
            (queue / f"{recipe}{WAITING}").rename(queue / f"{recipe}{BEGUN}{process}")
            yield recipe


def begun(queue: Path) -> tuple[Begun, ...]:
    """What was begun, in the order in which it was."""
    now = time.time()
    found = []
    for file in queue.glob(f"*{BEGUN}*"):
        recipe, _, process = file.name.partition(BEGUN)
        at, took_s = file.stat().st_ctime, None
        with contextlib.suppress(FileNotFoundError):
            took_s = (queue / process / f"{recipe}{REPLY}").stat().st_mtime - at
        found.append((at, Begun(recipe, process, now - at, took_s)))
    return tuple(each for _, each in sorted(found, key=lambda pair: pair[0]))


def worth_another(seen: Sequence[Begun], waiting: int, starting: int, *, apart: bool) -> bool:
    """Would a process that starts now find work before those at work have taken it all?

    `seen` is what was begun, `waiting` the number of variants that were not, `starting` that of processes which have
    begun none yet; `apart` is the format's (`spec.FormatSpec`). The first variant of a process pays for its start and
    for what its variants share, by as much as it takes longer than the others. Before two have ended that is not known:
    it is then taken for half of the first where recipes are lowered apart, and for all of it elsewhere. Beside a
    process that is only starting another starts at no cost of time.
    """
    spare = waiting - starting
    firsts: dict[str, Begun] = {}
    for each in seen:
        firsts.setdefault(each.process, each)
    ended = [each.took_s for each in firsts.values() if each.took_s is not None]
    others = [each.took_s for each in seen if each.took_s is not None and each is not firsts[each.process]]
    if spare < 1 or not (others or apart):
        return False
    if not ended:
        return True
    each_s = sum(others) / len(others) if others else ended[0] / 2
    start_s = max(SHORTEST_START_S, ended[0] - each_s)
    at_work = [each for each in seen if each.took_s is None]
    left_s = sum(max(0.0, each_s - each.since_s) for each in at_work) + (spare - 1) * each_s
    return left_s / max(1, len(at_work)) > start_s
