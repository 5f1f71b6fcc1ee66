"""The sweep that the tests of the engine share."""

from unit.sweep.stages import sweep as sweep
