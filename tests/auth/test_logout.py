"""Signing out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keyring.errors
import pytest

from drio_tui.auth import token_endpoint
from drio_tui.auth.errors import StoreFailed
from drio_tui.auth.logout import log_out
from drio_tui.auth.profiles import Profile, Profiles
from drio_tui.auth.token_store import Vault
from tests.auth.conftest import MemoryKeyring, Person, token_set
from tests.auth.httpd import HTML, Raw, Reply, Request, json_reply
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
    assert token_endpoint.REVOKE_SECONDS == 5.0
    monkeypatch.setattr(token_endpoint, "REVOKE_SECONDS", 0.3)

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


class Lockable(MemoryKeyring):
    """A keyring that a person can lock."""

    locked = False

    def _check(self) -> None:
        if self.locked:
            raise keyring.errors.KeyringLocked("Failed to unlock the collection!")

    def get_password(self, service: str, username: str) -> str | None:
        self._check()
        return super().get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self._check()
        super().set_password(service, username, password)


UseKeyring = Callable[[Any], Any]


async def test_an_older_sign_in_in_a_locked_keyring_is_reported_and_revoked_at_the_next_try(
    person: Person, world: World, use_keyring: UseKeyring
) -> None:
    """B66: signed in again while the keyring was locked; what was reached is gone, the rest is named."""
    backend = use_keyring(Lockable())
    await person.signs_in()
    backend.locked = True
    person.store = Vault()
    done = await person.signs_in()
    assert done.profile.token_store == "file"
    with pytest.raises(StoreFailed, match="KeyringLocked") as caught:
        await log_out(done.profile, Vault(), person.profiles)
    assert "Not signed out everywhere" in str(caught.value)
    assert "unlock" in caught.value.hint
    assert world.revoked == [done.tokens.refresh_token]
    kept = Profiles.load().get(done.profile.name)
    assert kept == done.profile
    backend.locked = False
    result = await log_out(kept, Vault(), person.profiles)
    assert result.revoked
    assert world.refresh == {}
    assert backend.kept == {}
    assert await Vault().load(kept) is None


async def test_every_copy_of_a_profile_is_revoked_and_removed(
    person: Person, world: World, use_keyring: UseKeyring
) -> None:
    """B66: kept in the keyring, then in the file by choice; none of the two can be renewed afterwards."""
    backend = use_keyring(Lockable())
    first = await person.signs_in()
    second = await person.signs_in(replace(first.profile, pinned_file=True))
    assert await Vault().copies(second.profile) == ([first.tokens, second.tokens], [])
    result = await log_out(second.profile, Vault(), person.profiles)
    assert result.revoked
    assert result.copies == 2
    assert sorted(world.revoked) == sorted([first.tokens.refresh_token, second.tokens.refresh_token])
    assert world.refresh == {}
    assert backend.kept == {}
    assert await Vault().copies(second.profile) == ([], [])


async def test_revoked_is_said_only_when_every_copy_was(person: Person, world: World, use_keyring: UseKeyring) -> None:
    """B66: the server takes back one of two."""
    use_keyring(Lockable())
    first = await person.signs_in()
    second = await person.signs_in(replace(first.profile, pinned_file=True))

    async def choosy(request: Request) -> Reply:
        return Reply(500) if request.form["token"] == first.tokens.refresh_token else Reply(200)

    world.override[REVOKE] = choosy
    result = await log_out(second.profile, Vault(), person.profiles)
    assert result.was_signed_in
    assert not result.revoked
    assert "did not take the token back" in (result.problem or "")


@pytest.mark.parametrize(
    "reply",
    [HTML, json_reply({"error": "unsupported_token_type"}), json_reply({"error": {"code": "no", "message": "no"}})],
    ids=["page", "error", "envelope"],
)
async def test_a_refusal_under_status_200_is_no_revocation(person: Person, world: World, reply: Reply) -> None:
    """B66: a page or an OAuth error is not the empty answer of RFC 7009."""

    async def refuses(request: Request) -> Reply:
        return reply

    world.override[REVOKE] = refuses
    done = await person.signs_in()
    result = await log_out(done.profile, person.store, person.profiles)
    assert not result.revoked
    assert result.problem


async def test_a_profile_of_an_earlier_version_says_which_place_could_not_be_looked_into(
    person: Person, use_keyring: UseKeyring
) -> None:
    """B66: whether the keyring ever held a token of it was not recorded then."""
    backend = use_keyring(Lockable())
    backend.locked = True
    profile = Profile("old", person.world.base_url, "ada@example.com", token_store="file")
    person.profiles.add(profile)
    await Vault(insecure=True).save(profile, token_set(person.clock))
    result = await log_out(profile, Vault(), person.profiles)
    assert "KeyringLocked" in (result.problem or "")
    assert person.profiles.get("old") == profile  # else a second try would look for another entry


async def test_a_profile_that_was_never_kept_is_no_trouble(person: Person) -> None:
    """B66."""
    result = await log_out(Profile("p", "https://getdrio.com/api/v1"), person.store, person.profiles)
    assert not result.was_signed_in
    assert len(person.profiles) == 0
