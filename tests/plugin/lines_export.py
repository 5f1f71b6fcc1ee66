"""An export as another package adds it: one file. A line of text per cell that ran."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgerig.report.exports import Export, Form

if TYPE_CHECKING:
    from edgerig.confined import Confined
    from edgerig.results import Results

LINES = Form(write="lines_export:write", default="cells.txt")


def write(results: Results, run: Path, out: Confined) -> Export:
    ran = [cell for cell in results.cells if cell.status == "ok"]
    content = "".join(f"{cell.id} {cell.size_bytes}\n" for cell in ran)
    rest = tuple((cell.id, cell.status) for cell in results.cells if cell.status != "ok")
    return Export((str(out.replace(content.encode())),), rest)
