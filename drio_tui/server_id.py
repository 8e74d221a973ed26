"""The key of a server in the names of local files: its base URL, or for a sandbox the id of its data.

A sandbox may listen on another port each time, and another sandbox on its previous port. Earlier versions named the
files of a sandbox after its base URL; `migrate_old_files` finds those, whatever the port was.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from drio_tui.urls import is_loopback

_SANDBOX = "sandbox:"
_HOSTS = ("127.0.0.1", "localhost")
"""The hosts in base URLs of a sandbox."""
_checked_paths: set[Path] = set()
_adopt_lock = threading.RLock()


def server_id(base_url: str, sandbox_id: str = "") -> str:
    """Return the key of the server at `base_url`; `sandbox_id` is the id of a sandbox's data, else empty."""
    return _SANDBOX + sandbox_id if sandbox_id else base_url


def may_belong_to(kept_of: str, server: str) -> bool:
    """Return whether files of the server `kept_of` may belong to `server`: the same, or an earlier URL of a sandbox."""
    return kept_of == server or is_earlier_sandbox_url(kept_of, server)


def is_earlier_sandbox_url(kept_of: str, server: str) -> bool:
    """Return whether `server` is a sandbox and `kept_of` a URL of some sandbox, as earlier versions wrote it."""
    return server.startswith(_SANDBOX) and is_loopback(urlsplit(kept_of).hostname or "")


def file_prefix(server: str) -> str:
    """Return the prefix of file names for `server`: it marks those of a sandbox, which `migrate_old_files` skips."""
    return "sandbox-" if server.startswith(_SANDBOX) else ""


def migrate_old_files(
    server: str, path: Path, pattern: str, name_of: Callable[[str], str], take: Callable[[list[Path]], None]
) -> None:
    """Call `take` with the files that earlier versions used instead of `path` for a sandbox, oldest first.

    `name_of` returns the file name for a base URL; `pattern` is a glob that such names match. Does nothing if `path`
    exists, or after a success for that path; an `OSError` or `ValueError` is ignored, and the next call tries again.
    Blocks for up to 0.25 s if files match.
    """
    if not server.startswith(_SANDBOX):
        return
    with _adopt_lock:
        if path in _checked_paths:
            return
        with contextlib.suppress(OSError, ValueError):
            names = set() if path.exists() else {file.name for file in path.parent.glob(pattern)} - {path.name}
            urls = (f"http://{host}:{port}/api/v1" for host in _HOSTS for port in range(1, 1 << 16))
            old_files = []
            for url in urls:
                if not names:
                    break  # all matching files have been found
                if (name := name_of(url)) in names:
                    names.remove(name)
                    old_files.append(path.with_name(name))
            if old_files:
                take(sorted(old_files, key=lambda file: file.stat().st_mtime))
            _checked_paths.add(path)
