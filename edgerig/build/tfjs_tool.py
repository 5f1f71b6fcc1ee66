"""TensorFlow.js' converter, in an environment of its own: the list that installs and works together, on Python 3.11."""

from __future__ import annotations

from collections.abc import Callable

from edgerig.toolenv import ToolEnvironment, tool_environment

NAME = "tensorflowjs"
PACKAGES = """
setuptools==65.5.0 wheel==0.45.1
absl-py==2.5.1 aiofiles==25.1.0 astunparse==1.6.3 certifi==2026.10.19.post1 charset-normalizer==3.5.3 etils==1.15.0
flatbuffers==25.12.19 flax==0.12.8 fsspec==2026.9.0 gast==0.7.0 google-pasta==0.2.0 grpcio==1.85.3 h5py==3.16.0
humanize==4.17.0 idna==3.20 importlib_resources==7.1.0 jax==0.10.2 jaxlib==0.10.2 keras==3.15.1 libclang==18.1.1
Markdown==3.11.3 markdown-it-py==4.3.0 MarkupSafe==3.0.4 mdurl==0.1.2 ml_dtypes==0.6.0 msgpack==1.2.4 namex==0.1.0
numpy==2.1.3 opt_einsum==3.4.0 optax==0.2.8 optree==0.20.0 orbax-checkpoint==0.12.8 packaging==23.2 pandas==3.1.1
prometheus_client==0.26.0 protobuf==5.29.6 psutil==7.2.2 Pygments==2.21.0 python-dateutil==4.0.0 PyYAML==6.0.4
requests==2.34.2 rich==15.0.0 scipy==1.17.1 simplejson==4.3.0 six==1.17.0 tensorboard==2.19.0
tensorboard-data-server==0.7.2 tensorflow==2.19.0 tensorflow-hub==0.16.1 tensorflow-io-gcs-filesystem==0.37.1
tensorflow_decision_forests==1.12.0 tensorflowjs==4.22.0 tensorstore==0.1.86 termcolor==3.3.0 tf_keras==2.19.0
treescope==0.1.10 typing_extensions==4.16.0 tzdata==2026.6 urllib3==2.8.0 uvloop==0.23.0 Werkzeug==3.1.9 wrapt==2.5.2
wurlitzer==3.1.1 ydf==0.11.0 zipp==4.1.2
"""


def converter(say: Callable[[str], None]) -> ToolEnvironment:
    """Made when the cache has none, of which `say` is told. Raises BuildError."""
    return tool_environment(NAME, PACKAGES.split(), say)
