"""Writes `weights.safetensors`: digits_cnn's, batch norms folded and channels skewed.

A channel between two layers leaves the first multiplied by s and meets weights divided by s in the second. ReLU and the
mean over the image pass a positive factor on unchanged, so the network computes what it did; its channels' ranges
within a tensor then differ by up to 256.  `python models/digits_skew/skew.py`
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save

HERE = Path(__file__).resolve().parent
TRAINED = HERE.parent / "digits_cnn" / "weights.safetensors"
SEED = 0
LARGEST = 16.0
"""s is spread evenly, in its logarithm, over 1/16…16."""
EPSILON = 1e-5
"""torch.nn.BatchNorm2d's default."""

Arrays = dict[str, npt.NDArray[np.float64]]


def folded(trained: Arrays) -> list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    """Weight and bias of every convolution, in order: y = γ·(w∗x − μ)/√(σ² + ε) + β."""
    places = ["features.0", *(f"features.{block}.{part}" for block in range(1, 5) for part in range(2))]
    layers = []
    for place in places:
        norm = {part: trained[f"{place}.1.{part}"] for part in ("weight", "bias", "running_mean", "running_var")}
        scale = norm["weight"] / np.sqrt(norm["running_var"] + EPSILON)
        bias = norm["bias"] - norm["running_mean"] * scale
        layers.append((trained[f"{place}.0.weight"] * scale[:, None, None, None], bias))
    return layers


def skewed(trained: Arrays, seed: int = SEED) -> dict[str, npt.NDArray[np.float32]]:
    """The state of `model.DigitsSkew`."""
    rng = np.random.default_rng(seed)
    layers = [*folded(trained), (trained["head.weight"], trained["head.bias"])]
    for place in range(len(layers) - 1):
        weight, bias = layers[place]
        scales = np.exp(rng.uniform(-np.log(LARGEST), np.log(LARGEST), len(bias)))
        layers[place] = (weight * scales[:, None, None, None], bias * scales)
        following, kept = layers[place + 1]
        depthwise = following.ndim == 4 and following.shape[1] == 1
        along = (-1, 1, 1, 1) if depthwise else (1, -1, *(1,) * (following.ndim - 2))
        layers[place + 1] = (following / scales.reshape(along), kept)
    names = [*(f"features.{place}.0" for place in range(len(layers) - 1)), "head"]
    state: dict[str, npt.NDArray[np.float32]] = {}
    for name, (weight, bias) in zip(names, layers, strict=True):
        state[f"{name}.weight"] = np.ascontiguousarray(weight, np.float32)
        state[f"{name}.bias"] = bias.astype(np.float32)
    return state


def main() -> None:
    trained = {name: array.astype(np.float64) for name, array in load_file(TRAINED).items() if array.dtype.kind == "f"}
    content = save(skewed(trained))
    (HERE / "weights.safetensors").write_bytes(content)
    print(f'weights_sha256 = "{hashlib.sha256(content).hexdigest()}"')


if __name__ == "__main__":
    main()
