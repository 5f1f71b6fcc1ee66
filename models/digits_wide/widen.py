"""Writes `weights.safetensors`: digits_cnn's, batch norms folded, one activation made wide.

One convolution of 1x1, y = W x + b, becomes two: the first gives each of its channels twice, as x + c and x - c, the
second reads both by half of W. In float the c cancels and y is what it was; the activation between them spans 2 c, of
which x is a small part.  `python models/digits_wide/widen.py [LIFT]`
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save

Array = npt.NDArray[np.float64]

HERE = Path(__file__).resolve().parent
CNN, SKEW = HERE.parent / "digits_cnn", HERE.parent / "digits_skew"
LIFT = 512.0
"""c. A power of two takes fewest bits of x with it in float32."""
PLACES = {
    **{f"before.{place}.0": place for place in range(4)},
    **{f"behind.{place}.0": place + 4 for place in range(1, 5)},
}
"""A layer's name → its place among digits_cnn's folded convolutions; the fifth of those, place 4, is made two."""
WIDENED = 4


def widened(folded: list[tuple[Array, Array]], lift: float) -> dict[str, Array]:
    """The state of `model.DigitsWide` without its head."""
    weight, bias = folded[WIDENED]
    once = np.eye(weight.shape[1])[:, :, None, None]
    state = {
        "lift.weight": np.repeat(once, 2, axis=0),
        "lift.bias": np.tile([lift, -lift], weight.shape[1]),
        "mean.weight": np.repeat(weight / 2, 2, axis=1),
        "mean.bias": bias,
    }
    for name, place in PLACES.items():
        state[f"{name}.weight"], state[f"{name}.bias"] = folded[place]
    return state


def main() -> None:
    sys.path.append(str(SKEW))
    from skew import folded

    parser = argparse.ArgumentParser(description="Write the weights of digits_wide.")
    parser.add_argument("lift", nargs="?", type=float, default=LIFT)
    trained = {
        name: array.astype(np.float64)
        for name, array in load_file(CNN / "weights.safetensors").items()
        if array.dtype.kind == "f"
    }
    state = widened(folded(trained), parser.parse_args().lift)
    state |= {f"head.{part}": trained[f"head.{part}"] for part in ("weight", "bias")}
    content = save({name: np.ascontiguousarray(array, np.float32) for name, array in state.items()})
    (HERE / "weights.safetensors").write_bytes(content)
    print(f'weights_sha256 = "{hashlib.sha256(content).hexdigest()}"')


if __name__ == "__main__":
    main()
