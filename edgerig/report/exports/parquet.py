"""The run as one typed table; the same file a history is made of."""

from __future__ import annotations

from pathlib import Path

from edgerig import extras
from edgerig.confined import Confined
from edgerig.report.exports import Export
from edgerig.report.files import replace_file
from edgerig.results import Results


def write(results: Results, run: Path, out: Confined) -> Export:
    extras.require(("pyarrow",), "to export Parquet")
    from edgerig.report.run import parquet_results

    return Export((str(replace_file(out, parquet_results.render(results))),))
