"""The name under which local files about one drio are kept: its base URL, or for a sandbox the id of its data.

A sandbox may listen on another port each time, and another sandbox on its port. Earlier versions named the files of a
sandbox after its base URL; `adopt` finds those, whatever the port was.
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
"""The names by which a sandbox is reached."""
_looked_for: set[Path] = set()
_looking = threading.RLock()


def server_id(base_url: str, sandbox_id: str = "") -> str:
    """The name of the drio at `base_url`; `sandbox_id` is what a sandbox says of itself, empty for any other drio."""
    return _SANDBOX + sandbox_id if sandbox_id else base_url


def may_belong(kept_of: str, server: str) -> bool:
    """Whether what was kept of `kept_of` may be of `server`: the same, or an address that a sandbox had."""
    return kept_of == server or is_earlier(kept_of, server)


def is_earlier(kept_of: str, server: str) -> bool:
    """Whether `server` is a sandbox and `kept_of` the address of some sandbox, as earlier versions wrote it."""
    return server.startswith(_SANDBOX) and is_loopback(urlsplit(kept_of).hostname or "")


def file_prefix(server: str) -> str:
    """What the names of files begin with that were named after a sandbox's id, so that `adopt` can pass over them."""
    return "sandbox-" if server.startswith(_SANDBOX) else ""


def adopt(
    server: str, path: Path, pattern: str, name_of: Callable[[str], str], take: Callable[[list[Path]], None]
) -> None:
    """Give `take` what earlier versions kept in the place of `path` for a sandbox, oldest first.

    `name_of` makes a file's name of a base URL, and `pattern` is a glob that such names match. Nothing happens where
    `path` exists, or once it succeeded for that path; an `OSError` or `ValueError` is ignored, and the next call tries
    again. Blocks for up to a quarter of a second where files match.
    """
    if not server.startswith(_SANDBOX):
        return
    with _looking:
        if path in _looked_for:
            return
        with contextlib.suppress(OSError, ValueError):
            names = set() if path.exists() else {each.name for each in path.parent.glob(pattern)} - {path.name}
            urls = (f"http://{host}:{port}/api/v1" for host in _HOSTS for port in range(1, 1 << 16))
            found = []
            for url in urls:
                if not names:
                    break  # every file that could be one is found
                if (name := name_of(url)) in names:
                    names.remove(name)
                    found.append(path.with_name(name))
            if found:
                take(sorted(found, key=lambda each: each.stat().st_mtime))
            _looked_for.add(path)
