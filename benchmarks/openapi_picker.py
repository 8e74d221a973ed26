"""Measures a large OpenAPI document: the time from its path to a usable picker, and a keystroke in the filter.

    python -m benchmarks.openapi_picker [--runs 5]

The document has 1,000 operations with parameters, bodies and responses of shared schemas, as JSON and as YAML. The
picker is usable with the first frame that lists every operation with its tokens: from then on the filter, Space and
the preview work. Everything runs in a real Textual program without a terminal.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from textual import events
from textual.app import App
from textual.widget import Widget

from benchmarks.common import Row
from drio_tui.openapi_import.document import open_document
from drio_tui.ui.openapi_import.operation_picker import OperationPicker
from drio_tui.ui.widgets.filter_input import FilterInput

OPERATIONS = 1_000
USABLE = 2.0
KEYSTROKE_P95 = 50.0
_METHODS = ("get", "post", "put", "patch", "delete")


def document(operations: int = OPERATIONS) -> dict[str, Any]:
    """Return a document of so many operations, five for each path, and 100 schemas that refer to each other."""
    schemas = {
        f"Item{n}": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"type": "string", "description": "What users call it, in a sentence of usual length."},
                "state": {"type": "string", "enum": ["open", "closed", "unknown"]},
                "count": {"type": "integer", "minimum": 0},
                "part": {"$ref": f"#/components/schemas/Item{n // 3}"},
                "others": {"type": "array", "items": {"$ref": f"#/components/schemas/Item{n}"}},
            },
        }
        for n in range(100)
    }

    def operation(path: int, method: str) -> dict[str, Any]:
        schema = {"$ref": f"#/components/schemas/Item{path % 100}"}
        content = {"application/json": {"schema": schema}}
        value: dict[str, Any] = {
            "operationId": f"{method}Item{path}",
            "summary": f"{method.capitalize()} the item number {path}",
            "description": "What it does, when to call it and when not, in the length that such texts have. " * 3,
            "tags": [f"group{path % 20}"],
            "parameters": [
                {"name": name, "in": "query", "schema": {"type": "string"}, "description": "What it narrows down."}
                for name in ("filter", "sort", "fields")
            ],
            "responses": {"200": {"description": "Fine", "content": content}},
        }
        if method in ("post", "put", "patch"):
            value["requestBody"] = {"required": True, "content": content}
        return value

    paths = {
        f"/groups/{path % 20}/items{path}/{{id}}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
            **{method: operation(path, method) for method in _METHODS},
        }
        for path in range(operations // len(_METHODS))
    }
    info = {"title": "A large API", "version": "1"}
    servers = [{"url": "https://api.example.com"}]
    return {"openapi": "3.1.0", "info": info, "servers": servers, "paths": paths, "components": {"schemas": schemas}}


async def painted(widget: Widget) -> None:
    """Wait until the screen has handled its messages and painted."""
    done = asyncio.Event()
    widget.screen.call_after_refresh(done.set)
    await done.wait()


async def open_picker(app: App[None], path: Path) -> tuple[float, OperationPicker]:
    """Open a document; return the seconds from its path to a usable picker, and the picker."""
    start = time.perf_counter()
    opened = await open_document(str(path))
    picker = OperationPicker()
    await app.mount(picker)
    picker.show(opened.operations)
    await painted(picker)
    seconds = time.perf_counter() - start
    assert len(picker.selection.operations) == OPERATIONS
    await opened.close()
    return seconds, picker


async def measure(folder: Path, runs: int) -> dict[str, list[float]]:
    """Return the seconds of each run by format, and the milliseconds of each keystroke."""
    times: dict[str, list[float]] = {"json": [], "yaml": [], "keystroke": [], "cpu": []}
    app: App[None] = App()
    async with app.run_test(size=(120, 40)) as pilot:
        for run in range(runs + 1):
            for name in ("json", "yaml"):
                seconds, picker = await open_picker(app, folder / f"large.{name}")
                if run:  # the first run parses the styles
                    times[name].append(seconds)
                if name == "json" and run == runs:
                    filter_input = picker.query_one(FilterInput)
                    filter_input.focus()
                    await pilot.pause(0.2)
                    for letter in "tag:group1 is:unsafe item12 post":
                        start, cpu_start = time.perf_counter(), time.process_time()
                        filter_input.post_message(events.Key(letter, letter))
                        await painted(filter_input)
                        times["keystroke"].append((time.perf_counter() - start) * 1000)
                        times["cpu"].append((time.process_time() - cpu_start) * 1000)
                await picker.remove()
    return times


def parse_in_new_process(path: Path) -> float:
    """Return the seconds in which a new Python process parses the file with `json`."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import json; json.load(open({str(path)!r}))"], check=True)
    return time.perf_counter() - start


def main(runs: int = 5) -> list[Row]:
    """Return the rows of the report."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        value = document()
        (folder / "large.json").write_text(json.dumps(value, indent=2))
        (folder / "large.yaml").write_text(yaml.dump(value, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper)))
        size = (folder / "large.json").stat().st_size / 1e6
        baseline = statistics.median(parse_in_new_process(folder / "large.json") for _ in range(runs))
        times = asyncio.run(measure(folder, runs))
    keys = sorted(times["keystroke"])
    p95 = keys[int(len(keys) * 0.95)]
    as_json, as_yaml = statistics.median(times["json"]), statistics.median(times["yaml"])
    cpu = statistics.median(times["cpu"])
    note = f"median {statistics.median(keys):.1f}, worst {keys[-1]:.1f}; CPU {cpu:.1f} ms; {len(keys)} keys"
    return [
        Row(f"{OPERATIONS:,} operations ({size:.1f} MB JSON): path to usable picker", as_json, "s", USABLE),
        Row(f"{OPERATIONS:,} operations as YAML: path to usable picker", as_yaml, "s"),
        Row("JSON to picker ÷ a new process that parses it", as_json / baseline, "×", note=f"{baseline:.2f} s"),
        Row("filter keystroke to screen, 95th percentile", p95, "ms", KEYSTROKE_P95, note=note),
    ]


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--runs", type=int, default=5)
    for row in main(arguments.parse_args().runs):
        print(row)
