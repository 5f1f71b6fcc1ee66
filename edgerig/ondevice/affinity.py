"""The processors a runner is held to: asked for before any runtime starts a thread, read back of every thread after
the timed loop.

A library that is loaded already may have started threads (numpy's does, a pool of them), and a runtime may place its
own elsewhere: what counts is each thread's mask, as sched_getaffinity(2) tells it of a thread's id.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

from edgerig.ondevice import processors
from edgerig.ondevice.clusters import Cluster, chosen, clusters

MASKS_LIMIT = 64


class Affinity:
    """What is held to: `asked` processors, or those of a `cluster`; neither: whatever the system allows. `root` is the
    file system's that the clusters are read from."""

    def __init__(self, asked: Sequence[int] = (), cluster: str = "", root: str = "/") -> None:
        self._cluster = cluster
        self._clusters: list[Cluster] = clusters(root)
        self._asked = chosen(cluster, self._clusters) if cluster else sorted(set(asked))
        self._root = root
        if self._asked:
            processors.keep_to(self._asked)

    def to_json(self) -> dict[str, Any]:
        """`{"asked", "cluster", "processors", "masks", "at_once", "clusters", "reason"}`: those asked for, those the
        calling thread may use, `[{"name", "threads", "processors"}]` for each mask that threads of this process have
        (the name is the first such thread's), how many threads can run at once, and all clusters there are."""
        masks, reason = _masks()
        return {
            "asked": self._asked,
            "cluster": self._cluster,
            "processors": processors.allowed(),
            "masks": masks,
            "at_once": processors.available(),
            "clusters": [cluster.to_json() for cluster in self._clusters],
            "reason": reason,
        }


def _masks() -> tuple[list[dict[str, Any]], str]:
    """The masks there are, the most frequent first; and why there are none."""
    if not hasattr(os, "sched_getaffinity"):
        return [], "this system tells no thread's processors"
    found: Counter[tuple[int, ...]] = Counter()
    names: dict[tuple[int, ...], str] = {}
    threads = processors.threads()
    for thread in threads:
        try:
            mask = tuple(sorted(os.sched_getaffinity(thread)))
        except OSError:  # it has ended
            continue
        found[mask] += 1
        names.setdefault(mask, _name(thread))
    listed = [
        {"name": names[mask], "threads": count, "processors": list(mask)}
        for mask, count in found.most_common(MASKS_LIMIT)
    ]
    return listed, "" if threads else "the kernel lists no threads"


def _name(thread: int) -> str:
    """As /proc/self/task/TID/comm has it (proc(5))."""
    try:
        with open(f"/proc/self/task/{thread}/comm", "rb") as file:
            return file.read(64).decode("utf-8", "replace").strip()
    except OSError:
        return ""
