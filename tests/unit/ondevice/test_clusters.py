"""Big and little processors of made trees: those of phones and boards as their kernels show them."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from edgerig.ondevice.clusters import chosen, clusters


def tree(root: Path, khz: Sequence[int] = (), capacities: Sequence[int] = (), online: str = "") -> str:
    """One folder a processor, with what is told of it; `online` as the kernel lists them."""
    cpus = root / "sys/devices/system/cpu"
    for number in range(max(len(khz), len(capacities))):
        (cpus / f"cpu{number}/cpufreq").mkdir(parents=True)
    for number, value in enumerate(khz):
        (cpus / f"cpu{number}/cpufreq/cpuinfo_max_freq").write_text(f"{value}\n")
    for number, value in enumerate(capacities):
        (cpus / f"cpu{number}/cpu_capacity").write_text(f"{value}\n")
    if online:
        (cpus / "online").write_text(online + "\n")
    return str(root)


PIXEL_6 = ([1803000] * 4 + [2253000] * 2 + [2802000] * 2, [160] * 4 + [498] * 2 + [1024] * 2)
S922X = ([1896000] * 2 + [1800000] * 4, [516] * 2 + [1024] * 4)


@pytest.mark.parametrize(
    ("khz", "capacities", "little", "big"),
    [
        (*PIXEL_6, [0, 1, 2, 3], [4, 5, 6, 7]),
        (PIXEL_6[0], (), [0, 1, 2, 3], [4, 5, 6, 7]),
        (*S922X, [0, 1], [2, 3, 4, 5]),
        ([2000000] * 2 + [1800000] * 6, (), [2, 3, 4, 5, 6, 7], [0, 1]),
        ([2400000] * 4 + [1800000] * 4, [1024] * 8, [4, 5, 6, 7], [0, 1, 2, 3]),
        ((), [430] * 4 + [1024] * 4, [0, 1, 2, 3], [4, 5, 6, 7]),
    ],
)
def test_the_slowest_are_little_and_all_others_big(
    tmp_path: Path, khz: Sequence[int], capacities: Sequence[int], little: list[int], big: list[int]
) -> None:
    found = clusters(tree(tmp_path, khz, capacities))
    assert (chosen("little", found), chosen("big", found)) == (little, big)


def test_three_clusters_are_told_with_what_the_kernel_says_of_each(tmp_path: Path) -> None:
    found = clusters(tree(tmp_path, *PIXEL_6))
    assert [each.to_json() for each in found] == [
        {"processors": [0, 1, 2, 3], "max_frequency_khz": 1803000, "capacity": 160},
        {"processors": [4, 5], "max_frequency_khz": 2253000, "capacity": 498},
        {"processors": [6, 7], "max_frequency_khz": 2802000, "capacity": 1024},
    ]


@pytest.mark.parametrize(
    ("khz", "capacities"),
    [
        ([1800000] * 4, [1024] * 4),
        ([4900000, 4900000, 5100000, 5100000], ()),  # a desktop's favoured cores
        ((), [1024, 1024]),
    ],
)
def test_of_processors_that_are_alike_all_are_big_and_none_is_little(
    tmp_path: Path, khz: Sequence[int], capacities: Sequence[int]
) -> None:
    found = clusters(tree(tmp_path, khz, capacities))
    assert chosen("big", found) == list(range(max(len(khz), len(capacities))))
    with pytest.raises(ValueError, match="all that are there are alike"):
        chosen("little", found)


def test_where_one_processor_is_not_told_of_nothing_is_guessed(tmp_path: Path) -> None:
    root = tree(tmp_path, [1800000, 2400000])
    (tmp_path / "sys/devices/system/cpu/cpu1/cpufreq/cpuinfo_max_freq").write_text("no number\n")
    assert [each.processors for each in clusters(root)] == [(0, 1)]


def test_processors_that_are_off_are_in_no_cluster(tmp_path: Path) -> None:
    found = clusters(tree(tmp_path, *PIXEL_6, online="0-1,4,6"))
    assert (chosen("little", found), chosen("big", found)) == ([0, 1], [4, 6])


def test_a_system_without_such_a_tree_names_none(tmp_path: Path) -> None:
    assert clusters(str(tmp_path / "none"))[0].processors == ()
    with pytest.raises(ValueError, match="the big processors were asked for"):
        chosen("big", clusters(str(tmp_path / "none")))
    with pytest.raises(ValueError, match="big or little, not 'middle'"):
        chosen("middle", clusters(str(tmp_path)))


def test_this_machine_has_all_its_processors_in_clusters() -> None:
    found = clusters()
    little = chosen("little", found) if len(found) > 1 else []
    assert sorted([*little, *chosen("big", found)]) == sorted(n for each in found for n in each.processors) != []
