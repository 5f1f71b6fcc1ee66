"""An ExecuTorch program's kernels and backends against those of a release's wheel (schema/program.fbs, "ET12").

A program names the kernels it calls and the backends it delegates to; it says nothing of the release it was made with.
"""

from __future__ import annotations

from edgerig.check.flatbuffer import Buffer, Table, root, walked
from edgerig.check.targets import Targets, rows, shown
from edgerig.check.verdicts import Broken, Finding, Verdict

OPERATORS = "operators"
_EXECUTION_PLAN, _SEGMENTS = 1, 4  # of Program
_PLAN_OPERATORS, _PLAN_DELEGATES = 6, 7  # of ExecutionPlan
_NAME, _OVERLOAD = 0, 1  # of Operator
_ID = 0  # of BackendDelegate


def findings(content: Buffer, targets: Targets, where: str) -> list[Finding]:
    """Raises Broken."""
    program = root(content, b"ET12")
    _whole(content, program)
    plans = list(program.tables(_EXECUTION_PLAN))
    if not plans:
        raise Broken("has no method to run")
    kernels = {_kernel(operator) for operator in walked(plan.tables(_PLAN_OPERATORS) for plan in plans)}
    backends = {delegate.text(_ID) for delegate in walked(plan.tables(_PLAN_DELEGATES) for plan in plans)}
    release = shown(targets.executorch) or max(rows("executorch_kernels"))
    known = rows("executorch_kernels").get(release)
    needed = f"{len(kernels)} kernels, backends: {', '.join(sorted(backends)) or 'none'}"
    if known is None:
        what = f"{needed}; which ones executorch {release} has is not known here"
        have = ", ".join(rows("executorch_kernels"))
        return [Finding(Verdict.NOTE, OPERATORS, what, where, f"known releases: {have}")]
    registered = {f"{space}::{name}" for space, names in known["kernels"].items() for name in names}
    lacking = [*sorted(kernels - registered), *sorted(backends - set(known["backends"]))]
    if lacking:
        what = f"executorch {release}'s wheel lacks {_some(lacking)}"
        return [Finding(Verdict.FAILS, OPERATORS, what, where, "link the library that registers them into the app")]
    return [Finding(Verdict.OK, OPERATORS, f"executorch {release} has its {needed}", where)]


def _whole(content: Buffer, program: Table) -> None:
    """Raises Broken for a file whose segments (weights, delegates) are cut off. They stand behind the program, from the
    place on that its header says (runtime/executor, extended header "eh00")."""
    segments = list(program.tables(_SEGMENTS))
    if not segments:
        return
    if content[8:12] != b"eh00" or len(content) < 32:
        raise Broken("has segments and no header that says where they are")
    base = int.from_bytes(content[24:32], "little")
    end = base + max(each.number(0, "Q") + each.number(1, "Q") for each in segments)
    if end > len(content):
        raise Broken(f"its segments end at {end:,}, the file at {len(content):,}: it is cut off")


def _kernel(operator: Table) -> str:
    """As the runtime's registry names it: aten::add.out."""
    overload = operator.text(_OVERLOAD)
    return f"{operator.text(_NAME)}.{overload}" if overload else operator.text(_NAME)


def _some(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
