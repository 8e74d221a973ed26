"""What is typed into a form that is not of one resource is kept too, and opened again where it was typed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from drio_tui.ui.dialogs.confirm_dialog import ConfirmDialog
from drio_tui.ui.editing.bulk_dialog import BulkDialog
from drio_tui.ui.editing.recovery_dialog import RecoveryDialog
from drio_tui.ui.explorer.explorer_dialogs import RawRequestDialog
from drio_tui.ui.explorer.explorer_screen import ExplorerScreen
from drio_tui.ui.explorer.operation_screen import OperationScreen
from drio_tui.ui.forms.inputs import TextEditor
from drio_tui.ui.forms.schema_form import SchemaForm
from drio_tui.ui.plan.plan_tree import PlanTree
from drio_tui.ui.playground.playground_screen import PlaygroundScreen
from drio_tui.ui.playground.tool_test_screen import ToolTestScreen
from drio_tui.ui.playground.tool_tests_screen import ToolTestsScreen
from drio_tui.workspace.saving import unsaved_edits
from tests.explorer.servers import V3
from tests.ui.driving import running, text_of, until
from tests.ui.editing.test_bulk import dialog_of, planned
from tests.ui.editing.test_kept import kept_edits
from tests.ui.editing.test_saving import opened
from tests.ui.explorer.test_explorer import open_operation
from tests.ui.table_server import TableServer, drio_of, serving
from tests.workspace.small_app import small_config


async def offered_again(pilot: Any, what: str, screen_type: type, widget: str = "FieldRow") -> Any:
    """Change to the same sign-in as if it were another one, and go on with the edit that is offered then."""
    app = pilot.app
    app.restart(base_url=app.options.base_url)
    await until(pilot, lambda: isinstance(app.screen, RecoveryDialog) and app.screen.focused)
    assert what in text_of(app)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, screen_type) and app.screen.query(widget))
    return app.screen


async def leave(pilot: Any, lost: str) -> None:
    """Press Esc, and agree to lose what is typed."""
    await pilot.press("escape")
    await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog) and pilot.app.screen.focused)
    assert f"You would lose {lost}" in text_of(pilot.app)
    await pilot.press("right", "enter")


async def test_what_is_typed_into_any_form_is_kept_and_offered_after_a_sign_in_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = small_config()
    config["operations"][0]["inputSchema"] = {
        "type": "object",
        "properties": {"q": {"type": "string", "x-in": "query"}},
    }
    answers = drio_of(config) | {"GET /api/v3/openapi.json": V3}
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        app: Any = pilot.app
        app.navigator.open_tests("app_1", "tool_1")
        await until(pilot, lambda: isinstance(app.screen, ToolTestsScreen) and app.screen.tool_key)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ToolTestScreen))
        await pilot.press(*"finds", "tab", "left_curly_bracket", *'"q": 1')
        texts = {"arguments": '{"q": 1'}
        await until(pilot, lambda: [edit.texts for edit in kept_edits()] == [texts])
        screen = await offered_again(pilot, "test finds of Search Tickets", ToolTestScreen)
        model = screen.form.model
        assert (model.value(), model.invalid_texts) == ({"name": "finds"}, texts)
        model.type_texts({"arguments": '{"q": 1}'})
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, ToolTestsScreen) and app.screen.kept.local)
        await until(pilot, lambda: not kept_edits())

        app.navigator.open_app("app_1")
        app_screen = await opened(pilot)
        tools = [*app_screen.snapshot.resources("tool")]
        app_screen.actions.bulk.edit(tools)
        dialog = await dialog_of(pilot)
        await pilot.press("tab", *"Both")
        await planned(pilot, dialog, len(tools))
        await pilot.press("f5", "space")  # leaves one out
        await until(pilot, lambda: [len(edit.local.get("leftOut", ())) for edit in kept_edits()] == [1])
        dialog = await offered_again(pilot, f"change: Edit {len(tools)} tools", BulkDialog)
        await planned(pilot, dialog, len(tools))
        assert dialog.form.model.to_patch() == {"description": "Both"}
        assert len(dialog.query_one(PlanTree).included) == len(tools) - 1
        await leave(pilot, "what you typed in")
        await until(pilot, lambda: not kept_edits())

        app.navigator.open_tool("app_1", "tool_1")
        await until(pilot, lambda: isinstance(app.screen, PlaygroundScreen) and app.screen.query("FieldRow"))
        await pilot.press(*"what")
        await until(pilot, lambda: [edit.kind for edit in kept_edits()] == ["arguments"])
        await pilot.press("escape")  # it is shown when the playground is opened again
        await until(pilot, lambda: not isinstance(app.screen, PlaygroundScreen))
        screen = await offered_again(pilot, "arguments of Search Tickets", PlaygroundScreen)
        assert screen.form.model.value() == {"q": "what"}
        await pilot.press("escape")

        await pilot.press("4")
        await until(pilot, lambda: isinstance(app.screen, ExplorerScreen) and app.screen.server_api)
        screen = await open_operation(pilot, "POST /apps")
        screen.form.model.assign({"name": "A long name", "api_token": "s3cr3t"})
        screen.form.post_message(SchemaForm.Changed(screen.form))
        await until(pilot, lambda: "request" in [edit.kind for edit in kept_edits()])
        (edit,) = (edit for edit in kept_edits() if edit.kind == "request")
        assert (edit.local, edit.lost) == ({"name": "A long name"}, ("api_token",))
        unsaved_edits.discard(next(edit.id for edit in kept_edits() if edit.kind == "arguments"))
        screen = await offered_again(pilot, "request POST /api/v3/apps", OperationScreen)
        assert screen.form.model.value() == {"name": "A long name"}
        await pilot.press("f6")
        await until(pilot, lambda: isinstance(app.screen, RawRequestDialog) and app.screen.focused)
        app.screen.query_one(TextEditor).text = '{"name": "By hand", "api_token": "s3cr3t"}'
        await until(pilot, lambda: "raw_request" in [edit.kind for edit in kept_edits()])
        assert "s3cr3t" not in "".join(path.read_text() for path in unsaved_edits.folder().glob("*.json"))
        dialog = await offered_again(pilot, "request by hand POST /api/v3/apps", RawRequestDialog, "TextEditor")
        assert json.loads(dialog.query_one(TextEditor).text) == {"name": "By hand"}
        await leave(pilot, "the request that you wrote")
        await until(pilot, lambda: [edit.kind for edit in kept_edits()] == ["request"])  # that of the form
        unsaved_edits.discard(kept_edits()[0].id)
        await pilot.press(*"key")
        await until(pilot, kept_edits)
        await pilot.press("ctrl+q")  # what is typed here is forgotten when the user quits
        await until(pilot, lambda: not kept_edits())
