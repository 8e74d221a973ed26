"""The saving half of the edit screen: checks, review, conflicts, and what every way in which a write can end says."""

from __future__ import annotations

import asyncio
import contextlib
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from textual import events, on
from textual.await_complete import AwaitComplete
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from drio_tui.api.errors import ApiError, DrioError, FieldError, Forbidden, NotFound, Unauthorized, UsageError
from drio_tui.kinds import KINDS
from drio_tui.storage.shared_files import InUse
from drio_tui.text import duration
from drio_tui.ui.base.services import not_allowed, saver_of
from drio_tui.ui.dialogs.select_dialog import Choice, ChooserScreen
from drio_tui.ui.editing.conflict_dialog import ConflictScreen
from drio_tui.ui.editing.editors import special_members
from drio_tui.ui.editing.editors.base import Editor
from drio_tui.ui.editing.review_dialog import ReviewScreen
from drio_tui.ui.forms.json_page import WholeJson
from drio_tui.ui.forms.schema_form import SchemaForm
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.sanitize import safe, safe_line
from drio_tui.workspace.saving import journal, unsaved_edits
from drio_tui.workspace.saving.cancellation import Stopped
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
    from drio_tui.ui.editing.edit_screen import Target

_TONES = {"error": ("✗", "$text-error"), "warning": ("▲", "$text-warning"), "working": ("◌", "$text-accent")}
_KEPT = "Nothing you typed is lost."
_SAVING = "Saving… Esc stops waiting."
T = TypeVar("T")


