"""The host's side of looking at layers."""

from __future__ import annotations

from edgerig.build.aside import Answer, Question, ask
from edgerig.build.layers.request import LayersRequest
from edgerig.results.layers import LayerReport


def layer_report(request: LayersRequest, timeout_s: float) -> LayerReport:
    """Raises the error the process met, BuildTimeout, or BuilderCrashed."""
    question = Question(
        module="edgerig.build.layers.worker",
        what=f"looking into {request.variant}",
        who=f"the process that looks into {request.variant}",
        long="look at fewer samples: --samples 4",
        died="the kernel may have ended it for memory: look at fewer samples, or on a larger machine",
    )
    return ask(question, request, Answer[LayerReport], timeout_s)
