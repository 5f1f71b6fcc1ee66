"""The made-up run that the tests of this room read."""

from unit.made_results import results as results
