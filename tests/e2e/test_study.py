"""`edgerig study` over real cells: the claims they can tell are told, each figure from its cell; the others say why."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from e2e.commands import QUICK, Edgerig, Ended

pytestmark = pytest.mark.e2e

SWEEP = """
models = ["digits_cnn"]
sources = ["torch", "keras"]
formats = ["tflite", "onnx"]
recipes = ["fp32", "int8-static"]
"""


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    edgerig = Edgerig(tmp_path_factory.mktemp("study"))
    done = edgerig("sweep", edgerig.sweep_file(SWEEP + QUICK))
    assert done.code == 0, done.err
    return done


def test_a_study_rests_on_the_cells_of_its_run(swept: Ended) -> None:
    done = Edgerig(swept.folder)("study", str(swept.run))
    assert done.code == 0, done.err
    said = [line.strip() for line in done.out.splitlines()]

    def verdict(claim: str) -> str:
        return next(after for line, after in pairwise(said) if line.startswith(claim))

    assert verdict("ONNX carries") == "supported: in all of 2 comparisons"
    assert verdict("Quantized to 8 bits a model is about").startswith(
        "not testable here: of so small"
    )  # 30,000 weights
    assert verdict("TensorFlow's deployment").startswith("open: ")  # all of both work
    assert verdict("A static or compiled graph").startswith("not testable here: ")
    assert verdict("How fast each trains").startswith("not testable here: ")
    text = (swept.run / "study.md").read_text(encoding="utf-8")
    listed = re.findall(r'^\| <a id="cell-\d+"></a>\d+ \| \S+ \| (\S+) \| ok', text, re.MULTILINE)
    assert set(listed) == set(swept.cells)
    for name, cell in swept.cells.items():
        if name.startswith("digits_cnn-torch-tflite"):
            place = listed.index(name) + 1
            assert f"[{cell['size_bytes'] / 1e3:.3g} kB](#cell-{place})" in text
    assert 'href="index.html"' in (swept.run / "study.html").read_text(encoding="utf-8")


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_without_a_run_it_measures_what_the_claims_need(tmp_path: Path) -> None:
    edgerig = Edgerig(tmp_path)
    done = edgerig("study", "--quick", timeout=2300)
    assert done.code == 0, done.err
    assert {cell["status"] for name, cell in done.cells.items() if "-fp32@" in name} == {"ok"}
    small = next(line for line in done.out.splitlines() if line.strip().startswith("evidence: "))
    assert "comparison" in small
    first = (done.run / "study.md").read_bytes()
    again = edgerig("study", "--resume", str(done.run))
    assert again.code == 0, again.err
    assert (done.run / "study.md").read_bytes() == first
