"""Start-up: `edgerig --help` against the `--help` of a bare two-command typer app, as whole processes, interleaved.

    python benchmarks/startup.py [--rounds 25]

Prints the ratio of the medians, and the modules that edgerig imports and the bare app does not, with the time each
takes by itself (`python -X importtime`).
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ratios import Ratio, machine, per_round

from edgerig import process
from edgerig.errors import ConfigError, EdgerigError, RunError

GOAL = 1.2
DEADLINE_S = 60.0
SHOWN = 10
BARE_APP = '''\
import typer

app = typer.Typer(help="A bare app.")


@app.command()
def one(name: str = "x") -> None:
    """The first command."""


@app.command()
def two(name: str = "x") -> None:
    """The second command."""


def main() -> None:
    app()
'''
LAUNCHER = "import sys\nfrom bare_app import main\nif __name__ == '__main__':\n    sys.exit(main())\n"
"""What an installer writes for a console script, so that both sides start the same way, their code compiled before."""
IMPORT_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s*(\S+)")


@dataclass(frozen=True)
class Start:
    """A process that was started and ended well, in wall-clock seconds."""

    seconds: float
    stderr: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=25, help="times each side is started (default 25)")
    rounds = parser.parse_args().rounds
    if rounds < 1:
        parser.error("--rounds must be at least 1")
    try:
        with tempfile.TemporaryDirectory(prefix="edgerig-startup-") as temporary:
            compare(_edgerig(), _bare(Path(temporary)), rounds)
    except EdgerigError as error:
        print(f"error: {error.message}", *([f"hint: {error.hint}"] if error.hint else []), sep="\n", file=sys.stderr)
        sys.exit(error.exit_code)


def compare(edgerig: Path, bare: Path, rounds: int) -> None:
    """Starts both in turn, after one start of each that fills the caches, and prints what was found."""
    for script in (edgerig, bare):
        _start(script)
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(_start(edgerig).seconds)
        theirs.append(_start(bare).seconds)
    each = per_round(ours, theirs)
    ratio = Ratio(median(ours) / median(theirs), each.low, each.high)
    print(machine())
    print(f"rounds: {rounds}; whole processes, from start to end, caches warm")
    print(f"edgerig --help: median {_ms(ours)}")
    print(f"bare typer app --help: median {_ms(theirs)}")
    print(f"startup: {ratio} (of the medians; range of the rounds); goal at most {GOAL:g}")
    _print_imports(_imports(edgerig), _imports(bare))


def _ms(seconds: list[float]) -> str:
    return f"{median(seconds) * 1e3:.1f} ms [{min(seconds) * 1e3:.1f}, {max(seconds) * 1e3:.1f}]"


def _print_imports(ours: dict[str, int], theirs: dict[str, int]) -> None:
    """Where the difference lies: traced imports cost more than untraced ones, so compare these with each other only."""
    added = sorted(((us, name) for name, us in ours.items() if name not in theirs), reverse=True)
    print(
        f"imports of edgerig: {sum(ours.values()) / 1e3:.1f} ms in {len(ours)} modules (traced); "
        f"of the bare app: {sum(theirs.values()) / 1e3:.1f} ms in {len(theirs)}; "
        f"only in edgerig: {sum(us for us, _ in added) / 1e3:.1f} ms in {len(added)}"
    )
    for us, name in added[:SHOWN]:
        print(f"  {name}: {us / 1e3:.2f} ms")


def _imports(script: Path) -> dict[str, int]:
    """Module → microseconds its import takes by itself, without what it imports."""
    trace = _start(script, "-X", "importtime").stderr
    return {name: int(us) for us, name in IMPORT_LINE.findall(trace)}


def _start(script: Path, *flags: str) -> Start:
    """One `--help`, from start to end. Raises RunError when it fails.

    The wait blocks in the kernel: one with a deadline polls, in steps of up to 50 ms. A timer keeps the deadline.
    """
    with tempfile.TemporaryFile() as stderr:
        begin = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, *flags, str(script), "--help"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
        deadline = threading.Timer(DEADLINE_S, child.kill)
        deadline.start()
        try:
            returncode = child.wait()
        finally:
            deadline.cancel()
        seconds = time.perf_counter() - begin
        stderr.seek(0)
        said = stderr.read().decode(errors="replace")
    if returncode != 0:
        raise RunError(f"{script.name} --help ended by {process.signal_name(returncode)}: {said[-1000:].strip()}")
    return Start(seconds, said)


def _edgerig() -> Path:
    """The console script as installed for this Python. Raises ConfigError."""
    script = Path(sysconfig.get_path("scripts")) / "edgerig"
    if not script.is_file():
        raise ConfigError(f"{script} is not there", hint="python3 -m pip install -e .")
    return script


def _bare(folder: Path) -> Path:
    (folder / "bare_app.py").write_text(BARE_APP, encoding="utf-8")
    launcher = folder / "bare"
    launcher.write_text(LAUNCHER, encoding="utf-8")
    return launcher


if __name__ == "__main__":
    main()
