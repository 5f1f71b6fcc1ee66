"""`edgerig export`."""

from __future__ import annotations

from pathlib import Path

from edgerig import api
from edgerig.cli.say import say
from edgerig.report.exports import load_exports, write
from edgerig.report.files import check_file, check_folder
from edgerig.spec import unknown


def export(run: Path, to: str, out: Path | None) -> None:
    known = load_exports()
    if to not in known:
        raise unknown("export", to, known, "--to")
    check = check_folder if known[to].folder else check_file
    check("--out", out)
    folder = run if run.is_dir() else run.parent
    done = write(to, api.read(run), folder, out)
    cells: dict[str, list[str]] = {}
    for cell, reason in done.left_out:
        cells.setdefault(reason, []).append(cell)
    for reason, ids in cells.items():
        say(f"left out: {ids[0] if len(ids) == 1 else f'{len(ids)} cells ({ids[0]}, …)'}: {reason}", err=True)
    for place in done.written:
        say(place)
