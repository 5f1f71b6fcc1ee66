"""Samples that calibrate and are evaluated too."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from edgerig.build.datasets.dataset import Array
from edgerig.errors import DatasetError

CHANCE = 0.1


class Overlap:
    """Finds calibration samples that are evaluated too: an activation range taken from them flatters the accuracy.

    A sample that holds one value only (silence, a blank page, padding) may come in both, and so may equal rows of a few
    integers, of which the calibration may have `CHANCE` as its share.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._evaluated: dict[bytes, int] = {}
        self._samples = self._calibrated = 0
        self._twice: list[tuple[int, int]] = []
        self._real = False

    def evaluated(self, inputs: list[Array]) -> None:
        for digest in self._digests(inputs):
            if digest is not None:
                self._evaluated.setdefault(digest, self._samples)
            self._samples += 1

    def calibrated(self, inputs: list[Array]) -> None:
        for digest in self._digests(inputs):
            if digest is not None and digest in self._evaluated:
                self._twice.append((self._calibrated, self._evaluated[digest]))
            self._calibrated += 1

    def check(self) -> None:
        """Raises DatasetError where the two splits share samples."""
        if len(self._twice) > (0 if self._real else CHANCE * self._calibrated):
            calibration, evaluation = self._twice[0]
            raise DatasetError(
                f"{self._where}: {len(self._twice)} of {self._calibrated} calibration samples are evaluated too, the "
                f"first being number {calibration} (evaluation's {evaluation})",
                hint="take calibration from the training split: what is evaluated must not be calibrated on",
            )

    def _digests(self, inputs: list[Array]) -> Iterator[bytes | None]:
        self._real = self._real or any(array.dtype.kind == "f" for array in inputs)
        for rows in zip(*inputs, strict=True):
            state = hashlib.blake2b(digest_size=16)
            for row in rows:
                state.update(np.ascontiguousarray(row).data)
            yield None if all(row.size == 0 or (row == row.flat[0]).all() for row in rows) else state.digest()
