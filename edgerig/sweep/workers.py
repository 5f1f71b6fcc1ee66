"""Dask's cluster of a sweep, in this process: a worker for the host, one for each place that runs cells, and what they
do there within the sweep's scope, with the devices they keep open."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import dask
from distributed import Client, Scheduler, SpecCluster, Worker, get_worker

from edgerig.results import Profile
from edgerig.sweep import pipeline, profiling
from edgerig.sweep.outcome import Outcome
from edgerig.sweep.pipeline import CellTask
from edgerig.sweep.profiling import ProfileTask
from edgerig.sweep.sessions import PLUGIN, DeviceSessions

_Taken = ParamSpec("_Taken")
_Given = TypeVar("_Given")
LOOPBACK = "127.0.0.1:0"
"""Where Dask's own HTTP servers, which cannot be left out, listen: on a free port that no other machine reaches."""


@contextlib.contextmanager
def cluster(places: list[str], builds: int, sessions: DeviceSessions, scratch: Path) -> Iterator[Client]:
    """An in-process cluster: a host worker and a worker with one resource for each of `places`. Dask's own files, which
    it does not remove, are kept below `scratch`."""

    def worker(resources: dict[str, int]) -> dict[str, Any]:
        return {
            "cls": Worker,
            "options": {
                "nthreads": sum(resources.values()),
                "resources": resources,
                "memory_limit": 0,
                "dashboard": False,
                "dashboard_address": LOOPBACK,
                "protocol": "inproc://",
            },
        }

    workers = {"host": worker({"build": builds})} | {place: worker({place: 1}) for place in places}
    scheduler = {
        "cls": Scheduler,
        "options": {"protocol": "inproc://", "dashboard": False, "dashboard_address": LOOPBACK, "port": 0},
    }
    settings = {
        "temporary-directory": str(scratch),
        "distributed.worker.profile.enabled": False,
        "distributed.admin.system-monitor.gil.enabled": False,
        "distributed.worker.daemon": False,
    }
    # What a task raises comes back with it; the rest is of links that close, some of them after the cluster: told as
    # INFO, a heartbeat that finds no scheduler any more as ERROR, with tracebacks.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with (
        dask.config.set(settings),
        SpecCluster(workers=workers, scheduler=scheduler, silence_logs=False) as spec,
        Client(spec) as client,
    ):
        client.register_plugin(sessions)
        yield client


def stop(client: Client) -> None:
    """Ends what the workers of this process do for the sweep, and keeps them from beginning anything more."""
    for worker in client.cluster.workers.values():
        worker.plugins[PLUGIN].scope.stop()


class Interrupted(Exception):
    """A task was interrupted, as its process is by Ctrl-C."""


def comes_back(task: Callable[_Taken, _Given]) -> Callable[_Taken, _Given]:
    """`task`, raising nothing that Dask lets pass: KeyboardInterrupt and SystemExit end the worker's event loop
    (`distributed.worker._run_task_simple`), and with it whatever would tell that the task has ended: the sweep would
    wait for it for ever."""

    @functools.wraps(task)
    def ended(*args: _Taken.args, **kwargs: _Taken.kwargs) -> _Given:
        try:
            return task(*args, **kwargs)
        except KeyboardInterrupt as error:
            raise Interrupted from error
        except SystemExit as error:
            raise RuntimeError(f"a task of the sweep ended itself: SystemExit({error.code!r})") from error

    return ended


@comes_back
def in_scope(function: Callable[..., Any], *args: Any) -> Any:
    """`function` as work of the sweep's, on the worker this runs on."""
    sessions: DeviceSessions = get_worker().plugins[PLUGIN]
    with sessions.scope.entered():
        return function(*args)


@comes_back
def run_here(task: CellTask) -> Outcome:
    """`pipeline.run` with the device sessions of the worker this runs on."""
    sessions: DeviceSessions = get_worker().plugins[PLUGIN]
    with sessions.at_work():
        return pipeline.run(task, sessions)


@comes_back
def profile_here(task: ProfileTask) -> Profile:
    """`profiling.profile` with the device sessions of the worker this runs on."""
    sessions: DeviceSessions = get_worker().plugins[PLUGIN]
    with sessions.at_work():
        return profiling.profile(task, sessions)


@comes_back
def close_here() -> None:
    """Closes the devices of the worker this runs on."""
    sessions: DeviceSessions = get_worker().plugins[PLUGIN]
    with sessions.at_work():
        sessions.close()
