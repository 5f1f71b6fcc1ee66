"""A model's file opened by its runtime on the host, as a device will open it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgerig.ondevice import engines
from edgerig.ondevice.engines import Engine, entry_options
from edgerig.ondevice.stream import Fed, streamed
from edgerig.results import Artifact
from edgerig.spec import FormatSpec, Shape, load_engines


@dataclass(frozen=True)
class Opening:
    """How a file is opened where not in the usual way: through an entry of its own, with given shapes of its inputs, as
    a network with state."""

    signature: str = ""
    shapes: Sequence[Shape] = ()
    fed: Sequence[Fed] = ()

    @classmethod
    def of(cls, artifact: Artifact) -> Opening:
        return cls(artifact.signature, artifact.shapes, [Fed(**each.model_dump()) for each in artifact.fed])


USUAL = Opening()


def opened(path: str, format_spec: FormatSpec, opening: Opening = USUAL, resets: Sequence[int] = ()) -> Engine:
    """The file, loaded, to be started anew before the samples `resets`. Raises what the runtime raises."""
    made = engines.create(load_engines()[format_spec.engine].opens, entry_options(opening.signature))
    engine = streamed(made, opening.fed, resets)
    engines.load(engine, path, 1, opening.shapes)
    return engine
