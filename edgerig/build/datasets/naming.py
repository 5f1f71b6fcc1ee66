"""What the arrays of a model's inputs are called in an npz or by a factory."""

from __future__ import annotations

from collections.abc import Sequence

from edgerig.build.datasets.dataset import Tensor
from edgerig.errors import DatasetError

NPZ_HINT = "make it with numpy.savez(path, inputs=…, labels=…)"


def array_names(stem: str, tensors: Sequence[Tensor], found: Sequence[str], where: str) -> list[str]:
    """The arrays that feed the tensors, in their order. Raises DatasetError."""
    candidates = [
        [f"{stem}_{index}" for index in range(len(tensors))],
        [f"{stem}_{tensor.name}" for tensor in tensors],
    ]
    if len(tensors) == 1:
        candidates.insert(0, [stem])
    for names in candidates:
        if all(name in found for name in names):
            return names
    wanted = " or ".join(", ".join(f'"{name}"' for name in names) for names in candidates[:2])
    raise DatasetError(
        f"{where}: has no array {wanted} (it holds: {', '.join(found) or 'nothing'})",
        hint=NPZ_HINT if len(tensors) == 1 else f"the model has {len(tensors)} inputs: give an array for each",
    )
