"""The templates screen: browsing without a sign-in, filtering, and when an app cannot be created."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from drio_tui.manifest.document import read_document
from drio_tui.manifest.template import template_document
from drio_tui.sandbox.custom_templates import add_template, remove_template
from drio_tui.ui.apps.templates_screen import SIGNED_OUT
from drio_tui.ui.wizard.wizard_screen import WizardScreen
from tests.manifest.test_validation import EXAMPLE
from tests.ui.driving import running, show, text_of, until
from tests.ui.table_server import TEMPLATES, TableServer, drio_of, serving


def row_keys(screen: Any) -> list[str]:
    return [row.key for row in screen.rows._rows]


async def test_templates_and_their_contents_can_be_browsed_signed_out(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(sandbox_process.base_url, monkeypatch, token="", size=(120, 90)) as pilot:
        screen = await show(pilot, "templates")
        await until(pilot, lambda: screen.resources)
        assert len(screen.resources) >= 8
        screen.rows.choose("support")
        await pilot.pause()
        text = text_of(pilot.app)
        for heading in ("Tools", "Widgets", "Integrations", "Auth"):
            assert heading in text
        assert screen.disabled_reason("create", ()) == SIGNED_OUT


async def test_a_template_that_was_added_is_there_after_a_refresh(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "drio.yaml").write_text(EXAMPLE, encoding="utf-8")
    document = template_document(read_document(tmp_path), {}, id="added")
    async with running(sandbox_process.base_url, monkeypatch, token="") as pilot:
        screen = await show(pilot, "templates")
        await until(pilot, lambda: screen.resources)
        assert "added" not in row_keys(screen)
        await add_template(sandbox_process.data_dir, document)
        try:
            await pilot.press("r")
            await until(pilot, lambda: "added" in row_keys(screen))
        finally:
            remove_template(sandbox_process.data_dir, "added")


async def test_typing_filters_the_list_and_esc_clears_the_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await show(pilot, "templates")
        await until(pilot, lambda: screen.resources)
        assert row_keys(screen) == ["support", "bookings", "blank"]
        await pilot.press("slash", "r", "o", "o", "m", "s")
        await until(pilot, lambda: row_keys(screen) == ["bookings"])
        assert screen.chosen.id == "bookings"
        await pilot.press("down")
        assert screen.rows.has_focus
        await pilot.press("slash", "z")
        await until(pilot, lambda: "Nothing matches" in text_of(pilot.app))
        await pilot.press("escape")
        await until(pilot, lambda: len(row_keys(screen)) == 3)


async def test_c_opens_the_wizard_with_the_selected_template(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await show(pilot, "templates")
        await until(pilot, lambda: screen.resources)
        await pilot.press("j", "c")
        await until(pilot, lambda: isinstance(pilot.app.screen, WizardScreen))
        await until(pilot, lambda: "Name it" in text_of(pilot.app))
        assert pilot.app.screen.draft.template_id == "bookings"


async def test_nothing_can_be_created_under_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        serving(TableServer(drio_of())) as server,
        running(server.base_url, monkeypatch, read_only=True) as pilot,
    ):
        screen = await show(pilot, "templates")
        await until(pilot, lambda: screen.resources)
        await pilot.press("c")
        assert pilot.app.screen is screen
        assert "Create app" not in text_of(pilot.app)


async def test_an_incomplete_template_is_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    incomplete = {"id": "support", "name": "Customer support"}
    answers = drio_of(templates=[incomplete])
    answers["GET /templates/support"] = {"template": TEMPLATES[0]}
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await show(pilot, "templates")
        await until(pilot, lambda: "Ticket table" in text_of(pilot.app))
        screen.show_details()
        await pilot.pause()
        assert server.asked("GET", "/templates/support") == 1


async def test_the_details_show_when_a_template_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = drio_of(templates=[{"id": "support", "name": "Customer support"}])
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        await show(pilot, "templates")
        await until(pilot, lambda: "What it brings could not be read" in text_of(pilot.app))
        assert "Customer support" in text_of(pilot.app)


async def test_templates_of_one_name_are_told_apart_by_their_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    templates = [*copy.deepcopy(TEMPLATES), {"id": "second-desk", "name": TEMPLATES[0]["name"]}]
    async with (
        serving(TableServer(drio_of(templates=templates))) as server,
        running(server.base_url, monkeypatch) as pilot,
    ):
        screen = await show(pilot, "templates")
        await until(pilot, lambda: screen.resources)
        names = [row.cells[0].plain for row in screen.rows._rows]
        title = TEMPLATES[0]["name"]
        assert [name for name in names if title in name] == [f"{title} support", f"{title} second-desk"]
        assert TEMPLATES[1]["name"] in names


async def test_an_invalid_template_is_shown_with_the_reason_beside_the_valid_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    templates = [*copy.deepcopy(TEMPLATES), {"id": "odd", "name": 7}, None, {"id": "support", "name": "Twin"}]
    async with (
        serving(TableServer(drio_of(templates=templates))) as server,
        running(server.base_url, monkeypatch) as pilot,
    ):
        screen = await show(pilot, "templates")
        await until(pilot, lambda: screen.resources)
        assert row_keys(screen) == ["support", "bookings", "blank", "odd", "#5", "#6"]
        screen.rows.choose("odd")
        await until(pilot, lambda: "Not as documented" in text_of(pilot.app))
        screen.rows.choose("#6")
        await until(pilot, lambda: screen.disabled_reason("create", ()) is not None)


async def test_a_failed_request_can_be_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = drio_of()
    valid, answers["GET /templates"] = answers["GET /templates"], 404
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await show(pilot, "templates")
        await until(pilot, lambda: "try again" in text_of(pilot.app))
        server.answers["GET /templates"] = valid
        await pilot.press("r")
        await until(pilot, lambda: row_keys(screen) == ["support", "bookings", "blank"])
        assert "try again" not in text_of(pilot.app)
        assert screen.rows.has_focus


async def test_a_failed_refresh_keeps_the_templates_and_marks_them_as_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    """F09."""
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await show(pilot, "templates")
        await until(pilot, lambda: screen.resources)
        assert "stale" not in text_of(pilot.app)
        server.answers["GET /templates"] = 403
        await pilot.press("r")
        await until(pilot, lambda: "▲ stale, loaded" in text_of(pilot.app))
        assert row_keys(screen) == ["support", "bookings", "blank"]


async def test_an_empty_list_of_templates_shows_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of(templates=[]))) as server, running(server.base_url, monkeypatch) as pilot:
        await show(pilot, "templates")
        await until(pilot, lambda: "No templates" in text_of(pilot.app))


async def test_placeholder_rows_are_shown_while_the_templates_load(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server:
        server.gate.clear()
        async with running(server.base_url, monkeypatch) as pilot:
            screen = await show(pilot, "templates")
            await until(pilot, lambda: "▒▒▒" in text_of(pilot.app))
            server.gate.set()
            await until(pilot, lambda: screen.resources)
            assert "▒▒▒" not in text_of(pilot.app)
