"""index.html in a real browser: it draws, sorts, filters, asks for nothing and runs nobody else's script."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import browser as chromium
import pytest

from edgerig.report.run import html as html_writer
from edgerig.results import Accuracy, CellResult, CellState, OutputParity, Parity, Reading, Results

HOSTILE = "<script>alert(1)</script>"
PLOTS = ("tradeoff", "distribution", "delta", "size")

pytestmark = [pytest.mark.integration, chromium.needed]


def with_twins(results: Results) -> Results:
    """The first model from Keras as well: the framework view has something to show."""
    twins = [
        cell.model_copy(update={"id": cell.id.replace("-torch-", "-keras-"), "source": "keras"})
        for cell in results.cells[:12]
    ]
    return results.model_copy(update={"cells": (*results.cells, *twins)})


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium.running() as found:
        yield found


@pytest.fixture
def opened(browser: Any, results: Results, tmp_path: Path) -> Iterator[tuple[Any, list[str]]]:
    """The page at a phone's width, and everything that went wrong or was asked for since it was opened."""
    file = tmp_path / "index.html"
    file.write_bytes(html_writer.render(results))
    events: list[str] = []
    page = browser.new_page(viewport={"width": 400, "height": 800})
    page.on("console", lambda message: events.append(message.text))
    page.on("pageerror", lambda error: events.append(str(error)))
    page.on("dialog", lambda dialog: events.append(dialog.message))
    page.on("dialog", lambda dialog: dialog.dismiss())
    page.on("request", lambda request: events.append(request.url) if request.url != file.as_uri() else None)
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-ready]")
    yield page, events
    page.close()


def milliseconds(text: str) -> float:
    """`"12.9 µs"` as a number, its thousands without commas."""
    number, unit = text.replace(",", "").split()
    return float(number) / (1000 if unit == "µs" else 1)


def shown(page: Any, column: str) -> list[str]:
    """The texts of the table's column, top to bottom."""
    texts: list[str] = page.evaluate(
        """column => {
            const at = [...document.querySelectorAll('#table th')].findIndex(th => th.textContent === column);
            return [...document.querySelectorAll('#table tbody tr')].map(tr => tr.cells[at].textContent);
        }""",
        column,
    )
    return texts


def test_plots_are_drawn_for_every_choice_and_nothing_is_fetched(
    opened: tuple[Any, list[str]], results: Results
) -> None:
    page, events = opened
    models = list(dict.fromkeys(cell.model for cell in results.cells))
    for model in models:
        for device in results.devices:
            page.select_option("#model", label=model)
            page.select_option("#device", label=device)
            assert page.inner_text("#tradeoff-of") == f"{model} on {device}"
            assert page.locator("#tradeoff .point").count() > 8
            assert page.locator("#size .bars .point").count() >= 9
            timed = device == "local"
            assert page.locator("#distribution .scatterlayer .trace").count() == (13 if timed else 0)
            assert page.locator("#distribution").is_visible() == timed
            assert (page.locator("#delta .point").count() > 5) == (model == "digits_cnn")
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    assert events == []


def test_no_plot_shows_an_emulated_latency(opened: tuple[Any, list[str]]) -> None:
    page, _ = opened
    page.select_option("#device", label=HOSTILE)
    assert page.text_content("#tradeoff .xtitle").startswith("million instructions")
    assert "An emulator's time is not drawn." in page.inner_text("#distribution-note")


def test_dominated_variants_are_faint(opened: tuple[Any, list[str]]) -> None:
    page, _ = opened
    opacities = page.evaluate("document.getElementById('tradeoff').data.flatMap(trace => trace.marker.opacity)")
    assert {0.3, 1} == set(opacities)


def test_sorting_by_keyboard_keeps_what_is_not_comparable_last(opened: tuple[Any, list[str]]) -> None:
    page, events = opened
    planned = shown(page, "p50")
    header = page.locator("#table th", has_text="p50")
    header.locator("button").focus()
    for order, backwards in (("ascending", False), ("descending", True)):
        page.keyboard.press("Enter")
        assert header.get_attribute("aria-sort") == order
        texts = shown(page, "p50")
        ranked = [milliseconds(text) for text in texts[:20]]
        assert {text.split()[1] for text in texts[:20]} == {"µs", "ms"}
        assert ranked == sorted(ranked, reverse=backwards)
        assert all(text == "–" or "emulated" in text for text in texts[20:])
    page.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "none"
    assert shown(page, "p50") == planned
    page.locator("#table th", has_text="recipe").locator("button").click()
    assert shown(page, "recipe") == sorted(shown(page, "recipe"))
    assert events == []


