"""Where a run happened: versions and the host, written beside its figures."""

from __future__ import annotations

import platform

from edgerig import __version__, process
from edgerig.build.versions import version
from edgerig.devices.host import cpu_model, governor, memory_bytes
from edgerig.ondevice import processors
from edgerig.results import Environment, HostInfo
from edgerig.spec import load_formats, load_recipes, on_device

OWN_TOOLS = ("distributed",)
"""What decides figures beside the formats' and the engines' distributions."""


def tools() -> tuple[str, ...]:
    """The distributions whose versions are recorded: what builds, what runs, what measures."""
    building = (tool for row in load_formats().values() for tool in row.tools)
    further = (tool for row in load_recipes().values() for tool in row.needs)
    return tuple(dict.fromkeys((*building, *further, *on_device(), *OWN_TOOLS)))


def environment() -> Environment:
    found = governor()
    return Environment(
        edgerig=__version__,
        python=platform.python_version(),
        tools={tool: version(tool) for tool in tools()},
        host=HostInfo(
            cpu=cpu_model(),
            cores=processors.available(),
            memory_bytes=memory_bytes(),
            os=platform.platform(),
            governor=found,
            governor_reason="" if found else "no cpufreq here (as on most virtual machines)",
        ),
        commit=commit(),
    )


def commit() -> str | None:
    """The git commit of the current folder, with `-dirty` where it was changed; None outside git or without it."""
    argv = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = process.run(argv, timeout_s=10)
    except OSError:
        return None
    return done.stdout.decode("utf-8", "replace").strip() or None if done.returncode == 0 else None
