"""What is wanted: sweeps, models, devices, recipes and formats, read from TOML and checked before anything runs.

Nothing here touches a device or imports numpy or a framework. Every refusal is a `ConfigError` that names the file,
the key and the fix. Looking a name up goes through the user's own folder first (`./models`, `./devices`), then what
edgerig ships.
"""

from __future__ import annotations

from edgerig.spec.budget import SweepBudget
from edgerig.spec.cpus import Cluster
from edgerig.spec.dataset import AudioSpec, DatasetSpec, FilesSpec, ImagesSpec, TableSpec
from edgerig.spec.device import (
    TCP_ADDRESS,
    Device,
    DeviceKind,
    DeviceSpec,
    EmulatedProcessor,
    OverAdb,
    Program,
    RemoteDevice,
    kind_named,
    kind_of,
    known_devices,
    load_device,
    name_of_address,
)
from edgerig.spec.engine import (
    CPU,
    EngineSpec,
    NpmPackage,
    OfNpm,
    OptionValue,
    ProgramSpec,
    load_engines,
    load_programs,
    on_device,
    written,
)
from edgerig.spec.files import FileSpec, PublicPage, PublishedFigure, file_state, sha256_of
from edgerig.spec.load_model import apart, file_source, has_no_folder, known_models, load_models, split_entry
from edgerig.spec.metric import METRICS, Asked, Labels, Metric, asked, has_binary_labels, load_metrics
from edgerig.spec.model import ModelSpec, TensorSpec
from edgerig.spec.named import Named, named
from edgerig.spec.placing import engine_on, machines_of, not_run
from edgerig.spec.recipe import (
    FormatSpec,
    Lowering,
    OwnRecipe,
    RecipeSpec,
    ToolSpec,
    load_formats,
    load_recipes,
    recipes_with,
)
from edgerig.spec.recipe_options import CalibrationMethod, RecipeOptions
from edgerig.spec.reference import ReferenceFigure
from edgerig.spec.shapes import Shape, Shapes, shape_sets, written_shape
from edgerig.spec.source import SourceSpec, load_sources, no_route, runs_as_it_is, twin_with_route
from edgerig.spec.sweep import BuildSettings, RunSettings, SweepSpec, load_sweep
from edgerig.spec.toml import (
    AS_IS,
    PACKAGE,
    Dtype,
    FormatName,
    Layout,
    Source,
    Strict,
    nearest,
    parse,
    read_toml,
    unknown,
)

__all__ = [
    "AS_IS",
    "CPU",
    "METRICS",
    "PACKAGE",
    "TCP_ADDRESS",
    "Asked",
    "AudioSpec",
    "BuildSettings",
    "CalibrationMethod",
    "Cluster",
    "DatasetSpec",
    "Device",
    "DeviceKind",
    "DeviceSpec",
    "Dtype",
    "EmulatedProcessor",
    "EngineSpec",
    "FileSpec",
    "FilesSpec",
    "FormatName",
    "FormatSpec",
    "ImagesSpec",
    "Labels",
    "Layout",
    "Lowering",
    "Metric",
    "ModelSpec",
    "Named",
    "NpmPackage",
    "OfNpm",
    "OptionValue",
    "OverAdb",
    "OwnRecipe",
    "Program",
    "ProgramSpec",
    "PublicPage",
    "PublishedFigure",
    "RecipeOptions",
    "RecipeSpec",
    "ReferenceFigure",
    "RemoteDevice",
    "RunSettings",
    "Shape",
    "Shapes",
    "Source",
    "SourceSpec",
    "Strict",
    "SweepBudget",
    "SweepSpec",
    "TableSpec",
    "TensorSpec",
    "ToolSpec",
    "apart",
    "asked",
    "engine_on",
    "file_source",
    "file_state",
    "has_binary_labels",
    "has_no_folder",
    "kind_named",
    "kind_of",
    "known_devices",
    "known_models",
    "load_device",
    "load_engines",
    "load_formats",
    "load_metrics",
    "load_models",
    "load_programs",
    "load_recipes",
    "load_sources",
    "load_sweep",
    "machines_of",
    "name_of_address",
    "named",
    "nearest",
    "no_route",
    "not_run",
    "on_device",
    "parse",
    "read_toml",
    "recipes_with",
    "runs_as_it_is",
    "sha256_of",
    "shape_sets",
    "split_entry",
    "twin_with_route",
    "unknown",
    "written",
    "written_shape",
]
