"""The tests of a tool: a list with their last results, running them, and what differed from what was expected.

`tool_test_actions.py` changes them.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.reactive import var
from textual.widgets import Static

from drio_tui.api.errors import DrioError
from drio_tui.evaluation.from_run import unused_name
from drio_tui.evaluation.runner import TestResult, count_outcomes, evaluate
from drio_tui.evaluation.tool_test import ToolTest
from drio_tui.manifest.tool_tests import KeptTests, Place, TestFiles
from drio_tui.text import duration, sentence
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.polling import Poller
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.playground.tool_runner import runner_for
from drio_tui.ui.playground.tool_test_actions import TestsSaved, ToolTestActions, place_of, place_text, rows_of
from drio_tui.ui.playground.tool_test_blocks import outcome_content, test_blocks
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.rich_text import Document, Paragraph
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.workspace.model.loader import read_app
from drio_tui.workspace.run.bound_tool import BoundTool, bound_of
from drio_tui.workspace.run.tool_run import TARGETS, Target

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient
    from drio_tui.workspace.model.snapshot import Snapshot
    from drio_tui.workspace.saving.unsaved_edits import UnsavedEdit

_POLL_FACTOR = 0.1
"""A look at the document's files costs less than a request."""
_HOW_TO_RUN = "Ctrl+R runs all tests, t the selected one."
_READ_ONLY = "--read-only runs no tests of this tool."
_NO_TESTS = "There are no tests yet: a adds one, and A in the playground saves a run as one."

_results: WeakKeyDictionary[DrioClient, dict[tuple[str, str, str], TestResult]] = WeakKeyDictionary()


def results_of(client: DrioClient) -> dict[tuple[str, str, str], TestResult]:
    """Return the last results of a connection by app, key of the tool and name of the test: in memory only."""
    return _results.setdefault(client, {})


