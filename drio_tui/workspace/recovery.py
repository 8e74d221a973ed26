"""Unsaved edits, kept when the program ends without asking: a crash, SIGTERM, SIGHUP, a thing deleted elsewhere.

Each lies in a file of its own in the state folder (mode 0600), so that nothing is shared between processes.
Everything here blocks and runs no event loop: it is called from places where there is none any more.
Secrets that were typed are not kept; `Buffer.lost` says which, so that a person is asked for them again.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from drio_tui.api import wire
from drio_tui.shelf import Shelf
from drio_tui.workspace.journal import strip
from drio_tui.workspace.undo import without

VERSION = 1


@dataclass(frozen=True, slots=True)
class Buffer:
    """An edit that was not saved.

    `thing` is the id of what was edited, empty for something new; `base` what the edit began from (None for
    something new), `mine` what it had become. `draft` is text that does not parse, as typed in the JSON view.
    `profile`, `server` (a `server_id`), `app` and `parent` say where it belongs, `label` what to call it (not yet
    safe to show). `lost` are dotted paths of secrets that were typed and not kept. `at` is in seconds since the epoch.
    """

    profile: str
    server: str
    app: str
    kind: str
    thing: str
    label: str
    mine: dict[str, Any] = field(repr=False)
    base: dict[str, Any] | None = field(default=None, repr=False)
    parent: str = ""
    draft: str = field(default="", repr=False)
    lost: tuple[str, ...] = ()
    why: str = ""
    at: float = 0.0
    id: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """What there is: buffers, newest first, and files that cannot be read (kept aside) with the reason."""

    buffers: list[Buffer]
    problems: list[str]


def folder() -> Path:
    """Where the files lie."""
    return _SHELF.folder


def new_id() -> str:
    """An id for an edit, so that keeping it again replaces what was kept."""
    return secrets.token_hex(12)


def save(buffer: Buffer) -> Buffer:
    """Keep an unsaved edit; one that was kept before (same `id`) is replaced. Raises `OSError` or `ValueError`.

    What has a secret's name is taken out here; write-only members by other names only the form knows: give
    its `value(secrets=False)` as `mine` and name them in `lost`.
    """
    mine, lost_mine = strip(buffer.mine)
    base, lost_base = strip(buffer.base or {})
    lost = tuple(dict.fromkeys((*buffer.lost, *(".".join(path) for path in (*lost_mine, *lost_base)))))
    # A secret on one side only would look like a change of the person's.
    kept = replace(
        buffer,
        id=buffer.id or new_id(),
        at=buffer.at or time.time(),
        mine=without(mine, lost),
        base=None if buffer.base is None else without(base, lost),
        draft=_safe_draft(buffer),
        lost=lost,
    )
    text = wire.dumps({"v": VERSION, **{_written(name): getattr(kept, name) for name in _TEXTS}, "at": kept.at,
                       "lost": [*kept.lost], "mine": kept.mine, "base": kept.base})  # fmt: skip
    _SHELF.write(kept.id, text.encode("ascii"))
    return kept


def save_all(buffers: Iterable[Buffer]) -> tuple[list[Buffer], list[str]]:
    """Keep as many as can be kept, for the way out: gives those that were, and why others were not."""
    kept: list[Buffer] = []
    problems: list[str] = []
    for buffer in buffers:
        try:
            kept.append(save(buffer))
        except (OSError, ValueError, TypeError, RecursionError) as error:
            problems.append(f"{buffer.label} could not be kept: {error}")
    return kept, problems


def load(profile: str | None = None) -> Kept:
    """The buffers there are, of one profile or of all. A file that cannot be read is renamed to `….corrupt`."""
    buffers, problems = _SHELF.read_all()
    found = [buffer for buffer in buffers if profile in (None, buffer.profile)]
    return Kept(sorted(found, key=lambda buffer: buffer.at, reverse=True), problems)


def discard(id: str) -> None:
    """Forget a buffer; one that is not there is no matter. Raises `OSError` when it cannot be removed."""
    _SHELF.remove(id)


_TEXTS = ("id", "profile", "server", "app", "kind", "thing", "label", "parent", "draft", "why")


def _written(name: str) -> str:
    """The name in the file: earlier versions kept a base URL."""
    return "base_url" if name == "server" else name


def _buffer(line: Any, id: str) -> Buffer | None:
    """The buffer of a file; None for one of a newer version. Raises `ValueError` or `KeyError` for anything else."""
    if not isinstance(line, dict) or not isinstance(line.get("v"), int):
        raise ValueError("it is no unsaved edit")
    if line["v"] != VERSION:
        return None
    texts = {name: line[_written(name)] for name in _TEXTS}
    mine, base, at, lost = line["mine"], line["base"], line["at"], line["lost"]
    right = all(isinstance(text, str) for text in (*texts.values(), *lost)) and isinstance(mine, dict)
    if not right or not isinstance(base, dict | None) or not isinstance(at, int | float) or texts["id"] != id:
        raise ValueError("it is no unsaved edit")
    return Buffer(**texts, mine=mine, base=base, at=float(at), lost=tuple(lost))


_SHELF = Shelf("recovery", "unsaved edit", "unsaved edits", _buffer)


def _safe_draft(buffer: Buffer) -> str:
    """The text that does not parse, unless something secret stands in it: it cannot be taken out of such a text."""
    text = buffer.draft
    if not text:
        return ""
    mine, lost = strip(buffer.mine)
    hints = re.search(r"secret|passw|token|api.?key|authorization|credential|private.?key|bearer", text, re.IGNORECASE)
    return "" if hints or (lost and mine is not None) else text
