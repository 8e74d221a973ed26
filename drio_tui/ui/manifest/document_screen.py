"""The document of an app: how it differs from drio, and for each resource the choice to apply it or to leave it."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.reactive import var
from textual.widgets import Input, Static

from drio_tui.api.errors import DrioError
from drio_tui.manifest import known_documents
from drio_tui.manifest.apply import Applied, Applier, DocumentPlan
from drio_tui.manifest.known_documents import KnownDocument, shown_path
from drio_tui.manifest.lock import InvalidLock
from drio_tui.manifest.opened import OpenedDocument, key_of, key_of_step, open_document
from drio_tui.manifest.problems import BadDocument, DocumentProblem
from drio_tui.manifest.steps import needed_secrets
from drio_tui.manifest.validation import location_of
from drio_tui.plan.render import as_markdown
from drio_tui.text import count_of
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.messages import RequestFailed, undo_hint
from drio_tui.ui.base.services import get_saver
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.forms.external_editor import NoEditor, edit_file
from drio_tui.ui.manifest.document_dialogs import SecretsDialog
from drio_tui.ui.manifest.document_export import (
    DocumentExport,
    Exported,
    ExportFailed,
    ExportReady,
    ExportRefused,
    path_of,
)
from drio_tui.ui.manifest.document_pull import DocumentPull, PullFinished, PullPlanned
from drio_tui.ui.manifest.document_texts import (
    about_lines,
    compared_text,
    confirmation,
    place_of_problem,
    problem_text,
    warning_lines,
)
from drio_tui.ui.plan.plan_panel import PlanPanel
from drio_tui.ui.plan.plan_rows import PlanItem
from drio_tui.ui.plan.plan_stop import PlanStop
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.empty_state import EmptyState
from drio_tui.ui.widgets.line_editor import LineEditor
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient

Phase = Literal["", "reading", "compared", "applying", "applied"]

_NOT_MEANWHILE = frozenset({
    "apply_changes", "pull_changes", "edit_document", "refresh", "toggle_prune", "export_app", "choose_document",
})  # fmt: skip
"""The actions that are disabled while the document is applied, or read for a pull or an export."""
_REDRAW_SECONDS = 0.1
"""Seconds between two redraws of the progress."""


class DocumentScreen(DrioScreen[bool]):
    """Compares the document of an app with drio and applies it. Returns whether the app was changed."""

    AREA = "apps"
    CSS_PATH = stylesheet("manifest")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "document",
        "The document of an app",
        Key("document.apply", "a", "apply_changes", "Apply", "Apply the included changes to drio; after a failure, try "
            "again what is left", dangerous=True),
        Key("document.pull", "p", "pull_changes", "Pull", "Bring what was changed in drio into the files of the "
            "document"),
        Key("document.edit", "e", "edit_document", "Edit", "Open the file in $VISUAL or $EDITOR, at the resource "
            "or the first error"),
        Key("document.compare", "r", "refresh", "Compare", "Read the document and the app, and compare them again"),
        Key("document.prune", "P", "toggle_prune", "Deletes", "Also delete what the document lacks, or no longer; in "
            "collections that it has", show=False),
        Key("document.export", "x", "export_app", "Export", "Write the app to a document"),
        Key("document.open", "o", "choose_document", "Other", "Choose another document"),
        Key("document.copy", "y", "copy_plan", "Copy plan", "Copy the plan as Markdown", show=False),
    )  # fmt: skip

    phase: var[Phase] = var("", init=False)
    """What is going on: nothing is opened, it is read, compared, applied, or was applied."""

    class Compared(Message):
        """The document was compared with the app."""

        def __init__(self, opened: OpenedDocument) -> None:
            super().__init__()
            self.opened = opened

    class CompareFailed(Message):
        """The document, or the app, could not be read."""

        def __init__(self, error: DrioError) -> None:
            super().__init__()
            self.error = error

    class Applying(Message):
        """A step of the plan began or ended. Several that wait are handled as one."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, DocumentScreen.Applying)

    class ApplyFinished(Message):
        """An apply ended; `lock_error` is why the lock file was not written, if it was not."""

        def __init__(self, applied: Applied, lock_error: DrioError | None) -> None:
            super().__init__()
            self.applied = applied
            self.lock_error = lock_error

    class ApplyFailed(Message):
        """An apply ended before all results were there."""

        def __init__(self, error: DrioError) -> None:
            super().__init__()
            self.error = error

    class KnownDocumentFound(Message):
        """The document that was used last for the app, None if there is none."""

        def __init__(self, document: KnownDocument | None) -> None:
            super().__init__()
            self.document = document

    def __init__(self, app_id: str, slug: str = "") -> None:
        super().__init__()
        self.app_id = app_id
        self.slug = slug
        self.opened: OpenedDocument | None = None
        self.applied: Applied | None = None
        self.prune = False
        self.changed_app = False
        self.export = DocumentExport(self)
        self.pull = DocumentPull(self)
        self._path: Path | None = None
        self._problems: tuple[DocumentProblem, ...] = ()
        self._applier: Applier | None = None
        self._stop = PlanStop()
        self._needs_redraw = False
        self._note = Content()

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="document-row"):
            yield Static("Document", classes="-label")
            path = LineEditor("", placeholder="press o, then a directory or file and Enter")
            path.id = "document-path"
            yield path
        yield Static(id="document-about")
        yield EmptyState(id="document-empty")
        yield PlanPanel(choosable=True, id="document-plan")
        yield Static(id="document-note")

    def on_mount(self) -> None:
        super().on_mount()
        self._show_empty()

        async def find(client: DrioClient) -> KnownDocument | None:
            server = client.transport.server_id
            return await asyncio.to_thread(known_documents.known_document, server, self.app_id)

        self.run_request(find, self.KnownDocumentFound, group="known")

    @property
    def panel(self) -> PlanPanel:
        """The plan view."""
        return self.query_one(PlanPanel)

    @property
    def path_field(self) -> LineEditor:
        """The field with the path of the document."""
        return self.query_one("#document-path", LineEditor)

    def running_task(self) -> str:
        return "Applying the document" if self.phase == "applying" else ""

    # -- opening ------------------------------------------------------------------------------------

    def on_document_screen_known_document_found(self, message: KnownDocumentFound) -> None:
        if message.document is not None and not self.phase and not self.path_field.value:
            self.path_field.value = shown_path(message.document.path)
            self.compare(Path(message.document.path))

    @on(Input.Submitted, "#document-path")
    def _path_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        text = event.value.strip()
        if text and (reason := self._why_busy()):
            self.notify(reason, title="Not now", severity="warning", markup=False)
        elif text:
            self.compare(path_of(text))

    def compare(self, path: Path) -> None:
        """Read the document at `path` and compare it with the app."""
        self._path = path
        self.applied, self._applier = None, None
        self.phase = "reading"
        app_id, prune = self.app_id, self.prune

        async def read(client: DrioClient) -> DocumentScreen.Compared:
            opened = await open_document(client, app_id, path, os.environ, prune=prune)
            await _remember(client, app_id, path)
            return self.Compared(opened)

        self.run_request(read, lambda message: message, group="compare", failed=self.CompareFailed)

    def on_document_screen_compared(self, message: Compared) -> None:
        opened = self.opened = message.opened
        self._problems = ()
        comparison = opened.plan.comparison
        items = [PlanItem(key_of(change.name), change.shown()) for change in comparison.changes]
        conflicts = {key_of(change.name) for change in comparison.conflicts}
        known = {item.key for item in self.panel.plan_tree.items}
        included = {item.key for item in items} - conflicts - (known - self.panel.plan_tree.included)
        self.panel.show(
            items, problems=comparison.problems, notes=[*comparison.notes, *warning_lines(opened.warnings)],
            included=included,
        )  # fmt: skip
        self.phase = "compared"
        self.panel.plan_tree.focus()

    def on_document_screen_compare_failed(self, message: CompareFailed) -> None:
        self.opened = None
        error = message.error
        self._problems = error.problems if isinstance(error, BadDocument) else ()
        self.phase = ""
        if isinstance(error, BadDocument):
            self.panel.show([], problems=[problem_text(problem) for problem in error.problems])
            self._show_panel(shown=True)
            count = count_of(len(error.problems), "error")
            self._show_note(f"✗ {count} in the document. Correct it, then r compares again.", "$text-error")
            self.panel.plan_tree.focus()
        else:
            self._show_panel(shown=False)
            keys = (("r", "try again"), ("o", "another document"), ("x", "export the app"))
            self.query_one("#document-empty", EmptyState).show_error(error, *keys)
            self.set_focus(None)

    # -- display ------------------------------------------------------------------------------------

    def _show_empty(self) -> None:
        self._show_panel(shown=False)
        self.query_one("#document-empty", EmptyState).show_message(
            "No document yet",
            "A document holds the app as files, for git. Compare it with drio here, and apply what you changed.",
            ("x", "export the app to a new document"),
            ("o", "give the path of a document that there is"),
        )

    def _show_panel(self, *, shown: bool) -> None:
        self.panel.display = shown
        self.query_one("#document-empty").display = not shown

    def watch_phase(self, phase: Phase) -> None:
        self.path_field.disabled = phase == "applying"
        if phase in ("compared", "applying", "applied"):
            self._show_panel(shown=True)
        self._show_about()
        match phase:
            case "reading":
                self._show_note("◌ Reading the document and the app… Esc stops", "$text-warning")
            case "compared" if self.opened is not None:
                self._show_note(*compared_text(self.opened))
            case "":
                self._show_note("")
        self.refresh_bindings()

    def _show_about(self) -> None:
        about = self.query_one("#document-about", Static)
        about.display = self.opened is not None
        if self.opened is None:
            return
        lines = about_lines(self.opened, self.drio.status.host)
        about.update(Content("\n").join([sanitize_line(line) for line in lines]))

    def _show_note(self, text: str | Content, style: str = "") -> None:
        self._note = sanitize(text, style, multiline=True) if isinstance(text, str) else text
        self.show_work("")

    def show_work(self, text: str) -> None:
        """Show what is being done (`Reading the app`) in place of the note; with an empty `text` the note again."""
        content = sanitize_line(f"◌ {text}… Esc stops", style="$text-warning") if text else self._note
        note = self.query_one("#document-note", Static)
        note.display = bool(content)
        note.update(content)

    # -- applying -----------------------------------------------------------------------------------

    def disabled_reason(self, action: str, parameters: tuple[object, ...]) -> str | None:
        if action in _NOT_MEANWHILE and (reason := self._why_busy()):
            return reason
        match action:
            case "refresh" | "toggle_prune" | "pull_changes" if self._path is None:
                return "Give a document first, then press Enter."
            case "edit_document" if self.opened is None and not self._problems:
                return "Give a document first, then press Enter."
            case "apply_changes" | "copy_plan" if self.opened is None:
                return "Give a document first, then press Enter."
            case "apply_changes":
                return self._why_not_applicable()
        return None

    def _why_busy(self) -> str | None:
        """Return what is under way that the user has to wait for, as a sentence."""
        if self.phase == "applying":
            return "It is being applied: Esc stops after the running requests."
        if self.has_request("pull") or self.has_request("export"):
            return "The app is being read: Esc stops."
        return None

    def _why_not_applicable(self) -> str | None:
        if self.opened is None or self.phase == "reading":
            return "It is not compared yet."
        if self.opened.plan.comparison.problems:
            return "There are problems in the way: correct the document first."
        if self.applied is not None and not self.applied.failed:
            return "It was applied: r compares again."
        if not self.panel.included:
            return "Nothing is included: Space includes a resource, * all."
        return None

    def action_apply_changes(self) -> None:
        if self._applier is not None and self.phase == "applied":
            self._begin(self._applier.plan, self._applier)
        else:
            start_worker(self, self._confirm_and_apply, group="ask", exclusive=True)

    async def _confirm_and_apply(self) -> None:
        opened = self.opened
        if opened is None:
            return
        keys = {item.key for item in self.panel.included}
        names = {change.name for change in opened.plan.changes if key_of(change.name) in keys}
        needed = opened.needed(names)
        plan = opened.chosen(names | needed)
        overwritten = [change.name for change in opened.plan.comparison.conflicts if change.name in names]
        text = confirmation(plan, needed, overwritten, self.drio.status)
        deletes = any(change.action == "delete" for change in plan.changes)
        title = f"Apply to {plan.slug}?"
        options = {"agree": "Delete and apply" if deletes else "Apply", "danger": deletes or bool(overwritten)}
        if not await self.drio.navigator.confirm(title, text, **options):  # type: ignore[arg-type]
            return
        if secrets := needed_secrets(plan.changes):
            values = await self.app.push_screen_wait(SecretsDialog(secrets))
            if values is None:
                return
            plan = plan.with_secrets(values)
        self.panel.plan_tree.included |= {key_of(name) for name in needed}
        self._begin(plan)

    def _begin(self, plan: DocumentPlan, earlier: Applier | None = None) -> None:
        """Carry out a plan, or what an `earlier` try left of it."""
        client, opened = self.connection.client, self.opened
        if client is None or opened is None:
            return
        saver, on_change = get_saver(self.connection, client), lambda: self.post_message(self.Applying())
        group, state = (earlier.group, earlier.state) if earlier is not None else ("", None)
        save_base = opened.store_base
        self._run(Applier(saver, plan, group=group, state=state, save_base=save_base, on_change=on_change))

    def _run(self, applier: Applier) -> None:
        opened = self.opened
        if self.phase == "applying" or opened is None:
            return
        self._applier, self.changed_app = applier, True
        self._stop.begin()
        self.phase = "applying"

        async def work(client: DrioClient) -> DocumentScreen.ApplyFinished:
            applied = await applier.run()
            await _remember(client, self.app_id, opened.path)
            error = None
            try:
                await opened.store_base(applied.base)
            except InvalidLock as lock_error:
                error = lock_error
            return self.ApplyFinished(applied, error)

        self.run_request(work, lambda message: message, group="apply", failed=self.ApplyFailed, once=True)

    def on_document_screen_applying(self) -> None:
        if not self._needs_redraw:
            self._needs_redraw = True
            self.set_timer(_REDRAW_SECONDS, self._show_progress)

    def _show_progress(self) -> None:
        self._needs_redraw = False
        executor = self._applier.executor if self._applier is not None else None
        if executor is None:
            return
        text, style = self._stop.text("applying…"), "$text-warning"
        if self.phase != "applying":
            text, style = "applied", ""
        self.panel.show_progress(executor, key_of_step, text, style)

    def on_document_screen_apply_finished(self, message: ApplyFinished) -> None:
        applied = self.applied = message.applied
        self.phase = "applied"
        self._show_progress()
        lines: list[Content] = []
        if failed := applied.failed:
            others = undo_hint(self.drio.status, "What is done stays done.")
            text = f"✗ {count_of(len(failed), 'step')} of {len(applied.results)} not done. {others}"
            lines.append(Content.styled(f"{text} a tries the others again; Enter shows why.", "$text-error"))
        else:
            done = count_of(len(applied.results), "step")
            undo = undo_hint(self.drio.status, "In the app, z takes all back.")
            lines.append(Content.styled(f"✓ Applied: {done} done. {undo}", "$text-success"))
        if message.lock_error is not None:
            lines.append(sanitize(f"▲ {message.lock_error.title}: {message.lock_error.message}", "$text-warning"))
        self._show_note(Content("\n").join(lines))
        self.refresh_bindings()

    def on_document_screen_apply_failed(self, message: ApplyFailed) -> None:
        self.phase = "applied"
        self._show_progress()
        self._show_note(f"✗ {message.error.title}: {message.error.message}\n  {message.error.hint}", "$text-error")
        self.refresh_bindings()

    # -- actions ------------------------------------------------------------------------------------

    def action_refresh(self) -> None:
        if self._path is not None and not self._why_busy():
            self.compare(self._path)

    def action_toggle_prune(self) -> None:
        self.prune = not self.prune
        self.action_refresh()

    def action_choose_document(self) -> None:
        self.path_field.focus()

    def action_edit_document(self) -> None:
        if self._problems and self._path is not None:
            path, line = place_of_problem(self._path, self._problems[0])
        elif self.opened is not None:
            item = self.panel.plan_tree.item
            location = location_of(item.change.kind, item.change.name) if item is not None else ()
            path, line = self.opened.document.place_of(location)
        else:
            return
        try:
            edit_file(self.app, path, line)
        except NoEditor as error:
            self.notify(sanitize(str(error)).plain, title="No editor", severity="warning", markup=False)
        else:
            self.action_refresh()

    def action_pull_changes(self) -> None:
        if self._path is not None:
            self.pull.start(self._path)

    def on_pull_planned(self, message: PullPlanned) -> None:
        self.pull.planned(message)

    def on_pull_finished(self, message: PullFinished) -> None:
        self.pull.finished(message)

    def action_export_app(self) -> None:
        self.export.ask(self._path or Path(self.slug or "app"))

    def on_request_failed(self, message: RequestFailed) -> None:
        self.show_work("")
        super().on_request_failed(message)

    def on_export_ready(self, message: ExportReady) -> None:
        self.export.write(message)

    def on_exported(self, message: Exported) -> None:
        self.export.finished(message)

    def on_export_refused(self, message: ExportRefused) -> None:
        self.export.refused(message)

    def on_export_failed(self, message: ExportFailed) -> None:
        self.export.failed(message)

    def exported(self, path: Path) -> None:
        """Show the document that the app was exported to."""
        self.path_field.value = shown_path(path)
        self.compare(path)

    def action_copy_plan(self) -> None:
        if self.opened is not None:
            view = self.opened.plan.comparison.view(f"{self.opened.plan.slug} on {self.drio.status.host}")
            self.drio.copy(as_markdown(view), "the plan as Markdown")

    def action_back(self) -> None:
        """Stop what is under way, else clear the filter, else leave the path, else close the screen."""
        if self.phase == "applying":
            if self._stop.press(self._applier) and self.cancel_requests():
                error = DrioError("What is different now was not read: r compares again.", title="You stopped it")
                self.post_message(self.ApplyFailed(error))
            self._show_progress()
        elif self.path_field.has_focus:
            self.set_focus(self.panel.plan_tree if self.panel.display else None)
        elif self.panel.clear_filter():
            pass
        elif self.cancel_requests():
            self.phase = "compared" if self.opened is not None else ""
            self.show_work("")
        else:
            self.dismiss(self.changed_app)


async def _remember(client: DrioClient, app: str, path: Path) -> None:
    """Store which document belongs to an app, and that it was compared now."""

    def remember() -> None:
        with contextlib.suppress(OSError):  # then it is not offered the next time
            known_documents.remember(KnownDocument(client.transport.server_id, app, str(path.resolve())))

    await asyncio.to_thread(remember)
