"""The list of apps as it was last read. The next start shows it until drio responds. It is kept in the cache folder.

There is one file per owner: the account of a profile, or the data folder of a sandbox. Secrets are redacted. All
functions block.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from drio_tui.api import json_codec
from drio_tui.api.resource_type import validation_error
from drio_tui.kinds import APP
from drio_tui.launcher import resolve_data_dir
from drio_tui.storage.cache import CacheFolder
from drio_tui.storage.files import read_private
from drio_tui.workspace import recent_apps
from drio_tui.workspace.model.snapshot import Resource, resources_of
from drio_tui.workspace.recent_apps import AppsState

_FILES = CacheFolder("apps")
_MOST_APPS = 300
_MOST_BYTES = 512 << 10


@dataclass(frozen=True, slots=True)
class LastApps:
    """The apps of `owner`, read at `read_at` (seconds since the epoch); `state` is how they were sorted and opened."""

    owner: str
    apps: tuple[Resource, ...]
    read_at: float
    state: AppsState


def profile_owner(profile: str, base_url: str, account: str) -> str:
    """Return the owner of the list that a profile's account sees."""
    return f"profile {profile} {base_url} {account}"


def sandbox_owner(data_dir: Path) -> str:
    """Return the owner of the list of a sandbox."""
    return f"sandbox {data_dir}"


def expected_owner(*, profile: str | None, base_url: str | None, sandbox: bool, data_dir: Path | None) -> str:
    """Return whose list a start with these options will show; empty if that is not known before the sign-in is read.

    Raises `UsageError` for an invalid profile or URL, `SandboxFailed` for an invalid folder.
    """
    if sandbox:
        return sandbox_owner(resolve_data_dir(data_dir))
    from drio_tui.auth.profiles import Profiles, token_variable  # a sandbox starts without it

    profiles = Profiles.load()
    if profile is None and base_url is None and profiles.current is None:
        return ""
    chosen = profiles.resolve(profile, base_url)
    if token_variable(chosen.name) or not chosen.account:  # the token of a variable may be of any account
        return ""
    return profile_owner(chosen.name, chosen.base_url, chosen.account)


def load(owner: str) -> LastApps | None:
    """Return the list that was kept for an owner; None if there is none, or it cannot be read."""
    try:
        kept = json_codec.loads(read_private(_FILES.path(owner), limit=_MOST_BYTES))
        if kept["owner"] != owner:
            return None
        apps = resources_of("app", kept["apps"], partial(validation_error, APP))
        return LastApps(owner, apps, float(kept["readAt"]), recent_apps.load(str(kept["server"])))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def save(owner: str, server: str, apps: Iterable[Resource]) -> None:
    """Keep the list of an owner; a long one is forgotten. `server` is the key of the server in local files."""
    from drio_tui.api.redact import redact

    raws = [redact(app.raw) for app in apps]
    content = {"owner": owner, "server": server, "readAt": time.time(), "apps": raws}
    with contextlib.suppress(OSError, ValueError):
        path = _FILES.path(owner)
        data = json_codec.dumps(content).encode("ascii")
        if len(raws) > _MOST_APPS or len(data) > _MOST_BYTES:
            path.unlink(missing_ok=True)
            return
        _FILES.write(path, data)


def forget_all() -> None:
    """Delete every list that is kept."""
    _FILES.clear()
