"""What keeps the libraries from reporting home, and from writing where nobody asked them to.

ONNX Runtime keeps a device's id and a database of events under ~/.cache/Microsoft, and its Linux wheels send them; only
ORT_DISABLE_TELEMETRY in the environment before it is loaded prevents both. MLflow has sent usage since 3.2 unless
MLFLOW_DISABLE_TELEMETRY or DO_NOT_TRACK is set (https://mlflow.org/docs/latest/community/usage-tracking/), Hugging
Face's hub client unless HF_HUB_DISABLE_TELEMETRY is. Keras writes
~/.keras/keras.json on its first import, into KERAS_HOME where that is set: it is where the user has no ~/.keras, whose
settings and downloads stay in use otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

from edgerig.cache import cache_root

NO_TELEMETRY: Mapping[str, str] = {
    "ORT_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}


def child_environment(only: Collection[str] | None = None, **more: str) -> dict[str, str]:
    """What a child of ours on this host is given: our environment, or of it `only` these, kept quiet, and `more`."""
    ours = {name: value for name, value in os.environ.items() if only is None or name in only}
    return {**(_keras() if only is None else {}), **ours, **NO_TELEMETRY, **more}


def be_quiet() -> None:
    """Sets it all for this process and its children, before any of them imports such a library. What the user has set
    of Keras' stays."""
    os.environ.update({**_keras(), **os.environ, **NO_TELEMETRY})


def _keras() -> dict[str, str]:
    return {} if os.path.exists(os.path.expanduser("~/.keras")) else {"KERAS_HOME": str(cache_root() / "keras")}
