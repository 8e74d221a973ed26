"""Token sets: their expiry, and representations without secrets."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drio_tui.auth.authorization import AuthorizationCode, AuthorizationRequest
from drio_tui.auth.bearer import BearerAuth, StaticToken
from drio_tui.auth.client_store import Client
from drio_tui.auth.events import UrlReady
from drio_tui.auth.tokens import TokenExpiry, TokenSet
from tests.auth.conftest import FakeClock, token_set

SECRETS = ("at-first", "rt-first", "very-secret-client")


def test_representations_hold_no_secret(clock: FakeClock) -> None:
    """B69: repr, str, format, pickle."""
    tokens = token_set(clock, client_secret="very-secret-client")
    for text in (repr(tokens), str(tokens), f"{tokens}", f"{[tokens]}", pickle.dumps(tokens).decode("latin-1")):
        assert not any(secret in text for secret in SECRETS)
    restored = pickle.loads(pickle.dumps(tokens))
    assert restored.client_id == tokens.client_id
    assert restored.access_token == "‹hidden›"


def test_copies_within_the_process_keep_the_secrets(clock: FakeClock) -> None:
    """B69: only leaving the process redacts."""
    tokens = token_set(clock)
    assert copy.copy(tokens) == copy.deepcopy([tokens])[0] == tokens


def test_reprs_of_other_objects_hold_no_secret(clock: FakeClock) -> None:
    """B69 B68: static tokens, attempts, codes, clients, addresses."""
    request = AuthorizationRequest("https://i", False, "http://127.0.0.1:1/callback")
    static = StaticToken("very-secret-token", "DRIO_TOKEN")
    client = Client("c", "https://i", client_secret="very-secret-client", registration_token="very-secret-reg")
    objects = [
        request,
        static,
        client,
        AuthorizationCode("very-secret-code"),
        UrlReady("https://x/?state=very-secret-state"),
    ]
    objects.append(BearerAuth(static, "https://getdrio.com/api/v1"))
    for obj in objects:
        assert "very-secret" not in repr(obj)
        assert request.state not in repr(obj)
        assert request.verifier not in repr(obj)
    assert "very-secret" not in pickle.dumps(static).decode("latin-1")


def test_expiry_is_an_absolute_time_across_restarts(clock: FakeClock) -> None:
    """B48: stored and read back after 200 s, 100 s are left."""
    text = json.dumps(token_set(clock).to_json())
    clock.now += 200
    restarted = FakeClock(clock.now)
    expiry = TokenExpiry(TokenSet.from_json(json.loads(text)), restarted)
    assert expiry.remaining == pytest.approx(100)


@pytest.mark.parametrize(("lifetime", "margin"), [(300, 30), (3600, 60), (600, 60), (10, 1), (86400, 60)])
def test_margin_is_a_minute_or_a_tenth_of_a_short_lifetime(clock: FakeClock, lifetime: float, margin: float) -> None:
    """B49: min(60 s, 10 %)."""
    tokens = token_set(clock, lifetime=float(lifetime), expires_at=clock.wall() + lifetime)
    assert tokens.margin == margin
    expiry = TokenExpiry(tokens, clock)
    clock.pass_time(lifetime - margin - 1)
    assert not expiry.needs_refresh
    clock.pass_time(1)
    assert expiry.needs_refresh
    assert not expiry.is_expired


def test_clock_set_back_does_not_extend_the_lifetime(clock: FakeClock) -> None:
    """B50: within the process the monotonic clock counts."""
    expiry = TokenExpiry(token_set(clock), clock)
    clock.now -= 10 * 365 * 86400
    assert expiry.remaining == pytest.approx(300)
    clock.ticks += 300
    assert expiry.is_expired


def test_expiry_far_in_the_future_is_capped_by_the_lifetime(clock: FakeClock) -> None:
    """B50: the clock was set back between two runs."""
    tokens = token_set(clock)
    earlier = FakeClock(clock.now - 86400 * 365)
    assert TokenExpiry(tokens, earlier).remaining == pytest.approx(300)


def test_clock_set_forward_only_triggers_a_refresh(clock: FakeClock) -> None:
    """B49: by an hour."""
    expiry = TokenExpiry(token_set(clock), clock)
    clock.now += 3600
    assert expiry.needs_refresh


def test_token_without_lifetime_never_needs_a_refresh(clock: FakeClock) -> None:
    """B38: missing `expires_in`: refresh on 401 only."""
    expiry = TokenExpiry(token_set(clock, lifetime=None, expires_at=None), clock)
    clock.pass_time(10**9)
    assert not expiry.needs_refresh
    assert not expiry.is_expired
    assert expiry.remaining is None


@given(
    obtained=st.floats(0, 4e9),
    lifetime=st.floats(1, 1e7),
    jump=st.floats(-1e9, 1e9),
    ticks=st.floats(0, 1e8),
)
def test_remaining_time_never_exceeds_the_lifetime(obtained: float, lifetime: float, jump: float, ticks: float) -> None:
    """B50: whatever the two clocks do."""
    clock = FakeClock(obtained)
    expiry = TokenExpiry(token_set(clock, lifetime=lifetime, expires_at=obtained + lifetime), clock)
    clock.now += jump
    clock.ticks += ticks
    remaining = expiry.remaining
    assert remaining is not None
    assert remaining <= lifetime + 1e-3
    assert remaining <= lifetime - ticks + 1e-3


@pytest.mark.parametrize(
    "change",
    [{"access_token": None}, {"access_token": 3}, {"obtained_at": "x"}, {"expires_at": True}, {"client_id": []}],
)
def test_stored_token_set_of_the_wrong_shape_is_rejected(clock: FakeClock, change: dict[str, object]) -> None:
    """B62: with ValueError; the store then sets it aside."""
    body = {k: v for k, v in (token_set(clock).to_json() | change).items() if v is not None}
    with pytest.raises(ValueError):
        TokenSet.from_json(body)
    with pytest.raises(ValueError):
        TokenSet.from_json([body])


def test_unknown_properties_of_a_stored_token_set_are_ignored(clock: FakeClock) -> None:
    """B62: of a newer version."""
    tokens = token_set(clock)
    assert TokenSet.from_json(tokens.to_json() | {"from_the_future": {"a": 1}}) == tokens
