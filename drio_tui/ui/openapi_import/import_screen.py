"""Imports operations of an OpenAPI document into an app: load it, choose operations and settings, create resources."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import var
from textual.widgets import Button, Input, Static
from textual.worker import Worker

from drio_tui.api.errors import DrioError
from drio_tui.openapi_import.document import Document, open_document
from drio_tui.openapi_import.errors import DocumentProblem, ImportFailed
from drio_tui.openapi_import.existing import existing_resources
from drio_tui.openapi_import.import_steps import import_steps
from drio_tui.openapi_import.model import OperationDetail, Scheme
from drio_tui.openapi_import.planning import ExistingIntegration, Plan
from drio_tui.openapi_import.proposals import Proposals
from drio_tui.openapi_import.security import connection_body, secret_of
from drio_tui.openapi_import.updating import Comparison
from drio_tui.plan.executor import Executor
from drio_tui.text import count_of
from drio_tui.tool_calls.token_count import kilobytes
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.dialogs.allow_host import ask_to_allow_all
from drio_tui.ui.editing.create import create_resource
from drio_tui.ui.editing.edit_target import EditTarget
from drio_tui.ui.forms.inputs import Picker
from drio_tui.ui.openapi_import.import_dialog import ImportDialog, problem_lines
from drio_tui.ui.openapi_import.import_settings import ImportOptions, ImportSettings
from drio_tui.ui.openapi_import.operation_picker import OperationPicker
from drio_tui.ui.openapi_import.proposals_screen import ProposalsScreen
from drio_tui.ui.openapi_import.update_screen import PreparedUpdate, UpdateScreen
from drio_tui.ui.openapi_import.updates import Updates
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.empty_state import EmptyState
from drio_tui.ui.widgets.json_view import JsonView
from drio_tui.ui.widgets.line_editor import LineEditor
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.workspace.lint.client_checks import server_of
from drio_tui.workspace.model.loader import read_app
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.saving.saver import Saver


class ImportScreen(DrioScreen[bool]):
    """Returns whether anything was created or changed. `snapshot` is the app, for its integrations and keys in use."""

    AREA = "apps"
    CSS_PATH = stylesheet("openapi_import")
    BINDINGS = keymap.section(
        "import",
        "Import from OpenAPI",
        Key("import.make", "ctrl+s", "make", "Create", "Create or update what is chosen, after a look at it",
            dangerous=True),
        Key("import.proposals", "t", "proposals", "Proposals", "Names, descriptions, widgets and chains of the tools"),
        Key("import.source", "s", "source", "Document", "Another document"),
        Key("import.where", "w", "where", "Where to", "The integration, its base URL and sign-in"),
        Key("import.problems", "p", "problems", "Problems", "What is odd about the document", show=False),
        Key("import.other", "tab", "other_side", "Other side", "Between list, tool and settings", show=False),
    )  # fmt: skip

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
        """A document was loaded."""

        def __init__(self, document: Document) -> None:
            super().__init__()
            self.document = document

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

    class PlanReady(Message):
        """The plan was made; `checked` are problems of the chosen operations, `snapshot` is the app it was made for."""

        def __init__(self, plan: Plan, checked: tuple[DocumentProblem, ...], snapshot: Snapshot) -> None:
            super().__init__()
            self.plan = plan
            self.checked = checked
            self.snapshot = snapshot

    class ProposalsReady(Message):
        """The proposals for the chosen operations were made."""

        def __init__(self, proposals: Proposals) -> None:
            super().__init__()
            self.proposals = proposals

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
        self._loaded_document: Document | None = None  # loaded, but not shown yet
        self._unmounted = False
        self._problems: list[DocumentProblem] = []
        self._checked = False  # the whole document, to the end
        self._checking = False
        self._plan: Plan | None = None
        self._plan_options: ImportOptions | None = None
        self._batch: Executor | None = None
        self._updates = Updates(app_id, lambda: self.connection.server)
        self._proposals = Proposals()
        """What was proposed last, with the user's decisions about it."""
        self._any_created = False

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
            return self.DocumentLoaded(document)

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

    def on_import_screen_progress_changed(self, message: ProgressChanged) -> None:
        if self.progress:
            self.progress = message.text

    def on_import_screen_load_failed(self, message: LoadFailed) -> None:
        self.progress = ""
        error = message.error
        if self.document is None:
            self.query_one("#empty", EmptyState).show_error(error, ("Enter", "try again"))
        else:
            self.drio.show_error(error)
        self.query_one(".-source", LineEditor).focus()

    async def on_import_screen_document_loaded(self, message: DocumentLoaded) -> None:
        self.progress = ""
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
        self._proposals = Proposals()  # decisions are about the operations of one document
        self._discard_plan()
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

    def on_import_screen_check_progressed(self, message: CheckProgressed) -> None:
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

    def on_import_screen_detail_loaded(self, message: DetailLoaded) -> None:
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

    def on_import_screen_compared(self, message: Compared) -> None:
        if message.document is self.document and self._updates.mark(self.picker.selection, message.comparison):
            self.picker.refresh_rows()
            self._show_tool()

    @on(ImportSettings.ConnectionWanted)
    def _connection_wanted(self, event: ImportSettings.ConnectionWanted) -> None:
        start_worker(self, self._create_connection, event.scheme, group="auth", exclusive=True)

    async def _create_connection(self, scheme: Scheme) -> None:
        """Let the user fill in a connection for the document's security scheme, and use it."""
        if self.document is None:
            return
        id = await self.new_connection(connection_body(scheme, self.document.title))
        if id:
            self.settings.use_connection(id)

    async def new_connection(self, begin: dict[str, Any]) -> str:
        """Create an auth connection with these initial properties; return its id, empty if the user cancelled."""
        target = EditTarget(self._app_id, "auth", initial=begin, requested_by="the import", focus_path=secret_of(begin))
        connection = await create_resource(self.drio, target, self.settings.snapshot)
        return connection.id if connection is not None else ""

    # -- creating ---------------------------------------------------------------------------------

    def disabled_reason(self, action: str, parameters: tuple[object, ...]) -> str | None:
        if action not in ("make", "where", "problems", "proposals"):
            return None
        if self.document is None:
            return "Give a document first, then press Enter."
        if action == "problems" and not self._problems:
            return "Nothing odd was found in the document."
        if action in ("make", "proposals") and not len(self.picker.selection):
            return "Choose operations first, with Space."
        if action == "proposals" and not self.picker.selection.added:
            return "Only for new tools there are proposals."
        return None

    @on(Button.Pressed, "#create")
    async def _create_pressed(self) -> None:
        await self.run_action("screen.make")

    def action_make(self) -> None:
        """Read the app again, make the plan, validate the chosen operations, and ask for confirmation."""
        document = self.document
        if document is None:
            return
        if error := self.settings.base_url_error:
            self.notify(f"{error} Give the base URL of the API.", title="Base URL", severity="error", markup=False)
            self.settings.base_field.focus()
            return
        options = self.settings.options(self.picker.selection.chosen)
        if self.picker.selection.updates:
            self._review_update(document, options)
            return
        if self._plan is not None and self._plan_options == options and self._batch is not None:
            self._confirm(self._plan, ())
            return
        self._discard_plan()
        self._plan_options = options
        self.progress = "planning"
        chosen, tools, integration, auth, url, again, proposed = options

        async def make_plan() -> Message:
            snapshot = await self.read_app()
            proposals = await self._propose(document, chosen) if proposed else None
            target: ExistingIntegration | str = ExistingIntegration(integration, url) if integration else ""
            plan = await document.plan(
                chosen, base_url=url, integration=target, auth=auth, tools=tools,
                present=existing_resources(snapshot), again=again, proposals=proposals,
            )  # fmt: skip
            checked = () if self._checked else (await document.check(chosen)).problems
            return self.PlanReady(plan, checked, snapshot)

        self._run("plan", make_plan)

    async def _propose(self, document: Document, chosen: Sequence[str]) -> Proposals:
        """Return the proposals for operations, with what the user decided about them earlier."""
        proposals = await document.proposals(chosen, server_of(self.settings.snapshot))
        proposals.keep_decisions(self._proposals)
        return proposals

    def action_proposals(self) -> None:
        """Show what is proposed for the tools of the chosen operations."""
        document = self.document
        if document is None:
            return
        chosen = [operation.id for operation in self.picker.selection.added]
        self.progress = "proposing"

        async def propose() -> Message:
            return self.ProposalsReady(await self._propose(document, chosen))

        self._run("plan", propose)

    def on_import_screen_proposals_ready(self, message: ProposalsReady) -> None:
        self.progress = ""
        self._proposals = message.proposals
        self._discard_plan()
        self.settings.use_proposals()
        self.app.push_screen(ProposalsScreen(message.proposals, *self.settings.present()), self._proposals_closed)

    async def _proposals_closed(self, goes_on: bool | None) -> None:
        self.picker.focus_list()
        if goes_on:
            await self.run_action("screen.make")

    def _review_update(self, document: Document, options: ImportOptions) -> None:
        """Show the plan of an update, and go back to the app once it is carried out."""
        self._discard_plan()
        chosen, gone = set(options.chosen), self.picker.selection.gone
        related = [problem for problem in self._problems if problem.operation in chosen]

        async def prepare() -> PreparedUpdate:
            snapshot = await self.read_app()
            plan = await self._updates.plan(document, snapshot, options, gone)
            checked = () if self._checked else (await document.check(chosen - gone)).problems
            return PreparedUpdate(snapshot, plan, problem_lines((*plan.problems, *related, *checked)))

        screen = UpdateScreen(self._app_id, f"Update from {document.title} {document.head.version}".strip(), prepare)

        def handle_closed(changed: bool | None) -> None:
            self._any_created = self._any_created or bool(changed)
            if changed and screen.done and screen.prepared is not None:
                self.settings.snapshot = screen.prepared.snapshot
                self._leave(screen.prepared.plan.added)
            elif changed:
                self._look_again()

        self.app.push_screen(screen, handle_closed)

    async def read_app(self) -> Snapshot:
        """Read the app, so that resources that others created meanwhile are not created again. Raises `DrioError`."""
        return await read_app(await self.connection.ready(), self._app_id)

    def on_import_screen_plan_ready(self, message: PlanReady) -> None:
        self.progress = ""
        self.settings.snapshot = message.snapshot
        self._mark_existing()
        if not message.plan.resources:
            self._discard_plan()
            self.notify("The app has all that is chosen already.", severity="warning", markup=False)
            return
        self._plan, self._batch = message.plan, None
        self._confirm(message.plan, message.checked)

    def _confirm(self, plan: Plan, checked: tuple[DocumentProblem, ...]) -> None:
        ids = {resource.source for resource in plan.resources}
        related = [problem for problem in self._problems if problem.operation in ids]
        screen = ImportDialog(plan, (*plan.problems, *related, *checked), lambda saver: self._create_batch(saver, plan))
        screen.work = self._batch
        self.app.push_screen(screen, self._dialog_closed)

    def _create_batch(self, saver: Saver, plan: Plan) -> Executor:
        self._batch = Executor(saver, self._app_id, import_steps(plan))
        return self._batch

    def _dialog_closed(self, started: bool | None) -> None:
        work, plan = self._batch, self._plan
        if not started or work is None or plan is None:
            return
        self._any_created = self._any_created or any(result and result.ok for result in work.results)
        if work.done:
            self._leave(plan)
        else:
            self._look_again()

    def _leave(self, plan: Plan | None) -> None:
        start_worker(self, self._finish, plan, group="leave", exclusive=True)

    def _look_again(self) -> None:
        start_worker(self, self._refresh_existing, group="look", exclusive=True)

    async def _refresh_existing(self) -> None:
        """Read the app again after some requests failed, and mark the operations that it has now."""
        with contextlib.suppress(DrioError):
            self.settings.snapshot = await self.read_app()
            self._mark_existing()

    async def _finish(self, plan: Plan | None) -> None:
        """Ask whether the sandbox may call the API if its address is private, then go back to the app."""
        if plan is None:
            self.dismiss(True)
            return
        client = self.connection.client
        urls = [str(resource.body["baseUrl"]) for resource in plan.resources if "baseUrl" in resource.body]
        used = [self.settings.snapshot.resource("integration", id) for id in plan.used]
        urls += [integration.text("baseUrl") for integration in used if integration is not None]
        with contextlib.suppress(DrioError):
            if client is not None:
                await ask_to_allow_all(self.drio, client, urls)
        self.dismiss(True)

    def _discard_plan(self) -> None:
        self._plan, self._batch, self._plan_options = None, None, None

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

    def action_back(self) -> None:
        """Cancel loading and planning; if nothing runs, leave the tool or the settings; otherwise leave the screen."""
        stopped = [worker for worker in self._running_workers() if worker.group in ("read", "plan")]
        if stopped:
            for worker in stopped:
                worker.cancel()
            error = ImportFailed("You stopped the reading.", title="Not read")
            self.on_import_screen_load_failed(self.LoadFailed(error))
        elif self.document is not None and not self.picker.has_focus_within:
            self.remove_class("-tool")
            self.picker.focus_list()
        elif self._any_created and not self.unsaved_input():
            self.dismiss(True)
        else:
            self.drio.navigator.back()
