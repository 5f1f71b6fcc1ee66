"""Knobs of a made tree in sysfs' layout: set, noted and put back by the very scripts a device runs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from edgerig.devices.conditioning import tune
from edgerig.devices.conditioning.hold import NO_SHELL, TooHot, held
from edgerig.devices.conditioning.knobs import NO_CPUFREQ, Knob, knobs
from edgerig.devices.conditioning.notes import HELD, TUNED, Note
from edgerig.devices.conditioning.snapshot import snapshot, temperature_c
from edgerig.devices.device import PosixDevice
from edgerig.devices.kinds.serving import ServingDevice
from edgerig.devices.local import LocalTransport
from edgerig.devices.turns import claim
from edgerig.errors import ConfigError, DeviceError
from edgerig.process import Finished, Scope, Stopped
from edgerig.spec import load_device
from edgerig.spec.conditions import Conditions

CPU = "sys/devices/system/cpu"
GOVERNORS = [f"{CPU}/cpufreq/policy{n}/scaling_governor" for n in (0, 4)]
PERFORMANCE = Conditions(governor="performance")


class Tree:
    """A phone of two clusters below `root`, whose files tests read and write."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self["proc/sys/kernel/random/boot_id"] = "b00t"
        self["proc/loadavg"] = "0.5 0.5 0.5 3/150 1234"
        for policy, low, high in ((0, 300000, 1800000), (4, 500000, 2800000)):
            folder = f"{CPU}/cpufreq/policy{policy}"
            self[f"{folder}/scaling_governor"] = "schedutil"
            self[f"{folder}/scaling_available_governors"] = "performance powersave schedutil"
            for name, value in (("min", low), ("max", high)):
                self[f"{folder}/scaling_{name}_freq"] = self[f"{folder}/cpuinfo_{name}_freq"] = str(value)
        self[f"{CPU}/cpufreq/boost"] = "1"
        self[f"{CPU}/smt/control"] = "on"
        self["sys/class/thermal/thermal_zone0/type"] = "battery"
        self["sys/class/thermal/thermal_zone0/temp"] = "61000"
        self["sys/class/thermal/thermal_zone1/type"] = "cpu-0-0"
        self["sys/class/thermal/thermal_zone1/temp"] = "48500"

    def __getitem__(self, path: str) -> str:
        return (self.root / path).read_text().strip()

    def __setitem__(self, path: str, value: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(f"{value}\n")

    @property
    def governors(self) -> list[str]:
        return [self[path] for path in GOVERNORS]

    @property
    def limits(self) -> list[tuple[str, str]]:
        folders = (f"{CPU}/cpufreq/policy{n}" for n in (0, 4))
        return [(self[f"{folder}/scaling_min_freq"], self[f"{folder}/scaling_max_freq"]) for folder in folders]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "root")


class Shell(LocalTransport):
    """This machine by another shell, such as a phone's or a board's."""

    def __init__(self, *shell: str) -> None:
        self.shell = shell

    def run(self, argv: Sequence[str], timeout_s: float) -> Finished:
        return super().run([*self.shell, *argv[1:]] if argv[0] == "sh" else argv, timeout_s)


SHELLS = [shell for shell in (["dash"], ["bash", "--posix"], ["busybox", "sh"], ["mksh"]) if shutil.which(shell[0])]


