"""torch → ONNX, by torch's own exporter; the source's layout."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch

from edgerig.build.formats import trace_inputs
from edgerig.build.source import SourceModel, layout_of
from edgerig.errors import BuildError
from edgerig.spec import Layout

OPSET = 20


def convert(model: SourceModel, out: Path) -> Layout:
    """Writes the float32 graph to `out`. Raises BuildError."""
    spec = model.spec
    program = torch.onnx.export(
        model.module,
        tuple(torch.from_numpy(array) for array in trace_inputs(model)),
        dynamo=True,
        opset_version=OPSET,
        verbose=False,
        input_names=[tensor.name for tensor in spec.inputs],
        output_names=[tensor.name for tensor in spec.outputs],
    )
    if program is None:
        raise BuildError("torch.onnx.export gave no program", hint="the build's log has the exporter's own output")
    program.save(str(out), external_data=False)
    _forget_origins(out)
    return layout_of(spec.inputs)


def _forget_origins(path: Path) -> None:
    """Takes out what the exporter notes of each operator, a quarter of a small file: the author's source lines, paths,
    which no runtime reads, which are nobody else's business, and which make the size depend on where the model lies.
    """
    model = onnx.load(path)
    del model.metadata_props[:]
    graph = model.graph
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    onnx.save(model, path)
