"""The actions of the list of a tool's tests that change the tests: adding, editing, deleting, moving and saving."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from textual.message import Message

from drio_tui.api.errors import DrioError
from drio_tui.manifest.known_documents import shown_path
from drio_tui.manifest.tool_tests import KeptTests, Place, TestFiles
from drio_tui.text import sentence
from drio_tui.ui.base.context import ScreenContext
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.playground.tool_test_screen import ToolTestScreen
from drio_tui.workspace.run.run_history import NotKept
from drio_tui.workspace.saving import unsaved_edits

if TYPE_CHECKING:
    from drio_tui.workspace.saving.unsaved_edits import UnsavedEdit


class TestsSaved(Message):
    """The tests were written, or not for the reason in `problem`."""

    __test__ = False

    def __init__(self, kept: KeptTests, text: str, problem: str = "") -> None:
        super().__init__()
        self.kept = kept
        self.text = text
        self.problem = problem


class TestsView(ScreenContext, Protocol):
    """What the actions need of the screen with the list, which documents the attributes."""

    app_id: str
    tool_id: str
    tool_key: str
    tool_title: str

    @property
    def kept(self) -> KeptTests: ...


class ToolTestActions:
    """Carries out the actions of `ToolTestsScreen` that change the tests; each ends with a `TestsSaved`.

    A test is meant by the key of its row (`rows_of`), of the tests that the screen shows now.
    """

    def __init__(self, screen: TestsView) -> None:
        self._screen = screen
        self._saved_edit: UnsavedEdit | None = None

    def open_form(self, test: dict[str, Any] | None, key: str | None, edit: UnsavedEdit | None = None) -> None:
        """Open the form of a test: of the row with this key, or of a new one that begins with `test`."""
        screen = self._screen
        taken = {str(other.get("name")) for row, other in rows_of(screen.kept).items() if row != key}
        form = ToolTestScreen(
            screen.app_id, screen.tool_id, screen.tool_title, test, taken, is_new=key is None,
            place=(key or "").partition(":")[0], edit=edit,
        )  # fmt: skip

        def saved(value: dict[str, Any] | None) -> None:
            if value is None:
                return
            self._saved_edit = form.saved_edit
            kept = screen.kept
            if key is not None and test is not None:
                place = place_of(key)
                self._replace(place, self._index(place, test), [value], "Saved")
            elif kept.path is None or kept.problem:
                self._replace("local", len(kept.local), [value], "Saved")
            else:
                start_worker(screen, self._ask_where, value, group="ask", exclusive=True)

        screen.drio.push_screen(form, saved)

    def go_on(self, edit: UnsavedEdit) -> None:
        """Open the form of the test with a kept edit; of a new one, if the edited test is gone."""
        name = edit.base.get("name") if edit.base is not None else None
        tests = rows_of(self._screen.kept)
        rows = (key for key, test in tests.items() if key.startswith(f"{edit.parent}:") and test.get("name") == name)
        key = next(rows, None) if edit.base is not None else None
        self.open_form(tests[key] if key is not None else None, key, edit)

    def delete(self, key: str) -> None:
        """Delete the test of a row, once the user agrees."""
        test = rows_of(self._screen.kept)[key]
        start_worker(self._screen, self._confirm_delete, test, place_of(key), group="ask", exclusive=True)

    def move(self, key: str) -> None:
        """Move the test of a row, which is kept on this machine, into the document."""
        kept = self._screen.kept
        if kept.path is None:
            return
        number = int(key.partition(":")[2])
        local = (*kept.local[:number], *kept.local[number + 1 :])
        changed = replace(kept, document=(*kept.document, rows_of(kept)[key]), local=local)
        self._save(changed, ["document", "local"], "Moved")

    def saved(self, message: TestsSaved) -> None:
        """Forget the edit that was saved; if it was not written, open its form again."""
        edit, self._saved_edit = self._saved_edit, None
        if edit is None:
            return
        if message.problem:
            self.go_on(edit)
            return
        with contextlib.suppress(OSError):
            unsaved_edits.discard(edit.id)

    async def _ask_where(self, value: dict[str, Any]) -> None:
        kept = self._screen.kept
        body = f"{shown_path(kept.path or '')}\n“No” keeps the test on this machine."
        title = "Write the test into the document?"
        if await self._screen.drio.navigator.confirm(title, body, agree="Write it", danger=False):
            self._replace("document", len(self._screen.kept.document), [value], "Saved")
        else:
            self._replace("local", len(self._screen.kept.local), [value], "Saved")

    async def _confirm_delete(self, test: dict[str, Any], place: Place) -> None:
        body = f"{test.get('name')}\nIt is {place_text(self._screen.kept, place)}, and cannot be brought back."
        if await self._screen.drio.navigator.confirm("Delete the test?", body, agree="Delete", danger=True):
            self._replace(place, self._index(place, test), [], "Deleted")

    def _index(self, place: Place, test: dict[str, Any]) -> int:
        """Return the index of a test in its place, also if the tests were read again; the end if it is gone."""
        names = [other.get("name") for other in getattr(self._screen.kept, place)]
        return names.index(test.get("name")) if test.get("name") in names else len(names)

    def _replace(self, place: Place, number: int, tests: list[dict[str, Any]], done: str) -> None:
        """Put `tests` in place of the one with this number, and write all of that place."""
        kept = self._screen.kept
        before = kept.document if place == "document" else kept.local
        after = (*before[:number], *tests, *before[number + 1 :])
        changed = replace(kept, document=after) if place == "document" else replace(kept, local=after)
        self._save(changed, [place], done)

    def _save(self, kept: KeptTests, places: list[Place], done: str) -> None:
        screen = self._screen
        files, key, before = TestFiles(screen.connection.server, screen.app_id), screen.tool_key, screen.kept
        text = f"{done}: {place_text(before, places[0])}."

        async def save() -> None:
            try:
                now = await asyncio.to_thread(files.save, key, before, kept, places)
            except DrioError as error:
                screen.post_message(TestsSaved(before, text, f"{sentence(str(error))} {error.hint}".strip()))
            except NotKept as error:
                screen.post_message(TestsSaved(before, text, str(error)))
            else:
                screen.post_message(TestsSaved(now, text))

        start_worker(screen.drio, save, group="save-tests")  # not a request, which Esc would stop


def rows_of(kept: KeptTests) -> dict[str, dict[str, Any]]:
    """Return the tests by the keys of their rows, those of the document first."""
    places = {"document": kept.document, "local": kept.local}
    return {f"{place}:{number}": test for place, tests in places.items() for number, test in enumerate(tests)}


def place_of(key: str) -> Place:
    """Return where the test with this key of a row is kept."""
    return "document" if key.startswith("document") else "local"


def place_text(kept: KeptTests, place: Place) -> str:
    """Return where tests are kept, as the end of a sentence."""
    if place == "document" and kept.path is not None:
        return f"in {shown_path(kept.path)}"
    return "kept on this machine"
