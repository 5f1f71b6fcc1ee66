"""Kinds of devices: the table, rows added to it, and those of other packages."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import plugins
import pytest

from edgerig import device_kinds
from edgerig.device_kinds import GROUP, KINDS, Entry
from edgerig.errors import ConfigError
from edgerig.plan import Plan, make_plan
from edgerig.plugins import forget
from edgerig.spec import RemoteDevice, SweepSpec, kind_named, kind_of, load_device
from edgerig.spec.device import ForeignDevice

POINT = "folder = folder_kind:KIND"


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    sys.modules.pop("folder_kind", None)
    forget()


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row added while the program runs."""
    monkeypatch.syspath_prepend(plugins.HERE)
    monkeypatch.setitem(KINDS, "folder", Entry("folder_kind:KIND", "folder:PATH"))


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    def install(point: str = POINT, module: str = "folder_kind") -> Path:
        site = plugins.install(tmp_path / "site", "edgerig-folder", GROUP, point, module)
        monkeypatch.syspath_prepend(site)
        forget()
        return site

    return install


@pytest.mark.parametrize("name", KINDS)
def test_every_row_agrees_with_its_kind(name: str) -> None:
    kind = kind_named(name)
    assert kind.spec.model_fields["kind"].annotation.__args__ == (name,)
    assert bool(kind.transport) == issubclass(kind.spec, RemoteDevice), "a remote device, and no other, has a transport"
    assert bool(kind.addressed) == bool(KINDS[name].address)
    assert not (kind.transport and kind.shares), "a machine of its own shares nothing with this one"
    assert not kind.bundled or kind.transport == ""


def test_every_alias_leads_to_a_kind_with_addresses() -> None:
    assert all(KINDS[kind].address for kind in device_kinds.ALIASES.values())


def swept(device: str) -> Plan:
    return make_plan(SweepSpec(models=("digits_cnn",), formats=("onnx",), recipes=("fp32",), devices=(device,)))


def test_a_row_added_while_the_program_runs_is_planned_like_any_other(
    added: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "bench.toml").write_text('kind = "folder"\npath = "/srv/bench"')
    monkeypatch.chdir(tmp_path)
    plan = swept("bench")
    assert [cell.id for cell in plan.cells] == ["digits_cnn-torch-onnx-fp32@bench/t1"]
    assert plan.devices["bench"].address == "folder:/srv/bench"
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
    assert swept("folder:/srv/bench").devices["folder_srv_bench"].address == plan.devices["bench"].address
    with pytest.raises(ConfigError, match=r'unknown key "pth"'):
        (tmp_path / "devices" / "bench.toml").write_text('kind = "folder"\npth = "/srv/bench"')
        load_device("bench")


def test_a_kind_of_another_package_is_found_by_its_entry_point(installed: Callable[..., Path]) -> None:
    installed()
    device = load_device("folder:/srv/bench")
    assert (device.name, device.address) == ("folder_srv_bench", "folder:/srv/bench")
    assert kind_of(device).shares == "machine"
    assert device_kinds.plugins().keys() == {"folder"}


def test_no_package_takes_a_kinds_place(installed: Callable[..., Path]) -> None:
    installed("local = folder_kind:KIND")
    with pytest.raises(
        ConfigError, match=r"package edgerig-folder 1\.0: .* has the name of a device kind there is already"
    ):
        load_device("local")


@pytest.mark.parametrize(
    ("point", "said"),
    [
        ("folder = no_such_module:KIND", "ModuleNotFoundError"),
        ("folder = folder_kind:NOTHING", "AttributeError"),
        ("folder = folder_kind:FolderDevice", "not a DeviceKind"),
    ],
)
def test_a_package_that_is_faulty_is_named(installed: Callable[..., Path], point: str, said: str) -> None:
    installed(point)
    with pytest.raises(ConfigError, match=said) as caught:
        load_device("folder:/srv/bench")
    assert caught.value.message.startswith('package edgerig-folder 1.0: entry point "folder" in edgerig.device_kinds (')
    assert caught.value.hint == "update that package, or remove it: pip uninstall edgerig-folder"
    assert load_device("local").kind == "local", "it costs no other kind"


def test_an_unknown_kind_is_told_with_those_of_packages(
    installed: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed()
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "bench.toml").write_text('kind = "foldr"')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="unknown kind 'foldr'") as caught:
        load_device("bench")
    assert caught.value.hint.startswith('did you mean "folder"?')


def test_a_run_of_a_kind_that_is_not_here_can_be_read_but_not_gone_on_with(
    added: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = swept("folder:/srv/bench")
    text = plan.model_dump_json()
    monkeypatch.delitem(KINDS, "folder")
    found = Plan.model_validate_json(text)
    assert found.model_dump(mode="json") == plan.model_dump(mode="json")
    (device,) = found.devices.values()
    assert isinstance(device, ForeignDevice)
    with pytest.raises(ConfigError, match="unknown kind 'folder'"):
        kind_of(device)


@pytest.mark.parametrize("device", [{}, {"kind": 3}, {"kind": "ssh", "name": "a"}, {"kind": "none", "name": "../a"}, 7])
def test_a_device_of_a_damaged_run_is_refused(device: object) -> None:
    plan = swept("local").model_dump(mode="json")
    with pytest.raises(ValueError, match=r"devices\.local"):
        Plan.model_validate(plan | {"devices": {"local": device}})


def test_a_files_path_is_no_devices_name() -> None:
    with pytest.raises(ConfigError, match="is a file's path") as refused:
        load_device("./mine.toml")
    assert "./devices" in refused.value.hint
