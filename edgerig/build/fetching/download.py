"""A file from an address, whatever its bytes: for what nobody has published a checksum of, which is then recorded."""

from __future__ import annotations

from pathlib import Path

from edgerig.errors import FetchError

CONNECT_TIMEOUT_S = 20.0
"""Until a server answers, and between two pieces of what it sends."""
_PIECE_BYTES = 2**20


def download(url: str, into: Path, hint: str) -> None:
    """Writes what lies at the address to the path `into`, which is there only when it is whole. Raises FetchError."""
    import requests

    part = into.with_name(f"{into.name}.part")
    try:
        with requests.get(url, stream=True, timeout=CONNECT_TIMEOUT_S) as answer:
            answer.raise_for_status()
            announced = answer.headers.get("Content-Length")
            with part.open("wb") as out:
                for piece in answer.iter_content(_PIECE_BYTES):
                    out.write(piece)
            encoded = answer.headers.get("Content-Encoding")
            if announced is not None and encoded is None and part.stat().st_size != int(announced):
                raise FetchError(
                    f"{url}: {part.stat().st_size:,} of {int(announced):,} bytes came", hint=f"try again, or {hint}"
                )
        part.replace(into)
    except requests.RequestException as error:
        raise FetchError(
            f"{url}: cannot be downloaded: {type(error).__name__}: {reason(error)}",
            hint=f"is there a network, and a proxy to set? Else {hint}",
        ) from error
    except OSError as error:
        raise FetchError(f"{part}: cannot be written: {error.strerror}", hint="is there space in the cache?") from error
    finally:
        part.unlink(missing_ok=True)


def reason(error: BaseException) -> str:
    """The innermost cause, which names what went wrong and not the library's own objects."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error).split("\n")[0][:300]
