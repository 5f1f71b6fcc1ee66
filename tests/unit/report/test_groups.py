"""What is told of several cells at once."""

from __future__ import annotations

from unit.made_results import changed

from edgerig.report.run import groups
from edgerig.results import Coverage, OutputParity, Parity, Results, Verdict, VerdictEvidence, order


def test_warnings_and_reasons_are_grouped(results: Results) -> None:
    cells = order.ordered(results)
    assert [(group.title, len(group.cells)) for group in groups.warnings(cells)] == [("noisy", 6), ("emulated", 18)]
    told = {(group.title, group.text): len(group.cells) for group in groups.unmeasured(cells)}
    assert told == {
        ("instructions", "not emulated"): 20,
        ("accuracy", "no labelled data came with this file"): 19,
        ("delegated", "the runtime does not tell"): 12,
        ("peak memory (MB)", "the emulator's own memory hides the model's"): 18,
    }


def test_words_that_differ_in_their_figures_alone_are_one_group(results: Results) -> None:
    advice = ("known to ±3.2% only", "known to ±11% only", "too few samples")
    cells = [
        changed(cell, verdict=Verdict(label="noisy", evidence=VerdictEvidence(), advice=text))
        for cell, text in zip(results.cells[:3], advice, strict=True)
    ]
    found = [(group.text, len(group.cells)) for group in groups.warnings(cells)]
    assert found == [("known to ±3.2% only", 2), ("too few samples", 1)]


def test_the_gravest_warning_is_told_first(results: Results) -> None:
    labels = ("noisy", "emulated", "wrong", "fallback")
    cells = [
        changed(cell, verdict=Verdict(label=label, evidence=VerdictEvidence(), advice="x"))
        for cell, label in zip(results.cells[:4], labels, strict=True)
    ]
    assert [group.title for group in groups.warnings(cells)] == ["wrong", "fallback", "noisy", "emulated"]


def test_troubles_hold_every_cell_that_is_not_ok_once(results: Results) -> None:
    cells = order.ordered(results)
    troubles = groups.troubles(cells)
    assert [(trouble.status, len(trouble.cells)) for trouble in troubles] == [
        ("failed", 4),
        ("skipped", 2),
        ("unsupported", 4),
    ]
    assert [cell for trouble in troubles for cell in trouble.cells] == groups.not_ok(cells)


def test_failures_that_differ_in_their_cell_and_figures_alone_are_one_trouble(results: Results) -> None:
    failed = [cell for cell in results.cells if cell.status == "failed"][:2]
    cells = [
        changed(cell, error=cell.error.model_copy(update={"message": f"{cell.id}: ended by signal {number}"}))
        for number, cell in enumerate(failed)
        if cell.error is not None
    ]
    (trouble,) = groups.troubles(cells)
    assert trouble.cells == tuple(cells)
    assert trouble.error == cells[0].error


def test_what_builders_and_engines_noted_is_told_once_with_its_cells(results: Results) -> None:
    first, second = [cell for cell in results.cells if cell.status == "ok" and cell.build and cell.engine][:2]
    assert first.build is not None
    assert first.engine is not None
    silent = first.engine.model_copy(update={"notes": ()})
    noted = (
        changed(first, build=first.build.model_copy(update={"notes": ("Conv left in float",)}), engine=silent),
        changed(second, engine=silent.model_copy(update={"notes": ("one thread",)})),
    )
    told = {
        (group.title, group.text): [cell.id for cell in group.cells]
        for group in (*groups.warnings(noted), *groups.notes(noted))
    }
    assert told == {("build", "Conv left in float"): [first.id], ("engine", "one thread"): [second.id]}


def test_what_outputs_lost_and_data_beyond_the_calibration_are_warned_of(results: Results) -> None:
    first = results.cells[0]
    assert first.engine is not None
    outputs = (
        OutputParity(name="boxes", compared="real", relative_error=0.01),
        OutputParity(
            name="scores", compared="real", relative_error=0.76, weak="channels 4 and 5 are below", constant=(2, 9)
        ),
    )
    cell = changed(
        first,
        parity=Parity(relative_error=0.76, worst="scores", outputs=outputs),
        coverage=Coverage(outside=0.125),
        engine=first.engine.model_copy(update={"state": ("h",)}),
    )
    assert [(group.title, group.text) for group in groups.warnings([cell])] == [
        ("constant channels", 'output "scores": 2 channels vary in the source and not in the build: 2, 9'),
        ("weak channels", 'output "scores": channels 4 and 5 are below'),
        (
            "outside calibration",
            "12.5 % of the evaluation samples have values, of an input or an output, beyond the range of the "
            "calibration data, where the file clips them: calibrate with data like theirs",
        ),
        ("state", "what came before changes the outputs: the file remembers h between inferences"),
    ]
