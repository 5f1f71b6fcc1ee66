"""The made-up run that reports are tested with."""

from unit.report.conftest import results as results
