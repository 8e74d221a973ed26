"""Crash reports: a file without secrets, and a short message on the terminal."""

from __future__ import annotations

import platform
import re
import sys
import time
import traceback
from pathlib import Path

from drio_tui import __version__
from drio_tui.storage import paths

# Anything that looks like a credential: named parameters, bearer values, JWTs, long random strings.
_SECRETS = (
    re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+"),
    re.compile(
        r"(?i)([\"']?\b(?:access_token|refresh_token|id_token|client_secret|code_verifier|code|state|token|password"
        r"|secret|authorization)\b[\"']?\s*[=:]\s*)[\"']?[^\s\"'&,})]+"
    ),
    re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"),
    re.compile(r"(?<![\w/.-])(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{32,}(?![\w/.-])"),
)


def redacted(text: str) -> str:
    """Return `text` with everything that looks like a credential replaced."""
    text = _SECRETS[0].sub(r"\1 ••••••", text)
    text = _SECRETS[1].sub(r"\1••••••", text)
    for pattern in _SECRETS[2:]:
        text = pattern.sub("••••••", text)
    home = str(Path.home()) if _has_home() else ""
    return text.replace(home, "~") if len(home) > 1 else text


def write_report(error: BaseException) -> Path | None:
    """Write a report of `error` (code lines and messages, no variables).

    Return its path, or None if it cannot be written.
    """
    from textual import __version__ as textual_version

    from drio_tui.storage import files  # imported only when needed: a crash is rare

    now = time.gmtime()
    head = (
        f"drio-tui {__version__}, textual {textual_version}, Python {platform.python_version()}\n"
        f"{platform.platform()}\n{time.strftime('%Y-%m-%dT%H:%M:%SZ', now)}\n\n"
    )
    body = "".join(traceback.format_exception(error))
    path = (
        paths.state_dir() / "crashes" / f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{time.time_ns() % 10**6}.txt"
    )
    try:
        files.private_dir(path.parent.parent)
        files.private_dir(path.parent)
        files.write_private(path, (head + redacted(body)).encode("utf-8", "replace"))
    except OSError:
        return None
    return path


def print_summary(error: BaseException, report: Path | None) -> None:
    """Print to stderr what happened and where the report is; call it once the terminal is restored."""
    from drio_tui.text import one_line

    class_name = type(error).__name__
    lines = [
        "",
        "drio-tui had to stop: " + one_line(redacted(f"{class_name}: {error}" if str(error) else class_name), 200),
        f"A report without secrets is in {report}" if report else "No report could be written.",
        "Nothing was changed on the server that was not confirmed on the screen.",
        "",
    ]
    try:
        sys.stderr.write("\n".join(lines) + "\n")
        sys.stderr.flush()
    except OSError:
        return


def _has_home() -> bool:
    try:
        Path.home()
    except RuntimeError:
        return False
    return True
