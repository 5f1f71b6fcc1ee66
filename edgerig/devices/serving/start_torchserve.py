"""TorchServe as the rig starts it: its own Java server, by itself, with workers that are this Python.

It has run other people's code (CVE-2023-43654 and others): here it listens on 127.0.0.1 alone, takes models from one
folder of ours and from no address, and answers whoever has the keys of that start, which lie in a folder only we read.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from edgerig.devices.leashed import LOOPBACK
from edgerig.devices.serving.started import Command, Starter
from edgerig.devices.serving.tools import TORCHSERVE, TORCHSERVE_VERSION
from edgerig.devices.serving.torchserve import TorchServe
from edgerig.errors import DeviceError, RunError
from edgerig.ondevice.served.model import Order
from edgerig.ondevice.served.torchserve import HANDLER
from edgerig.quiet import child_environment
from edgerig.toolenv import ToolEnvironment

NAME = f"TorchServe {TORCHSERVE_VERSION}"
MOST_BYTES = 2**30
KEY_MINUTES = 24 * 60


def java() -> str:
    """Its path. Raises DeviceError where there is none."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin" if home else None)
    if found is None:
        raise DeviceError(
            f"TorchServe needs Java 17, and there is no java in {f'JAVA_HOME, {home}' if home else 'PATH'}",
            hint="apt install openjdk-17-jre-headless (Debian), or set JAVA_HOME",
        )
    return found


def command(made: ToolEnvironment, folder: Path, ports: Sequence[int], order: Order) -> Command:
    """Starts TorchServe with the one model of the `order`, whose files are in `folder`. Raises DeviceError."""
    store = folder / "store" / order.name
    _write_model(store, folder, order.name)
    settings = folder / "config.properties"
    settings.write_text("".join(f"{key}={value}\n" for key, value in _settings(folder, ports, order.name).items()))
    home = _home(made)
    argv = [
        java(),
        f"-Dmodel_server_home={home}",
        f"-Djava.io.tmpdir={_made(folder / 'tmp')}",
        *("-cp", f"{home}/ts/frontend/*", "org.pytorch.serve.ModelServer"),
        *("--python", sys.executable, "-f", str(settings), "-s", str(store.parent), "-ncs"),
    ]
    return Command(NAME, argv, _environment(folder, home), ports)


def dialect(folder: Path, order: Order) -> TorchServe:
    """How it is asked once it has written its keys. Raises RunError."""
    try:
        key = json.loads((folder / "key_file.json").read_text(encoding="utf-8"))["inference"]["key"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError("TorchServe wrote no keys to its folder", hint="its log says why") from error
    return TorchServe(order.name, ours=True, metrics=True, token=str(key))


def metrics_url(ports: Sequence[int]) -> str:
    return f"http://{LOOPBACK}:{ports[2]}"


def _write_model(store: Path, folder: Path, name: str) -> None:
    """A model archive that is not packed (https://github.com/pytorch/serve/blob/master/model-archiver/README.md)."""
    _made(store / "MAR-INF")
    manifest = {
        "runtime": "python",
        "model": {"modelName": name, "modelVersion": "1.0", "handler": "handler.py", "configFile": "model.yaml"},
        "archiverVersion": TORCHSERVE_VERSION,
    }
    (store / "MAR-INF" / "MANIFEST.json").write_text(json.dumps(manifest), encoding="utf-8")
    (store / "handler.py").write_text(HANDLER, encoding="utf-8")
    # One worker: an engine infers one sample at a time, on as many threads as the cell has.
    (store / "model.yaml").write_text("minWorkers: 1\nmaxWorkers: 1\nbatchSize: 1\n", encoding="utf-8")
    with contextlib.suppress(FileExistsError):
        os.symlink(folder / "runner.pyz", store / "runner.pyz")


def _settings(folder: Path, ports: Sequence[int], model: str) -> dict[str, object]:
    """https://pytorch.org/serve/configuration.html; of what is not named here the default is the strict one."""
    inference, management, metrics, grpc, grpc_management = ports
    return {
        "inference_address": f"http://{LOOPBACK}:{inference}",
        "management_address": f"http://{LOOPBACK}:{management}",
        "metrics_address": f"http://{LOOPBACK}:{metrics}",
        "grpc_inference_address": LOOPBACK,
        "grpc_management_address": LOOPBACK,
        "grpc_inference_port": grpc,
        "grpc_management_port": grpc_management,
        "model_store": folder / "store",
        "load_models": model,
        "allowed_urls": "",
        "disable_token_authorization": "false",
        "token_expiration_min": KEY_MINUTES,
        "enable_model_api": "false",
        "install_py_dep_per_model": "false",
        "enable_envvars_config": "false",
        "metrics_mode": "prometheus",
        "disable_system_metrics": "true",
        "max_request_size": MOST_BYTES,
        "max_response_size": MOST_BYTES,
    }


def _environment(folder: Path, home: Path) -> dict[str, str]:
    """Java gives it to its workers: their Python finds TorchServe's package, and writes nothing anywhere else."""
    return child_environment(
        ("PATH",),
        LC_ALL="C.UTF-8",
        HOME=str(folder),
        TMPDIR=str(folder / "tmp"),
        LOG_LOCATION=str(_made(folder / "logs")),
        METRICS_LOCATION=str(folder / "logs"),
        PYTHONPATH=str(home),
        PYTHONNOUSERSITE="1",
        EDGERIG_SERVING=str(folder),
    )


def _home(made: ToolEnvironment) -> Path:
    """Its site-packages: the folder with the package `ts`. Raises DeviceError."""
    for found in made.python.parents[1].glob("lib/python*/site-packages"):
        if (found / "ts" / "frontend").is_dir():
            return found
    raise DeviceError(
        f"{made.python.parents[1]} has no TorchServe in it", hint="remove that folder to have it made anew"
    )


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


STARTER = Starter(NAME, TORCHSERVE, 5, java, command, dialect, metrics_url)
