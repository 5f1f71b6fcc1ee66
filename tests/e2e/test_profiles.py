"""A sweep whose cells are looked into, and `edgerig profile` over its folder: real runtimes, real networks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import edgerig

pytestmark = pytest.mark.e2e
