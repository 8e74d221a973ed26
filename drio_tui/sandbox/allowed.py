"""The private addresses that a person lets deployed apps call, by host and port, kept in the data folder.

They are about this machine and its network, so they are not in the database, which several machines may share.
"""

from __future__ import annotations

import json
import logging
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drio_tui.sandbox.datadir import DataDir, plainly
from drio_tui.storage import paths
from drio_tui.storage.files import read_private, write_private
from drio_tui.tool_calls.egress import Origin, origin_text, parse_origin

log = logging.getLogger("drio_tui.sandbox")

_FILE = "allowed-hosts.json"
MOST = 1_000


class AllowedHosts:
    """The allowed origins of one data folder; `in` says whether an origin is among them.

    One process changes them at a time: the one that holds the folder.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._path = data_dir / _FILE
        self._known: dict[Origin, str] = {}
        try:
            found = json.loads(read_private(self._path))
            for each in found["hosts"]:
                self._known[parse_origin(each["host"])] = str(each["allowedAt"])
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s cannot be read, so no private address is allowed: %s", self._path, error)
            self._known.clear()

    def __contains__(self, origin: object) -> bool:
        return origin in self._known

    def as_wire(self) -> list[dict[str, Any]]:
        """The hosts as JSON, in the order in which they were allowed."""
        return [{"host": origin_text(origin), "allowedAt": at} for origin, at in self._known.items()]

    def allow(self, origin: Origin) -> None:
        """Allow an origin. Raises `SandboxError` where that cannot be kept."""
        if origin not in self._known and len(self._known) < MOST:
            self._keep(self._known | {origin: datetime.now(UTC).isoformat(timespec="seconds")})

    def revoke(self, origin: Origin) -> bool:
        """Allow an origin no longer; whether it was allowed. Raises `SandboxError` where that cannot be kept."""
        if origin not in self._known:
            return False
        self._keep({known: at for known, at in self._known.items() if known != origin})
        return True

    def _keep(self, wanted: dict[Origin, str]) -> None:
        before, self._known = self._known, wanted
        try:
            with plainly(self._path):
                write_private(self._path, json.dumps({"hosts": self.as_wire()}).encode() + b"\n")
        except BaseException:
            self._known = before
            raise

    @property
    def command(self) -> str:
        """The command that allows a host, which is to follow."""
        own = "" if self._data_dir == paths.sandbox_dir() else f" --data {shlex.quote(str(self._data_dir))}"
        return f"drio-tui sandbox allow{own}"

    def advice(self, origin: Origin) -> str:
        """How a person allows an origin, as a sentence."""
        return f"To allow it, run `{self.command} {origin_text(origin)}`, or press A on the integration in drio-tui."


def change(data_dir: Path, origin: Origin | None = None, *, revoke: bool = False) -> tuple[AllowedHosts, bool]:
    """Change the hosts of a folder that no sandbox uses, if an origin is given; whether it was there to be revoked.

    Raises `AlreadyRunning` and `SandboxError`.
    """
    folder = DataDir(data_dir)
    with folder.held():
        hosts = AllowedHosts(folder.path)
        done = True
        if origin is not None and revoke:
            done = hosts.revoke(origin)
        elif origin is not None:
            hosts.allow(origin)
        return hosts, done


def forget(data_dir: Path) -> None:
    """Allow nothing any more."""
    path = data_dir / _FILE
    with plainly(path):
        path.unlink(missing_ok=True)
