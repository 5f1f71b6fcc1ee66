"""Whose deployment is mature: how much of what is asked for works, and what it takes to get there."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from edgerig.compare.evidence import paired_accuracy
from edgerig.figures import numbers
from edgerig.study.cells import FRAMEWORKS, RUNTIMES
from edgerig.study.finding import Claim, Evidence, Figure, Judged
from edgerig.study.routes import Route, load_routes
from edgerig.study.seen import Seen
from edgerig.study.source import SURVEY

NAMES = {source: name for name, source, _ in FRAMEWORKS}
NAMED = 6
"""Cells that do not work, named one by one; all of them are in the list of cells."""


def judge(seen: Sequence[Seen]) -> Judged:
    """Per run and device: of what both frameworks were asked for, how much of either works; then every route by
    itself. What was never tried, for its device was gone, says nothing."""
    asked = [
        each
        for each in seen
        if each.cell.source in NAMES and each.cell.format in RUNTIMES and each.cell.status != "skipped"
    ]
    found: list[Evidence] = []
    for run, device in dict.fromkeys((each.run, each.cell.device) for each in asked):
        here = [each for each in asked if (each.run, each.cell.device) == (run, device)]
        both = {source: {_wanted(each): each for each in here if each.cell.source == source} for source in NAMES}
        shared = [wanted for wanted in both["torch"] if wanted in both["keras"]]
        if shared:
            found.append(_against(device, *([both[source][wanted] for wanted in shared] for source in NAMES)))
        found += [_route(device, route, here) for route in load_routes() if _on(route, here)]
    missing = [
        f"no cell from {name}"
        for source, name in NAMES.items()
        if not any(each.cell.source == source for each in asked)
    ]
    return Judged(tuple(found), tuple(missing))


def _wanted(seen: Seen) -> tuple[object, ...]:
    """What was asked for, whichever framework it is to come from."""
    return (*seen.what, seen.cell.format, seen.cell.recipe, *seen.place)


def _against(device: str, torch: Sequence[Seen], tensorflow: Sequence[Seen]) -> Evidence:
    """The same is asked of both, one by one: so it is a paired comparison, as that of two variants' right answers."""
    base, new = (tuple(i for i, each in enumerate(cells) if not each.ran) for cells in (torch, tensorflow))
    found = paired_accuracy(base, new, len(torch))
    apart = found.low > 0 or found.high < 0
    return Evidence(
        {"device": device, "route": "all to LiteRT, ExecuTorch and ONNX Runtime"},
        tuple(
            figure
            for name, cells in zip(NAMES.values(), (torch, tensorflow), strict=True)
            for figure in _works(name, cells)
        ),
        f"{100 * found.effect:+.3g} points for TensorFlow [{100 * found.low:+.3g}, {100 * found.high:+.3g}]",
        found.effect > 0 if apart else None,
        "" if apart else "of other networks it may be either: the 95 % interval of the difference reaches across zero",
    )


def _works(name: str, cells: Sequence[Seen]) -> list[Figure]:
    """How many work, and those that do not."""
    broken = [each for each in cells if not each.ran]
    count = Figure((broken or cells)[0], f"{name} {len(cells) - len(broken)} of {len(cells)}")
    return [count, *(Figure(each, f"{each.cell.format} {each.cell.recipe}: {_how(each)}") for each in broken[:NAMED])]


def _how(seen: Seen) -> str:
    return "computes something else" if seen.cell.status == "ok" else seen.cell.status


def _route(device: str, route: Route, here: Sequence[Seen]) -> Evidence:
    """Beside it: what a route takes. Seconds are those of its builds, each with the converter's start."""
    cells = _on(route, here)
    seconds = [each.cell.build.seconds for each in cells if each.cell.build and each.cell.build.seconds is not None]
    took = f"{numbers.significant(median(seconds), 2)} s a build" if seconds else "not built"
    broken = [each for each in cells if not each.ran]
    figures = tuple(Figure(each, f"{each.network} {each.cell.recipe}: {_how(each)}") for each in broken[:NAMED]) or (
        Figure(cells[0], f"{numbers.counted(len(cells), 'cell')}, all of them"),
    )
    return Evidence(
        {"device": device, "route": f"{route.source} → {route.format}"},
        figures,
        f"{_counted(cells)} work, {took}, {route.said}",
        None,
        judges=False,
    )


def _on(route: Route, here: Sequence[Seen]) -> list[Seen]:
    return [each for each in here if (each.cell.source, each.cell.format) == (route.source, route.format)]


def _counted(cells: Sequence[Seen]) -> str:
    return f"{sum(each.ran for each in cells)} of {len(cells)}"


CLAIM = Claim(
    key="maturity",
    says="TensorFlow's deployment to devices is the more mature: more of it works",
    source=f"{SURVEY}, on deployment flexibility",
    tested="Of the same networks and recipes from both frameworks the share that is built, runs, and computes what its "
    "source does, in the three runtimes for devices; a recipe that a route cannot do counts as one that does not work. "
    "Beside it, route by route: seconds a build takes, and lines a user writes without this tool",
    judge=judge,
)
