"""One app: its tree at the left, the details of the chosen node at the right."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input, Static

from drio_tui.api import json_codec
from drio_tui.api.errors import DrioError
from drio_tui.text import count_of
from drio_tui.ui.app_detail import app_actions
from drio_tui.ui.app_detail.config_tree import ConfigTree
from drio_tui.ui.app_detail.detail_pane import DetailPane, json_of
from drio_tui.ui.app_detail.problems_screen import ProblemsScreen
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.messages import UNREACHABLE, Status
from drio_tui.ui.base.services import document_of
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.dialogs.allow_host import change_allowed, why_not_allowed
from drio_tui.ui.openapi_import.import_screen import ImportScreen
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.filter_input import FilterInput
from drio_tui.workspace.model.loader import load_app
from drio_tui.workspace.model.schema_history import SchemaHistory, schemas_in
from drio_tui.workspace.model.snapshot import Failed, Snapshot, Update
from drio_tui.workspace.model.snapshot import Key as ResourceKey
from drio_tui.workspace.model.tree_model import TreeModel, TreeNode
from drio_tui.workspace.run.bound_tool import tool_of

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient

_BETWEEN = 0.05
"""Seconds between two drawings of a tree that is still filling."""


class AppScreen(app_actions.Editing, DrioScreen[None]):
    """Inspects one app. Parts are drawn as they arrive; a refresh keeps the cursor and what is open."""

    AREA = "apps"
    CSS_PATH = stylesheet("app_detail")
    HORIZONTAL_BREAKPOINTS = [(0, "-single"), (72, "-narrow"), (100, "-normal"), (160, "-wide")]
    BINDINGS = keymap.section(
        "app_screen",
        "One app",
        Key("app_screen.filter", "slash", "filter", "Filter", "Show only the nodes that match"),
        Key("app_screen.next", "n", "hit(1)", "Next hit", "Next hit of the filter", show=False),
        Key("app_screen.previous", "N", "hit(-1)", "Previous hit", "Previous hit of the filter", show=False),
        Key("app_screen.fields", "f", "tab('fields')", "Fields", "The node's members, readable", show=False),
        Key("app_screen.json", "v", "tab('json')", "JSON", "The node's JSON", show=False),
        Key("app_screen.references", "u", "tab('references')", "Uses", "What it uses and what uses it", show=False),
        Key("app_screen.playground", "t", "try_tool", "Try", "Run the tool, or the tool of a widget or operation"),
        Key("app_screen.problems", "p", "problems", "Problems", "What is wrong with the app"),
        Key("app_screen.import", "i", "import_operations", "Import", "Import operations from an OpenAPI document",
            dangerous=True, show=False),
        Key("app_screen.back", "backspace,left_square_bracket", "jump_back", "Jump back", "Undo a jump", show=False),
        Key("app_screen.deploy", "d", "open_deploy", "Deploy", "Check the app, and take it live", dangerous=True),
        Key("app_screen.connect", "C", "open_connect", "Connect", "How AI clients are told of the app", show=False),
        Key("app_screen.allow", "A", "allow_host", "Allow address", "Let the sandbox call the private address of the "
            "integration, or no longer", dangerous=True, show=False),
        Key("app_screen.refresh", "r", "read_again", "Refresh", "Read the app again"),
        Key("app_screen.copy", "y", "copy_id", "Copy id", "Copy the id of what is chosen", show=False),
        Key("app_screen.copy_json", "Y", "copy_json", "Copy JSON", "Copy the JSON of what is chosen", show=False),
        Key("app_screen.other", "tab", "other_pane", "Other side", "Between the tree and the details", show=False),
    ) + app_actions.BINDINGS  # fmt: skip

    outline: reactive[TreeModel | None] = reactive(None, init=False)
    """The tree as far as it is known."""

    loading_app: reactive[bool] = reactive(False, init=False)
    """Whether parts are still on their way."""

    wanted: reactive[str] = reactive("", init=False)
    """What the filter field holds."""

    class Arrived(Message):
        """A part of the app arrived; `turn` tells one reading from the next."""

        def __init__(self, turn: int, update: Update) -> None:
            super().__init__()
            self.turn = turn
            self.update = update

    class Read(Message):
        """Everything there is has arrived."""

        def __init__(self, turn: int) -> None:
            super().__init__()
            self.turn = turn

    def __init__(self, app_id: str) -> None:
        super().__init__()
        self.app_id = app_id
        self.snapshot = Snapshot(app_id)
        self._turn = 0
        self._dirty = False
        self._sound: bool | None = None
        self._able: frozenset[str] = frozenset()
        self._jumps: list[ResourceKey] = []
        self._read_at: datetime | None = None
        self._seen: SchemaHistory | None = None
        self.marked, self.barred = {}, {}
        self.go_to_when_read: ResourceKey | None = None

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="app"):
            with Vertical(id="outline"):
                yield FilterInput(placeholder="/ to filter", id="filter")
                yield ConfigTree(id="tree")
                yield Static(id="note")
            yield DetailPane(id="detail")

    def on_mount(self) -> None:
        super().on_mount()
        self.watch(self.app, "status", self._note)
        self._opened_for = self._speaks_for()
        self.outline = TreeModel(self.snapshot)
        self.tree_view.focus()
        self.action_refresh()

    @property
    def tree_view(self) -> ConfigTree:
        """The tree of nodes."""
        return self.query_one("#tree", ConfigTree)

    @property
    def detail(self) -> DetailPane:
        """The details of the chosen node."""
        return self.query_one("#detail", DetailPane)

    @property
    def chosen(self) -> TreeNode | None:
        """The node the cursor is on."""
        return self.tree_view.node

    def session_changed(self) -> None:
        """Signed in again as the same: read again. As someone else, or elsewhere: the app is not theirs, leave it."""
        if self._speaks_for() == self._opened_for:
            self.barred.clear()  # a new sign-in may allow more
            self.action_refresh()
            return
        self.cancel_requests()
        self.dismiss()

    def on_screen_resume(self) -> None:
        if self.snapshot.added:
            self.action_refresh()

    def _speaks_for(self) -> tuple[str, str | None] | None:
        session = self.drio.session
        return (session.base_url, session.account) if session else None

    # -- reading ----------------------------------------------------------------------------------

    def action_read_again(self) -> None:
        """Read the app again for the person, who may be allowed more by now."""
        self.barred.clear()
        self.action_refresh()

    def action_refresh(self) -> None:
        self._turn += 1
        turn = self._turn
        self.snapshot.begin()
        self.loading_app = True

        async def read(client: DrioClient) -> int:
            if turn == 1:
                document_of(client).ask()  # before a form wants it
            await load_app(client, self.app_id, lambda update: self.post_message(self.Arrived(turn, update)))
            return turn

        self.run_request(read, self.Read, group="app")

    def on_app_screen_arrived(self, message: Arrived) -> None:
        if message.turn != self._turn:
            return
        self.snapshot.apply(message.update)
        if not self._dirty:
            self._dirty = True
            self.set_timer(_BETWEEN, self._draw)

    def on_app_screen_read(self, message: Read) -> None:
        if message.turn == self._turn:
            self._read_at = datetime.now()
            self.loading_app = False
            self._dirty = True
            self._draw()
            self._remember_schemas()
            if self.go_to_when_read is not None:
                self.tree_view.reveal(self.go_to_when_read)
                self.go_to_when_read = None

    def _remember_schemas(self) -> None:
        """Note what the operations look like now, for the day when a tool's binding no longer holds."""
        if self._seen is None:
            self._seen = SchemaHistory(self.backend.server, self.app_id)
        # Not a worker of this screen: Esc has nothing to stop here.
        self.drio.run_worker(self._remember(self._seen, schemas_in(self.snapshot)), name="schemas", group="schemas")

    async def _remember(self, seen: SchemaHistory, schemas: dict[tuple[str, str], Any]) -> None:
        with contextlib.suppress(OSError):  # only a comparison will be missing
            await asyncio.to_thread(seen.remember, schemas)

    def say_marked(self) -> None:
        """Show which resources are marked, and how many."""
        self.tree_view.mark(self.marked)
        self._note(self.drio.status)

    def _draw(self) -> None:
        if self._dirty and self.is_mounted:
            self._dirty = False
            self.outline = TreeModel(self.snapshot)

    # -- showing ----------------------------------------------------------------------------------

    def watch_outline(self, outline: TreeModel | None) -> None:
        if outline is not None:
            self.tree_view.show(outline)
        self._note(self.drio.status)
        sound = outline is None or not outline.problems
        if sound != self._sound:  # the footer is costly to draw
            self._sound = sound
            self.refresh_bindings()

    def watch_loading_app(self) -> None:
        self._note(self.drio.status)

    def watch_wanted(self) -> None:
        self.tree_view.filter(self.wanted)
        self._note(self.drio.status)

    @on(ConfigTree.Moved)
    def _show_node(self) -> None:
        node, outline = self.chosen, self.outline
        if node is not None and outline is not None:
            self.detail.show(node, outline)
        able = self.what_can_be_done()
        if able != self._able:  # what cannot be done does not answer to a click on its key
            self._able = able
            self.refresh_bindings()

    def _note(self, status: Status) -> None:
        """One line under the tree: hits of the filter, problems, whether this is still what drio has."""
        if self.outline is None:
            return
        parts: list[tuple[str, str]] = []
        if self.wanted:
            hits = len(self.tree_view.hits)
            parts.append((count_of(hits, "hit"), "$foreground-muted" if hits else "$text-warning"))
        if self.marked:
            parts.append((f"● {len(self.marked)} marked", "$text-accent"))
        root = self.outline.root
        errors, warnings = root.errors + root.errors_below, root.warnings + root.warnings_below
        if self.loading_app:
            parts.append(("◌ reading…", "$text-warning"))
        elif status.phase in UNREACHABLE or any(part.failures for part in self.snapshot.parts.values()):
            at = f" at {self._read_at:%H:%M}" if self._read_at else ""
            parts.append((f"▲ not fresh: as it was{at}" if len(self.snapshot) else "▲ not read", "$text-warning"))
        if errors:
            parts.append((f"✗ {count_of(errors, 'error')}", "$text-error"))
        if warnings:
            parts.append((f"▲ {count_of(warnings, 'warning')}", "$text-warning"))
        if not parts:
            parts.append((f"{count_of(len(self.snapshot), 'resource')}, no problems", "$foreground-muted"))
        line = Content("  ").join([Content.styled(text, style) for text, style in parts])
        self.query_one("#note", Static).update(line, layout=False)

    # -- acting -----------------------------------------------------------------------------------

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str | None:
        match action:
            case "hit" if not self.wanted:
                return "There is no filter: press / to set one."
            case "problems" if self.outline is not None and not self.outline.problems:
                return "No problem was found in this app."
            case "try_tool" if self._tool_meant() is None:
                return "Choose a tool first, or a widget or an operation that belongs to one."
            case "jump_back" if not self._jumps:
                return "There was no jump to go back from."
            case "allow_host":
                return why_not_allowed(self.backend.client, self._resource()) or None
        return self.why_not_changed(action)

    def action_allow_host(self) -> None:
        client, integration = self.backend.client, self._resource()
        if client is not None and integration is not None:
            work = change_allowed(self.drio, client, integration.text("baseUrl"))
            self.run_worker(work, name="allow", group="ask", exclusive=True)

    def action_filter(self) -> None:
        self.remove_class("-detail")
        self.query_one("#filter").focus()

    @on(Input.Changed, "#filter")
    def _filter(self, event: Input.Changed) -> None:
        self.wanted = event.value

    @on(FilterInput.Leave)
    def _to_tree(self) -> None:
        self.tree_view.focus()

    def action_hit(self, step: int) -> None:
        self.tree_view.step_hit(step)

    def action_tab(self, name: str) -> None:
        self.add_class("-detail")
        self.detail.open_tab(name)

    def action_other_pane(self) -> None:
        if self.tree_view.has_focus or self.query_one("#filter").has_focus:
            self.add_class("-detail")
            self.detail.focus_page()
        else:
            self.remove_class("-detail")
            self.tree_view.focus()

    @on(ConfigTree.Entered)
    def _entered(self, event: ConfigTree.Entered) -> None:
        if event.target is not None and self._jump(event.target):
            return
        self.action_other_pane()

    @on(DetailPane.Jump)
    def _followed(self, event: DetailPane.Jump) -> None:
        self._jump(event.key)

    def _jump(self, key: ResourceKey) -> bool:
        """Go to a resource and remember from where; whether there is such a thing in the tree."""
        here = self.chosen
        if self.outline is None or key not in self.outline.by_key:
            self.notify("What it refers to is not there.", severity="warning", markup=False)
            return False
        if here is not None:
            self._jumps = [*self._jumps[-99:], here.key]
        self.tree_view.reveal(key)
        self._clear_filter_if_left()
        self.refresh_bindings()
        return True

    def _clear_filter_if_left(self) -> None:
        """A jump out of what the filter shows ends the filter."""
        field = self.query_one("#filter", FilterInput)
        if self.wanted and not self.tree_view.filtered:
            with self.prevent(Input.Changed):
                field.value = ""
            self.wanted = ""

    def action_jump_back(self) -> None:
        while self._jumps:
            if self.tree_view.reveal(self._jumps.pop()):
                break
        self._clear_filter_if_left()
        self.refresh_bindings()

    def _tool_meant(self) -> str | None:
        """The id of the tool that is chosen, or that the chosen widget or operation belongs to."""
        node = self.chosen
        return tool_of(self.snapshot, *node.about) if node is not None and node.about and len(node.about) == 2 else None

    def action_try_tool(self) -> None:
        tool = self._tool_meant()
        if tool is not None:
            self.drio.open_tool(self.app_id, tool)

    def action_open_deploy(self) -> None:
        self.drio.open_deploy(self.app_id, lambda _: self.action_refresh())

    def action_open_connect(self) -> None:
        self.drio.open_connect(self.app_id)

    def action_problems(self) -> None:
        if self.outline is not None:
            self.app.push_screen(ProblemsScreen(self.outline), self._go_to_problem)

    def _go_to_problem(self, key: ResourceKey | None) -> None:
        if key is not None:
            here = self.chosen
            if here is not None:
                self._jumps = [*self._jumps[-99:], here.key]
            self.tree_view.reveal(key)
            self._clear_filter_if_left()
            self.tree_view.focus()
            self.refresh_bindings()

    def action_back(self) -> None:
        """Out of the details, out of the filter, stop changing, stop reading, then out of the app."""
        if not self.tree_view.has_focus:
            self.remove_class("-detail")
            self.tree_view.focus()
        elif self.wanted:
            self.query_one("#filter", FilterInput).value = ""
        elif self.stop_changing():
            return  # what came of it is told when it is known
        elif self.cancel_requests():
            stopped = DrioError("You stopped the reading.", title="Not read")
            for kind, part in self.snapshot.parts.items():
                if part.state == "waiting":
                    self.snapshot.apply(Failed(kind, stopped))
            self.on_app_screen_read(self.Read(self._turn))
        else:
            self.drio.back()

    def action_import_operations(self) -> None:
        def imported(anything: bool | None) -> None:
            if anything:
                self.action_refresh()

        self.app.push_screen(ImportScreen(self.app_id, self.snapshot), imported)

    def action_copy_id(self) -> None:
        node = self.chosen
        if node is None:
            return
        resource = self.snapshot.at(node.about) if node.about else None
        if resource is not None and not resource.made_up:
            self.drio.copy(resource.id, "the id")
        else:
            self.notify("It has no id.", severity="warning", markup=False)

    def action_copy_json(self) -> None:
        if self.chosen is not None and self.outline is not None:
            self.drio.copy(json_codec.dumps(json_of(self.chosen, self.outline), indent=2), "the JSON")
