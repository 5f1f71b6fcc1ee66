"""The host's side of looking at layers: one process, one request, one reply."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from pydantic import ValidationError

from edgerig import process
from edgerig.build.layers.request import LayersReply, LayersRequest
from edgerig.build.spawn import environment, tail
from edgerig.errors import BuilderCrashed, BuildTimeout
from edgerig.results.layers import LayerReport

LOG = "layers.log"


def layer_report(request: LayersRequest, timeout_s: float) -> LayerReport:
    """Raises the error the process met, BuildTimeout, or BuilderCrashed."""
    with tempfile.TemporaryDirectory(prefix="edgerig-layers-") as temporary:
        folder = Path(temporary)
        (folder / "request.json").write_text(request.model_dump_json(), encoding="utf-8")
        finished = process.run(
            [sys.executable, "-P", "-m", "edgerig.build.layers.worker", str(folder)],
            env={**environment(), "TMPDIR": temporary},
            timeout_s=timeout_s,
            output=folder / LOG,
        )
        try:
            reply = LayersReply.model_validate_json((folder / "reply.json").read_text(encoding="utf-8"))
        except (OSError, ValidationError) as error:
            said = tail(folder / LOG)
            if finished.timed_out:
                raise BuildTimeout(
                    f"looking into {request.variant} took more than {timeout_s:g} s; the last it said: {said}",
                    hint="look at fewer samples: --samples 4",
                ) from error
            raise BuilderCrashed(
                f"the process that looks into {request.variant} ended by {process.signal_name(finished.returncode)}; "
                f"the last it said: {said}",
                hint="the kernel may have ended it for memory: look at fewer samples, or on a larger machine",
            ) from error
    if reply.failure is not None:
        raise reply.failure.error()
    if reply.report is None:
        raise BuilderCrashed(f"the process that looks into {request.variant} gave an empty reply", hint="try again")
    return reply.report
