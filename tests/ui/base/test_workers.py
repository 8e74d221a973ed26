"""Starting workers."""

from __future__ import annotations

import gc
import warnings
from pathlib import Path

from textual.app import App

import drio_tui.ui
from drio_tui.ui.base.workers import start_worker


def test_workers_are_started_in_one_module() -> None:
    ui = Path(drio_tui.ui.__file__).parent
    callers = {
        path.relative_to(ui).as_posix() for path in ui.rglob("*.py") if ".run_worker(" in path.read_text("utf-8")
    }
    assert callers == {"base/workers.py"}


async def test_a_worker_that_is_cancelled_before_it_starts_leaves_no_coroutine() -> None:
    calls: list[str] = []

    async def work(text: str) -> str:
        calls.append(text)
        return text.upper()

    app: App[None] = App()
    async with app.run_test():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            start_worker(app, work, "earlier", group="work", exclusive=True)
            later = start_worker(app, work, "later", group="work", exclusive=True)
            assert await later.wait() == "LATER"
            gc.collect()
        assert calls == ["later"]
        assert [str(warning.message) for warning in caught] == []
        assert (later.group, later.name) == ("work", "work")
