"""Profiles and what they explain, in every report of a run: the page in a real browser, Markdown, the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import browser as chromium
import pytest
from unit.explain.made_profiles import cell, operator, profile, run

from edgerig.decide.budget import budget_of
from edgerig.decide.decision import decisions
from edgerig.report.run import html, markdown, profiles, whys
from edgerig.results import Drift, ReferenceVisit, Results, Sustained, SustainedWindow

HOSTILE = "<img src=x onerror=alert(1)>|`x`"
FLOAT = profile(100, operator("Convolution (NHWC, F32)", "convolution", 60), operator("FC", "matrix product", 30))
SLOW = profile(
    200,
    operator(HOSTILE, "convolution", 30),
    operator("SQUARED_DIFFERENCE", "arithmetic", 80, "kernel", None),
    operator("SQUARED_DIFFERENCE", "arithmetic", 40, "kernel", None),
)
SHARES = FLOAT.model_copy(update={"shares_only": True, "notes": ("every value holds 2 µs of the profiling",)})


@pytest.fixture
def profiled() -> Results:
    return run(
        cell("fp32", 100, profile=FLOAT),
        cell("int8-static", 200, profile=SLOW),
        cell("fp32", 120, "onnx", profile=SHARES),
        cell("fp16", 99),
    )


def test_markdown_tells_why_with_what_to_try(profiled: Results) -> None:
    section = markdown.render(profiled).decode().partition("## Why\n")[2].partition("\n## ")[0]
    assert "- **net** on **local**: tflite int8-static takes 0.200 ms, 2.00 times fp32's 0.100 ms." in section
    assert "  - 2 operators on LiteRT's own kernels take 60.0 %: SQUARED_DIFFERENCE ×2 (60.0 %)" in section
    assert "Try: int8-dynamic" in section


def test_markdown_says_nothing_where_nothing_surprises() -> None:
    assert "## Why" not in markdown.render(run(cell("fp32", 100))).decode()


def test_what_is_to_ship_is_explained_first(profiled: Results) -> None:
    decided = decisions(profiled, budget_of(profiled))
    told = whys.ordered(profiled, decided)
    assert {why.kind for why in told} == {"slower", "not faster"}
    assert [bool(why.reasons) for why in told if why.cell.recipe == "int8-static"] == [True]


def test_what_is_slower_by_most_is_explained_first() -> None:
    found = run(
        cell("fp32", 100),
        cell("int8-weight", 150, profile=SLOW),
        cell("int8-dynamic", 300, profile=SLOW),
        cell("int8-static", 200, profile=SLOW),
        cell("int4-weight", 900),
    )
    told = whys.ordered(found, [])
    recipes = [why.cell.recipe for why in told]
    assert recipes == ["int4-weight", "int8-dynamic", "int8-static", "int8-weight"]
    assert told[1].times == pytest.approx(3)


def test_bars_are_by_kind_and_fallbacks_apart(profiled: Results) -> None:
    found = profiles.payload(profiled.cells, [])
    assert found["bars"][1] == [0, 0, 30.0, 3, 1, 120.0, 2, 0, 50.0]
    assert found["kinds"] == ["convolution", "matrix product", "outside operators", "arithmetic"]
    assert 2 not in found["bars"]  # of shares alone no time is drawn
    assert [row[6] for row in found["operators"][2]] == [None, None]
    assert [row[7] for row in found["operators"][2]] == [60.0, 30.0]


def test_of_too_many_profiles_those_to_ship_stay_on_the_page() -> None:
    many = [cell("fp32", 100, profile=FLOAT, threads=count) for count in range(1, profiles.MOST + 6)]
    found = profiles.payload(many, [many[-1].id])
    assert (len(found["operators"]), found["left"]) == (profiles.MOST, 5)
    assert len(many) - 1 in found["operators"]
    assert len(found["bars"]) == len(many)


def test_a_device_that_drifted_is_told_of(profiled: Results) -> None:
    text = markdown.render(drifted(profiled)).decode()
    said = "net-torch-tflite-fp32@local/t1 was timed 3 times: its medians differ by up to 8.00 %, more than counts"
    assert f"- **local**: {said}: the device drifted." in text
    assert "through the sweep" not in markdown.render(profiled).decode()


def drifted(results: Results) -> Results:
    visits = tuple(
        ReferenceVisit(number=number, seconds=60.0 * number, p50_ms=0.1 + 0.004 * number, temperature_c=45 + number)
        for number in range(3)
    )
    found = Drift(reference=results.cells[0].id, seed=1, visits=visits, spread=0.08, last_over_first=0.08, shows=True)
    window = {"inferences": 100, "p90_ms": 0.2, "temperature_c": 60.0}
    windows = tuple(
        SustainedWindow.model_validate(
            {**window, "at_s": 5.0 * n, "p50_ms": 0.1 * (1 + n / 100), "contended": n in (7, 8)}
        )
        for n in range(1, 20)
    )
    kept = Sustained(
        seconds=95.0, windows=windows, first_ms=0.1, last_ms=0.119, throttled_after_s=60.0, throttled_by="its clock"
    )
    cells = (results.cells[0].model_copy(update={"sustained": kept}), *results.cells[1:])
    return results.model_copy(update={"drift": {"local": found}, "cells": cells})


@pytest.fixture(scope="module")
def chrome() -> Iterator[Any]:
    with chromium.running() as found:
        yield found


@pytest.mark.integration
@chromium.needed
def test_operators_are_listed_sorted_and_marked_in_a_browser(chrome: Any, profiled: Results, tmp_path: Path) -> None:
    file = tmp_path / "index.html"
    file.write_bytes(html.render(drifted(profiled)))
    wrong: list[str] = []
    page = chrome.new_page(viewport={"width": 1000, "height": 800})
    for event in ("console", "pageerror", "dialog"):
        page.on(event, lambda said: wrong.append(str(said)))
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-ready]")
    page.select_option("#profile-cell", label="tflite int8-static")
    names = "[...document.querySelectorAll('#operators tbody th')].map(each => each.textContent)"
    assert page.evaluate(names) == ["SQUARED_DIFFERENCE", "outside operators", "SQUARED_DIFFERENCE", HOSTILE]
    page.click("#operators th button:text-is('operator')")
    assert page.evaluate(names)[0] == HOSTILE
    assert page.locator("#operators tr.worst").count() == 2
    assert page.locator("#profile .barlayer .trace").count() == 4
    assert "1 of shares alone" in page.inner_text("#profile-note")
    page.select_option("#profile-cell", label="onnx fp32")
    assert "every value holds 2 µs of the profiling" in page.inner_text("#operators-note")
    assert page.locator("#drift .scatterlayer .trace").count() == 2
    assert "the device drifted" in page.inner_text("#drift-note")
    assert page.locator("#sustained .scatterlayer .trace").count() == 2
    assert "throttled after 60 s, by its clock" in page.inner_text("#sustained-note")
    assert "Crosses: other processes took part." in page.inner_text("#sustained-note")
    sizes = (
        "document.getElementById('sustained').data.map(each => each.marker.size.flatMap((s, at) => (s ? [at] : [])))"
    )
    assert page.evaluate(sizes) == [[6, 7], [6, 7]]
    assert wrong == []
    page.close()
