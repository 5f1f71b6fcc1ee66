"""What is wanted: sweeps, models, devices, recipes and formats, read from TOML and checked before anything runs.

Nothing here touches a device or imports numpy or a framework. Every refusal is a `ConfigError` that names the file,
the key and the fix. Looking a name up goes through the user's own folder first (`./models`, `./devices`), then what
edgerig ships.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, StringConstraints, ValidationError, model_validator

from edgerig.errors import ConfigError

PACKAGE = Path(__file__).resolve().parent
AS_IS = "as-is"
"""The recipe name of a ready file, which is run exactly as its author built it."""

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=80)]
Factory = Annotated[str, StringConstraints(pattern=r"^[\w./-]+\.py:[A-Za-z_]\w*$")]
"""`"file.py:function"`, the file relative to the model's folder."""
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
FormatName = Literal["tflite", "executorch", "onnx"]
TCP_ADDRESS = r"^([A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.%\w]+\]):[0-9]{1,5}$"
Source = Literal["torch", "tflite", "executorch", "onnx"]
Layout = Literal["NCHW", "NHWC", "any"]


class Strict(BaseModel):
    """A frozen value; an unknown key is an error, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TensorSpec(Strict):
    """A named tensor of the source model at batch size 1; `layout` says what a 4-D shape's axes are."""

    name: str = Field(min_length=1)
    shape: tuple[PositiveInt, ...] = Field(min_length=1)
    dtype: Literal["float32"] = "float32"
    layout: Layout = "any"

    @model_validator(mode="after")
    def _batch_one(self) -> Self:
        if self.shape[0] != 1:
            raise ValueError(f"shape {list(self.shape)} must start with batch size 1")
        if self.layout != "any" and len(self.shape) != 4:
            raise ValueError(f'layout "{self.layout}" needs a shape of four axes, not {len(self.shape)}')
        return self


class DatasetSpec(Strict):
    """Where evaluation and calibration data come from: a factory beside the model, or an npz file.

    `factory` is called without arguments and returns a mapping with
    `inputs` (N, …) float32 and `labels` (N,) integers of the test split, and `calibration` (M, …) float32 of the
    training split. An npz file holds `inputs` and `labels`, and may hold `calibration`.
    """

    factory: Factory | None = None
    npz: Path | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.factory is None) == (self.npz is None):
            raise ValueError('give exactly one of "factory" and "npz"')
        return self


class ModelSpec(Strict):
    """A model: a folder with a `model.toml`, or (`file` set) a ready file run as it is."""

    name: Name
    description: str = ""
    source: Source
    licence: str = ""
    factory: Factory | None = None
    weights: Path | None = None
    weights_sha256: Sha256 | None = None
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    dataset: DatasetSpec | None = None
    metric: Literal["top1"] | None = None
    no_accuracy_reason: str = ""
    bound_factor: float = Field(default=1.0, ge=1, le=10)
    """Widens every recipe's `max_relative_error` for this model; `bound_reason` must say why."""
    bound_reason: str = ""
    file: Path | None = None
    folder: Path = Path()

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.file is None:
            for key in ("factory", "inputs", "outputs"):
                if not getattr(self, key):
                    raise ValueError(f'a {self.source} model needs the key "{key}"')
        if self.bound_factor != 1 and not self.bound_reason:
            raise ValueError('"bound_factor" needs "bound_reason" beside it')
        if self.weights is not None and self.weights_sha256 is None:
            raise ValueError('"weights" needs "weights_sha256" beside it')
        if self.metric is not None and self.dataset is None:
            raise ValueError(f'metric "{self.metric}" needs a [dataset]')
        if self.metric is None and not self.no_accuracy_reason:
            raise ValueError('without a "metric", "no_accuracy_reason" must say why there is no accuracy')
        return self


class _Device(Strict):
    """What every device file may say."""

    name: Name
    description: str = ""
    emulated: bool = False
    """Whether its clock says nothing of the hardware it stands for: its latency is then never ranked or gated."""


class LocalDevice(_Device):
    """This machine, with this Python and the runtimes installed in it."""

    kind: Literal["local"]


