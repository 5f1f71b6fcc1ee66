"""The operator a TFLite converter stumbled over, found in pages of its own words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from edgerig.errors import UnsupportedRecipe

MISSING = re.compile(r"'tf\.(\w+)' op is neither a custom op nor a flex op")
"""TensorFlow's converter, of an operator that only TensorFlow's own kernels have (flatbuffer_export.cc)."""
LAYER = r'fused\["{operator}:", "([^"@]+)'
"""Where it stands in the network, in the same converter's locations."""
LOWERING = re.compile(r"Lowering not found: (?:torch\.ops\.)?(\S+)")
EXECUTING = re.compile(r"While executing .*target=torch\.ops\.([\w.]+)")
LEGALIZING = re.compile(r"([\w./-]+:\d+):\d+: error: failed to legalize operation '([\w.]+)'")
"""litert-torch: no lowering of an ATen operator; one that failed; StableHLO that no TFLite operator matches."""


@contextmanager
def naming_operators() -> Iterator[None]:
    """Raises UnsupportedRecipe, naming the operators, when a converter in the block says which ones it cannot take."""
    try:
        yield
    except Exception as error:  # converters raise anything, with the operator in the text
        named = refused(str(error))
        if named is None:
            raise
        raise UnsupportedRecipe(
            f"the converter to TFLite cannot take {named}",
            hint="replace it in the network by layers TFLite has, or take it out and do it after the network",
        ) from error


def refused(words: str) -> str | None:
    """The operators `words` are about, with their places where they tell; None where they name none."""
    missing = list(dict.fromkeys(MISSING.findall(words)))
    if missing:
        return "TensorFlow's " + ", ".join(_placed(operator, words) for operator in missing)
    if found := LOWERING.search(words) or EXECUTING.search(words):
        return f"torch's {found[1]}"
    if found := LEGALIZING.search(words):
        return f"the operation {found[2]} ({found[1]})"
    return None


def _placed(operator: str, words: str) -> str:
    found = re.search(LAYER.format(operator=re.escape(operator)), words)
    if found is None:
        return operator
    layer = found[1].rpartition("/")[0].partition("/")[2]
    return f'{operator} (layer "{layer}")' if layer else operator
