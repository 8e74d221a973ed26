"""The base of the import screen: an OpenAPI document, its operations, and how they differ from those of the app."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import var
from textual.widgets import Input, Static
from textual.worker import Worker

from drio_tui.api.errors import DrioError
from drio_tui.openapi_import.document import Document, open_document
from drio_tui.openapi_import.errors import DocumentProblem, ImportFailed
from drio_tui.openapi_import.fetch_document import kept_source
from drio_tui.openapi_import.model import OperationDetail
from drio_tui.openapi_import.updating import Comparison
from drio_tui.text import count_of
from drio_tui.tool_calls.token_count import kilobytes
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.forms.inputs import Picker
from drio_tui.ui.openapi_import.import_dialog import problem_lines
from drio_tui.ui.openapi_import.import_settings import ImportSettings
from drio_tui.ui.openapi_import.operation_picker import OperationPicker
from drio_tui.ui.openapi_import.updates import Updates
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.empty_state import EmptyState
from drio_tui.ui.widgets.json_view import JsonView
from drio_tui.ui.widgets.line_editor import LineEditor
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.workspace.model.snapshot import Snapshot


class ImportDocumentScreen(DrioScreen[bool]):
    """Loads and validates a document, lists its operations, and marks those that the app has. `snapshot` is the app."""

    document: var[Document | None] = var(None, init=False)
    """The loaded document; None until then."""

    progress: var[str] = var("", init=False)
    """The progress of loading or planning, as a short text; empty if nothing is running."""

    class ProgressChanged(Message):
        """Loading a document has progressed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class DocumentLoaded(Message):
        """A document was loaded, from the path or address `where`."""

        def __init__(self, document: Document, where: str) -> None:
            super().__init__()
            self.document = document
            self.where = where

    class LoadFailed(Message):
        """A document, its details or the app could not be loaded."""

        def __init__(self, error: DrioError) -> None:
            super().__init__()
            self.error = error

    class CheckProgressed(Message):
        """The validator reported a problem, or with None it has ended, `finished` or not."""

        def __init__(self, document: Document, problem: DocumentProblem | None, finished: bool = False) -> None:
            super().__init__()
            self.document = document
            self.problem = problem
            self.finished = finished

    class DetailLoaded(Message):
        """The detail of an operation was loaded."""

        def __init__(self, detail: OperationDetail) -> None:
            super().__init__()
            self.detail = detail

    class Compared(Message):
        """The document was compared with the app; `comparison` is None if nothing of it is in the app."""

        def __init__(self, document: Document, comparison: Comparison | None) -> None:
            super().__init__()
            self.document = document
            self.comparison = comparison

    def __init__(self, app_id: str, snapshot: Snapshot, source: str = "") -> None:
        super().__init__()
        self._app_id = app_id
        self.settings = ImportSettings(snapshot, id="settings")
        self._source = source
        self.loaded_from: tuple[str, tuple[str, ...]] = ("", ())
        """Where the document that is shown was loaded from, to be kept, and what that lacks (`kept_source`)."""
        self._loaded_document: Document | None = None  # loaded, but not shown yet
        self._unmounted = False
        self._problems: list[DocumentProblem] = []
        self._checked = False  # the whole document, to the end
        self._checking = False
        self._updates = Updates(app_id, lambda: self.connection.server)

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="source-row"):
            yield Static("Document", classes="-label")
            yield LineEditor(self._source, placeholder="a path or an address, then Enter", classes="-source")
        yield EmptyState(
            "Import operations from an OpenAPI document",
            "Give a file (JSON or YAML, ~ is your home) or an http(s) address above, then press Enter.\n"
            "Nothing is made before you have chosen and agreed.",
            id="empty",
        )
        with Horizontal(id="panes"):
            yield OperationPicker(id="operations")
            with Vertical(id="tool"):
                yield Static(id="about", markup=False)
                yield JsonView(id="json")
        yield self.settings
        yield Static(id="note", markup=False)

    def on_mount(self) -> None:
        super().on_mount()
        self._update_layout()
        self.query_one(".-source", LineEditor).focus()
        if self._source:
            self._load(self._source)

    async def on_unmount(self) -> None:
        self._unmounted = True
        for document in (self.document, self._loaded_document):
            if document is not None:
                await document.close()

    @property
    def picker(self) -> OperationPicker:
        """The list of operations."""
        return self.query_one(OperationPicker)

    def unsaved_input(self) -> str:
        selected = len(self.picker.selection)
        return f"the selection of {count_of(selected, 'operation')}" if selected else ""

    # -- loading ----------------------------------------------------------------------------------

    @on(Input.Submitted, ".-source")
    def _source_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._load(event.value)

    def _load(self, where: str) -> None:
        self.progress = "looking"

        async def read() -> Message:
            if where.strip() == "-":
                raise ImportFailed("Standard input is the keyboard here: give a file or an address.")
            document = await open_document(where, lambda text: self.post_message(self.ProgressChanged(text)))
            if self._unmounted:  # Textual cancels a screen's workers after its `on_unmount`
                await document.close()
            else:
                self._loaded_document = document
            return self.DocumentLoaded(document, where)

        self._run("read", read)

    def _run(self, group: str, call: Callable[[], Awaitable[Message]]) -> Worker[None]:
        """Post the message that `call` returns, or `LoadFailed`. A newer call of the group cancels an older one."""

        async def work() -> None:
            try:
                message = await call()
            except DrioError as error:
                message = self.LoadFailed(error)
            self.post_message(message)

        return start_worker(self, work, group=group, exclusive=True)

    def on_import_document_screen_progress_changed(self, message: ProgressChanged) -> None:
        if self.progress:
            self.progress = message.text

    def on_import_document_screen_load_failed(self, message: LoadFailed) -> None:
        self.progress = ""
        error = message.error
        if self.document is None:
            self.query_one("#empty", EmptyState).show_error(error, ("Enter", "try again"))
        else:
            self.drio.show_error(error)
        self.query_one(".-source", LineEditor).focus()

    async def on_import_document_screen_document_loaded(self, message: DocumentLoaded) -> None:
        self.progress = ""
        self.loaded_from = kept_source(message.where)
        old, self.document, self._loaded_document = self.document, message.document, None
        if old is not None:
            await old.close()

    def watch_progress(self, progress: str) -> None:
        if progress and self.document is None:
            self.query_one("#empty", EmptyState).show_message("Reading the document", f"{progress}…", ("Esc", "stop"))
        self._update_note()

    def watch_document(self, document: Document | None) -> None:
        self._update_layout()
        if document is None:
            return
        self._problems = list(document.problems)
        self._checked, self._checking = False, True
        self.picker.show(document.operations)
        self.picker.focus_list()
        self.settings.show_document(document)
        self._mark_existing()
        self._update_note()
        self._check(document)

    def _check(self, document: Document) -> None:
        """Validate the document against the specification in the background."""

        async def work() -> None:
            report = partial(self.CheckProgressed, document)
            result = await document.check(None, lambda problem: self.post_message(report(problem)))
            self.post_message(report(None, result.finished))

        start_worker(self, work, group="check", exclusive=True)

    def on_import_document_screen_check_progressed(self, message: CheckProgressed) -> None:
        if message.document is not self.document:
            return
        if message.problem is None:
            self._checking = False
            self._checked = message.finished
        else:
            self._problems.append(message.problem)
        self._update_note()

    # -- display ----------------------------------------------------------------------------------

    def _update_layout(self) -> None:
        loaded = self.document is not None
        self.query_one("#empty").display = not loaded
        for id in ("#panes", "#settings"):
            self.query_one(id).display = loaded

    def _update_note(self) -> None:
        document = self.document
        parts: list[Content] = []
        if self.progress:
            parts.append(Content.styled(f"◌ {self.progress}… Esc stops", "$text-warning"))
        if document is not None:
            parts.append(sanitize_line(f"{document.title} {document.head.version}", 60, "bold"))
            parts.append(Content.styled(f"OpenAPI {document.head.openapi[:12]}", "$foreground-muted"))
            if self._problems:
                parts.append(Content.styled(f"▲ {count_of(len(self._problems), 'problem')} (p)", "$text-warning"))
            elif self._checked:
                parts.append(Content.styled("✓ valid", "$text-success"))
            if self._checking:
                parts.append(Content.styled("◌ checking", "$foreground-muted"))
        self.query_one("#note", Static).update(Content("  ").join(parts), layout=False)

    @on(OperationPicker.Moved)
    def _show_tool(self) -> None:
        """Show the operation under the cursor."""
        document, id = self.document, self.picker.current_id
        if document is None or id is None:
            return
        if document.operation(id) is None:
            self.query_one("#about", Static).update(Content("\n").join(self._updates.lines(id)))
            self.query_one("#json", JsonView).show(self._updates.raw(id))
            return

        async def describe() -> Message:
            return self.DetailLoaded((await document.details([id]))[id])

        self._run("describe", describe)

    def on_import_document_screen_detail_loaded(self, message: DetailLoaded) -> None:
        detail, document = message.detail, self.document
        operation = document.operation(detail.id) if document else None
        if operation is None or detail.id != self.picker.current_id:
            return
        lines = [
            sanitize_line(detail.id, 200, "bold"),
            Content(f"In the list of tools: {kilobytes(detail.bytes)}, about {detail.tokens:,} tokens as documented"),
        ]
        if operation.obstacle:
            lines.append(sanitize(f"✗ {operation.obstacle}", "$text-error"))
        lines += [sanitize(f"▲ {note}", "$text-warning") for note in dict.fromkeys((*operation.notes, *detail.notes))]
        lines += self._updates.lines(operation.id)
        if operation.schemes:
            lines.append(sanitize(f"It wants a sign-in: {' or '.join(operation.schemes)}", "$foreground-muted"))
        self.query_one("#about", Static).update(Content("\n").join(lines[:8]))
        self.query_one("#json", JsonView).show(detail.seen)

    @on(OperationPicker.Opened)
    def _open_tool(self) -> None:
        self.add_class("-tool")
        self.query_one("#json JsonLines").focus()

    @on(OperationPicker.Changed)
    def _selection_changed(self) -> None:
        self.settings.show_selection(self.picker.selection.chosen)

    @on(ImportSettings.Changed)
    def _mark_existing(self) -> None:
        """Mark the operations that the app has."""
        existing = self.settings.existing_operations()
        if existing != self.picker.selection.existing:
            self.picker.selection.set_existing(existing)
            self.picker.refresh_rows()
        self.settings.show_selection(self.picker.selection.chosen)
        self._compare()

    def _compare(self) -> None:
        """Find out in the background which operations have changed since they were imported."""
        document, snapshot, options = self.document, self.settings.snapshot, self.settings.options(())
        if document is not None:

            async def compare() -> Message:
                return self.Compared(document, await self._updates.compare(document, snapshot, options))

            self._run("compare", compare)

    def on_import_document_screen_compared(self, message: Compared) -> None:
        if message.document is self.document and self._updates.mark(self.picker.selection, message.comparison):
            self.picker.refresh_rows()
            self._show_tool()

    # -- navigation -------------------------------------------------------------------------------

    def action_source(self) -> None:
        self.query_one(".-source", LineEditor).focus()

    def action_where(self) -> None:
        self.query_one(".-integration", Picker).focus()

    def action_problems(self) -> None:
        text = sanitize("\n".join(problem_lines(self._problems)), multiline=True).plain
        self.notify(text, title="In the document", severity="warning", timeout=20, markup=False)

    def action_other_side(self) -> None:
        """Move the focus from the list to the tool, to the settings, and back to the list."""
        if self.document is None:
            return
        if self.picker.has_focus_within:
            self._open_tool()
        elif self.query_one("#tool").has_focus_within:
            self.remove_class("-tool")
            self.action_where()
        else:
            self.screen.focus_next()
            if not self.query_one("#settings").has_focus_within:
                self.picker.focus_list()
