"""Replacing secrets: where they are found, and that the same secret gets the same placeholder."""

from __future__ import annotations

import base64
import json

import pytest

from drio_tui.api.redact import redact_headers
from drio_tui.cassette.placeholders import Placeholders, recorded_body

SECRET = "f3e1-a/very+long \"secret'"


def test_the_same_secret_gets_the_same_placeholder_everywhere() -> None:
    hide = Placeholders()
    header = hide.headers([("Authorization", f"Bearer {SECRET.replace(' ', '')}")])
    token = SECRET.replace(" ", "")
    assert header == [["Authorization", "Bearer redacted-token-1"]]
    assert hide.json({"access_token": token, "refresh_token": "other"}, oauth=False) == {
        "access_token": "redacted-token-1",
        "refresh_token": "redacted-token-2",
    }
    assert hide.form([("token", token), ("grant_type", "code")]) == [
        ["token", "redacted-token-1"],
        ["grant_type", "code"],
    ]


@pytest.mark.parametrize(
    "text",
    [SECRET, json.dumps({"a": SECRET}), "https://x/?q=f3e1-a%2Fvery%2Blong%20%22secret%27",
     "q=f3e1-a%2Fvery%2Blong+%22secret%27"],
)  # fmt: skip
def test_a_known_secret_is_found_in_every_spelling(text: str) -> None:
    hide = Placeholders()
    hide.json({"apiKey": SECRET}, oauth=False)
    replaced = hide.replace_known({"echo": [text], text: 1})
    assert "very" not in json.dumps(replaced)
    assert "redacted-secret-1" in replaced["echo"][0]


def test_urls_headers_and_pages() -> None:
    hide = Placeholders()
    assert hide.url("https://u:pass-word@h/cb?code=abc&state=xyz&keep=1#frag", oauth=True) == (
        "https://u:redacted-password-1@h/cb?code=redacted-code-1&state=redacted-state-1&keep=1"
    )
    basic = base64.b64encode(b"client:the-password").decode()
    headers = hide.headers([("Authorization", f"Basic {basic}"), ("Set-Cookie", "sid=1; Path=/"),
                            ("Location", "http://127.0.0.1:1/cb?code=abc"), ("Accept", "*/*")])  # fmt: skip
    assert headers[1:] == [
        ["Set-Cookie", "redacted-cookie-1"],
        ["Location", "http://127.0.0.1:1/cb?code=redacted-code-1"],
        ["Accept", "*/*"],
    ]
    assert hide.replace_known("is the-password there?") == "is redacted-password-2 there?"
    page = recorded_body(b'<input name="csrf" value="abc123">', "text/html", hide, oauth=True)
    assert "abc123" not in str(page)


TOKEN = "eyJhbGciOiJub25lIn0.e30."


@pytest.mark.parametrize(
    ("value", "recorded"),
    [
        (f"Bearer {TOKEN}", "Bearer redacted-token-1"),
        (f"Bearer {TOKEN}==", "Bearer redacted-token-1"),
        (f"Bearer {TOKEN}=more", "Bearer redacted-token-1"),
        ("Bearer lowercaseletters==", "Bearer redacted-token-1"),
        ("Bearer access_token=lowercase", "Bearer redacted-token-1"),
        (f'Bearer realm="x", Bearer {TOKEN}', 'Bearer realm="x", Bearer redacted-token-1'),
        ('Bearer resource_metadata="http://h/.well-known/oauth-protected-resource/api/v1"', None),
        ('Bearer  resource_metadata = "http://h/"', None),
        ('Bearer realm="x", error="invalid_token"', None),
        ("Bearer error=invalid_token", None),
        ('Bearer error_description="The token does not count", realm="x"', None),
        ('DPoP algs="ES256", error="use_dpop_nonce"', None),
        ('Basic realm="x"', None),
    ],
)
def test_parameters_of_a_challenge_are_no_tokens(value: str, recorded: str | None) -> None:
    assert Placeholders().headers([("WWW-Authenticate", value)]) == [["WWW-Authenticate", recorded or value]]
    assert (redact_headers([("WWW-Authenticate", value)])[0][1] == value) == (recorded is None)


@pytest.mark.parametrize("scheme", ["Bearer", "DPoP"])
def test_credentials_of_every_scheme_are_hidden(scheme: str) -> None:
    assert Placeholders().headers([("Authorization", f"{scheme} {TOKEN}")]) == [
        ["Authorization", f"{scheme} redacted-token-1"]
    ]
    assert Placeholders().headers([("Authorization", "Basic dXNlcjpw")])[0][1] == "Basic redacted-token-1"


def test_what_cannot_be_searched_is_omitted() -> None:
    hide = Placeholders()
    assert recorded_body(b'{"access_token": "abc', "application/json", hide, oauth=False) == {"omitted": 21}
    assert recorded_body(b"\xff\xfe", "image/png", hide, oauth=False) == {"omitted": 2}
    assert recorded_body(b"", "application/json", hide, oauth=False) == {}


def test_placeholders_of_an_earlier_run_are_not_given_again() -> None:
    hide = Placeholders()
    hide.continue_after('{"a":"Bearer redacted-token-7","b":"redacted-code-2"}')
    assert hide.of("token", "another-token") == "redacted-token-8"
    assert hide.of("token", "redacted-token-7") == "redacted-token-7"


def test_an_ordinary_value_below_a_secret_name_is_hidden_there_only() -> None:
    hide = Placeholders()
    hidden = hide.json({"credentials": {"kind": "text"}, "text": "plain text"}, oauth=False)
    assert hidden["credentials"]["kind"].startswith("redacted-")
    assert hide.replace_known(hidden["text"]) == "plain text"
