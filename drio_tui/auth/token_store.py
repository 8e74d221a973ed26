"""Stores tokens: in the keyring where there is one, else in a private file, with a notice to the user.

A `SecretBackend` stores named texts in one place. `TokenStore` stores token sets in the best backend available, moves
them from the file to the keyring once there is one, and caches what it has read.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Literal, Protocol

from drio_tui.auth.errors import StoreFailed
from drio_tui.auth.file_store import FileBackend
from drio_tui.auth.keyring_store import OsKeyringBackend
from drio_tui.auth.profiles import Profile
from drio_tui.auth.tokens import TokenSet

Place = Literal["keyring", "file", "memory", ""]
PROBE_ENTRY = "probe"
"""An entry that is never written: reading it shows whether a keyring works."""


class SecretBackend(Protocol):
    """One place that stores texts by name. Every method may raise `StoreFailed`, whose text says why."""

    @property
    def label(self) -> str:
        """The place, as text for the user."""

    async def get(self, entry: str) -> str | None:
        """Return the text of `entry`, or None."""

    async def put(self, entry: str, text: str) -> None:
        """Store the text, replacing an older one."""

    async def delete(self, entry: str) -> None:
        """Delete the entry, if it exists."""

    async def set_aside(self, entry: str, text: str) -> str:
        """Move an unreadable entry out of the way; return where it is now, as text for the user."""


class TokenStorage(Protocol):
    """A store of token sets, as needed for signing in, refreshing and signing out."""

    async def load(self, profile: Profile, *, fresh: bool = False) -> TokenSet | None:
        """Return the profile's token set, from the cache unless `fresh`; None if signed out. Raises `StoreFailed`."""

    async def save(self, profile: Profile, tokens: TokenSet) -> Place:
        """Store the token set, which must not be used before; return where it is stored."""

    async def delete(self, profile: Profile) -> None:
        """Delete the token set and verify that it is gone. Raises `StoreFailed` when it is not."""

    async def copies(self, profile: Profile) -> tuple[list[TokenSet], list[StoreFailed]]:
        """Return every token set stored for the profile in any backend, and the errors of unreadable backends."""

    async def put_secret(self, name: str, text: str) -> None:
        """Store another secret, e.g. a client's, by name. It is lost, with a notice, where nothing can be written."""

    async def get_secret(self, name: str) -> str | None:
        """Return the secret of that name, or None."""

    async def delete_secret(self, name: str) -> None:
        """Delete the secret of that name."""

    async def place(self, profile: Profile) -> tuple[Place, str]:
        """Return where the token set is, or would be stored, and the same as text for the user."""


