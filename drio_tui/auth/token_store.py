"""Where tokens are kept: the keyring where there is one, else a private file, said aloud; never twice, never half.

A `SecretBackend` keeps named texts in one place. `Vault` puts token sets into the best box at hand, moves them
from the file to the keyring when one turns up, and remembers what it read.
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


class SecretBackend(Protocol):
    """One place that keeps texts by name. Every method may raise `StoreFailed`, whose text says why."""

    @property
    def label(self) -> str:
        """The place in a person's words."""

    async def get(self, entry: str) -> str | None:
        """The text, or None when there is none."""

    async def put(self, entry: str, text: str) -> None:
        """Keep the text, replacing an older one."""

    async def delete(self, entry: str) -> None:
        """Forget the text; nothing happens when there is none."""

    async def set_aside(self, entry: str, text: str) -> str:
        """Keep an unreadable `text` out of the way and forget `entry`; returns where it lies now."""


class TokenStore(Protocol):
    """What signing in, refreshing and signing out need of a store of token sets."""

    async def load(self, profile: Profile, *, fresh: bool = False) -> TokenSet | None:
        """The profile's token set, from memory unless `fresh`; None when signed out. Raises `StoreFailed`."""

    async def save(self, profile: Profile, tokens: TokenSet) -> Place:
        """Keep the set before anyone uses it; returns where it lies now."""

    async def delete(self, profile: Profile) -> None:
        """Forget the set and make sure it is gone. Raises `StoreFailed` when it is not."""

    async def copies(self, profile: Profile) -> tuple[list[TokenSet], list[StoreFailed]]:
        """Every token set kept for the profile, wherever it lies, and the places that could not be looked into."""

    async def keep(self, name: str, text: str) -> None:
        """Keep another secret (a client's) by name; it is lost, with a notice, where nothing can be written."""

    async def recall(self, name: str) -> str | None:
        """The secret of that name, or None."""

    async def forget(self, name: str) -> None:
        """Drop the secret of that name."""

    async def place(self, profile: Profile) -> tuple[Place, str]:
        """Where the set is, or would be put, and its label in a person's words."""


