"""Whose deployment is mature: how much of what is asked for works, and what it takes to get there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from edgerig.figures import numbers
from edgerig.study.cells import FRAMEWORKS, RUNTIMES
from edgerig.study.finding import Claim, Evidence, Figure, Judged
from edgerig.study.routes import Route, load_routes
from edgerig.study.seen import Seen
from edgerig.study.source import SURVEY

NAMES = {source: name for name, source, _ in FRAMEWORKS}
NOBODYS = {route.format: route.none for route in load_routes() if route.none}
"""By format why there is no program that goes its route from one of the frameworks."""
SURVEYED = (
    ("keras", "saved_model", "what TensorFlow Serving loads"),
    ("keras", "tfjs", "TensorFlow.js"),
    ("torch", "torchscript", "TorchScript, which TorchServe packs as well"),
)
"""Source, format, and what it is of the deployment that the survey names; LiteRT and ONNX are routes of both."""
NAMED = 6
"""Cells that do not work, named one by one; all of them are in the list of cells."""


def judge(seen: Sequence[Seen]) -> Judged:
    """Per run, device and network: of what both frameworks were asked for, how much of either works; then every route
    by itself. What was never tried, and what tells nothing of its route, counts for neither; nor does a route that no
    tool goes: what edgerig does in its place is no merit of a framework's."""
    tried = [
        each
        for each in seen
        if each.cell.source in NAMES and each.cell.format in RUNTIMES and each.cell.status != "skipped"
    ]
    asked = [each for each in tried if each.of_route]
    found: list[Evidence] = []
    for run, device in dict.fromkeys((each.run, each.cell.device) for each in asked):
        here = _once(each for each in asked if (each.run, each.cell.device) == (run, device))
        found += _networks(device, [each for each in here if each.cell.format not in NOBODYS])
        found += [_route(device, route, here) for route in load_routes() if _on(route, here)]
    found += _surveyed(seen)
    return Judged(tuple(found), (*_absent(asked), *_left_out(tried)))


def _networks(device: str, here: Sequence[Seen]) -> list[Evidence]:
    """A comparison a network, of what was asked for from both frameworks."""
    torch, keras = ({_wanted(each): each for each in here if each.cell.source == source} for source in NAMES)
    shared = [(each, keras[wanted]) for wanted, each in torch.items() if wanted in keras]
    return [
        _against(device, network, *zip(*(both for both in shared if both[0].network == network), strict=True))
        for network in dict.fromkeys(ours.network for ours, _ in shared)
    ]


def _absent(asked: Sequence[Seen]) -> list[str]:
    there = {each.cell.source for each in asked}
    return [f"no cell from {name}" for source, name in NAMES.items() if source not in there]


def _left_out(tried: Sequence[Seen]) -> list[str]:
    """What ran and is not counted, with the reason."""
    formats = dict.fromkeys(each.cell.format for each in tried if each.cell.format in NOBODYS)
    return [
        *(f"{name}, from either: not counted, for {NOBODYS[name]}" for name in formats),
        *(f"{each.cell.id}: it says nothing of its route: {each.came_to}" for each in tried if not each.of_route),
    ]


def _once(cells: Iterable[Seen]) -> list[Seen]:
    """Of the cells that differ in their placement alone the first, or the first that does not work: the same file on
    more threads is no further evidence, and works where it does in all of them."""
    found: dict[tuple[object, ...], Seen] = {}
    for each in cells:
        key = (each.cell.source, *_wanted(each))
        if found.setdefault(key, each).ran and not each.ran:
            found[key] = each
    return list(found.values())


def _wanted(seen: Seen) -> tuple[object, ...]:
    """What was asked for, whichever framework it is to come from."""
    return (*seen.what, seen.cell.format, seen.cell.recipe)


def _against(device: str, network: str, torch: Sequence[Seen], tensorflow: Sequence[Seen]) -> Evidence:
    """The same is asked of both. The counts are exact, and of this network: what works with one recipe works with the
    next, so that cells of a network are no sample from which to conclude to other networks."""
    ours, theirs = (sum(each.ran for each in cells) for cells in (torch, tensorflow))
    return Evidence(
        {"device": device, "network": network},
        tuple(
            figure
            for name, cells in zip(NAMES.values(), (torch, tensorflow), strict=True)
            for figure in _works(name, cells)
        ),
        f"{theirs - ours:+d} of {len(torch)} for TensorFlow" if ours != theirs else "as many of both",
        None if ours == theirs else theirs > ours,
        f"{ours} of {len(torch)} work from either" if ours == theirs else "",
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


def _surveyed(seen: Sequence[Seen]) -> list[Evidence]:
    """Beside it, what the survey names of either framework and the other has nothing of."""
    told = [each for each in seen if each.of_route and each.cell.recipe == "fp32"]
    found = []
    for source, name, what in SURVEYED:
        of_it = [each for each in told if (each.cell.source, each.cell.format) == (source, name)]
        for run, device in dict.fromkeys((each.run, each.cell.device) for each in of_it):
            here = _once(each for each in of_it if (each.run, each.cell.device) == (run, device))
            axes = {"device": device, "route": f"{source} → {name}"}
            figures = tuple(_works(NAMES[source], here))
            found.append(Evidence(axes, figures, f"{_counted(here)} work: {what}", None, judges=False))
    return found


def _on(route: Route, here: Sequence[Seen]) -> list[Seen]:
    return [each for each in here if (each.cell.source, each.cell.format) == (route.source, route.format)]


def _counted(cells: Sequence[Seen]) -> str:
    return f"{sum(each.ran for each in cells)} of {len(cells)}"


CLAIM = Claim(
    key="maturity",
    says="TensorFlow's deployment to devices is the more mature: more of it works",
    source=f"{SURVEY}, on deployment flexibility",
    tested="Of the same networks and recipes from both frameworks how many are built, run, and compute what their "
    "source does, network by network, in LiteRT and ONNX Runtime: counts of these cells, no estimate for other "
    "networks. A recipe that a route cannot do counts as one that does not work, and a file once, however it was "
    "placed; what a device refused or failed at, a deadline, a process that was killed and a fault of this tool do not "
    "count. ExecuTorch is not counted: no tool takes Keras there, and this one's own work is no merit of TensorFlow's. "
    "Beside it, route by route: seconds a build takes, and lines a user writes without this tool; and of what the "
    "survey names, a SavedModel, TensorFlow.js and TorchScript. TensorFlow Serving and TorchServe are not asked for",
    judge=judge,
)
