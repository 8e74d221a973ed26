"""Errors are shown under their fields and counted on the tabs; the first one gets the focus."""

from __future__ import annotations

from typing import Any

from drio_tui.api.errors import FieldError
from drio_tui.ui.forms.field_row import FieldRow
from drio_tui.ui.forms.group_widgets import Block, MoreFields
from drio_tui.ui.forms.inputs import TextEditor
from drio_tui.ui.forms.tabs import TabStrip
from tests.schema.editing import form, form_of
from tests.ui.forms.stage import staged


async def test_saving_shows_every_error_and_focuses_the_first() -> None:
    async with staged(form_of("AppCreate")) as hand:
        hand.form.show_tab(1)
        await hand.settle()
        await hand.type("red")
        await hand.press("ctrl+s")
        await hand.settle()
        assert hand.app.submitted == []
        assert hand.form.current == 0
        assert hand.field_widget("templateId").has_focus_within
        assert hand.form.query_one(TabStrip).counts == (2, 1, 0)
        assert hand.screen.count("✗ is required") == 2
        await hand.press("f8", "f8")
        await hand.settle()
        assert hand.field_widget("branding.primaryColor").has_focus_within
        assert "must be a colour" in hand.screen


async def test_a_field_is_checked_on_blur_and_its_error_removed_when_corrected() -> None:
    async with staged(form_of("AppCreate")) as hand:
        await hand.focus("slug")
        await hand.type("A")
        assert "✗" not in hand.screen
        await hand.press("tab")
        await hand.settle()
        assert "✗ must be lower-case" in hand.screen
        assert hand.form.query_one(TabStrip).counts[0] == 1
        await hand.press("shift+tab", "backspace")
        await hand.type("a")
        await hand.settle()
        assert "✗" not in hand.screen
        assert hand.form.query_one(TabStrip).counts[0] == 0


async def test_server_errors_are_shown_on_tabs_never_opened() -> None:
    """F01."""
    async with staged(form_of("AppPatch", {"name": "n"}), size=(80, 24)) as hand:
        unmatched = hand.form.apply_errors(
            [FieldError("branding.fontFamily", "is not licensed"), FieldError("x.y", "is odd")]
        )
        await hand.settle()
        assert [error.path for error in unmatched] == ["x.y"]
        assert hand.form.current == 1
        assert hand.field_widget("branding.fontFamily").has_focus_within
        assert "✗ is not licensed" in hand.screen
        assert "✗ x.y is odd" in hand.screen
        await hand.type("a")
        await hand.settle()
        assert "✗" not in hand.screen


async def test_a_long_error_is_shown_whole_where_the_cursor_is() -> None:
    async with staged(form_of("AppPatch", {"name": "n"}), size=(80, 30)) as hand:
        hand.form.apply_errors([FieldError("name", f"is not {'very ' * 120}good")])
        await hand.settle()
        assert "very very good" in " ".join(hand.screen.split())
        await hand.press("tab")
        await hand.settle()
        assert "very good" not in hand.screen
        assert "very…" in hand.screen.replace(" …", "…")
        await hand.press("shift+tab")
        await hand.settle()
        assert "very very good" in " ".join(hand.screen.split())


async def test_an_error_in_a_folded_group_unfolds_it() -> None:
    async with staged(form_of("WidgetPatch", {"config": {"fieldMappings": {"rows": "$.a"}}})) as hand:
        config = hand.field_widget("config")
        assert isinstance(config, Block)
        config.folded = True
        await hand.settle()
        assert "rows" not in hand.screen
        hand.form.apply_errors([FieldError("config.fieldMappings.rows", "matches nothing")])
        await hand.settle()
        assert not config.folded
        assert "✗ matches nothing" in hand.screen


async def test_edits_in_the_json_view_are_checked_like_fields() -> None:
    async with staged(form_of("AppPatch", {"name": "n", "later": {"a": 1}})) as hand:
        await hand.press("f3")
        await hand.settle()
        area = hand.form.query_one(TextEditor)
        assert '"later"' in area.text
        area.load_text('{"name": "m", "later": {"a": 2}, "slug": "Bad Slug"}')
        await hand.press("ctrl+s")
        await hand.settle()
        assert hand.model.to_patch() == {"name": "m", "later": {"a": 2}, "slug": "Bad Slug"}
        assert hand.app.submitted == []
        assert "✗ must be lower-case" in hand.screen
        assert hand.field_widget("slug").has_focus_within


