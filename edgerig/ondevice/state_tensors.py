"""Inputs that are meant to be fed from outputs: a network's state between inferences, as far as names and shapes tell.

Exporters name such pairs by rules of their own: `h` and `hn`, `state_in` and `state_out`, `past_key` and
`present_key`, `s` and `next_s`, `stateN` beside `state`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from edgerig.ondevice.engines import TensorInfo

_MARKS = re.compile(
    r"(^|[_.:/-])(in|out|input|output|prev|previous|next|new|old|past|present|initial|final|n|0|1)(?=$|[_.:/-])"
)
_LAST = re.compile(r"(?<=[a-z])(in|out|n|next|new|prev)$")


def fed_back(inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]) -> list[str]:
    """A line for each input that an output of the same shape and dtype continues, by their names."""
    found = []
    free = list(outputs)
    for given in inputs:
        for back in free:
            alike = (given.shape, given.dtype) == (back.shape, back.dtype) and given.name != back.name
            stem = _stem(given.name)
            if alike and len(inputs) > 1 and stem and stem == _stem(back.name):
                found.append(f'input "{given.name}" is continued by output "{back.name}"')
                free.remove(back)
                break
    return found


def _stem(name: str) -> str:
    """The name without what says which end of an inference it stands at; "" where it says nothing else."""
    plain = re.sub(r"_\d+$|:\d+$", "", name.lower())
    marked = _MARKS.sub("", plain).strip("_.:/-")
    return _LAST.sub("", marked)
