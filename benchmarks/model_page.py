"""Measures typing into a tool while it is shown as AI clients list it, with a small and a large input schema.

    python -m benchmarks.model_page [--runs 3]

Everything runs in a real Textual program without a terminal: a form beside the Model page, wide enough for both. Each
letter is followed by a pause, so that the page is updated several times while typing. Milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import Any

from textual import events
from textual.app import App, ComposeResult
from textual.containers import Horizontal

from benchmarks.common import Row
from drio_tui.schema.fields import SchemaReader
from drio_tui.schema.form import FormModel
from drio_tui.ui.editing.model_view import ModelPage
from drio_tui.ui.forms.schema_form import SchemaForm
from drio_tui.workspace.lint.client_view import linted_tool
from drio_tui.workspace.model.snapshot import PartLoaded, Resource, Snapshot

KEYSTROKE_P95 = 30.0
CHECK = 5.0
TEXT = "finds what was asked for, the newest first"
_FORM = {"type": "object", "properties": {name: {"type": "string"} for name in ("name", "description", "key")}}


def snapshot(arguments: int, tools: int = 100) -> Snapshot:
    """Return an app of tools that call one operation with so many arguments."""
    schema = {
        "type": "object",
        "properties": {
            f"argument{number}": {"type": "string", "description": "What is looked for. " * 3, "maxLength": 200}
            for number in range(arguments)
        },
    }
    operation = {"id": "operation_1", "integrationId": "i", "method": "GET", "path": "/find", "inputSchema": schema}
    made = Snapshot("app_1")
    made.apply(PartLoaded("app", (Resource("app", "app_1", {"id": "app_1", "slug": "acme", "name": "Acme"}),)))
    made.apply(PartLoaded("operation", (Resource("operation", "operation_1", operation),)))
    made.apply(PartLoaded("tool", tuple(Resource("tool", f"tool_{n}", tool(n)) for n in range(tools))))
    return made


def tool(number: int) -> dict[str, Any]:
    binding = {"status": "ready", "integrationOperationId": "operation_1"}
    return {"id": f"tool_{number}", "key": f"find-{number}", "name": f"Find {number}", "binding": binding}


class Editing(App[None]):
    """A form and the Model page side by side, connected as the edit screen does."""

    CSS = "ModelPage { width: 64; } SchemaForm { width: 1fr; }"

    def __init__(self, app: Snapshot) -> None:
        super().__init__()
        self.snapshot = app
        self.form = SchemaForm(FormModel(SchemaReader(_FORM).field(_FORM), {"name": "Find", "description": ""}))
        self.updates = 0

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield self.form
            yield ModelPage(lambda: tool(0) | self.form.model.value(), self.snapshot, id="page-model")

    def on_schema_form_changed(self) -> None:
        self.query_one(ModelPage).update_soon()

    def on_model_page_updated(self) -> None:
        self.updates += 1


async def keystrokes(app: Snapshot, runs: int) -> tuple[list[float], list[float], int]:
    """Return the milliseconds of each keystroke until it is painted, and how often the page was updated.

    The second list is the processor time of the event loop per keystroke, with the updates of the page.
    """
    times: list[float] = []
    cpu_times: list[float] = []
    editing = Editing(app)
    async with editing.run_test(size=(180, 45)) as pilot:
        node, _ = editing.form.model.nearest_node("description")
        field = editing.form.field_widget_of(node)
        assert field is not None
        field.focus_editor()
        await pilot.pause(0.5)
        for letter in TEXT.replace(" ", "-").replace(",", "") * runs:
            start, cpu_start = time.perf_counter(), time.thread_time()
            focused = editing.focused
            assert focused is not None
            focused.post_message(events.Key(letter, letter))
            done = asyncio.Event()
            editing.screen.call_after_refresh(done.set)
            await done.wait()
            times.append((time.perf_counter() - start) * 1000)
            await asyncio.sleep(0.03)
            cpu_times.append((time.thread_time() - cpu_start) * 1000)
    return times, cpu_times, editing.updates


def main(runs: int = 3) -> list[Row]:
    """Return the rows of the report."""
    rows = []
    for name, arguments in (("10 arguments", 10), ("400 arguments", 400)):
        app = snapshot(arguments)
        keys, cpu, updates = asyncio.run(keystrokes(app, runs))
        keys.sort()
        cpu.sort()
        note = f"median {keys[len(keys) // 2]:.1f}, worst {keys[-1]:.1f}, {len(keys)} keys, {updates} updates"
        rows.append(Row(f"keystroke beside the Model page, {name}, p95", keys[int(len(keys) * 0.95)], "ms",
                        KEYSTROKE_P95, note=note))  # fmt: skip
        rows.append(Row(f"the same, processor time with updates, {name}, p95", cpu[int(len(cpu) * 0.95)], "ms",
                        KEYSTROKE_P95, note=f"median {cpu[len(cpu) // 2]:.1f}, worst {cpu[-1]:.1f}"))  # fmt: skip
        edited = Resource("tool", "tool_0", tool(0))
        start = time.perf_counter()
        for _ in range(20):
            linted_tool(edited, app).as_dict()
        target = CHECK if arguments == 10 else None  # larger ones are checked in a thread as well
        rows.append(Row(f"one check, {name}", (time.perf_counter() - start) / 20 * 1000, "ms", target))
    return rows


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--runs", type=int, default=3)
    for row in main(arguments.parse_args().runs):
        print(row)
