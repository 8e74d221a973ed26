"""The editors that are forms with something to say: branding, hints, an operation's call, a connection."""

from __future__ import annotations

from drio_tui.api.errors import FieldError
from drio_tui.schema.fields import Reader
from drio_tui.ui.dialogs.select_dialog import ChooserScreen
from drio_tui.ui.editing.editors.base import Context
from drio_tui.ui.editing.editors.operation import OperationEditor
from drio_tui.ui.editing.editors.tag_input import Chips
from drio_tui.ui.forms.schema_form import SchemaForm
from drio_tui.workspace.model.snapshot import Snapshot
from tests.ui.editing.editors.app import APP, AUTH, operation, tool, world
from tests.ui.editing.editors.stage import Hand, staged


def notes(hand: Hand) -> str:
    return hand.editor.query_one("#notes").said.plain


async def focus(hand: Hand, path: str) -> None:
    form = hand.editor.query_one(SchemaForm)
    node, rest = form.model.nearest(path)
    assert not rest
    place = form.place_of(node)
    assert place is not None
    place.focus_editor()
    await hand.settle()


# --- branding -------------------------------------------------------------------------------------


async def test_a_colour_that_cannot_be_read_is_seen_and_mended_with_one_key() -> None:
    async with staged("app", "branding", APP, world()) as hand:
        assert "✗  2.2:1 too low  Accent on it" in notes(hand)
        await focus(hand, "accentColor")
        await hand.press("f6")
        accent = hand.editor.value()["branding"]["accentColor"]
        assert accent != "#22c55e"
        assert "too low" not in notes(hand)
        assert accent in hand.screen
        assert hand.editor.changes() == {"branding": {"accentColor": accent}}


async def test_the_preview_follows_what_is_typed() -> None:
    async with staged("app", "branding", APP, world()) as hand:
        assert "Acme" in notes(hand)
        await focus(hand, "fontFamily")
        await hand.type("Inter")
        assert "Font Inter" in notes(hand)
        assert hand.app.changes


async def test_branding_that_was_not_there_stays_away_until_something_is_set() -> None:
    async with staged("app", "branding", {"id": "app_1", "name": "Acme"}, world()) as hand:
        assert hand.editor.value() == {}
        await focus(hand, "primaryColor")
        await hand.type("#000")
        assert hand.editor.changes() == {"branding": {"primaryColor": "#000"}}


async def test_a_member_that_only_the_server_knows_is_drawn_from_its_document() -> None:
    schema = {
        "type": "object",
        "properties": {
            "branding": {"type": "object", "properties": {"logo": {"type": "string", "title": "Logo mark"}}}
        },
    }
    context = Context(body=(Reader(schema), schema))
    async with staged("app", "branding", APP, world(), context=context) as hand:
        assert "Logo mark" in hand.screen
        assert hand.editor.value() == {"branding": APP["branding"]}


async def test_what_the_server_says_lands_on_the_field_it_names() -> None:
    async with staged("app", "branding", APP, world()) as hand:
        left = hand.editor.apply_errors(
            [FieldError("branding.fontFamily", "is not known"), FieldError("slug", "taken")]
        )
        await hand.settle()
        assert [error.path for error in left] == ["slug"]
        assert "✗ is not known" in hand.screen


async def test_saving_is_asked_for_from_within() -> None:
    async with staged("app", "branding", APP, world()) as hand:
        await focus(hand, "fontFamily")
        await hand.press("ctrl+s")
        assert len(hand.app.saves) == 1


# --- hints ----------------------------------------------------------------------------------------


async def test_hints_are_explained_and_held_against_what_the_tool_calls() -> None:
    async with staged("tool", "annotations", tool("t_search"), world()) as hand:
        assert "Clients will ask before they call it: it may delete or overwrite." in notes(hand)
        assert "The operation is a GET" in notes(hand)
        await focus(hand, "readOnlyHint")
        await hand.press("y")
        assert "Clients take it for harmless" in notes(hand)
        assert "The operation is a GET" not in notes(hand)
        assert hand.editor.changes() == {"annotations": {"readOnlyHint": True}}


async def test_a_hint_nobody_knows_stays() -> None:
    async with staged("tool", "annotations", tool("t_pay"), world()) as hand:
        await focus(hand, "idempotentHint")
        await hand.press("y")
        assert hand.editor.value() == {"annotations": {"readOnlyHint": False, "x-new": 1, "idempotentHint": True}}


# --- operation ------------------------------------------------------------------------------------