def test_filters_combine_and_clear(opened: tuple[Any, list[str]]) -> None:
    page, events = opened
    page.fill("#find", "ONNX int8")
    assert len(shown(page, "format")) == 8
    page.select_option("select[data-filter=status]", label="failed")
    assert set(shown(page, "status")) == {"failed"}
    assert page.inner_text("#shown") == "4 of 48 cells"
    page.select_option("select[data-filter=device]", label=HOSTILE)
    assert page.inner_text("#shown") == "2 of 48 cells"
    page.fill("#find", "no such text")
    assert page.inner_text("#shown") == "0 of 48 cells"
    page.click("#clear")
    assert page.inner_text("#shown") == "48 cells"
    assert events == []


def test_every_planned_cell_says_why_it_has_no_figures(opened: tuple[Any, list[str]]) -> None:
    page, _ = opened
    reasons = dict(zip(shown(page, "status"), shown(page, "reason or advice"), strict=True))
    assert reasons["failed"].startswith("build: converter said:")
    assert reasons["skipped"] == "deploy: the device went away"
    assert reasons["unsupported"] == "build: executorch lowers fp16 for Linear weights only"


def test_a_click_on_a_point_finds_its_variant(opened: tuple[Any, list[str]]) -> None:
    page, events = opened
    # Plotly listens on a layer above its points: the click goes where the point is.
    box = page.evaluate("""() => {
        const plot = document.getElementById('tradeoff');
        plot.scrollIntoView({block: 'center'});
        const trace = plot.data.findIndex(one => one.name === 'int8-static · tflite');
        const drawn = plot.querySelectorAll('.scatterlayer .trace')[trace];
        const found = drawn.querySelector('.point').getBoundingClientRect();
        return {x: found.x + found.width / 2, y: found.y + found.height / 2};
    }""")
    page.mouse.move(box["x"], box["y"])
    page.wait_for_selector("#tradeoff .hoverlayer .hovertext")
    page.mouse.click(box["x"], box["y"])
    page.wait_for_function("document.getElementById('shown').textContent === '1 of 48 cells'")
    assert (shown(page, "format"), shown(page, "recipe")) == (["tflite"], ["int8-static"])
    assert events == []


def test_buttons_lead_from_a_decision_to_its_plots_and_from_a_warning_to_its_cells(
    opened: tuple[Any, list[str]],
) -> None:
    page, events = opened
    page.locator(f'button.show[data-device="{HOSTILE}"]').first.click()
    assert page.input_value("#device") == HOSTILE
    page.locator("details", has_text="noisy").locator("summary").click()
    page.locator('button[data-group="warning-0"]').click()
    assert set(shown(page, "verdict")) == {"noisy"}
    assert page.inner_text("#shown") == "6 of 48 cells (warning 0)"
    assert events == []


def test_the_matrix_colours_within_a_row_and_names_what_did_not_run(opened: tuple[Any, list[str]]) -> None:
    page, _ = opened
    rows = page.evaluate(
        "[...document.querySelectorAll('#matrix tbody tr')].map(tr => [...tr.cells].map(td => td.textContent))"
    )
    assert len(rows) == 4
    assert rows[0][0] == "digits_cnn on local"
    assert rows[2][0] == f"digits_cnn on {HOSTILE}"
    assert "failed" in rows[0] and "unsupported" in rows[0] and "skipped" in rows[2]
    assert page.locator("#matrix tr:nth-child(1) td.best").inner_text() == "12.9 µs"
    page.select_option("#figure", label="accuracy")
    assert page.locator("#matrix td", has_text="97.0 %").first.evaluate("td => td.style.backgroundColor")
    page.locator("#matrix td button", has_text="unsupported").first.click()
    assert shown(page, "status") == ["unsupported"]