@pytest.fixture(params=SHELLS, ids=lambda shell: shell[0])
def device(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[PosixDevice]:
    with Shell(*request.param) as transport:
        yield PosixDevice(transport, str(tmp_path / "work"), ("python3",), None)


def by_name(found: list[Knob]) -> dict[str, Knob]:
    return {knob.name: knob for knob in found}


def test_each_knob_says_what_it_is_and_whether_it_can_be_set(tree: Tree) -> None:
    with LocalTransport() as here:
        found = by_name(knobs(snapshot(here, str(tree.root)), PERFORMANCE))
    governor = found["governor"]
    assert (governor.value, governor.wanted, governor.settable) == ("schedutil", "performance", True)
    assert governor.writes == dict.fromkeys(GOVERNORS, "performance")
    assert found["frequency"].value == "300000, 500000 to 1800000, 2800000"
    assert (found["boost"].value, found["smt"].value, found["load"].value) == ("on", "on", "2")
    assert found["temperature"].value == "48.5 °C"
    assert "neighbour on the same core" in found["smt"].advice
    assert (found["boost"].settable, found["smt"].settable) == (False, False)  # no key of [conditions] sets them
    assert f"echo 0 > /{CPU}/cpufreq/boost" in found["boost"].advice
    assert f"echo off > /{CPU}/smt/control" in found["smt"].advice


def test_a_machine_without_cpufreq_says_so(tmp_path: Path) -> None:
    with LocalTransport() as here:
        found = by_name(knobs(snapshot(here, str(tmp_path)), PERFORMANCE))
    assert {name: knob.value for name, knob in found.items()} == dict.fromkeys(found)
    assert (found["governor"].advice, found["governor"].settable) == (NO_CPUFREQ, False)


def test_a_governor_the_kernel_lacks_is_not_tried(tree: Tree, device: PosixDevice) -> None:
    with held(device, Conditions(governor="interactive"), root=str(tree.root)) as found:
        assert tree.governors == ["schedutil", "schedutil"]
    (knob,) = found.record.knobs
    assert not knob.held
    assert found.record.reasons["governor"] == "interactive is none of this kernel's: performance powersave schedutil"


def test_kernels_without_policies_have_their_knobs_at_each_processor(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    (tmp_path / CPU / "cpufreq").rename(tmp_path / "old")
    tree[f"{CPU}/cpu0/cpufreq/scaling_governor"] = "ondemand"
    with LocalTransport() as here:
        assert by_name(knobs(snapshot(here, str(tmp_path)), PERFORMANCE))["governor"].value == "ondemand"


def test_the_governor_holds_inside_and_is_put_back(tree: Tree, device: PosixDevice, tmp_path: Path) -> None:
    with held(device, PERFORMANCE, root=str(tree.root)) as found:
        assert tree.governors == ["performance", "performance"]
        assert (tmp_path / "work" / HELD).stat().st_mode & 0o777 == 0o600
    assert tree.governors == ["schedutil", "schedutil"]
    assert not (tmp_path / "work" / HELD).exists()
    (knob,) = found.record.knobs
    assert (knob.name, knob.before, knob.now, knob.held) == ("governor", "schedutil", "performance", True)
    assert (found.record.restored, found.record.reasons) == (True, {})


@pytest.mark.parametrize(
    ("asked", "inside"),
    [
        (1500000, [("1500000", "1500000")] * 2),
        ("max", [("1800000", "1800000"), ("2800000", "2800000")]),
        ("min", [("300000", "300000"), ("500000", "500000")]),
        (2000000, [("1800000", "1800000"), ("2000000", "2000000")]),
    ],
)
def test_a_clock_is_held_within_what_each_processor_can(
    tree: Tree, device: PosixDevice, asked: int | str, inside: list[tuple[str, str]]
) -> None:
    with held(device, Conditions.model_validate({"frequency_khz": asked}), root=str(tree.root)):
        assert tree.limits == inside
    assert tree.limits == [("300000", "1800000"), ("500000", "2800000")]


@pytest.mark.parametrize("text", ["", "fast", "-5", "0", "1 2", "²", "9" * 40, None])
@pytest.mark.parametrize("asked", [1500000, "max", "min"])
def test_a_limit_the_device_does_not_tell_is_not_made_up(tree: Tree, asked: int | str, text: str | None) -> None:
    for name in ("cpuinfo_min_freq", "cpuinfo_max_freq"):
        path = f"{CPU}/cpufreq/policy4/{name}"
        if text is None:
            (tree.root / path).unlink()
        else:
            tree[path] = text
    with LocalTransport() as here:
        wanted = Conditions.model_validate({"frequency_khz": asked})
        found = by_name(knobs(snapshot(here, str(tree.root)), wanted))["frequency"]
    if asked == 1500000:
        assert (found.settable, set(found.writes.values())) == (True, {"1500000"})
        return
    assert (found.settable, found.writes) == (False, {})
    assert found.advice == f"cpuinfo_{asked}_freq tells no clock: say it in kHz (conditions.frequency_khz)"


@pytest.mark.parametrize("error", [ValueError("the cell failed"), KeyboardInterrupt(), Stopped("sh")])
def test_it_is_put_back_whatever_ends_the_cell(tree: Tree, device: PosixDevice, error: BaseException) -> None:
    with pytest.raises(type(error)), held(device, PERFORMANCE, root=str(tree.root)):
        raise error
    assert tree.governors == ["schedutil", "schedutil"]


def test_it_is_put_back_when_the_sweep_is_being_interrupted(tree: Tree, device: PosixDevice) -> None:
    """Whose scope refuses every new command by then."""
    scope = Scope()
    with scope.entered(), held(device, PERFORMANCE, root=str(tree.root)):
        scope.stop()
        with pytest.raises(Stopped):
            device.transport.run(["true"], 10)
    assert tree.governors == ["schedutil", "schedutil"]


KILLED = """\
import os, signal, sys
from edgerig.devices.conditioning.hold import held
from edgerig.devices.device import PosixDevice
from edgerig.devices.kinds.serving import ServingDevice
from edgerig.devices.local import LocalTransport
from edgerig.spec.conditions import Conditions
device = PosixDevice(LocalTransport(), sys.argv[2], ("python3",), None)
with held(device, Conditions(governor="performance", frequency_khz="max"), root=sys.argv[1]):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(root: Path, workdir: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(root), workdir], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("wanted", [Conditions(), PERFORMANCE])
def test_after_a_kill_the_next_one_that_reaches_it_puts_it_back(
    tree: Tree, device: PosixDevice, wanted: Conditions
) -> None:
    killed(tree.root, device.workdir)
    assert tree.governors == ["performance", "performance"]
    assert tree.limits == [("1800000", "1800000"), ("2800000", "2800000")]
    with held(device, wanted, root=str(tree.root)) as found:
        assert tree.limits == [("300000", "1800000"), ("500000", "2800000")]
        assert tree.governors == [wanted.governor or "schedutil"] * 2
    assert tree.governors == ["schedutil", "schedutil"]
    assert [knob.before for knob in found.record.knobs] == (["schedutil"] if wanted.any else [])


def gone(tree: Tree) -> None:
    """The group's processors were taken offline."""
    (tree.root / GOVERNORS[1]).parent.rename(tree.root / "offline")


def refusing(tree: Tree) -> None:
    """Its file can be read and takes nothing; a test may be root, whom no mode stops: the kernel's own such file."""
    (tree.root / GOVERNORS[1]).unlink()
    (tree.root / GOVERNORS[1]).symlink_to("/proc/version")


def back(tree: Tree) -> None:
    folder = (tree.root / GOVERNORS[1]).parent
    if (tree.root / "offline").exists():
        (tree.root / "offline").rename(folder)
    elif (tree.root / GOVERNORS[1]).is_symlink():
        (tree.root / GOVERNORS[1]).unlink()
        tree[GOVERNORS[1]] = "performance"


@pytest.mark.parametrize("lost", [gone, refusing])
def test_what_cannot_be_put_back_is_told_each_time_and_stays_in_the_note(
    tree: Tree, device: PosixDevice, tmp_path: Path, lost: Callable[[Tree], None]
) -> None:
    killed(tree.root, device.workdir)
    lost(tree)
    for _ in range(2):
        with held(device, Conditions(), root=str(tree.root)) as found:
            assert tree[GOVERNORS[0]] == "schedutil"
        assert GOVERNORS[1] in found.record.reasons["left"]
    tree[GOVERNORS[0]] = "powersave"  # its owner's: what is back is ours no more
    told = tune.reset(reached(device, tree))
    assert told.done.startswith("not all could be put back")
    assert GOVERNORS[1] in told.kept
    assert tree[GOVERNORS[0]] == "powersave"
    back(tree)
    again = tune.reset(reached(device, tree))
    assert (again.done, again.kept) == ("put back as it was", {})
    assert tree[GOVERNORS[1]] == "schedutil"
    assert tree.limits[1] == ("500000", "2800000")
    assert not (tmp_path / "work" / HELD).exists()


def test_a_cell_does_not_forget_what_an_earlier_one_could_not_put_back(tree: Tree, device: PosixDevice) -> None:
    """It notes what the file was before anything of ours, not what it finds."""
    killed(tree.root, device.workdir)
    gone(tree)
    with held(device, PERFORMANCE, root=str(tree.root)) as found:
        back(tree)
    assert f"{GOVERNORS[1]} is not there" in found.record.reasons["left"]
    assert tree.governors == ["schedutil", "schedutil"]
    assert tree.limits[1] == ("500000", "2800000")


def test_what_is_gone_for_good_goes_with_the_boot(tree: Tree, device: PosixDevice, tmp_path: Path) -> None:
    killed(tree.root, device.workdir)
    gone(tree)
    assert tune.reset(reached(device, tree)).kept
    tree["proc/sys/kernel/random/boot_id"] = "an0ther"
    assert tune.reset(reached(device, tree)).done == "nothing was set by us"
    assert not (tmp_path / "work" / HELD).exists()


def test_after_a_restart_there_is_nothing_to_put_back(tree: Tree, device: PosixDevice, tmp_path: Path) -> None:
    killed(tree.root, device.workdir)
    tree["proc/sys/kernel/random/boot_id"] = "an0ther"
    with held(device, Conditions(), root=str(tree.root)):
        assert tree.governors == ["performance", "performance"]
    assert not (tmp_path / "work" / HELD).exists()


@pytest.mark.parametrize("line", ["etc/passwd root", f"{CPU}/../../../../etc/passwd root", "/etc/passwd root", "junk"])
def test_a_note_restores_nothing_but_files_of_the_processors(
    tree: Tree, device: PosixDevice, tmp_path: Path, line: str
) -> None:
    tree["etc/passwd"] = "as it was"
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / HELD).write_text(f"boot b00t\n{line}\n{GOVERNORS[0]} powersave\n")
    with held(device, Conditions(), root=str(tree.root)):
        pass
    assert tree["etc/passwd"] == "as it was"
    assert tree.governors == ["powersave", "schedutil"]


def test_without_a_place_for_the_note_nothing_is_set(tree: Tree, device: PosixDevice, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    nowhere = replace(device, notes=str(tmp_path / "file" / "notes"))
    with held(nowhere, PERFORMANCE, root=str(tree.root)) as found:
        assert tree.governors == ["schedutil", "schedutil"]
    assert "the note of what is to be set could not be written" in found.record.reasons["knobs"]
    assert not found.record.knobs[0].held


@pytest.mark.parametrize("value", ["per formance", "a;b", "", "$(id)"])
def test_what_is_no_value_is_not_sent(tree: Tree, value: str) -> None:
    with LocalTransport() as here, pytest.raises(DeviceError, match="a path or a value"):
        Note(here, str(tree.root)).set({GOVERNORS[0]: value})


class Cooling:
    """In place of a pause: each look later it is so many degrees cooler."""

    def __init__(self, tree: Tree, *degrees: float) -> None:
        self.tree, self.degrees, self.paused = tree, list(degrees), 0.0

    def __call__(self, seconds: float) -> None:
        self.paused += seconds
        if self.degrees:
            self.tree["sys/class/thermal/thermal_zone1/temp"] = str(int(1000 * self.degrees.pop(0)))


def test_a_start_temperature_is_waited_for(tree: Tree, device: PosixDevice) -> None:
    cooling = Cooling(tree, 46, 44.9, 30)
    with held(device, Conditions(start_below_c=45), root=str(tree.root), pause=cooling) as found:
        assert cooling.degrees == [30]
    assert (found.record.temperature_c, found.record.hot, found.record.start_below_c) == (44.9, False, 45)


@pytest.mark.parametrize("policy", ["run", "skip"])
def test_one_that_stays_hot_is_run_and_said_or_left(tree: Tree, device: PosixDevice, policy: str) -> None:
    wanted = Conditions.model_validate({"start_below_c": 45, "wait_s": 0, "when_hot": policy})
    if policy == "skip":
        with pytest.raises(TooHot, match=r"still at 48\.5 °C"), held(device, wanted, root=str(tree.root)):
            raise AssertionError("nothing is run")
        return
    with held(device, wanted, root=str(tree.root)) as found:
        assert (found.record.hot, found.record.temperature_c) == (True, 48.5)


def test_where_no_zone_is_told_nothing_is_waited_for(tree: Tree, device: PosixDevice) -> None:
    for zone in (0, 1):
        tree[f"sys/class/thermal/thermal_zone{zone}/temp"] = "asleep"
    with held(device, Conditions(start_below_c=10), root=str(tree.root)) as found:
        assert "no thermal zone" in found.record.reasons["temperature_c"]


def test_a_device_without_a_shell_is_left_alone(device: PosixDevice) -> None:
    class Board:
        lease = device.lease

    with held(Board(), PERFORMANCE) as found:  # type: ignore[arg-type]
        assert found.record.reasons == {"knobs": NO_SHELL}


def reached(device: PosixDevice, tree: Tree) -> tune.Reached:
    return tune.Reached(device.transport, device.workdir, str(tree.root))


def test_a_tuned_device_stays_so_through_cells_until_it_is_reset(tree: Tree, device: PosixDevice) -> None:
    found = tune.tuned(reached(device, tree), Conditions())
    assert tree.governors == ["performance", "performance"]
    assert found.done.startswith("set: governor;")
    with held(device, Conditions(governor="powersave"), root=str(tree.root)):
        assert tree.governors == ["powersave", "powersave"]
    assert tree.governors == ["performance", "performance"]
    assert tune.tuned(reached(device, tree), Conditions()).done.startswith("set: governor;")
    assert tune.reset(reached(device, tree)).done == "put back as it was"
    assert tree.governors == ["schedutil", "schedutil"]
    assert tune.reset(reached(device, tree)).done == "nothing was set by us"


def test_tuning_after_a_kill_notes_what_was_before_the_cell(tree: Tree, device: PosixDevice) -> None:
    killed(tree.root, device.workdir)
    tune.tuned(reached(device, tree), Conditions())
    assert tree.governors == ["performance", "performance"]
    assert tree.limits == [("300000", "1800000"), ("500000", "2800000")]
    assert tune.reset(reached(device, tree)).done == "put back as it was"
    assert tree.governors == ["schedutil", "schedutil"]


def test_looking_sets_nothing(tree: Tree, device: PosixDevice) -> None:
    assert tune.looked(reached(device, tree), Conditions()).done == "nothing was set"
    assert tree.governors == ["schedutil", "schedutil"]
    assert not os.path.exists(f"{device.workdir}/{TUNED}")


def test_an_emulated_device_has_no_clock() -> None:
    with pytest.raises(ConfigError, match="emulated"), tune.reached(load_device("qemu-rpi4"), claim("q", "", "t")):
        pass


def test_a_server_that_is_somewhere_is_not_this_machine() -> None:
    there = ServingDevice(name="gpu", kind="serving", server="kserve", url="http://192.0.2.1:8080")
    with (
        pytest.raises(ConfigError, match=r"server at http://192\.0\.2\.1:8080"),
        tune.reached(there, claim("q", "", "t")),
    ):
        pass


def test_conditions_of_a_sweep_stand_over_those_of_a_devices_file() -> None:
    ours, files = Conditions(governor="powersave"), Conditions(governor="performance", start_below_c=40)
    assert ours.over(files) == Conditions(governor="powersave", start_below_c=40)
    assert Conditions().over(files) == files


@pytest.mark.parametrize(
    ("zones", "expected"),
    [({"a/type": "cpu", "a/temp": "40000", "b/type": "gpu", "b/temp": "90000"}, 40.0), ({"a/temp": "-99000"}, None)],
)
def test_the_processors_own_zone_counts(tmp_path: Path, zones: dict[str, str], expected: float | None) -> None:
    for name, value in zones.items():
        zone, _, file = name.partition("/")
        folder = tmp_path / f"sys/class/thermal/thermal_zone{ord(zone)}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(f"{value}\n")
    with LocalTransport() as here:
        assert temperature_c(snapshot(here, str(tmp_path))) == expected


REAL = f"{CPU}/cpu0/power/pm_qos_resume_latency_us"


@pytest.mark.skipif(not os.access(f"/{REAL}", os.W_OK), reason="this kernel's files are not ours to set")
def test_a_file_of_this_machines_kernel_is_set_and_put_back(tmp_path: Path) -> None:
    before = Path("/", REAL).read_text().strip()
    with LocalTransport() as here:
        note = Note(here, str(tmp_path))
        try:
            assert note.set({REAL: "100"}) == {REAL: "100"}
            assert Path("/", REAL).read_text().strip() == "100"
        finally:
            assert note.restore() == (True, {})
    assert Path("/", REAL).read_text().strip() == before
