"""The editors that are forms with notes: branding, annotations, an operation's call, an auth connection."""

from __future__ import annotations

from drio_tui.api.errors import FieldError
from drio_tui.schema.fields import SchemaReader
from drio_tui.ui.dialogs.select_dialog import SelectDialog
from drio_tui.ui.editing.editors.base import EditorContext
from drio_tui.ui.editing.editors.operation import OperationEditor
from drio_tui.ui.editing.editors.tag_input import TagInput
from drio_tui.ui.forms.schema_form import SchemaForm
from drio_tui.workspace.model.snapshot import Snapshot
from tests.ui.editing.editors.app import APP, AUTH, app_snapshot, operation, tool
from tests.ui.editing.editors.stage import EditorDriver, staged


def notes(driver: EditorDriver) -> str:
    return driver.editor.query_one("#notes").shown.plain


async def focus(driver: EditorDriver, path: str) -> None:
    form = driver.editor.query_one(SchemaForm)
    node, rest = form.model.nearest_node(path)
    assert not rest
    row = form.field_widget_of(node)
    assert row is not None
    row.focus_editor()
    await driver.settle()


# --- branding -------------------------------------------------------------------------------------


async def test_a_colour_of_too_little_contrast_is_reported_and_fixed_with_one_key() -> None:
    async with staged("app", "branding", APP, app_snapshot()) as driver:
        assert "✗  2.2:1 too low  Accent on it" in notes(driver)
        await focus(driver, "accentColor")
        await driver.press("f6")
        accent = driver.editor.value()["branding"]["accentColor"]
        assert accent != "#22c55e"
        assert "too low" not in notes(driver)
        assert accent in driver.screen
        assert driver.editor.changes() == {"branding": {"accentColor": accent}}


async def test_the_preview_is_updated_while_typing() -> None:
    async with staged("app", "branding", APP, app_snapshot()) as driver:
        assert "Acme" in notes(driver)
        await focus(driver, "fontFamily")
        await driver.type("Inter")
        assert "Font Inter" in notes(driver)
        assert driver.app.changes


async def test_missing_branding_stays_missing_until_a_value_is_set() -> None:
    async with staged("app", "branding", {"id": "app_1", "name": "Acme"}, app_snapshot()) as driver:
        assert driver.editor.value() == {}
        await focus(driver, "primaryColor")
        await driver.type("#000")
        assert driver.editor.changes() == {"branding": {"primaryColor": "#000"}}


async def test_a_property_known_only_to_the_server_is_shown_from_its_document() -> None:
    schema = {
        "type": "object",
        "properties": {
            "branding": {"type": "object", "properties": {"logo": {"type": "string", "title": "Logo mark"}}}
        },
    }
    context = EditorContext(body=(SchemaReader(schema), schema))
    async with staged("app", "branding", APP, app_snapshot(), context=context) as driver:
        assert "Logo mark" in driver.screen
        assert driver.editor.value() == {"branding": APP["branding"]}


async def test_a_server_error_is_shown_at_the_field_it_names() -> None:
    async with staged("app", "branding", APP, app_snapshot()) as driver:
        left = driver.editor.apply_errors(
            [FieldError("branding.fontFamily", "is not known"), FieldError("slug", "taken")]
        )
        await driver.settle()
        assert [error.path for error in left] == ["slug"]
        assert "✗ is not known" in driver.screen


async def test_ctrl_s_in_a_field_requests_a_save() -> None:
    async with staged("app", "branding", APP, app_snapshot()) as driver:
        await focus(driver, "fontFamily")
        await driver.press("ctrl+s")
        assert len(driver.app.saves) == 1


# --- annotations ----------------------------------------------------------------------------------


async def test_annotations_are_explained_and_checked_against_the_operation() -> None:
    async with staged("tool", "annotations", tool("t_search"), app_snapshot()) as driver:
        assert "Clients will ask before they call it: it may delete or overwrite." in notes(driver)
        assert "The operation is a GET" in notes(driver)
        await focus(driver, "readOnlyHint")
        await driver.press("y")
        assert "Clients take it for harmless" in notes(driver)
        assert "The operation is a GET" not in notes(driver)
        assert driver.editor.changes() == {"annotations": {"readOnlyHint": True}}


async def test_an_unknown_annotation_is_preserved() -> None:
    async with staged("tool", "annotations", tool("t_pay"), app_snapshot()) as driver:
        await focus(driver, "idempotentHint")
        await driver.press("y")
        assert driver.editor.value() == {"annotations": {"readOnlyHint": False, "x-new": 1, "idempotentHint": True}}


# --- operation ------------------------------------------------------------------------------------


