"""The in-process cluster keeps its own affairs to itself."""

import logging
from pathlib import Path

from edgerig.sweep.sessions import DeviceSessions
from edgerig.sweep.workers import cluster


def test_what_closes_after_the_cluster_is_not_told(tmp_path: Path) -> None:
    """Its links close in the background, some after it, and tell of it with a traceback, a heartbeat as an error."""
    with cluster(["device:d"], 1, DeviceSessions(), tmp_path) as client:
        assert client.submit(sum, [1, 2], resources={"device:d": 1}).result(timeout=30) == 3
    assert logging.getLogger("distributed.worker").getEffectiveLevel() == logging.CRITICAL
