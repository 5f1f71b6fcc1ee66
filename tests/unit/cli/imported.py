"""What a command imports, seen in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence


def imported(arguments: Sequence[str], heavy: Iterable[str]) -> str:
    """Those of the modules `heavy` that `edgerig ARGUMENTS` imported, as a list is printed; it must end with 0."""
    code = (
        "import sys, edgerig.cli\n"
        f"sys.argv = ['edgerig', *{list(arguments)!r}]\n"
        "try:\n    edgerig.cli.main()\nexcept SystemExit as end:\n    assert end.code in (0, None), end.code\n"
        f"print(sorted({set(heavy)!r} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines()[-1]
