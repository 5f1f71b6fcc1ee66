"""What a study holds against measurement, and what others measured beside it."""

from __future__ import annotations

from edgerig.study.finding import Cited

SURVEY = "Ba Alawi 2025"
TITLE = (
    "A Comparative Survey of PyTorch vs TensorFlow for Deep Learning: Usability, Performance, and Deployment Trade-offs"
)
ADDRESS = "https://arxiv.org/abs/2508.04035"

_NOVAC = "Novac et al., Sensors 22(22), 2022, 8872, as works that cite it report it"
_AT = "https://doi.org/10.3390/s22228872"
INFERENCE = (
    Cited("inference, PyTorch", "1.174 s", _NOVAC, _AT),
    Cited("inference, TensorFlow", "2.667 s", _NOVAC, _AT),
)
"""Of a convolutional network of theirs on a machine of theirs, whose samples nobody here saw."""
