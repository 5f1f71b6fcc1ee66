"""The reviewer's page: how long it takes to build, how large it is, and how fast a browser opens it, by cells.

    python benchmarks/report.py [--cells 1000 --cells 10000 --cells 24000] [--rounds 3]

The results are made up, but of the shape a sweep's have: models × formats × recipes × devices, every twelfth cell not
ok, figures that all differ. `open` is from navigation until the tables and plots stand, in headless Chromium; `filter`
and `sort` are of the table over all cells. Medians of the rounds.
"""

from __future__ import annotations

import argparse
import itertools
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Page, sync_playwright
from ratios import machine

from edgerig.report.run import html, json_results
from edgerig.results import (
    QUANTILE_LEVELS,
    Accuracy,
    BuildRecord,
    CellResult,
    Cost,
    Delegation,
    DeviceRecord,
    Environment,
    ErrorRecord,
    HostInfo,
    Latency,
    Memory,
    ModelRecord,
    Parity,
    Results,
    RunInfo,
    Verdict,
)

CELLS = (1000, 10_000, 24_000)
GOAL_S = 5.0
FORMATS = {"tflite": "litert", "executorch": "executorch", "onnx": "onnxruntime"}
RECIPES = ("fp32", "fp16", "int8-dynamic", "int8-static", "int8-weight", "int4-weight", "int16x8")
DEVICES = 20
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, action="append", help=f"cells of a run (default {CELLS})")
    parser.add_argument("--rounds", type=int, default=3, help="times each page is built and opened (default 3)")
    options = parser.parse_args()
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"error: none of {', '.join(BROWSERS)} is installed\nhint: apt-get install chromium")
    print(machine())
    print(f"rounds: {options.rounds}; goal: open within {GOAL_S:g} s")
    with tempfile.TemporaryDirectory(prefix="edgerig-report-") as folder:
        for count in options.cells or CELLS:
            print(_line(count, options.rounds, Path(folder) / "index.html", browser))


def _line(count: int, rounds: int, file: Path, browser: str) -> str:
    results = made_up(count)
    size = len(json_results.render(results))
    built = [_seconds(lambda: file.write_bytes(html.render(results))) for _ in range(rounds)]
    opened, filtered, sorted_ = zip(*(_browse(file, browser, count) for _ in range(rounds)), strict=True)
    return (
        f"{count:,} cells: build {median(built):.2f} s, page {file.stat().st_size / 1e6:.2f} MB "
        f"(results.json {size / 1e6:.1f} MB), open {median(opened):.2f} s, "
        f"filter {median(filtered) * 1e3:.0f} ms, sort {median(sorted_) * 1e3:.0f} ms"
    )


def _seconds(act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin


def _browse(file: Path, browser: str, count: int) -> tuple[float, float, float]:
    """Seconds until the page stands, and of one filter and one sort over all cells."""
    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=browser, args=list(FLAGS))
        page = running.new_page(viewport={"width": 1280, "height": 900})
        begin = time.perf_counter()
        page.goto(file.as_uri())
        page.wait_for_selector("html[data-ready]", timeout=60_000)
        opened = time.perf_counter() - begin
        if page.inner_text("#shown") != f"{count:,} cells":
            sys.exit(f"error: the page shows {page.inner_text('#shown')!r} of {count:,} cells")
        filtered = _in_page(page, "byId('find').value = 'onnx int8'; byId('find').dispatchEvent(new Event('input'))")
        sorted_ = _in_page(page, "document.querySelectorAll('#table th button')[8].click()")
        running.close()
    return opened, filtered, sorted_


def _in_page(page: Page, act: str) -> float:
    """Seconds of the page's own work, until the browser has laid out what changed."""
    timed = f"const begin = performance.now(); {act}; document.body.offsetHeight; return performance.now() - begin;"
    took: float = page.evaluate(f"() => {{ {timed} }}")
    return took / 1e3


