"""What a model's card says of its network: counted in a process of its own, as frameworks load only there."""

from __future__ import annotations

from pydantic import Field

from edgerig.build.aside import Answer, Question, ask
from edgerig.spec import ModelSpec, Strict, TensorSpec

TIMEOUT_S = 600.0


class LayerCount(Strict):
    """The layers of one type, and the multiply-accumulates of one inference in them (None: not counted)."""

    layers: int
    macs: int | None


class EntryFacts(Strict):
    """A signature or method of a file; its tensors as `x 1×4 float32`. `default`: is it run where none is chosen?"""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    default: bool


class NetworkFacts(Strict):
    """What was counted. `parameters` and `macs` are None, with the reason, where nothing counts them.

    `macs` are multiply-accumulates of one inference at batch 1 in convolutions and matrix products; additions,
    activations and norms (which builds fold away) are not in them.
    """

    parameters: int | None
    statistics: int | None
    """The part of `parameters` that are norms' running statistics, which training does not learn."""
    macs: int | None
    reason: str = ""
    layers: dict[str, LayerCount]
    """By type, such as `Conv2D`, or by operator where a file has no layers."""
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    signatures: dict[str, EntryFacts] = Field(default={})
    """By name; {} for a file that names none."""


_COUNT = Question(
    module="edgerig.build.card_worker",
    what="loading the model",
    who="the process that loads the model",
    long="its factory must only make the network",
    died="the framework or the model's own code died: run its factory by itself",
)


def network_facts(model: ModelSpec) -> NetworkFacts:
    """Counts the model's layers. Raises the error its loading raised, BuildTimeout, or BuilderCrashed."""
    return ask(_COUNT, model, Answer[NetworkFacts], TIMEOUT_S)


def uncounted(model: ModelSpec, reason: str) -> NetworkFacts:
    """What is known of a model that cannot be loaded, for the `reason`."""
    return NetworkFacts(
        parameters=None,
        statistics=None,
        macs=None,
        reason=reason,
        layers={},
        inputs=model.inputs,
        outputs=model.outputs,
    )
