"""Formats by runtimes of JavaScript: in a real Chromium and a real node. Their packages come from npm once, into the
user's cache."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from e2e.commands import QUICK, Edgerig, Ended, send
from processes import children, processes, running, wait_for

from edgerig.cache import cache_root
from edgerig.spec import load_engines

pytestmark = [pytest.mark.e2e, pytest.mark.needs("chromium", "nodejs", "npm")]

DATA = Path(os.environ.get("EDGERIG_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
KWS = DATA / "mlperf_tiny" / "keyword_spotting"
SWEEP = """
models = ["digits_cnn"]
formats = ["onnx", "tflite", "executorch"]
recipes = ["fp32", "int8-static"]
devices = ["browser", "node"]
select = ["*-onnx-*", "*-tflite-*", "*-executorch-fp32@node*"]
"""
LASTING = """
models = ["digits_cnn"]
formats = ["onnx"]
recipes = ["fp32"]
devices = ["{device}"]
[run]
min_seconds = 60
timeout_s = {timeout_s}
repeats = 1
attempts = 1
profile = "never"
"""
NO_COUNT = "cannot tell its thread count"
IN_THE_MIDDLE_S = 4.0
"""After which a page has loaded its runtime, and is at work for a minute."""


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    edgerig = Edgerig(tmp_path_factory.mktemp("web"))
    done = edgerig("sweep", edgerig.sweep_file(f"{SWEEP}{QUICK}sustained_s = 600\n"))
    assert done.code == 0, done.err
    return done


def test_every_format_that_runs_there_is_as_accurate_as_its_source(sweep: Ended) -> None:
    ran = {name: cell for name, cell in sweep.cells.items() if cell["status"] == "ok"}
    assert {(cell["engine"]["name"], cell["device"]) for cell in ran.values()} == {
        ("ort_web", "browser"),
        ("ort_web", "node"),
        ("litert_js", "browser"),
        ("litert_js", "node"),
    }
    assert len(ran) == 8
    for cell in ran.values():
        assert cell["accuracy"]["value"] > 0.98
        assert cell["parity"]["relative_error"] < (1e-5 if cell["recipe"] == "fp32" else 0.05)
        assert cell["verdict"]["evidence"]["host_relative_error"] < 0.01, "the same file, here and there"


def test_what_cannot_be_told_there_says_why(sweep: Ended) -> None:
    cell = sweep.cells["digits_cnn-torch-onnx-fp32@browser/t1"]
    assert cell["memory"]["peak_rss_bytes"] > cell["memory"]["runtime_rss_bytes"] > 10**7
    assert "by the browser's own count" in cell["memory"]["includes"]
    for what in ("energy", "cost", "affinity"):
        assert cell[what]["reason"], what
    assert cell["sustained"]["reason"] == "a script is not kept at work for minutes", "and none was started for it"
    assert sweep.results["devices"]["browser"]["state"]["browser"].startswith(("Chromium", "Google Chrome"))


def test_an_engine_tells_what_its_row_says(sweep: Ended) -> None:
    engines = load_engines()
    for cell in sweep.cells.values():
        if cell["status"] == "ok":
            tells, delegation = engines[cell["engine"]["name"]].tells, cell["delegation"]
            assert ("delegation" in tells) == (delegation["delegated"] is not None) == (not delegation["reason"])
            assert ("threads" in tells) == (NO_COUNT not in " ".join(cell["engine"]["notes"]))


def test_the_clocks_step_and_its_consequence_are_said(sweep: Ended) -> None:
    """A page's clock has steps of some µs (5, where it is isolated): a network of 0.1 ms is timed in batches."""
    notes = sweep.cells["digits_cnn-torch-onnx-fp32@browser/t1"]["engine"]["notes"]
    steps = next(float(note.split("steps of ")[1].split()[0]) for note in notes if "steps of" in note)
    assert 1 <= steps <= 20
    assert any("inferences are timed as one sample" in note for note in notes)
    assert not any("not isolated" in note for note in notes)


def test_a_format_that_does_not_run_there_is_no_failure(sweep: Ended) -> None:
    refused = {name: cell for name, cell in sweep.cells.items() if cell["status"] == "unsupported"}
    assert {cell["format"] for cell in refused.values()} == {"executorch"}
    for cell in refused.values():
        assert "a device of the kind node runs onnx" in cell["error"]["message"]


def test_litert_js_has_one_thread_in_node_and_says_so(edgerig: Edgerig) -> None:
    select = ("--model", "digits_cnn", "--format", "tflite", "--recipe", "fp32", "--device", "node", "--threads", "2")
    done = edgerig("sweep", edgerig.sweep_file(f"{QUICK}limit = 16\n"), *select)
    assert done.code == 0, done.err
    (cell,) = done.cells.values()
    assert cell["engine"]["threads"] == 1
    assert "in node it has one" in " ".join(cell["engine"]["notes"])


