"""The saving half of the edit screen: checks, review, conflicts, and a message for every outcome of a save."""

from __future__ import annotations

import asyncio
import contextlib
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from textual import on
from textual.await_complete import AwaitComplete
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from drio_tui.api.errors import (
    ApiError,
    DrioError,
    Forbidden,
    NotFound,
    Unauthorized,
    UsageError,
    top_property,
)
from drio_tui.api.json_values import same_json
from drio_tui.kinds import KINDS
from drio_tui.text import duration, sentence
from drio_tui.ui.base.services import forbidden_reason, get_saver
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.dialogs.select_dialog import Choice, SelectDialog
from drio_tui.ui.editing.conflict_dialog import ConflictDialog
from drio_tui.ui.editing.editors import editor_properties
from drio_tui.ui.editing.editors.base import Editor
from drio_tui.ui.editing.review_dialog import ReviewDialog
from drio_tui.ui.forms.json_page import JsonPage
from drio_tui.ui.forms.keeps_edit import KeepsEdit
from drio_tui.ui.forms.schema_form import SchemaForm
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.workspace.saving.cancellation import RequestCancelled
from drio_tui.workspace.saving.history import new_id
from drio_tui.workspace.saving.save_requests import comparable, needs_review
from drio_tui.workspace.saving.save_result import (
    Conflicted,
    DeletedElsewhere,
    Edit,
    Failed,
    Outcome,
    Refused,
    Saved,
    Unknown,
    succeeded,
)
from drio_tui.workspace.saving.saver import Saver
from drio_tui.workspace.saving.unsaved_edits import UnsavedEdit

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient
    from drio_tui.ui.editing.edit_target import EditTarget

_SYMBOLS = {"error": ("✗", "$text-error"), "warning": ("▲", "$text-warning"), "working": ("◌", "$text-accent")}
_NOTHING_LOST = "Nothing you typed is lost."
_SAVING = "Saving… Esc stops waiting."
T = TypeVar("T")


