"""Measures keys on the pages where apps are written, and the turns of the event loop while they and others change them.

    python -m benchmarks.authoring_keys [--runs 2] [--only WORD]

Everything runs in the real program without a terminal: 300 apps, each with 500 tools and as many widgets; 300
proposals of an import; the API explorer with a document of 1,200 operations. The limits are for processor time, since
that on the clock depends on what else the machine does; the notes have both. A key is timed until the last frame that
it causes, a turn of the event loop from the end of its wait to the next one.
"""

from __future__ import annotations

import argparse
import copy
import gc
import hashlib
import json
import os
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks import openapi_picker
from benchmarks.app_tree import large_config
from benchmarks.common import Row, private_home
from benchmarks.event_loop import Keyboard, run
from drio_tui.evaluation.local_tests import keep_local
from drio_tui.evaluation.runner import TestResult
from drio_tui.evaluation.tool_test import ToolTest
from drio_tui.openapi_import.document import open_document
from drio_tui.openapi_import.existing import ExistingResources
from drio_tui.openapi_import.proposals import Proposals
from drio_tui.ui.app.drio_app import DrioApp
from drio_tui.ui.app.idle_work import postpone_full_collections
from drio_tui.ui.app.jump_overlay import JumpOverlay
from drio_tui.ui.app_detail.app_screen import AppScreen
from drio_tui.ui.apps.apps_screen import AppsScreen
from drio_tui.ui.base.launch_options import LaunchOptions
from drio_tui.ui.editing.bulk_dialog import BulkDialog
from drio_tui.ui.editing.bulk_forms import replace_form
from drio_tui.ui.editing.edit_screen import EditScreen
from drio_tui.ui.editing.edit_target import EditTarget
from drio_tui.ui.editing.editors.fill_slots_dialog import FillSlotsDialog
from drio_tui.ui.editing.editors.key_value_list import KeyValueList
from drio_tui.ui.explorer.explorer_screen import ExplorerScreen
from drio_tui.ui.openapi_import.proposals_screen import ProposalsScreen
from drio_tui.ui.playground.chain_step_dialog import ChainStepDialog
from drio_tui.ui.playground.step_finder import StepFinder
from drio_tui.ui.playground.tool_test_screen import ToolTestScreen
from drio_tui.ui.playground.tool_tests_screen import ToolTestsScreen, results_of
from drio_tui.workspace.run.bound_tool import bound_of
from drio_tui.workspace.run.chain_runner import Chain
from drio_tui.workspace.run.run_history import RunHistory

APPS = 300
TOOLS = 500
PROPOSALS = 300
OPERATIONS = 1_200
TESTS = 40
_SIZE = (140, 45)


class Server:
    """Responds from memory: `apps`, one `config` for each of them, and an OpenAPI document if `document` is set."""

    def __init__(self) -> None:
        self.config = _config()
        self.apps = [
            {**self.config["app"], "id": f"app_{n}", "name": f"Customer desk {n}", "slug": f"customer-desk-{n}",
             "status": ("draft", "deployed", "failed")[n % 3], "version": f"1.{n}.0", "isEnabled": bool(n % 4),
             "templateId": f"template-{n % 7}", "description": "Answers what customers ask, from two services. " * 3}
            for n in range(APPS)
        ]  # fmt: skip
        self.document: bytes | None = None

    def respond(self, path: str) -> Any:
        """Return the JSON of a path below the origin, None where there is nothing."""
        parts = path.removeprefix("/api/v1/").partition("?")[0].split("/")
        match parts:
            case ["apps"]:
                return {"apps": self.apps}
            case ["apps", _, "config"]:
                return {"config": self.config}
            case ["apps", id]:
                return {"app": next(app for app in self.apps if app["id"] == id)}
            case ["apps", _, "auth"]:
                return {"auth": self.config["auth"], "providers": []}
            case ["apps", _, kind]:
                return {kind: self.config.get(kind, [])}
            case ["apps", _, kind, id]:
                found = [one for one in self.config.get(kind, []) if one["id"] == id]
                return {kind.removesuffix("s"): found[0]} if found else None
            case ["templates"]:
                return {"templates": []}
        return None

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve it; yields the base URL."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                is_document = "openapi" in self.path
                value = None if is_document else server.respond(self.path)
                body = server.document if is_document else json.dumps(value).encode() if value else None
                etag = hashlib.sha256(body or b"").hexdigest()
                same = body is not None and self.headers.get("If-None-Match") == etag
                self.send_response(304 if same else 200 if body is not None else 404)
                content = b"{}" if body is None else b"" if same else body
                for name, text in (("Content-Type", "application/json"), ("ETag", etag)):
                    self.send_header(name, text)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
            thread = threading.Thread(target=http.serve_forever, daemon=True)
            thread.start()
            yield f"http://127.0.0.1:{http.server_port}"
            http.shutdown()
            thread.join()


