"""The order in which the cells of a device are run, and when its reference cell is timed again.

Randomized blocks (Fisher, The Design of Experiments, 1935): what is to be compared is near in time, and what changes
with time meets none of it by its place. The order is that of digests of the seed and the cell's id: a run that is
resumed, and one that has a cell less, have it too.
"""

from __future__ import annotations

import fnmatch
import hashlib
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from edgerig.plan import Cell
from edgerig.spec.order import OrderSettings

ThingT = TypeVar("ThingT")


@dataclass(frozen=True)
class Place:
    """Of a cell in its device's order: the block it is in, and its place among all, both from 1."""

    block: int
    number: int


@dataclass(frozen=True)
class Stop(Generic[ThingT]):
    """What is to be run next: a cell's, or the reference's `visit`-th time (0: a cell's)."""

    what: ThingT
    visit: int = 0


def seed_of(settings: OrderSettings) -> int | None:
    """Of a run that begins: what the sweep says, else one by chance; None where the order is the plan's."""
    if settings.by == "plan":
        return None
    return secrets.randbelow(2**31) if settings.seed is None else settings.seed


def places(cells: Iterable[Cell], seed: int) -> dict[str, Place]:
    """By id, of all planned cells of one device, in the order in which they are run."""
    blocks: dict[str, list[Cell]] = {}
    for cell in cells:
        blocks.setdefault(f"{cell.model}@{cell.place}", []).append(cell)
    found: dict[str, Place] = {}
    for block, name in enumerate(sorted(blocks, key=lambda name: _drawn(seed, name)), start=1):
        for cell in sorted(blocks[name], key=lambda cell: _drawn(seed, cell.id)):
            found[cell.id] = Place(block, len(found) + 1)
    return found


def reference_of(cells: Iterable[Cell], settings: OrderSettings) -> Cell | None:
    """The reference among the planned cells of one device; none on an emulator, whose time is nobody's."""
    if settings.by != "blocks" or not settings.reference:
        return None
    able = (cell for cell in cells if not cell.unsupported and not cell.emulated)
    return next((cell for cell in able if fnmatch.fnmatchcase(cell.id, settings.reference)), None)


def stops(
    ready: Sequence[tuple[Place, ThingT]], reference: ThingT | None, begun: int, every: int
) -> Iterator[Stop[ThingT]]:
    """What is ready in its order, with the reference before the first block, between blocks, after `every` cells and
    after the last. `begun` is how often it was timed in the run before it was resumed."""
    block, since, visit = 0, 0, begun
    for place, thing in sorted(ready, key=lambda pair: pair[0].number):
        if reference is not None and (place.block != block or since >= every):
            visit, since = visit + 1, 0
            yield Stop(reference, visit)
        block, since = place.block, since + 1
        yield Stop(thing)
    if reference is not None and since:
        yield Stop(reference, visit + 1)


def _drawn(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}/{name}".encode()).digest()