class Vault:
    """The `TokenStore` of the program.

    `insecure` pins the file (no keyring is touched). `notice` is told, once each, what a person should
    know: that the file is used and why, that an entry was damaged. Token sets read or written are kept in
    memory, so that the keyring is asked once per account and run.
    """

    def __init__(
        self,
        *,
        insecure: bool = False,
        notice: Callable[[str], None] | None = None,
        keyring: SecretBackend | None = None,
        file: SecretBackend | None = None,
    ) -> None:
        self._keyring = None if insecure else (keyring or OsKeyringBackend(self._tell))
        self._file = file or FileBackend()
        self._notice = notice
        self._told: set[str] = set()
        self._cache: dict[str, TokenSet] = {}
        self._memory_only: set[str] = set()
        self._places: dict[str, Place] = {}

    async def load(self, profile: Profile, *, fresh: bool = False) -> TokenSet | None:
        entry = profile.entry
        if entry in self._cache and (not fresh or entry in self._memory_only):
            return self._cache[entry]
        found = await self._load(entry, None if profile.pinned_file else self._keyring)
        if found is None:
            self._cache.pop(entry, None)
        else:
            self._cache[entry] = found
        return found

    async def save(self, profile: Profile, tokens: TokenSet) -> Place:
        entry = profile.entry
        keyring = None if profile.pinned_file else self._keyring
        text = json.dumps(tokens.to_json(), separators=(",", ":"))
        announced = profile.token_store == "file"  # noqa: S105 - a place, and no password
        place = await self._save(entry, text, keyring, announced=announced)
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
        for box in self._boxes():
            try:
                await box.delete(entry)
                if await box.get(entry) is not None:
                    failures.append(f"{box.label} still holds the tokens")
            except StoreFailed as failure:
                # A keyring that cannot be opened matters only if tokens may be in it.
                elsewhere = profile.token_store in ("file", "memory") and profile.older_in != "keyring"
                if not (box is self._keyring and (failure.absent or elsewhere)):
                    failures.append(failure.message)
                    hint = failure.hint
        if failures:
            raise StoreFailed("; ".join(failures), title="The tokens could not be deleted here", hint=hint)

    async def copies(self, profile: Profile) -> tuple[list[TokenSet], list[StoreFailed]]:
        found = [self._cache[profile.entry]] if profile.entry in self._memory_only else []
        unreached: list[StoreFailed] = []
        for box in self._boxes():
            try:
                text = await box.get(profile.entry)
                if text is not None:
                    found.append(TokenSet.from_json(json.loads(text)))
            except StoreFailed as failure:
                if not failure.absent:
                    unreached.append(failure)
            except (ValueError, RecursionError):
                continue  # damaged: nothing in it can be given back
        return found, unreached

    async def keep(self, name: str, text: str) -> None:
        await self._save(name, text, self._keyring)

    async def recall(self, name: str) -> str | None:
        for box in self._boxes():
            with contextlib.suppress(StoreFailed):  # not found is not worth a word: one can register anew
                if (text := await box.get(name)) is not None:
                    return text
        return None

    async def forget(self, name: str) -> None:
        for box in self._boxes():
            with contextlib.suppress(StoreFailed):  # it may not be there at all
                await box.delete(name)

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
        box = self._keyring if place == "keyring" and self._keyring is not None else self._file
        return place, box.label

    # --- reading -------------------------------------------------------------------------------

    async def _load(self, entry: str, keyring: SecretBackend | None) -> TokenSet | None:
        in_keyring: TokenSet | None = None
        blocked: StoreFailed | None = None
        if keyring is not None:
            try:
                in_keyring = await self._read(keyring, entry)
            except StoreFailed as failure:
                blocked = failure
        try:
            in_file = await self._read(self._file, entry)
        except StoreFailed as failure:
            if in_keyring is None:
                raise
            self._tell(failure.message)
            in_file = None
        if in_file is None and in_keyring is None:
            self._places.pop(entry, None)
            if blocked is not None and not blocked.absent:
                raise blocked
            return None
        newest = max((t for t in (in_keyring, in_file) if t is not None), key=lambda t: t.obtained_at)
        self._places[entry] = "keyring" if newest is in_keyring else "file"
        if in_file is not None and keyring is not None and blocked is None:
            await self._move(entry, newest, keyring, already=newest is in_keyring)
        return newest

    async def _read(self, box: SecretBackend, entry: str) -> TokenSet | None:
        text = await box.get(entry)
        if text is None:
            return None
        try:
            return TokenSet.from_json(json.loads(text))
        except (ValueError, RecursionError):
            kept = await box.set_aside(entry, text)
            self._tell(f"The stored sign-in was damaged; it is kept as {kept}. Sign in again.")
            return None

    async def _move(self, entry: str, tokens: TokenSet, keyring: SecretBackend, *, already: bool) -> None:
        """Put what the file holds into the keyring; the file goes only after the keyring gave it back."""
        try:
            if not already:
                await keyring.put(entry, json.dumps(tokens.to_json(), separators=(",", ":")))
            kept = await keyring.get(entry)
            if kept is None or TokenSet.from_json(json.loads(kept)) != tokens:
                return
            await self._file.delete(entry)
        except (StoreFailed, ValueError) as failure:
            self._tell(f"The tokens stay in {self._file.label}: {failure}")
            return
        self._places[entry] = "keyring"
        self._tell("The tokens were moved from the file into the keyring.")

    # --- writing -------------------------------------------------------------------------------

    async def _save(self, entry: str, text: str, keyring: SecretBackend | None, *, announced: bool = False) -> Place:
        """Put the text into the best place; `announced` says that the file was used before, and why was said."""
        if keyring is not None:
            try:
                await keyring.put(entry, text)
            except StoreFailed as failure:
                if not announced:
                    advice = "" if failure.absent else f" {failure.hint}"
                    self._tell(f"{failure.message} Tokens go into {self._file.label}, readable by you only.{advice}")
            else:
                try:
                    await self._file.delete(entry)
                except StoreFailed as failure:
                    self._tell(failure.message)
                return "keyring"
        try:
            await self._file.put(entry, text)
        except StoreFailed as failure:
            self._tell(f"{failure.message} You stay signed in until you quit.")
            return "memory"
        return "file"

    async def _keyring_works(self) -> bool:
        if self._keyring is None:
            return False
        try:
            await self._keyring.get("probe")
        except StoreFailed:
            return False
        return True

    def _boxes(self) -> list[SecretBackend]:
        return [self._file] if self._keyring is None else [self._keyring, self._file]

    def _tell(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            if self._notice is not None:
                self._notice(text)
