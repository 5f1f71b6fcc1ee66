"""The host's side of looking at layers."""

from __future__ import annotations

from edgerig.build.aside import Question, ask
from edgerig.build.layers.request import LayersAnswer, LayersRequest
from edgerig.errors import BuilderCrashed
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
    report = ask(question, request, LayersAnswer, timeout_s).report
    if report is None:
        raise BuilderCrashed(f"{question.who} gave an empty reply", hint="try again")
    return report
