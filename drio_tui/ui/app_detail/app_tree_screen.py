"""The tree of one app on the left, the details of the selected node on the right: reading, filtering, jumping."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import var
from textual.screen import Screen
from textual.widgets import Input, Static

from drio_tui.api.errors import DrioError
from drio_tui.api.resource_type import validation_error
from drio_tui.kinds import CONTENTS
from drio_tui.text import count_of
from drio_tui.ui.app_detail.config_tree import ConfigTree
from drio_tui.ui.app_detail.detail_pane import DetailPane
from drio_tui.ui.app_detail.live import Checked, LiveUpdates
from drio_tui.ui.base.messages import UNREACHABLE, Status
from drio_tui.ui.base.services import get_openapi_document
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.filter_input import FilterInput
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.ui.widgets.values import stale_mark
from drio_tui.workspace.lint.call_checks import fetch_tool_calls
from drio_tui.workspace.model.loader import load_app
from drio_tui.workspace.model.schema_history import SchemaHistory, schemas_in
from drio_tui.workspace.model.snapshot import PartFailed, Resource, Snapshot, ToolCalls, Update
from drio_tui.workspace.model.snapshot import ResourceKey as ResourceKey
from drio_tui.workspace.model.tree_model import TreeModel, TreeNode

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient
    from drio_tui.kinds import Kind
    from drio_tui.workspace.saving.save_result import Saved

_REDRAW_SECONDS = 0.05
"""Seconds between two redraws of the tree while parts arrive."""


class AppTreeScreen(DrioScreen[None]):
    """Shows one app. Parts are drawn as they arrive; a refresh keeps the cursor and the open nodes."""

    outline: var[TreeModel | None] = var(None, init=False)
    """The tree, as far as it is loaded."""

    loading_app: var[bool] = var(False, init=False)
    """Whether parts are still being loaded."""

    changing: var[str] = var("", init=False)
    """Which change of the app is under way (`copying`); empty if none is."""

    filter_text: var[str] = var("", init=False)
    """The text of the filter field."""

    class PartArrived(Message):
        """A part of the app arrived; `load_number` is that of the load it belongs to."""

        def __init__(self, load_number: int, update: Update) -> None:
            super().__init__()
            self.load_number = load_number
            self.update = update

    class Loaded(Message):
        """All parts have arrived."""

        def __init__(self, load_number: int) -> None:
            super().__init__()
            self.load_number = load_number

    class OutlineBuilt(Message):
        """The tree with changes by others was built, by the worker with this `number`."""

        def __init__(self, number: int, outline: TreeModel) -> None:
            super().__init__()
            self.number = number
            self.outline = outline

    class CallsCounted(Message):
        """A sandbox counted the calls of MCP clients per tool."""

        def __init__(self, calls: Sequence[ToolCalls] | None) -> None:
            super().__init__()
            self.calls = calls

    def __init__(self, app_id: str, reveal: ResourceKey | None = None) -> None:
        super().__init__()
        self.app_id = app_id
        self.snapshot = Snapshot(app_id)
        self._load_number = 0
        self._outline_number = 0
        self._needs_redraw = False
        self._jumps: list[ResourceKey] = []
        self._loaded_at: datetime | None = None
        self._schema_history: SchemaHistory | None = None
        self._keeps_details = False
        self.live = LiveUpdates(self)
        self.reveal_when_loaded = reveal
        """The resource to move the cursor to, once all parts have arrived."""

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="app"):
            with Vertical(id="outline"):
                yield FilterInput(placeholder="/ to filter", id="filter")
                yield ConfigTree(id="tree")
                yield Static(id="note")
            yield DetailPane(id="detail")

    def on_mount(self) -> None:
        super().on_mount()
        self.watch(self.app, "status", self._update_note)
        self.watch(self.app, "app_focus", self._terminal_focus_changed, init=False)
        self.app.screen_change_signal.subscribe(self, self._top_screen_changed)
        self.outline = TreeModel(self.snapshot)
        self.tree_view.focus()
        self.action_refresh()

    def on_unmount(self) -> None:
        self.app.screen_change_signal.unsubscribe(self)
        self.live.poller.stop()

    @property
    def tree_view(self) -> ConfigTree:
        """The tree of nodes."""
        return self.query_one("#tree", ConfigTree)

    @property
    def detail(self) -> DetailPane:
        """The details of the selected node."""
        return self.query_one("#detail", DetailPane)

    @property
    def selected_node(self) -> TreeNode | None:
        """The node the cursor is on."""
        return self.tree_view.node

    @property
    def marked(self) -> Collection[ResourceKey]:
        """The marked resources."""
        return ()

    def on_screen_resume(self) -> None:
        if self.snapshot.added:
            self.action_refresh()
        self.live.resume()

    def _terminal_focus_changed(self) -> None:
        self.live.poller.resume()

    def _top_screen_changed(self, _screen: Screen[object]) -> None:
        """Go on checking below an edit screen when a dialog over it was closed; this screen is not resumed then."""
        self.call_later(self.live.poller.wake)

    # -- reading -----------------------------------------------------------------------------------

    def action_refresh(self) -> None:
        self._load_number += 1
        load_number = self._load_number
        self.live.read_started()
        self.snapshot.begin()
        self.loading_app = True

        async def read(client: DrioClient) -> int:
            await load_app(client, self.app_id, lambda update: self.post_message(self.PartArrived(load_number, update)))
            if load_number == 1:
                # So that it is there when a form needs it; after the app, since a server may take long to write it.
                get_openapi_document(client).refresh()
            return load_number

        self.run_request(read, self.Loaded, group="app")

    def show_saved(self, kind: Kind[Any], saved: Saved) -> None:
        """Show a saved resource as drio returned it, and read the app again if the change may show elsewhere."""
        known = self.snapshot.resource(kind.name, saved.id)
        raw = dict(saved.raw)
        resource = Resource(
            kind.name, saved.id, raw, validation_error(kind, raw), parent_id=known.parent_id if known else ""
        )
        if not self.loading_app and self.snapshot.replace(resource, {str(change.path[0]) for change in saved.diff}):
            self.live.saved(resource)
            self._build_outline()
        else:
            self.action_refresh()

    def on_checked(self, message: Checked) -> None:
        self.live.checked(message)

    def show_changes(self) -> None:
        """Show what others have changed, once a thread has built the tree."""
        self._outline_number += 1
        # Not a worker of this screen, so that Esc does not stop it.
        start_worker(self.drio, self._build_in_thread, self._outline_number, self.snapshot.copy(), group="outline")

    async def _build_in_thread(self, number: int, snapshot: Snapshot) -> None:
        self.post_message(self.OutlineBuilt(number, await asyncio.to_thread(TreeModel, snapshot)))

    def on_app_tree_screen_outline_built(self, message: OutlineBuilt) -> None:
        """Show the tree unless a later one was begun. Who reads the details keeps their place in them."""
        if message.number == self._outline_number:
            message.outline.snapshot = self.snapshot
            self._keeps_details = True
            self.outline = self.live.with_deleted(message.outline)

    def _build_outline(self) -> None:
        """Build the tree of what is known now at once, in place of one that is being built."""
        self._outline_number += 1
        self.outline = self.live.with_deleted(TreeModel(self.snapshot))

    def show_change_marks(self) -> None:
        """Show which resources others have changed, in the tree as it is."""
        self.tree_view.set_changes(self.live.tree_marks)
        self._update_note(self.drio.status)

    def on_app_tree_screen_part_arrived(self, message: PartArrived) -> None:
        if message.load_number != self._load_number:
            return
        self.snapshot.apply(message.update)
        if not self._needs_redraw:
            self._needs_redraw = True
            self.set_timer(_REDRAW_SECONDS, self._redraw)

    def on_app_tree_screen_loaded(self, message: Loaded) -> None:
        if message.load_number == self._load_number:
            self.loading_app = False
            self._needs_redraw = True
            self.live.read_finished()
            if self.snapshot.stale is not None:
                self._redraw()
                self.drio.show_error(self.snapshot.stale)
                return
            self._loaded_at = datetime.now()
            self._redraw()
            self._remember_schemas()
            self._count_calls()
            if self.reveal_when_loaded is not None:
                self.tree_view.reveal(self.reveal_when_loaded)
                self.reveal_when_loaded = None
            start_worker(self.detail, self.detail.mount_pages, group="pages")  # not a request: Esc would stop it
            self.app_loaded()

    def app_loaded(self) -> None:
        """Called when all parts have arrived."""

    def _count_calls(self) -> None:
        """Read what a sandbox has kept of the calls of MCP clients, to mark tools whose results are large or failed."""
        client = self.connection.client
        if client is not None and client.transport.is_sandbox:
            self.run_request(
                lambda client: fetch_tool_calls(client, self.app_id),
                self.CallsCounted,
                group="calls",
                failed=lambda _error: self.CallsCounted(None),  # then the marks are missing
            )

    def on_app_tree_screen_calls_counted(self, message: CallsCounted) -> None:
        if message.calls is not None and message.calls != self.snapshot.calls:
            self.snapshot.calls = message.calls
            self._needs_redraw = True
            self._redraw()

    def _remember_schemas(self) -> None:
        """Store the operations' schemas, to show what changed when a tool's binding becomes stale."""
        if self._schema_history is None:
            self._schema_history = SchemaHistory(self.connection.server, self.app_id)
        # Not a worker of this screen, so that Esc does not stop it.
        schemas = schemas_in(self.snapshot)
        start_worker(self.drio, self._store_schemas, self._schema_history, schemas, group="schemas")

    async def _store_schemas(self, history: SchemaHistory, schemas: dict[tuple[str, str], Any]) -> None:
        with contextlib.suppress(OSError):  # then only that comparison is missing
            await asyncio.to_thread(history.remember, schemas)

    def stop_reading(self) -> bool:
        """Stop loading, and note which parts are missing; return whether anything was being loaded."""
        if not self.cancel_requests():
            return False
        stopped = DrioError("You stopped the reading.", title="Not read")
        for kind, part in self.snapshot.parts.items():
            if part.state == "waiting":
                self.snapshot.apply(PartFailed(kind, stopped))
        self.on_app_tree_screen_loaded(self.Loaded(self._load_number))
        return True

    def show_marked(self) -> None:
        """Show which resources are marked, and how many."""
        self.tree_view.set_marked(self.marked)
        self._update_note(self.drio.status)

    def _redraw(self) -> None:
        if self._needs_redraw and self.is_mounted:
            self._needs_redraw = False
            if self.loading_app:
                self.live.parts_read()
            self._build_outline()

    # -- display -----------------------------------------------------------------------------------

    def watch_outline(self, outline: TreeModel | None) -> None:
        if outline is not None:
            self.tree_view.changes = self.live.tree_marks
            self.tree_view.show(outline)
        self._update_note(self.drio.status)

    def watch_loading_app(self) -> None:
        self._update_note(self.drio.status)

    def watch_changing(self) -> None:
        self._update_note(self.drio.status)

    def watch_filter_text(self) -> None:
        self.tree_view.filter(self.filter_text)
        self._update_note(self.drio.status)

    @on(ConfigTree.Moved)
    def _show_node(self) -> None:
        node, outline = self.selected_node, self.outline
        self.live.cursor_moved(node)
        keeps_details, self._keeps_details = self._keeps_details, False
        if node is None or outline is None:
            return
        is_read = keeps_details and self.detail.has_focus_within and node.about not in self.live.marks
        if not is_read:
            self.detail.show(node, outline)
        self._update_note(self.drio.status)

    def _update_note(self, status: Status) -> None:
        """Update the line below the tree: hits of the filter, problems, whether the tree is up to date."""
        if self.outline is None:
            return
        parts: list[tuple[str, str]] = []
        if self.filter_text:
            hits = len(self.tree_view.hits)
            parts.append((count_of(hits, "hit"), "$foreground-muted" if hits else "$text-warning"))
        if changes := self.live.note():
            parts.append((sanitize_line(changes, 120).plain, "$text-accent"))
        if self.marked:
            parts.append((f"● {len(self.marked)} marked", "$text-accent"))
        root = self.outline.root
        errors, warnings = root.errors + root.errors_below, root.warnings + root.warnings_below
        if self.changing and self.has_request("change"):
            parts.append((f"◌ {self.changing}… Esc stops", "$text-warning"))
        if self.loading_app:
            parts.append(("◌ reading…", "$text-warning"))
        elif status.phase in UNREACHABLE or self.snapshot.is_stale:
            text = stale_mark(self._loaded_at) if len(self.snapshot) else "▲ not read"
            parts.append((text, "$text-warning"))
        if errors:
            parts.append((f"✗ {count_of(errors, 'error')}", "$text-error"))
        if warnings:
            parts.append((f"▲ {count_of(warnings, 'warning')}", "$text-warning"))
        if not parts:
            count = sum(len(self.snapshot.parts[kind.name].resources) for kind in CONTENTS)
            parts.append((f"{count_of(count, 'resource')}, no problems", "$foreground-muted"))
        line = Content("  ").join([Content.styled(text, style) for text, style in parts])
        self.query_one("#note", Static).update(line, layout=False)

    # -- filter, panes and jumps -------------------------------------------------------------------

    def action_filter(self) -> None:
        self.remove_class("-detail")
        self.query_one("#filter").focus()

    @on(Input.Changed, "#filter")
    def _filter(self, event: Input.Changed) -> None:
        self.filter_text = event.value

    @on(FilterInput.Leave)
    def _leave_filter(self) -> None:
        self.tree_view.focus()

    def action_next_hit(self, step: int) -> None:
        if self.filter_text:
            self.tree_view.go_to_hit(step)
        else:
            self.tree_view.go_to_change(step)

    async def action_tab(self, name: str) -> None:
        self.add_class("-detail")
        await self.detail.open_tab(name)

    def action_other_pane(self) -> None:
        if self.tree_view.has_focus or self.query_one("#filter").has_focus:
            self.add_class("-detail")
            self.detail.focus_page()
        else:
            self.remove_class("-detail")
            self.tree_view.focus()

    @on(ConfigTree.Entered)
    def _entered(self, event: ConfigTree.Entered) -> None:
        if event.target is not None and self._jump_to(event.target):
            return
        self.action_other_pane()

    @on(DetailPane.Jump)
    def _reference_followed(self, event: DetailPane.Jump) -> None:
        self._jump_to(event.key)

    def show_resource(self, key: ResourceKey) -> None:
        """Go to a node, from any part of the screen; `jump_back` goes back."""
        if self._jump_to(key):
            self.tree_view.focus()

    def _jump_to(self, key: ResourceKey) -> bool:
        """Go to a resource and remember the current node; return whether the tree has that resource."""
        if self.outline is None or key not in self.outline.by_key:
            self.notify("What it refers to is not there.", severity="warning", markup=False)
            return False
        self.reveal(key)
        return True

    def reveal(self, key: ResourceKey) -> None:
        """Move the cursor to a node, or to what is nearest to it in the tree, and remember the current node."""
        current = self.selected_node
        if current is not None:
            self._jumps = [*self._jumps[-99:], current.key]
        self.tree_view.reveal(key)
        self._clear_filter_if_left()

    def _clear_filter_if_left(self) -> None:
        """Clear the filter after a jump to a node that it hides."""
        field = self.query_one("#filter", FilterInput)
        if self.filter_text and not self.tree_view.filtered:
            with self.prevent(Input.Changed):
                field.value = ""
            self.filter_text = ""

    def action_jump_back(self) -> None:
        while self._jumps:
            if self.tree_view.reveal(self._jumps.pop()):
                break
        self._clear_filter_if_left()