def _config() -> dict[str, Any]:
    """Return an app whose operations list rows with ten properties, and take ten arguments."""
    config = large_config(TOOLS)
    names = ("customerId", "name", "email", "status", "city", "country", "createdAt", "amount", "currency", "note")
    row = {name: {"type": "number" if name == "amount" else "string", "description": f"The {name}."} for name in names}
    for integration in config["integrations"]:
        integration["baseUrl"] = "https://api.example.com"
    for operation in config["operations"]:
        operation["inputSchema"] = {"type": "object", "properties": row, "required": ["customerId", "name"]}
        operation["outputSchema"] = {
            "type": "object",
            "properties": {"results": {"type": "array", "items": {"type": "object", "properties": row}}},
        }
    for widget in config["widgets"]:
        widget["config"]["fieldMappings"] |= {"title": "$.results[0].name"}
    return config


def result(rows: int) -> dict[str, Any]:
    """Return a result of a tool with so many rows."""
    return {
        "results": [
            {"customerId": f"c{n}", "name": f"Customer {n}", "email": f"customer{n}@example.com", "status": "open",
             "city": "Berlin", "country": "DE", "createdAt": "2026-01-01T00:00:00Z", "amount": n, "currency": "EUR",
             "note": "Called twice, and asks for an offer."}
            for n in range(rows)
        ]
    }  # fmt: skip