async def test_invalid_json_is_kept_and_prevents_saving() -> None:
    async with staged(form_of("AppPatch", {"name": "n"})) as hand:
        await hand.press("f3")
        await hand.settle()
        hand.form.query_one(TextEditor).load_text('{"name": ')
        await hand.press("f4")
        await hand.settle()
        assert "JSON view holds text that does not parse" in hand.screen
        await hand.press("ctrl+s")
        await hand.settle()
        assert hand.app.submitted == []
        assert hand.form.query_one("TextEditor.-whole", TextEditor).text == '{"name": '
        hand.form.discard_json_text()
        await hand.settle()
        await hand.press("ctrl+s")
        await hand.settle()
        assert [event.patch for event in hand.app.submitted] == [{}]


async def test_a_form_of_a_newer_server_edits_unknown_properties() -> None:
    from drio_tui.api import models

    schema = models.AppCreate.model_json_schema(by_alias=True)
    schema["required"].append("region")
    schema["properties"]["region"] = {"type": "string", "enum": ["eu", "mars"], "title": "Region"}
    schema["properties"]["billing"] = {
        "type": "object",
        "title": "Billing",
        "properties": {"plan": {"type": "string"}, "seats": {"type": "integer"}, "vat": {"type": "string"}},
    }
    schema["$defs"]["BrandingInput"]["properties"]["borderRadius"] = {"enum": ["lg", "hexagonal"]}
    async with staged(form(schema), note="Fields from the server's OpenAPI document") as hand:
        assert "server's OpenAPI document" in hand.screen
        await hand.type("support")
        await hand.press("tab")
        await hand.type("n")
        await hand.press("ctrl+s")
        await hand.settle()
        assert hand.field_widget("region").has_focus_within
        await hand.press("right", "right", "f4")
        await hand.settle()
        await hand.focus("branding.borderRadius")
        await hand.press("left")
        await hand.press("f4")
        await hand.settle()
        await hand.press("p", "tab", "3", "ctrl+s")
        await hand.settle()
        assert [event.value for event in hand.app.submitted] == [
            {
                "templateId": "support",
                "name": "n",
                "branding": {"borderRadius": "hexagonal"},
                "region": "mars",
                "billing": {"plan": "p", "seats": 3},
            }
        ]


async def test_of_very_many_fields_the_first_are_shown_then_more_and_those_up_to_an_error() -> None:
    names = [f"field{number:03}" for number in range(360)]
    properties: dict[str, Any] = {name: {"type": "string"} for name in names}
    body = {
        "type": "object",
        "properties": {name: {"type": "string"} for name in names[:130]},
        "required": ["field120"],
    }
    required = ["field320", "body"]
    model = form({"type": "object", "properties": {**properties, "body": body}, "required": required})
    async with staged(model) as hand:
        assert len(hand.form.query(FieldRow)) == 100
        line = hand.form.query_one(MoreFields)
        assert line.render().plain == "+ Show more: 260 fields are left"
        line.focus()
        await hand.settle()
        await hand.press("enter")
        await hand.settle()
        assert [row.node.path for row in hand.form.query(FieldRow)] == [(name,) for name in names[:200]]
        assert hand.field_widget("field100").has_focus_within
        await hand.press("ctrl+s")
        await hand.settle()
        assert hand.field_widget("field320").has_focus_within
        assert "Field320" in hand.screen
        assert len(hand.form.query(FieldRow)) == 321
        assert "39 fields are left" in line.render().plain
        await hand.type("x")
        line.action_add()
        line.action_add()  # as when the key is pressed again before the line is gone
        await hand.settle()
        assert [row.node.path for row in hand.form.query(FieldRow)] == [(name,) for name in names]
        assert not hand.form.query(MoreFields)
        await hand.press("ctrl+s")
        await hand.settle()
        assert hand.field_widget("body.field120").has_focus_within
        assert "Field120" in hand.screen
        assert len(hand.form.query_one(MoreFields).left) == 9
        await hand.type("x")
        await hand.press("ctrl+s")
        await hand.settle()
        assert len(hand.app.submitted) == 1
