"""Imports operations of an OpenAPI document into an app: choose operations and settings, create resources."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

from textual import on
from textual.message import Message
from textual.widgets import Button

from drio_tui.api.errors import DrioError
from drio_tui.openapi_import.document import Document
from drio_tui.openapi_import.errors import DocumentProblem, ImportFailed
from drio_tui.openapi_import.existing import existing_resources
from drio_tui.openapi_import.import_steps import import_steps
from drio_tui.openapi_import.model import Scheme
from drio_tui.openapi_import.planning import ExistingIntegration, Plan
from drio_tui.openapi_import.proposals import Proposals, TypedTexts
from drio_tui.openapi_import.security import connection_body, secret_of
from drio_tui.plan.executor import Executor
from drio_tui.text import first_names
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.dialogs.allow_host import ask_to_allow_all
from drio_tui.ui.editing.create import create_resource
from drio_tui.ui.editing.edit_target import EditTarget
from drio_tui.ui.forms.keeps_edit import IMPORT, KeepsEdit
from drio_tui.ui.openapi_import.import_dialog import ImportDialog, problem_lines
from drio_tui.ui.openapi_import.import_document_screen import ImportDocumentScreen
from drio_tui.ui.openapi_import.import_settings import ImportOptions, ImportSettings
from drio_tui.ui.openapi_import.proposals_screen import ProposalsScreen
from drio_tui.ui.openapi_import.update_screen import PreparedUpdate, UpdateScreen
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.workspace.lint.client_checks import server_of
from drio_tui.workspace.model.loader import read_app
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.saving.saver import Saver
from drio_tui.workspace.saving.unsaved_edits import UnsavedEdit


class ImportScreen(ImportDocumentScreen, KeepsEdit[bool]):
    """Returns whether anything was created or changed. `snapshot` is the app, for its integrations and keys in use.

    `edit` is a kept edit of the proposals for an import, to go on with.
    """

    REASON = "the program ended before the operations were created"

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

    def __init__(
        self, app_id: str, snapshot: Snapshot, source: str = "", *, edit: UnsavedEdit | None = None
    ) -> None:  # fmt: skip
        super().__init__(app_id, snapshot, str(edit.local["source"]) if edit is not None else source)
        self._edit = edit
        self.kept_edit_id = edit.id if edit is not None else ""
        self._plan: Plan | None = None
        self._plan_options: ImportOptions | None = None
        self._batch: Executor | None = None
        self._proposals = Proposals()
        """What was proposed last, with the user's decisions about it."""
        self._any_created = False

    def watch_document(self, document: Document | None) -> None:
        if document is not None:
            self._proposals = Proposals()  # decisions are about the operations of one document
            self._discard_plan()
        super().watch_document(document)
        if document is not None and self._edit is not None:
            self._note_missing(document, self._edit)
            self.picker.selection.choose(map(str, self._edit.local["chosen"]))
            self.picker.refresh_rows()
            if self.picker.selection.added:
                self.action_proposals()
        elif document is not None:
            self.schedule_keep()

    # -- keeping what is decided ------------------------------------------------------------------

    def unsaved_edit(self, why: str, *, looking: bool = False) -> UnsavedEdit | None:
        """Return the decisions about the proposals, and texts that are being edited; None if there are none."""
        document, proposals = self.document, self._proposals
        decisions, typed = proposals.decisions(), proposals.typed
        if document is None or not (decisions or typed):
            return None
        source, lost = self.loaded_from
        local = {
            "source": source, "chosen": [*self.picker.selection.chosen], "decisions": decisions,
            "typed": [*astuple(typed)] if typed is not None else [],
        }  # fmt: skip
        title = f"{document.title} {document.head.version}".strip()
        return self.new_edit(IMPORT, title, why, app=self._app_id, local=local, lost=lost)

    def unsaved_input(self) -> str:
        lost = super().unsaved_input()
        is_edited = bool(self._proposals.decisions() or self._proposals.typed)
        return " and ".join(filter(None, (lost, "what you changed of the proposals" if is_edited else "")))

    def discard_kept_edit(self) -> None:
        """Forget the kept edit, unless it is one of which the document could not be read."""
        if self._edit is None:
            super().discard_kept_edit()

    def _note_missing(self, document: Document, edit: UnsavedEdit) -> None:
        """Say which operations the document no longer has, of those with decisions in a kept edit."""
        decided = [decision["operation"] for decision in edit.local["decisions"]]
        ids = dict.fromkeys(map(str, (*decided, *edit.local["typed"][:1])))
        missing = [sanitize_line(id, 80).plain for id in ids if document.operation(id) is None]
        if missing:
            text = f"Of what you changed of the proposals, the document no longer has {first_names(missing, 5)}."
            self.notify(text, severity="warning", timeout=20, markup=False)

    def _go_on(self, edit: UnsavedEdit) -> None:
        """Decide as in a kept edit."""
        self._proposals.decide(edit.local["decisions"])
        if edit.local["typed"] and self._proposals.get(edit.local["typed"][0]) is not None:
            self._proposals.typed = TypedTexts(*map(str, edit.local["typed"]))

    # -- the connection ---------------------------------------------------------------------------

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
        if self._edit is not None:
            edit, self._edit = self._edit, None
            self._go_on(edit)
        self._discard_plan()
        self.settings.use_proposals()
        screen = ProposalsScreen(message.proposals, *self.settings.present(), changed=self.schedule_keep)
        self.app.push_screen(screen, self._proposals_closed)

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

    # -- leaving ----------------------------------------------------------------------------------

    def action_back(self) -> None:
        """Cancel loading and planning; if nothing runs, leave the tool or the settings; otherwise leave the screen."""
        stopped = [worker for worker in self._running_workers() if worker.group in ("read", "plan")]
        if stopped:
            for worker in stopped:
                worker.cancel()
            error = ImportFailed("You stopped the reading.", title="Not read")
            self.on_import_document_screen_load_failed(self.LoadFailed(error))
        elif self.document is not None and not self.picker.has_focus_within:
            self.remove_class("-tool")
            self.picker.focus_list()
        elif self._any_created and not self.unsaved_input():
            self.dismiss(True)
        else:
            self.drio.navigator.back()