def made_up(count: int) -> Results:
    """Results of `count` cells on `DEVICES` devices, every fifth of them emulated; always the same ones."""
    chance = random.Random(count)
    devices = {f"device-{number:02}": number % 5 == 4 for number in range(DEVICES)}
    identities = itertools.islice(_identities(devices), count)
    cells = tuple(_cell(identity, number, chance) for number, identity in enumerate(identities))
    return Results(
        run=RunInfo(id="made-up", started="2026-01-02T03:04:05+00:00", seed=0, command=("edgerig", "sweep"), spec={}),
        environment=Environment(
            edgerig="0", python="3", tools={}, host=HostInfo(cpu="", cores=1, memory_bytes=None, os="", governor=None)
        ),
        devices={name: DeviceRecord(kind="ssh", emulated=emulated) for name, emulated in devices.items()},
        models={
            f"{cell.model}-{cell.source}": ModelRecord(
                model=cell.model, source=cell.source, description="made up", licence="", dataset="made up"
            )
            for cell in cells
        },
        cells=cells,
    )


def _identities(devices: dict[str, bool]) -> Iterator[dict[str, Any]]:
    for model in itertools.count():
        for source in ("torch", "keras"):
            for (device, emulated), form, recipe in itertools.product(devices.items(), FORMATS, RECIPES):
                yield {
                    "id": f"model_{model:02}-{source}-{form}-{recipe}@{device}/t1",
                    "model": f"model_{model:02}",
                    "source": source,
                    "format": form,
                    "recipe": recipe,
                    "device": device,
                    "threads": 1,
                    "emulated": emulated,
                }


def _cell(identity: dict[str, Any], number: int, chance: random.Random) -> CellResult:
    if number % 12 == 11:
        error = ErrorRecord(
            stage="build", kind="BuildError", message=f"{identity['id']}: ended with signal 6", hint="see its log"
        )
        return CellResult(**identity, status="failed", error=error)
    p50 = chance.lognormvariate(0, 1)
    size = chance.randrange(50_000, 500_000)
    accuracy = chance.uniform(0.95, 0.99)
    emulated = identity["emulated"]
    label = "emulated" if emulated else chance.choice(("stable", "stable", "noisy", "fallback"))
    return CellResult(
        **identity,
        status="ok",
        size_bytes=size,
        load_ms=1.0,
        first_inference_ms=2 * p50,
        latency=_latency(p50, chance),
        memory=Memory(peak_rss_bytes=chance.randrange(30_000_000, 90_000_000), includes="all"),
        accuracy=Accuracy(
            metric="top1",
            value=accuracy,
            ci95=(accuracy - 0.01, accuracy + 0.008),
            samples=540,
            delta=accuracy - 0.97,
            delta_ci95=(accuracy - 0.98, accuracy - 0.96),
        ),
        parity=Parity(relative_error=chance.uniform(0, 0.03), samples=540, disagreement_reason="made up"),
        delegation=Delegation(delegated=chance.randrange(10), total=12),
        cost=Cost(instructions=chance.randrange(10**6), spread=0) if emulated else Cost(reason="not emulated"),
        verdict=Verdict(label=label, evidence={}, advice=f"the median is known to ±{chance.uniform(0, 9):.1f} % only"),
        build=BuildRecord(
            seconds=9.0, cached=True, peak_rss_bytes=10**9, log="logs/x", constants={"int8": size // 2, "int32": 900}
        ),
        raw=f"raw/{number}",
    )


def _latency(p50: float, chance: random.Random) -> Latency:
    quantiles = sorted(p50 * chance.lognormvariate(0, 0.05) for _ in QUANTILE_LEVELS)
    return Latency(
        p50_ms=p50,
        p90_ms=quantiles[-2],
        p99_ms=2 * p50,
        mean_ms=p50,
        std_ms=p50 / 10,
        min_ms=quantiles[0] / 2,
        max_ms=3 * p50,
        samples=5000,
        warmup_runs=10,
        quantiles_ms=tuple(quantiles),
    )


if __name__ == "__main__":
    main()
