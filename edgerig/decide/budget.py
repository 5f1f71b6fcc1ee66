"""The budget a run's decisions are made under, as its results carry it."""

from __future__ import annotations

from pydantic import ValidationError

from edgerig.decide import limits
from edgerig.errors import ResultsError
from edgerig.results import Results
from edgerig.spec import SweepBudget


def budget_of(results: Results) -> SweepBudget:
    """`run.spec.budget`, or the default one where a run has none. Raises ResultsError when it is no budget."""
    try:
        return SweepBudget.model_validate(results.run.spec.get("budget", {}))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in ("run", "spec", "budget", *first["loc"]))
        raise ResultsError(
            f"results of {results.run.id}: {where}: {first['msg']}", hint="correct [budget] in the run's results"
        ) from error


def points(budget: SweepBudget) -> str:
    """The accuracy a variant may lose: `"1 point"`."""
    allowed = 100 * budget.accuracy_drop
    return f"{allowed:.4g} point" if allowed == 1 else f"{allowed:.4g} points"


def agreement_asked(budget: SweepBudget) -> str:
    """`"the float network's top class in at least 90 % of the samples"`; "" where none is asked for."""
    if not budget.agreement:
        return ""
    return f"the float network's top class in at least {100 * budget.agreement:.4g} % of the samples"


def _instead(budget: SweepBudget) -> str:
    asked = agreement_asked(budget)
    return f" (where there is none: {asked})" if asked else ""


def said(budget: SweepBudget) -> str:
    """The whole of it, in one line."""
    ranked = ("ranked by the latency of a device kept at work",) if budget.rank == "sustained" else ()
    accuracy = f"accuracy at most {points(budget)} below fp32's{_instead(budget)}"
    return ", ".join((accuracy, *limits.said(budget), *ranked))
