"""Copying text, and saying how it was done.

The desktop's own tool comes first, since it alone can confirm. Over SSH the tool would fill the clipboard
of the far machine, so there (and where no tool is) the terminal is asked with OSC 52; inside tmux through
tmux, which passes it on. What no terminal takes is written to a private file instead.
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
# Terminals cut or ignore longer sequences; the common limit is 100,000 bytes with its framing.
OSC52_BYTES = 74_000


@dataclass(frozen=True, slots=True)
class Copied:
    """What became of the text: `sure` when something confirmed it; `how` is a sentence for the person."""

    sure: bool
    how: str


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that puts its standard input on a clipboard."""

    argv: tuple[str, ...]
    name: str
    encoding: str = "utf-8"


def tools(env: Mapping[str, str] | None = None, platform: str = sys.platform) -> list[Tool]:
    """The tools that fit this desktop, best first, installed or not."""
    env = os.environ if env is None else env
    if env.get("SSH_CONNECTION") or env.get("SSH_TTY"):
        local = []
    elif platform == "darwin":
        local = [Tool(("pbcopy",), "pbcopy")]
    elif env.get("WSL_DISTRO_NAME") or env.get("WSL_INTEROP"):
        local = [Tool(("clip.exe",), "clip.exe", "utf-16")]
    else:
        local = []
        if env.get("WAYLAND_DISPLAY"):
            local.append(Tool(("wl-copy",), "wl-copy"))
        if env.get("DISPLAY"):
            local.append(Tool(("xclip", "-selection", "clipboard", "-in"), "xclip"))
            local.append(Tool(("xsel", "--clipboard", "--input"), "xsel"))
    if env.get("TMUX"):
        local.append(Tool(("tmux", "load-buffer", "-w", "-"), "tmux"))
    return local


async def copy(text: str, write: Callable[[str], None] | None, env: Mapping[str, str] | None = None) -> Copied:
    """Put `text` on the clipboard by the first way that works. `write` sends bytes to the terminal, if there is one."""
    for tool in tools(env):
        path = shutil.which(tool.argv[0], path=None if env is None else env.get("PATH"))
        if path and await _feed((path, *tool.argv[1:]), text.encode(tool.encoding, "replace"), env):
            if tool.name == "tmux":
                return Copied(True, "Copied to tmux's buffer and, where the terminal allows it, the clipboard.")
            return Copied(True, f"Copied ({tool.name}).")
    data = text.encode("utf-8", "replace")
    if write is not None and len(data) <= OSC52_BYTES:
        write(f"\x1b]52;c;{base64.b64encode(data).decode('ascii')}\a")
        return Copied(False, "Sent to the terminal's clipboard (OSC 52); some terminals have that switched off.")
    return await asyncio.to_thread(_to_file, data)


async def _feed(argv: tuple[str, ...], data: bytes, env: Mapping[str, str] | None) -> bool:
    """Run a tool with `data` on its standard input; whether it succeeded in time."""
    try:
        process = await start_process(*argv, env=env)  # a tool stays behind to serve the selection: no pipe from it
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


def _to_file(data: bytes) -> Copied:
    from drio_tui.storage import files, paths  # the last resort is rare

    path = paths.state_dir() / "copied.txt"
    try:
        files.write_private(files.private_dir(path.parent) / path.name, data)
    except OSError as error:
        return Copied(False, f"No clipboard was found, and {path} cannot be written: {files.reason_of(error)}.")
    return Copied(True, f"No clipboard takes this much text: it is in {path}.")
