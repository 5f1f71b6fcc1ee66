"""State on the host: which tensors of a network are fed, its float outputs over a stream, and calibration samples that
hold the states of the stream, so that a calibrated recipe sees what the network will."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgerig.build.memory import Memory, Network, info, kept_outputs
from edgerig.build.source import Arrays, SourceModel
from edgerig.errors import BuildError
from edgerig.ondevice.engines import Description
from edgerig.ondevice.stream import Fed, initial
from edgerig.spec import ModelSpec, nearest


def fed_of(spec: ModelSpec) -> tuple[Fed, ...]:
    """What is fed, by the places of the spec's tensors. Raises BuildError for a name it does not have."""
    return _places(spec, [t.name for t in spec.inputs], [t.name for t in spec.outputs])


def fed_of_file(spec: ModelSpec, described: Description) -> tuple[Fed, ...]:
    """What is fed of a file, by the places of its tensors: by their names there, or by those that the model gives as
    many tensors. Raises BuildError for a name it does not have."""
    return _places(
        spec,
        _called([t.name for t in described.inputs], [t.name for t in spec.inputs], [each.to for each in spec.state]),
        _called([t.name for t in described.outputs], [t.name for t in spec.outputs], [s.from_ for s in spec.state]),
    )


def _called(own: list[str], given: list[str], wanted: list[str]) -> list[str]:
    return own if len(own) != len(given) or set(wanted) <= set(own) else given


def _places(spec: ModelSpec, inputs: list[str], outputs: list[str]) -> tuple[Fed, ...]:
    found = tuple(
        Fed(
            _place(each.from_, "output", outputs, spec),
            _place(each.to, "input", inputs, spec),
            each.initial,
            each.keep,
            f'"{each.to}" from "{each.from_}"',
        )
        for each in spec.state
    )
    results = len(outputs) - len({each.output for each in found if not each.keep} - kept_outputs(found))
    if found and (not results or len(found) == len(inputs)):
        what = "output is left as a result" if not results else "input is left for the data"
        raise BuildError(
            f'model "{spec.name}": with its state fed no {what}',
            hint="an output that is a result as well is fed with keep = true under [[state]]",
        )
    return found


def _place(name: str, what: str, known: list[str], spec: ModelSpec) -> int:
    if name not in known:
        raise BuildError(f'model "{spec.name}": [[state]]: it has no {what} "{name}"', hint=nearest(name, known))
    return known.index(name)


def remembering(spec: ModelSpec, network: Network) -> Memory | None:
    """The memory of a network whose spec feeds inputs from outputs, None where it feeds none."""
    fed = fed_of(spec)
    return Memory(spec, fed, network) if fed else None


def recorded(source: SourceModel, samples: Arrays, lengths: Sequence[int] | None = None) -> Arrays:
    """The samples with the states the source has on them, from the beginning: what each of its inputs is fed. They may
    be the steps of sequences of these `lengths`."""
    if source.memory is None or not source.memory.fed:
        return samples
    source.restart(lengths)
    source.memory.kept = []
    try:
        source.infer(samples)
        columns = zip(source.spec.inputs, zip(*source.memory.kept, strict=True), strict=True)
        return [np.stack(column).reshape(len(column), *tensor.of_sample) for tensor, column in columns]
    finally:
        source.memory.kept = None


def whole_sample(spec: ModelSpec, fed: Sequence[Fed], given: Arrays) -> Arrays:
    """One sample, an array of its tensor's shape an input, with the fed inputs in their places as they are at first."""
    rest, first = iter(given), {each.input: initial(each, info(spec.inputs[each.input])) for each in fed}
    return [first[place] if place in first else next(rest) for place in range(len(spec.inputs))]
