"""Why a row is as it is: a run's evidence (profiles, fallbacks, the processor's features) → sentences with figures
and one thing to try. Pure: nothing here measures, and no sentence is said without its evidence."""

from __future__ import annotations

from edgerig.explain.evidence import Evidence as Evidence
from edgerig.explain.reason import Reason as Reason
from edgerig.explain.why import Why as Why
from edgerig.explain.why import explained as explained
from edgerig.explain.why import gains as gains
