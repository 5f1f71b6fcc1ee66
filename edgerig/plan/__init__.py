"""Specs → cells: the product of what a sweep names, variants × placements, each with an id that globs select. Pure;
imports no framework."""

from edgerig.plan.cell import Cell as Cell
from edgerig.plan.cell import Placement as Placement
from edgerig.plan.cell import Plan as Plan
from edgerig.plan.cell import Variant as Variant
from edgerig.plan.cell import cell_of as cell_of
from edgerig.plan.cell import variants as variants
from edgerig.plan.make import make_plan as make_plan
from edgerig.plan.make import sweep_of as sweep_of
from edgerig.plan.refused import unsupported_reason as unsupported_reason
