"""Profiles: host, account and the place of the tokens. They contain no secrets.

The file is `profiles.json` in the config folder:
`{"version": 1, "current": name, "profiles": [{"name", "baseUrl", "account", "accountId", "tokenStore", "client",
"pinnedFile", "olderIn"}]}`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from drio_tui.api.errors import UsageError
from drio_tui.auth import urls
from drio_tui.storage import paths
from drio_tui.storage.files import os_error_text, write_private
from drio_tui.storage.lock import FileLock, LockBusy
from drio_tui.text import one_line

DEFAULT_BASE_URL = "https://getdrio.com"
API_PATH = "/api/v1"
_VERSION = 1
_MAX_FILE_BYTES = 1 << 20
_MAX_NAME_LENGTH = 200
TOKEN_VARIABLE = "DRIO_TOKEN"  # noqa: S105 - the variable's name
_URL_VARIABLE = "DRIO_URL"


def normalize_base_url(text: str) -> str:
    """Return the API's base URL for what the user typed: `getdrio.com` → `https://getdrio.com/api/v1`.

    A path other than `/` or `/api` is kept. http is accepted for this machine only; a loopback host without a scheme
    gets http. Raises `UsageError`.
    """
    url = text.strip()
    if not url:
        raise UsageError("The base URL is empty.", hint=f"For example {DEFAULT_BASE_URL}")
    try:
        if "://" not in url:
            host = urls.split(f"https://{url}").hostname or ""
            url = f"{'http' if urls.is_loopback(host) else 'https'}://{url}"
        parts = urls.split(url)
        if parts.scheme not in ("http", "https"):
            raise ValueError("only https (and http to this machine) can be used")
        if parts.query or parts.fragment or url.endswith(("?", "#")):
            raise ValueError("it holds a query or a fragment")
        if ".." in parts.path.split("/"):
            raise ValueError("its path contains ..")
        host = parts.hostname or ""
        ascii_host = host if host.isascii() else host.encode("idna").decode("ascii")
        root = urls.origin(url).replace(host.lower(), ascii_host.lower(), 1)
    except ValueError as error:
        raise UsageError(
            f"{one_line(text.strip(), 200)} is not a base URL: {error}", hint=f"For example {DEFAULT_BASE_URL}"
        ) from None
    if parts.scheme == "http" and not urls.is_loopback(host):
        raise UsageError(
            f"{one_line(url, 200)} would send your token over the network in clear text.",
            hint="Use https; http is for this machine only.",
        )
    path = parts.path.rstrip("/")
    return root + (API_PATH if path in ("", "/api") else path)


@dataclass(frozen=True, slots=True)
class Profile:
    """One account on one host.

    `base_url` is normalized. `account` is the name the user knows it by (an email), `account_id` the server's id; both
    are None before the first sign-in. `token_store` is where the tokens were stored last (`keyring`, `file`, `memory`
    or empty); `pinned_file`: the user chose the file over the keyring; `client`: an OAuth client id from the user.
    `older_in` is `keyring` if an older token set may still be there: the tokens were stored elsewhere while the keyring
    was unavailable, or by choice.
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
        """Host and port, for display and as the default name of a profile: `getdrio.com`."""
        return urls.origin(self.base_url).partition("://")[2]

    @property
    def origin(self) -> str:
        """The only origin to which this profile's token is sent."""
        return urls.origin(self.base_url)

    @property
    def entry(self) -> str:
        """The name of this profile's entry in a token store: base URL and account."""
        return f"{self.base_url} {self.account_id or self.account or '-'}"

    def is_same_account(self, other: Profile) -> bool:
        """Return whether both are the same account on the same host; False if the account is unknown."""
        return self.account is not None and self.entry == other.entry


