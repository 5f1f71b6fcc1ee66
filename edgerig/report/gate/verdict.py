"""verdict.json: what a gate decided, short, for scripts."""

from __future__ import annotations

import json

from edgerig.compare.gate import GateResult

VERDICT_VERSION = 1


def render(found: GateResult, exit_code: int) -> bytes:
    """UTF-8 JSON. `checks` holds only those that failed or are inconclusive; `counts` counts them all."""
    document = {
        "schema_version": VERDICT_VERSION,
        "outcome": found.outcome,
        "exit_code": exit_code,
        "run": found.run,
        "baseline": found.base,
        "inconclusive_means": found.rule,
        "counts": found.counts(),
        "machines": list(found.machines),
        "checks": [check.model_dump() for check in found.checks if check.outcome in ("fail", "inconclusive")],
    }
    return (json.dumps(document, indent=1, ensure_ascii=True) + "\n").encode()
