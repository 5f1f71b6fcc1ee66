"""What goes and what stays, from the listing alone."""

from edgerig.devices.content_store import split

A, B, C = "a" * 64, "b" * 64, "c" * 64
LISTING = f"""total 300
-r--r--r-- 1 1000 1000     100 Nov 21 07:00 {A}
-r--r--r--    2 0        0             2000 Nov 21 06:00 {B}
-rw-r--r--. 1 1000 1000  30 2025-11-21 05:00:00.000000000 +0000 {C}
drwxr-xr-x 2 1000 1000 4096 Nov 21 04:00 {"d" * 64}
-rw-r--r-- 1 1000 1000  5 Nov 21 03:00 {A}.0123.part
-rw-r--r-- 1 1000 1000  5 Nov 21 03:00 ../../etc/passwd
"""


def test_the_latest_used_stay_as_far_as_they_fit() -> None:
    assert split(LISTING, 10_000) == ([(A, 100), (B, 2000), (C, 30)], [])
    assert split(LISTING, 2_100) == ([(A, 100), (B, 2000)], [(C, 30)])


def test_none_stays_only_for_being_small() -> None:
    assert split(LISTING, 200) == ([(A, 100)], [(B, 2000), (C, 30)])


def test_nothing_of_others_is_ever_removed() -> None:
    _, doomed = split(LISTING, 0)
    assert [name for name, _ in doomed] == [A, B, C]
    assert split("", 0) == ([], [])
