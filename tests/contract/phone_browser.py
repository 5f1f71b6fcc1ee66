"""A browser on the Android-like test device: this machine's Chromium in the device's own network, where its developer
tools are at an abstract socket, as Chrome's on a phone are.

    python phone_browser.py BROWSER PROFILE     within the device's namespaces; ends when standard input does
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from adbd_inside import leading_to

if TYPE_CHECKING:
    from adbd import AdbTarget

SOCKET = "chrome_devtools_remote"
PORT = 9222
"""In the device's own network, where nobody else is."""
START_DEADLINE_S = 60.0
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextlib.contextmanager
def phone_browser(target: AdbTarget, browser: str) -> Iterator[subprocess.Popen[bytes]]:
    """Gone on leaving, with all it started; `kill` ends it as a phone does that needs its memory."""
    entered = ["nsenter", f"--target={target.init.pid}", "--user", "--net"]
    with tempfile.TemporaryDirectory(prefix="edgerig-phone-browser-", ignore_cleanup_errors=True) as folder:
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(
                [*entered, sys.executable, __file__, browser, f"{folder}/profile"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert said == b"ready\n", (Path(folder) / "log").read_text(errors="replace")[-2000:]
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()


async def _serve(browser: str, profile: str) -> None:
    started = await asyncio.create_subprocess_exec(
        *(browser, *FLAGS, f"--user-data-dir={profile}", f"--remote-debugging-port={PORT}", "about:blank"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(START_DEADLINE_S):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", PORT)
                writer.close()
                break
            assert started.returncode is None, "the browser ended"
            await asyncio.sleep(0.05)
    server = await asyncio.start_unix_server(leading_to(PORT), f"\0{SOCKET}")
    print("ready", flush=True)
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    async with server:
        over = {asyncio.create_task(orders.read()), asyncio.create_task(started.wait())}
        await asyncio.wait(over, return_when=asyncio.FIRST_COMPLETED)
    if started.returncode is None:  # the test has ended: its end of the pipe did
        started.kill()
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(_serve(*sys.argv[1:]))
