"""Whether the processors and the threads that were asked for were in force."""

from __future__ import annotations

from edgerig.measure.raw_affinity import RawAffinity
from edgerig.results import Affinity, CpuCluster, Mask


def affinity(raw: RawAffinity) -> Affinity:
    asked = tuple(sorted(set(raw.asked)))
    masks = [Mask(name=m.name, threads=m.threads, processors=tuple(sorted(set(m.processors)))) for m in raw.masks]
    return Affinity(
        asked=asked,
        cluster=raw.cluster,
        processors=tuple(sorted(set(raw.processors))),
        elsewhere=tuple(mask for mask in masks if asked and not set(mask.processors) <= set(asked)),
        at_once=raw.at_once,
        clusters=tuple(CpuCluster(**each.model_dump()) for each in raw.clusters),
        reason=raw.reason,
    )


def not_in_force(found: Affinity | None, threads: int) -> str:
    """What of the `threads` and processors asked for was not had, in words; "" where all was, or nobody tells."""
    if found is None:
        return ""
    if found.at_once is not None and found.at_once < threads:
        where = f" on {_listed(found.processors)}" if found.processors else ""
        return f"{threads} threads were asked for, {found.at_once} can run at once{where}"
    if found.elsewhere:
        first = found.elsewhere[0]
        count = sum(mask.threads for mask in found.elsewhere)
        which = f" ({first.name})" if first.name else ""
        threads_ = "1 thread" if count == 1 else f"{count} threads"
        return f"{_listed(found.asked)} asked for, {threads_}{which} may run on {_listed(first.processors)}"
    return ""


def _listed(processors: tuple[int, ...]) -> str:
    """`processor 0`, `processors 0, 1, 2 …`"""
    shown = ", ".join(map(str, processors[:16])) + (" …" if len(processors) > 16 else "")
    return f"processor{'' if len(processors) == 1 else 's'} {shown}"
