"""The screen of one app: what can be opened from its tree, and done with its resources."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import TYPE_CHECKING

from drio_tui.api import json_codec
from drio_tui.ui.app_detail.app_tree_screen import AppTreeScreen
from drio_tui.ui.app_detail.detail_pane import json_of
from drio_tui.ui.app_detail.selection import BINDINGS, Selection
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.widgets.filter_input import FilterInput
from drio_tui.workspace.model.snapshot import ResourceKey as ResourceKey
from drio_tui.workspace.model.tools import tool_of
from drio_tui.workspace.model.tree_model import PLACES

if TYPE_CHECKING:
    from drio_tui.ui.app_detail.app_actions import AppActions, CopyFinished, RebindFinished, UndoFinished
    from drio_tui.ui.app_detail.bulk_actions import EditFormReady
    from drio_tui.workspace.saving.unsaved_edits import UnsavedEdit

keymap.section(
    "go",
    "One app, after g",
    Key("go.first", "g", "go_first", "First", "The first row (Home, too)", palette=False),
    Key("go.tools", "t", "go_to('tool')", "Tools", "The tools"),
    Key("go.widget", "w", "go_to('widget')", "Widget", "The widget of the selected tool, or the first widget"),
    Key("go.operation", "o", "go_to('operation')", "Operation",
        "The operation of the selected tool, or the first one of the integration or the app"),
    Key("go.integrations", "i", "go_to('integration')", "Integrations", "The integrations"),
    Key("go.auth", "a", "go_to('auth')", "Auth", "The auth connections"),
    Key("go.branding", "b", "go_to('branding')", "Branding", "The branding"),
    Key("go.deploy", "d", "go_deploy", "Deploy", "Check the app, and take it live", dangerous=True, palette=False),
    Key("go.endpoint", "e", "go_endpoint", "Endpoint", "How to connect AI clients to the endpoint", palette=False),
    Key("go.end", "escape", "go_nowhere", "Nowhere", "Stay here", show=False, palette=False),
    after="app_screen.go",
)  # fmt: skip


class AppScreen(AppTreeScreen):
    """Shows one app. Parts are drawn as they arrive; a refresh keeps the cursor and the open nodes.

    `edit` is a kept edit of several resources, or of an import, whose form is opened once they are read.
    """

    AREA = "apps"
    PREFIX = "app_screen.go"
    CSS_PATH = stylesheet("app_detail")
    HORIZONTAL_BREAKPOINTS = [(0, "-single"), (72, "-narrow"), (100, "-normal"), (160, "-wide")]
    BINDINGS = keymap.section(
        "app_screen",
        "One app",
        Key("app_screen.filter", "slash", "filter", "Filter", "Show only the nodes that match"),
        Key("app_screen.go", "g", "go", "Go to", "Go to a part of the app: the footer shows the keys that may follow",
            show=False, palette=False),
        Key("app_screen.next", "n", "next_hit(1)", "Next hit", "Next hit of the filter; without one, next "
            "change by others", show=False),
        Key("app_screen.previous", "N", "next_hit(-1)", "Previous hit", "Previous hit of the filter; without "
            "one, previous change by others", show=False),
        Key("app_screen.fields", "f", "tab('fields')", "Fields", "The node's fields", show=False),
        Key("app_screen.json", "v", "tab('json')", "JSON", "The node's JSON", show=False),
        Key("app_screen.references", "u", "tab('references')", "Uses", "What it uses and what uses it", show=False),
        Key("app_screen.model", "O", "tab('model')", "Model", "How AI clients list the tool, or all tools", show=False),
        Key("app_screen.playground", "t", "try_tool", "Try", "Run the tool, or the tool of a widget or operation"),
        Key("app_screen.tests", "V", "open_tests", "Tests", "The tests of the tool: run, add and edit them",
            show=False),
        Key("app_screen.problems", "p", "problems", "Problems", "What is wrong with the app"),
        Key("app_screen.import", "i", "import_operations", "Import", "Import operations from an OpenAPI document",
            dangerous=True, show=False),
        Key("app_screen.back", "backspace,left_square_bracket", "jump_back", "Jump back", "Undo a jump", show=False),
        Key("app_screen.deploy", "d", "open_deploy", "Deploy", "Check the app, and take it live", dangerous=True),
        Key("app_screen.connect", "C", "open_connect", "Connect", "How to connect AI clients to the app", show=False),
        Key("app_screen.calls", "w", "open_calls", "Calls", "What AI clients ask of the deployed app (sandbox)",
            show=False),
        Key("app_screen.document", "M", "open_document", "Document", "Compare the app with its document in git, or "
            "export it", show=False),
        Key("app_screen.allow", "A", "allow_host", "Allow address", "Let the sandbox call the private address of the "
            "integration, or no longer", dangerous=True, show=False),
        Key("app_screen.refresh", "r", "read_again", "Refresh", "Read the app again"),
        Key("app_screen.copy", "y", "copy_id", "Copy id", "Copy the id of the selected node", show=False),
        Key("app_screen.copy_json", "Y", "copy_json", "Copy JSON", "Copy the JSON of the selected node", show=False),
        Key("app_screen.other", "tab", "other_pane", "Other side", "Between the tree and the details", show=False),
    ) + BINDINGS  # fmt: skip

    def __init__(self, app_id: str, reveal: ResourceKey | None = None, *, edit: UnsavedEdit | None = None) -> None:
        super().__init__(app_id, reveal)
        self.selection = Selection(self)
        self._kept_edit = edit

    @cached_property
    def actions(self) -> AppActions:
        """What changes the app."""
        # It imports the editors, which are not needed to show the app.
        from drio_tui.ui.app_detail.app_actions import AppActions

        return AppActions(self, self.selection)

    @property
    def marked(self) -> Collection[ResourceKey]:
        return self.selection.marked

    def app_loaded(self) -> None:
        if self._kept_edit is not None:
            from drio_tui.ui.forms.keeps_edit import IMPORT

            edit, self._kept_edit = self._kept_edit, None
            if edit.kind == IMPORT:
                self._open_import(edit)
            else:
                self.actions.bulk.go_on(edit)

    def session_changed(self) -> None:
        self.selection.forbidden.clear()  # a new sign-in may allow more
        super().session_changed()

    def action_read_again(self) -> None:
        """Read the app again, and enable what drio had not allowed: the permissions may have changed."""
        self.selection.forbidden.clear()
        self.live.forget_marks()
        self.action_refresh()

    # -- actions -----------------------------------------------------------------------------------

    def disabled_reason(self, action: str, parameters: tuple[object, ...]) -> str | None:
        match action:
            case "undo_change" | "duplicate_resource" | "rebind_tool" if self.has_request("change"):
                return "The last change is under way. Esc stops it."
            case "next_hit" if not self.filter_text and not self.live.marks:
                return "There is no filter, and no change by others: press / to set a filter."
            case "problems" if self.outline is not None and not self.outline.problems:
                return "No problem was found in this app."
            case "try_tool" | "open_tests" if self._runnable_tool() is None:
                return "Choose a tool first, or a widget or an operation that belongs to one."
            case "jump_back" if not self._jumps:
                return "There was no jump to go back from."
            case "open_calls":
                client = self.connection.client
                if client is None or not client.transport.is_sandbox:
                    return "Only the sandbox keeps what clients ask of an app."
            case "go_to" if self._place(str(parameters[0])) is None:
                return f"The app has no {PLACES[str(parameters[0])]}."
            case "allow_host":
                from drio_tui.ui.dialogs.allow_host import cannot_allow_reason  # not needed to show the app

                return cannot_allow_reason(self.connection.client, self.selection.selected_resource()) or None
        return self.selection.disabled_reason(action)

    # -- going to a part of the app: the keys after g ----------------------------------------------

    def action_go(self) -> None:
        self.begin_prefix()

    def action_go_nowhere(self) -> None:
        self.end_prefix()

    def action_go_first(self) -> None:
        """Go to the first row of what has the focus, else of the tree."""
        self.end_prefix()
        nodes = self.focused.ancestors_with_self if self.focused is not None else ()
        first = next((action for node in nodes if (action := getattr(node, "action_first", None))), None)
        (first or self.tree_view.action_first)()

    def action_go_to(self, place: str) -> None:
        self.end_prefix()
        key = self._place(place)
        if key is not None:
            self.show_resource(key)

    def action_go_deploy(self) -> None:
        self.end_prefix()
        self.action_open_deploy()

    def action_go_endpoint(self) -> None:
        self.end_prefix()
        self.action_open_connect()

    def _place(self, place: str) -> ResourceKey | None:
        return self.outline.place(place, self.selected_node) if self.outline is not None else None

    def action_allow_host(self) -> None:
        from drio_tui.ui.dialogs.allow_host import toggle_allowed

        client, integration = self.connection.client, self.selection.selected_resource()
        if client is not None and integration is not None:
            url = integration.text("baseUrl")
            start_worker(self, toggle_allowed, self.drio, client, url, group="ask", exclusive=True)

    # -- opening other screens ---------------------------------------------------------------------

    def _runnable_tool(self) -> str | None:
        """Return the id of the selected tool, or of the tool of the selected widget or operation."""
        node = self.selected_node
        return tool_of(self.snapshot, *node.about) if node is not None and node.about and len(node.about) == 2 else None

    def action_try_tool(self) -> None:
        tool = self._runnable_tool()
        if tool is not None:
            self.drio.navigator.open_tool(self.app_id, tool)

    def action_open_tests(self) -> None:
        tool = self._runnable_tool()
        if tool is not None:
            self.drio.navigator.open_tests(self.app_id, tool)

    def action_open_deploy(self) -> None:
        self.drio.navigator.open_deploy(self.app_id, lambda _: self.action_refresh())

    def action_open_connect(self) -> None:
        self.drio.navigator.open_connect(self.app_id)

    def action_open_calls(self) -> None:
        self.drio.navigator.open_calls(self.app_id, self.snapshot)

    def action_open_document(self) -> None:
        def closed(changed: bool | None) -> None:
            if changed:
                self.action_refresh()

        app = self.snapshot.app
        self.drio.navigator.open_document(self.app_id, app.text("slug") if app is not None else "", closed)

    def action_problems(self) -> None:
        from drio_tui.ui.app_detail.problems_dialog import ProblemsDialog

        if self.outline is not None:
            self.app.push_screen(ProblemsDialog(self.outline), self._go_to_problem)

    def _go_to_problem(self, key: ResourceKey | None) -> None:
        if key is not None:
            self.reveal(key)
            self.tree_view.focus()

    def action_back(self) -> None:
        """Leave the details, else clear the filter, else stop a change, else stop loading, else close the app."""
        if not self.tree_view.has_focus:
            self.remove_class("-detail")
            self.tree_view.focus()
        elif self.filter_text:
            self.query_one("#filter", FilterInput).value = ""
        elif self.actions.stop_change():
            return  # the outcome is shown once it is known
        elif not self.stop_reading():
            self.drio.navigator.back()

    def action_import_operations(self) -> None:
        self._open_import()

    def _open_import(self, edit: UnsavedEdit | None = None) -> None:
        from drio_tui.ui.openapi_import.import_screen import ImportScreen  # imports what reads documents

        def dialog_closed(changed: bool | None) -> None:
            if changed:
                self.action_refresh()

        self.app.push_screen(ImportScreen(self.app_id, self.snapshot, edit=edit), dialog_closed)

    def action_copy_id(self) -> None:
        node = self.selected_node
        if node is None:
            return
        resource = self.snapshot.at(node.about) if node.about else None
        if resource is not None and not resource.made_up:
            self.drio.copy(resource.id, "the id")
        else:
            self.notify("It has no id.", severity="warning", markup=False)

    def action_copy_json(self) -> None:
        if self.selected_node is not None and self.outline is not None:
            self.drio.copy(json_codec.dumps(json_of(self.selected_node, self.outline), indent=2), "the JSON")

    # -- changing the app --------------------------------------------------------------------------

    def action_edit_resource(self) -> None:
        self.actions.edit_resource()

    def action_edit_outside(self) -> None:
        self.actions.edit_outside()

    def action_add_resource(self) -> None:
        self.actions.add_resource()

    def action_change_several(self) -> None:
        self.actions.change_several()

    def action_duplicate_resource(self) -> None:
        self.actions.duplicate_resource()

    def action_rebind_tool(self) -> None:
        self.actions.rebind_tool()

    def action_mark(self) -> None:
        self.selection.mark()

    def action_delete_resources(self) -> None:
        self.actions.delete_resources()

    def action_switch_resources(self) -> None:
        self.actions.switch_resources()

    def action_undo_change(self) -> None:
        self.actions.undo_change()

    def action_show_history(self) -> None:
        self.actions.show_history()

    def on_edit_form_ready(self, message: EditFormReady) -> None:
        self.actions.bulk.edit_form_ready(message)

    def on_change_ended(self) -> None:
        self.changing = ""

    def running_task(self) -> str:
        return "A change of the app" if self.has_request("change") else ""

    @property
    def holds_input(self) -> bool:
        """Whether the form of several resources is about to open: what is typed is meant for it."""
        return super().holds_input or self.has_request("bulk")

    def on_copy_finished(self, message: CopyFinished) -> None:
        self.actions.copy_finished(message)

    def on_rebind_finished(self, message: RebindFinished) -> None:
        self.actions.rebind_finished(message)

    def on_undo_finished(self, message: UndoFinished) -> None:
        self.actions.undo_finished(message)