class Pages:
    """Opens each page in the program, and presses its keys."""

    def __init__(self, app: DrioApp, server: Server, proposals: Proposals) -> None:
        self.app, self.server, self.proposals = app, server, proposals
        self.keys = Keyboard(app)

    async def all(self, runs: int, only: str) -> None:
        """Measure the pages with `only` in their names, `runs` times."""
        await self.keys.until(lambda: self.app.current_mode != "start")
        await self.keys.until(lambda: self.app.connection.client and self.app.session)
        pages: dict[str, Callable[[], Awaitable[None]]] = {
            "apps": self.apps, "live": self.live, "jump": self.jump, "tests": self.tests, "proposals": self.proposed,
            "bulk": self.bulk, "chain": self.chain, "widget": self.widget, "explorer": self.explorer,
        }  # fmt: skip
        for _ in range(runs):
            for name, measure in pages.items():
                if only in name:
                    await measure()

    async def close(self, count: int = 1) -> None:
        for _ in range(count):
            self.app.screen.dismiss(None)
            await self.keys.settle()

    async def app_screen(self) -> AppScreen:
        self.app.switch_mode("apps")
        screen = AppScreen("app_1")
        await self.app.push_screen(screen)
        await self.keys.until(lambda: not screen.loading_app and screen.outline)
        return screen

    async def apps(self) -> None:
        """The list of apps: a filter, and the cursor beside the details."""
        self.app.switch_mode("apps")
        screen: Any = self.app.screen
        assert isinstance(screen, AppsScreen)
        await self.keys.until(lambda: screen.resources)
        screen.rows.focus()
        await self.keys.press("apps: cursor", *["down"] * 15, "pagedown", "pagedown", "end", "home")
        await self.keys.press("apps: cursor", *["down"] * 5, pause=0.4)  # the details are read after a pause
        await self.keys.press("apps: filter", "/", *"customer desk 27", *["backspace"] * 16)
        await self.keys.press("apps: filter", "escape", "s", "S", "s")
        screen.order = type(screen.order)()

    async def live(self) -> None:
        """What others change while the app, or one of its tools in a form, or the list of apps is open."""
        screen = await self.app_screen()

        def checked(poller: Any) -> Callable[[], Any]:
            return lambda: poller._worker is not None and poller._worker.is_finished

        before = copy.deepcopy(self.server.config)
        for what in ("nothing changed", "changed", "deleted", "created", "many changed"):
            tools = self.server.config["tools"]
            if what == "changed":
                tools[3]["description"] = "Changed by a colleague."
            elif what == "deleted":
                del tools[200]
            elif what == "created":
                tools.append({**tools[-1], "id": "tool_new", "key": "tool-new", "name": "New", "nextToolIds": []})
            elif what == "many changed":
                for tool in tools:
                    tool["description"] += " Changed."
            poller = screen.live.poller
            await self.keys.watch(f"live: app, {what}", poller.check, checked(poller))
        edit = EditScreen(EditTarget("app_1", "tool", "tool_9"))
        await self.app.push_screen(edit)
        await self.keys.until(lambda: edit.query("FieldRow"))
        self.server.config["tools"][9]["name"] += " changed"
        await self.keys.watch("live: form", poller.check, checked(poller))
        await self.close()
        self.server.config = before
        await self.close()
        apps: Any = self.app.screen
        self.server.apps[5]["name"] += " changed"
        await self.keys.watch("live: apps", apps._poller.check, checked(apps._poller))

    async def jump(self) -> None:
        """Letters at the fields of a form, and keys after `g` on an app."""
        screen = await self.app_screen()
        await self.keys.press("app: keys after g", *("g", "t", "g", "w", "g", "o", "g", "g") * 3)
        edit = EditScreen(EditTarget("app_1", "tool", "tool_9"), screen.snapshot)
        await self.app.push_screen(edit)
        await self.keys.until(lambda: edit.query("FieldRow"))
        for letter in "asdfgh":
            await self.keys.press("form: Ctrl+G and a letter", "ctrl+g")
            assert isinstance(self.app.screen, JumpOverlay)
            await self.keys.press("form: Ctrl+G and a letter", letter)
        edit.show_page(0)
        await self.keys.settle()
        await self.keys.press("form: type", *"of the shop", *["tab"] * 3, *"shown to all", *["backspace"] * 8)
        await self.close(2)

    async def tests(self) -> None:
        """The tests of a tool: the list beside the details, and the form of a test."""
        expect = {
            "status": "ok", "slots": ["rows"], "maxSeconds": 2, "maxTokens": 4000,
            "values": [{"path": f"$.results[{n}].name", "equals": f"Customer {n}"} for n in range(5)],
        }  # fmt: skip
        tests = [
            {"name": f"finds customer {n}", "arguments": {"customerId": f"c{n}"}, "expect": expect}
            for n in range(TESTS)
        ]
        keep_local(RunHistory(self.app.connection.server, "app_1"), "tool-3", tests)
        client = self.app.connection.client
        assert client is not None
        for test in tests:
            made = TestResult(ToolTest("tool-3", test), "passed", 0.2)
            results_of(client)["app_1", "tool-3", str(test["name"])] = made
        screen = ToolTestsScreen("app_1", "tool_3")
        await self.app.push_screen(screen)
        await self.keys.until(lambda: screen.kept.local)
        await self.keys.press("tests: list", *["down"] * 20, "f6", "f6", "tab", "tab", *["up"] * 5)
        await self.keys.press("tests: open", "e")
        assert isinstance(self.app.screen, ToolTestScreen)
        await self.keys.until(lambda: self.app.screen.query("FieldRow LineEditor"))
        await self.keys.press(
            "tests: form", *"finds the other customer", *["tab"] * 6, *"text of it", *["backspace"] * 5
        )
        await self.close(2)

    async def proposed(self) -> None:
        """The proposals of an import."""
        screen = ProposalsScreen(self.proposals, ExistingResources(), ())
        await self.app.push_screen(screen)
        await self.keys.settle()
        keys = (*["down"] * 8, "space", "right", "space", "down", "right", "space", "pagedown", "right", "space")
        await self.keys.press("proposals: cursor and take", *keys, *["left"] * 4, "space", "space", "end", "home")
        await self.keys.press("proposals: take of all", *("a", "a", "right") * 5)
        await self.keys.press("proposals: edit", "e", *"name of it", "tab", "tab", *"described")
        await self.close(2)

    async def bulk(self) -> None:
        """Replacing text in 600 resources: typing, and the cursor in the changes."""
        screen = await self.app_screen()
        texts = [one for one in screen.snapshot if one.kind in ("tool", "widget", "operation")]
        dialog = BulkDialog(replace_form(texts, "the whole app"), screen.snapshot.copy())
        await self.app.push_screen(dialog)
        await self.keys.until(lambda: dialog.query("FieldRow LineEditor"))
        await self.keys.press("bulk: type", *"item", pause=0.3)
        await self.keys.until(lambda: not dialog.is_planning)
        await self.keys.press("bulk: type", "tab", *"thing of the upstream")
        await self.keys.until(lambda: not dialog.is_planning)
        await self.keys.press(
            "bulk: changes", "f5", *["down"] * 10, "space", "enter", *["down"] * 3, "pagedown", "space"
        )
        await self.keys.press("bulk: changes", "end", "up", "space", "home", "f5")
        await self.close(2)

    async def chain(self) -> None:
        """The next step of a chain: rows, arguments, and the result as JSON."""
        screen = await self.app_screen()
        bound = bound_of(screen.snapshot, "tool_7")
        dialog = ChainStepDialog(
            Chain.begin(screen.snapshot, bound, {"customerId": "c1", "status": "open"}, result(100)), StepFinder()
        )
        await self.app.push_screen(dialog)
        await self.keys.until(lambda: not dialog.holds_input)
        await self.keys.press(
            "chain: rows", *["down"] * 20, "pagedown", "end", "home", "tab", *["down"] * 5, "f6", "escape"
        )
        await self.keys.press("chain: skip", "f7")
        await self.keys.press("chain: JSON", "f5")
        await self.keys.until(lambda: not dialog.holds_input)
        await self.keys.press("chain: JSON", "end", *'"more": 12,', *["backspace"] * 11)
        await self.close(2)

    async def widget(self) -> None:
        """A widget with its picture: typing a mapping, and the dialog that fills slots."""
        screen = await self.app_screen()
        history = RunHistory(self.app.connection.server, "app_1")
        bound = bound_of(screen.snapshot, "tool_7")
        history.save_sample(bound.id, result(100))
        edit = EditScreen(EditTarget("app_1", "widget", "widget_7"), screen.snapshot)
        await self.app.push_screen(edit)
        await self.keys.until(lambda: edit.query(KeyValueList))
        await self.keys.settle()
        row = next(iter(edit.query("#mappings").first(KeyValueList).rows))
        row.focus_value()
        await self.keys.settle()
        await self.keys.press("widget: type a mapping", *["backspace"] * 8, *"results[*].name", *["backspace"] * 8)
        await self.keys.press("widget: F8", "f8")
        assert isinstance(self.app.screen, FillSlotsDialog)
        await self.keys.press("widget: slots to fill", *["down"] * 4, "space", "down", "space", "*", "*", *["up"] * 4)
        await self.close(3)

    async def explorer(self) -> None:
        """The API explorer: opening a document, the filter while it is completed, the cursor, the form."""
        app = self.app
        if self.server.document is None:
            self.server.document = json.dumps(openapi_picker.document(OPERATIONS)).encode()
        app.switch_mode("apps")
        screen = ExplorerScreen()
        await self.keys.watch(
            "explorer: open and complete",
            lambda: app.push_screen(screen),
            lambda: screen.server_api and screen._completion is not None and screen._completion.is_finished,
        )
        await self.keys.press("explorer: filter", "/", *"post group1 items12", *["backspace"] * 19, "escape")
        await self.keys.press("explorer: cursor", *["down"] * 15, "pagedown", "pagedown", "end", "home")
        await self.keys.press("explorer: cursor", *["down"] * 5, pause=0.2)
        await self.keys.press("explorer: filter during completion", "r")
        await self.keys.press(
            "explorer: filter during completion", "/", *"get group2 item", *["backspace"] * 15, pause=0.01
        )
        await self.close()
        self.server.document = None


