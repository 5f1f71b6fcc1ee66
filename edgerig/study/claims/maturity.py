"""Whose deployment is mature: how much of what is asked for works, and what it takes to get there."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from edgerig.figures import numbers
from edgerig.measure.metrics import share
from edgerig.study.cells import RUNTIMES
from edgerig.study.finding import Claim, Evidence, Figure, Judged
from edgerig.study.routes import Route, load_routes
from edgerig.study.seen import Seen
from edgerig.study.source import SURVEY

FRAMEWORKS = {"torch": "PyTorch", "keras": "TensorFlow"}


def judge(seen: Sequence[Seen]) -> Judged:
    """Per run and device: the share of TensorFlow's cells that work against PyTorch's, then every route by itself."""
    asked = [each for each in seen if each.cell.source in FRAMEWORKS and each.cell.format in RUNTIMES]
    found: list[Evidence] = []
    for run, device in dict.fromkeys((each.run, each.cell.device) for each in asked):
        here = [each for each in asked if (each.run, each.cell.device) == (run, device)]
        both = {source: [each for each in here if each.cell.source == source] for source in FRAMEWORKS}
        if all(both.values()):
            found.append(_against(device, both["torch"], both["keras"]))
        found += [_route(device, route, here) for route in load_routes() if _on(route, here)]
    missing = [f"no cell from {name}" for source, name in FRAMEWORKS.items() if not any(
        each.cell.source == source for each in asked)]  # fmt: skip
    return Judged(tuple(found), tuple(missing))


def _against(device: str, torch: Sequence[Seen], tensorflow: Sequence[Seen]) -> Evidence:
    (ours, (low, high)), (theirs, (their_low, their_high)) = _share(tensorflow), _share(torch)
    apart = low > their_high or high < their_low
    return Evidence(
        {"device": device, "route": "all to LiteRT, ExecuTorch and ONNX Runtime"},
        (
            Figure(tensorflow[0], f"TensorFlow {_counted(tensorflow)}", f"{low:.0%} to {high:.0%}"),
            Figure(torch[0], f"PyTorch {_counted(torch)}", f"{their_low:.0%} to {their_high:.0%}"),
        ),
        f"{ours:.0%} against {theirs:.0%} of the cells work",
        ours > theirs if apart else None,
        "" if apart else "of other networks it may be either: the 95 % intervals of the two shares overlap",
    )


def _route(device: str, route: Route, here: Sequence[Seen]) -> Evidence:
    """Beside it: what a route takes. Seconds are those of its builds, each with the converter's start."""
    cells = _on(route, here)
    seconds = [each.cell.build.seconds for each in cells if each.cell.build and each.cell.build.seconds is not None]
    took = f"{numbers.significant(median(seconds), 2)} s a build" if seconds else "not built"
    broken = [each for each in cells if not each.ran]
    figures = tuple(Figure(each, f"{each.cell.recipe} {each.cell.status}") for each in broken) or (
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


def _share(cells: Sequence[Seen]) -> tuple[float, tuple[float, float]]:
    """With Wilson's interval: the networks and recipes stand for others."""
    part, interval = share(sum(each.ran for each in cells), len(cells))
    return part, (0.0, 1.0) if interval is None else interval


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