class SaveScreen(DrioScreen[str | None], KeepsEdit[str | None]):
    """Saves the edited resource that its subclass provides.

    The result is the id of the saved resource, None if nothing was saved.
    """

    class Done(Message):
        """A save ended; `outcome` is None if the user went back to editing."""

        def __init__(self, outcome: Outcome | None) -> None:
            super().__init__()
            self.outcome = outcome

    class SignedIn(Message):
        """The user signed in again, for a save that was refused with 401."""

    def __init__(self, target: EditTarget) -> None:
        super().__init__()
        self.target = target
        self.kind = KINDS[target.kind]
        self.base: dict[str, Any] = target.base or {}
        self.is_new = not target.id
        self.form: SchemaForm | None = None
        self.editors: list[Editor] = []
        self.deleted = False
        self.saved: dict[str, Any] | None = None
        self.outcome: Saved | None = None
        """The outcome of the save that closed this screen; None if it was created, or read back."""
        self._create_id = new_id()
        self.kept_edit_id = target.unsaved_edit_id
        self._keep_after_leaving = False
        self._parent_id = target.parent
        self._json_page: JsonPage | None = None
        self.is_filled = False
        self._saving = False
        self._save_forbidden = ""
        self._parent_deleted = False
        self._save_attempted = False
        self._signed_in_again = False
        self._sent: dict[str, Any] = {}
        self._sent_without_secrets: dict[str, Any] = {}
        self._saved_id = ""

    @property
    @abstractmethod
    def dirty(self) -> bool:
        """Whether there are unsaved edits."""

    @abstractmethod
    def edited_resource(self, *, secrets: bool = True) -> dict[str, Any]:
        """Return the resource as edited. Without `secrets`, the values of write-only fields are left out."""

    @abstractmethod
    def name_of_entry(self, entry: Any) -> str:
        """Return how to show an entry of a list: the name of the resource it refers to, or a summary of an action."""

    @abstractmethod
    def name_of_id(self, id: str) -> str | None:
        """Return the name of the resource with this id, None if the app has none."""

    @abstractmethod
    def show_page(self, number: int, *, focus: bool = True) -> None:
        """Show a page of the editor: 0 is the form, the last one the JSON."""

    @abstractmethod
    def mark_pages(self) -> None:
        """Show the number of errors on the tab of each page that was checked."""

    @abstractmethod
    def show_json(self) -> None:
        """Show the page with the resource as JSON."""

    @abstractmethod
    def show_not_read(self, reason: str) -> None:
        """Show that there is no form, for this reason."""

    @abstractmethod
    def continue_editing(self, raw: dict[str, Any]) -> None:
        """Keep the form open after a save: `raw` is the saved resource, and what was typed meanwhile is unsaved."""

    @abstractmethod
    def edit_created(self, local: dict[str, Any]) -> None:
        """Open the form of the created resource; `local` are its values with those typed meanwhile."""

    @abstractmethod
    def _take_json(self) -> bool:
        """Distribute what was typed as JSON to the other pages; return False if it does not parse."""

    # -- keeping unsaved edits --------------------------------------------------------------------

    def _current_edit(self) -> UnsavedEdit | None:
        return super()._current_edit() if self.saved is None else None

    def discard_kept_edit(self) -> None:
        """Forget the kept edit: the user leaves without saving, and agreed to lose it."""
        if not self._keep_after_leaving:
            self.edit_file.forget()

    def dismiss(self, result: str | None = None) -> AwaitComplete:
        self.discard_kept_edit()
        return super().dismiss(result or self._saved_id or None)

    # -- starting a save --------------------------------------------------------------------------

    @on(SchemaForm.Submitted)
    @on(Editor.SaveWanted)
    async def _save_requested(self, event: Message) -> None:
        event.stop()
        await self.run_action("screen.write")

    @on(SchemaForm.Changed)
    @on(Editor.Changed)
    def _edit_changed(self) -> None:
        self.schedule_keep()
        self._allow_save()
        if self._save_attempted:
            self.mark_pages()

    def session_changed(self) -> None:
        """Allow saving again: the new session may have the permission."""
        self._allow_save()

    def _allow_save(self) -> None:
        if self._save_forbidden:
            self._save_forbidden = ""

    def disabled_reason(self, action: str, parameters: tuple[object, ...]) -> str | None:
        if action == "write" and not self.is_filled:
            return "It is still being read." if self.has_request("read") else "It is not read: F5 reads it again."
        return (self._save_forbidden or None) if action == "write" else None

    def action_back(self) -> None:
        """While saving, stop waiting and reconcile; while loading, stop that; else leave."""
        if self._saving:
            client, app = self.connection.client, self.target.app
            saver = get_saver(self.connection, client) if client is not None else None
            if saver is not None and saver.stop(app):
                self._show_banner("You stopped waiting. Checking whether anything was written…", "working")
            elif saver is None or not saver.single_flight.is_busy(app):
                self.cancel_requests()
                self.post_message(self.Done(Failed(RequestCancelled(outcome_unknown=False))))
        elif self.cancel_requests():
            if not self.is_filled:
                self.show_not_read("You stopped the reading.")
        else:
            self.drio.navigator.back()

    def action_write(self) -> None:
        if self._saving or self.form is None or self.saved is not None:
            return
        if not self._take_json():
            self._show_banner("The JSON does not parse; nothing was written.")
            self.show_json()
            return
        if self._json_page is not None and self._json_page.draft is not None:
            self.show_json()
            return
        self._save_attempted = True
        self.mark_pages()
        if not self.form.validate():
            self.show_page(0, focus=False)  # the first invalid field has the focus
            self._show_banner("Some fields are not right yet.")
            return
        for number, editor in enumerate(self.editors, start=1):
            errors = editor.validate() if editor.is_mounted else []
            if errors and (self.is_new or editor.dirty):
                self.show_page(number, focus=False)
                self.call_after_refresh(editor.focus_error, errors[0].path)
                self._show_banner(f"{errors[0].path}: {errors[0].message}")
                return
        if not self.is_new and not self.dirty and not self.deleted:
            self.notify("Nothing was changed.", markup=False)
            return
        self._show_banner(_SAVING, "working")
        self._saving = True
        local = self._sent = self.edited_resource()
        self._sent_without_secrets = self.edited_resource(secrets=False)
        again = tuple(name for editor in self.editors if editor.is_mounted for name in editor.resend)
        call = self._create if self.is_new or self.deleted else self._save

        def failed(error: DrioError) -> Message:
            return self.Done(Failed(error))

        self.run_request(lambda client: call(client, local, again), self.Done, group="save", failed=failed, once=True)

    # -- saving (in a worker) ---------------------------------------------------------------------

    async def _create(self, client: DrioClient, local: dict[str, Any], _again: tuple[str, ...]) -> Outcome | None:
        set_once = set(editor_properties(self.kind.name)) | {"providerKey"}
        body = {
            name: value
            for name, value in comparable(self.kind, local).items()
            if value is not None and (name not in self.kind.fixed or name in set_once)
        }
        saver = get_saver(self.connection, client)
        if self._parent_deleted:
            parent = await self._choose_new_parent(saver)
            if not isinstance(parent, str):
                return parent
            self._parent_id, self._parent_deleted = parent, False
        return await saver.create(
            self.kind, self.target.app, body, parent=self._parent_id, idempotency_key=self._create_id
        )

    async def _ask_user(self, dialog: Screen[T]) -> T:
        """Show a dialog and return its result. The banner is empty meanwhile: Esc belongs to the dialog."""
        self._show_banner("")
        answer = await self.app.push_screen_wait(dialog)
        self._show_banner(_SAVING, "working")
        return answer

    async def _choose_new_parent(self, saver: Saver) -> str | Failed | None:
        """Return the id of the parent that the user chooses, None if the user went back to editing."""
        assert self.kind.parent
        kind = KINDS[self.kind.parent[1]]
        listed = await saver.list_resources(kind, self.target.app)
        if isinstance(listed, DrioError):
            return Failed(listed)
        choices = [Choice(id, kind.label(raw), id) for raw in listed if isinstance(id := raw.get("id"), str)]
        if not choices:
            title = kind.title.lower()
            return Failed(UsageError(f"there is no {title} to put it under", hint=f"Create a new {title} first."))
        choice: Choice[str] | None = await self._ask_user(SelectDialog(f"In which {kind.title.lower()}?", choices))
        return choice.value if choice else None

    async def _save(self, client: DrioClient, local: dict[str, Any], again: tuple[str, ...]) -> Outcome | None:
        """Read the resource again, ask about conflicts and changes to review, then write."""
        saver = get_saver(self.connection, client)
        edit = Edit(self.kind, self.target.app, self.target.id, self.base, local, again)
        while True:
            preview = await saver.preview(edit)
            if isinstance(preview, DeletedElsewhere | Failed | Refused):
                return preview
            if preview.merge.conflicts:
                question = ConflictDialog(edit.name, preview.merge.conflicts, self.name_of_id)
                values = await self._ask_user(question)
                if values is None:
                    return None
                edit = Conflicted(edit, preview.merge, preview.remote).resolved(values)
                continue
            if needs_review(self.kind, preview.diff) or preview.merge.stale:
                merge = preview.merge
                screen = ReviewDialog(
                    edit.name,
                    self.kind,
                    preview.diff,
                    merge.remote_changes,
                    merge.stale,
                    self.name_of_entry,
                    name_of=self.name_of_id,
                )
                if not await self._ask_user(screen):
                    return None
            outcome = await saver.save(edit, preview=preview)
            if not isinstance(outcome, Conflicted):
                return outcome

    # -- outcomes ---------------------------------------------------------------------------------

    def on_save_screen_done(self, message: Done) -> None:
        if not self._saving:
            return  # the user stopped waiting
        self._saving = False
        again, self._signed_in_again = self._signed_in_again, False
        match message.outcome:
            case None:
                self._show_banner("")
            case Saved() as saved:
                self.outcome = None if self.is_new else saved
                self._finish_save(saved.raw, ", ".join(change.dotted for change in saved.diff))
            case Unknown(raw=raw) as unknown if succeeded(unknown) and raw is not None:
                self._finish_save(raw, "the response was lost, but it was saved")
            case DeletedElsewhere():
                self._deleted_elsewhere()
            case Refused(error=NotFound() as error) if not error.field_errors and (self.is_new or self.deleted):
                self._parent_missing(error)
            case Refused(error=Unauthorized() as error):
                self._ask_for_sign_in(error, again)
            case Refused(error=error) as refused:
                if isinstance(error, Forbidden):
                    self._forbid_save(error)
                self._show_rejection(error, [change.dotted for change in refused.written])
            case Unknown(read_back=result, error=error):
                self._show_banner(f"{error.title}. {_reconciled_text(result, error)} {_NOTHING_LOST}", "warning")
            case Failed(error=error):
                self._show_banner(f"{sentence(str(error))} {_hint(error)}{_NOTHING_LOST}")

    def _finish_save(self, raw: Mapping[str, Any], what: str) -> None:
        self.edit_file.forget()
        text = what or "nothing was left to write"
        was_typed = self._was_typed_since_sent()
        is_created = self.is_new or self.deleted
        if was_typed:
            text += "\nWhat you typed meanwhile is not saved yet."
        title = f"Saved {self.kind.title.lower()} {self.kind.label(raw)}"
        self.notify(sanitize(text, multiline=True).plain, title=sanitize_line(title, 100).plain, markup=False)
        if was_typed and not is_created:
            self._saved_id = self.target.id
            self._show_banner("")
            self.continue_editing(dict(raw))
            self.schedule_keep()
            return
        edited = self.edited_resource() if was_typed else {}
        typed = {name: value for name, value in edited.items() if not same_json(value, self._sent.get(name))}
        self.saved = dict(raw)

        def go_on() -> None:
            self.dismiss(str(raw.get("id", "")))
            if was_typed:
                self.edit_created({**raw, **typed})

        if self.is_active or not was_typed:
            go_on()
        else:
            self.when_uncovered(go_on)

    def _was_typed_since_sent(self) -> bool:
        """Return whether anything was typed while the last save ran."""
        has_draft = self._json_page is not None and self._json_page.draft is not None
        return not self._take_json() or has_draft or not same_json(self.edited_resource(), self._sent)

    def _ask_for_sign_in(self, error: ApiError, again: bool) -> None:
        """The token was refused and cannot be renewed: ask for a new sign-in, then save again, once."""
        if not self.connection.can_sign_in_again:
            source = self.connection.session.source if self.connection.session else "the sign-in"
            self._show_banner(
                f"{sentence(str(error))} Start again with another token than that of {source}. {_NOTHING_LOST}"
            )
            self._keep_for_next_start("the token was refused")
        elif again:
            self._show_banner(f"{error}, although you have just signed in. {_NOTHING_LOST}")
        else:
            self._saving = True
            self._show_banner(f"{sentence(str(error))} Sign in to go on. {_NOTHING_LOST}", "warning")
            start_worker(self, self._sign_in, error, group="sign-in", exclusive=True)

    async def _sign_in(self, refused: ApiError) -> None:
        try:
            again = await self.connection.sign_in_again()
        except DrioError as error:
            self.post_message(self.Done(Failed(error)))
        else:
            self.post_message(self.SignedIn() if again else self.Done(Failed(refused)))

    def on_save_screen_signed_in(self) -> None:
        self._saving = False
        self._signed_in_again = True
        self.action_write()

    def _deleted_elsewhere(self) -> None:
        if self.kind.name == "app":
            self._show_banner(
                f"The app is not there any more, or not yours. {_NOTHING_LOST} It is offered at the next start."
            )
        else:
            self.deleted = True
            self._show_banner(
                "It was deleted elsewhere. What you typed is still here: Ctrl+S creates it again, under a new id."
            )
        self._keep_for_next_start("it was deleted elsewhere")

    def _parent_missing(self, error: DrioError) -> None:
        """The parent of a new resource was deleted, or the app."""
        if self.kind.parent:
            self._parent_deleted = True
            parent = KINDS[self.kind.parent[1]].title.lower()
            text = f"Its {parent} was deleted elsewhere: Ctrl+S asks for another one to put it in."
        else:
            text = f"{sentence(str(error))} The app may have been deleted elsewhere."
        self._show_banner(f"{text} {_NOTHING_LOST} It is offered at the next start too.")
        self._keep_for_next_start("what it belongs to was deleted elsewhere")

    def _keep_for_next_start(self, why: str) -> None:
        """Keep the edit in a file, also when this screen is left: it cannot be saved where it belonged."""
        self._keep_after_leaving = True
        buffer = self.unsaved_edit(why)
        if buffer is not None:
            start_worker(self, self._keep_in_file, buffer, group="keep", exclusive=True)

    async def _keep_in_file(self, buffer: UnsavedEdit) -> None:
        with contextlib.suppress(OSError, ValueError):  # the edit is still on the screen
            await asyncio.to_thread(self.edit_file.now, buffer)

    def _forbid_save(self, error: ApiError) -> None:
        """Disable saving: the same request would be refused again."""
        self._save_forbidden = forbidden_reason(error, "Change something, or sign in as someone else")

    def _show_rejection(self, error: ApiError, written: list[str]) -> None:
        left = list(error.field_errors)
        if self.form is None:
            return
        for number, editor in enumerate(self.editors, start=1):
            before = len(left)
            left = editor.apply_errors(left)
            if len(left) < before:
                self.show_page(number)
        on_form = [
            field_error for field_error in left if top_property(field_error.path) in self.form.model.field.properties
        ]
        left = [field_error for field_error in left if field_error not in on_form]
        if on_form:
            self.show_page(0)
            self.form.apply_errors(on_form)
        rest = "; ".join(f"{field_error.path} {field_error.message}" for field_error in left)
        written_before = f" {', '.join(written)} had been written before." if written else ""
        self._show_banner(f"{sentence(f'{error}: {rest}' if rest else str(error))} {_hint(error)}{written_before}")

    def _show_banner(self, text: str, state: str = "error") -> None:
        symbol, colour = _SYMBOLS[state]
        banner = self.query_one("#banner", Static)
        banner.update(sanitize_line(f"{symbol} {text}", 400, colour) if text else "")
        banner.set_class(bool(text), "-said")


def _hint(error: DrioError) -> str:
    """Return what to do next, followed by a space; empty if there is no advice."""
    wait = error.retry_after if isinstance(error, ApiError) else None
    if wait:
        return f"drio asks to wait {duration(wait)}; after that Ctrl+S tries again. "
    return f"{error.hint} " if error.hint and not isinstance(error, RequestCancelled) else ""


def _reconciled_text(result: str, error: DrioError) -> str:
    """Return what reading back after an unknown outcome has shown, and what to do."""
    if result == "not applied":
        yet = " yet" if isinstance(error, RequestCancelled) else ""
        return f"Reading again shows that it did not happen{yet}; Ctrl+S tries again."
    return "Reading again does not show whether it happened; Ctrl+S checks first, then writes what is missing."
