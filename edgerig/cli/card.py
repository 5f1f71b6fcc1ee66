"""A model's card, as a page of tables or as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from rich.markup import escape

from edgerig.build.card import NetworkFacts
from edgerig.cli.say import print_table, say, table
from edgerig.decide.published import measured_text, published_text
from edgerig.figures.numbers import duration, significant
from edgerig.report.run.view import accuracies
from edgerig.results import CellResult, Results
from edgerig.spec import ModelSpec, file_state

NEVER = "never measured: no run under ./reports has it"


@dataclass(frozen=True)
class Card:
    """`measured` is the newest run that has the model, with its ok cells there."""

    model: ModelSpec
    sources: list[str]
    facts: NetworkFacts
    measured: tuple[Results, list[CellResult]] | None
    dataset: str

    @property
    def cells(self) -> list[CellResult]:
        return [] if self.measured is None else self.measured[1]

    @property
    def files(self) -> list[dict[str, Any]]:
        folder = self.model.fetched
        if folder is None:
            return []
        return [
            {**file.model_dump(mode="json"), "from": file.origin, "state": file_state(file, folder)}
            for file in self.model.files
        ]

    def json(self) -> str:
        run = None if self.measured is None else self.measured[0].run
        model = self.model
        document = {
            "model": model.name,
            "description": model.description,
            "source": model.source,
            "sources": self.sources,
            "licence": model.licence,
            "dataset": self.dataset,
            "metric": model.metric,
            "no_accuracy_reason": model.no_accuracy_reason,
            "network": self.facts.model_dump(mode="json"),
            "files": self.files,
            "published": [figure.model_dump(mode="json") for figure in model.published],
            "measured": None
            if run is None
            else {
                "run": run.id,
                "started": run.started,
                "cells": [cell.model_dump(mode="json") for cell in self.cells],
            },
        }
        return json.dumps(document, indent=2)


def print_card(card: Card) -> None:
    _head(card)
    _layers(card.facts)
    if card.files:
        shown = table("file", "bytes", "state", "licence", "from")
        for file in card.files:
            shown.add_row(
                file["name"], f"{file['size_bytes']:,}", file["state"], escape(file["licence"]), escape(file["from"])
            )
        _section("files", shown)
    if card.model.published:
        shown = table("published", "figure", "measured", "source")
        for figure in card.model.published:
            where = f"{figure.source.title}, {figure.source.url}"
            measured = measured_text(figure, card.cells)
            shown.add_row(escape(figure.what), published_text(figure), measured, escape(where))
        _section("measured against published", shown)
    _measured(card)


def _head(card: Card) -> None:
    model, facts = card.model, card.facts
    shown = table(model.name, escape(model.description))
    counted = "not counted" if facts.parameters is None else f"{facts.parameters:,}"
    if facts.statistics:
        counted += f", {facts.statistics:,} of them running statistics of norms"
    macs = facts.reason if facts.macs is None else f"{facts.macs:,} an inference"
    rows = [
        ("sources", ", ".join(card.sources) + f" (counted here: {model.source})"),
        ("licence", model.licence or "not said"),
        ("dataset", card.dataset),
        ("accuracy", ", ".join(model.metric) if model.metric else f"none: {model.no_accuracy_reason}"),
        ("parameters", counted),
        ("multiply-accumulates", macs),
    ]
    for kind, tensors in (("input", facts.inputs), ("output", facts.outputs)):
        for tensor in tensors:
            layout = "" if tensor.layout == "any" else f" {tensor.layout}"
            limits = "" if tensor.range is None else f", {tensor.range[0]:g} to {tensor.range[1]:g}"
            shape = "×".join(map(str, tensor.shape))
            rows.append((kind, f"{tensor.name} {shape} {tensor.dtype}{layout}{limits}"))
    for name, each in facts.signatures.items():
        default = " (the default)" if each.default else ""
        rows.append(("signature", f"{name}{default}: {', '.join(each.inputs)} → {', '.join(each.outputs)}"))
    for key, value in rows:
        shown.add_row(key, escape(value))
    print_table(shown)


def _layers(facts: NetworkFacts) -> None:
    if not facts.layers:
        return
    shown = table("layer", "number", "multiply-accumulates")
    for kind, row in sorted(facts.layers.items(), key=lambda item: -(item[1].macs or 0)):
        macs = "not counted" if row.macs is None else f"{row.macs:,}"
        shown.add_row(escape(kind), str(row.layers), macs)
    _section("layers by type", shown)


def _measured(card: Card) -> None:
    if card.measured is None:
        say("")
        say(NEVER)
        return
    run = card.measured[0].run
    shown = table("variant", "device", "size (bytes)", "p50", "accuracy", "relative error", "verdict")
    for cell in card.cells:
        latency = "" if cell.latency is None else duration(cell.latency.p50_ms)
        error = cell.parity.relative_error
        shown.add_row(
            f"{cell.source}-{cell.format}-{cell.recipe}",
            escape(cell.id.partition("@")[2]),
            f"{cell.size_bytes or 0:,}",
            "emulated" if cell.emulated else latency,
            escape(accuracies(cell)),
            significant(error),
            cell.verdict.label if cell.verdict else "–",
        )
    _section(f"last measured in run {run.id}, {run.started}", shown)


def _section(title: str, shown: Any) -> None:
    say("")
    say(title)
    print_table(shown)
