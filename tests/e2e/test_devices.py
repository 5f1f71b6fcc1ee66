"""One sweep over every way to a device: this machine, a real sshd on an emulated arm64 machine, a real adbd over an
Android-like userland, and two emulated processors."""

import os
from pathlib import Path

import pytest
from adbd import adb_target
from e2e.commands import Edgerig, Ended

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.needs("qemu-user", "qemu-system-arm", "e2fsprogs", "g++", "g++-aarch64-linux-gnu"),
]

DATA = Path(os.environ.get("EDGERIG_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
KWS = DATA / "mlperf_tiny" / "keyword_spotting"
DEVICES = ("local", "qemu-vm", "android", "qemu-rpi4", "qemu-rpi5")
SWEEP = """
models = ["digits_cnn", "digits_vit", {more}]
recipes = ["int8-static", "as-is"]
select = ["digits_cnn-*-int8-static@*", "digits_vit-*-tflite-int8-static@*", "kws_*-tflite-as-is@*"]
devices = [{devices}]
out = "reports"
{dataset}
[run]
min_seconds = 0.1
"""


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """The digits models everywhere, and the keyword-spotting file where its folder is.

    The transformer in one format only: in float its 540 images take an emulated processor half a minute.
    """
    edgerig = Edgerig(tmp_path_factory.mktemp("devices"))
    more, dataset = "", ""
    if KWS.is_dir():
        more, dataset = f'"{KWS / "kws_ref_model.tflite"}"', f'dataset = "{KWS / "kws01.npz"}"'
    text = SWEEP.format(more=more, dataset=dataset, devices=", ".join(f'"{name}"' for name in DEVICES))
    with adb_target("arm64") as android, pytest.MonkeyPatch.context() as patch:
        for key, value in android.environment.items():
            patch.setenv(key, value)
        (edgerig.folder / "devices").mkdir()
        (edgerig.folder / "devices" / "android.toml").write_text(
            f'kind = "adb"\nconnect = "{android.address}"\nemulated = true\n'
        )
        done = edgerig("sweep", edgerig.sweep_file(text), timeout=1500)
    assert done.code == 0, done.err
    return done


def test_every_cell_on_every_device_is_ok(sweep: Ended) -> None:
    cells = sweep.cells
    assert {cell["device"] for cell in cells.values()} == set(DEVICES)
    assert all(cell["status"] == "ok" for cell in cells.values())
    assert sum(cell["model"] == "digits_cnn" for cell in cells.values()) == 3 * len(DEVICES)
    assert sum(cell["model"] == "digits_vit" for cell in cells.values()) == len(DEVICES)


def test_what_is_emulated_says_so_and_is_never_called_stable(sweep: Ended) -> None:
    for cell in sweep.cells.values():
        assert cell["emulated"] == (cell["device"] != "local")
        assert (cell["verdict"]["label"] == "emulated") == cell["emulated"]
        if cell["emulated"]:
            assert (cell["latency"]["samples"], cell["latency"]["warmup_runs"]) == (5, 1), "no time is spent on timing"
    assert sweep.results["devices"]["qemu-vm"]["kind"] == "qemu-system"
    for name, device in sweep.results["devices"].items():
        assert device["arch"] == ("aarch64" if name != "local" else device["arch"])


def test_accuracy_is_measured_on_each_device(sweep: Ended) -> None:
    for cell in sweep.cells.values():
        if cell["model"].startswith("digits_"):
            assert cell["accuracy"]["samples"] == 540
            assert cell["accuracy"]["value"] >= (0.98 if cell["model"] == "digits_cnn" else 0.96), cell["id"]


@pytest.mark.skipif(not KWS.is_dir(), reason=f"no reference models in {KWS} (set EDGERIG_TEST_DATA)")
def test_keyword_spotting_on_each_device_stands_beside_this_machine(sweep: Ended) -> None:
    found = {c["device"]: c["accuracy"] for c in sweep.cells.values() if c["model"] == "kws_ref_model"}
    assert found.keys() == set(DEVICES)
    for name, accuracy in found.items():
        assert accuracy["samples"] == 1000, name
        assert accuracy["value"] == pytest.approx(found["local"]["value"], abs=0.01), name
    page = (sweep.run / "index.html").read_text()
    assert all(name in page for name in DEVICES)


def test_the_devices_state_stands_with_each_cell(sweep: Ended) -> None:
    for cell in sweep.cells.values():
        state = cell["state"]
        assert state["before"]["memory_available_bytes"] > 0 and state["after"]["load1"] is not None, cell["id"]
        for moment in (state["before"], *state["during"], state["after"]):
            assert {name for name, value in moment.items() if value is None} <= set(state["reasons"]), cell["id"]
        if not cell["device"].startswith("qemu-rpi"):  # their kernel is this machine's
            assert state["before"]["cpu"] is not None, cell["id"]


def test_int8_costs_fewer_instructions_where_there_are_dot_products(sweep: Ended) -> None:
    cells = sweep.cells
    for engine in ("tflite", "executorch"):
        a72, a76 = (
            cells[f"digits_cnn-torch-{engine}-int8-static@{name}/t1"]["cost"] for name in ("qemu-rpi4", "qemu-rpi5")
        )
        assert 0 < a76["instructions"] < a72["instructions"]
    for cell in cells.values():
        if not cell["device"].startswith("qemu-rpi"):
            assert cell["cost"]["instructions"] is None
            assert cell["cost"]["reason"]


def test_arm64_builds_agree_with_their_source(sweep: Ended) -> None:
    for cell in sweep.cells.values():
        if cell["model"].startswith("digits_"):
            assert cell["parity"]["relative_error"] < 0.1, cell["id"]
