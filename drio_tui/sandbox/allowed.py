"""The private addresses (host and port) that the user lets deployed apps call, stored in the data folder.

They belong to this machine and its network, so they are not in the database, which several machines may share.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drio_tui.sandbox.datadir import DataDir, as_sandbox_error
from drio_tui.storage import paths
from drio_tui.storage.files import read_private, write_private
from drio_tui.tool_calls.egress import Origin, origin_text, parse_origin

log = logging.getLogger("drio_tui.sandbox")

_FILE = "allowed-hosts.json"
MAX_HOSTS = 1_000


class AllowedHosts:
    """The allowed origins of one data folder; `in` tests whether an origin is allowed.

    Only the process that holds the lock of the folder may change them.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._path = data_dir / _FILE
        self._allowed_at: dict[Origin, str] = {}
        try:
            document = json.loads(read_private(self._path))
            for entry in document["hosts"]:
                self._allowed_at[parse_origin(entry["host"])] = str(entry["allowedAt"])
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s cannot be read, so no private address is allowed: %s", self._path, error)
            self._allowed_at.clear()

    def __contains__(self, origin: object) -> bool:
        return origin in self._allowed_at

    def as_wire(self) -> list[dict[str, Any]]:
        """Return the hosts as JSON, in the order in which they were allowed."""
        return [{"host": origin_text(origin), "allowedAt": at} for origin, at in self._allowed_at.items()]

    def allow(self, origin: Origin) -> None:
        """Allow an origin. Raises `SandboxError` if the file cannot be written."""
        if origin not in self._allowed_at and len(self._allowed_at) < MAX_HOSTS:
            self._save(self._allowed_at | {origin: datetime.now(UTC).isoformat(timespec="seconds")})

    def revoke(self, origin: Origin) -> bool:
        """Revoke an origin; return whether it was allowed. Raises `SandboxError` if the file cannot be written."""
        if origin not in self._allowed_at:
            return False
        self._save({allowed: at for allowed, at in self._allowed_at.items() if allowed != origin})
        return True

    def _save(self, changed: dict[Origin, str]) -> None:
        before, self._allowed_at = self._allowed_at, changed
        try:
            with as_sandbox_error(self._path):
                write_private(self._path, json.dumps({"hosts": self.as_wire()}).encode() + b"\n")
        except BaseException:
            self._allowed_at = before
            raise

    @property
    def command(self) -> str:
        """The command that allows a host, without its last argument, the host."""
        return paths.sandbox_command("allow", self._data_dir)

    def advice(self, origin: Origin) -> str:
        """Return a sentence that tells the user how to allow an origin."""
        return f"To allow it, run `{self.command} {origin_text(origin)}`, or press A on the integration in drio-tui."


def change_allowed_hosts(
    data_dir: Path, origin: Origin | None = None, *, revoke: bool = False
) -> tuple[AllowedHosts, bool]:
    """Allow or revoke an origin, if one is given, in a folder that no sandbox uses.

    Return the hosts after the change, and False if the origin to revoke was not allowed, else True.
    Raises `AlreadyRunning` and `SandboxError`.
    """
    folder = DataDir(data_dir)
    with folder.locked():
        hosts = AllowedHosts(folder.path)
        done = True
        if origin is not None and revoke:
            done = hosts.revoke(origin)
        elif origin is not None:
            hosts.allow(origin)
        return hosts, done


def clear_allowed_hosts(data_dir: Path) -> None:
    """Revoke every origin. Raises `SandboxError` if the file cannot be removed."""
    path = data_dir / _FILE
    with as_sandbox_error(path):
        path.unlink(missing_ok=True)