class Profiles:
    """All profiles and the current one, stored in a file. Each change keeps those of other processes.

    `notices` holds messages for the user (a damaged file was renamed, a folder cannot be written); `in_memory` is true
    when changes are lost at exit.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or paths.config_dir() / "profiles.json"
        self.notices: list[str] = []
        self.in_memory = False
        self._profiles: dict[str, Profile] = {}
        self._current: str | None = None

    @classmethod
    def load(cls, path: Path | None = None) -> Profiles:
        """Return the profiles on disk; none, with a notice, if the file is damaged. Never raises."""
        profiles = cls(path)
        profiles._read()
        return profiles

    def __iter__(self) -> Any:
        return iter(list(self._profiles.values()))

    def __len__(self) -> int:
        return len(self._profiles)

    def get(self, name: str) -> Profile | None:
        """Return the profile of that name, or None."""
        return self._profiles.get(name)

    @property
    def current(self) -> Profile | None:
        """The profile that commands use by default."""
        return self._profiles.get(self._current) if self._current is not None else None

    def for_base_url(self, base_url: str) -> list[Profile]:
        """Return the profiles of that (normalized) base URL, the current one first."""
        profiles = [p for p in self._profiles.values() if p.base_url == base_url]
        return sorted(profiles, key=lambda p: p.name != self._current)

    def resolve(self, name: str | None = None, base_url: str | None = None, *, new: bool = False) -> Profile:
        """Return the profile for `--profile` and `--base-url`; a new one, not stored yet, if the host has none.

        For the profile `staging` the variable `DRIO_URL_STAGING` has the same effect as `--base-url`. Raises
        `UsageError` for a name that belongs to another host, or is unknown; with `new` or a base URL an unknown name
        makes a new profile.
        """
        if name is not None and not base_url:
            base_url = os.environ.get(variable_of(_URL_VARIABLE, name), "").strip()
        base = normalize_base_url(base_url) if base_url else None
        if name is not None:
            profile = self._profiles.get(check_name(name))
            if profile is None and base is None and not new:
                raise UsageError(f"There is no profile {one_line(name, 80)}.", hint="`drio-tui status` lists them.")
            if profile is None:
                return Profile(name, base or normalize_base_url(DEFAULT_BASE_URL))
            if base is not None and profile.base_url != base:
                raise UsageError(
                    f"Profile {one_line(name)} is for {profile.base_url}.", hint="Choose another --profile name."
                )
            return profile
        if base is None:
            if self.current is not None:
                return self.current
            base = normalize_base_url(DEFAULT_BASE_URL)
        same_host = self.for_base_url(base)
        return same_host[0] if same_host else Profile(urls.origin(base).partition("://")[2], base)

    def add(self, profile: Profile, *, make_current: bool = True) -> None:
        """Store `profile`, replacing the one of its name."""
        check_name(profile.name)
        with self._locked_change():
            self._profiles[profile.name] = profile
            if make_current or self._current not in self._profiles:
                self._current = profile.name

    def remove(self, name: str) -> None:
        """Remove a profile. If it was the current one, the first of the others becomes current."""
        with self._locked_change():
            self._profiles.pop(name, None)
            if self._current == name:
                self._current = next(iter(self._profiles), None)

    def use(self, name: str) -> Profile:
        """Make a profile the current one and return it. Raises `UsageError` when there is none of that name."""
        with self._locked_change():
            if name not in self._profiles:
                raise UsageError(f"There is no profile {one_line(name, 80)}.")
            self._current = name
        return self._profiles[name]

    def profile_for_account(self, requested: Profile, account: str | None, account_id: str | None) -> Profile:
        """Return the profile to store after `account` signed in through the profile `requested`.

        The same account on the same host keeps its profile. Another account never replaces the profile's account: it
        gets a new profile `name/account`.
        """
        signed_in = replace(requested, account=account, account_id=account_id)
        existing = self._profiles.get(requested.name)
        if existing is None or existing.account is None or existing.is_same_account(signed_in):
            return signed_in
        for profile in self._profiles.values():
            if profile.is_same_account(signed_in):
                return replace(
                    profile,
                    account=account,
                    client=requested.client or profile.client,
                    pinned_file=requested.pinned_file,
                )
        label = one_line(account or account_id or "account", 80)
        name, number = f"{requested.name}/{label}", 2
        while name in self._profiles:
            name, number = f"{requested.name}/{label} {number}", number + 1
        return replace(signed_in, name=name, token_store="", older_in="")

    # --- the file ------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _locked_change(self) -> Any:
        """Read the file, run the block, write the file; under a lock file where the folder is writable."""
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
                raw = file.read(_MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            self.in_memory = True
            self.notices.append(f"{self.path} cannot be read ({os_error_text(error)}); going on without it.")
            return
        try:
            current, profiles = _parse_file(raw)
        except _NewerVersion:
            self.in_memory = True
            self.notices.append(f"{self.path} was written by a newer drio-tui; going on without it, unchanged.")
            return
        except ValueError as error:
            self._set_aside(str(error))
            return
        self._current, self._profiles = current, profiles

    def _set_aside(self, problem: str) -> None:
        number = 1
        while (damaged_path := self.path.with_name(f"{self.path.name}.damaged-{number}")).exists():
            number += 1
        try:
            self.path.replace(damaged_path)
        except OSError:
            self.in_memory = True
            self.notices.append(f"{self.path} is damaged ({problem}); going on without it.")
        else:
            self.notices.append(f"{self.path} was damaged ({problem}); it is kept as {damaged_path.name}.")

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
            self.notices.append(f"{self.path} cannot be written ({os_error_text(error)}); kept until you quit.")


def variable_of(prefix: str, profile: str) -> str:
    """Return the environment variable of one profile: `DRIO_TOKEN_STAGING` for `DRIO_TOKEN` and `staging`."""
    return f"{prefix}_{re.sub('[^A-Z0-9]', '_', profile.upper())}"


def token_variable(profile: str) -> str:
    """Return the environment variable that has the token of a profile, `DRIO_TOKEN_NAME` before `DRIO_TOKEN`.

    Empty if neither has one.
    """
    names = (variable_of(TOKEN_VARIABLE, profile), TOKEN_VARIABLE)
    return next((name for name in names if os.environ.get(name, "").strip()), "")


def check_name(name: str) -> str:
    """Return `name` if it is a valid profile name. Raises `UsageError`."""
    if not name.strip() or len(name) > _MAX_NAME_LENGTH or not name.isprintable() or name.startswith("-"):
        raise UsageError(
            f"{one_line(name, 80) or 'An empty text'} cannot be a profile name.", hint="Use a short printable name."
        )
    return name


class _NewerVersion(ValueError):
    pass


def _parse_file(raw: bytes) -> tuple[str | None, dict[str, Profile]]:
    if len(raw) > _MAX_FILE_BYTES:
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
        raise _NewerVersion
    profiles: dict[str, Profile] = {}
    for position, item in enumerate(body["profiles"], start=1):
        try:
            profile = _parse_profile(item)
        except (UsageError, ValueError) as error:
            raise ValueError(f"profile {position}: {getattr(error, 'message', error)}") from None
        profiles[profile.name] = profile
    current = body.get("current")
    return (current if isinstance(current, str) else None), profiles


def _parse_profile(item: Any) -> Profile:
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
