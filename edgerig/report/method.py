"""How each figure of a report was measured, and how far to trust it."""

from __future__ import annotations

from edgerig.figures.verdict import explained

NOTES: tuple[tuple[str, str], ...] = (
    (
        "What to ship",
        "what breaks the budget or computes something else on the device is ruled out; where no variant has an "
        "accuracy, agreement with the float network stands for it. Of the rest the lowest median latency wins; where "
        "medians are not told apart (their 95 % intervals overlap, or they are within 2 %) the better measured, then "
        "the smaller file. On an emulated device no latency counts: the fewest instructions win, within 10 % of them "
        "the smaller file, and where none were counted the smallest file. Neither is a time, so such a choice is "
        "provisional, as is any where the data leaves a part of the budget open, as an interval "
        "that reaches across a limit does.",
    ),
    ("Size", "the file as it ships; 1 kB is 1,000 bytes."),
    (
        "Latency",
        "one inference at batch size 1 in the steady state, by the device's monotonic clock around the "
        "inference alone: no file loading, no warm-up, no network. Percentiles are nearest-rank; every sample "
        "is kept in the run's folder. Below 0.1 ms it is written in µs. Loading and first inference are in "
        "results.csv.",
    ),
    (
        "Emulated",
        "an emulator's clock says nothing of the device it stands for. Such latencies are marked, left out of "
        "plots and never ranked; size, accuracy and relative error are real.",
    ),
    (
        "Accuracy",
        "the model's first metric, on the device itself, with its 95 % interval; further metrics have columns of "
        "their own. ↑: the higher the better, ↓: the lower the better. Where two intervals overlap widely, this data "
        "does not show a difference.",
    ),
    (
        "Relative error",
        "‖built − source‖ / ‖source‖ over the samples, of each output by itself: it shows the damage quantization does "
        "before accuracy moves. Of several outputs the one furthest off is shown and named; where some channels' scale "
        "is far below the whole's (weak channels), theirs counts.",
    ),
    (
        "Agreement with float",
        "the share of samples with the source model's top class; of an output of indices, of equal elements. Of "
        "several outputs the least.",
    ),
    (
        "Outside calibration",
        "the share of evaluation samples with values beyond the range the calibration data has, by more than a tenth "
        "of it: what a quantized file does to them is not the recipe's fault.",
    ),
    ("Delegated", "operators on the runtime's fast backend, of all it executes. The others run on slower kernels."),
    (
        "Peak memory",
        "resident memory of a process of its own that loads the model and infers, runtime included; "
        "1 MB is 1,000,000 bytes.",
    ),
    (
        "Instructions",
        "what one inference executes on an emulated processor, on one thread: a cost to compare builds by, the same in "
        "every run for LiteRT and ExecuTorch, not a time.",
    ),
    ("Verdict", f"of the latency. {explained()}"),
    ("–", "not measured, never zero; the reasons are listed."),
)
"""As (name, text)."""
