"""Profiles: which host, which account, where its tokens are kept. Nothing here is secret.

The file is `profiles.json` in the config folder:
`{"version": 1, "current": name, "profiles": [{"name", "baseUrl", "account", "accountId", "tokenStore", "client",
"pinnedFile", "olderIn"}]}`.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from drio_tui.api.errors import UsageError
from drio_tui.auth import urls
from drio_tui.storage import paths
from drio_tui.storage.files import reason_of, write_private
from drio_tui.storage.lock import FileLock, LockBusy
from drio_tui.text import one_line

DEFAULT_BASE_URL = "https://getdrio.com"
API_PATH = "/api/v1"
_VERSION = 1
_LARGEST = 1 << 20
_NAME_LENGTH = 200


def normalize_base_url(text: str) -> str:
    """The API's base URL for what a person typed: `getdrio.com` → `https://getdrio.com/api/v1`.

    A path other than `/` or `/api` is kept as it is. http is taken for this machine only; a loopback
    host without a scheme gets http. Raises `UsageError`.
    """
    given = text.strip()
    if not given:
        raise UsageError("The base URL is empty.", hint=f"For example {DEFAULT_BASE_URL}")
    try:
        if "://" not in given:
            host = urls.split(f"https://{given}").hostname or ""
            given = f"{'http' if urls.is_loopback(host) else 'https'}://{given}"
        parts = urls.split(given)
        if parts.scheme not in ("http", "https"):
            raise ValueError("only https (and http to this machine) can be used")
        if parts.query or parts.fragment or given.endswith(("?", "#")):
            raise ValueError("it holds a query or a fragment")
        if ".." in parts.path.split("/"):
            raise ValueError("its path climbs")
        host = parts.hostname or ""
        ascii_host = host if host.isascii() else host.encode("idna").decode("ascii")
        root = urls.origin(given).replace(host.lower(), ascii_host.lower(), 1)
    except ValueError as error:
        raise UsageError(
            f"{one_line(text.strip(), 200)} is not a base URL: {error}", hint=f"For example {DEFAULT_BASE_URL}"
        ) from None
    if parts.scheme == "http" and not urls.is_loopback(host):
        raise UsageError(
            f"{one_line(given, 200)} would send your token over the network in clear text.",
            hint="Use https; http is for this machine only.",
        )
    path = parts.path.rstrip("/")
    return root + (API_PATH if path in ("", "/api") else path)


@dataclass(frozen=True, slots=True)
class Profile:
    """One account on one host.

    `base_url` is normalized; `account` is what a person knows it by (an email), `account_id` the server's
    id; both None before the first sign-in. `token_store` is where tokens were put last (`keyring`, `file`,
    `memory` or empty), `pinned_file` that a person chose the file over the keyring, `client` an OAuth
    client id given by hand. `older_in` names the place that may still hold an older token set (`keyring`):
    tokens went elsewhere while it could not be reached, or by choice.
    """

    name: str
    base_url: str
    account: str | None = None
    account_id: str | None = None
    token_store: str = ""
    client: str | None = None
    pinned_file: bool = False
    older_in: str = ""

    @property
    def host(self) -> str:
        """Host and port, as shown and as the start of a profile's name: `getdrio.com`."""
        return urls.origin(self.base_url).partition("://")[2]

    @property
    def origin(self) -> str:
        """The only origin this profile's token goes to."""
        return urls.origin(self.base_url)

    @property
    def entry(self) -> str:
        """The name of this profile's entry in a token store: base URL and account."""
        return f"{self.base_url} {self.account_id or self.account or '-'}"

    def is_same_account(self, other: Profile) -> bool:
        """Whether both are the same account on the same host (both known)."""
        return self.account is not None and self.entry == other.entry


