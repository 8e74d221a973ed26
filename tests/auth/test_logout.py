"""Signing out."""

from __future__ import annotations

import pytest

from drio_tui.auth import exchange
from drio_tui.auth.errors import StoreFailed
from drio_tui.auth.logout import log_out
from drio_tui.auth.profiles import Profile, Profiles
from drio_tui.auth.store import Vault
from tests.auth.conftest import MemoryKeyring, Person
from tests.auth.httpd import Raw, Reply, Request
from tests.auth.world import REVOKE, World


async def test_the_refresh_token_is_revoked_and_everything_is_deleted(person: Person, world: World) -> None:
    """B66: revoked at the server, gone here, the profile knows no account any more."""
    done = await person.signs_in()
    result = await log_out(done.profile, person.store, person.profiles)
    assert result.was_signed_in
    assert result.revoked
    assert result.problem is None
    assert world.revoked == [done.tokens.refresh_token]
    sent = world.idp.to(REVOKE)[0].form
    assert sent["token_type_hint"] == "refresh_token"
    assert sent["client_id"] == done.tokens.client_id
    assert await Vault().load(done.profile) is None
    kept = Profiles.load().get(done.profile.name)
    assert kept is not None
    assert kept.account is None


@pytest.mark.parametrize("reply", [Reply(500), Reply(400), Raw(b"", "reset"), Raw(b"", "hang")], ids=range(4))
async def test_a_server_that_does_not_cooperate_is_reported_and_changes_nothing(
    person: Person, world: World, reply: Reply | Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B66: 5 s at most, failure told, deleted here all the same."""
    assert exchange.REVOKE_SECONDS == 5.0
    monkeypatch.setattr(exchange, "REVOKE_SECONDS", 0.3)

    async def broken(request: Request) -> Reply | Raw:
        return reply

    world.override[REVOKE] = broken
    done = await person.signs_in()
    result = await log_out(done.profile, person.store, person.profiles)
    assert not result.revoked
    assert result.problem
    assert await Vault().load(done.profile) is None


async def test_without_a_revocation_endpoint_it_is_said_that_the_token_lives_on(person: Person, world: World) -> None:
    """B66: only where advertised."""
    world.settings.metadata = {"revocation_endpoint": None}
    done = await person.signs_in()
    result = await log_out(done.profile, person.store, person.profiles)
    assert not result.revoked
    assert "no revocation" in (result.problem or "")
    assert world.idp.to(REVOKE) == []


async def test_signing_out_twice_is_no_error(person: Person) -> None:
    """B66."""
    done = await person.signs_in()
    await log_out(done.profile, person.store, person.profiles)
    result = await log_out(done.profile, person.store, person.profiles)
    assert not result.was_signed_in


async def test_the_other_account_stays_signed_in(person: Person, world: World) -> None:
    """B65 B66: and the profile that was named after the account goes with it."""
    ada = await person.signs_in()
    world.settings.account = "bob@example.com"
    bob = await person.signs_in()
    await log_out(bob.profile, person.store, person.profiles)
    assert await Vault().load(ada.profile) == ada.tokens
    assert [p.name for p in Profiles.load()] == [ada.profile.name]


async def test_tokens_that_cannot_be_deleted_are_an_error(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """B66: verified; the profile is then left as it is."""
    import keyring.core

    class Clinging(MemoryKeyring):
        def delete_password(self, service: str, username: str) -> None:
            pass

    monkeypatch.setattr(keyring.core, "_keyring_backend", Clinging())
    done = await person.signs_in()
    with pytest.raises(StoreFailed, match="still holds"):
        await log_out(done.profile, person.store, person.profiles)
    kept = person.profiles.get(done.profile.name)
    assert kept is not None
    assert kept.account == "ada@example.com"


async def test_a_profile_that_was_never_kept_is_no_trouble(person: Person) -> None:
    """B66."""
    result = await log_out(Profile("p", "https://getdrio.com/api/v1"), person.store, person.profiles)
    assert not result.was_signed_in
    assert len(person.profiles) == 0
