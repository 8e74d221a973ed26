"""Measures a form of 360 fields in six tabs: its first frame compared with that of one tab, a keystroke, the next tab.

    python -m benchmarks.forms [--runs 11]

Everything runs in a real Textual program without a terminal. Times are milliseconds from the event to the
end of the repaint it causes. The one-tab form holds the 60 fields that the six-tab form shows first.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from typing import Any

from textual import events
from textual.app import App
from textual.pilot import Pilot

from benchmarks.common import RUNS, Row
from drio_tui.schema.fields import SchemaReader
from drio_tui.schema.form import FormModel
from drio_tui.ui.forms.schema_form import SchemaForm

FIELDS = 60
TABS = 6
FRAME_RATIO = 1.5
KEYSTROKE_P95 = 30.0


def schema(tabs: int) -> dict[str, Any]:
    """Return a schema of `tabs` objects with 60 properties of mixed kinds each."""
    kinds: list[dict[str, Any]] = [
        {"type": "string", "description": "A line of text.", "examples": ["Acme"]},
        {"type": "string", "pattern": "^[a-z0-9]+(?:-[a-z0-9]+)*$", "description": "A key."},
        {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}], "description": "A number."},
        {"anyOf": [{"enum": ["a", "b", "c"]}, {"type": "string"}], "description": "One of several."},
        {"type": "boolean", "description": "Yes or no."},
        {"type": "string", "format": "uri", "description": "An address."},
    ]
    groups = {
        f"group{tab}": {
            "type": "object",
            "title": f"Group {tab}",
            "properties": {f"field{number}": kinds[number % len(kinds)] for number in range(FIELDS)},
        }
        for tab in range(tabs)
    }
    return {"type": "object", "properties": groups}


async def painted(form: SchemaForm) -> None:
    """Wait until the screen has handled its messages and painted."""
    done = asyncio.Event()
    form.screen.call_after_refresh(done.set)
    await done.wait()


async def open_form(app: App[None], tabs: int) -> tuple[float, SchemaForm]:
    """Open a form; return the seconds from the schema to the first frame with fields, and the form."""
    start = time.perf_counter()
    root = schema(tabs)
    form = SchemaForm(FormModel(SchemaReader(root).field(root), {}))
    await app.mount(form)
    await painted(form)
    while not form.query("FieldRow LineEditor"):
        await painted(form)
    await painted(form)
    return time.perf_counter() - start, form


async def measure(runs: int) -> dict[str, list[float]]:
    """Return the milliseconds of each run, by action."""
    times: dict[str, list[float]] = {"one": [], "six": [], "keystroke": [], "tab": [], "save": []}
    app: App[None] = App()
    async with app.run_test(size=(120, 40)) as pilot:
        for run in range(runs + 1):
            for name, tabs in (("one", 1), ("six", TABS)):
                seconds, form = await open_form(app, tabs)
                if run:  # the first run parses the styles
                    times[name].append(seconds * 1000)
                if name == "six" and run == runs:
                    await _measure_actions(pilot, form, times)
                await form.remove()
    return times


async def _measure_actions(pilot: Pilot[None], form: SchemaForm, times: dict[str, list[float]]) -> None:
    """Type into fields, show the tabs and validate, and add the milliseconds of each to `times`."""
    await pilot.pause()
    for number in (0, 1, 5, 30, 59):
        node, _ = form.model.nearest_node(f"group0.field{number}")
        field_widget = form.field_widget_of(node)
        assert field_widget is not None
        field_widget.focus_editor()
        await pilot.pause(0.2)
        for letter in "the-quick-brown-fox-jumps-over-the-lazy":
            start = time.perf_counter()
            focused = pilot.app.focused
            assert focused is not None
            focused.post_message(events.Key(letter, letter))
            await painted(form)
            times["keystroke"].append((time.perf_counter() - start) * 1000)
    for tab in range(1, TABS):
        start = time.perf_counter()
        form.show_tab(tab)
        await painted(form)
        while not form.query(f"#page-{tab} LineEditor"):
            await painted(form)
        await painted(form)
        times["tab"].append((time.perf_counter() - start) * 1000)
    start = time.perf_counter()
    form.validate()
    await painted(form)
    times["save"].append((time.perf_counter() - start) * 1000)


def main(runs: int = RUNS) -> list[Row]:
    """Return the rows of the report."""
    times = asyncio.run(measure(runs))
    one, six = statistics.median(times["one"]), statistics.median(times["six"])
    keys = sorted(times["keystroke"])
    p95 = keys[int(len(keys) * 0.95)]
    note = f"median {statistics.median(keys):.1f}, worst {keys[-1]:.1f}, {len(keys)} keys"
    return [
        Row(f"{TABS * FIELDS} fields in {TABS} tabs: first frame, to one tab's", six / one, "×", FRAME_RATIO),
        Row(f"first frame of {FIELDS} fields in one tab", one, "ms"),
        Row(f"first frame of {TABS * FIELDS} fields in {TABS} tabs", six, "ms"),
        Row("keystroke to screen, 95th percentile", p95, "ms", KEYSTROKE_P95, note=note),
        Row(f"the next tab of {FIELDS} fields, when first shown", statistics.median(times["tab"]), "ms"),
        Row("checking all fields and showing what is wrong", statistics.median(times["save"]), "ms"),
    ]


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--runs", type=int, default=RUNS)
    for row in main(arguments.parse_args().runs):
        print(row)
