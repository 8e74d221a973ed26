"""Token sets: how long they count, and that they never show what they hold."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drio_tui.auth.authorization import AuthorizationRequest, Granted
from drio_tui.auth.bearer import BearerAuth, StaticToken
from drio_tui.auth.client_store import Client
from drio_tui.auth.events import UrlReady
from drio_tui.auth.tokens import TokenExpiry, TokenSet
from tests.auth.conftest import FakeClock, token_set

SECRETS = ("at-first", "rt-first", "very-secret-client")


def test_representations_hold_no_secret(clock: FakeClock) -> None:
    """B69: repr, str, format, pickle."""
    tokens = token_set(clock, client_secret="very-secret-client")
    for shown in (repr(tokens), str(tokens), f"{tokens}", f"{[tokens]}", pickle.dumps(tokens).decode("latin-1")):
        assert not any(secret in shown for secret in SECRETS)
    restored = pickle.loads(pickle.dumps(tokens))
    assert restored.client_id == tokens.client_id
    assert restored.access_token == "‹hidden›"


def test_copies_within_the_process_stay_whole(clock: FakeClock) -> None:
    """B69: only leaving the process redacts."""
    tokens = token_set(clock)
    assert copy.copy(tokens) == copy.deepcopy([tokens])[0] == tokens


def test_other_holders_of_secrets_are_just_as_quiet(clock: FakeClock) -> None:
    """B69 B68: static tokens, attempts, codes, clients, addresses."""
    attempt = AuthorizationRequest("https://i", False, "http://127.0.0.1:1/callback")
    static = StaticToken("very-secret-token", "DRIO_TOKEN")
    client = Client("c", "https://i", client_secret="very-secret-client", registration_token="very-secret-reg")
    holders = [attempt, static, client, Granted("very-secret-code"), UrlReady("https://x/?state=very-secret-state")]
    holders.append(BearerAuth(static, "https://getdrio.com/api/v1"))
    for holder in holders:
        assert "very-secret" not in repr(holder)
        assert attempt.state not in repr(holder)
        assert attempt.verifier not in repr(holder)
    assert "very-secret" not in pickle.dumps(static).decode("latin-1")


def test_the_end_is_an_absolute_time_that_a_restart_does_not_move(clock: FakeClock) -> None:
    """B48: stored and read back 200 s later, 100 s are left."""
    text = json.dumps(token_set(clock).to_json())
    clock.now += 200
    restarted = FakeClock(clock.now)
    life = TokenExpiry(TokenSet.from_json(json.loads(text)), restarted)
    assert life.left == pytest.approx(100)


@pytest.mark.parametrize(("lifetime", "margin"), [(300, 30), (3600, 60), (600, 60), (10, 1), (86400, 60)])
def test_the_margin_is_a_minute_or_a_tenth_of_a_short_life(clock: FakeClock, lifetime: float, margin: float) -> None:
    """B49: min(60 s, 10 %)."""
    tokens = token_set(clock, lifetime=float(lifetime), expires_at=clock.wall() + lifetime)
    assert tokens.margin == margin
    life = TokenExpiry(tokens, clock)
    clock.pass_time(lifetime - margin - 1)
    assert not life.due
    clock.pass_time(1)
    assert life.due
    assert not life.over


def test_a_clock_set_back_does_not_lengthen_a_life(clock: FakeClock) -> None:
    """B50: within the process the monotonic clock counts."""
    life = TokenExpiry(token_set(clock), clock)
    clock.now -= 10 * 365 * 86400
    assert life.left == pytest.approx(300)
    clock.ticks += 300
    assert life.over


def test_an_end_far_in_the_future_is_capped_by_the_lifetime(clock: FakeClock) -> None:
    """B50: the clock was set back between two runs."""
    tokens = token_set(clock)
    earlier = FakeClock(clock.now - 86400 * 365)
    assert TokenExpiry(tokens, earlier).left == pytest.approx(300)


def test_a_clock_set_forward_only_asks_for_a_refresh(clock: FakeClock) -> None:
    """B49: an hour ahead: due, and nothing worse."""
    life = TokenExpiry(token_set(clock), clock)
    clock.now += 3600
    assert life.due


def test_without_a_lifetime_nothing_is_ever_due(clock: FakeClock) -> None:
    """B38: missing `expires_in`: refresh on 401 only."""
    life = TokenExpiry(token_set(clock, lifetime=None, expires_at=None), clock)
    clock.pass_time(10**9)
    assert not life.due
    assert not life.over
    assert life.left is None


@given(
    obtained=st.floats(0, 4e9),
    lifetime=st.floats(1, 1e7),
    jump=st.floats(-1e9, 1e9),
    ticks=st.floats(0, 1e8),
)
def test_no_clock_makes_a_token_live_longer_than_its_life(
    obtained: float, lifetime: float, jump: float, ticks: float
) -> None:
    """B50: whatever the two clocks do, what is left is never more than the life."""
    clock = FakeClock(obtained)
    life = TokenExpiry(token_set(clock, lifetime=lifetime, expires_at=obtained + lifetime), clock)
    clock.now += jump
    clock.ticks += ticks
    left = life.left
    assert left is not None
    assert left <= lifetime + 1e-3
    assert left <= lifetime - ticks + 1e-3


@pytest.mark.parametrize(
    "change",
    [{"access_token": None}, {"access_token": 3}, {"obtained_at": "x"}, {"expires_at": True}, {"client_id": []}],
)
def test_a_stored_set_of_the_wrong_shape_is_not_read(clock: FakeClock, change: dict[str, object]) -> None:
    """B62: ValueError, which the store turns into "signed out, kept aside"."""
    body = {k: v for k, v in (token_set(clock).to_json() | change).items() if v is not None}
    with pytest.raises(ValueError):
        TokenSet.from_json(body)
    with pytest.raises(ValueError):
        TokenSet.from_json([body])


def test_a_newer_programs_extra_members_are_ignored(clock: FakeClock) -> None:
    """B62: unknown members are no damage."""
    tokens = token_set(clock)
    assert TokenSet.from_json(tokens.to_json() | {"from_the_future": {"a": 1}}) == tokens
