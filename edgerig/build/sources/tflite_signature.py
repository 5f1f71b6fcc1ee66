"""One signature of a TFLite file as a file of its own, whose first subgraph it is: what every recipe starts from."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ai_edge_litert.tools import flatbuffer_utils

from edgerig.errors import BuildError


def alone(path: Path, signature: str) -> Path:
    """A copy with the subgraphs that `signature` needs and no others; inputs and outputs bear its names, in their
    order. Raises BuildError when the file has no such signature."""
    graph = flatbuffer_utils.read_model(str(path))
    known = {each.signatureKey.decode(): each for each in graph.signatureDefs or []}
    if signature not in known:
        raise BuildError(
            f'{path}: it has no signature "{signature}"; it has: {", ".join(sorted(known)) or "none"}',
            hint="name one of these, or none for the default",
        )
    chosen = known[signature]
    kept = _reached(graph, chosen.subgraphIndex)
    places = {old: new for new, old in enumerate(kept)}
    for holder, key in _references(graph, kept):
        setattr(holder, key, places[getattr(holder, key)])
    graph.subgraphs = [graph.subgraphs[old] for old in kept]
    chosen.subgraphIndex = 0
    graph.signatureDefs = [chosen]
    main = graph.subgraphs[0]
    main.inputs, main.outputs = _named(main, chosen.inputs), _named(main, chosen.outputs)
    out = Path(tempfile.mkdtemp(prefix="edgerig-tflite-")) / path.name
    flatbuffer_utils.write_model(graph, str(out))
    return out


def _named(subgraph: Any, entries: Any) -> list[int]:
    """Gives the tensors of the signature's `entries` their names there; the tensors, in the names' order."""
    ordered = sorted(entries or [], key=lambda entry: bytes(entry.name))
    for entry in ordered:
        subgraph.tensors[entry.tensorIndex].name = entry.name
    return [int(entry.tensorIndex) for entry in ordered]


def _reached(graph: Any, first: int) -> list[int]:
    """The subgraph and those its operators run, the first one in front."""
    found = [first]
    for index in found:
        for holder, key in _references(graph, [index]):
            target = getattr(holder, key)
            if target not in found:
                found.append(target)
    return found


def _references(graph: Any, subgraphs: list[int]) -> Iterator[tuple[Any, str]]:
    """Where operators name a subgraph they run, as (options, field): If, While, Call, CallOnce and what StableHLO has
    of them (schema.fbs)."""
    for index in subgraphs:
        for operator in graph.subgraphs[index].operators or []:
            for options in (operator.builtinOptions, getattr(operator, "builtinOptions2", None)):
                for key in vars(options) if options is not None else ():
                    if (key == "subgraph" or key.endswith("SubgraphIndex")) and getattr(options, key) >= 0:
                        yield options, key
