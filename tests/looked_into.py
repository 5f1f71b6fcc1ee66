"""A small network for each runtime, looked into on a device: what its profile says."""

from __future__ import annotations

from pathlib import Path

import made_up
import numpy as np
import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import to_edge_transform_and_lower
from several_files import net, ready
from torch import nn

from edgerig.build.ready import adopt
from edgerig.devices.device import CellJob, PosixDevice
from edgerig.measure.profile import FOLDER, read_profile
from edgerig.results import Profile
from edgerig.spec import RunSettings, load_formats

CELL = "m-onnx-onnx-as-is@d/t1"
WIDTH = 64


def program(path: Path) -> Path:
    """Two products and a clamp between them, on XNNPACK."""
    module = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 8)).eval()
    exported = torch.export.export(module, (torch.ones(1, WIDTH),))
    edge = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
    path.write_bytes(edge.to_executorch().buffer)
    return path


def onnx(path: Path) -> Path:
    return net(path, "a.bin", "b.bin")


def profile(device: PosixDevice, file: Path, format_name: str, folder: Path) -> Profile:
    """Of the ready `file`, by the device; `folder` gets what is made on the way."""
    spec, staged = ready(file), folder / "staged"
    staged.mkdir(parents=True)
    artifact = adopt(spec, load_formats()[format_name], "k", staged)
    inputs = [np.ones(tensor.shape, tensor.dtype) for tensor in artifact.inputs]
    into, settings = folder / FOLDER, RunSettings()
    job = CellJob(CELL, artifact, staged / artifact.file, inputs, made_up.PLACEMENT, settings, into, device.probe())
    device.profile(job)
    return read_profile(folder, CELL)
