"""The cassette that this process records to or replays; at most one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from drio_tui.api.errors import UsageError
from drio_tui.api.http import replace_clients
from drio_tui.cassette.recording import Recorder
from drio_tui.cassette.replaying import Player

_recorder: Recorder | None = None
_player: Player | None = None


def start_recording(path: Path, command: Callable[[], str]) -> None:
    """Record all further requests to `path`. Raises `UsageError`."""
    global _recorder
    _refuse_second()
    _recorder = Recorder(path, command)
    replace_clients(_recorder.client)


def start_replay(path: Path, command: Callable[[], str]) -> None:
    """Answer all further requests from `path`. Raises `UsageError`."""
    global _player
    _refuse_second()
    _player = Player(path, command)
    replace_clients(_player.client, recorded=_player.has_answer)


def _refuse_second() -> None:
    if _recorder is not None or _player is not None:
        raise UsageError("one cassette is recorded or replayed at a time")


def player() -> Player | None:
    """Return the cassette that is replayed, if one is."""
    return _player


def recorder() -> Recorder | None:
    """Return what records the requests of this process, if they are recorded."""
    return _recorder


def stop() -> str:
    """Stop recording or replaying; return why a recording is incomplete, else an empty text."""
    global _recorder, _player
    recorder, _recorder, _player = _recorder, None, None
    replace_clients(None)
    return recorder.close() if recorder is not None else ""
