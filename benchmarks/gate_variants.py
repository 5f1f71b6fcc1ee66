"""Variants of digits_cnn that a gate has to tell apart, as model folders of one name: `gate_cnn`.

Added layers are depthwise convolutions that hand on what they get (an identity kernel), so that a slower network is a
slower one and nothing else: weights, accuracy and outputs stay those of digits_cnn.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.torch import load_file, save

from edgerig import process
from edgerig.build.factory import call_factory
from edgerig.errors import BuildError
from edgerig.spec import load_models

MODEL = "gate_cnn"
ORIGIN = "digits_cnn"
_NETWORK = '''"""digits_cnn with layers that only cost time."""

from __future__ import annotations

import torch
from model import DigitsCnn
from torch import nn


def identity(channels: int, kernel: int) -> nn.Conv2d:
    layer = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels, bias=False)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[:, 0, kernel // 2, kernel // 2] = 1.0
    return layer


def create() -> nn.Module:
    network = DigitsCnn()
    for channels, kernel in {layers}:
        network.features.append(identity(channels, kernel))
    return network
'''
_DATA = '''"""digits_cnn's data, calibrated on images that are {scale:g} times as bright as those it will see."""

from __future__ import annotations

import data


def load():
    found = data.load()
    return {{**found, "calibration": found["calibration"] * {scale!r}}}
'''


@dataclass(frozen=True)
class Variant:
    """`layers`: (channels, kernel) of those added after the features; `calibration`: what scales its images."""

    name: str
    layers: tuple[tuple[int, int], ...] = ()
    calibration: float = 1.0


BASE = Variant("base")
SLOWER = Variant("slower", layers=((128, 3), (128, 3), (128, 1)))
ONE_OPERATOR = Variant("one-operator", layers=((128, 1),))


def miscalibrated(scale: float) -> Variant:
    return Variant(f"calibrated-{scale:.3f}", calibration=scale)


def write(variant: Variant, workshop: Path) -> Path:
    """Makes the folder `workshop/<variant>/models/gate_cnn`; returns the folder to run `edgerig` in."""
    origin, where = load_models(ORIGIN)["torch"].folder, workshop / variant.name
    folder = where / "models" / MODEL
    folder.mkdir(parents=True)
    for file in ("data.py", "model.py", "model.toml", "weights.safetensors"):
        shutil.copyfile(origin / file, folder / file)
    text = (folder / "model.toml").read_text(encoding="utf-8")
    (folder / "variant.py").write_text(_NETWORK.format(layers=variant.layers), encoding="utf-8")
    (folder / "variant_data.py").write_text(_DATA.format(scale=variant.calibration), encoding="utf-8")
    network = call_factory(folder, "variant.py:create")
    network.load_state_dict(load_file(origin / "weights.safetensors"), strict=False)
    weights = save(network.state_dict())
    (folder / "weights.safetensors").write_bytes(weights)
    text = text.replace("model.py:create", "variant.py:create").replace("data.py:load", "variant_data.py:load")
    text = re.sub(r'weights_sha256 = "\w+"', f'weights_sha256 = "{hashlib.sha256(weights).hexdigest()}"', text)
    (folder / "model.toml").write_text(text, encoding="utf-8")
    return where


def scale_run(run: Path, factor: float) -> None:
    """Makes the run's folder that of a machine whose clock was slower by `factor`, and concludes it anew."""
    for file in run.glob("raw/**/samples.npy"):
        np.save(file, np.maximum(1, np.load(file) * factor).astype(np.int64))
    for file in run.glob("raw/**/raw.json"):
        raw = json.loads(file.read_text(encoding="utf-8"))
        for name in ("clock_ns", "core_ns", "memory_ns"):
            raw["controls"][name] = [max(1, round(ns * factor)) for ns in raw["controls"][name]]
        file.write_text(json.dumps(raw), encoding="utf-8")
    done = process.run([sys.executable, "-m", "edgerig", "report", str(run)], timeout_s=600)
    if done.returncode != 0:
        raise BuildError(f"{run} cannot be concluded: {done.stderr[-2000:].decode(errors='replace')}")
