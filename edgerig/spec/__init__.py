"""What is wanted: sweeps, models, devices, recipes and formats, read from TOML and checked before anything runs.

Nothing here touches a device or imports numpy or a framework. Every refusal is a `ConfigError` that names the file,
the key and the fix. Looking a name up goes through the user's own folder first (`./models`, `./devices`), then what
edgerig ships.
"""

from __future__ import annotations

from edgerig.spec.budget import SweepBudget
from edgerig.spec.dataset import BINARY, METRIC_LABELS, AudioSpec, DatasetSpec, FilesSpec, ImagesSpec, Labels, TableSpec
from edgerig.spec.device import (
    DEVICE_KINDS,
    AdbDevice,
    DeviceSpec,
    LocalDevice,
    QemuSystemDevice,
    QemuUserDevice,
    SshDevice,
    known_devices,
    load_device,
    split_ssh_address,
)
from edgerig.spec.files import FileSpec, PublicPage, PublishedFigure, file_state, sha256_of
from edgerig.spec.model import ModelSpec, TensorSpec, apart, file_source, known_models, load_models
from edgerig.spec.recipe import FormatSpec, Lowering, RecipeSpec, load_formats, load_recipes
from edgerig.spec.sweep import BuildSettings, RunSettings, SweepSpec, load_sweep
from edgerig.spec.toml import AS_IS, PACKAGE, Dtype, FormatName, Layout, Source, Strict, nearest, parse, read_toml

__all__ = [
    "AS_IS",
    "BINARY",
    "DEVICE_KINDS",
    "METRIC_LABELS",
    "PACKAGE",
    "AdbDevice",
    "AudioSpec",
    "BuildSettings",
    "DatasetSpec",
    "DeviceSpec",
    "Dtype",
    "FileSpec",
    "FilesSpec",
    "FormatName",
    "FormatSpec",
    "ImagesSpec",
    "Labels",
    "Layout",
    "LocalDevice",
    "Lowering",
    "ModelSpec",
    "PublicPage",
    "PublishedFigure",
    "QemuSystemDevice",
    "QemuUserDevice",
    "RecipeSpec",
    "RunSettings",
    "Source",
    "SshDevice",
    "Strict",
    "SweepBudget",
    "SweepSpec",
    "TableSpec",
    "TensorSpec",
    "apart",
    "file_source",
    "file_state",
    "known_devices",
    "known_models",
    "load_device",
    "load_formats",
    "load_models",
    "load_recipes",
    "load_sweep",
    "nearest",
    "parse",
    "read_toml",
    "sha256_of",
    "split_ssh_address",
]
