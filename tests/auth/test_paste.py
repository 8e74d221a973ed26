"""Pasting the address back, for SSH and containers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drio_tui.auth.authorization import AuthorizationRequest, Granted, Refused
from drio_tui.auth.errors import AuthorizationDenied, IssuerMixUp, PasteRefused

URI = "http://127.0.0.1:51789/callback"


def attempt(named: bool = False) -> AuthorizationRequest:
    return AuthorizationRequest("https://id.example", named, URI)


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
def test_the_address_or_the_code_is_taken_in_every_shape_people_paste(shape: str) -> None:
    """B36: full URL, bare code, spaces, wrapped lines, `&amp;`; state checked when present."""
    one = attempt()
    assert one.judge_pasted(shape.format(uri=URI, state=one.state)) == Granted("the-code")


def test_an_address_of_another_attempt_is_named_as_such() -> None:
    """B36: an old tab's address."""
    with pytest.raises(PasteRefused, match="another sign-in attempt"):
        attempt().judge_pasted(f"{URI}?code=the-code&state={attempt().state}")


def test_the_address_to_open_is_told_from_the_one_it_ended_at() -> None:
    """B36: the commonest mistake."""
    with pytest.raises(PasteRefused, match="address to open"):
        attempt().judge_pasted("https://id.example/authorize?response_type=code&client_id=x&state=y&code_challenge=z")


@pytest.mark.parametrize(
    "text", ["", "   ", "abc", "https://id.example/", f"{URI}?state=x", "x" * 100_000, "ümlaut", "\x1b[A"]
)
def test_what_cannot_be_an_answer_is_refused_and_ends_nothing(text: str) -> None:
    """B36: the sign-in goes on waiting."""
    with pytest.raises(PasteRefused) as caught:
        attempt().judge_pasted(text)
    assert caught.value.hint


def test_a_pasted_refusal_is_the_servers_answer() -> None:
    """B36 B31: `error` in the pasted address counts like one that came by itself."""
    one = attempt()
    verdict = one.judge_pasted(f"{URI}?error=access_denied&state={one.state}")
    assert isinstance(verdict, Refused)
    assert isinstance(verdict.error, AuthorizationDenied)


def test_the_issuer_of_a_pasted_address_is_checked() -> None:
    """B36 B30: the same rules as for the listener."""
    one = attempt()
    verdict = one.judge_pasted(f"{URI}?code=abcd&iss=https://evil.example&state={one.state}")
    assert isinstance(verdict, Refused)
    assert isinstance(verdict.error, IssuerMixUp)


@given(st.text(max_size=400))
def test_no_text_at_all_breaks_the_reader(text: str) -> None:
    """B36: a verdict or a refusal, never anything else."""
    try:
        verdict = attempt().judge_pasted(text)
    except PasteRefused:
        return
    assert isinstance(verdict, Granted | Refused)


@given(st.text(max_size=400))
def test_no_query_at_all_breaks_the_judge(query: str) -> None:
    """B29: whatever the request line held, nobody without the state gets through."""
    assert not isinstance(attempt().judge(query), Granted | Refused)
