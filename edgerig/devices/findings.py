"""What the doctor finds of this host: programs, a compiler, and what a bundle is built with."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import sys
from dataclasses import dataclass, replace

from edgerig import extras
from edgerig.compiler import find_compiler
from edgerig.devices.bundle import cached, debian, packaged
from edgerig.devices.bundle.userland import SUITE, Architecture
from edgerig.devices.bundle.wheels import installed_version
from edgerig.devices.native import shipped_runner
from edgerig.errors import ConfigError, DeviceError
from edgerig.spec import Device, Program, load_engines

BUILDERS = (
    Program("apt-get", "apt", "the bundle's Debian packages"),
    Program("dpkg-deb", "dpkg", "unpacking them"),
)


@dataclass(frozen=True)
class Finding:
    """`fix` is the exact command or, where none does it, what to do; "" when nothing is amiss."""

    what: str
    ok: bool
    fix: str = ""


def of_bundle(architecture: Architecture) -> list[Finding]:
    """Its builder's needs, unless it is built."""
    if cached(architecture.name):
        return [Finding(f"the bundle for {architecture.name} is built", True)]
    try:
        if packaged.installed(architecture.name):
            return [Finding(f"a package with the bundle for {architecture.name} is installed", True)]
    except ConfigError as error:  # a package of somebody's: what the bundle is built with is still worth telling
        return [Finding(error.message, False, error.hint), *of_builders(), of_runner(architecture)]
    return [*of_builders(), of_runner(architecture)]


def of_runner(architecture: Architecture) -> Finding:
    """The ExecuTorch runner for devices: edgerig's wheel has it, else a compiler makes it."""
    what = f"the ExecuTorch runner of {architecture.name}"
    if shipped_runner(architecture.name, installed_version("executorch")):
        return Finding(f"{what} came with edgerig", True)
    return _builder(Program(architecture.compiler, architecture.compiler_package, what))


def of_pip() -> Finding:
    found = importlib.util.find_spec("pip") is not None
    return Finding("pip: the runtimes' wheels", found, "" if found else f"{shlex.quote(sys.executable)} -m ensurepip")


def of_builders() -> list[Finding]:
    try:
        debian.archive_of(SUITE)
        archive = Finding("apt's sources: Debian's archive", True)
    except DeviceError as error:
        archive = Finding(error.message, False, error.hint)
    return [
        *map(_builder, BUILDERS),
        archive,
        of_pip(),
    ]


def _builder(need: Program) -> Finding:
    """Where there is no apt to install it with, the bundle comes from elsewhere."""
    found = of_program(need)
    return found if found.ok or shutil.which("apt-get") else replace(found, fix=debian.CARRY)


def of_runtimes(spec: Device) -> list[Finding]:
    """Those that this machine's own cells run, installed beside edgerig; a framework that is not is not amiss."""
    found = []
    for engine in (engine for engine in load_engines().values() if engine.module):
        absent = extras.missing(engine.distributions)
        if absent and not engine.brought:
            continue
        fix = extras.install(absent) if absent else ""
        found.append(Finding(f"{engine.runtime}: cells of this machine", not absent, fix))
    return found


def of_program(need: Program) -> Finding:
    # mke2fs stands in /sbin, which is not on an ordinary user's PATH.
    found = shutil.which(need.program, path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"]))
    return Finding(f"{need.program}: {need.purpose}", bool(found), "" if found else _install(need.package))


def of_compiler(purpose: str) -> Finding:
    """This host's own, as `native` finds it."""
    command = find_compiler(os.environ)
    found = bool(command) and shutil.which(command[0]) is not None
    remedy = "unset CXX, or name a C++ compiler there" if command else _install("g++")
    return Finding(f"C++ compiler: {purpose}", found, "" if found else remedy)


def _install(package: str) -> str:
    return f"sudo apt-get install {package}"
