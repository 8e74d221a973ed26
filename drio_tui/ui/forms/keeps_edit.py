"""Screens and dialogs whose input is kept in a file while the user types, and offered at the next start."""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, TypeVar

from textual import events, on
from textual.await_complete import AwaitComplete

from drio_tui.api import json_codec
from drio_tui.schema.form import FormModel
from drio_tui.storage.shared_files import FileInUse
from drio_tui.ui.forms.schema_form import SchemaForm
from drio_tui.ui.screen import Requests
from drio_tui.workspace.saving.unsaved_edits import TypedInput, UnsavedEdit, UnsavedEditFile

S = TypeVar("S")

ARGUMENTS = "arguments"
BULK = "bulk"
IMPORT = "import"
RAW_REQUEST = "raw_request"
REQUEST = "request"
TEST = "test"
"""The kinds of unsaved edits that are of no resource: see `UnsavedEdit.kind`."""


class KeepsEdit(Requests[S]):
    """A screen or dialog that keeps its edit in a file: a later base than `DrioScreen` or `Dialog`.

    A subclass calls `schedule_keep` after each change. The file is deleted when the screen is dismissed, unless there
    is an `edit_when_left`: then when the user quits, since the screen goes on with it when it is opened again.
    """

    REASON: ClassVar[str] = "the program ended before it was saved"
    """Why the edit is kept while the user types, as a sentence without a full stop."""

    kept_edit_id = ""
    """The id of the kept edit that the screen goes on with."""

    @abstractmethod
    def unsaved_edit(self, why: str, *, looking: bool = False) -> UnsavedEdit | None:
        """Return the edit to keep if the program ended now, None if nothing was edited.

        With `looking`, what is typed as JSON is not distributed to the other pages: the user is still typing.
        """

    @cached_property
    def edit_file(self) -> UnsavedEditFile:
        """The file of the edit."""
        return UnsavedEditFile(self.kept_edit_id)

    @on(events.Mount)
    def _hold_kept_edit(self) -> None:
        self.go_on_with(self.kept_edit_id)

    def go_on_with(self, id: str) -> None:
        """Keep the edit in the file of the kept edit with this id from now on; without one, in a new file."""
        if id:
            self.edit_file.id = id
            with contextlib.suppress(FileInUse):  # another window has just opened it: each keeps a separate one
                self.edit_file.hold()

    @on(events.Unmount)
    def _close_edit_file(self) -> None:
        self.edit_file.close()

    def schedule_keep(self) -> None:
        """Keep the edit in a file shortly, so that it survives however the program ends."""
        self.edit_file.soon(self._current_edit)

    def _current_edit(self) -> UnsavedEdit | None:
        """Return the current edit without changing what is shown, None if nothing would be lost."""
        if not self.is_mounted:
            return None
        return self.unsaved_edit(self.REASON, looking=True)

    def keep_edit(self, reason: str) -> UnsavedEdit | None:
        edit = self.unsaved_edit(reason)
        if edit is not None:
            with contextlib.suppress(OSError, ValueError, TypeError, RecursionError):
                self.edit_file.now(edit)
        return edit

    def discard_kept_edit(self) -> None:
        self.edit_file.forget()

    def edit_when_left(self) -> UnsavedEdit | None:
        """Return what the screen goes on with when it is opened again; None if it does not. Override it."""
        return None

    def dismiss(self, result: Any = None) -> AwaitComplete:
        if (edit := self.edit_when_left()) is not None:
            self.edit_file.leave(edit)
        else:
            self.discard_kept_edit()
        return super().dismiss(result)

    def dismiss_kept(self, reason: str) -> None:
        if self.keep_edit(reason) is not None:
            self.edit_file.close()
            super().dismiss(None)
        else:
            self.dismiss(None)

    def edit_of_form(self, form: SchemaForm, kind: str, label: str, why: str, **fields: Any) -> UnsavedEdit:
        """Return what is typed into a form as an unsaved edit; `fields` are further ones of it."""
        values: dict[str, Any] = {"local": form.model.value(secrets=False), "draft": form.typed_json}
        with contextlib.suppress(json_codec.MalformedJson):
            parsed = json_codec.loads(form.typed_json)
            if isinstance(parsed, dict):
                values = {"local": parsed}
        return self.new_edit(kind, label, why, **{"texts": form.model.invalid_texts, **values, **fields})

    def new_edit(self, kind: str, label: str, why: str, **fields: Any) -> UnsavedEdit:
        """Return an unsaved edit of this screen with these `fields`."""
        return UnsavedEdit(
            profile=self.connection.status.profile, server=self.connection.server, kind=kind, label=label, why=why,
            id=self.edit_file.id, **{"app": "", "resource": "", **fields},
        )  # fmt: skip

    def typed_input(self, form: SchemaForm) -> TypedInput:
        """Return what is typed into the form, to go on with when the screen is opened again."""
        return TypedInput(form.model.value(), form.model.invalid_texts, form.typed_json, self.edit_file.id)


def typed_input_of(edit: UnsavedEdit) -> TypedInput:
    """Return what was typed into the form of a kept edit."""
    return TypedInput(edit.local, edit.texts, edit.draft, edit.id)


def is_edited(form: SchemaForm) -> bool:
    """Return whether anything is typed into a form, also what is no value yet."""
    return form.model.dirty or bool(form.typed_json)


def assign_edit(model: FormModel, edit: UnsavedEdit | TypedInput, values: Mapping[str, Any] | None = None) -> None:
    """Fill in a form with what was typed, or with `values` instead, and with the texts that are no values yet."""
    if values is None:
        values = edit.local if isinstance(edit, UnsavedEdit) else edit.values
    model.assign(dict(values))
    model.type_texts(edit.texts)


def without_arguments(edit: UnsavedEdit, secret: Collection[str]) -> UnsavedEdit:
    """Return a kept edit without the values of these secret arguments, which have to be typed again.

    Text in the JSON view that does not parse is left out too if it names one.
    """
    lost = [name for name in secret if name in edit.local]
    local = {name: value for name, value in edit.local.items() if name not in secret}
    texts = {path: text for path, text in edit.texts.items() if path.partition(".")[0] not in secret}
    draft = "" if any(name in edit.draft for name in secret) else edit.draft
    return replace(edit, local=local, texts=texts, draft=draft, lost=(*edit.lost, *lost))