class SshDevice(_Device):
    """A machine reached over SSH. What is not said here comes from `~/.ssh/config`; secrets are never said here.

    Keys are files or the agent's; a password is asked for, or taken from EDGERIG_SSH_PASSWORD.
    """

    kind: Literal["ssh"]
    host: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_:][A-Za-z0-9_.:%-]*$", max_length=255)]
    """A name, an address, or a `Host` of `~/.ssh/config`."""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """None: as configured for the host, else 22."""
    user: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@$-]*$", max_length=64)] | None = None
    """None: as configured for the host, else the name you go by here."""
    key: Path | None = None
    """The private key to log in with; None: the configured ones, the agent's, then the usual files."""
    known_hosts: Path | None = None
    """Where the device's host key stands; None: the usual files."""
    proxy_jump: str | None = None
    """`user@host:port` to go through, several separated by commas; None: as configured, "none": straight."""
    runtime: Literal["bundle", "system"] = "bundle"
    """`bundle` brings Python and the runtimes along; `system` uses what `python` on the device has."""
    python: Annotated[str, StringConstraints(min_length=1, max_length=4096)] = "python3"
    workdir: Annotated[str, StringConstraints(pattern=r"^/[^\x00-\x1f\x7f]+$", max_length=1024)] = "/var/tmp/edgerig"  # noqa: S108

    @model_validator(mode="after")
    def _whole_paths(self) -> Self:
        for key in ("key", "known_hosts"):
            path = getattr(self, key)
            if path is not None and not path.is_absolute() and path.parts[:1] != ("~",):
                raise ValueError(f'"{key}" must be an absolute path or start with "~/", not {str(path)!r}')
        return self


class AdbDevice(_Device):
    """A phone, board or machine reached over adb, through the host's adb server.

    `serial` is what `adb devices` calls it; None: the one at `connect`, else the only one there is.
    """

    kind: Literal["adb"]
    serial: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_\[][\x21-\x7e]*$", max_length=255)] | None = None
    connect: Annotated[str, StringConstraints(pattern=TCP_ADDRESS, max_length=255)] | None = None
    """`host:port` the adb server connects to first, for a device in the network."""
    workdir: Annotated[str, StringConstraints(pattern=r"^/[^\x00-\x1f\x7f]+$", max_length=512)] = (
        "/data/local/tmp/edgerig"
    )
    runtime: Literal["bundle"] = "bundle"
    """Python and the runtimes are brought along: Android has none."""


class QemuUserDevice(_Device):
    """An arm64 processor emulated for the runner alone (QEMU's user mode), with this machine's kernel below it."""

    kind: Literal["qemu-user"]
    cpu: Literal["cortex-a53", "cortex-a72", "cortex-a76", "max"]
    """A processor QEMU knows; `max` has every feature QEMU can emulate."""
    emulated: Literal[True] = True


class QemuSystemDevice(_Device):
    """A whole arm64 machine emulated by QEMU: its own kernel, Debian and sshd, started for the device's jobs and gone
    with them. QEMU 7.1 and newer have these CPUs."""

    kind: Literal["qemu-system"]
    cpu: Literal["cortex-a53", "cortex-a72", "cortex-a76"]
    memory_mib: Annotated[int, Field(ge=256, le=65536)] = 1024
    cores: Annotated[int, Field(ge=1, le=8)] = 1
    boot_timeout_s: Annotated[float, Field(gt=0, le=3600)] = 180.0
    """How long the machine may take until its sshd answers; 2 to 4 s on an idle workstation."""
    emulated: Literal[True] = True


DeviceSpec = Annotated[
    LocalDevice | SshDevice | AdbDevice | QemuUserDevice | QemuSystemDevice, Field(discriminator="kind")
]
"""A place to run; `kind` names the transport that reaches it."""
DEVICE_KINDS: dict[
    str, type[LocalDevice] | type[SshDevice] | type[AdbDevice] | type[QemuUserDevice] | type[QemuSystemDevice]
] = {
    "local": LocalDevice,
    "ssh": SshDevice,
    "adb": AdbDevice,
    "qemu-user": QemuUserDevice,
    "qemu-system": QemuSystemDevice,
}


class Lowering(Strict):
    """What a recipe means in one format, or why the format cannot do it (`unsupported`)."""

    unsupported: str = ""
    weights: str = ""
    activations: str = ""
    granularity: str = ""
    note: str = ""
    source: str = ""
    constant_dtypes: tuple[str, ...] = ()
    """Dtypes the file's weights are stored in; a built file without constants of each was not lowered (`check.py`)."""

    @model_validator(mode="after")
    def _said(self) -> Self:
        if not self.unsupported and not (self.weights and self.activations and self.source):
            raise ValueError('give "weights", "activations" and "source", or "unsupported" with the reason')
        return self


