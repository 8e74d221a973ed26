"""Copy text to the clipboard.

The desktop's clipboard tool is tried first, since only that can confirm success. Over SSH it would fill the
clipboard of the remote machine, so there (and if there is no tool) the text is sent to the terminal with OSC 52;
inside tmux through tmux, which passes it on. A text too long for that is written to a private file instead.
"""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from drio_tui.child_process import end_process, start_process

TOOL_SECONDS = 2.0
# Terminals truncate or ignore longer sequences; the common limit is 100,000 bytes with the framing.
OSC52_BYTES = 74_000

_NOT_KNOWN = "Whether it reached the clipboard cannot be known."
_TERMINAL = "If not, allow programs to write to it in the settings of the terminal."
_TMUX = "If not: `set -g set-clipboard on` in tmux.conf, and allow OSC 52 in the terminal."


@dataclass(frozen=True, slots=True)
class CopyResult:
    """The result of copying: `confirmed` if success is certain; `message` is a sentence for the user."""

    confirmed: bool
    message: str


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that copies its standard input to the clipboard."""

    argv: tuple[str, ...]
    name: str
    encoding: str = "utf-8"


def tools(env: Mapping[str, str] | None = None, platform: str = sys.platform) -> list[Tool]:
    """Return the clipboard tools for this desktop, best first, installed or not."""
    env = os.environ if env is None else env
    if env.get("SSH_CONNECTION") or env.get("SSH_TTY"):
        candidates = []
    elif platform == "darwin":
        candidates = [Tool(("pbcopy",), "pbcopy")]
    elif env.get("WSL_DISTRO_NAME") or env.get("WSL_INTEROP"):
        candidates = [Tool(("clip.exe",), "clip.exe", "utf-16")]
    else:
        candidates = []
        if env.get("WAYLAND_DISPLAY"):
            candidates.append(Tool(("wl-copy",), "wl-copy"))
        if env.get("DISPLAY"):
            candidates.append(Tool(("xclip", "-selection", "clipboard", "-in"), "xclip"))
            candidates.append(Tool(("xsel", "--clipboard", "--input"), "xsel"))
    if env.get("TMUX"):
        candidates.append(Tool(("tmux", "load-buffer", "-w", "-"), "tmux"))
    return candidates


async def copy(text: str, write: Callable[[str], None] | None, env: Mapping[str, str] | None = None) -> CopyResult:
    """Copy `text` to the clipboard in the first way that works. `write` writes to the terminal, if there is one."""
    for tool in tools(env):
        path = shutil.which(tool.argv[0], path=None if env is None else env.get("PATH"))
        if path and await _run_tool((path, *tool.argv[1:]), text.encode(tool.encoding, "replace"), env):
            if tool.name == "tmux":
                return CopyResult(False, f"Copied to tmux's buffer. {_NOT_KNOWN} {_TMUX}")
            return CopyResult(True, f"Copied ({tool.name}).")
    data = text.encode("utf-8", "replace")
    if write is not None and len(data) <= OSC52_BYTES:
        write(f"\x1b]52;c;{base64.b64encode(data).decode('ascii')}\a")
        is_in_tmux = bool((os.environ if env is None else env).get("TMUX"))
        return CopyResult(False, f"Sent to the terminal (OSC 52). {_NOT_KNOWN} {_TMUX if is_in_tmux else _TERMINAL}")
    return await asyncio.to_thread(_write_file, data)


async def _run_tool(argv: tuple[str, ...], data: bytes, env: Mapping[str, str] | None) -> bool:
    """Run a tool with `data` as its standard input; return whether it succeeded in time."""
    try:
        process = await start_process(*argv, env=env)  # no output pipe: a tool may stay to serve the selection
    except OSError:
        return False
    try:
        async with asyncio.timeout(TOOL_SECONDS):
            await process.communicate(data)
    except (TimeoutError, BrokenPipeError, ConnectionResetError):
        return False
    finally:
        if process.returncode is None:
            await end_process(process)
    return process.returncode == 0


def _write_file(data: bytes) -> CopyResult:
    from drio_tui.storage import files, paths  # imported only when needed

    path = paths.state_dir() / "copied.txt"
    try:
        files.write_private(files.private_dir(path.parent) / path.name, data)
    except OSError as error:
        return CopyResult(False, f"No clipboard was found, and {path} cannot be written: {files.os_error_text(error)}.")
    return CopyResult(True, f"No clipboard takes this much text: it is in {path}.")
