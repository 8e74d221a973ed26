"""Importing the modules of the next screens before their keys are pressed."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import pytest

from drio_tui.ui.app import preload
from drio_tui.ui.app.idle_work import InputPause
from drio_tui.ui.app.navigation import SCREENS, SIGNED_OUT_SCREENS


def test_what_is_preloaded_exists() -> None:
    assert [name for name in preload.NEXT_MODULES if find_spec(name) is None] == []
    assert [*SCREENS] == [*dict.fromkeys([*SCREENS, *SIGNED_OUT_SCREENS])]


async def test_no_module_is_imported_while_a_key_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    imported: list[str] = []
    typing = [True]

    async def note(name: str) -> None:
        imported.append(name)
        typing[0] = len(imported) == 2  # a key comes during the second import

    monkeypatch.setattr(preload, "import_in_thread", note)
    monkeypatch.setattr(preload, "loop_is_idle", lambda _loop: True)
    monkeypatch.setattr(preload, "_CHECK_SECONDS", 0)
    app: Any = SimpleNamespace(screen_stack=[])
    preloader = preload.Preloader(app, InputPause(), lambda: typing[0])
    task = asyncio.create_task(preloader.import_next())
    for expected in (0, 2):
        for _ in range(50):
            await asyncio.sleep(0)
        assert imported == [*preload.NEXT_MODULES[:expected]]
        typing[0] = False
    await task
    assert imported == [*preload.NEXT_MODULES]