class RecipeSpec(Strict):
    """A quantization recipe, a row of `build/recipes.toml`.

    `max_relative_error` bounds the logit error of a built file against its source model (see `build/check.py`);
    `calibration` says whether the recipe needs calibration data.
    """

    name: str
    summary: str
    calibration: bool
    max_relative_error: float = Field(gt=0, le=1)
    formats: dict[FormatName, Lowering]


class FormatSpec(Strict):
    """A format, a row of `build/formats.toml`: its builder (imported only in a build's process) and its engine."""

    name: FormatName
    summary: str
    builder: str = Field(pattern=r"^[\w.]+:\w+$")
    engine: str
    suffix: str
    sources: tuple[Source, ...]
    tools: tuple[str, ...]
    """Distributions whose version changes what is built; part of an artifact's key."""
    options: dict[str, tuple[str, ...]] = {}
    """Option name → allowed values, the first being the default."""


class RunSettings(Strict):
    """How a cell is timed: warm-up, then until both `min_runs` and `min_seconds` are met, never past `max_seconds`."""

    warmup_runs: int = Field(default=10, ge=0, le=10_000)
    min_runs: PositiveInt = 50
    min_seconds: float = Field(default=1.0, ge=0, le=3600)
    max_seconds: float = Field(default=150.0, gt=0, le=3600)
    limit: PositiveInt | None = None
    """Evaluate only the first `limit` samples of the dataset (None: all)."""
    timeout_s: float = Field(default=600.0, gt=0, le=86_400)
    """Deadline of one cell's run on its device."""

    def on_emulator(self) -> Self:
        """The same with a loop of a few inferences: an emulator's time is worth none of ours."""
        return self.model_copy(update={"warmup_runs": 1, "min_runs": 5, "min_seconds": 0.0})


class BuildSettings(Strict):
    timeout_s: float = Field(default=900.0, gt=0, le=86_400)
    """Deadline of one variant's build."""
    jobs: PositiveInt | None = None
    """Builds at once (None: one a core)."""


class SweepSpec(Strict):
    """A sweep: the product of models, formats, recipes, devices and threads, thinned by `select` globs."""

    models: tuple[str, ...] = Field(default=("digits_cnn", "digits_vit"), min_length=1)
    dataset: Path | None = None
    """An npz for the models that are ready files."""
    formats: tuple[FormatName, ...] = Field(default=("tflite", "executorch", "onnx"), min_length=1)
    recipes: tuple[str, ...] = Field(default=("fp32", "fp16", "int8-dynamic", "int8-static"), min_length=1)
    devices: tuple[str, ...] = Field(default=("local",), min_length=1)
    threads: tuple[Annotated[int, Field(ge=1, le=1024)], ...] = Field(default=(1,), min_length=1)
    select: tuple[str, ...] = ("*",)
    seed: int = 0
    out: Path = Path("reports")
    options: dict[FormatName, dict[str, str]] = {}
    run: RunSettings = RunSettings()
    build: BuildSettings = BuildSettings()


SpecT = TypeVar("SpecT", bound=BaseModel)


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for an unknown name: the nearest known one, else all of them."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f'did you mean "{close[0]}"?' if close else f"known: {', '.join(known) or 'none'}"


def read_toml(path: Path) -> dict[str, Any]:
    """The file's table. Raises ConfigError naming the file (and the line, for a syntax error)."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file", hint="check the path") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}", hint="a readable UTF-8 TOML file is needed") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}", hint="mend the line named above") from error


def parse(cls: type[SpecT], table: Mapping[str, Any], origin: str) -> SpecT:
    """`table` as a `cls`; a `ConfigError` names `origin`, each wrong key and its fix."""
    try:
        return cls.model_validate(table)
    except ValidationError as error:
        lines, hints = [], []
        for item in error.errors(include_url=False):
            key = ".".join(str(part) for part in item["loc"])
            if item["type"] == "extra_forbidden":
                lines.append(f'{origin}: unknown key "{key}"')
                hints.append(nearest(str(item["loc"][-1]), _keys_at(cls, item["loc"][:-1])))
            else:
                message = item["msg"].removeprefix("Value error, ")
                given = "" if isinstance(item["input"], dict) else f" (given: {item['input']!r})"
                lines.append(f'{origin}: key "{key}": {message}{given}' if key else f"{origin}: {message}")
        raise ConfigError(
            "\n".join(lines), hint="; ".join(dict.fromkeys(hints)) or "mend the keys named above"
        ) from error


def _keys_at(cls: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The known keys of the table at `location` inside `cls`."""
    for part in location:
        if isinstance(part, int):
            continue
        field = cls.model_fields.get(part)
        if field is None:
            return []
        candidates = [field.annotation, *getattr(field.annotation, "__args__", ())]
        found = [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]
        if not found:
            return []
        cls = found[0]
    return list(cls.model_fields)