class SaveScreen(DrioScreen[str | None]):
    """Saves what its subclass has made of the resource. Ends with the id of what was saved, None when nothing was."""

    class Done(Message):
        """A save ended; `outcome` is None when the person went back to editing."""

        def __init__(self, outcome: Outcome | None) -> None:
            super().__init__()
            self.outcome = outcome

    class SignedIn(Message):
        """There is a new sign-in for a save that was refused without one."""

    def __init__(self, target: Target) -> None:
        super().__init__()
        self.target = target
        self.kind = KINDS[target.kind]
        self.base: dict[str, Any] = target.base or {}
        self.is_new = not target.id
        self.form: SchemaForm | None = None
        self.editors: list[Editor] = []
        self.gone = False
        self.saved: dict[str, Any] | None = None
        self._intent = journal.new_id()
        self._kept = unsaved_edits.KeptEdit(target.recovered)
        self._homeless = False
        self._parent_id = target.parent
        self._whole: WholeJson | None = None
        self._filled = False
        self._saving = False
        self._barred = ""
        self._orphaned = False
        self._tried = False
        self._signed_in_again = False

    @property
    @abstractmethod
    def dirty(self) -> bool:
        """Whether there is anything to lose."""

    @abstractmethod
    def mine(self, *, secrets: bool = True) -> dict[str, Any]:
        """The whole resource as it is wanted now."""

    @abstractmethod
    def buffer(self, why: str, *, looking: bool = False) -> UnsavedEdit | None:
        """What has to be kept when the program ends now; None when nothing was edited.

        With `looking`, text typed as JSON is not taken over into the fields yet: the person is still typing it.
        """

    @abstractmethod
    def name_of_entry(self, entry: Any) -> str:
        """What a person calls an entry of a list of references: the resource's name, an action's words."""

    @abstractmethod
    def name_of_id(self, id: str) -> str | None:
        """The name of what has this id in the app; None when nothing is known to have it."""

    @abstractmethod
    def show_page(self, number: int, *, focus: bool = True) -> None:
        """Show a page of the editor: 0 is the form, the last one the JSON."""

    @abstractmethod
    def mark_pages(self) -> None:
        """Show on the line of pages how much is wrong on each, as far as that was looked at."""

    @abstractmethod
    def show_json(self) -> None:
        """Show the whole as JSON."""

    @abstractmethod
    def _take_json(self) -> bool:
        """Take over what was typed as JSON; false while its text does not parse."""

    # -- keeping what is typed --------------------------------------------------------------------

    def on_mount(self) -> None:
        super().on_mount()
        if self.target.recovered:
            with contextlib.suppress(InUse):  # another window has just taken it as well: each keeps its own
                self._kept.hold()

    def keep_typed(self) -> None:
        """Write down, in a moment, what is typed, so that it outlives any end of the program."""
        self._kept.soon(self._typed)

    def _typed(self) -> UnsavedEdit | None:
        """What is typed so far, without a change of anything that is shown; None when there is nothing to lose."""
        if not self.is_mounted or self.saved is not None:
            return None
        return self.buffer("the program ended before it was saved", looking=True)

    def keep_edit(self, why: str) -> UnsavedEdit | None:
        """Write down at once what is edited, and give it; None when nothing was."""
        buffer = self.buffer(why)
        if buffer is not None:
            with contextlib.suppress(OSError, ValueError, TypeError, RecursionError):
                self._kept.now(buffer)
        return buffer

    def drop_typed(self) -> None:
        """The person leaves without saving, and agreed to lose it: it is not offered again."""
        if not self._homeless:
            self._kept.forget()

    def dismiss(self, result: str | None = None) -> AwaitComplete:
        self.drop_typed()
        return super().dismiss(result)

    @on(events.Unmount)
    def _let_go(self) -> None:
        self._kept.close()

    # -- asking for it ----------------------------------------------------------------------------

    @on(SchemaForm.Submitted)
    @on(Editor.SaveWanted)
    async def _asked_to_save(self, event: Message) -> None:
        event.stop()
        await self.run_action("screen.write")

    @on(SchemaForm.Changed)
    @on(Editor.Changed)
    def _edited(self) -> None:
        self.keep_typed()
        self._unbar()
        if self._tried:
            self.mark_pages()

    def session_changed(self) -> None:
        """Someone else may be allowed to."""
        self._unbar()

    def _unbar(self) -> None:
        if self._barred:
            self._barred = ""
            self.refresh_bindings()

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str | None:
        if action == "write" and not self._filled:
            return "It is still being read."
        return (self._barred or None) if action == "write" else None

    def action_back(self) -> None:
        """While saving, stop waiting and see what came of it; while reading, stop that; else leave."""
        if self._saving:
            client, app = self.backend.client, self.target.app
            saver = saver_of(self.backend, client) if client is not None else None
            if saver is not None and saver.stop(app):
                self._say("You stopped waiting. Looking whether anything was written…", "working")
            elif saver is None or not saver.intents.busy(app):
                self.cancel_requests()
                self.post_message(self.Done(Failed(Stopped(outcome_unknown=False))))
        elif self.cancel_requests():
            if not self._filled:
                self._say("You stopped the reading. F5 reads it again.")
        else:
            self.drio.back()

    def action_write(self) -> None:
        if self._saving or self.form is None or self.saved is not None:
            return
        if not self._take_json():
            self._say("The JSON does not parse; nothing was written.")
            self.show_json()
            return
        if self._whole is not None and self._whole.draft is not None:
            self.show_json()
            return
        self._tried = True
        self.mark_pages()
        if not self.form.validate():
            self.show_page(0, focus=False)  # the first wrong field has it
            self._say("Some fields are not right yet.")
            return
        for number, editor in enumerate(self.editors, start=1):
            found = editor.problems() if editor.is_mounted else []
            if found and (self.is_new or editor.dirty):
                self.show_page(number, focus=False)
                self.call_after_refresh(editor.focus_problem, found[0].path)
                self._say(f"{found[0].path}: {found[0].message}")
                return
        if not self.is_new and not self.dirty and not self.gone:
            self.notify("Nothing was changed.", markup=False)
            return
        self._say(_SAVING, "working")
        self._saving = True
        mine = self.mine()
        again = tuple(name for editor in self.editors if editor.is_mounted for name in editor.again)
        call = self._create if self.is_new or self.gone else self._save

        def failed(error: DrioError) -> Message:
            return self.Done(Failed(error))

        self.run_request(lambda client: call(client, mine, again), self.Done, group="save", failed=failed, once=True)

    # -- doing it (in a worker) -------------------------------------------------------------------

    async def _create(self, client: DrioClient, mine: dict[str, Any], _again: tuple[str, ...]) -> Outcome | None:
        also = set(special_members(self.kind.name)) | {"providerKey"}
        body = {
            name: value
            for name, value in comparable(self.kind, mine).items()
            if value is not None and (name not in self.kind.fixed or name in also)
        }
        saver = saver_of(self.backend, client)
        if self._orphaned:
            parent = await self._another_parent(saver)
            if not isinstance(parent, str):
                return parent
            self._parent_id, self._orphaned = parent, False
        return await saver.create(self.kind, self.target.app, body, parent=self._parent_id, intent=self._intent)

    async def _ask(self, dialog: Screen[T]) -> T:
        """The answer of a dialog over this screen, which says nothing of waiting meanwhile: Esc is the dialog's."""
        self._say("")
        answer = await self.app.push_screen_wait(dialog)
        self._say(_SAVING, "working")
        return answer

    async def _another_parent(self, saver: Saver) -> str | Failed | None:
        """The id of another resource to put it under, as the person chooses; None when they went back to editing."""
        assert self.kind.parent
        kind = KINDS[self.kind.parent[1]]
        listed = await saver.listed(kind, self.target.app)
        if isinstance(listed, DrioError):
            return Failed(listed)
        there = [Choice(id, kind.label(raw), id) for raw in listed if isinstance(id := raw.get("id"), str)]
        if not there:
            what = kind.title.lower()
            return Failed(UsageError(f"there is no {what} to put it under", hint=f"Make a new {what} first."))
        choice: Choice[str] | None = await self._ask(ChooserScreen(f"In which {kind.title.lower()}?", there))
        return choice.value if choice else None

    async def _save(self, client: DrioClient, mine: dict[str, Any], again: tuple[str, ...]) -> Outcome | None:
        """Read again, ask where there is something to decide, write."""
        saver = saver_of(self.backend, client)
        edit = Edit(self.kind, self.target.app, self.target.id, self.base, mine, again)
        while True:
            preview = await saver.preview(edit)
            if isinstance(preview, DeletedElsewhere | Failed | Refused):
                return preview
            if preview.merge.conflicts:
                question = ConflictScreen(edit.name, preview.merge.conflicts, self.name_of_id)
                values = await self._ask(question)
                if values is None:
                    return None
                edit = Conflicted(edit, preview.merge, preview.remote).resolved(values)
                continue
            if needs_review(self.kind, preview.diff) or preview.merge.stale:
                found = preview.merge
                screen = ReviewScreen(
                    edit.name,
                    self.kind,
                    preview.diff,
                    found.theirs,
                    found.stale,
                    self.name_of_entry,
                    name_of=self.name_of_id,
                )
                if not await self._ask(screen):
                    return None
            outcome = await saver.save(edit)
            if not isinstance(outcome, Conflicted):
                return outcome

    # -- what came of it --------------------------------------------------------------------------

    def on_save_screen_done(self, message: Done) -> None:
        if not self._saving:
            return  # given up already
        self._saving = False
        again, self._signed_in_again = self._signed_in_again, False
        match message.outcome:
            case None:
                self._say("")
            case Saved() as saved:
                self._saved(saved.raw, ", ".join(change.dotted for change in saved.diff), saved.request_id)
            case Unknown(raw=raw) as unknown if succeeded(unknown) and raw is not None:
                self._saved(raw, "the answer was lost, but it is there", None)
            case DeletedElsewhere():
                self._deleted_elsewhere()
            case Refused(error=NotFound() as error) if not error.field_errors and (self.is_new or self.gone):
                self._nowhere_to_go(error)
            case Refused(error=Unauthorized() as error):
                self._not_signed_in(error, again)
            case Refused(error=error) as refused:
                if isinstance(error, Forbidden):
                    self._bar(error)
                self._refused(error, [change.dotted for change in refused.written])
            case Unknown(verdict=verdict, error=error):
                self._say(f"{error.title}. {_looked_up(verdict, error)} {_KEPT}", "warning")
            case Failed(error=error):
                self._say(f"{error}. {_hint(error)}{_KEPT}")

    def _saved(self, raw: Mapping[str, Any], what: str, request_id: str | None) -> None:
        self._kept.forget()
        text = what or "nothing was left to write"
        told = f"{text}\nrequest {request_id}" if request_id else text
        title = f"Saved {self.kind.title.lower()} {self.kind.label(raw)}"
        self.notify(safe(told, multiline=True).plain, title=safe_line(title, 100).plain, markup=False)
        self.saved = dict(raw)
        self.dismiss(str(raw.get("id", "")))

    def _not_signed_in(self, error: ApiError, again: bool) -> None:
        """The token is refused and cannot be renewed: ask for a new sign-in over this screen, then go on, once."""
        if not self.backend.can_sign_in_again:
            source = self.backend.session.source if self.backend.session else "the sign-in"
            self._say(f"{error}. Start again with another token than that of {source}. {_KEPT}")
            self._keep_now("the token was refused")
        elif again:
            self._say(f"{error}, although you have just signed in. {_KEPT}")
        else:
            self._saving = True
            self._say(f"{error}. Sign in to go on. {_KEPT}", "warning")
            self.run_worker(self._sign_in(error), name="sign-in", group="sign-in", exclusive=True)

    async def _sign_in(self, refused: ApiError) -> None:
        try:
            again = await self.backend.sign_in_again()
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
            self._say(f"The app is not there any more, or not yours. {_KEPT} It is offered at the next start.")
        else:
            self.gone = True
            self._say("It was deleted elsewhere. What you typed is still here: Ctrl+S makes it anew, under a new id.")
        self._keep_now("it was deleted elsewhere")

    def _nowhere_to_go(self, error: DrioError) -> None:
        """What it was to be made in is gone: its parent, or the app."""
        if self.kind.parent:
            self._orphaned = True
            parent = KINDS[self.kind.parent[1]].title.lower()
            told = f"Its {parent} was deleted elsewhere: Ctrl+S asks for another one to put it in."
        else:
            told = f"{error}. The app may have been deleted elsewhere."
        self._say(f"{told} {_KEPT} It is offered at the next start too.")
        self._keep_now("what it belongs to was deleted elsewhere")

    def _keep_now(self, why: str) -> None:
        """Keep the edit in a file also when this screen is left: it has lost its place on the server."""
        self._homeless = True
        buffer = self.buffer(why)
        if buffer is not None:
            self.run_worker(self._keep_in_file(buffer), group="keep", exclusive=True)

    async def _keep_in_file(self, buffer: UnsavedEdit) -> None:
        with contextlib.suppress(OSError, ValueError):  # it is on the screen all the same
            await asyncio.to_thread(self._kept.now, buffer)

    def _bar(self, error: ApiError) -> None:
        """Asking for the same again would be refused again."""
        self._barred = not_allowed(error, "Change something, or sign in as someone else")
        self.refresh_bindings()

    def _refused(self, error: ApiError, written: list[str]) -> None:
        left = list(error.field_errors)
        if self.form is None:
            return
        for number, editor in enumerate(self.editors, start=1):
            before = len(left)
            left = editor.apply_errors(left)
            if len(left) < before:
                self.show_page(number)
        on_form = [one for one in left if _top(one) in self.form.model.field.members]
        left = [one for one in left if one not in on_form]
        if on_form:
            self.show_page(0)
            self.form.apply_errors(on_form)
        rest = "; ".join(f"{one.path} {one.message}" for one in left)
        got_through = f" {', '.join(written)} had been written before." if written else ""
        self._say(f"{error}{': ' if rest else '.'}{rest} {_hint(error)}{got_through}")

    def _say(self, text: str, tone: str = "error") -> None:
        symbol, colour = _TONES[tone]
        banner = self.query_one("#banner", Static)
        banner.update(safe_line(f"{symbol} {text}", 400, colour) if text else "")
        banner.set_class(bool(text), "-said")


def _top(error: FieldError) -> str:
    return error.path.partition(".")[0].partition("[")[0]


def _hint(error: DrioError) -> str:
    """What to do next, with a space after it; empty where nothing needs to be said."""
    wait = error.retry_after if isinstance(error, ApiError) else None
    if wait:
        return f"drio asks to wait {duration(wait)}; after that Ctrl+S tries again. "
    return f"{error.hint} " if error.hint and not isinstance(error, Stopped) else ""


def _looked_up(verdict: str, error: DrioError) -> str:
    if verdict == "not applied":
        so_far = " so far" if isinstance(error, Stopped) else ""
        return f"Reading again shows that it did not happen{so_far}; Ctrl+S tries again."
    return "Reading again does not show whether it happened; Ctrl+S looks first, then writes what is missing."
