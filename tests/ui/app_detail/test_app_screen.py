"""The app screen: loading, the tree, the filter, references, problems and refresh."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from drio_tui.ui.app_detail.app_screen import AppScreen
from drio_tui.ui.app_detail.problems_dialog import ProblemsDialog
from drio_tui.ui.widgets.rich_text import Document
from tests.ui.driving import at_once, open_first_app, running, show, text_of, until
from tests.ui.table_server import TableServer, drio_of, serving
from tests.workspace.small_app import small_config


def titles(screen: Any) -> list[str]:
    return [node.title for node in screen.tree_view.rows]


def fields_text(screen: Any) -> str:
    return str(screen.query_one(Document).text)


async def go_to(pilot: Pilot[Any], screen: Any, *key: str) -> None:
    screen.tree_view.reveal(key)
    await until(pilot, lambda: screen.selected_node.key == key and screen.detail._node.key == key)


async def test_the_tree_of_a_sandbox_app_leads_to_a_widgets_action(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token) as pilot:
        screen = await open_first_app(pilot)
        assert [node.title for node in screen.outline.root.children][:4] == [
            "Branding",
            "Auth",
            "Integrations",
            "Tools",
        ]
        action = next(node for node in screen.outline.walk() if node.kind == "action")
        await go_to(pilot, screen, *action.key)
        tool = next(node for node in action.ancestors() if node.kind == "tool")
        assert tool in screen.tree_view.rows
        assert "Trigger" in fields_text(screen)
        operation = next(node for node in screen.outline.walk() if node.kind == "operation")
        await go_to(pilot, screen, *operation.key)
        assert "Input schema" in fields_text(screen)


async def test_nodes_are_opened_and_closed_by_keyboard_and_mouse(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await open_first_app(pilot)
        assert "Search tickets" not in titles(screen)
        await go_to(pilot, screen, "integration", "integration_1")
        await pilot.press("l")
        assert "Search tickets" in titles(screen)
        await pilot.press("l")
        assert screen.selected_node.title == "Search tickets"
        await pilot.press("h", "h")
        assert "Search tickets" not in titles(screen)
        row = screen.tree_view.rows.index(screen.selected_node)
        await pilot.click("#tree", offset=(5, row))
        assert "Search tickets" in titles(screen)
        await pilot.press("minus")
        assert "Search tickets" not in titles(screen)
        await pilot.press("plus")
        assert "row.select" in titles(screen)
        await pilot.press("G")
        assert screen.selected_node is screen.tree_view.rows[-1]
        await pilot.press("g", "g")
        assert screen.selected_node is screen.outline.root


async def test_a_key_after_g_goes_to_a_part_of_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        pilot.app.set_keymap({"go.branding": "comma"})
        screen = await open_first_app(pilot)
        await pilot.press("g")
        await until(pilot, lambda: "t Tools  w Widget  o Operation" in text_of(pilot.app))
        assert "Filter" not in text_of(pilot.app).splitlines()[-1]
        await pilot.press("escape")
        await until(pilot, lambda: "/ Filter" in text_of(pilot.app))
        await pilot.resize_terminal(80, 24)
        await pilot.press("g")  # all of them are shown, in two rows
        await until(pilot, lambda: "e Endpoint" in text_of(pilot.app).splitlines()[-1])
        assert "t Tools  w Widget" in text_of(pilot.app).splitlines()[-2]
        await pilot.press("escape")
        await until(pilot, lambda: "/ Filter" in text_of(pilot.app).splitlines()[-1])
        assert "e Endpoint" not in text_of(pilot.app)
        await pilot.resize_terminal(120, 40)
        assert screen.selected_node is screen.outline.root
        at_once(pilot, "g", "w")
        await until(pilot, lambda: screen.selected_node.key == ("widget", "widget_1"))
        at_once(pilot, "g", "o", "g", "t", "j")
        await until(pilot, lambda: screen.selected_node.key == ("tool", "tool_2"))
        await pilot.press("backspace")
        assert screen.selected_node.key == ("operation", "operation_1")
        await pilot.press("g", "comma", "g", "D")  # no key after g: it does nothing, and is no longer awaited
        assert screen.selected_node.key == ("branding", "")
        assert pilot.app.screen is screen
        assert not screen.awaits_key
        await pilot.press("slash", *"gt")  # a text field takes it as text
        await until(pilot, lambda: screen.filter_text == "gt")
        await pilot.press("escape", "escape", "question_mark")
        await until(pilot, lambda: "One app, after g" in text_of(pilot.app))
        await pilot.press("slash", *"go.tools")
        await until(pilot, lambda: "g t  " in text_of(pilot.app))
        await pilot.press("escape", "escape", "g", "g")
        monkeypatch.setattr(AppScreen, "PREFIX_SECONDS", 0.001)
        await pilot.press("g")
        await until(pilot, lambda: not screen.awaits_key)
        await pilot.press("j")
        assert screen.selected_node.key == ("branding", "")


async def test_enter_follows_a_reference_and_backspace_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await open_first_app(pilot)
        await go_to(pilot, screen, "tool", "tool_1")
        await pilot.press("u")
        await until(pilot, lambda: "hands its result to" in text_of(pilot.app))
        assert "is called by" not in text_of(pilot.app)
        await pilot.press("enter")
        await until(pilot, lambda: screen.selected_node.key == ("operation", "operation_1"))
        await until(pilot, lambda: "is called by" in text_of(pilot.app))
        await pilot.press("backspace")
        await until(pilot, lambda: screen.selected_node.key == ("tool", "tool_1"))
        assert screen.disabled_reason("jump_back", ()) is not None


async def test_enter_on_a_link_goes_to_its_target(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await open_first_app(pilot)
        await go_to(pilot, screen, "link", "tool_1", "0")
        await pilot.press("enter")
        await until(pilot, lambda: screen.selected_node.key == ("tool", "tool_2"))
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: screen.selected_node.key == ("link", "tool_1", "0"))


async def test_a_filter_shows_hits_with_their_ancestors_and_n_steps_through_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await open_first_app(pilot)
        await pilot.press("slash", *"summarize")
        await until(pilot, lambda: "hits" in text_of(pilot.app))
        assert "Auth" not in titles(screen)
        assert {"Acme Support", "Tools", "Search Tickets"} <= set(titles(screen))
        await pilot.press("enter")
        seen = []
        for _ in screen.tree_view.hits:
            seen.append(screen.selected_node.key)
            await pilot.press("n")
        assert seen == screen.tree_view.hits
        await pilot.press("N")
        assert screen.selected_node.key == screen.tree_view.hits[-1]
        await pilot.press("escape")
        await until(pilot, lambda: "Auth" in titles(screen))


async def test_the_selected_hit_stays_selected_when_the_filter_is_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await open_first_app(pilot)
        await pilot.press("slash", *"summarize", "enter")
        await until(pilot, lambda: screen.tree_view.has_focus)
        inside = [node.key for node in screen.tree_view.rows if len(list(node.ancestors())) > 3]
        while screen.selected_node.key != inside[0]:  # in a branch that is closed without the filter
            await pilot.press("down")
        await pilot.press("escape")
        await until(pilot, lambda: "Auth" in titles(screen))
        assert screen.selected_node.key == inside[0]


async def test_parts_appear_as_they_arrive_with_placeholders_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = drio_of()
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        apps = await show(pilot, "apps")
        await until(pilot, lambda: apps.resources)
        server.gate.clear()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, AppScreen) and "▒▒▒" in text_of(pilot.app))
        screen: Any = pilot.app.screen
        assert titles(screen)[1:3] == ["Branding", "Auth"]
        server.gate.set()
        await until(pilot, lambda: not screen.loading_app and "Search Tickets" in text_of(pilot.app))
        assert "▒▒▒" not in text_of(pilot.app)


async def test_a_refresh_keeps_the_cursor_and_the_open_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await open_first_app(pilot)
        await go_to(pilot, screen, "action", "widget_1", "0")
        config = small_config()
        config["tools"].insert(0, {"id": "tool_0", "name": "First", "order": -5})
        config["app"]["name"] = "Renamed"
        server.answers.update(drio_of(config))
        await pilot.press("r")
        await until(pilot, lambda: not screen.loading_app and screen.outline.root.title == "Renamed")
        assert screen.selected_node.key == ("action", "widget_1", "0")
        assert "First" in titles(screen)
        config["widgets"] = []
        server.answers.update(drio_of(config))
        server.hold("GET /apps/app_1/auth")  # the tree is drawn before all has been read
        await pilot.press("r")
        await until(pilot, lambda: screen.selected_node.kind == "deleted")
        server.release()
        await until(pilot, lambda: not screen.loading_app)
        assert screen.selected_node.key == ("widget", "widget_1")
        await pilot.press("h")
        await until(pilot, lambda: ("widget", "widget_1") not in screen.outline.by_key)
        assert screen.selected_node.key == ("tool", "tool_1")


async def test_problems_are_counted_listed_and_jumped_to(monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_config()
    config["tools"][0] |= {"isEnabled": False, "binding": config["tools"][0]["binding"] | {"status": "stale"}}
    config["widgets"][0]["actions"][0]["targetToolId"] = "tool_9"
    config["auth"][0]["status"] = "invalid"
    async with serving(TableServer(drio_of(config))) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await open_first_app(pilot)
        text = text_of(pilot.app)
        assert "✗ 2 errors" in text
        assert "▲ 1 warning" in text
        await pilot.press("p")
        await until(pilot, lambda: isinstance(pilot.app.screen, ProblemsDialog) and "tool_9" in text_of(pilot.app))
        await pilot.press("G", "enter")
        await until(pilot, lambda: screen.selected_node.key == ("binding", "tool_1"))
        assert "changed its schema" in fields_text(screen)


async def test_an_app_without_problems_says_so_and_has_no_list(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await open_first_app(pilot)
        assert "no problems" in text_of(pilot.app)
        await pilot.press("p")
        await pilot.pause()
        assert pilot.app.screen is screen


async def test_a_failed_part_is_marked_and_the_others_are_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = drio_of()
    answers["GET /apps/app_1/config"] = 404
    answers["GET /apps/app_1/widgets"] = 403
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await open_first_app(pilot)
        assert "Search Tickets" in text_of(pilot.app)
        assert "▲ stale" in text_of(pilot.app)
        failed = next(node for node in screen.outline.walk() if node.kind == "failed")
        assert failed.parent.title == "Tools"
        server.answers["GET /apps/app_1/widgets"] = drio_of()["GET /apps/app_1/widgets"]
        await pilot.press("r")
        await until(pilot, lambda: ("widget", "widget_1") in screen.outline.by_key and not screen.loading_app)
        assert "▲ stale" not in text_of(pilot.app)
        before = [node.key for node in screen.outline.walk()]
        server.answers = dict.fromkeys(server.answers, b"<html>")
        await pilot.press("r")
        await until(pilot, lambda: "▲ stale" in text_of(pilot.app) and not screen.loading_app)
        assert [node.key for node in screen.outline.walk()] == before
        assert "✗" not in text_of(pilot.app).splitlines()[-2]
        assert [note.title for note in pilot.app._notifications] == ["This is not the drio API"]


async def test_unknown_properties_of_the_config_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    config = {**small_config(), "runtime": {"region": "eu-central", "limits": [1, 2]}}
    async with serving(TableServer(drio_of(config))) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await open_first_app(pilot)
        await go_to(pilot, screen, "member", "runtime")
        assert "eu-central" in fields_text(screen)
        await pilot.press("v")
        await until(pilot, lambda: '"region": "eu-central"' in text_of(pilot.app))


async def test_annotations_have_the_labels_of_the_editor(monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_config()
    config["tools"][0]["annotations"] = {"readOnlyHint": True, "idempotentHint": True}
    async with serving(TableServer(drio_of(config))) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await open_first_app(pilot)
        await go_to(pilot, screen, "tool", "tool_1")
        await until(pilot, lambda: "Only reads" in fields_text(screen))
        assert "Safe to repeat" in fields_text(screen)


async def test_fields_show_colours_references_and_times_in_readable_form(monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_config()
    config["auth"][0] |= {"lastValidatedAt": "2020-03-15T12:00:00.000Z", "secretRef": None, "newMember": {"deep": [1]}}
    config["operations"][0]["inputSchema"] = {
        "type": "object",
        "required": ["query"],
        "properties": {"query": {"type": "string"}, "state": {"enum": ["open", "closed"]}},
    }
    async with serving(TableServer(drio_of(config))) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await open_first_app(pilot)
        await go_to(pilot, screen, "auth", "auth_1")
        text = fields_text(screen)
        assert "15 Mar 2020 12:00 UTC" in text
        assert "years ago" in text
        assert "not set" in text
        assert "New member" in text
        await go_to(pilot, screen, "integration", "integration_1")
        assert "Helpdesk key" in fields_text(screen)  # the auth connection by its name
        await go_to(pilot, screen, "operation", "operation_1")
        assert "query* string" in fields_text(screen)
        assert "open | closed" in fields_text(screen)
        await go_to(pilot, screen, "branding", "")
        assert "#22c55e" in fields_text(screen)


async def test_on_a_narrow_terminal_the_details_replace_the_tree_until_esc(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch, size=(60, 20)) as pilot:
        screen = await open_first_app(pilot)
        assert not screen.detail.display
        await pilot.press("f")
        await until(pilot, lambda: "acme-support" in text_of(pilot.app))
        assert not screen.query_one("#outline").display
        await pilot.press("escape")
        await until(pilot, lambda: screen.query_one("#outline").display)
        assert pilot.app.screen is screen


async def test_the_scrollbar_does_not_cover_the_right_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_config()
    config["tools"] += [{"id": f"t{n}", "name": f"Tool {n}", "isEnabled": False} for n in range(60)]
    async with serving(TableServer(drio_of(config))) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await open_first_app(pilot)
        tree = screen.tree_view
        await until(pilot, lambda: tree.max_scroll_y)
        width = tree.scrollable_content_region.width
        assert width < tree.outer_size.width
        lines = [tree.render_line(y).text for y in range(tree.size.height)]
        assert {len(line) for line in lines} == {width}
        assert any(line.endswith(" off ") for line in lines)


async def test_a_long_page_is_wrapped_and_never_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_config()
    words = " ".join(f"word{n}" for n in range(2000))
    config["app"]["serverInstructions"] = words
    async with serving(TableServer(drio_of(config))) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await open_first_app(pilot)
        document = screen.query_one(Document)
        await until(pilot, lambda: document.max_scroll_y)
        assert words.split()[-1] in document.text
        await pilot.press("tab", "G")
        await until(pilot, lambda: document.scroll_offset.y == document.max_scroll_y)
        height, width = document.size.height, document.scrollable_content_region.width
        shown = [document.render_line(y) for y in range(height)]
        assert {strip.cell_length for strip in shown} == {width}
        assert [strip.text.rstrip() for strip in shown] == [
            line.rstrip() for line in document.text.splitlines()[document.scroll_offset.y :][:height]
        ]


async def test_changing_the_theme_repaints_the_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await open_first_app(pilot)
        before = screen.tree_view.render_line(3)
        pilot.app.theme = "drio-light"
        await until(pilot, lambda: screen.tree_view.render_line(3) != before)
        assert screen.tree_view.render_line(3).text == before.text


async def test_esc_stops_loading_then_leaves_and_late_responses_are_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        apps = await show(pilot, "apps")
        await until(pilot, lambda: apps.resources)
        server.gate.clear()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, AppScreen))
        await until(pilot, lambda: server.asked("GET", "/apps/app_1/config"))
        await pilot.press("escape")
        await until(pilot, lambda: "You stopped the reading" in text_of(pilot.app))
        assert "▒▒▒" not in text_of(pilot.app)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is apps)
        server.gate.set()
        await pilot.pause()
        assert pilot.app.screen is apps


async def test_esc_leaves_while_the_pages_of_the_details_are_being_mounted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        apps = await show(pilot, "apps")
        screen = await open_first_app(pilot)
        async with screen.detail._mounting:
            await pilot.press("r")
            await until(pilot, lambda: any(worker.group == "pages" for worker in pilot.app.workers))
            await pilot.press("escape")
            await until(pilot, lambda: pilot.app.screen is apps)


async def test_a_deleted_app_is_reported_once(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {name: answer for name, answer in drio_of().items() if not name.startswith("GET /apps/")}
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await open_first_app(pilot)
        assert screen.outline.root.title == "The app could not be read"
        assert [problem.code for problem in screen.outline.problems] == ["part_unread"]
        assert "Press r to read it again." in fields_text(screen)


async def test_a_copy_says_what_was_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await open_first_app(pilot)
        copied: list[tuple[str, str]] = []
        monkeypatch.setattr(pilot.app, "copy", lambda text, what="": copied.append((text, what)))
        await go_to(pilot, screen, "tool", "tool_1")
        await pilot.press("y")
        await go_to(pilot, screen, "binding", "tool_1")
        await pilot.press("Y")
        assert copied[0] == ("tool_1", "the id")
        assert '"integrationOperationId": "operation_1"' in copied[1][0]


async def test_e_on_a_group_heading_suggests_to_add_a_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        serving(TableServer(drio_of())) as server,
        running(server.base_url, monkeypatch) as pilot,
    ):
        screen = await open_first_app(pilot)
        for group, title in (("auth", "an auth connection"), ("integration", "an integration"), ("tool", "a tool")):
            screen.tree_view.reveal(("group", group))
            await until(pilot, lambda kind=group: screen.selected_node.key == ("group", kind))
            assert f"press a to add {title}" in screen.selection.disabled_reason("edit_resource")
            assert "to mark it" in screen.selection.disabled_reason("mark")
