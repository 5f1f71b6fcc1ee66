"""The verdicts there are: a row per label, from which every report, comparison, gate and history takes what it does.

Which of them a cell gets is decided in `measure/verdict.py`. A new label is a row here and what finds it there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Doubt = Literal["", "caution", "provisional"]
MEDIAN_TOLERANCE = 0.02
"""Half of the interval of a median that is `stable`, relative.

With a standard deviation s between processes, the interval's half is 2.5 s for three of them, about 2 s for five, 1.1 s
for ten and 0.7 s for fifteen. Processes of one file were seen to differ by 0.3 to 1.1 %: five (`run.repeats`) are
enough for most quiet cells, and whoever is not within the tolerance is timed again (`run.attempts`). Medians within it
of each other are not ranked (`decide.decision.SAME_TIME`).
"""


@dataclass(frozen=True)
class VerdictKind:
    """What follows from a label. The defaults are those of a label nobody here knows, such as a newer version's: its
    latency is compared with none and stays open, and nothing else is held against it.

    `meaning`: in words, for the note on how things were measured.
    `rank`: of variants that are as fast, the lower is the better measured.
    `timed`: the median latency is the cell's own, with an interval that says how sure it is, so that it is compared and
    held to limits by that interval.
    `settled`: it is known well enough to stand for the cell without its interval, as a point of a history.
    `sound`: the device computes what the file did where it was built; else no figure of the cell counts.
    `ranked`: the latency is the cell's own, and not other processes' as well; else it is not ranked.
    `doubt`: what it means of a cell that is to ship: "caution" says the advice with it, "provisional" leaves the choice
    open.
    `gravity`: of the warning, the larger the earlier it is told (beside `groups.GRAVITY`); 0: not warned of.
    `against_latency`: it says something against a latency, and is said behind it in a sentence.
    `tagged`: it is shown beside a latency in a table.
    """

    meaning: str = ""
    rank: int = 99
    timed: bool = False
    settled: bool = False
    sound: bool = True
    ranked: bool = True
    doubt: Doubt = "provisional"
    gravity: int = 1
    against_latency: bool = True
    tagged: bool = True


VERDICTS: dict[str, VerdictKind] = {
    "stable": VerdictKind(
        "its median over several processes is known to ±2 %",
        rank=0, timed=True, settled=True, doubt="", gravity=0, against_latency=False, tagged=False,
    ),
    "noisy": VerdictKind("it is not", rank=6, timed=True, gravity=15),
    "contended": VerdictKind(
        "other processes took the processor or worked beside it, it shows in the samples, and too few were left alone; "
        "such a cell is not ranked",
        rank=8, ranked=False, gravity=40,
    ),
    "fallback": VerdictKind(
        "operators ran outside the fast backend, or with another thread count than was asked for",
        rank=2, timed=True, settled=True, doubt="caution", gravity=35,
    ),
    "throttled": VerdictKind("the device held its processor back meanwhile", rank=4, gravity=20),
    "drifting": VerdictKind(
        "what was timed changed in one direction meanwhile, so that its median is no level", rank=5, gravity=18
    ),
    "too-short": VerdictKind("neither enough samples nor time to know its median by", rank=7, gravity=16),
    "emulated": VerdictKind(
        "not a latency to compare at all", rank=3, doubt="", gravity=10, against_latency=False, tagged=False
    ),
    "saturates": VerdictKind(
        "8-bit products overflow on this processor, so that its outputs are not another's",
        rank=1, timed=True, settled=True, doubt="caution", gravity=70, against_latency=False,
    ),
    "wrong": VerdictKind(
        "the device computes something else than the file did when it was built; such a cell is never recommended",
        rank=9, sound=False, doubt="", gravity=100,
    ),
}  # fmt: skip
"""By label, in the order they are explained in."""

UNKNOWN = VerdictKind()
NOISY = "noisy"


def kind_of(label: str | None) -> VerdictKind:
    """What follows from `label`; `UNKNOWN` of a label that has no row, and of none."""
    return VERDICTS.get(label or "", UNKNOWN)


def of_median(label: str, half_width: float | None) -> str:
    """The verdict as far as it is of the median: a caution (it runs outside the fast backend, or saturates) is told
    before noise is, and the cell may be noisy as well. `half_width`: half of the median's 95 % interval, relative;
    None: there is none, for too few samples."""
    wide = half_width is None or half_width > MEDIAN_TOLERANCE
    return NOISY if wide and kind_of(label).doubt == "caution" else label


def explained() -> str:
    """Every label in words: `stable: … noisy: …`"""
    return " ".join(f"{label}: {kind.meaning}." for label, kind in VERDICTS.items())