class Profiles:
    """All profiles and which one is current, kept in a file; changes of other processes are merged.

    `notices` holds what a person should be told (a damaged file kept aside, a folder that cannot be
    written); `in_memory` is true when changes will be gone at exit.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or paths.config_dir() / "profiles.json"
        self.notices: list[str] = []
        self.in_memory = False
        self._profiles: dict[str, Profile] = {}
        self._current: str | None = None

    @classmethod
    def load(cls, path: Path | None = None) -> Profiles:
        """The profiles on disk; none, with a notice, where the file is damaged. Never raises."""
        profiles = cls(path)
        profiles._read()
        return profiles

    def __iter__(self) -> Any:
        return iter(list(self._profiles.values()))

    def __len__(self) -> int:
        return len(self._profiles)

    def get(self, name: str) -> Profile | None:
        """The profile of that name."""
        return self._profiles.get(name)

    @property
    def current(self) -> Profile | None:
        """The profile commands use unless told otherwise."""
        return self._profiles.get(self._current) if self._current is not None else None

    def at(self, base_url: str) -> list[Profile]:
        """Every profile of that (normalized) base URL, the current one first."""
        found = [p for p in self._profiles.values() if p.base_url == base_url]
        return sorted(found, key=lambda p: p.name != self._current)

    def resolve(self, name: str | None = None, base_url: str | None = None, *, new: bool = False) -> Profile:
        """The profile that is meant by `--profile` and `--base-url`; one not yet kept, where the host has none.

        Raises `UsageError` for a name that is on another host, or unknown; with `new` or a base URL an
        unknown name is a new profile's.
        """
        base = normalize_base_url(base_url) if base_url else None
        if name is not None:
            found = self._profiles.get(check_name(name))
            if found is None and base is None and not new:
                raise UsageError(f"There is no profile {one_line(name, 80)}.", hint="`drio-tui status` lists them.")
            if found is None:
                return Profile(name, base or normalize_base_url(DEFAULT_BASE_URL))
            if base is not None and found.base_url != base:
                raise UsageError(
                    f"Profile {one_line(name)} is for {found.base_url}.", hint="Choose another --profile name."
                )
            return found
        if base is None:
            if self.current is not None:
                return self.current
            base = normalize_base_url(DEFAULT_BASE_URL)
        known = self.at(base)
        return known[0] if known else Profile(urls.origin(base).partition("://")[2], base)

    def add(self, profile: Profile, *, make_current: bool = True) -> None:
        """Keep `profile`, replacing the one of its name."""
        check_name(profile.name)
        with self._changing():
            self._profiles[profile.name] = profile
            if make_current or self._current not in self._profiles:
                self._current = profile.name

    def remove(self, name: str) -> None:
        """Forget a profile; the first of the others becomes current."""
        with self._changing():
            self._profiles.pop(name, None)
            if self._current == name:
                self._current = next(iter(self._profiles), None)

    def use(self, name: str) -> Profile:
        """Make a profile current. Raises `UsageError` when there is none of that name."""
        with self._changing():
            if name not in self._profiles:
                raise UsageError(f"There is no profile {one_line(name, 80)}.")
            self._current = name
        return self._profiles[name]

    def settle(self, wanted: Profile, account: str | None, account_id: str | None) -> Profile:
        """The profile to keep after `account` signed in through `wanted`: its own again, or one more.

        The same account on the same host keeps its profile; another account never takes over a profile
        that belongs to someone else, it gets `name/account`.
        """
        signed_in = replace(wanted, account=account, account_id=account_id)
        holder = self._profiles.get(wanted.name)
        if holder is None or holder.account is None or holder.is_same_account(signed_in):
            return signed_in
        for profile in self._profiles.values():
            if profile.is_same_account(signed_in):
                return replace(
                    profile,
                    account=account,
                    client=wanted.client or profile.client,
                    pinned_file=wanted.pinned_file,
                )
        label = one_line(account or account_id or "account", 80)
        name, number = f"{wanted.name}/{label}", 2
        while name in self._profiles:
            name, number = f"{wanted.name}/{label} {number}", number + 1
        return replace(signed_in, name=name, token_store="", older_in="")

    # --- the file ------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _changing(self) -> Any:
        """Re-read, let the block change, write: one process at a time where the folder allows it."""
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(FileLock(paths.state_dir() / "locks" / "profiles.lock").hold_blocking(2.0))
            except LockBusy:
                self.notices.append("Another drio-tui keeps profiles.json busy; writing it anyway.")
            if not self.in_memory:
                self._read()
            yield
            if not self.in_memory:
                self._write()

    def _read(self) -> None:
        try:
            with self.path.open("rb") as file:
                raw = file.read(_LARGEST + 1)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:  # ValueError: a NUL in the folder's name
            self.in_memory = True
            self.notices.append(f"{self.path} cannot be read ({reason_of(error)}); going on without it.")
            return
        try:
            current, profiles = _parse(raw)
        except _Newer:
            self.in_memory = True
            self.notices.append(f"{self.path} was written by a newer drio-tui; going on without it, unchanged.")
            return
        except ValueError as error:
            self._set_aside(str(error))
            return
        self._current, self._profiles = current, profiles

    def _set_aside(self, problem: str) -> None:
        number = 1
        while (kept := self.path.with_name(f"{self.path.name}.damaged-{number}")).exists():
            number += 1
        try:
            self.path.replace(kept)
        except OSError:
            self.in_memory = True
            self.notices.append(f"{self.path} is damaged ({problem}); going on without it.")
        else:
            self.notices.append(f"{self.path} was damaged ({problem}); it is kept as {kept.name}.")

    def _write(self) -> None:
        body = {
            "version": _VERSION,
            "current": self._current,
            "profiles": [
                {
                    key: value
                    for key, value in {
                        "name": p.name,
                        "baseUrl": p.base_url,
                        "account": p.account,
                        "accountId": p.account_id,
                        "tokenStore": p.token_store,
                        "client": p.client,
                        "pinnedFile": p.pinned_file,
                        "olderIn": p.older_in,
                    }.items()
                    if value
                }
                for p in self._profiles.values()
            ],
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_private(self.path, json.dumps(body, indent=2).encode("ascii"))
        except (OSError, ValueError) as error:
            self.in_memory = True
            self.notices.append(f"{self.path} cannot be written ({reason_of(error)}); kept until you quit.")


def check_name(name: str) -> str:
    """`name` when a profile may be called so, else `UsageError`."""
    if not name.strip() or len(name) > _NAME_LENGTH or not name.isprintable() or name.startswith("-"):
        raise UsageError(
            f"{one_line(name, 80) or 'An empty text'} cannot be a profile name.", hint="Use a short printable name."
        )
    return name


class _Newer(ValueError):
    pass


def _parse(raw: bytes) -> tuple[str | None, dict[str, Profile]]:
    if len(raw) > _LARGEST:
        raise ValueError("too large")
    try:
        body = json.loads(raw.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError as error:
        line = getattr(error, "lineno", None)
        raise ValueError(f"line {line} is not JSON" if line else "it is not text") from None
    if not isinstance(body, dict) or not isinstance(body.get("profiles"), list):
        raise ValueError("it holds no list of profiles")
    if isinstance(body.get("version"), int) and body["version"] > _VERSION:
        raise _Newer
    profiles: dict[str, Profile] = {}
    for position, item in enumerate(body["profiles"], start=1):
        try:
            profile = _profile(item)
        except (UsageError, ValueError) as error:
            raise ValueError(f"profile {position}: {getattr(error, 'message', error)}") from None
        profiles[profile.name] = profile
    current = body.get("current")
    return (current if isinstance(current, str) else None), profiles


def _profile(item: Any) -> Profile:
    if not isinstance(item, dict):
        raise ValueError("not an object")

    def text(key: str) -> str | None:
        value = item.get(key)
        if value is not None and not isinstance(value, str):
            raise ValueError(f"{key} is not a text")
        return value or None

    return Profile(
        name=check_name(text("name") or ""),
        base_url=normalize_base_url(text("baseUrl") or ""),
        account=text("account"),
        account_id=text("accountId"),
        token_store=text("tokenStore") or "",
        client=text("client"),
        pinned_file=item.get("pinnedFile") is True,
        older_in=text("olderIn") or "",
    )
