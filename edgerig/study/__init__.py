"""A survey's claims, held against measured cells: the survey that this project answers compares TensorFlow and PyTorch
from what others wrote (Ba Alawi 2025, arXiv:2508.04035); here each claim is a function from results to a finding.

Pure but for `cells`, which names what a sweep has to measure for it. No verdict is given without its evidence."""

from __future__ import annotations

from edgerig.study.conclude import Study as Study
from edgerig.study.conclude import study as study
