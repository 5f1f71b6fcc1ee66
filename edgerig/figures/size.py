"""How large the file is that ships."""

from __future__ import annotations

from edgerig.figures.field import whole
from edgerig.figures.figure import Change, Figure, Limit, Trend

SIZE = Figure(
    key="size",
    name="size",
    unit="bytes",
    value=lambda c: c.size_bytes,
    reason=lambda c: "no file was built",
    field="size_bytes",
    fields=(whole("size_bytes", lambda c: c.size_bytes, shown=True),),
    shown="usual",
    headline=True,
    scale=("kB", 1e3),
    change=Change(minimum=0.01, unit="bytes"),
    limit=Limit("size_bytes", "whole", "larger than {}"),
    # ONNX files hold the paths of the sources they were traced from: another checkout differs by half a per cent.
    trend=Trend("size_bytes", exact=True, minimum=0.01, belongs="anywhere", without=""),
    notes=(("Size", "the file as it ships; 1 kB is 1,000 bytes."),),
)
