"""Chaining tools."""

from __future__ import annotations

from drio_tui.ui.editing.editors.chain import NextList
from tests.ui.editing.editors.app import tool, world
from tests.ui.editing.editors.stage import staged


async def test_a_successor_is_added_by_typing_its_name() -> None:
    async with staged("tool", "nextToolIds", tool("t_search"), world()) as hand:
        hand.editor.focus_first()
        await hand.type("lon")
        await hand.press("enter")
        assert hand.editor.changes() == {"nextToolIds": ["t_get", "t_lone"]}
        assert "└─▶ Lonely" in hand.screen
        assert "On their own" not in hand.screen


async def test_a_circle_is_refused_while_it_is_typed_and_says_why() -> None:
    async with staged("tool", "nextToolIds", tool("t_pay"), world()) as hand:
        hand.editor.focus_first()
        await hand.type("find")
        assert "It would run in a circle: Pay → Find → Show → Pay." in hand.screen
        await hand.press("enter")
        assert not hand.editor.dirty


async def test_a_tool_is_refused_as_its_own_successor() -> None:
    async with staged("tool", "nextToolIds", tool("t_pay"), world()) as hand:
        hand.editor.focus_first()
        await hand.type("pay")
        assert "Pay cannot hand its result to itself." in hand.screen
        await hand.press("enter")
        assert hand.app.changes == 0


async def test_successors_are_reordered_and_taken_away_by_keyboard() -> None:
    raw = tool("t_search") | {"nextToolIds": ["t_get", "t_pay", "t_lone"]}
    async with staged("tool", "nextToolIds", raw, world()) as hand:
        hand.editor.query_one(NextList).focus()
        await hand.press("j", "K")
        assert hand.editor.value() == {"nextToolIds": ["t_pay", "t_get", "t_lone"]}
        await hand.press("J", "J")
        assert hand.editor.value() == {"nextToolIds": ["t_get", "t_lone", "t_pay"]}
        await hand.press("x")
        assert hand.editor.value() == {"nextToolIds": ["t_get", "t_lone"]}
        await hand.press("x", "x", "x")
        assert hand.editor.changes() == {"nextToolIds": []}
        assert "nobody yet" in hand.screen


async def test_the_whole_graph_shows_what_starts_where() -> None:
    async with staged("tool", "nextToolIds", tool("t_get"), world()) as hand:
        notes = hand.editor.query_one("#notes").said.plain
        assert notes == "All chains\n▶ Find\n└─▶ Show\n    └─▶ Pay\n\nOn their own\nLonely"


async def test_a_circle_that_is_there_already_is_shown_and_can_be_broken() -> None:
    first = tool("t_pay") | {"nextToolIds": ["t_search"]}
    tools = [tool("t_search"), tool("t_get"), first, tool("t_lone")]
    async with staged("tool", "nextToolIds", first, world(tool=tools)) as hand:
        assert "runs in a circle" in hand.screen
        assert hand.editor.problems() == []
        hand.editor.query_one(NextList).focus()
        await hand.press("delete")
        assert hand.editor.changes() == {"nextToolIds": []}
        assert "runs in a circle" not in hand.screen


async def test_a_new_tool_can_be_asked_for_in_place() -> None:
    async with staged("tool", "nextToolIds", tool("t_pay"), world()) as hand:
        hand.editor.focus_first()
        await hand.press("pagedown", "pagedown", "enter")
        assert [(one.kind, one.path) for one in hand.app.wanted] == [("tool", "nextToolIds")]
        hand.editor.refer("nextToolIds", "t_made")
        await hand.settle()
        assert hand.editor.value() == {"nextToolIds": ["t_made"]}