async def test_a_parameter_missing_in_the_schema_is_reported_while_typing_and_added_with_one_key() -> None:
    async with staged("operation", "path", operation("op_get"), app_snapshot()) as driver:
        assert "✓ id  path  required" in notes(driver)
        await focus(driver, "path")
        await driver.press("end")
        await driver.type("/notes/{note}")
        assert "✗ note  path  not in the input schema" in notes(driver)
        assert ("inputSchema", "lacks the parameter note of the path") in {
            (error.path, error.message) for error in driver.editor.validate()
        }
        await driver.press("f6")
        assert driver.editor.value()["inputSchema"]["required"] == ["id", "note"]
        assert driver.editor.value()["inputSchema"]["properties"]["note"] == {"type": "string"}
        assert driver.editor.validate() == []


async def test_an_invalid_schema_is_rejected_with_the_path_of_the_error() -> None:
    async with staged("operation", "path", operation("op_get"), app_snapshot()) as driver:
        driver.editor.set_field("inputSchema", {"type": "object", "properties": {"id": {"type": "strin"}}})
        driver.editor.set_field("outputSchema", {"$ref": "#/$defs/gone"})
        await driver.settle()
        errors = {error.path: error.message for error in driver.editor.validate()}
        assert errors["inputSchema"] == "needs a JSON type instead of strin at properties.id"
        assert errors["outputSchema"] == "refers to #/$defs/gone, which is not in it"


async def test_preexisting_invalid_values_do_not_block_saving() -> None:
    raw = operation("op_get") | {"path": "/a/{gone}"}
    async with staged("operation", "path", raw, app_snapshot()) as driver:
        assert driver.editor.validate() == []
        assert "gone" in notes(driver)


# --- auth -----------------------------------------------------------------------------------------


async def test_a_provider_is_chosen_by_name_and_its_form_is_shown() -> None:
    async with staged("auth", "config", None, app_snapshot()) as driver:
        assert [(error.path, error.message) for error in driver.editor.validate()][-1] == ("providerKey", "is required")
        await driver.press("f6")
        assert isinstance(driver.app.screen, SelectDialog)
        assert "you manage it" in driver.screen
        await driver.type("key")
        await driver.press("enter")
        await driver.until(lambda: "apiKey" in driver.editor.query(SchemaForm).last().model.root.properties)
        await focus(driver, "apiKey")
        await driver.type("s3cret")
        assert "s3cret" not in driver.screen
        assert driver.editor.value() == {"providerKey": "api-key", "config": {"apiKey": "s3cret"}}
        assert "s3cret" not in repr(driver.editor)
        assert driver.editor.value(secrets=False) == {"providerKey": "api-key"}


async def test_setting_json_keeps_a_typed_secret_and_the_base() -> None:
    raw = {"id": "a_2", "providerKey": "api-key", "config": {"name": "X-Key"}}
    async with staged("auth", "config", raw, app_snapshot()) as driver:
        await focus(driver, "apiKey")
        await driver.type("s3cret")
        driver.editor.set_value({"providerKey": "api-key", "config": {"name": "X-Other"}})
        await driver.settle()
        assert driver.editor.changes() == {"config": {"name": "X-Other", "apiKey": "s3cret"}}
        assert "X-Other" in driver.screen
        assert "s3cret" not in driver.screen


async def test_status_and_last_error_are_shown_and_the_provider_cannot_be_changed() -> None:
    async with staged("auth", "config", AUTH, app_snapshot()) as driver:
        assert "✗ error" in notes(driver)
        assert "401 from the token endpoint" in notes(driver)
        await driver.press("f6")
        assert not isinstance(driver.app.screen, SelectDialog)
        assert not driver.editor.dirty


async def test_scopes_are_added_from_suggestions_or_by_typing_and_removed() -> None:
    async with staged("auth", "config", AUTH, app_snapshot()) as driver:
        tag_input = driver.editor.query_one(TagInput)
        tag_input.focus()
        await driver.press("enter")
        assert "contacts:write" in driver.screen
        await driver.type("write")
        await driver.press("enter")
        await driver.press("enter")
        await driver.type("openid")
        await driver.press("enter")
        assert driver.editor.changes() == {"config": {"scopes": ["contacts:read", "contacts:write", "openid"]}}
        await driver.press("left", "left", "left", "x")
        assert driver.editor.value()["config"] == AUTH["config"] | {"scopes": ["contacts:write", "openid"]}


async def test_a_scope_is_removed_with_the_mouse() -> None:
    async with staged("auth", "config", AUTH, app_snapshot()) as driver:
        lines = driver.screen.splitlines()
        y = next(number for number, line in enumerate(lines) if "contacts:read ✕" in line)
        await driver.pilot.click(offset=(lines[y].index("✕"), y))
        await driver.settle()
        assert driver.editor.value()["config"]["scopes"] == []


def test_a_new_operation_requires_method_and_path_without_a_server_document() -> None:
    new, existing = OperationEditor(), OperationEditor()
    new.load(None, Snapshot("app_1"))
    existing.load({"id": "op_1", "name": "Search"}, Snapshot("app_1"))
    errors = [(error.path, error.message) for error in new.validate()]
    assert errors == [("method", "is required"), ("path", "is required")]
    assert existing.validate() == []
