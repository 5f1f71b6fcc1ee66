"""What a model's card says of its network: counted in a process of its own, as frameworks load only there."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from pydantic import Field, ValidationError

from edgerig import process
from edgerig.build.request import Failure
from edgerig.build.spawn import environment, tail
from edgerig.errors import BuilderCrashed, BuildTimeout
from edgerig.spec import ModelSpec, Strict, TensorSpec

TIMEOUT_S = 600.0
LOG = "card.log"


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


class CardReply(Strict):
    """Exactly one is set."""

    facts: NetworkFacts | None = None
    failure: Failure | None = None


def network_facts(model: ModelSpec) -> NetworkFacts:
    """Counts the model's layers. Raises the error its loading raised, BuildTimeout, or BuilderCrashed."""
    with tempfile.TemporaryDirectory(prefix="edgerig-card-") as temporary:
        folder = Path(temporary)
        (folder / "model.json").write_text(model.model_dump_json(), encoding="utf-8")
        finished = process.run(
            [sys.executable, "-P", "-m", "edgerig.build.card_worker", str(folder)],
            env={**environment(), "TMPDIR": temporary},
            timeout_s=TIMEOUT_S,
            output=folder / LOG,
        )
        try:
            reply = CardReply.model_validate_json((folder / "reply.json").read_text(encoding="utf-8"))
        except (OSError, ValidationError) as error:
            said = tail(folder / LOG)
            if finished.timed_out:
                raise BuildTimeout(
                    f"loading the model took more than {TIMEOUT_S:g} s; the last it said: {said}",
                    hint="its factory must only make the network",
                ) from error
            raise BuilderCrashed(
                f"the process that loads the model ended by {process.signal_name(finished.returncode)}; "
                f"the last it said: {said}",
                hint="the framework or the model's own code died: run its factory by itself",
            ) from error
    if reply.failure is not None:
        raise reply.failure.error()
    if reply.facts is None:
        raise BuilderCrashed("the process that loads the model gave an empty reply", hint="try again")
    return reply.facts


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
