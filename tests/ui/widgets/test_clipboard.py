"""Copying to the clipboard: with the desktop's tool, tmux, the terminal or a file, each reported to the user."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from drio_tui.ui.widgets import clipboard


def write_tool(folder: Path, name: str, script: str) -> None:
    """Write a script of this name to `folder`."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def env(folder: Path, **more: str) -> dict[str, str]:
    return {"PATH": f"{folder}:/usr/bin:/bin", "OUT": str(folder / "out")} | more


async def test_the_clipboard_tool_gets_the_exact_text(tmp_path: Path) -> None:
    write_tool(tmp_path, "wl-copy", 'cat > "$OUT"; echo "$#" > "$OUT.args"')
    text = "a'b\"c $(x) \x1b]52;\n äöü"
    result = await clipboard.copy(text, None, env(tmp_path, WAYLAND_DISPLAY="wayland-0"))
    assert (tmp_path / "out").read_text() == text
    assert (tmp_path / "out.args").read_text() == "0\n"
    assert result.confirmed
    assert "wl-copy" in result.message


async def test_the_next_tool_is_tried_if_one_fails(tmp_path: Path) -> None:
    write_tool(tmp_path, "xclip", "exit 1")
    write_tool(tmp_path, "xsel", 'cat > "$OUT"')
    result = await clipboard.copy("text", None, env(tmp_path, DISPLAY=":0"))
    assert (tmp_path / "out").read_text() == "text"
    assert "xsel" in result.message


async def test_a_hanging_tool_is_killed_and_osc52_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clipboard, "TOOL_SECONDS", 0.2)
    write_tool(tmp_path, "xclip", 'echo $$ > "$OUT"; exec sleep 600')
    written: list[str] = []
    result = await clipboard.copy("text", written.append, env(tmp_path, DISPLAY=":0"))
    assert written == ["\x1b]52;c;" + base64.b64encode(b"text").decode() + "\a"]
    assert not result.confirmed
    if (tmp_path / "out").exists():  # it may have been killed before it wrote its process id
        with pytest.raises(ProcessLookupError):
            os.kill(int((tmp_path / "out").read_text()), 0)


async def test_over_ssh_the_remote_clipboard_is_not_used(tmp_path: Path) -> None:
    write_tool(tmp_path, "xclip", 'cat > "$OUT"')
    written: list[str] = []
    result = await clipboard.copy("t", written.append, env(tmp_path, DISPLAY=":0", SSH_CONNECTION="a b c d"))
    assert not (tmp_path / "out").exists()
    assert len(written) == 1
    assert "OSC 52" in result.message
    assert "cannot be known" in result.message
    assert "tmux" not in result.message
    write_tool(tmp_path, "tmux", "exit 1")  # as of a version without `load-buffer -w`
    in_tmux = await clipboard.copy("t", written.append, env(tmp_path, SSH_TTY="/dev/pts/1", TMUX="/tmp/t,1,0"))
    assert len(written) == 2
    assert "`set -g set-clipboard on`" in in_tmux.message


async def test_text_too_long_for_osc52_goes_to_a_private_file(isolated: Path, tmp_path: Path) -> None:
    written: list[str] = []
    text = "x" * (clipboard.OSC52_BYTES + 1)
    result = await clipboard.copy(text, written.append, env(tmp_path))
    path = isolated / "state" / "copied.txt"
    assert written == []
    assert path.read_text() == text
    assert path.stat().st_mode & 0o777 == 0o600
    assert str(path) in result.message


async def test_a_failed_copy_is_reported(isolated: Path, tmp_path: Path) -> None:
    (isolated / "state").write_text("in the way")
    result = await clipboard.copy("t", None, env(tmp_path))
    assert not result.confirmed
    assert "cannot be written" in result.message


def test_clipboard_tools_by_desktop() -> None:
    def names(platform: str = "linux", **env: str) -> list[str]:
        return [tool.name for tool in clipboard.tools(env, platform)]

    assert names("darwin") == ["pbcopy"]
    assert names(WSL_DISTRO_NAME="Ubuntu", DISPLAY=":0") == ["clip.exe"]
    assert names(WAYLAND_DISPLAY="w", DISPLAY=":0") == ["wl-copy", "xclip", "xsel"]
    assert names(TMUX="/tmp/t,1,0") == ["tmux"]
    assert names() == []


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
async def test_inside_tmux_the_text_is_in_the_tmux_buffer(tmp_path: Path) -> None:
    socket = tmp_path / "s"
    tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]
    subprocess.run([*tmux, "new-session", "-d", "sleep 600"], check=True)
    try:
        result = await clipboard.copy("through [tmux]", None, dict(os.environ) | {"TMUX": f"{socket},1,0"})
        assert subprocess.run([*tmux, "show-buffer"], capture_output=True, check=True).stdout == b"through [tmux]"
        assert not result.confirmed
        assert all(text in result.message for text in ("tmux's buffer", "cannot be known", "set-clipboard on"))
    finally:
        subprocess.run([*tmux, "kill-server"], check=True)
