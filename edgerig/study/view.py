"""What the study's writers show, whatever they are written in. Pure; nothing here escapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgerig.figures import numbers
from edgerig.results import Results, wording
from edgerig.study.conclude import Study
from edgerig.study.finding import WORDS, Evidence, Figure, Finding
from edgerig.study.seen import Seen

TITLE = "TensorFlow or PyTorch? A survey's claims, measured"
CELL_HEADER = ("#", "run", "cell", "status", "figures", "verdict")
METHOD = (
    (
        "a verdict",
        "supported: every comparison came out as claimed. Contradicted: every one against it. Depends: both came "
        "out, or some are not told apart. Open: none is told apart. Not testable here: no cell can tell, and why",
    ),
    (
        "told apart",
        "as for every recommendation: medians whose 95 % intervals overlap, or that are within 2 %, are as fast; one "
        "that is contended, throttled or too short is compared with none",
    ),
    ("[a, b]", "behind a ratio: its 95 % interval, from the intervals of both medians"),
    ("emulated devices", "their times are ranked nowhere; what they compute and how large it is counts"),
    ("compared with each other", "cells of one run, on one device, placed alike, of the same network and input"),
    ("cited", "what others measured on their machine stands beside, and is never ranked with what was measured here"),
)
"""How to read it."""


@dataclass(frozen=True)
class Shown:
    """A figure in words and the number of its cell, by which it is linked."""

    text: str
    cell: int


@dataclass(frozen=True)
class Row:
    """A line of evidence: the axes' values as the table's head has them, the figures, what came out."""

    axes: tuple[str, ...]
    figures: tuple[Shown, ...]
    found: str
    as_claimed: str


@dataclass(frozen=True)
class EvidenceTable:
    axes: tuple[str, ...]
    rows: tuple[Row, ...]
    judges: bool


def numbered(study: Study) -> dict[tuple[str, str], int]:
    """The number of each cell in the list at the end, by run and id."""
    return {(each.run, each.cell.id): place for place, each in enumerate(study.cells, 1)}


def tables(finding: Finding, known: dict[tuple[str, str], int]) -> list[EvidenceTable]:
    """What the verdict is made of, then what stands beside it."""
    made = (
        _table([each for each in finding.evidence if each.judges is judges], known, judges) for judges in (True, False)
    )
    return [each for each in made if each.rows]


def _table(evidence: Sequence[Evidence], known: dict[tuple[str, str], int], judges: bool) -> EvidenceTable:
    axes = tuple(dict.fromkeys(name for each in evidence for name in each.axes))
    rows = tuple(
        Row(
            tuple(each.axes.get(name, "") for name in axes),
            tuple(Shown(_figure(one), known[one.cell.run, one.cell.cell.id]) for one in each.figures),
            each.found,
            _as_claimed(each),
        )
        for each in evidence
    )
    return EvidenceTable(axes, rows, judges)


def _figure(figure: Figure) -> str:
    text = f"{figure.text} ({figure.interval})" if figure.interval else figure.text
    return f"{text}, {figure.doubt}" if figure.doubt else text


def _as_claimed(evidence: Evidence) -> str:
    if evidence.holds is None:
        return f"not told: {evidence.why}" if evidence.why else "not told"
    return "yes" if evidence.holds else "no"


def said(finding: Finding) -> str:
    """The verdict in a line: `"depends: on the network: …"`."""
    told = sum(each.judges for each in finding.evidence)
    everywhere = {"supported": "in all of {}", "contradicted": "in all of {}"}.get(finding.outcome, "")
    on = everywhere.format(numbers.counted(told, "comparison")) if everywhere else finding.on
    return f"{WORDS[finding.outcome]}: {on}" if on else WORDS[finding.outcome]


def counts(finding: Finding) -> str:
    """`"8 comparisons: 5 as claimed, 2 against it, 1 not told"`."""
    told = [each.holds for each in finding.evidence if each.judges]
    parts = [f"{told.count(value)} {words}" for value, words in _WAYS if told.count(value)]
    return f"{numbers.counted(len(told), 'comparison')}: {', '.join(parts)}" if told else "none"


_WAYS = ((True, "as claimed"), (False, "against it"), (None, "not told"))


def cells(study: Study) -> list[tuple[str, ...]]:
    """The cells' list, in words, as `CELL_HEADER` has them."""
    return [
        (str(place), each.run, each.cell.id, each.cell.status, _described(each), _verdict(each))
        for place, each in enumerate(study.cells, 1)
    ]


def _described(seen: Seen) -> str:
    if seen.cell.error is not None:
        return seen.cell.error.message
    return wording.described(seen.cell) if seen.cell.status == "ok" else ""


def _verdict(seen: Seen) -> str:
    return "" if seen.cell.verdict is None else seen.cell.verdict.label


def runs(study: Study) -> list[str]:
    """Where and when: a line a run."""
    return [_run(run) for run in study.runs]


def _run(run: Results) -> str:
    devices = ", ".join(
        f"{name} ({'emulated, ' if device.emulated else ''}{device.cpu or device.kind})"
        for name, device in run.devices.items()
    )
    tools = ("torch", "tensorflow", "keras", "executorch", "ai-edge-litert", "onnxruntime")
    versions = ", ".join(f"{name} {run.environment.tools[name]}" for name in tools if name in run.environment.tools)
    return f"{run.run.id}, begun {run.run.started}, on {devices}; {versions}"