async def test_a_parameter_that_the_schema_lacks_is_seen_while_it_is_typed_and_put_in_with_one_key() -> None:
    async with staged("operation", "path", operation("op_get"), world()) as hand:
        assert "✓ id  path  required" in notes(hand)
        await focus(hand, "path")
        await hand.press("end")
        await hand.type("/notes/{note}")
        assert "✗ note  path  not in the input schema" in notes(hand)
        assert ("inputSchema", "lacks the parameter note of the path") in {
            (error.path, error.message) for error in hand.editor.problems()
        }
        await hand.press("f6")
        assert hand.editor.value()["inputSchema"]["required"] == ["id", "note"]
        assert hand.editor.value()["inputSchema"]["properties"]["note"] == {"type": "string"}
        assert hand.editor.problems() == []


async def test_a_schema_that_is_none_is_refused_with_the_place() -> None:
    async with staged("operation", "path", operation("op_get"), world()) as hand:
        hand.editor.put("inputSchema", {"type": "object", "properties": {"id": {"type": "strin"}}})
        hand.editor.put("outputSchema", {"$ref": "#/$defs/gone"})
        await hand.settle()
        wrong = {error.path: error.message for error in hand.editor.problems()}
        assert wrong["inputSchema"] == "type strin is not a JSON type at properties.id"
        assert wrong["outputSchema"] == "refers to #/$defs/gone, which is not in it"


async def test_what_was_odd_before_the_edit_does_not_stand_in_its_way() -> None:
    raw = operation("op_get") | {"path": "/a/{gone}"}
    async with staged("operation", "path", raw, world()) as hand:
        assert hand.editor.problems() == []
        assert "gone" in notes(hand)


# --- auth -----------------------------------------------------------------------------------------


async def test_a_provider_is_chosen_by_name_and_its_form_is_drawn() -> None:
    async with staged("auth", "config", None, world()) as hand:
        assert [(error.path, error.message) for error in hand.editor.problems()][-1] == ("providerKey", "is required")
        await hand.press("f6")
        assert isinstance(hand.app.screen, ChooserScreen)
        assert "you manage it" in hand.screen
        await hand.type("key")
        await hand.press("enter")
        await hand.until(lambda: "apiKey" in hand.editor.query(SchemaForm).last().model.root.members)
        await focus(hand, "apiKey")
        await hand.type("s3cret")
        assert "s3cret" not in hand.screen
        assert hand.editor.value() == {"providerKey": "api-key", "config": {"apiKey": "s3cret"}}
        assert "s3cret" not in repr(hand.editor)
        assert hand.editor.value(secrets=False) == {"providerKey": "api-key"}


async def test_json_from_elsewhere_leaves_a_typed_secret_and_the_base_as_they_are() -> None:
    raw = {"id": "a_2", "providerKey": "api-key", "config": {"name": "X-Key"}}
    async with staged("auth", "config", raw, world()) as hand:
        await focus(hand, "apiKey")
        await hand.type("s3cret")
        hand.editor.take({"providerKey": "api-key", "config": {"name": "X-Other"}})
        await hand.settle()
        assert hand.editor.changes() == {"config": {"name": "X-Other", "apiKey": "s3cret"}}
        assert "X-Other" in hand.screen
        assert "s3cret" not in hand.screen


async def test_state_and_last_error_are_shown_and_the_provider_of_a_connection_stays() -> None:
    async with staged("auth", "config", AUTH, world()) as hand:
        assert "✗ error" in notes(hand)
        assert "401 from the token endpoint" in notes(hand)
        await hand.press("f6")
        assert not isinstance(hand.app.screen, ChooserScreen)
        assert not hand.editor.dirty


async def test_scopes_are_added_from_those_on_offer_or_typed_and_taken_away() -> None:
    async with staged("auth", "config", AUTH, world()) as hand:
        chips = hand.editor.query_one(Chips)
        chips.focus()
        await hand.press("enter")
        assert "contacts:write" in hand.screen
        await hand.type("write")
        await hand.press("enter")
        await hand.press("enter")
        await hand.type("openid")
        await hand.press("enter")
        assert hand.editor.changes() == {"config": {"scopes": ["contacts:read", "contacts:write", "openid"]}}
        await hand.press("left", "left", "left", "x")
        assert hand.editor.value()["config"] == AUTH["config"] | {"scopes": ["contacts:write", "openid"]}


async def test_a_scope_is_taken_away_with_the_mouse() -> None:
    async with staged("auth", "config", AUTH, world()) as hand:
        lines = hand.screen.splitlines()
        y = next(number for number, line in enumerate(lines) if "contacts:read ✕" in line)
        await hand.pilot.click(offset=(lines[y].index("✕"), y))
        await hand.settle()
        assert hand.editor.value()["config"]["scopes"] == []


def test_a_new_operation_wants_method_and_path_where_the_server_does_not_describe_its_requests() -> None:
    new, there = OperationEditor(), OperationEditor()
    new.load(None, Snapshot("app_1"))
    there.load({"id": "op_1", "name": "Search"}, Snapshot("app_1"))
    assert [(one.path, one.message) for one in new.problems()] == [("method", "is required"), ("path", "is required")]
    assert there.problems() == []
