"""The packages of the servers that the rig starts, each in an environment of its own (`edgerig/toolenv.py`): lists of
exact versions, every package by name."""

from __future__ import annotations

TORCHSERVE_VERSION = "0.12.0"
TORCHSERVE = (
    f"torchserve=={TORCHSERVE_VERSION}",
    "packaging==26.4",
    "pillow==13.0.0",
    "psutil==7.2.2",
    "pyyaml==6.0.4",
    "wheel==0.48.0",
)
"""Without torch: its workers are this environment's Python, with the torch that is measured elsewhere too."""
PYTRITON_VERSION = "0.7.0"
PYTRITON = (
    "aiohappyeyeballs==2.7.1",
    "aiohttp==3.14.5",
    "aiosignal==1.4.0",
    "annotated-doc==0.0.7",
    "annotated-types==0.8.0",
    "attrs==26.1.0",
    "brotli==1.2.1",
    "certifi==2026.10.19.post1",
    "flatbuffers==25.12.19",
    "frozenlist==1.8.0",
    "gevent==26.9.0",
    "geventhttpclient==2.6.1",
    "greenlet==3.3.2",
    "grpcio==1.85.3",
    "idna==3.20",
    "importlib-metadata==10.2.0",
    "lazy-importer==0.1.0",
    "markdown-it-py==4.3.0",
    "mdurl==0.1.2",
    "ml-dtypes==0.5.4",
    "multidict==7.2.1",
    "mypy-extensions==1.2.0",
    "numpy==1.26.4",
    f"nvidia-pytriton=={PYTRITON_VERSION}",
    "onnxruntime==1.31.1",
    "packaging==26.4",
    "propcache==0.5.4",
    "protobuf==6.33.6",
    "pydantic==2.14.4",
    "pydantic-core==2.50.5",
    "pygments==2.21.0",
    "python-rapidjson==1.25",
    "pyzmq==27.3.0",
    "rich==15.0.0",
    "sh==2.4.0",
    "shellingham==1.5.4",
    "tritonclient==2.73.0",
    "typer==0.29.2",
    "typing-extensions==4.16.0",
    "typing-inspect==0.9.0",
    "typing-inspection==0.4.5",
    "urllib3==2.8.0",
    "wrapt==2.5.2",
    "yarl==1.25.1",
    "zipp==4.1.2",
    "zope-event==6.2",
    "zope-interface==8.7",
)
"""PyTriton brings Triton itself; it wants a numpy before 2, and so has its own, and an ONNX Runtime beside it."""
