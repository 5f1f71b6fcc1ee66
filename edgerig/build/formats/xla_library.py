"""The object files that XLA made of a network, and of TensorFlow's runtime for them what the network calls, as one
shared library.

The runtime's sources come with TensorFlow's package (`xla_aot_runtime_src`); what is compiled of them is kept in the
cache under a name made of everything it depends on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgerig.devices import native, runner_recipe  # noqa: placeholder
