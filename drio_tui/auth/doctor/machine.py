"""The steps about this machine: versions, the terminal, our folders, the keyring, the clock."""

from __future__ import annotations

import email.utils
import os
import platform
import ssl
import stat
import sys
from importlib import metadata
from pathlib import Path

from drio_tui import __version__
from drio_tui.auth.browser import DesktopEnvironment
from drio_tui.auth.doctor.report import Finding, Outcome
from drio_tui.auth.errors import StoreFailed
from drio_tui.auth.keyring_store import OsKeyringBackend
from drio_tui.auth.token_store import PROBE_ENTRY
from drio_tui.storage import paths
from drio_tui.text import count_of, duration, one_line

SKEW_WARNING = 30.0
SKEW_FAILURE = 300.0
"""Seconds between our clock and the server's from which there is a warning, and from which it is a failure."""

_PACKAGES = ("textual", "httpx", "keyring")
_FOLDERS = (("state", "DRIO_STATE_DIR"), ("config", "DRIO_CONFIG_DIR"), ("data", "DRIO_DATA_DIR"))
_MAX_FILES = 5_000
_OPEN_STATE = "others can open the state folder"
"""Not a failure by itself: what is in it is private."""


def check_versions() -> Finding:
    """Return the versions of the program and of what it runs on."""
    desktop = DesktopEnvironment.detect()
    versions = [f"drio-tui {__version__}", f"Python {platform.python_version()}"]
    for package in _PACKAGES:
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            versions.append(f"no {package}")
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    kinds = [name for name, present in (("container", desktop.container), ("WSL", desktop.wsl)) if present]
    return Finding(", ".join([*versions, ssl.OPENSSL_VERSION, one_line(system, 100), *kinds]))


def check_terminal() -> Finding:
    """Return what the terminal can do, and whether a browser can be opened from it."""
    env = os.environ
    term = one_line(env.get("TERM", ""), 40)
    facts = [f"TERM {term or 'not set'}", _colours(), _size()]
    facts += [name for name, variable in (("tmux", "TMUX"), ("screen", "STY")) if env.get(variable)]
    if env.get("TERM_PROGRAM"):
        facts.append(one_line(env["TERM_PROGRAM"], 40))
    if any(env.get(name) for name in ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT")):
        facts.append("SSH")
    facts.append(f"encoding {getattr(sys.__stdout__, 'encoding', 'unknown')}")  # sys.stdout is replaced in the TUI
    no_browser = DesktopEnvironment.detect().why_no_browser()
    facts.append(f"no browser from here ({no_browser})" if no_browser else "a browser can be opened")
    if term in ("", "dumb"):
        return Finding(
            ", ".join(facts), Outcome.WARNING, advice="Set TERM to what the terminal is, e.g. xterm-256color."
        )
    return Finding(", ".join(facts))


def check_folders() -> Finding:
    """Return the modes of our folders and private files. Blocks: reads folders."""
    facts: list[str] = []
    problems: list[tuple[str, str]] = []
    for name, variable in _FOLDERS:
        folder = Path(getattr(paths, f"{name}_dir")())
        shown = f"${variable}" if os.environ.get(variable) else str(folder)
        try:
            info = folder.stat()
        except FileNotFoundError:
            facts.append(f"{name} not made yet")
            continue
        except OSError as error:
            problems.append((f"the {name} folder cannot be read ({error.strerror})", f"Look at {shown}."))
            continue
        mode = stat.S_IMODE(info.st_mode)
        facts.append(f"{name} {mode:04o}")
        if not os.access(folder, os.W_OK | os.X_OK):
            problems.append((f"the {name} folder cannot be written to", f"Run: chmod u+rwx {shown}"))
        if not hasattr(os, "getuid"):
            continue
        if info.st_uid != os.getuid():
            problems.append((f"the {name} folder belongs to another user", f"Look at who owns {shown}."))
        if name == "state":
            if mode & 0o077:
                problems.append((_OPEN_STATE, f"Run: chmod 700 {shown}"))
            if count := _open_files(folder):
                files = count_of(count, "file")
                problems.append((f"others can read {files} in it", f"Run: chmod -R go= {shown}"))
    if not problems:
        return Finding(", ".join(facts))
    summary = ", ".join([*facts, *(problem for problem, _ in problems)])
    advice = " ".join(dict.fromkeys(advice for _, advice in problems))
    only_open = all(problem == _OPEN_STATE for problem, _ in problems)
    return Finding(summary, Outcome.WARNING if only_open else Outcome.FAILED, advice=advice)


async def check_keyring(*, insecure: bool) -> Finding:
    """Return whether the keyring works, is locked, or does not exist; no sign-in is read."""
    if insecure:
        return Finding("not used: insecure_storage is set, tokens are kept in a private file", Outcome.SKIPPED)
    warnings: list[str] = []
    keyring = OsKeyringBackend(warnings.append)
    try:
        await keyring.get(PROBE_ENTRY)
    except StoreFailed as error:
        if error.absent:
            return Finding(f"none: {error.message} Tokens are kept in a private file.")
        return Finding(f"locked or broken: {error.message}", Outcome.FAILED, advice=error.hint or "")
    if warnings:
        return Finding(
            warnings[0], Outcome.WARNING, advice="Use another keyring, or --insecure-storage: a private file."
        )
    return Finding(f"{keyring.label} works")


def check_clock(date: str | None, now: float) -> Finding:
    """Compare our clock (Unix seconds) with the `Date` of a response."""
    try:
        parsed = email.utils.parsedate_to_datetime(date or "")
    except (ValueError, TypeError, IndexError, OverflowError):
        return Finding("the server sent no usable Date", Outcome.SKIPPED)
    skew = now - parsed.timestamp()
    if abs(skew) < SKEW_WARNING:
        return Finding("agrees with the server's")
    direction = "ahead of" if skew > 0 else "behind"
    return Finding(
        f"{duration(abs(skew))} {direction} the server's",
        Outcome.FAILED if abs(skew) >= SKEW_FAILURE else Outcome.WARNING,
        expected=email.utils.format_datetime(parsed),
        received=email.utils.formatdate(now, usegmt=True),
        advice="Set this machine's clock (timedatectl set-ntp true, or your system's settings): certificates and "
        "tokens are valid for a time.",
    )


def _open_files(folder: Path) -> int:
    """Return how many files below `folder` others can read, among the first thousands."""
    count = 0
    for number, path in enumerate(folder.rglob("*")):
        if number >= _MAX_FILES:
            break
        try:
            info = path.lstat()
        except OSError:
            continue
        count += stat.S_ISREG(info.st_mode) and bool(info.st_mode & 0o077)
    return count


def _colours() -> str:
    env = os.environ
    if env.get("NO_COLOR"):
        return "no colours (NO_COLOR)"
    if env.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return "16 million colours"
    return "256 colours" if "256color" in env.get("TERM", "") else "16 colours or fewer"


def _size() -> str:
    for stream in (sys.__stdout__, sys.__stderr__, sys.__stdin__):
        try:
            size = os.get_terminal_size(stream.fileno() if stream is not None else -1)
        except (OSError, ValueError, AttributeError):
            continue
        return f"{size.columns}×{size.lines}"
    return "no terminal"
