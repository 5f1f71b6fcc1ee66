"""Whether a device held its processor back while a cell was timed, and what says so.

A Raspberry Pi's firmware says it in bits (documentation of vcgencmd, `get_throttled`): the low ones hold now, the high
ones since the last boot, so that a high one which is new tells of something between two readings. Android says it as a
thermal status. Everywhere else the clock frequency of the processor the runner is on tells: it is busy all the while,
and a governor has no reason of its own to slow it down.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from edgerig.results import CellState, Reading

THROTTLED_BITS = {
    0: "under-voltage",
    1: "frequency capped",
    2: "throttled",
    3: "soft temperature limit",
    16: "under-voltage has occurred",
    17: "frequency capping has occurred",
    18: "throttling has occurred",
    19: "soft temperature limit has occurred",
}
NOW = tuple(words for bit, words in THROTTLED_BITS.items() if bit < 16)
SINCE_BOOT = tuple(words for bit, words in THROTTLED_BITS.items() if bit >= 16)
LEAST_SHARE = 0.85
"""Of the highest frequency seen before: turbo frequencies wander by a few per cent, throttling takes steps of 15 %
and more (a Raspberry Pi 4 goes from 1.8 GHz to 1.5 GHz and below)."""
NOT_THROTTLED = "none"


def words(bits: int) -> tuple[str, ...]:
    """What the bits of `get_throttled` say."""
    return tuple(text for bit, text in THROTTLED_BITS.items() if bits >> bit & 1)


def signs(state: CellState) -> list[str]:
    """What says that the device was throttled while the cell ran; empty: nothing does."""
    readings = [reading for reading in (state.before, *state.during, state.after) if reading is not None]
    return [*_flags(readings), *_thermal(readings), *_frequency(readings)]


def _flags(readings: list[Reading]) -> list[str]:
    seen = [reading.throttled for reading in readings if reading.throttled is not None]
    now = [text for text in NOW if any(text in flags for flags in seen)]
    since = [text for text in SINCE_BOOT if any(text in b and text not in a for a, b in pairwise(seen))]
    named = now + [text for text in since if not _implied(text, now)]
    return [f"the firmware says: {', '.join(named)}"] if named else []


def _implied(since: str, now: Iterable[str]) -> bool:
    """Whether the low bit that goes with a high one was seen itself."""
    return NOW[SINCE_BOOT.index(since)] in now


def _thermal(readings: list[Reading]) -> list[str]:
    statuses = [reading.thermal_status for reading in readings if reading.thermal_status not in (None, NOT_THROTTLED)]
    several = ", ".join(str(status) for status in dict.fromkeys(statuses))
    return [f"Android's thermal status was {several}"] if several else []


def _frequency(readings: list[Reading]) -> list[str]:
    """The deepest fall below the highest share of its own maximum a processor had before (a runner may be moved from a
    fast core to a slow one, which is no throttling)."""
    highest, lowest = 0.0, 1.0
    for reading in readings:
        if reading.frequency_khz is None or not reading.max_frequency_khz:
            continue
        share = reading.frequency_khz / reading.max_frequency_khz
        highest = max(highest, share)
        lowest = min(lowest, share / highest if highest else 1.0)
    if lowest >= LEAST_SHARE:
        return []
    return [f"the processor's frequency fell to {lowest:.0%} of what it was before"]
