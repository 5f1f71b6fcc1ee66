"""Plotly's script, of which edgerig keeps a packed copy."""

import gzip
from importlib import resources

from plotly.offline import get_plotlyjs

from edgerig.report import assets


def test_the_script_is_that_of_the_package_in_pyproject() -> None:
    """Another version of the package: `python -c "from edgerig.report import assets; from pathlib import Path; from
    plotly.offline import get_plotlyjs; Path('edgerig/report', assets.PLOTLY).write_bytes(
    assets.pack(get_plotlyjs().encode()))"`."""
    packed = resources.files("edgerig.report").joinpath(assets.PLOTLY).read_bytes()
    assert gzip.decompress(packed) == get_plotlyjs().encode()
    assert b"Licensed under the MIT license" in gzip.decompress(packed)[:300]
