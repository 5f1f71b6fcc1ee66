"""Metrics of the user's own: `metric = "file.py:function"` of a model.

The function is the user's code, so it runs only in a child process (`own_metric_worker.py`) with a deadline, once,
right after the cell's run; what it found is kept beside the raw run. Reports are recomputed from that and run nobody's
code. A metric that fails costs its own figure, with the reason, and nothing else of the cell.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from edgerig import process
from edgerig.confined import Confined
from edgerig.errors import ResultsError
from edgerig.quiet import child_environment
from edgerig.results import Accuracy
from edgerig.spec import DatasetSpec, ModelSpec, Strict, asked, load_metrics
from edgerig.spec.stream import StreamSpec

KEPT = "metrics.json"
LOG = "metrics.log"
LOG_LIMIT_BYTES = 2**20
REPLY_LIMIT_BYTES = 2**20
_KEPT: TypeAdapter[dict[str, Accuracy]] = TypeAdapter(dict[str, Accuracy])


class MetricRequest(Strict):
    """Take `metric` of the outputs in `raw` (`output_<i>.npy`, called `names`) against `data`'s labels."""

    model_folder: Path
    metric: str
    names: tuple[str, ...]
    data: Path
    dataset: DatasetSpec | None = None
    raw: Path
    stream: StreamSpec | None = None


def take_own_metrics(model: ModelSpec, names: tuple[str, ...], data: Path, raw: Path, timeout_s: float) -> None:
    """Takes each of the model's own metrics of the raw run in the folder `raw`, whose outputs are called `names`, and
    keeps them there."""
    wanted = [text for text in model.metric if asked(text).metric not in load_metrics()]
    if not wanted:
        return
    found = {
        text: _take(
            MetricRequest(
                model_folder=model.folder,
                metric=text,
                names=names,
                data=data,
                dataset=model.dataset,
                raw=raw,
                stream=model.stream,
            ),
            timeout_s,
        )
        for text in wanted
    }
    Confined.at(raw / KEPT).replace(_KEPT.dump_json(found, indent=1))


def read_own_metrics(raw: Path | Confined) -> dict[str, Accuracy]:
    """What `take_own_metrics` kept in the folder `raw`; {} when nothing. Raises ResultsError."""
    try:
        return _KEPT.validate_json(Confined.at(raw / KEPT).read_bytes(LOG_LIMIT_BYTES * 16))
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as error:
        raise ResultsError(f"{raw / KEPT}: damaged: {error}", hint="run the cell again") from error


def _take(request: MetricRequest, timeout_s: float) -> Accuracy:
    with tempfile.TemporaryDirectory(prefix="edgerig-metric-") as temporary:
        folder = Path(temporary)
        (folder / "request.json").write_text(request.model_dump_json(), encoding="utf-8")
        ended = process.run(
            [sys.executable, "-P", "-m", "edgerig.build.own_metric_worker", str(folder)],
            timeout_s=timeout_s,
            env=child_environment(OMP_NUM_THREADS="1"),
        )
        with (request.raw / LOG).open("ab") as log:
            log.write((ended.stdout + ended.stderr)[-LOG_LIMIT_BYTES:])
        if ended.timed_out:
            return _none(request, f"it was killed at its deadline of {timeout_s:g} s (run.timeout_s)")
        try:
            with (folder / "reply.json").open("rb") as reply:
                return Accuracy.model_validate_json(reply.read(REPLY_LIMIT_BYTES))
        except (OSError, ValidationError):
            said = ended.stderr[-200:].decode("utf-8", "replace").strip()
            return _none(request, f"its process ended by {process.signal_name(ended.returncode)} {said}".rstrip())


def _none(request: MetricRequest, reason: str) -> Accuracy:
    wanted = asked(request.metric)
    return Accuracy(metric=wanted.metric, output=wanted.output, reason=f"{request.metric}: {reason}", unit="")