class ToolTestsScreen(DrioScreen[None]):
    """Runs and edits the tests of a tool. `new` is the JSON of a test to add, which the user edits first.

    `edit` is a kept edit of a test, to go on with.
    """

    AREA = "apps"
    CSS_PATH = stylesheet("playground")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "tool_tests",
        "Tests of a tool",
        Key("tool_tests.run_all", "ctrl+r,f9", "run_all", "Run all", "Run all tests of the tool"),
        Key("tool_tests.run_one", "t", "run_one", "Run", "Run the selected test"),
        Key("tool_tests.add", "a", "add", "Add", "Add a test"),
        Key("tool_tests.edit", "e", "edit", "Edit", "Edit the selected test (Enter does so too)"),
        Key("tool_tests.delete", "D", "delete", "Delete", "Delete the selected test"),
        Key("tool_tests.target", "f6", "target", "Target", "Test the draft, or the deployed app"),
        Key("tool_tests.move", "M", "move", "To document", "Move the selected test into the app's document",
            show=False),
        Key("tool_tests.refresh", "r", "refresh", "Refresh", "Read the tests and the tool again", show=False),
        Key("tool_tests.other", "tab", "other_pane", "Other side", "Between the list and the details", show=False),
    )  # fmt: skip

    kept: var[KeptTests] = var(KeptTests, init=False)
    """The tests as they are written."""

    running_names: var[frozenset[str]] = var(frozenset, init=False)
    """The names of the tests that are running."""

    target: var[Target] = var("here", init=False)
    """Where the tests are run."""

    class Loaded(Message):
        """The app and the tests were read."""

        def __init__(self, snapshot: Snapshot, bound: BoundTool | None, problem: str, kept: KeptTests) -> None:
            super().__init__()
            self.snapshot = snapshot
            self.bound = bound
            self.problem = problem
            self.kept = kept

    class Checked(Message):
        """The files of the document were looked at: `kept` are its tests if they have changed."""

        def __init__(self, kept: KeptTests | None) -> None:
            super().__init__()
            self.kept = kept

    class Progress(Message):
        """A test begins, or has a result."""

        def __init__(self, test: ToolTest, result: TestResult | None = None) -> None:
            super().__init__()
            self.test = test
            self.result = result

    class Finished(Message):
        """The tests were run; or they were not, for the reason in `problem`."""

        def __init__(self, results: list[TestResult], problem: str = "") -> None:
            super().__init__()
            self.results = results
            self.problem = problem

    def __init__(
        self, app_id: str, tool_id: str, new: dict[str, Any] | None = None, *, edit: UnsavedEdit | None = None
    ) -> None:
        super().__init__()
        self.app_id = app_id
        self.tool_id = tool_id
        self.bound: BoundTool | None = None
        self._new = new
        self._edit = edit
        self.tool_key = ""
        """The key of the tool, and below its title; empty until they are read."""
        self.tool_title = ""
        self._actions = ToolTestActions(self)
        self._app: dict[str, Any] = {}
        self._loaded = False
        self._status: Content | None = None
        self._poller = Poller(
            self, self._check, self.Checked, is_busy=lambda: self.has_request("read") or self.has_request("run"),
            factor=_POLL_FACTOR,
        )  # fmt: skip

    def compose_body(self) -> ComposeResult:
        yield Static(id="heading")
        yield Static(id="status")
        with Horizontal(id="tests"):
            yield RowList(
                Column("Test", min_width=16), Column("Result", 10), Column("Time", 8, "right", rank=2),
                Column("Kept", 10, rank=1, may_hide=True),
            )  # fmt: skip
            yield Document(id="details")

    def on_mount(self) -> None:
        super().on_mount()
        self.watch(self.app, "app_focus", self._poller.resume, init=False)
        self._show_status(Content.styled("◌ reading…", "$text-warning"))
        self.action_refresh()
        self.query_one(RowList).focus()

    def on_unmount(self) -> None:
        self._poller.stop()

    def on_screen_resume(self) -> None:
        self._poller.resume()

    # -- reading ----------------------------------------------------------------------------------

    def action_refresh(self) -> None:
        async def read(client: DrioClient) -> ToolTestsScreen.Loaded:
            snapshot = await read_app(client, self.app_id, required=["app", "tool", "operation", "integration", "auth"])
            bound, problem = None, ""
            try:
                bound = bound_of(snapshot, self.tool_id)
            except DrioError as error:
                problem = f"{sentence(str(error))} {error.hint}"
            tool = snapshot.resource("tool", self.tool_id)
            key = tool.text("key") if tool is not None else ""
            kept = await asyncio.to_thread(TestFiles(self.connection.server, self.app_id).read, key)
            return self.Loaded(snapshot, bound, problem, kept)

        def failed(error: DrioError) -> Message:
            return self.Finished([], str(error))

        self.run_request(read, lambda message: message, group="read", failed=failed)

    def on_tool_tests_screen_loaded(self, message: Loaded) -> None:
        tool = message.snapshot.resource("tool", self.tool_id)
        self.tool_key, self.tool_title = (tool.text("key"), tool.name) if tool is not None else ("", "")
        app = message.snapshot.app
        self._app = app.raw if app is not None and isinstance(app.raw, dict) else {}
        self.bound = message.bound
        if not self._loaded:
            self.target = "sandbox" if self._is_sandbox else "here"
        self._show_kept(message.kept)
        self._loaded = True
        if message.problem:
            self._status = sanitize(f"✗ {message.problem}", "$text-error")
        self._show_rows()
        self._poller.read()
        if self._new is not None:
            new, self._new = self._new, None
            names = {str(test.get("name")) for test in rows_of(self.kept).values()}
            self._actions.open_form({**new, "name": unused_name(str(new.get("name") or ""), names)}, None)
        elif self._edit is not None and self.tool_key:
            edit, self._edit = self._edit, None
            self._actions.go_on(edit)

    async def _check(self, client: DrioClient) -> KeptTests | None:
        files = TestFiles(client.transport.server_id, self.app_id)
        return await asyncio.to_thread(files.read_if_changed, self.tool_key, self.kept)

    def on_tool_tests_screen_checked(self, message: Checked) -> None:
        if self._poller.is_outdated(message):
            return
        if message.kept is not None:
            self._show_kept(message.kept)
            self._show_status(self._idle_status())
        self._poller.finished(changed=message.kept is not None)

    def _show_kept(self, kept: KeptTests) -> None:
        """Show tests as they were read; those that have changed have no result, since it was that of others."""
        client, before = self.connection.client, [*rows_of(self.kept).values()]
        for test in (*kept.document, *kept.local):
            if client is not None and self._loaded and test not in before:
                results_of(client).pop((self.app_id, self.tool_key, str(test.get("name"))), None)
        self._status = sanitize(f"▲ {kept.problem}", "$text-warning") if kept.problem else None
        self.kept = kept

    @property
    def _is_sandbox(self) -> bool:
        client = self.connection.client
        return self.drio.status.sandbox or (client is not None and client.transport.is_sandbox)

    # -- the list ---------------------------------------------------------------------------------

    def watch_kept(self) -> None:
        self._show_rows()

    def watch_running_names(self) -> None:
        self._show_rows()

    def watch_target(self) -> None:
        self._update_heading()

    def _result(self, test: dict[str, Any]) -> TestResult | None:
        client = self.connection.client
        name = str(test.get("name") or "")
        return results_of(client).get((self.app_id, self.tool_key, name)) if client is not None else None

    def _show_rows(self) -> None:
        rows = []
        for key, test in rows_of(self.kept).items():
            result = self._result(test)
            name = str(test.get("name") or "")
            seconds = duration(result.seconds, short=True) if result is not None and result.seconds else ""
            where = "here" if key.startswith("local") and self.kept.path is not None else ""
            cells = (
                sanitize_line(name, 200), outcome_content(result, is_running=name in self.running_names),
                Content.styled(seconds, "$foreground-muted"), Content.styled(where, "$foreground-muted"),
            )  # fmt: skip
            rows.append(Row(key, cells))
        self.query_one(RowList).show(rows)
        self._show_details()
        self._update_heading()
        self._show_status(self._idle_status())

    @on(RowList.Moved)
    def _moved(self) -> None:
        self._poller.user_active()
        self._show_details()

    def _show_details(self) -> None:
        document, test = self.query_one("#details", Document), self._selected
        if test is None:
            text = _NO_TESTS if self._loaded else ""
            document.show([Paragraph(Content.styled(text, "$foreground-muted"))])
            return
        document.show(test_blocks(test, self._result(test), place_text(self.kept, self._place)))

    @property
    def _selected(self) -> dict[str, Any] | None:
        return rows_of(self.kept).get(self.query_one(RowList).key or "")

    @property
    def _place(self) -> Place:
        return place_of(self.query_one(RowList).key or "")

    # -- heading and status -----------------------------------------------------------------------

    def _update_heading(self) -> None:
        bound = self.bound
        effect = ("", "") if bound is None else (
            ("  only reads", "$foreground-muted") if bound.only_reads else ("  ▲ changes something", "$text-warning")
        )  # fmt: skip
        self.query_one("#heading", Static).update(
            Content.assemble(
                Content.styled(f" {TARGETS[self.target]} ", "$text-accent reverse"), " ",
                ("Tests of ", "$foreground-muted"), sanitize_line(self.tool_title, 60, "bold"), effect,
            )
        )  # fmt: skip

    def _idle_status(self) -> Content:
        if self.running_names or self.has_request("run"):
            return Content.styled("◌ running… Esc stops it", "$text-warning")
        if self._status is not None:
            return self._status
        results = [result for test in rows_of(self.kept).values() if (result := self._result(test))]
        if not results:
            text = _HOW_TO_RUN if self._can_run else _READ_ONLY
            return Content.styled(text if rows_of(self.kept) else "", "$foreground-muted")
        return _summary(results)

    @property
    def _can_run(self) -> bool:
        """Whether --read-only allows to run the tool."""
        return not self.drio.options.read_only or self.bound is None or self.bound.only_reads

    def _show_status(self, text: Content) -> None:
        self.query_one("#status", Static).update(text)

    # -- actions ----------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("run_all", "run_one") and not self._can_run:
            return False
        return super().check_action(action, parameters)

    def disabled_reason(self, action: str, parameters: tuple[object, ...]) -> str | None:
        match action:
            case "run_all" | "run_one" if self.bound is None:
                return "There is no tool that can be run."
            case "run_all" | "run_one" | "edit" | "delete" | "move" if not rows_of(self.kept):
                return "There are no tests yet."
            case "add" if not self.tool_key:
                return "The tool is not read yet."
            case "move" if self.kept.path is None:
                return "No document of the app is known: M on the app opens or exports one."
            case "move" if self._place == "document":
                return "It is in the document."
        return None

    def action_target(self) -> None:
        """Choose the next target in turn."""
        targets: list[Target] = ["sandbox", "here", "deployed"] if self._is_sandbox else ["here", "deployed"]
        self.target = targets[(targets.index(self.target) + 1) % len(targets)]

    def action_other_pane(self) -> None:
        rows = self.query_one(RowList)
        (self.query_one("#details") if rows.has_focus else rows).focus()

    def running_task(self) -> str:
        return "A call of the tests" if self._may_have_effect else ""

    @property
    def _may_have_effect(self) -> bool:
        """Whether a test is running whose call may change something."""
        return bool(self.running_names) and self.bound is not None and not self.bound.only_reads

    def action_back(self) -> None:
        """Stop the tests, else go back one screen."""
        unsafe = self._may_have_effect
        if self.cancel_requests():
            text = "▲ Stopped. A call may have taken effect all the same." if unsafe else "Stopped."
            self._status = Content.styled(text, "$text-warning")
            self.running_names = frozenset()
            self._show_status(self._status)
        else:
            self.drio.navigator.back()

    # -- running ----------------------------------------------------------------------------------

    def action_run_all(self) -> None:
        self._run(None)

    def action_run_one(self) -> None:
        test = self._selected
        if test is not None:
            self._run((self._place, str(test.get("name") or "")))

    def _run(self, chosen: tuple[Place, str] | None) -> None:
        bound, kept, key, target = self.bound, self.kept, self.tool_key, self.target
        if bound is None or not self._can_run:
            return
        if chosen is not None:
            place, name = chosen
            kept = replace(
                kept,
                document=_named(kept.document, name) if place == "document" else (),
                local=_named(kept.local, name) if place == "local" else (),
            )

        async def work(client: DrioClient) -> ToolTestsScreen.Finished:
            files = TestFiles(client.transport.server_id, self.app_id)
            tests = await asyncio.to_thread(files.resolved, kept, key, os.environ)
            names = {str(test.get("name")) for test in (*kept.document, *kept.local)}
            tests = [test for test in tests if test.name in names]
            run_tool = await runner_for(self.drio, client, bound, target, self._app, len(tests))
            if run_tool is None:
                return self.Finished([], "Not run.")
            results = await evaluate(
                tests,
                lambda _: bound,
                run_tool,
                include_writes=True,
                on_start=lambda test: self.post_message(self.Progress(test)),
                on_result=lambda result: self.post_message(self.Progress(result.test, result)),
            )
            return self.Finished(results)

        def failed(error: DrioError) -> Message:
            return self.Finished([], f"{sentence(str(error))} {error.hint}")

        self._status = None
        if self.run_request(work, lambda message: message, group="run", failed=failed, once=True) is not None:
            self._show_status(self._idle_status())

    def on_tool_tests_screen_progress(self, message: Progress) -> None:
        client, name = self.connection.client, message.test.name
        if message.result is None:
            if self.has_request("run"):
                self.running_names |= {name}
        elif client is not None:
            results_of(client)[self.app_id, self.tool_key, name] = message.result
            self.running_names -= {name}
            self._show_rows()

    def on_tool_tests_screen_finished(self, message: Finished) -> None:
        self._status = sanitize(f"✗ {message.problem}", "$text-error") if message.problem else None
        if message.results:
            self._status = _summary(message.results)
        self.running_names = frozenset()
        self._show_rows()
        self._show_status(self._status or self._idle_status())

    # -- changing ---------------------------------------------------------------------------------

    @on(RowList.Opened)
    def _opened(self) -> None:
        self.action_edit()

    def action_add(self) -> None:
        self._actions.open_form(None, None)

    def action_edit(self) -> None:
        if self._selected is not None:
            self._actions.open_form(self._selected, self.query_one(RowList).key)

    def action_delete(self) -> None:
        if (key := self.query_one(RowList).key) in rows_of(self.kept):
            self._actions.delete(key)

    def action_move(self) -> None:
        if (key := self.query_one(RowList).key) in rows_of(self.kept):
            self._actions.move(key)

    @on(TestsSaved)
    def _saved(self, message: TestsSaved) -> None:
        self._actions.saved(message)
        if message.problem:
            self.notify(sanitize(message.problem, multiline=True).plain, severity="error", markup=False)
            return
        self._poller.read()
        self._show_kept(message.kept)
        self._status = sanitize_line(f"✓ {message.text}", 300, "$text-success")
        self._show_status(self._status)


def _named(tests: tuple[dict[str, Any], ...], name: str) -> tuple[dict[str, Any], ...]:
    return tuple(test for test in tests if test.get("name") == name)


def _summary(results: list[TestResult]) -> Content:
    counts = count_outcomes(results)
    styles = {"passed": "$text-success", "failed": "$text-error", "error": "$text-error", "skipped": "$text-warning"}
    parts = [
        (f"{count:,} {'not run' if outcome == 'error' else outcome}  ", styles[outcome])
        for outcome, count in counts.items()
        if count
    ]
    return Content.assemble(*parts)