def test_a_printed_page_shows_every_cell_in_light_colours(opened: tuple[Any, list[str]]) -> None:
    page, _ = opened
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("document.getElementById('tradeoff').layout.font.color") == "#1b1f24"
    assert page.locator("#clear").is_hidden()
    assert len(shown(page, "model")) == 48


def measured(cell: CellResult, error: float) -> CellResult:
    """`cell` with a first metric that is the better the lower, a second that is not, and two outputs."""
    mse = Accuracy(metric="mse", value=error, ci95=(error / 2, error * 2), higher_is_better=False, unit="", samples=9)
    psnr = Accuracy(metric="psnr", value=10 / error, unit="dB", samples=9)
    outputs = tuple(
        OutputParity(name=name, compared="real", relative_error=found, agreement=0.5, weak=weak)
        for name, found, weak in (("boxes", error / 9, ""), ("scores", error, "channel 4 is 0.001 of the whole"))
    )
    parity = Parity(relative_error=error, worst="scores", outputs=outputs, agreement=0.5, samples=9)
    return cell.model_copy(update={"accuracy": mse, "metrics": {"mse": mse, "psnr": psnr}, "parity": parity})


def with_errors(results: Results) -> Results:
    """The first four cells, of recipes of growing error."""
    cells = (measured(cell, error) for cell, error in zip(results.cells[:4], (0.01, 0.02, 0.03, 0.2), strict=True))
    return results.model_copy(update={"cells": tuple(cells)})


@pytest.fixture
def erring(browser: Any, results: Results, tmp_path: Path) -> Iterator[Any]:
    file = tmp_path / "index.html"
    file.write_bytes(html_writer.render(with_errors(results)))
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-ready]")
    yield page
    page.close()


@pytest.mark.parametrize(
    ("figure", "best", "worst"),
    [
        ("accuracy", "0.0100 mse ↓", "0.200 mse ↓"),
        ("psnr", "1,000 dB ↑", "50.0 dB ↑"),
        ("relative error", "0.0100", "0.200"),
    ],
)
def test_the_matrix_outlines_the_best_whichever_way_a_figure_goes(
    erring: Any, figure: str, best: str, worst: str
) -> None:
    erring.select_option("#figure", label=figure)
    assert erring.locator("#matrix tbody td.best").all_inner_texts() == [best]
    deepest = erring.evaluate(
        """() => [...document.querySelectorAll('#matrix tbody td')].map(td =>
            [Number(td.style.backgroundColor.match(/[\\d.]+(?=\\))/)[0]), td.textContent]
        ).sort((a, b) => b[0] - a[0])[0][1]"""
    )
    assert deepest == worst


def test_up_is_better_in_the_trade_off_whichever_way_a_metric_goes(erring: Any, opened: tuple[Any, list[str]]) -> None:
    assert erring.text_content("#tradeoff .ytitle") == "mse (lower is better)"
    low, high = erring.evaluate("document.getElementById('tradeoff').layout.yaxis.range")
    assert low > high
    page, _ = opened
    low, high = page.evaluate("document.getElementById('tradeoff').layout.yaxis.range")
    assert low < high
    assert page.text_content("#tradeoff .ytitle") == "top1 %"


def test_short_times_are_in_microseconds_on_axes_and_in_hovers(opened: tuple[Any, list[str]]) -> None:
    page, _ = opened
    assert " µs" in page.locator("#tradeoff .xtick text").first.text_content()
    hovers = page.evaluate("document.getElementById('tradeoff').data.flatMap(trace => trace.hovertext)")
    assert any("p50 13.1 µs<br>" in text for text in hovers)
    marks = page.evaluate("document.getElementById('distribution').data.filter(one => one.hovertext)[0].hovertext")
    assert "p50 12.9 µs (" in marks[0]


def test_outputs_stand_one_by_one_and_the_worst_is_marked(erring: Any) -> None:
    rows = [row.split("\t") for row in erring.locator(".outputs tbody tr").all_inner_texts()]
    assert len(rows) == 8
    assert rows[7][1:] == ["scores (worst)", "0.200", "50.0 %", "channel 4 is 0.001 of the whole", "none"]
    assert shown(erring, "relative error")[3] == "0.200 (scores)"
    assert "psnr\n1,000 dB" in erring.locator(".card .figures").first.inner_text()


