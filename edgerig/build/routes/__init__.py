"""Routes: from a source's network to the float form a format's recipes start from, one module a (source, format) pair.

For tflite and onnx a route is `convert(model, out) -> Layout`: it writes the float file to `out` and returns the layout
of its 4-D inputs. For executorch it is `convert(model) -> nn.Module`, a torch module with the source's own inputs.
A route's module imports its frameworks at its top: it is only ever imported in a build's own process. Which pairs there
are, and why the others are not, stands in `build/formats.toml`.
"""

from __future__ import annotations

from typing import Any

from edgerig.errors import UnsupportedRecipe
from edgerig.registry import load_object
from edgerig.spec import FormatName, Source, load_formats, no_route


def find_route(source: Source, format_name: FormatName) -> Any:
    """The pair's `convert`. Raises UnsupportedRecipe with the reason where there is none."""
    if why := no_route(source, format_name):
        raise UnsupportedRecipe(why, hint='"edgerig formats" shows the routes there are')
    return load_object(load_formats()[format_name].routes[source])
