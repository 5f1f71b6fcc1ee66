"""The windows of a loop that was kept up → the first minute, the last one, and when the device was throttled. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from edgerig.measure import disturbed
from edgerig.measure.raw_sustained import RawSustained, RawWindow
from edgerig.measure.throttling import LEAST_SHARE, NOW, words
from edgerig.ondevice.contention import NS_PER_TICK
from edgerig.results import Sustained, SustainedWindow

NOT_ASKED = "it was not asked for (run.sustained_s)"
FAILED = "the process that was to be kept at work failed: its log is in the raw run's folder"
TOOK_PART = "other processes took part in most of its windows"
MINUTE_S = 60.0
SLOWER = 1.1
"""Of the fastest stretch before, from which on a device counts as throttled where its clock tells nothing: twice what a
drift has to be to show."""
STRETCH = 3
"""Windows a level is the median of: one that a neighbour disturbed is none."""


def sustained(raw: RawSustained | None, *, asked: bool, threads: int = 1) -> Sustained:
    """Of `threads` threads of a runtime. Windows in which other processes took part count where there are too few
    others; that a device was throttled is said by the others' latency alone."""
    if raw is None or not raw.windows:
        unable = "" if raw is None else raw.reason
        return Sustained(reason=(unable or FAILED) if asked else NOT_ASKED)
    windows = tuple(_window(each, _contended(each, raw.cpus, threads)) for each in raw.windows)
    calm = [each for each, window in zip(raw.windows, windows, strict=True) if not window.contended]
    seconds = windows[-1].at_s
    part = min(MINUTE_S, seconds / 3)
    first = [window for window in windows if window.at_s <= part] or [windows[0]]
    last = [window for window in windows if window.at_s > seconds - part] or [windows[-1]]
    (first_ms, first_contended), (last_ms, last_contended) = map(_level, (first, last))
    after, by = _throttled(raw.windows, calm)
    reasons = {"first_ms": TOOK_PART} if first_contended else {}
    if last_contended:
        reasons["last_ms"] = TOOK_PART
    if after is None and _by_latency(raw.windows) is not None:
        reasons["throttled_after_s"] = f"it got slower, and {len(windows) - len(calm)} windows were contended"
    return Sustained(
        seconds=seconds,
        windows=windows,
        first_ms=first_ms,
        last_ms=last_ms,
        last_over_first=last_ms / first_ms,
        first_millijoules=_middle([window.millijoules for window in first]),
        last_millijoules=_middle([window.millijoules for window in last]),
        hottest_c=max((w.temperature_c for w in windows if w.temperature_c is not None), default=None),
        contended=last_contended,
        throttled_after_s=after,
        throttled_by=by,
        reasons={**raw.reasons, **reasons},
    )


def _contended(window: RawWindow, cpus: int, threads: int) -> bool:
    """Did other processes take part, by the limits of the timed loop (`disturbed.py`)? Threads of a pool wait whenever
    they are woken: that counts where somebody was there to wait for, or nobody knows."""
    others, robbed = None, False
    if window.idle_ns is not None and window.own_ns is not None:
        slack = disturbed.TICKS_OFF * NS_PER_TICK
        busy = max(cpus * window.wall_ns - window.idle_ns, 0)
        others = max(busy - window.own_ns - slack, 0) / window.wall_ns
        robbed = (window.steal_ns or 0) > disturbed.COMPANY * busy + slack
    company = others is not None and others > disturbed.NEIGHBOURS * cpus
    waited = (window.waited_ns or 0) > disturbed.WAITED * window.wall_ns
    return company or robbed or (waited and (threads == 1 or others is None or others >= disturbed.WAKING))


def _level(windows: Sequence[SustainedWindow]) -> tuple[float, bool]:
    """Median of the medians in ms, of the windows that are not contended where they are half or more; and whether it is
    of all."""
    calm = [window for window in windows if not window.contended]
    enough = 2 * len(calm) >= len(windows)
    return median(window.p50_ms for window in (calm if enough else windows)), not enough


def _window(raw: RawWindow, contended: bool) -> SustainedWindow:
    return SustainedWindow(
        at_s=raw.at_ns / 1e9,
        inferences=raw.inferences,
        p50_ms=raw.p50_ns / 1e6,
        p90_ms=raw.p90_ns / 1e6,
        millijoules=None if raw.microjoules is None else raw.microjoules / 1e3 / raw.inferences,
        temperature_c=raw.temperature_c,
        frequency_khz=raw.frequency_khz,
        contended=contended,
    )


def _middle(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _throttled(windows: Sequence[RawWindow], calm: Sequence[RawWindow]) -> tuple[float | None, str]:
    """Seconds until the earliest sign and what it is: the device's own word first, where they come together. Latency is
    one of the `calm` windows alone."""
    found = [
        (at, by)
        for at, by in (
            (_by_firmware(windows), "the firmware"),
            (_by_clock(windows), "its clock"),
            (_by_latency(calm), "its latency"),
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