class TokenStore:
    """The `TokenStorage` of the program.

    `insecure` stores in the file only and does not touch the keyring. `notice` is called with messages for the user,
    each once: that the file is used and why, that an entry was damaged. Token sets are cached, so that the keyring is
    read once per account and run.
    """

    def __init__(
        self,
        *,
        insecure: bool = False,
        notice: Callable[[str], None] | None = None,
        keyring: SecretBackend | None = None,
    ) -> None:
        self._keyring = None if insecure else (keyring or OsKeyringBackend(self._notify))
        self._file = FileBackend()
        self._on_notice = notice
        self._notified: set[str] = set()
        self._cache: dict[str, TokenSet] = {}
        self._memory_only: set[str] = set()
        self._places: dict[str, Place] = {}

    async def load(self, profile: Profile, *, fresh: bool = False) -> TokenSet | None:
        entry = profile.entry
        if entry in self._cache and (not fresh or entry in self._memory_only):
            return self._cache[entry]
        tokens = await self._load(entry, None if profile.pinned_file else self._keyring)
        if tokens is None:
            self._cache.pop(entry, None)
        else:
            self._cache[entry] = tokens
        return tokens

    async def save(self, profile: Profile, tokens: TokenSet) -> Place:
        entry = profile.entry
        keyring = None if profile.pinned_file else self._keyring
        text = json.dumps(tokens.to_json(), separators=(",", ":"))
        file_announced = profile.token_store == "file"  # noqa: S105 - a place, not a password
        place = await self._save(entry, text, keyring, file_announced=file_announced)
        self._cache[entry] = tokens
        self._places[entry] = place
        (self._memory_only.add if place == "memory" else self._memory_only.discard)(entry)
        return place

    async def delete(self, profile: Profile) -> None:
        entry = profile.entry
        self._cache.pop(entry, None)
        self._memory_only.discard(entry)
        self._places.pop(entry, None)
        failures: list[str] = []
        hint: str | None = None
        for backend in self._backends():
            try:
                await backend.delete(entry)
                if await backend.get(entry) is not None:
                    failures.append(f"{backend.label} still holds the tokens")
            except StoreFailed as error:
                # An unreadable keyring is an error only if it may hold tokens.
                not_in_keyring = profile.token_store in ("file", "memory") and profile.older_in != "keyring"
                if not (backend is self._keyring and (error.absent or not_in_keyring)):
                    failures.append(error.message)
                    hint = error.hint
        if failures:
            raise StoreFailed("; ".join(failures), title="The tokens could not be deleted here", hint=hint)

    async def copies(self, profile: Profile) -> tuple[list[TokenSet], list[StoreFailed]]:
        token_sets = [self._cache[profile.entry]] if profile.entry in self._memory_only else []
        errors: list[StoreFailed] = []
        for backend in self._backends():
            try:
                text = await backend.get(profile.entry)
                if text is not None:
                    token_sets.append(TokenSet.from_json(json.loads(text)))
            except StoreFailed as error:
                if not error.absent:
                    errors.append(error)
            except (ValueError, RecursionError):
                continue  # damaged: no token to revoke
        return token_sets, errors

    async def put_secret(self, name: str, text: str) -> None:
        await self._save(name, text, self._keyring)

    async def get_secret(self, name: str) -> str | None:
        for backend in self._backends():
            with contextlib.suppress(StoreFailed):  # without its secret, the client is registered again
                if (text := await backend.get(name)) is not None:
                    return text
        return None

    async def delete_secret(self, name: str) -> None:
        for backend in self._backends():
            with contextlib.suppress(StoreFailed):  # best effort: the secret may be in the other backend
                await backend.delete(name)

    async def place(self, profile: Profile) -> tuple[Place, str]:
        if profile.entry not in self._places:
            try:
                await self.load(profile)
            except StoreFailed:
                return "", "unreadable"
        place = self._places.get(profile.entry)
        if place is None:
            usable = not profile.pinned_file and await self._keyring_works()
            place = "keyring" if usable else "file"
        if place == "memory":
            return place, "memory only, gone when you quit"
        backend = self._keyring if place == "keyring" and self._keyring is not None else self._file
        return place, backend.label

    # --- reading -------------------------------------------------------------------------------

    async def _load(self, entry: str, keyring: SecretBackend | None) -> TokenSet | None:
        in_keyring: TokenSet | None = None
        keyring_error: StoreFailed | None = None
        if keyring is not None:
            try:
                in_keyring = await self._read(keyring, entry)
            except StoreFailed as error:
                keyring_error = error
        try:
            in_file = await self._read(self._file, entry)
        except StoreFailed as error:
            if in_keyring is None:
                raise
            self._notify(error.message)
            in_file = None
        if in_file is None and in_keyring is None:
            self._places.pop(entry, None)
            if keyring_error is not None and not keyring_error.absent:
                raise keyring_error
            return None
        newest = max(filter(None, (in_keyring, in_file)), key=lambda tokens: tokens.obtained_at)
        self._places[entry] = "keyring" if newest is in_keyring else "file"
        if in_file is not None and keyring is not None and keyring_error is None:
            await self._move_to_keyring(entry, newest, keyring, already_in_keyring=newest is in_keyring)
        return newest

    async def _read(self, backend: SecretBackend, entry: str) -> TokenSet | None:
        text = await backend.get(entry)
        if text is None:
            return None
        try:
            return TokenSet.from_json(json.loads(text))
        except (ValueError, RecursionError):
            damaged = await backend.set_aside(entry, text)
            self._notify(f"The stored sign-in was damaged; it is kept as {damaged}. Sign in again.")
            return None

    async def _move_to_keyring(
        self, entry: str, tokens: TokenSet, keyring: SecretBackend, *, already_in_keyring: bool
    ) -> None:
        """Move the file's tokens into the keyring; delete the file only after reading them back from the keyring."""
        try:
            if not already_in_keyring:
                await keyring.put(entry, json.dumps(tokens.to_json(), separators=(",", ":")))
            stored_text = await keyring.get(entry)
            if stored_text is None or TokenSet.from_json(json.loads(stored_text)) != tokens:
                return
            await self._file.delete(entry)
        except (StoreFailed, ValueError) as error:
            self._notify(f"The tokens stay in {self._file.label}: {error}")
            return
        self._places[entry] = "keyring"
        self._notify("The tokens were moved from the file into the keyring.")

    # --- writing -------------------------------------------------------------------------------

    async def _save(
        self, entry: str, text: str, keyring: SecretBackend | None, *, file_announced: bool = False
    ) -> Place:
        """Store the text in the best backend. `file_announced`: the user was already notified that the file is used."""
        if keyring is not None:
            try:
                await keyring.put(entry, text)
            except StoreFailed as error:
                if not file_announced:
                    advice = "" if error.absent else f" {error.hint}"
                    self._notify(f"{error.message} Tokens go into {self._file.label}, readable by you only.{advice}")
            else:
                try:
                    await self._file.delete(entry)
                except StoreFailed as error:
                    self._notify(error.message)
                return "keyring"
        try:
            await self._file.put(entry, text)
        except StoreFailed as error:
            self._notify(f"{error.message} You stay signed in until you quit.")
            return "memory"
        return "file"

    async def _keyring_works(self) -> bool:
        if self._keyring is None:
            return False
        try:
            await self._keyring.get(PROBE_ENTRY)
        except StoreFailed:
            return False
        return True

    def _backends(self) -> list[SecretBackend]:
        return [self._file] if self._keyring is None else [self._keyring, self._file]

    def _notify(self, text: str) -> None:
        if text not in self._notified:
            self._notified.add(text)
            if self._on_notice is not None:
                self._on_notice(text)
