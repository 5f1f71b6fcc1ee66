"""torch → TFLite, by litert-torch; files take NHWC where the source takes NCHW."""

from __future__ import annotations

from pathlib import Path

import litert_torch
import numpy as np
import torch

from edgerig.build.formats import trace_inputs
from edgerig.build.routes.refused_operators import naming_operators
from edgerig.build.routes.transposed_convolutions import Cut
from edgerig.build.source import SourceModel, layout_of
from edgerig.spec import Layout

TO_NHWC = (0, 2, 3, 1)


def convert(model: SourceModel, out: Path) -> Layout:
    """Writes the float32 file to `out`."""
    spec = model.spec
    channels_first = [index for index, tensor in enumerate(spec.inputs) if tensor.layout == "NCHW"]
    samples = tuple(
        torch.from_numpy(np.ascontiguousarray(array.transpose(TO_NHWC)) if index in channels_first else array)
        for index, array in enumerate(trace_inputs(model))
    )
    module = Cut(model.module)
    if channels_first:
        module = litert_torch.to_channel_last_io(module, args=channels_first)
    with naming_operators():
        litert_torch.convert(module.eval(), samples).export(str(out))
    return "NHWC" if channels_first else layout_of(spec.inputs)
