"""What a real process is held to, and what its threads are found to have."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

ALLOWED = sorted(os.sched_getaffinity(0))
HELD = """\
import json, os, sys, threading
from edgerig.ondevice.affinity import Affinity
stop = threading.Event()
before = threading.Thread(target=stop.wait)
before.start()
try:
    held = Affinity(json.loads(sys.argv[1]), sys.argv[2])
    after = threading.Thread(target=stop.wait)
    after.start()
    if sys.argv[3]:
        os.sched_setaffinity(after.native_id, json.loads(sys.argv[3]))
    print(json.dumps(held.to_json()))
    stop.set()
    after.join()
except ValueError as error:
    print(json.dumps(str(error)))
stop.set()
before.join()
"""


def held(asked: list[int], cluster: str = "", escapes: list[int] | None = None) -> Any:
    argv = [sys.executable, "-c", HELD, json.dumps(asked), cluster, json.dumps(escapes) if escapes else ""]
    return json.loads(subprocess.check_output(argv, text=True, timeout=60))


def test_every_thread_is_held_those_from_before_too() -> None:
    found = held(ALLOWED[:1])
    assert (found["asked"], found["processors"], found["at_once"]) == (ALLOWED[:1], ALLOWED[:1], 1)
    (mask,) = found["masks"]
    assert (mask["processors"], mask["threads"] >= 3) == (ALLOWED[:1], True)


def test_a_thread_that_went_elsewhere_is_found() -> None:
    if len(ALLOWED) < 2:
        pytest.skip("one processor")
    found = held(ALLOWED[:1], escapes=ALLOWED[1:2])
    assert [mask["processors"] for mask in found["masks"]] == [ALLOWED[:1], ALLOWED[1:2]]
    assert found["masks"][1]["threads"] == 1


def test_the_big_processors_are_those_the_kernel_has() -> None:
    found = held([], "big")
    assert (found["cluster"], found["asked"], found["processors"]) == ("big", ALLOWED, ALLOWED) or len(
        found["clusters"]
    ) > 1


def test_held_to_none_every_thread_may_go_where_the_system_lets_it() -> None:
    found = held([])
    assert (found["asked"], found["processors"]) == ([], ALLOWED)
    assert [mask["processors"] for mask in found["masks"]] == [ALLOWED]


def test_a_cluster_that_is_not_there_is_refused() -> None:
    refused = held([], "little")
    assert "alike" in refused if isinstance(refused, str) else len(refused["clusters"]) > 1
