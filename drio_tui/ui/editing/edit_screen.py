"""The screen that edits or creates a resource: a form, the editors of its kind, the resource as JSON, saving."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Static, TextArea

from drio_tui.api.errors import NotFound, top_property
from drio_tui.api.json_values import same_json
from drio_tui.kinds import WIDGET
from drio_tui.schema.form import FormModel
from drio_tui.schema.objects import ObjectNode
from drio_tui.text import sentence
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.messages import RequestFailed
from drio_tui.ui.base.services import DOCUMENT_SECONDS, get_openapi_document, known_schemas
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.editing.create import create_resource, initial_values
from drio_tui.ui.editing.edit_pages import editable, form_properties, make_pages
from drio_tui.ui.editing.edit_target import EditTarget
from drio_tui.ui.editing.editors import editor_properties
from drio_tui.ui.editing.editors.base import Editor
from drio_tui.ui.editing.model_view import ModelPage
from drio_tui.ui.editing.save_flow import SaveScreen
from drio_tui.ui.forms.field_widget import call_when_mounted
from drio_tui.ui.forms.json_page import JsonPage
from drio_tui.ui.forms.schema_form import SchemaForm
from drio_tui.ui.forms.tabs import TabStrip
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.workspace.model.loader import load_app
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.run.run_history import RunHistory
from drio_tui.workspace.saving.reconcile import remote_change_note
from drio_tui.workspace.saving.save_result import Edit
from drio_tui.workspace.saving.unsaved_edits import SECRETIVE, UnsavedEdit

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient


class EditScreen(SaveScreen):
    """Edits a resource; the result is the id of the saved resource, None if nothing was saved."""

    AREA = "apps"
    CSS_PATH = stylesheet("editing")
    opens_fields = True
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "edit",
        "Editing",
        Key(
            "edit.save",
            "ctrl+s",
            "write",
            "Save",
            "Check everything, show the changes where there are several, then write",
            priority=True,
        ),
        Key("edit.page", "f5", "page(1)", "Page →", "The next page", priority=True),
        Key("edit.page_back", "shift+f5,f11", "page(-1)", "Page ←", "The previous page", show=False, priority=True),
        Key("edit.outside", "ctrl+o,e", "outside", "$EDITOR", "Edit the resource as JSON in $VISUAL or $EDITOR"),
    )

    class Ready(Message):
        """Everything that the form and the editors need was loaded."""

        def __init__(
            self,
            snapshot: Snapshot,
            raw: dict[str, Any] | None,
            document: Any,
            fresh: bool,
            schemas: Mapping[str, Any],
            last_results: Mapping[str, Any],
        ) -> None:
            super().__init__()
            self.last_results = last_results
            self.fresh = fresh
            self.schemas = schemas
            self.snapshot = snapshot
            self.raw = raw
            self.document = document

    def __init__(self, target: EditTarget, snapshot: Snapshot | None = None) -> None:
        super().__init__(target)
        self.snapshot = snapshot
        self._json_model: FormModel | None = None
        self._start_value: dict[str, Any] | None = None
        self._fields_note = ""  # where the fields of the form come from
        self._page = 0
        self._pages: list[Widget] = []
        self._model_page: ModelPage | None = None
        self._json_edited = False
        self._remote: Mapping[str, Any] = {}
        self._remote_deleted = False

    def compose_body(self) -> ComposeResult:
        with Vertical():
            yield Static(self._heading(), id="heading")
            yield Static(id="banner")
            yield Static(id="remote")
            with Horizontal(id="content"):
                yield ContentSwitcher(id="pages")

    def on_mount(self) -> None:
        super().on_mount()
        self._read()

    @property
    def holds_input(self) -> bool:
        return any(editor.holds_input for editor in self.editors)

    def reconnected(self) -> None:
        """Load what could not be loaded before; an edit in progress is not touched."""
        if not self.is_filled:
            self._read()

    def on_request_failed(self, message: RequestFailed) -> None:
        message.stop()
        self.show_not_read(sentence(str(message.error)))

    def show_not_read(self, reason: str) -> None:
        self.query_one("#heading", Static).update(self._heading())
        self._show_banner(f"{reason} F5 reads it again.")

    def _read(self) -> None:
        if self.form is not None:
            return  # its form is being mounted
        self._show_banner("")
        self.query_one("#heading", Static).update(self._heading("reading…"))
        target, snapshot = self.target, self.snapshot

        async def read(client: DrioClient) -> EditScreen.Ready:
            get_openapi_document(client).refresh()
            loaded = snapshot
            if loaded is None:
                loaded = Snapshot(target.app)
                await load_app(client, target.app, loaded.apply)
            raw = None
            if target.id:
                try:
                    raw = (await client.get(self.kind, target.id, app=target.app)).raw
                except NotFound:
                    raw = None
            seen = await known_schemas(self.connection, target.app, raw or target.base or {})
            results: Mapping[str, Any] = {}
            if self.kind.name == WIDGET.name:
                results = await asyncio.to_thread(RunHistory(self.connection.server, target.app).newest_results)
            document = await get_openapi_document(client).now(DOCUMENT_SECONDS)
            return self.Ready(loaded, raw, *document, seen, results)

        self.run_request(read, lambda ready: ready, group="read", once=True)

    def _new_title(self) -> str:
        return f"new {self.kind.title.lower()}"

    def _heading(self, note: str = "") -> Content:
        """Return the heading, with the name of the resource as it was saved or read last."""
        title = self.kind.title
        name = self._new_title() if self.is_new else f"{title}  {self.kind.label(self.base)}"
        purpose = f"  for {self.target.requested_by}" if self.target.requested_by else ""
        return Content.assemble(
            sanitize_line(f"{self.kind.symbol} {name}", 120, "bold"),
            sanitize_line(purpose, 80, "$text-accent"),
            sanitize_line(f"   {note}", 120),
        )

    # -- building ---------------------------------------------------------------------------------

    async def on_edit_screen_ready(self, message: Ready) -> None:
        if self.form is not None:
            return  # a second request was made just before the first one was answered
        self.snapshot = message.snapshot
        if not self.is_new and self.target.base is None:
            if message.raw is None:
                self.drio.show_error(NotFound("it was deleted elsewhere", status=404))
                self.dismiss(None)
                return
            self.base = message.raw
        if self.kind.parent and not self._parent_id:
            self._parent_id = str(self.base.get(self.kind.parent[0]) or "")
        made = make_pages(
            self.target, self.base, message.snapshot, message.document, schemas=message.schemas,
            last_results=message.last_results, run_store=RunHistory(self.connection.server, self.target.app),
            edited=self._edited_for_model,
        )  # fmt: skip
        self.form, self._json_page, self._json_model = made.form, made.json, made.json_model
        self.editors += made.editors
        self._model_page, self._start_value = made.model, made.start_value
        pages = made.widgets
        switcher = self.query_one("#pages", ContentSwitcher)
        switched = [page for page in pages if page is not self._model_page]
        for page in switched:
            page.display = False  # a ContentSwitcher hides only the children it was composed with
        self._pages = pages
        await self.mount(TabStrip(made.titles), before="#content")
        await switcher.mount(*switched)
        switcher.current = "page-form"
        if self._model_page is not None:
            await self.query_one("#content").mount(self._model_page)
        self.is_filled = True
        word = "describes" if message.fresh else "described"
        self._fields_note = f"fields as {f'this server {word}' if made.from_server else 'this version knows'} them"
        self.query_one("#heading", Static).update(self._heading(self._fields_note))
        self.form.focus_first()
        if self.target.in_external_editor:
            self.call_after_refresh(self.action_outside)
        elif self.target.focus_path:
            self.call_after_refresh(self._focus_property, self.target.focus_path)

    def _focus_property(self, path: str) -> None:
        """Show the page that edits the value at a path, and focus its field."""
        name = top_property(path)
        for number, editor in enumerate(self.editors, start=1):
            if name in editor.properties:
                self.show_page(number, focus=False)
                self.call_after_refresh(editor.focus_property, path)
                return
        root = self.form.model.root if self.form is not None else None
        if self.form is not None and isinstance(root, ObjectNode) and name in root.properties:
            self.form.show_node(root.properties[name])

    # -- changes by others ------------------------------------------------------------------------

    @property
    def is_saving(self) -> bool:
        """Whether the resource is being read or written."""
        return self._saving or self.has_request("save") or self.has_request("read")

    def remote_changed(self, *, deleted: bool, properties: Mapping[str, Any]) -> None:
        """Show what others have changed in the resource meanwhile; the form stays as it is.

        `properties` are the changed ones, with their new values.
        """
        self._remote, self._remote_deleted = properties, deleted
        self._show_remote_change()

    @on(SchemaForm.Changed)
    @on(Editor.Changed)
    def _show_remote_change(self) -> None:
        """Show in one line what others have changed, and which of it conflicts with the edits made until now."""
        line, text = self.query_one("#remote", Static), ""
        if self._remote_deleted:
            text = "- Deleted in drio meanwhile; saving offers to create it again."
        elif self._remote:
            edit = Edit(self.kind, self.target.app, self.target.id, self.base, self.edited_resource())
            note = remote_change_note(edit, {**self.base, **self._remote})
            text = f"~ {note}" if note else ""
        elif not line.has_class("-said"):
            return
        line.update(sanitize_line(text, 300, "$text-warning"))
        line.set_class(bool(text), "-said")

    # -- the edited resource ----------------------------------------------------------------------

    def edited_resource(self, *, secrets: bool = True) -> dict[str, Any]:
        """Return the resource as edited. Without `secrets`, the values of write-only fields are left out."""
        if not self.is_filled or self.form is None:
            return dict(self.base if self.target.local is None else self.target.local)
        local = {name: value for name, value in self.base.items() if name in self.kind.fixed}
        local |= self.form.model.value(secrets=secrets)
        for editor in self.editors:
            if editor.is_mounted:
                local |= editor.value(secrets=secrets)
        return local

    def _edited_with_json(self, *, secrets: bool) -> dict[str, Any]:
        """Return the same, with what was typed as JSON and is not distributed to the other pages yet."""
        if not self._json_edited or self._json_model is None:
            return self.edited_resource(secrets=secrets)
        fixed = {name: value for name, value in self.base.items() if name in self.kind.fixed}
        local: dict[str, Any] = fixed | self._json_model.value(secrets=secrets)
        config = local.get("config")
        if not secrets and self.kind.name in SECRETIVE and isinstance(config, dict):
            # This model does not know which properties the provider defines as secret: any new one may be.
            sides = (self.base.get("config"), self.edited_resource(secrets=False).get("config"))
            known = {name for side in sides if isinstance(side, dict) for name in side}
            local["config"] = {name: value for name, value in config.items() if name in known}
        return local

    @property
    def dirty(self) -> bool:
        """Whether there are unsaved edits."""
        if self.is_filled and self.form is not None and self.saved is None:
            self._take_json()
        return self._is_edited()

    def _is_edited(self) -> bool:
        if self.saved is not None:
            return False
        if not self.is_filled or self.form is None:
            return self.target.local is not None
        if self._json_edited or (self._json_page is not None and self._json_page.draft is not None):
            return True
        if self.target.local is not None and self.is_new:
            return True
        changed = self.form.model.dirty
        if self._start_value is not None:  # losing only a name that was typed in another form is no loss
            changed = not same_json(self.form.model.value(), self._start_value)
        return changed or any(editor.dirty for editor in self.editors)

    def continue_editing(self, raw: dict[str, Any]) -> None:
        # The form does not have what others changed and the save merged: the next save compares it with what was sent.
        set_by_server = set(self.kind.fixed) - editor_properties(self.kind.name)
        self.base = self._sent_without_secrets | {name: raw[name] for name in raw if name in set_by_server}
        self._remote = {}
        self.query_one("#heading", Static).update(self._heading(self._fields_note))
        if self.form is not None:
            self._start_value = {name: self._sent[name] for name in self.form.model.value() if name in self._sent}
        for editor in self.editors:
            editor.base = {name: self.base[name] for name in editor.properties if name in self.base}
        self._show_remote_change()

    def edit_created(self, local: dict[str, Any]) -> None:
        id = str(local.get("id", ""))
        target = EditTarget(
            self.target.app, self.kind.name, id, self._parent_id, base=self.saved, local=local,
            draft=(self._json_page.draft or "") if self._json_page is not None else "",
            texts=self.form.model.invalid_texts if self.form is not None else {},
        )  # fmt: skip
        self.drio.push_screen(EditScreen(target, self.snapshot))

    def unsaved_input(self) -> str:
        return f"your edits of the {self.kind.title.lower()}" if self.dirty else ""

    def unsaved_edit(self, why: str, *, looking: bool = False) -> UnsavedEdit | None:
        if looking:
            self._read_json()
        if not (self._is_edited() if looking else self.dirty):
            return None
        connection, local = self.connection, self._edited_with_json(secrets=False)
        return UnsavedEdit(
            profile=connection.status.profile, server=connection.server, app=self.target.app, kind=self.kind.name,
            resource=self.target.id, label=self.kind.label(self.base or local), local=local,
            base=None if self.is_new else self.base, parent=self._parent_id,
            draft=(self._json_page.draft or "") if self._json_page else self.target.draft, why=why,
            id=self.edit_file.id, texts=self.form.model.invalid_texts if self.form is not None else self.target.texts,
        )  # fmt: skip

    def name_of_entry(self, entry: Any) -> str:
        if isinstance(entry, dict):  # a widget's action
            values = (entry.get(name) for name in ("trigger", "type", "targetToolName"))
            return " ".join(value for value in values if isinstance(value, str)) or "an action"
        return (self.name_of_id(entry) if isinstance(entry, str) else None) or str(entry)

    def name_of_id(self, id: str) -> str | None:
        return self.snapshot.name_of(id) if self.snapshot is not None else None

    # -- pages ------------------------------------------------------------------------------------

    @property
    def key_page(self) -> Widget | None:
        return self._pages[self._page] if self.is_filled else None

    def action_page(self, step: int) -> None:
        if not self.is_mounted:
            return
        if not self.is_filled:
            self._read()
        else:
            self.show_page((self._page + step) % len(self._pages))

    @on(TabStrip.Chosen)
    def _page_chosen(self, event: TabStrip.Chosen) -> None:
        event.stop()
        self.show_page(event.number, focus=event.enter)

    def show_page(self, number: int, *, focus: bool = True) -> None:
        """Show a page, updated with the current values of the other pages."""
        if not self._take_json() and number == self._page:
            return
        self._page = number
        page = self._pages[number]
        self.query_one(TabStrip).chosen = number
        if page is self._model_page:
            self._model_page.update_now()
        else:
            pages = self.query_one("#pages", ContentSwitcher)
            if isinstance(page, Editor):
                page.fit(pages.size.width)
            pages.current = page.id
        self.query_one("#content").set_class(page is self._model_page, "-model")
        self.mark_pages()
        if isinstance(page, ModelPage):
            if focus:
                self.call_after_refresh(self._focus_page, page)
        elif isinstance(page, JsonPage):
            self._show_json_page(page)
        elif isinstance(page, Editor):
            page.update_resource(self.edited_resource())
            if focus:
                self.call_after_refresh(self._focus_page, page)
        elif self.form is not None and focus:
            self.set_focus(None)
            self.form.focus_soon()

    def _focus_page(self, page: Editor | ModelPage) -> None:
        """Focus the first field of a page, unless another one was opened meanwhile."""
        if self._pages[self._page] is page:
            page.focus_first()

    def mark_pages(self) -> None:
        if self.form is None or not self.is_filled:
            return
        error_counts = [sum(len(node.errors) for node in self.form.model.nodes_with_errors())]
        for editor in self.editors:
            checked = self._save_attempted and (self.is_new or editor.dirty)
            count_errors = editor.is_mounted and (editor.server_errors or checked)
            error_counts.append(len(editor.validate()) if count_errors else 0)
        error_counts += [0] * (self._model_page is not None)
        error_counts.append(int(self._json_page is not None and self._json_page.draft is not None))
        self.query_one(TabStrip).count(error_counts)

    def _show_json_page(self, page: JsonPage) -> None:
        if page.draft is None and self._json_model is not None:
            self._json_model.assign(editable(self.kind, self.edited_resource(secrets=False), new=self.is_new))
        self.set_focus(None)  # the focused widget may be removed, and a removed widget would swallow the keys
        if self.form is not None:
            call_when_mounted(self.form, page.show(), page.focus_text)

    def _take_json(self) -> bool:
        """Distribute what was typed as JSON to the other pages; return False if it does not parse."""
        self._read_json()
        if self._json_edited and self._json_model is not None:
            self._json_edited = False
            self._distribute_json(self._json_model.value())
        return not self._json_page_open or self._json_page is None or self._json_page.draft is None

    @property
    def _json_page_open(self) -> bool:
        return self.is_filled and self._pages[self._page] is self._json_page

    def _read_json(self) -> None:
        """Read what was typed as JSON, for `_take_json` to distribute to the other pages later."""
        if self._json_page is not None and self._json_page_open:
            self._json_edited = self._json_page.take_edits() or self._json_edited

    @on(TextArea.Changed, "#page-json TextArea")
    def _json_changed(self) -> None:
        self.schedule_keep()
        self._update_model()

    @on(SchemaForm.Changed)
    @on(Editor.Changed)
    def _update_model(self) -> None:
        if self._model_page is not None:
            self._model_page.update_soon()

    def _edited_for_model(self) -> dict[str, Any]:
        self._read_json()
        return self._edited_with_json(secrets=False)

    def on_model_page_updated(self, message: ModelPage.Updated) -> None:
        if self._model_page in self._pages:
            self.query_one(TabStrip).note(self._pages.index(self._model_page), message.note)

    def _distribute_json(self, value: dict[str, Any]) -> None:
        if self.form is None or self.snapshot is None:
            return
        self.form.model.assign(form_properties(self.kind, value, new=self.is_new))
        self.form.rebuild()
        for editor in self.editors:
            given = {name: value[name] for name in editor.properties if name in value}
            if not same_json(editor.value(secrets=False), given):
                editor.set_value(given)

    def show_json(self) -> None:
        if self._pages[self._page] is self._json_page:
            self._show_json_page(self.query_one("#page-json", JsonPage))
        else:
            self.show_page(len(self._pages) - 1)

    def action_outside(self) -> None:
        from drio_tui.ui.forms.external_editor import edited_outside  # tempfile and subprocess, rarely needed

        page = self._json_page
        if page is None or self._json_model is None:
            return
        self._take_json()
        if page.draft is None:
            self._json_model.assign(editable(self.kind, self.edited_resource(secrets=False), new=self.is_new))
        edited = edited_outside(self, page.text)
        if edited is not None:
            if page.take(edited):
                self._distribute_json(self._json_model.value())
            else:
                self.show_page(len(self._pages) - 1)
        if self._pages[self._page] is self._json_page:
            self._show_json_page(page)

    # -- new resources to refer to -------------------------------------------------------------------

    @on(SchemaForm.NewWanted)
    def _create_for_form(self, event: SchemaForm.NewWanted) -> None:
        event.stop()
        kinds = [reference.to for reference in self.kind.references if reference.path == event.pattern]
        if kinds:
            self._create_and_refer(kinds[0], event.name, lambda id: event.form.refer(event.path, id))

    @on(Editor.NewWanted)
    def _create_for_editor(self, event: Editor.NewWanted) -> None:
        event.stop()
        self._create_and_refer(event.kind, event.name, lambda id: event.editor.set_reference(event.path, id))

    def _create_and_refer(self, kind: str, name: str, refer: Callable[[str], None]) -> None:
        """Create a resource in a screen over this one, called `name` if given, then pass its id to `refer`."""
        snapshot = self.snapshot
        if snapshot is None:
            return
        local = self.edited_resource(secrets=False)
        wanted_by = (
            f"{self.kind.title.lower()} {self.kind.label(local)}" if not self.is_new else f"the {self._new_title()}"
        )
        begin = initial_values(kind, self.kind.name, self.base) | ({"name": name} if name else {})
        target = EditTarget(self.target.app, kind, initial=begin, requested_by=wanted_by)

        async def make() -> None:
            created = await create_resource(self.drio, target, snapshot)
            if created is not None:
                refer(created.id)

        start_worker(self, make, group="new", exclusive=True)
