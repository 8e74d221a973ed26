"""Which texts are web addresses that can be called."""

from __future__ import annotations

import pytest

from drio_tui.urls import url_error, url_error_with_address


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "it is empty"),
        ("  ", "it is empty"),
        ("string", "it does not begin with https:// or http://"),
        ("ftp://x", "it does not begin with https:// or http://"),
        ("//example.com", "it does not begin with https:// or http://"),
        ("http://", "it names no host"),
        ("https:///path", "it names no host"),
        ("http://a b", "it holds spaces or control characters"),
        (" https://example.com", "it holds spaces or control characters"),
        ("https://example.com/\r\nX: y", "it holds spaces or control characters"),
        ("https://a\\b", "it holds a backslash"),
        ("https://ada:secret@example.com", "it holds a user name"),
        ("https://[::1", "it is no web address"),
        ("http://x:99999/", "it is no web address"),
        ("http://x:0/", "its port is 0"),
        ("https://example.com/<a>", "it holds characters that no web address has"),
        ("https://example.com/" + "a" * 2_000, "it is too long"),
        ("https://example.com/v1?a=b", ""),
        ("HTTP://127.0.0.1:8000", ""),
        ("http://[::1]:8000/mcp", ""),
        ("https://münchen.example", ""),
    ],
)
def test_invalid_addresses_have_a_reason(url: str, why: str) -> None:
    assert url_error(url) == why


@pytest.mark.parametrize(
    "url",
    [
        "https://ada:secret@example.com",
        "ftp://ada:secret@x",
        "ada:secret@x",
        "https://ada:secret@x y",
        "http://a:secret@x:0",
    ],
)
def test_reasons_do_not_repeat_addresses_with_credentials(url: str) -> None:
    assert url_error(url)
    assert url_error_with_address(url) == url_error(url)


def test_reasons_repeat_addresses_without_credentials() -> None:
    assert url_error_with_address("string") == "it does not begin with https:// or http:// (string)"
    assert url_error_with_address("https://example.com") == ""
