"""The windows of a loop that was kept up → the first minute, the last one, and when the device was throttled. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from edgerig.measure.raw_sustained import RawSustained, RawWindow
from edgerig.measure.throttling import LEAST_SHARE, NOW, words
from edgerig.results import Sustained, SustainedWindow

NOT_ASKED = "it was not asked for (run.sustained_s)"
FAILED = "the process that was to be kept at work failed: its log is in the raw run's folder"
MINUTE_S = 60.0
SLOWER = 1.1
"""Of the fastest stretch before, from which on a device counts as throttled where its clock tells nothing: twice what a
drift has to be to show."""
STRETCH = 3
"""Windows a level is the median of: one that a neighbour disturbed is none."""


def sustained(raw: RawSustained | None, *, asked: bool) -> Sustained:
    if raw is None or not raw.windows:
        return Sustained(reason=FAILED if asked else NOT_ASKED)
    windows = tuple(map(_window, raw.windows))
    seconds = windows[-1].at_s
    part = min(MINUTE_S, seconds / 3)
    first = [window for window in windows if window.at_s <= part] or [windows[0]]
    last = [window for window in windows if window.at_s > seconds - part] or [windows[-1]]
    first_ms, last_ms = (median(window.p50_ms for window in some) for some in (first, last))
    after, by = _throttled(raw.windows)
    return Sustained(
        seconds=seconds,
        windows=windows,
        first_ms=first_ms,
        last_ms=last_ms,
        last_over_first=last_ms / first_ms,
        first_millijoules=_middle([window.millijoules for window in first]),
        last_millijoules=_middle([window.millijoules for window in last]),
        hottest_c=max((w.temperature_c for w in windows if w.temperature_c is not None), default=None),
        throttled_after_s=after,
        throttled_by=by,
        reasons=raw.reasons,
    )


def _window(raw: RawWindow) -> SustainedWindow:
    return SustainedWindow(
        at_s=raw.at_ns / 1e9,
        inferences=raw.inferences,
        p50_ms=raw.p50_ns / 1e6,
        p90_ms=raw.p90_ns / 1e6,
        millijoules=None if raw.microjoules is None else raw.microjoules / 1e3 / raw.inferences,
        temperature_c=raw.temperature_c,
        frequency_khz=raw.frequency_khz,
    )


def _middle(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _throttled(windows: Sequence[RawWindow]) -> tuple[float | None, str]:
    """Seconds until the earliest sign and what it is: the device's own word first, where they come together."""
    found = [
        (at, by)
        for at, by in (
            (_by_firmware(windows), "the firmware"),
            (_by_clock(windows), "its clock"),
            (_by_latency(windows), "its latency"),
        )
        if at is not None
    ]
    return min(found, key=lambda sign: sign[0]) if found else (None, "")


def _by_firmware(windows: Sequence[RawWindow]) -> float | None:
    return next((w.at_ns / 1e9 for w in windows if w.throttled_bits and set(words(w.throttled_bits)) & set(NOW)), None)


def _by_clock(windows: Sequence[RawWindow]) -> float | None:
    """The first window whose processor is slower than `LEAST_SHARE` of what it had before, by its own maximum."""
    highest = 0.0
    for window in windows:
        if window.frequency_khz is None or not window.max_frequency_khz:
            continue
        share = window.frequency_khz / window.max_frequency_khz
        highest = max(highest, share)
        if share < highest * LEAST_SHARE:
            return window.at_ns / 1e9
    return None


def _by_latency(windows: Sequence[RawWindow]) -> float | None:
    """The first window from which on the median is `SLOWER` than the fastest stretch before, and so is the rest."""
    times = [window.p50_ns for window in windows]
    levels = [median(times[index : index + STRETCH]) for index in range(len(times) - STRETCH + 1)]
    for index in range(STRETCH, len(levels)):
        least = min(levels[: index - STRETCH + 1]) * SLOWER
        if times[index] >= least and levels[index] >= least and median(times[index:]) >= least:
            return windows[index].at_ns / 1e9
    return None
