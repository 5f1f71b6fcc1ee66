"""Debian packages of another architecture or suite, downloaded and unpacked without root.

apt works on a state of its own in a temporary folder. The machine's own apt configuration says where packages come from
and which keys sign them; only the suite is replaced, so that a newer Debian gives the same files.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgerig import process
from edgerig.errors import DeviceError

ARCHIVE_SUITES = ("bookworm", "trixie", "forky", "sid", "oldstable", "stable", "testing", "unstable")
SUFFIXES = ("", "-updates", "-security")
UPDATE_TIMEOUT_S = 300.0
DOWNLOAD_TIMEOUT_S = 600.0
UNPACK_TIMEOUT_S = 120.0
SAID_LIMIT = 600
CARRY = 'take a bundle built on Debian or in a Debian container ("edgerig devices bundle --from FILE")'
MISSING = {
    "apt-get": f"on Debian apt-get is always there; elsewhere, {CARRY}",
    "dpkg-deb": "apt-get install dpkg",
}
FAILED = {"apt-get": 'does "apt-get update" work on this machine?', "dpkg-deb": "is there space in the cache?"}
OPTION_FIELDS = {"arch": "Architectures", "lang": "Languages"}
"""Options of a one-line source whose field in a .sources file is called otherwise (sources.list(5))."""

Stanza = dict[str, str]


@dataclass(frozen=True)
class Package:
    """A downloaded package."""

    name: str
    version: str
    sha256: str
    file: Path


def download(packages: Sequence[str], architecture: str, suite: str, into: Path) -> list[Package]:
    """Downloads these packages, and none they depend on, into the folder `into`. Raises DeviceError.

    `architecture` is Debian's name for it (`arm64`). apt verifies each file against the archive's signature.
    """
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="edgerig-apt-") as folder:
        options = _private_state(Path(folder), architecture, suite)
        _run(["apt-get", *options, "-qq", "update"], UPDATE_TIMEOUT_S, into)
        _run(["apt-get", *options, "-qq", "download", *packages], DOWNLOAD_TIMEOUT_S, into)
    found = [_package(file) for file in sorted(into.glob("*.deb"))]
    missing = set(packages) - {package.name for package in found}
    if missing:
        raise DeviceError(
            f"apt-get did not download {', '.join(sorted(missing))} for {architecture} from {suite}",
            hint=FAILED["apt-get"],
        )
    return found


def unpack(package: Package, root: Path) -> None:
    """The package's files under `root`; none of its scripts run. Raises DeviceError."""
    _run(["dpkg-deb", "-x", str(package.file), str(root)], UNPACK_TIMEOUT_S, root)


def _private_state(folder: Path, architecture: str, suite: str) -> list[str]:
    """apt's options for a state, a cache and sources under `folder`. On the command line they win over any file."""
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    sources = folder / "edgerig.sources"
    stanzas = archive_of(suite)
    sources.write_text("\n".join("".join(f"{k}: {v}\n" for k, v in stanza.items()) for stanza in stanzas))
    options = {
        "Dir::State": folder,
        "Dir::State::lists": folder / "lists",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "-",
        "Dir::Etc::preferences": "-",
        "Dir::Etc::preferencesparts": "-",
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Sandbox::User": "",  # as root, apt would otherwise want the folder to be open to its own user
    }
    return [part for key, value in options.items() for part in ("-o", f"{key}={value}")]


def archive_of(suite: str) -> list[Stanza]:
    """Where this machine's apt would find `suite`. Raises DeviceError when it is told of no Debian archive."""
    stanzas = list(sources_of(suite, machine_sources(Path("/etc/apt"))))
    if not stanzas:
        raise DeviceError(
            "this machine's apt configuration names no Debian archive (Ubuntu's will not do)",
            hint=f'{CARRY}; over SSH, runtime = "system" does without one',
        )
    return stanzas


def sources_of(suite: str, stanzas: Iterable[Stanza]) -> Iterator[Stanza]:
    """The stanzas that are Debian's own archive, each of its suites replaced by that of `suite`."""
    for stanza in stanzas:
        suites = [_replaced(name, suite) for name in stanza.get("Suites", "").split()]
        wanted = [name for name in dict.fromkeys(suites) if name]
        usual = "deb" in stanza.get("Types", "").split() and stanza.get("Enabled", "yes").lower() != "no"
        if wanted and usual and "main" in stanza.get("Components", "").split():
            kept = {k: v for k, v in stanza.items() if k not in ("Architectures", "Languages", "Enabled")}
            yield {**kept, "Types": "deb", "Suites": " ".join(wanted), "Components": "main"}


def _replaced(name: str, suite: str) -> str:
    """`trixie-security` → `bookworm-security`; "" for what is no suite of Debian's archive."""
    base, hyphen, rest = name.partition("-")
    return suite + hyphen + rest if base in ARCHIVE_SUITES and hyphen + rest in SUFFIXES else ""


def machine_sources(etc: Path) -> list[Stanza]:
    """Every source of apt's configuration folder `etc`, one-line sources as stanzas (sources.list(5))."""
    stanzas: list[Stanza] = []
    for path in [etc / "sources.list", *sorted(etc.glob("sources.list.d/*"))]:
        try:
            text = path.read_text(encoding="utf-8", errors="replace") if path.suffix in (".list", ".sources") else ""
        except FileNotFoundError:
            continue
        except OSError as error:
            raise DeviceError(f"{path} cannot be read: {error.strerror}", hint=f"chmod a+r {path}") from error
        stanzas += _stanzas(text) if path.suffix == ".sources" else _lines(text)
    return stanzas


def _stanzas(text: str) -> Iterator[Stanza]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for paragraph in re.split(r"\n(?:[ \t]*\n)+", "\n".join(lines)):
        # A line that begins with a blank continues its field: a key may stand in the file itself.
        fields = re.findall(r"^([\w-]+):[ \t]*(.*(?:\n[ \t].*)*)", paragraph, re.MULTILINE)
        if fields:
            yield {_field(key): value for key, value in fields}


def _lines(text: str) -> Iterator[Stanza]:
    for line in text.splitlines():
        found = re.match(r"\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]+)", line)
        if found:
            options = dict(option.split("=", 1) for option in (found[1] or "").split() if "=" in option)
            stanza = {"Types": "deb", "URIs": found[2], "Suites": found[3], "Components": found[4].strip()}
            yield {**{_field(OPTION_FIELDS.get(key, key)): value for key, value in options.items()}, **stanza}


def _field(name: str) -> str:
    """A field's name in one spelling: apt does not tell `signed-by` from `Signed-By`."""
    return "URIs" if name.lower() == "uris" else "-".join(part.capitalize() for part in name.split("-"))


def _package(file: Path) -> Package:
    name, version, _ = file.name.split("_", 2)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return Package(name, version.replace("%3a", ":"), digest, file)


def _run(command: Sequence[str], timeout_s: float, cwd: Path) -> None:
    """Runs one of Debian's tools on this host. Raises DeviceError with the tail of what it said."""
    try:
        done = process.run(command, timeout_s=timeout_s, cwd=cwd, env={**os.environ, "LC_ALL": "C.UTF-8"})
    except OSError as error:
        raise DeviceError(f"{command[0]} cannot be started: {error.strerror}", hint=MISSING[command[0]]) from error
    if done.timed_out:
        raise DeviceError(
            f"{command[0]} passed its deadline of {timeout_s:g} s", hint="is the package archive reached?"
        )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()[-SAID_LIMIT:]
        raise DeviceError(
            f"{command[0]} failed ({process.signal_name(done.returncode)}): {said}", hint=FAILED[command[0]]
        )
