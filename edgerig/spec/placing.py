"""Which engine runs a format on a device: the format's own, unless the kind of device names another."""

from __future__ import annotations

import platform
from collections.abc import Collection, Iterable

from edgerig.device_kinds import KINDS, plugins
from edgerig.spec.device import Device, kind_named, kind_of
from edgerig.spec.engine import EngineSpec, load_engines
from edgerig.spec.recipe import load_formats
from edgerig.spec.toml import FormatName


def engine_on(device: Device, format_name: FormatName) -> EngineSpec | None:
    """None where the device runs no such format (`not_run`). Raises ConfigError for a kind that is not installed."""
    runs, engines = kind_of(device).runs, load_engines()
    if runs:
        return engines.get(runs.get(format_name, ""))
    own = engines[load_formats()[format_name].engine]
    return own if own.module else None


def not_run(device: Device, format_name: FormatName) -> str:
    """Why the device does not run the format, "" where it does."""
    if engine_on(device, format_name) is not None:
        return ""
    runs = kind_of(device).runs
    if runs:
        return f"a device of the kind {device.kind} runs {_all(runs)}, not {format_name}"
    own = load_engines()[load_formats()[format_name].engine]
    there = [name for name in (*KINDS, *plugins()) if format_name in kind_named(name).runs]
    return f"{own.runtime} is JavaScript: it runs on devices of the kinds {_all(there)}, not on {device.kind}"


def machines_of(format_name: FormatName, devices: Iterable[Device]) -> tuple[str, ...]:
    """The processors beside this host's that files of a format of machine code are wanted for: those of the `devices`,
    all where one must be asked for its own."""
    machines = load_formats()[format_name].machines
    wanted = {device.arch for device in devices}
    others = machines if "" in wanted else [machine for machine in machines if machine in wanted]
    return tuple(machine for machine in others if machine != platform.machine())


def _all(names: Collection[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