async def measure(runs: int, only: str, folder: Path) -> Keyboard:
    """Return the times of all pages."""
    server = Server()
    path = folder / "large.json"
    path.write_text(json.dumps(openapi_picker.document(OPERATIONS)))
    async with await open_document(str(path)) as document:
        proposals = await document.proposals([one.id for one in document.operations[:PROPOSALS]])
    with server.serving() as base_url:
        app = DrioApp(LaunchOptions(base_url=base_url))
        async with app.run_test(size=_SIZE) as pilot:
            pages = Pages(app, server, proposals)
            await pages.all(runs, only)
            await pilot.pause()
    return pages.keys


def main(runs: int = 2, only: str = "") -> list[Row]:
    """Measure with private directories, and return the rows of the report."""
    thresholds = gc.get_threshold()
    postpone_full_collections()  # as the program does when it starts
    gc.collect()
    gc.freeze()
    with tempfile.TemporaryDirectory() as name:
        os.environ |= private_home(Path(name)) | {"DRIO_TOKEN": "a-token"}
        try:
            return run(measure(runs, only, Path(name))).rows()
        finally:
            gc.unfreeze()
            gc.set_threshold(*thresholds)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--runs", type=int, default=2)
    arguments.add_argument("--only", default="", metavar="WORD", help="only pages with this word in their names")
    chosen = arguments.parse_args()
    for row in main(chosen.runs, chosen.only):
        print(row)
