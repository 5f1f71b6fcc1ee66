"""A script in a page of a phone's browser: it finds its job at a port of the phone that leads to this host, and is
driven over the browser's developer tools, whose socket the adb server gives a stream to.

No port of this host leads to the phone meanwhile: whoever reaches the adb server reaches the browser, and nobody else.
"""

from __future__ import annotations

import contextlib
import functools
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

from edgerig.devices.web import devtools
from edgerig.devices.web.place import Host, Place


def run(place: Place) -> None:
    """`place.command`: the adb server's port, the phone's serial, the tools' socket, and a file to note the phone's
    port in as long as that leads here. Raises RuntimeError when the browser cannot be talked to, or it or the page
    ends before the script does."""
    from adbutils import AdbClient

    from edgerig.devices.adb.ports import reversed_to
    from edgerig.devices.adb.server import open_service
    from edgerig.errors import DeviceError

    server, serial, name, note = place.command
    client = AdbClient(port=int(server))

    def connect(timeout_s: float) -> devtools.Socket:
        try:
            stream = open_service(client, serial, f"localabstract:{name}".encode(), timeout_s)
        except DeviceError as error:
            raise OSError(error.message) from error
        sock: devtools.Socket = stream.conn
        return sock

    address = urllib.parse.urlsplit(place.address)
    try:
        with reversed_to(client, serial, address.port or 0) as there, _noted(Path(note), there):
            devtools.run_page(connect, f"http://127.0.0.1:{there}{address.path}/page.html")
    except DeviceError as error:
        raise RuntimeError(error.message) from error


@contextlib.contextmanager
def _noted(note: Path, there: int) -> Iterator[None]:
    """Whoever finds the note after us takes back what we could not: we were killed."""
    note.write_text(str(there), encoding="ascii")
    try:
        yield
    finally:
        note.unlink()


HOST = Host(run, functools.partial(list, ()), "a browser on another device", here=False)
