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
from drio_tui.auth.token_store import TokenStore
from tests.auth.conftest import MemoryKeyring, User, token_set
from tests.auth.httpd import HTML, Raw, Reply, Request, always, json_reply
from tests.auth.world import REVOKE, SignInServers


async def test_logout_revokes_the_refresh_token_and_deletes_everything(user: User, world: SignInServers) -> None:
    """B66: revoked at the server, deleted here, and removed from the profile."""
    done = await user.sign_in()
    result = await log_out(done.profile, user.store, user.profiles)
    assert result.was_signed_in
    assert result.revoked
    assert result.problem is None
    assert world.revoked == [done.tokens.refresh_token]
    sent = world.idp.requests_to(REVOKE)[0].form
    assert sent["token_type_hint"] == "refresh_token"
    assert sent["client_id"] == done.tokens.client_id
    assert await TokenStore().load(done.profile) is None
    kept = Profiles.load().get(done.profile.name)
    assert kept is not None
    assert kept.account is None


@pytest.mark.parametrize("reply", [Reply(500), Reply(400), Raw(b"", "reset"), Raw(b"", "hang")], ids=range(4))
async def test_failed_revocation_is_reported_and_tokens_are_deleted(
    user: User, world: SignInServers, reply: Reply | Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B66: after at most 5 s."""
    assert token_endpoint.REVOKE_SECONDS == 5.0
    monkeypatch.setattr(token_endpoint, "REVOKE_SECONDS", 0.3)

    async def broken(request: Request) -> Reply | Raw:
        return reply

    world.override[REVOKE] = broken
    done = await user.sign_in()
    result = await log_out(done.profile, user.store, user.profiles)
    assert not result.revoked
    assert result.problem
    assert await TokenStore().load(done.profile) is None


async def test_missing_revocation_endpoint_is_reported(user: User, world: SignInServers) -> None:
    """B66: tokens are revoked only where the endpoint is advertised."""
    world.settings.metadata = {"revocation_endpoint": None}
    done = await user.sign_in()
    result = await log_out(done.profile, user.store, user.profiles)
    assert not result.revoked
    assert "no revocation" in (result.problem or "")
    assert world.idp.requests_to(REVOKE) == []


async def test_signing_out_twice_is_no_error(user: User) -> None:
    """B66."""
    done = await user.sign_in()
    await log_out(done.profile, user.store, user.profiles)
    result = await log_out(done.profile, user.store, user.profiles)
    assert not result.was_signed_in


async def test_logout_leaves_the_other_account_signed_in(user: User, world: SignInServers) -> None:
    """B65 B66: the profile that was created for the other account is removed."""
    ada = await user.sign_in()
    world.settings.account = "bob@example.com"
    bob = await user.sign_in()
    await log_out(bob.profile, user.store, user.profiles)
    assert await TokenStore().load(ada.profile) == ada.tokens
    assert [p.name for p in Profiles.load()] == [ada.profile.name]


async def test_tokens_that_cannot_be_deleted_are_an_error(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """B66: deletion is verified; the profile is then left unchanged."""
    import keyring.core

    class Clinging(MemoryKeyring):
        def delete_password(self, service: str, username: str) -> None:
            pass

    monkeypatch.setattr(keyring.core, "_keyring_backend", Clinging())
    done = await user.sign_in()
    with pytest.raises(StoreFailed, match="still holds"):
        await log_out(done.profile, user.store, user.profiles)
    kept = user.profiles.get(done.profile.name)
    assert kept is not None
    assert kept.account == "ada@example.com"


class Lockable(MemoryKeyring):
    """A keyring that can be locked."""

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


async def test_older_tokens_in_a_locked_keyring_are_reported_and_revoked_at_the_next_logout(
    user: User, world: SignInServers, use_keyring: UseKeyring
) -> None:
    """B66: signed in again while the keyring was locked; the reachable tokens are deleted, the keyring is reported."""
    backend = use_keyring(Lockable())
    await user.sign_in()
    backend.locked = True
    user.store = TokenStore()
    done = await user.sign_in()
    assert done.profile.token_store == "file"
    with pytest.raises(StoreFailed, match="KeyringLocked") as caught:
        await log_out(done.profile, TokenStore(), user.profiles)
    assert "Not signed out everywhere" in str(caught.value)
    assert "unlock" in caught.value.hint
    assert world.revoked == [done.tokens.refresh_token]
    kept = Profiles.load().get(done.profile.name)
    assert kept == done.profile
    backend.locked = False
    result = await log_out(kept, TokenStore(), user.profiles)
    assert result.revoked
    assert world.refresh == {}
    assert backend.kept == {}
    assert await TokenStore().load(kept) is None


async def test_every_copy_of_a_profile_is_revoked_and_removed(
    user: User, world: SignInServers, use_keyring: UseKeyring
) -> None:
    """B66: one in the keyring and one in the file, by choice; neither can be refreshed afterwards."""
    backend = use_keyring(Lockable())
    first = await user.sign_in()
    second = await user.sign_in(replace(first.profile, pinned_file=True))
    assert await TokenStore().copies(second.profile) == ([first.tokens, second.tokens], [])
    result = await log_out(second.profile, TokenStore(), user.profiles)
    assert result.revoked
    assert result.copies == 2
    assert sorted(world.revoked) == sorted([first.tokens.refresh_token, second.tokens.refresh_token])
    assert world.refresh == {}
    assert backend.kept == {}
    assert await TokenStore().copies(second.profile) == ([], [])


async def test_revoked_is_true_only_when_every_copy_was_revoked(
    user: User, world: SignInServers, use_keyring: UseKeyring
) -> None:
    """B66: the server revokes one of two."""
    use_keyring(Lockable())
    first = await user.sign_in()
    second = await user.sign_in(replace(first.profile, pinned_file=True))

    async def choosy(request: Request) -> Reply:
        return Reply(500) if request.form["token"] == first.tokens.refresh_token else Reply(200)

    world.override[REVOKE] = choosy
    result = await log_out(second.profile, TokenStore(), user.profiles)
    assert result.was_signed_in
    assert not result.revoked
    assert "did not take the token back" in (result.problem or "")


@pytest.mark.parametrize(
    "reply",
    [HTML, json_reply({"error": "unsupported_token_type"}), json_reply({"error": {"code": "no", "message": "no"}})],
    ids=["page", "error", "envelope"],
)
async def test_error_or_page_with_status_200_is_no_revocation(user: User, world: SignInServers, reply: Reply) -> None:
    """B66: an HTML page or an OAuth error is not the empty response of RFC 7009."""
    world.override[REVOKE] = always(reply)
    done = await user.sign_in()
    result = await log_out(done.profile, user.store, user.profiles)
    assert not result.revoked
    assert result.problem


async def test_unreadable_keyring_is_reported_for_a_profile_of_an_earlier_version(
    user: User, use_keyring: UseKeyring
) -> None:
    """B66: earlier versions did not record whether the keyring may hold a token."""
    backend = use_keyring(Lockable())
    backend.locked = True
    profile = Profile("old", user.world.base_url, "ada@example.com", token_store="file")
    user.profiles.add(profile)
    await TokenStore(insecure=True).save(profile, token_set(user.clock))
    result = await log_out(profile, TokenStore(), user.profiles)
    assert "KeyringLocked" in (result.problem or "")
    assert user.profiles.get("old") == profile  # else a second try would look for another entry


async def test_logout_of_a_profile_that_was_never_stored_is_no_error(user: User) -> None:
    """B66."""
    result = await log_out(Profile("p", "https://getdrio.com/api/v1"), user.store, user.profiles)
    assert not result.was_signed_in
    assert len(user.profiles) == 0
