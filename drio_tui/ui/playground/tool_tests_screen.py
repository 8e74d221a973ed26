"""The tests of a tool: a list with their last results, running them, and what differed from what was expected."""

from __future__ import annotations

import asyncio
import contextlib
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
from drio_tui.manifest.known_documents import shown_path
from drio_tui.manifest.tool_tests import KeptTests, Place, TestFiles
from drio_tui.text import duration, sentence
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.polling import Poller
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.playground.tool_runner import runner_for
from drio_tui.ui.playground.tool_test_blocks import outcome_content, test_blocks
from drio_tui.ui.playground.tool_test_screen import ToolTestScreen
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.rich_text import Document, Paragraph
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.workspace.model.loader import read_app
from drio_tui.workspace.run.bound_tool import BoundTool, bound_of
from drio_tui.workspace.run.run_history import NotKept
from drio_tui.workspace.run.tool_run import TARGETS, Target
from drio_tui.workspace.saving import unsaved_edits

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

    class Saved(Message):
        """The tests were written, or not for the reason in `problem`."""

        def __init__(self, kept: KeptTests, text: str, problem: str = "") -> None:
            super().__init__()
            self.kept = kept
            self.text = text
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
        self._saved_edit: UnsavedEdit | None = None
        self._key = ""
        self._title = ""
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
        self._key, self._title = (tool.text("key"), tool.name) if tool is not None else ("", "")
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
            names = {str(test.get("name")) for test in self._tests().values()}
            self._open_form({**new, "name": unused_name(str(new.get("name") or ""), names)}, None)
        elif self._edit is not None and self._key:
            edit, self._edit = self._edit, None
            self._go_on(edit)

    def _go_on(self, edit: UnsavedEdit) -> None:
        """Open the form of the test with a kept edit; of a new one, if the edited test is gone."""
        name = edit.base.get("name") if edit.base is not None else None
        rows = (
            key for key, test in self._tests().items() if key.startswith(f"{edit.parent}:") and test.get("name") == name
        )
        key = next(rows, None) if edit.base is not None else None
        self._open_form(self._tests()[key] if key is not None else None, key, edit)

    async def _check(self, client: DrioClient) -> KeptTests | None:
        files = TestFiles(client.transport.server_id, self.app_id)
        return await asyncio.to_thread(files.read_if_changed, self._key, self.kept)

    def on_tool_tests_screen_checked(self, message: Checked) -> None:
        if self._poller.is_outdated(message):
            return
        if message.kept is not None:
            self._show_kept(message.kept)
            self._show_status(self._idle_status())
        self._poller.finished(changed=message.kept is not None)

    def _show_kept(self, kept: KeptTests) -> None:
        """Show tests as they were read; those that have changed have no result, since it was that of others."""
        client, before = self.connection.client, [*self._tests().values()]
        for test in (*kept.document, *kept.local):
            if client is not None and self._loaded and test not in before:
                results_of(client).pop((self.app_id, self._key, str(test.get("name"))), None)
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

    def _tests(self) -> dict[str, dict[str, Any]]:
        """Return the tests by the keys of their rows, those of the document first."""
        places = {"document": self.kept.document, "local": self.kept.local}
        return {f"{place}:{number}": test for place, tests in places.items() for number, test in enumerate(tests)}

    def _result(self, test: dict[str, Any]) -> TestResult | None:
        client = self.connection.client
        name = str(test.get("name") or "")
        return results_of(client).get((self.app_id, self._key, name)) if client is not None else None

    def _show_rows(self) -> None:
        rows = []
        for key, test in self._tests().items():
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
        document.show(test_blocks(test, self._result(test), self._place_text(self._place)))

    @property
    def _selected(self) -> dict[str, Any] | None:
        return self._tests().get(self.query_one(RowList).key or "")

    @property
    def _place(self) -> Place:
        return "document" if (self.query_one(RowList).key or "").startswith("document") else "local"

    def _place_text(self, place: Place) -> str:
        if place == "document" and self.kept.path is not None:
            return f"in {shown_path(self.kept.path)}"
        return "kept on this machine"

    # -- heading and status -----------------------------------------------------------------------

    def _update_heading(self) -> None:
        bound = self.bound
        effect = ("", "") if bound is None else (
            ("  only reads", "$foreground-muted") if bound.only_reads else ("  ▲ changes something", "$text-warning")
        )  # fmt: skip
        self.query_one("#heading", Static).update(
            Content.assemble(
                Content.styled(f" {TARGETS[self.target]} ", "$text-accent reverse"), " ",
                ("Tests of ", "$foreground-muted"), sanitize_line(self._title, 60, "bold"), effect,
            )
        )  # fmt: skip

    def _idle_status(self) -> Content:
        if self.running_names or self.has_request("run"):
            return Content.styled("◌ running… Esc stops it", "$text-warning")
        if self._status is not None:
            return self._status
        results = [result for test in self._tests().values() if (result := self._result(test))]
        if not results:
            text = (
                "Ctrl+R runs all tests, t the selected one."
                if self._can_run
                else "--read-only runs no tests of this tool."
            )
            return Content.styled(text if self._tests() else "", "$foreground-muted")
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
            case "run_all" | "run_one" | "edit" | "delete" | "move" if not self._tests():
                return "There are no tests yet."
            case "add" if not self._key:
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

    def action_back(self) -> None:
        """Stop the tests, else go back one screen."""
        if self.cancel_requests():
            unsafe = bool(self.running_names) and self.bound is not None and not self.bound.only_reads
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
        bound, kept, key, target = self.bound, self.kept, self._key, self.target
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
            results_of(client)[self.app_id, self._key, name] = message.result
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
        self._open_form(None, None)

    def action_edit(self) -> None:
        if self._selected is not None:
            self._open_form(self._selected, self.query_one(RowList).key)

    def _open_form(self, test: dict[str, Any] | None, key: str | None, edit: UnsavedEdit | None = None) -> None:
        """Open the form of a test: of the row with this key, or of a new one that begins with `test`."""
        taken = {str(other.get("name")) for row, other in self._tests().items() if row != key}
        form = ToolTestScreen(
            self.app_id, self.tool_id, self._title, test, taken, is_new=key is None,
            place=(key or "").partition(":")[0], edit=edit,
        )  # fmt: skip

        def saved(value: dict[str, Any] | None) -> None:
            if value is None:
                return
            self._saved_edit = form.saved_edit
            if key is not None and test is not None:
                place: Place = "document" if key.startswith("document") else "local"
                self._replace(place, self._index(place, test), [value], "Saved")
            elif self.kept.path is None or self.kept.problem:
                self._replace("local", len(self.kept.local), [value], "Saved")
            else:
                start_worker(self, self._ask_where, value, group="ask", exclusive=True)

        self.drio.push_screen(form, saved)

    async def _ask_where(self, value: dict[str, Any]) -> None:
        body = f"{shown_path(self.kept.path or '')}\n“No” keeps the test on this machine."
        title = "Write the test into the document?"
        if await self.drio.navigator.confirm(title, body, agree="Write it", danger=False):
            self._replace("document", len(self.kept.document), [value], "Saved")
        else:
            self._replace("local", len(self.kept.local), [value], "Saved")

    def action_delete(self) -> None:
        if self._selected is not None:
            start_worker(self, self._confirm_delete, self._selected, group="ask", exclusive=True)

    async def _confirm_delete(self, test: dict[str, Any]) -> None:
        place = self._place
        body = f"{test.get('name')}\nIt is {self._place_text(place)}, and cannot be brought back."
        if await self.drio.navigator.confirm("Delete the test?", body, agree="Delete", danger=True):
            self._replace(place, self._index(place, test), [], "Deleted")

    def action_move(self) -> None:
        test, kept = self._selected, self.kept
        if test is None or kept.path is None:
            return
        number = int((self.query_one(RowList).key or ":0").partition(":")[2])
        local = (*kept.local[:number], *kept.local[number + 1 :])
        changed = replace(kept, document=(*kept.document, test), local=local)
        self._save(changed, ["document", "local"], "Moved")

    def _index(self, place: Place, test: dict[str, Any]) -> int:
        """Return the index of a test in its place, also if the tests were read again; the end if it is gone."""
        names = [other.get("name") for other in getattr(self.kept, place)]
        return names.index(test.get("name")) if test.get("name") in names else len(names)

    def _replace(self, place: Place, number: int, tests: list[dict[str, Any]], done: str) -> None:
        """Put `tests` in place of the one with this number, and write all of that place."""
        kept = self.kept
        before = kept.document if place == "document" else kept.local
        after = (*before[:number], *tests, *before[number + 1 :])
        changed = replace(kept, document=after) if place == "document" else replace(kept, local=after)
        self._save(changed, [place], done)

    def _save(self, kept: KeptTests, places: list[Place], done: str) -> None:
        files, key, before = TestFiles(self.connection.server, self.app_id), self._key, self.kept
        text = f"{done}: {self._place_text(places[0])}."

        async def save() -> None:
            try:
                now = await asyncio.to_thread(files.save, key, before, kept, places)
            except DrioError as error:
                self.post_message(self.Saved(before, text, f"{sentence(str(error))} {error.hint}".strip()))
            except NotKept as error:
                self.post_message(self.Saved(before, text, str(error)))
            else:
                self.post_message(self.Saved(now, text))

        start_worker(self.drio, save, group="save-tests")  # not a request, which Esc would stop

    def on_tool_tests_screen_saved(self, message: Saved) -> None:
        if message.problem:
            self.notify(sanitize(message.problem, multiline=True).plain, severity="error", markup=False)
            edit, self._saved_edit = self._saved_edit, None
            if edit is not None:
                self._go_on(edit)
            return
        if self._saved_edit is not None:
            with contextlib.suppress(OSError):
                unsaved_edits.discard(self._saved_edit.id)
            self._saved_edit = None
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
