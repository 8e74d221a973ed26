"""Pasting the redirect URL, for SSH and containers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drio_tui.auth.authorization import AuthorizationCode, AuthorizationRequest, FailedCallback
from drio_tui.auth.errors import AuthorizationDenied, IssuerMixUp, PasteRefused

URI = "http://127.0.0.1:51789/callback"


def new_request(iss_required: bool = False) -> AuthorizationRequest:
    return AuthorizationRequest("https://id.example", iss_required, URI)


@pytest.mark.parametrize(
    "shape",
    [
        "{uri}?code=the-code&state={state}",
        "   {uri}?code=the-code&state={state}  \n",
        "{uri}?code=the-\n   code&sta\nte={state}",
        "{uri}?code=the-code&amp;state={state}",
        "{uri}?state={state}&#38;code=the-code",
        '"{uri}?code=the-code&state={state}"',
        "<{uri}?code=the-code&state={state}>",
        "?code=the-code&state={state}",
        "code=the-code&state={state}",
        "127.0.0.1:51789/callback?code=the-code&state={state}",
        "{uri}?code=the-code&state={state}#_=_",
        "{uri}?code=the-code",
        "the-code",
        "  the-code\n",
    ],
)
def test_pasted_url_or_code_is_accepted_in_every_usual_form(shape: str) -> None:
    """B36: full URL, bare code, spaces, wrapped lines, `&amp;`; state checked when present."""
    request = new_request()
    assert request.parse_pasted(shape.format(uri=URI, state=request.state)) == AuthorizationCode("the-code")


def test_pasted_url_of_another_attempt_is_refused() -> None:
    """B36: an old tab's address."""
    with pytest.raises(PasteRefused, match="another sign-in attempt"):
        new_request().parse_pasted(f"{URI}?code=the-code&state={new_request().state}")


def test_pasted_authorization_url_is_refused() -> None:
    """B36: it is the most common mistake."""
    with pytest.raises(PasteRefused, match="address to open"):
        new_request().parse_pasted(
            "https://id.example/authorize?response_type=code&client_id=x&state=y&code_challenge=z"
        )


@pytest.mark.parametrize(
    "text", ["", "   ", "abc", "https://id.example/", f"{URI}?state=x", "x" * 100_000, "ümlaut", "\x1b[A"]
)
def test_unusable_pasted_text_is_refused_with_a_hint(text: str) -> None:
    """B36: the sign-in goes on waiting."""
    with pytest.raises(PasteRefused) as caught:
        new_request().parse_pasted(text)
    assert caught.value.hint


def test_error_in_a_pasted_url_counts_as_the_callback() -> None:
    """B36 B31: like the one in a redirect."""
    request = new_request()
    result = request.parse_pasted(f"{URI}?error=access_denied&state={request.state}")
    assert isinstance(result, FailedCallback)
    assert isinstance(result.error, AuthorizationDenied)


def test_the_issuer_of_a_pasted_address_is_checked() -> None:
    """B36 B30: the same rules as for the listener."""
    request = new_request()
    result = request.parse_pasted(f"{URI}?code=abcd&iss=https://evil.example&state={request.state}")
    assert isinstance(result, FailedCallback)
    assert isinstance(result.error, IssuerMixUp)


@given(st.text(max_size=400))
def test_any_pasted_text_gives_a_result_or_is_refused(text: str) -> None:
    """B36: no other exception is raised."""
    try:
        result = new_request().parse_pasted(text)
    except PasteRefused:
        return
    assert isinstance(result, AuthorizationCode | FailedCallback)


@given(st.text(max_size=400))
def test_any_query_without_the_state_is_unrelated(query: str) -> None:
    """B29: whatever the query holds."""
    assert not isinstance(new_request().parse_callback(query), AuthorizationCode | FailedCallback)
