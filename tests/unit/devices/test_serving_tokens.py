"""A token is for one scheme, host and port."""

import pytest

from edgerig.devices.serving.tokens import VARIABLE, token_for
from edgerig.errors import DeviceError

TOKENS = {VARIABLE: "https://a.example/x one\n http://b.example:8080 tw,o http://[::1]:81 three"}


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("https://a.example", "one"),
        ("https://A.example:443/v2", "one"),
        ("http://a.example", ""),
        ("https://a.example:8443", ""),
        ("https://a.example.evil.example", ""),
        ("https://evil.example/a.example", ""),
        ("http://b.example:8080", "tw,o"),
        ("http://b.example", ""),
        ("http://[::1]:81/", "three"),
        ("http://127.0.0.1:81", ""),
    ],
)
def test_a_server_is_told_its_own(url: str, token: str) -> None:
    assert token_for(url, TOKENS) == token
    assert token_for(url, {}) == ""


@pytest.mark.parametrize(
    "value",
    [
        "secret",
        "secret https://a.example",
        "https://a.example secret more",
        "https://a.example sécret",
        "https://user:secret@a.example secret",
        "https://a.example:port secret",
        "ftp://a.example secret",
    ],
)
def test_what_does_not_say_whose_it_is_is_nobodys_and_is_not_shown(value: str) -> None:
    with pytest.raises(DeviceError, match="does not say which server") as caught:
        token_for("https://a.example/v1", {VARIABLE: value})
    assert "cret" not in caught.value.message + caught.value.hint
    assert caught.value.hint.endswith(f"{VARIABLE}='https://a.example TOKEN'")