def _roots(kind: Literal["models", "devices"]) -> list[Path]:
    """Where `kind` is looked up, first match wins: the working folder, then what is shipped."""
    shipped = PACKAGE / "shipped" / kind
    return [Path.cwd() / kind, shipped if shipped.is_dir() else PACKAGE.parent / kind]


def known_models() -> dict[str, Path]:
    """Model name → its `model.toml`."""
    return _first_wins((p.parent.name, p) for root in _roots("models") for p in sorted(root.glob("*/model.toml")))


def known_devices() -> dict[str, Path]:
    """Device name → its TOML; `*.example.toml` are templates to copy, not devices."""
    found = (p for root in _roots("devices") for p in sorted(root.glob("*.toml")) if ".example" not in p.name)
    return _first_wins((p.stem, p) for p in found)


def _first_wins(pairs: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    known: dict[str, Path] = {}
    for name, path in pairs:
        known.setdefault(name, path)
    return known


def load_model(name: str, dataset: Path | None = None) -> ModelSpec:
    """The model `name`: a shipped or own model's name, a folder with a `model.toml`, or a ready file's path.

    `dataset` is the npz to evaluate a ready file on. Raises ConfigError.
    """
    path = Path(name)
    suffixes = {spec.suffix: spec.name for spec in load_formats().values()}
    if path.suffix in suffixes:
        return _ready_file(path, suffixes[path.suffix], dataset)
    known = known_models()
    toml = path / "model.toml" if (path / "model.toml").is_file() else known.get(name)
    if toml is None:
        hint = nearest(name, known) + f"; a ready file ends in {', '.join(sorted(suffixes))}"
        raise ConfigError(f'unknown model "{name}"', hint=hint)
    folder = toml.resolve().parent
    model = parse(ModelSpec, {"name": folder.name, **read_toml(toml), "folder": folder}, str(toml))
    if model.name != folder.name:
        raise ConfigError(
            f'{toml}: key "name": "{model.name}" is not the folder\'s name "{folder.name}"',
            hint="leave the key out, or rename the folder",
        )
    return model


def _ready_file(path: Path, format_name: FormatName, dataset: Path | None) -> ModelSpec:
    if not path.is_file():
        raise ConfigError(f"{path}: no such file", hint="check the path given as a model")
    if dataset is not None and not dataset.is_file():
        raise ConfigError(f"{dataset}: no such file", hint="check the path given as a dataset")
    table = {
        "name": path.stem,
        "source": format_name,
        "file": path.resolve(),
        "folder": path.resolve().parent,
        "dataset": None if dataset is None else {"npz": dataset.resolve()},
        "metric": None if dataset is None else "top1",
        "no_accuracy_reason": "" if dataset is not None else "no dataset was given for this file",
    }
    return parse(ModelSpec, table, str(path))


def load_device(name: str) -> DeviceSpec:
    """The device `name`: a device file's, or an address (`ssh://user@host:port`, `adb:SERIAL`). Raises ConfigError."""
    if name.startswith("ssh://"):
        return _ssh_address(name)
    if name.startswith(("adb:", "android:")):
        return _adb_address(name)
    known = known_devices()
    if name not in known:
        raise ConfigError(f'unknown device "{name}"', hint=nearest(name, known))
    origin, table = str(known[name]), read_toml(known[name])
    kind = table.get("kind")
    if kind not in DEVICE_KINDS:
        raise ConfigError(f'{origin}: key "kind": unknown kind {kind!r}', hint=nearest(str(kind), DEVICE_KINDS))
    return parse(DEVICE_KINDS[kind], {"name": name, **table}, origin)


def _ssh_address(address: str) -> SshDevice:
    """The device at `ssh://[user@]host[:port]`; its name is made of them, safe in a path and in a cell's id."""
    user, host, port = split_ssh_address(address.removeprefix("ssh://"))
    parts = [part for part in (user, host, None if port is None else str(port)) if part is not None]
    readable = "_".join(re.sub(r"[^A-Za-z0-9.-]", "-", part) for part in parts)
    if readable != "_".join(parts) or len(readable) > 60 or any("_" in part for part in parts):
        # Two addresses must never share a name: what was replaced or cut is told apart by a digest.
        readable = f"{readable[:60]}-{hashlib.sha256(address.encode()).hexdigest()[:8]}"
    table = {"name": f"ssh_{readable}", "kind": "ssh", "host": host, "port": port, "user": user}
    return parse(SshDevice, table, address)


def _adb_address(address: str) -> AdbDevice:
    """The device `adb:SERIAL` (or `android:SERIAL`); a serial that is a `host:port` is connected to first."""
    serial = address.partition(":")[2]
    readable = re.sub(r"[^A-Za-z0-9.-]", "-", serial)
    if readable != serial or len(readable) > 60:
        readable = f"{readable[:60]}-{hashlib.sha256(serial.encode()).hexdigest()[:8]}"
    table = {"name": f"adb_{readable}", "kind": "adb", "serial": serial}
    if re.match(TCP_ADDRESS, serial):
        table["connect"] = serial
    return parse(AdbDevice, table, address)


def split_ssh_address(address: str) -> tuple[str | None, str, int | None]:
    """User, host and port of `[user@]host[:port]`, an IPv6 host in brackets. Raises ConfigError."""
    found = re.fullmatch(r"(?:([^@:/]+)@)?(\[[0-9A-Fa-f:.%\w]+\]|[^@:/\s\[\]]+)(?::(\d{1,5}))?/?", address)
    if found is None or (found[3] is not None and not 0 < int(found[3]) < 65536):
        shown = re.sub(r":[^@/]*@", ":…@", address)  # somebody may have put a password there
        raise ConfigError(
            f'"{shown}" is not an SSH address',
            hint="ssh://user@host:port; no password in it: use a key, the agent, or EDGERIG_SSH_PASSWORD",
        )
    return found[1], found[2].strip("[]"), None if found[3] is None else int(found[3])


@cache
def load_recipes() -> dict[str, RecipeSpec]:
    """Every recipe by name, in the order of `build/recipes.toml`."""
    path = PACKAGE / "build" / "recipes.toml"
    return {n: parse(RecipeSpec, {"name": n, **row}, f"{path}: [{n}]") for n, row in read_toml(path).items()}


@cache
def load_formats() -> dict[str, FormatSpec]:
    """Every format by name, in the order of `build/formats.toml`."""
    path = PACKAGE / "build" / "formats.toml"
    return {n: parse(FormatSpec, {"name": n, **row}, f"{path}: [{n}]") for n, row in read_toml(path).items()}


def load_sweep(path: Path | None, overrides: Mapping[str, Any]) -> SweepSpec:
    """The sweep in `path` (None: the quickstart), with `overrides` from flags on top. Raises ConfigError."""
    table: dict[str, Any] = {} if path is None else read_toml(path)
    origin = "command line" if path is None else str(path)
    for key, value in overrides.items():
        if isinstance(value, dict) and isinstance(table.get(key), dict):
            value = {**table[key], **value}  # a flag changes one key of [run] or [options], not the whole table
        table[key] = value
    sweep = parse(SweepSpec, table, origin)
    for recipe in sweep.recipes:
        if recipe not in load_recipes():
            raise ConfigError(
                f'{origin}: key "recipes": unknown recipe "{recipe}"', hint=nearest(recipe, load_recipes())
            )
    for format_name, chosen in sweep.options.items():
        allowed = load_formats()[format_name].options
        for key, value in chosen.items():
            if key not in allowed:
                raise ConfigError(f'{origin}: unknown option "{format_name}.{key}"', hint=nearest(key, allowed))
            if value not in allowed[key]:
                raise ConfigError(
                    f'{origin}: option "{format_name}.{key}": unknown value "{value}"',
                    hint=nearest(value, allowed[key]),
                )
    return sweep
