"""The process of a postprocess function: `python -m edgerig.build.postprocess_worker REQUEST` writes what it made
beside the raw run (`measure/answers.py`)."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgerig.build.postprocess import PostprocessRequest
from edgerig.build.stage import as_array, stage_of
from edgerig.confined import Confined
from edgerig.errors import BuildError, EdgerigError
from edgerig.measure.answers import LENGTHS, RECORD, AnswersRecord
from edgerig.measure.ragged import Ragged, encoded, ragged
from edgerig.measure.sequences import judged
from edgerig.npy import load_arrays, write
from edgerig.ondevice import lifeline
from edgerig.results.stages import HostStage

MOST = 64
"""Answers a function may give of a sample."""


def main() -> None:
    lifeline.hold()
    request = PostprocessRequest.model_validate_json(Path(sys.argv[1]).read_text(encoding="utf-8"))
    try:
        record = answer(request)
    except EdgerigError as error:
        reason = " ".join(f"{error.message}; {error.hint}".split())[:500]
        record = AnswersRecord(stage=HostStage(reason=reason), failure=reason)
    Confined.at(request.raw / RECORD).replace(record.model_dump_json().encode())
    sys.stdout.flush()
    os._exit(0)  # the user's code may have left threads behind


def answer(request: PostprocessRequest) -> AnswersRecord:
    """Calls the function for each sample and writes its answers. Raises BuildError."""
    outputs = judged(request.sequences, load_arrays(request.raw, "output"))
    found: dict[str, list[Any]] = {}
    with stage_of(request.model_folder, request.function) as stage:
        if stage is None:
            raise BuildError("no function is named", hint='postprocess = "file.py:function"')
        for place in range(len(outputs[0])):
            given = stage([np.array(output[place]) for output in outputs])
            if (place and set(given) != set(found)) or len(given) > MOST:
                raise BuildError(
                    f"{stage.name} gave {', '.join(given)} of sample {place}, {', '.join(found)} before",
                    hint=f"give the same answers of every sample, at most {MOST}",
                )
            for name, value in given.items():
                found.setdefault(name, []).append(value)
        timed = stage.timed
    texts = tuple(name for number, (name, values) in enumerate(found.items()) if _kept(request, number, values))
    return AnswersRecord(names=tuple(found), texts=texts, stage=timed)


def _kept(request: PostprocessRequest, number: int, values: Sequence[Any]) -> bool:
    """Writes one answer of all samples; is it text?"""
    text = all(isinstance(value, str) for value in values)
    samples: Ragged | np.ndarray[Any, Any]
    if text:
        samples = encoded(values)
    else:
        arrays = [as_array(value, request.function) for value in values]
        try:
            samples = np.stack(arrays) if len({array.shape for array in arrays}) == 1 else ragged(arrays)
        except (ValueError, TypeError) as error:
            raise BuildError(
                f"{request.function} gave answers of different shapes: {error}",
                hint="samples may differ in the length of their first axis alone",
            ) from error
    path = request.raw / f"answers_{number}.npy"
    write(path, samples.values if isinstance(samples, Ragged) else samples)
    if isinstance(samples, Ragged):
        write(path.with_name(f"answers_{number}{LENGTHS}.npy"), samples.lengths)
    return text


if __name__ == "__main__":
    main()
