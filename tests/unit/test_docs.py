"""What documents and comments name is there: files move, and nobody reads a sentence that led to one before."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| \d+ \| `([\w/]+\.py)` \| (.+?) \|", re.MULTILINE)
NAMED = re.compile(r"`((?:[\w.-]+/)+[\w-]+\.py)`")
OF_EXECUTORCH = {"partition/config/gemm_configs.py", "_passes/channels_last_tagged_reshape_pass.py"}
"""Below its `backends/xnnpack`."""


def test_the_way_of_a_cell_leads_through_functions_that_are_there() -> None:
    rows = ROW.findall((ROOT / "docs" / "design.md").read_text(encoding="utf-8"))
    assert 20 <= len(rows) <= 25
    missing = [
        (file, name)
        for file, names in rows
        for name in re.findall(r"`(\w+)`", names)
        if not re.search(rf"^\s*(?:def |class )?{name}\b(?=[ (:])", (ROOT / "edgerig" / file).read_text("utf-8"), re.M)
    ]
    assert missing == []


def test_files_that_are_named_are_there() -> None:
    """By their path, or by the end of it."""
    here = [
        f"/{path.relative_to(ROOT)}"
        for folder in ("edgerig", "tests", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
    ]
    sources = [*(ROOT / "edgerig").rglob("*.py"), *(ROOT / "docs").glob("*.md"), ROOT / "CONTRIBUTING.md"]
    named = {(file, name) for file in sources for name in NAMED.findall(file.read_text(encoding="utf-8"))}
    assert len(named) > 50
    lost = {
        (str(file.relative_to(ROOT)), name)
        for file, name in named
        if name not in OF_EXECUTORCH and not any(path.endswith(f"/{name}") for path in here)
    }
    assert lost == set()
