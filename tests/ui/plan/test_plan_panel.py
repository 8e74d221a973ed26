"""The plan view: what changes is readable, can be filtered and chosen, and shows how far it got."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from drio_tui.plan.changes import ResourceChange
from drio_tui.plan.steps import Step
from drio_tui.schema.fields import MISSING
from drio_tui.text import visible
from drio_tui.ui.base.themes import THEMES
from drio_tui.ui.plan.plan_panel import PlanPanel
from drio_tui.ui.plan.plan_rows import ItemState, PlanItem, items_of_steps, wrap
from drio_tui.ui.plan.plan_stop import PlanStop
from drio_tui.workspace.saving.merge import FieldChange, FieldConflict
from tests.ui.driving import text_of, until

LONG = "\n".join(f"Line {number} of the instructions." for number in range(1, 9))
CONFLICT = FieldConflict(
    ("description",), "Finds.", "Finds all.", "Finds some.", "both the document and drio changed it"
)
CHANGES = (
    ResourceChange(
        "update", "app", "acme",
        (
            FieldChange(("serverInstructions",), LONG, LONG.replace("Line 4", "Fourth line")),
            FieldChange(("branding", "primaryColor"), "#000000", "#0f172a"),
        ),
    ),
    ResourceChange(
        "create", "auth", "helpdesk-key",
        (FieldChange(("name",), MISSING, "Key"), FieldChange(("config",), MISSING, {"apiKey": "hunter2"})),
    ),
    ResourceChange("rename", "tool", "show", was="show-contact"),
    ResourceChange("conflict", "tool", "search", conflicts=(CONFLICT,)),
    ResourceChange("delete", "widget", "table", note="The document lacks it."),
)  # fmt: skip


class Stage(App[None]):
    """Shows one plan."""

    def __init__(self, *, choosable: bool) -> None:
        super().__init__()
        self._choosable = choosable
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = "drio"

    def compose(self) -> ComposeResult:
        yield PlanPanel(choosable=self._choosable)


class Hand:
    """Presses keys and reads the screen."""

    def __init__(self, pilot: Pilot[Any]) -> None:
        self.pilot = pilot
        self.panel = pilot.app.query_one(PlanPanel)
        self.tree = self.panel.plan_tree

    async def press(self, *keys: str) -> str:
        await self.pilot.press(*keys)
        return await self.read()

    async def read(self) -> str:
        await until(self.pilot, lambda: True)
        return text_of(self.pilot.app)


def items(changes: Sequence[ResourceChange] = CHANGES) -> list[PlanItem]:
    return [PlanItem(f"{change.kind}/{change.name}", change) for change in changes]


@asynccontextmanager
async def shown(
    changes: Sequence[ResourceChange] = CHANGES,
    *,
    size: tuple[int, int] = (80, 24),
    choosable: bool = True,
    **options: Any,
) -> AsyncIterator[Hand]:
    async with Stage(choosable=choosable).run_test(size=size) as pilot:
        hand = Hand(pilot)
        hand.panel.show(items(changes), **options)
        hand.tree.focus()
        await hand.read()
        yield hand


async def test_each_resource_has_a_line_and_the_totals_are_below() -> None:
    async with shown(problems=["tools/x#binding: there is no operation y"], notes=["A note."]) as hand:
        lines = (await hand.read()).splitlines()
        assert "! tools/x#binding: there is no operation y" in lines[0]
        assert "~ app acme  serverInstructions, branding" in lines[1]
        assert "+ auth connection helpdesk-key" in lines[2]
        assert "→ tool show-contact → show" in lines[3]
        assert "! tool search  description" in lines[4]
        assert "- widget table  The document lacks it." in lines[5]
        assert "A note." in lines[7]
        assert "1 to create, 1 to change, 1 to rename, 1 to delete, 1 in conflict." in lines[-1]


def test_the_remark_of_a_change_is_beside_the_properties() -> None:
    change = ResourceChange("update", "tool", "list", (FieldChange(("name",), "a", "b"),), note="bind it again")
    assert PlanItem("list", change).note == "name, bind it again"


async def test_an_open_resource_shows_old_and_new_values_and_hides_unchanged_lines() -> None:
    async with shown() as hand:
        text = await hand.press("enter")
        assert "branding.primaryColor: #000000 → #0f172a" in text
        assert "- Line 4 of the instructions." in text
        assert "+ Fourth line of the instructions." in text
        assert "Line 1 of" not in text
        assert "Line 8 of" not in text
        text = await hand.press("down", "down", "left", "left")
        assert hand.tree.cursor == 0
        assert "primaryColor:" not in text


async def test_secrets_are_not_shown() -> None:
    async with shown() as hand:
        text = await hand.press("plus")
        assert "name: Key" in text
        assert "apiKey" in text
        assert "hunter2" not in text


@pytest.mark.parametrize("width", [80, 48])
async def test_the_versions_of_a_conflict_are_side_by_side_where_there_is_room(width: int) -> None:
    async with shown(size=(width, 40)) as hand:
        lines = (await hand.press("exclamation_mark", "enter")).splitlines()
        assert hand.tree.item is not None
        assert hand.tree.item.key == "tool/search"
        in_one_line = [line for line in lines if "Finds." in line and "Finds some." in line and "Finds all." in line]
        assert bool(in_one_line) == (width == 80)
        assert all(any(version in line for line in lines) for version in ("Finds.", "Finds some.", "Finds all."))
        assert any("base" in line for line in lines)


async def test_the_filter_finds_names_kinds_and_properties() -> None:
    async with shown() as hand:
        text = await hand.press("slash", *"branding")
        assert "app acme" in text
        assert "helpdesk-key" not in text
        assert "1 match" in text
        text = await hand.press("escape", "escape")
        assert "helpdesk-key" in text
        assert hand.tree.has_focus


async def test_the_filter_finds_what_failed() -> None:
    async with shown() as hand:
        hand.panel.show_states({"app/acme": ItemState("done"), "tool/show": ItemState("failed", "Refused")}, "Done.")
        text = await hand.press("slash", *"failed")
        assert "tool show-contact → show" in text
        assert "app acme" not in text


async def test_resources_are_included_and_left_out_by_key_and_mouse() -> None:
    async with shown() as hand:
        text = await hand.press("space", "down", "space")
        assert [item.key for item in hand.panel.included] == ["tool/show", "tool/search", "widget/table"]
        assert "3 of 5 included: 1 to rename, 1 to delete, 1 in conflict." in text
        assert "app acme  left as it is" in text
        await hand.pilot.click(hand.tree, offset=(3, 0))
        assert "app/acme" in hand.tree.included
        await hand.press("asterisk")
        assert len(hand.panel.included) == 5
        text = await hand.press("asterisk")
        assert "0 of 5 included: nothing to change." in text


async def test_all_only_includes_what_the_filter_shows() -> None:
    async with shown(included=()) as hand:
        await hand.press("slash", *"tool", "enter", "asterisk")
        assert hand.tree.included == {"tool/show", "tool/search"}


async def test_nothing_can_be_left_out_of_a_plan_without_a_choice() -> None:
    async with shown(choosable=False) as hand:
        text = await hand.press("space", "asterisk")
        assert len(hand.panel.included) == 5
        assert "●" not in text
        assert "included" not in text


async def test_a_click_on_the_arrow_opens_a_resource() -> None:
    async with shown() as hand:
        await hand.pilot.click(hand.tree, offset=(1, 0))
        assert "primaryColor: #000000" in await hand.read()


async def test_the_state_of_each_change_and_the_whole_reason_are_shown() -> None:
    reason = "400 Bad request: the base URL of an integration has to begin with https and must not have a fragment"
    states = {
        "app/acme": ItemState("done"), "auth/helpdesk-key": ItemState("sent"), "tool/show": ItemState("failed", reason),
        "tool/search": ItemState("skipped", "It needs this first"), "widget/table": ItemState(),
    }  # fmt: skip
    async with shown() as hand:
        hand.panel.show_states(states, "applying…")
        lines = (await hand.read()).splitlines()
        marks = [line.strip(" ▸")[0] for line in lines[:5]]
        assert marks == ["✓", "◌", "✗", "–", "·"]
        assert "1/5  ✗ 1 failed  – 1 skipped  applying…" in lines[-1]
        text = await hand.press("exclamation_mark", "enter")
        assert reason in " ".join(part.strip() for part in text.splitlines())
        await hand.press("space")
        assert len(hand.panel.included) == 5, "what is carried out is not chosen any more"


async def test_hostile_text_is_harmless() -> None:
    hostile = "\x1b]0;title\x07[red]x[/] \u202eabc\u200b\t\r" + "\u0301" * 60
    change = ResourceChange(
        "update", "tool", hostile,
        (FieldChange((hostile,), hostile, f"{hostile}\n" * 3), FieldChange(("x",), {hostile: 1}, ["[/]"])),
        (FieldConflict(("y",), hostile, hostile * 9, MISSING, hostile),), note=hostile,
    )  # fmt: skip
    async with shown([change], problems=[hostile], notes=[hostile]) as hand:
        hand.panel.show_states({f"tool/{hostile}": ItemState("failed", hostile)}, "Done.")
        text = await hand.press("plus")
        assert text == visible(text, multiline=True)
        assert "[red]x[/]" in text
        assert all(cell_len(line) <= 80 for line in text.splitlines())


async def test_only_opened_resources_are_laid_out() -> None:
    class Counted(ResourceChange):
        read = 0

        def __getattribute__(self, name: str) -> Any:
            if name == "note":
                Counted.read += 1
            return object.__getattribute__(self, name)

    many = [Counted("create", "tool", f"tool-{number}", note="New.") for number in range(500)]
    async with shown(many):
        assert 0 < Counted.read < 200


async def test_the_cursor_stays_on_its_resource_when_the_plan_is_made_again() -> None:
    async with shown() as hand:
        await hand.press("down", "down", "down")
        hand.panel.show(items(CHANGES[2:]))
        await hand.read()
        assert hand.tree.item is not None
        assert hand.tree.item.key == "tool/search"


async def test_the_steps_of_a_plan_are_shown_with_names_and_without_secrets() -> None:
    steps = [
        Step("1", "create", "integration", "Create the integration billing", "ref:b", body={"key": "billing"}),
        Step("2", "create", "auth", "Create the key", body={"config": {"pin": "s3cr3t", "in": "header"}},
             secret=("config.pin",)),
        Step("3", "update", "tool", "Bind pay", "tool_1", changes=(FieldChange(("uses",), MISSING, ["ref:b"]),),
             base={"uses": []}),
        Step("4", "delete", "widget", "Delete the widget table", "widget_1"),
        Step("5", "read", "app", "Read the app"),
        Step("6", "update", "auth", "Give the key", "auth_1",
             changes=(FieldChange(("config",), MISSING, {"odd": "s3cr3t", "type": "x"}),),
             base={"config": {"odd": "s3cr3t"}}),
    ]  # fmt: skip
    async with shown([]) as hand:
        hand.panel.show(items_of_steps(steps))
        text = await hand.press("plus")
        lines = text.splitlines()
        assert "+ Create the integration billing" in lines[0]
        assert 'uses: [] → ["billing"]' in text
        assert "s3cr3t" not in text
        assert '"in":"header"' in text
        assert "- Delete the widget table" in text
        assert "· Read the app" in text
        assert "2 to create, 2 to change, 1 to delete." in lines[-1]


def test_a_blank_at_the_end_is_on_no_line_by_itself() -> None:
    assert wrap("one two ", 7) == ["one two"]
    assert wrap("one two three ", 8) == ["one two", "three "]


@given(st.text(), st.integers(8, 40), st.integers(0, 40))
def test_wrapped_lines_fit_and_lose_no_character(text: str, width: int, first: int) -> None:
    shown_text = visible(text)
    pieces = wrap(shown_text, width, first)
    assert "".join(pieces).replace(" ", "") == shown_text.replace(" ", "")
    assert cell_len(pieces[0]) <= max(first, 2)
    assert all(cell_len(piece) <= width for piece in pieces[1:])


def test_the_first_escape_stops_after_the_running_requests_and_the_next_ones_cancel_them() -> None:
    class Plan:
        requests = 1

        def __init__(self) -> None:
            self.calls: list[bool] = []

        def stop(self, *, cancel: bool = False) -> bool:
            self.calls.append(cancel)
            return cancel and self.requests > 0

    plan, stop = Plan(), PlanStop()
    assert (stop.wanted, stop.text("applying…")) == (False, "applying… Esc stops")
    assert [stop.press(plan) for _ in range(3)] == [False, False, False]
    assert plan.calls == [False, True, True]
    plan.requests = 0
    assert stop.press(plan), "there is nothing to cancel: it can be left"
    stop.begin()
    assert not stop.wanted
    assert [stop.press(None) for _ in range(3)] == [False, False, True]
    assert stop.wanted
