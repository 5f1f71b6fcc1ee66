"""The queue that several build processes take variants from, and when one more process is worth its start."""

import threading
from pathlib import Path

import pytest

from edgerig.build import queue
from edgerig.build.queue import Begun

RECIPES = ("fp32", "fp16", "int8-dynamic", "int8-static")


def test_a_variant_is_given_to_one_process_alone(tmp_path: Path) -> None:
    recipes = [f"recipe-{number}" for number in range(200)]
    queue.fill(tmp_path, recipes)
    start, taken = threading.Barrier(4), {}

    def take(process: str) -> None:
        start.wait()
        taken[process] = list(queue.take(tmp_path, recipes, process))

    threads = [threading.Thread(target=take, args=(f"p{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(recipe for each in taken.values() for recipe in each) == sorted(recipes)
    assert {each.recipe: each.process for each in queue.begun(tmp_path)} == {
        recipe: process for process, each in taken.items() for recipe in each
    }
    assert queue.waiting(tmp_path) == set()


def test_what_waits_is_not_known_before_the_queue_is_filled(tmp_path: Path) -> None:
    assert queue.waiting(tmp_path) is None
    assert list(queue.take(tmp_path, RECIPES, "p")) == []
    queue.fill(tmp_path, RECIPES[1:])
    assert queue.waiting(tmp_path) == set(RECIPES[1:])


def test_a_variant_is_taken_when_it_is_asked_for_and_in_order(tmp_path: Path) -> None:
    queue.fill(tmp_path, RECIPES)
    first, second = (queue.take(tmp_path, RECIPES, process) for process in ("p", "q"))
    assert [next(first), next(second), next(first)] == ["fp32", "fp16", "int8-dynamic"]
    assert queue.waiting(tmp_path) == {"int8-static"}


def test_a_variant_with_a_reply_has_ended(tmp_path: Path) -> None:
    queue.fill(tmp_path, RECIPES)
    taking = queue.take(tmp_path, RECIPES, "p")
    next(taking)
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / f"fp32{queue.REPLY}").touch()
    next(taking)
    ended, at_work = queue.begun(tmp_path)
    assert (ended.recipe, at_work.recipe) == ("fp32", "fp16")
    assert ended.took_s is not None and 0 <= ended.took_s <= ended.since_s
    assert at_work.took_s is None


def ran(*took_s: float, at_work_s: float | None = None, process: str = "p") -> tuple[Begun, ...]:
    """Variants of one process that took so long, and one that it has been at for so long."""
    ended = [Begun(f"r{number}", process, 60.0, took) for number, took in enumerate(took_s)]
    return (*ended, *([] if at_work_s is None else [Begun("now", process, at_work_s, None)]))


@pytest.mark.parametrize(
    ("seen", "waiting", "starting", "apart", "worth"),
    [
        ((), 4, 1, True, True),  # beside one that starts
        ((), 4, 4, True, False),  # each has one to take
        ((), 4, 1, False, False),  # what they share would be made twice
        ((), 1, 1, True, False),
        (ran(at_work_s=30.0), 3, 0, True, True),
        (ran(20.0, at_work_s=1.0), 2, 0, True, True),  # 9 and 10 s of work before the last is begun, 10 s to start
        (ran(20.0, at_work_s=1.0), 1, 0, True, False),
        (ran(20.0, at_work_s=1.0), 2, 0, False, False),
        (ran(20.0, 14.0, at_work_s=1.0), 1, 0, True, True),  # 13 s against 6
        (ran(20.0, 14.0, at_work_s=9.0), 1, 0, True, False),  # 5 s against 6
        (ran(40.0, 5.0, at_work_s=1.0), 1, 0, False, False),  # a conversion of 35 s for what is begun in 4
        (ran(15.0, 10.0, at_work_s=1.0), 1, 0, False, True),  # found worth it, whatever the format
        (ran(4.0, 1.0, at_work_s=0.0), 9, 0, True, True),  # 9 s against the 5 that any start takes
        (ran(4.0, 1.0, at_work_s=0.0), 3, 0, True, False),
        ((*ran(20.0, 14.0, at_work_s=1.0), *ran(at_work_s=1.0, process="q")), 1, 0, True, True),
        ((*ran(20.0, 9.0, at_work_s=1.0), *ran(at_work_s=1.0, process="q")), 1, 0, True, False),  # 8 s each against 11
        (
            (*ran(20.0, 14.0, at_work_s=1.0), *ran(at_work_s=1.0, process="q")),
            1,
            1,
            True,
            False,
        ),  # is for the one that starts
    ],
)
def test_one_more_is_worth_its_start_while_enough_is_left(
    seen: tuple[Begun, ...], waiting: int, starting: int, apart: bool, worth: bool
) -> None:
    assert queue.worth_another(seen, waiting, starting, apart=apart) is worth
