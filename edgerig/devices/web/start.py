"""`python -I start.py KIND COMMAND PORT MODULES JOB.json`, COMMAND as JSON: the runner of a job, started by its path so
that the package it lies in is the one that runs."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from edgerig.devices.web.runner import main

if __name__ == "__main__":
    main(sys.argv[1:])