def test_columns_are_chosen_by_keyboard(opened: tuple[Any, list[str]]) -> None:
    page, events = opened
    headers = "[...document.querySelectorAll('#table th')].map(th => th.textContent)"
    usual = page.evaluate(headers)
    assert "p50" in usual and "p90" not in usual and "source" not in usual
    page.locator("details.columns summary").focus()
    page.keyboard.press("Enter")
    box = page.get_by_label("p90", exact=True)
    box.focus()
    page.keyboard.press("Space")
    assert page.evaluate(headers) == [*usual[: usual.index("p50") + 1], "p90", *usual[usual.index("p50") + 1 :]]
    assert shown(page, "p90")[0] == "14.0 µs"
    page.locator("#table th", has_text="p90").locator("button").click()
    assert page.locator("#table th", has_text="p90").get_attribute("aria-sort") == "ascending"
    box.focus()
    page.keyboard.press("Space")
    assert page.evaluate(headers) == usual
    assert shown(page, "status")[0] == "ok"
    page.locator("#all-columns").focus()
    page.keyboard.press("Enter")
    assert len(page.evaluate(headers)) == page.locator("#columns input").count() > len(usual)
    page.locator("#usual-columns").click()
    assert page.evaluate(headers) == usual
    assert events == []


def test_the_usual_columns_fit_a_laptop(erring: Any) -> None:
    assert erring.evaluate(
        "(table => table.scrollWidth <= table.parentElement.clientWidth)(document.getElementById('table'))"
    )


def test_one_source_has_no_framework_view(opened: tuple[Any, list[str]]) -> None:
    page, _ = opened
    assert page.locator("#frameworks").count() == page.locator("nav a", has_text="Frameworks").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible(browser: Any, results: Results, tmp_path: Path, scheme: str) -> None:
    """axe-core: no finding that is serious or critical, with the framework view, outputs and several metrics."""
    file = tmp_path / "index.html"
    twins = with_twins(results)
    shown_all = twins.model_copy(update={"cells": (*with_errors(results).cells, *twins.cells[4:])})
    file.write_bytes(html_writer.render(shown_all).replace(b'<details class="columns', b'<details open class="columns'))
    grave = chromium.grave_findings(browser, file, scheme, "html[data-ready]")
    assert grave == [], json.dumps(grave, indent=1)


def test_device_state_is_drawn_and_throttling_marked(browser: Any, results: Results, tmp_path: Path) -> None:
    hot = Reading(temperature_c=80.0, frequency_khz=600_000, throttled=("throttled",))
    state = CellState(before=Reading(temperature_c=40.0, frequency_khz=1_500_000), during=(hot,), after=hot)
    first = results.cells[0].model_copy(update={"state": state})
    file = tmp_path / "index.html"
    file.write_bytes(html_writer.render(results.model_copy(update={"cells": (first, *results.cells[1:])})))
    page = browser.new_page()
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-ready]")
    drawn = page.evaluate("document.getElementById('state').data.map(one => [one.y.slice(0, 3), one.marker.symbol[0]])")
    assert drawn == [[[40, 80, 80], "x"], [[1.5, 0.6, 0.6], "x"]]
    page.select_option("#device", label=HOSTILE)
    assert page.locator("#state").is_hidden()
    assert page.inner_text("#state-note").startswith("Nothing was read: during: the cell did not run")
    page.close()


def test_many_cells_are_paged(browser: Any, results: Results, tmp_path: Path) -> None:
    many = [
        cell.model_copy(update={"id": f"{cell.id}{n}", "threads": n}) for n in range(1, 9) for cell in results.cells
    ]
    file = tmp_path / "index.html"
    file.write_bytes(html_writer.render(results.model_copy(update={"cells": tuple(many)})))
    page = browser.new_page()
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-ready]")
    assert (page.inner_text("#shown"), page.inner_text("#page")) == ("384 cells", "Page 1 of 4")
    first = shown(page, "device")
    for _ in range(3):
        page.click("#next")
    assert page.inner_text("#page") == "Page 4 of 4"
    assert (len(first), len(shown(page, "device"))) == (100, 84)
    assert page.locator("#next").is_disabled()
    page.close()
