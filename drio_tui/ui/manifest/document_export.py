"""Exports an app from the document screen: asks where, asks before it overwrites, writes off the event loop."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from textual.message import Message

from drio_tui.api.errors import DrioError
from drio_tui.evaluation.local_tests import local_section
from drio_tui.manifest.apply import read_snapshot
from drio_tui.manifest.export import NotExported, document_files, existing_files, files_to_replace, write_files
from drio_tui.manifest.form import DocumentForm, to_document
from drio_tui.manifest.known_documents import shown_path
from drio_tui.manifest.tool_tests import with_tests
from drio_tui.text import count_of
from drio_tui.ui.base.context import ScreenContext
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.manifest.document_dialogs import ExportDialog, ExportTarget
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.run.run_history import RunHistory

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient
    from drio_tui.ui.base.context import DrioContext


class Exported(Message):
    """An export ended: `names` are the files in `folder`, `left_out` is what a document cannot hold, and why."""

    def __init__(self, folder: Path, names: list[str], left_out: list[str]) -> None:
        super().__init__()
        self.folder = folder
        self.names = names
        self.left_out = left_out


class ExportReady(Message):
    """It is known what to write in place of the files `replaced`."""

    def __init__(self, target: ExportTarget, form: DocumentForm, replaced: list[Path]) -> None:
        super().__init__()
        self.target = target
        self.form = form
        self.replaced = replaced


class ExportRefused(Message):
    """There is a document that would be overwritten; nothing was written yet."""

    def __init__(self, target: ExportTarget, form: DocumentForm, error: NotExported) -> None:
        super().__init__()
        self.target = target
        self.form = form
        self.error = error


class ExportFailed(Message):
    """The app could not be read, or the document not be written."""

    def __init__(self, target: ExportTarget, error: DrioError) -> None:
        super().__init__()
        self.target = target
        self.error = error


class ExportView(ScreenContext, Protocol):
    """What the export needs of the document screen, which documents the attributes and methods."""

    app_id: str

    def exported(self, path: Path) -> None: ...

    def show_work(self, text: str) -> None: ...


class DocumentExport:
    """Writes an app to the files of a document."""

    def __init__(self, screen: ExportView) -> None:
        self._screen = screen

    def ask(self, folder: Path, error: str = "", target: ExportTarget | None = None) -> None:
        """Ask where the app is exported to, by default to `folder`, then export it."""
        target = target or ExportTarget(shown_path(folder), split=False, format="yaml")
        self._screen.drio.push_screen(ExportDialog(target, error), self._export)

    def _export(self, target: ExportTarget | None) -> None:
        if target is None:
            return
        app_id = self._screen.app_id

        async def work(client: DrioClient) -> Message:
            snapshot = await read_snapshot(client, app_id)
            folder = path_of(target.path)
            history = RunHistory(client.transport.server_id, app_id)
            form = await asyncio.to_thread(_form, snapshot, history, folder)
            try:
                replaced = await asyncio.to_thread(files_to_replace, folder, form.data)
            except NotExported as error:
                return ExportRefused(target, form, error)
            return ExportReady(target, form, replaced)

        self._screen.show_work("Reading the app")
        self._screen.run_request(
            work, lambda message: message, group="export", failed=lambda error: ExportFailed(target, error), once=True
        )

    def write(self, message: ExportReady) -> None:
        """Write the document."""
        screen = self._screen
        screen.show_work("")

        async def write() -> None:
            try:
                exported = await _write(message.target, message.form, message.replaced)
            except DrioError as error:
                if not screen.post_message(ExportFailed(message.target, error)):  # the screen was left
                    screen.drio.show_error(error)
            else:
                if not screen.post_message(exported):
                    _report(screen.drio, exported)

        start_worker(screen.drio, write, group="export files")  # not a request, which Esc would leave half done

    def refused(self, message: ExportRefused) -> None:
        """Ask whether to overwrite the document that is there."""
        self._screen.show_work("")
        start_worker(self._screen, self._confirm, message, group="ask", exclusive=True)

    async def _confirm(self, message: ExportRefused) -> None:
        body = f"{message.error.message}\nAll files of the document there are replaced."
        if await self._screen.drio.navigator.confirm("Overwrite the document?", body, agree="Overwrite"):
            replaced = await asyncio.to_thread(existing_files, path_of(message.target.path))
            self._screen.post_message(ExportReady(message.target, message.form, replaced))

    def failed(self, message: ExportFailed) -> None:
        """Ask again, with the reason."""
        self._screen.show_work("")
        error = message.error
        self.ask(Path(), f"✗ {error.title}: {error.message}", message.target)

    def finished(self, message: Exported) -> None:
        """Say what was written, and show the document."""
        _report(self._screen.drio, message)
        self._screen.exported(message.folder)


def _report(drio: DrioContext, exported: Exported) -> None:
    text = f"{count_of(len(exported.names), 'file')} in {shown_path(exported.folder)}"
    drio.notify(sanitize_line(text, 200).plain, title="Exported", markup=False)
    for reason in exported.left_out[:3]:
        drio.notify(sanitize_line(reason, 300).plain, title="Not exported", severity="warning", markup=False)


def _form(snapshot: Snapshot, history: RunHistory, folder: Path) -> DocumentForm:
    """Return the app as a document, with the tests of the document in `folder` and those on this machine."""
    form = to_document(snapshot)
    return replace(form, data=with_tests(form.data, local_section(history), folder))


async def _write(target: ExportTarget, form: DocumentForm, replaced: list[Path]) -> Exported:
    folder = path_of(target.path)

    def write() -> list[str]:
        files = document_files(form.data, split=target.split, format=target.format)
        write_files(folder, files, replaced)
        return [*files]

    names = await asyncio.to_thread(write)
    return Exported(folder, names, [str(omission) for omission in form.not_exported])


def path_of(text: str) -> Path:
    """Return the path that a user typed; `~` is the home folder. It is not resolved, which would block."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # there is no such user
        return Path(text)
