"""A model's own `postprocess = "file.py:function"`: what it makes of a cell's outputs, sample by sample.

As own metrics are (`own_metric.py`), the function is the user's code: it runs in a child process with a deadline, once,
right after the cell's run; what it made is kept beside the raw run, and reports run nobody's code.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from edgerig import process
from edgerig.confined import Confined
from edgerig.measure.answers import RECORD, AnswersRecord
from edgerig.measure.sequences import Sequences
from edgerig.quiet import child_environment
from edgerig.results.stages import HostStage
from edgerig.spec import ModelSpec, Strict

LOG = "postprocess.log"
LOG_LIMIT_BYTES = 2**20


class PostprocessRequest(Strict):
    """Call `function` on each sample of the outputs in `raw` (`output_<i>.npy`), which are those of the steps of
    `sequences` where samples are sequences."""

    model_folder: Path
    function: str
    raw: Path
    sequences: Sequences | None = None


def postprocess(model: ModelSpec, sequences: Sequences | None, raw: Path, timeout_s: float) -> None:
    """Runs the model's function, if it names one, on the raw run in the folder `raw` and keeps its answers there."""
    if model.postprocess is None:
        return
    request = PostprocessRequest(model_folder=model.folder, function=model.postprocess, raw=raw, sequences=sequences)
    with tempfile.TemporaryDirectory(prefix="edgerig-postprocess-") as temporary:
        file = Path(temporary) / "request.json"
        file.write_text(request.model_dump_json(), encoding="utf-8")
        ended = process.run(
            [sys.executable, "-P", "-m", "edgerig.build.postprocess_worker", str(file)],
            timeout_s=timeout_s,
            env=child_environment(OMP_NUM_THREADS="1"),
        )
    with (raw / LOG).open("ab") as log:
        log.write((ended.stdout + ended.stderr)[-LOG_LIMIT_BYTES:])
    if ended.timed_out:
        _failed(request, f"it was killed at its deadline of {timeout_s:g} s (run.timeout_s)")
    elif not (raw / RECORD).is_file():
        said = ended.stderr[-200:].decode("utf-8", "replace").strip()
        _failed(request, f"its process ended by {process.signal_name(ended.returncode)} {said}".rstrip())


def _failed(request: PostprocessRequest, reason: str) -> None:
    why = f"{request.function}: {reason}"
    record = AnswersRecord(stage=HostStage(reason=why), failure=why)
    Confined.at(request.raw / RECORD).replace(record.model_dump_json().encode())