@pytest.mark.skipif(not KWS.is_dir(), reason=f"{KWS} is absent")
def test_what_the_runtime_refuses_is_in_its_own_words(edgerig: Edgerig) -> None:
    """MLPerf Tiny's keyword spotting takes and gives int8, which LiteRT.js 2.5.3 has no tensors of."""
    file, data = KWS / "kws_ref_model.tflite", KWS / "kws01.npz"
    text = f'models = ["{file}"]\ndataset = "{data}"\ndevices = ["browser"]\n{QUICK}limit = 100\n'
    done = edgerig("sweep", edgerig.sweep_file(text))
    assert done.code == 1
    (cell,) = done.cells.values()
    assert "Error: Element type INT8 is not supported" in cell["error"]["message"]


def test_two_threads_are_in_force_in_an_isolated_page(edgerig: Edgerig) -> None:
    select = ("--model", "digits_cnn", "--format", "onnx", "--format", "tflite", "--recipe", "fp32")
    done = edgerig("sweep", edgerig.sweep_file(QUICK), *select, "--device", "browser", "--threads", "2")
    assert done.code == 0, done.err
    engines = [cell["engine"] for cell in done.cells.values()]
    assert [(each["name"], each["threads"]) for each in engines] == [("ort_web", 2), ("litert_js", 2)]
    assert NO_COUNT in " ".join(engines[1]["notes"]), "what is given is what was asked for"
    assert all(cell["accuracy"]["value"] > 0.98 for cell in done.cells.values())


def test_a_cache_elsewhere_is_the_runners_too(edgerig: Edgerig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its environment is bare: from that it would look below the home folder, and download anew within the cell."""
    monkeypatch.setenv("EDGERIG_CACHE", str(cache_root()))
    monkeypatch.setenv("HOME", str(edgerig.folder / "home"))
    select = ("--model", "digits_cnn", "--format", "onnx", "--recipe", "fp32", "--device", "node")
    done = edgerig("sweep", edgerig.sweep_file(f"{QUICK}limit = 16\n"), *select)
    assert done.code == 0, done.err
    assert not (edgerig.folder / "home" / ".cache" / "edgerig").exists()


@pytest.mark.parametrize(("device", "victim"), [("browser", "--type=renderer"), ("node", "node.mjs")])
def test_what_crashes_in_the_middle_costs_its_cell(edgerig: Edgerig, scratch: str, device: str, victim: str) -> None:
    sweep = edgerig.start("sweep", edgerig.sweep_file(LASTING.format(device=device, timeout_s=300)))
    wait_for(lambda: _of(sweep, victim), 200)
    time.sleep(IN_THE_MIDDLE_S)
    killing = threading.Thread(target=_kill_until_it_ends, args=(sweep, victim))
    killing.start()
    _, said = sweep.communicate(timeout=120)
    killing.join()
    assert sweep.returncode == 1
    assert ("ended before the run did" if device == "browser" else "node ended by SIGKILL") in said
    assert processes(scratch) == []


def test_a_page_that_does_not_answer_is_ended_at_its_deadline(edgerig: Edgerig, scratch: str) -> None:
    done = edgerig("sweep", edgerig.sweep_file(LASTING.format(device="browser", timeout_s=10)))
    assert done.code == 1
    (cell,) = done.cells.values()
    assert (cell["error"]["kind"], "deadline of 10 s" in cell["error"]["message"]) == ("RunTimeout", True)
    assert processes(scratch) == []


def test_a_browser_that_is_not_there_or_none_costs_a_cell_each(edgerig: Edgerig, scratch: str) -> None:
    (edgerig.folder / "devices").mkdir()
    for name, program in (("none", "/nowhere/chrome"), ("other", "/bin/true")):
        (edgerig.folder / "devices" / f"{name}.toml").write_text(f'kind = "browser"\nbrowser = "{program}"\n')
    text = LASTING.format(device='none", "other', timeout_s=60)
    done = edgerig("sweep", edgerig.sweep_file(text))
    assert done.code == 1
    none, other = done.cells.values()
    assert none["error"] | {"hint": ""} == {
        "stage": "deploy",
        "kind": "DeviceError",
        "message": "/nowhere/chrome: no such program",
        "hint": "",
    }
    assert other["error"]["kind"] == "DeviceError"
    assert "/bin/true is no browser made of Chromium" in other["error"]["message"]
    assert processes(scratch) == []


def test_nothing_outlives_a_host_that_is_killed(edgerig: Edgerig, scratch: str) -> None:
    sweep = edgerig.start("sweep", edgerig.sweep_file(LASTING.format(device="browser", timeout_s=300)))
    wait_for(lambda: _of(sweep, "--type=renderer"), 200)
    mine = children(sweep.pid)
    send(sweep.pid, signal.SIGKILL)
    sweep.communicate(timeout=60)
    wait_for(lambda: not any(map(running, mine)), 30)
    wait_for(lambda: processes(scratch) == [], 30)


def _kill_until_it_ends(sweep: subprocess.Popen[str], victim: str) -> None:
    """A browser has renderers that show no page of ours, and starts others in their place."""
    while sweep.poll() is None:
        for pid in set(children(sweep.pid)) & set(processes(victim)):
            with contextlib.suppress(ProcessLookupError):
                send(pid, signal.SIGKILL)
        time.sleep(0.5)


def _of(sweep: subprocess.Popen[str], word: str) -> list[int]:
    """The sweep's own processes with that word."""
    assert sweep.poll() is None, sweep.communicate()
    mine = set(children(sweep.pid)) & set(processes(word))
    return sorted(mine)
