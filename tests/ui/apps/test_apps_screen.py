"""The apps screen: a table to filter, sort and open."""

from __future__ import annotations

from typing import Any

import pytest

from drio_tui.ui.app_detail.app_screen import AppScreen
from drio_tui.ui.apps.app_table import Order
from drio_tui.ui.widgets.rich_text import Document
from drio_tui.workspace.deploy.deploy_record import DeployRecordStore, record_of
from drio_tui.workspace.model.search import sort_key
from tests.ui.driving import running, show, text_of, until
from tests.ui.table_server import TableServer, drio_of, serving
from tests.workspace.small_app import small_config

APPS: list[Any] = [
    {
        "id": "app_1",
        "name": "Sales desk",
        "slug": "sales",
        "status": "published",
        "version": "1.10.0",
        "isEnabled": True,
    },
    {"id": "app_2", "name": "bookings", "slug": "bookings", "status": "draft", "version": "1.9.0", "isEnabled": False},
    {
        "id": "app_3",
        "name": "Acme Support",
        "slug": "acme",
        "status": "draft",
        "version": "2.0.0",
        "templateId": "support",
    },
]


def with_apps(apps: list[Any]) -> TableServer:
    answers = drio_of()
    answers["GET /apps"] = {"apps": apps}
    return TableServer(answers)


def row_keys(screen: Any) -> list[str]:
    return [row.key for row in screen.table._rows]


async def test_apps_can_be_sorted_by_key_and_by_header(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(with_apps(APPS)) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await show(pilot, "apps")
        await until(pilot, lambda: screen.resources)
        assert row_keys(screen) == ["app_1", "app_2", "app_3"]
        await pilot.press("s")
        await until(pilot, lambda: row_keys(screen) == ["app_3", "app_2", "app_1"])
        await pilot.press("S")
        await until(pilot, lambda: row_keys(screen) == ["app_1", "app_2", "app_3"])
        version = text_of(pilot.app).splitlines()[screen.table.region.y].index("Version")
        await pilot.click("#table", offset=(version, 0))
        await until(pilot, lambda: row_keys(screen) == ["app_2", "app_1", "app_3"])
        await pilot.click("#table", offset=(version, 0))
        await until(pilot, lambda: row_keys(screen) == ["app_3", "app_1", "app_2"])


async def test_the_cursor_stays_on_its_app_when_the_table_is_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(with_apps(APPS)) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await show(pilot, "apps")
        await until(pilot, lambda: screen.resources)
        await pilot.press("G")
        assert screen.chosen.id == "app_3"
        await pilot.press("s")
        await until(pilot, lambda: row_keys(screen)[0] == "app_3")
        assert screen.chosen.id == "app_3"


async def test_a_filter_searches_all_texts_of_an_app(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(with_apps(APPS)) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await show(pilot, "apps")
        await until(pilot, lambda: screen.resources)
        await pilot.press("slash", *"draft")
        await until(pilot, lambda: row_keys(screen) == ["app_2", "app_3"])
        await pilot.press("space", *"acme")
        await until(pilot, lambda: row_keys(screen) == ["app_3"])


async def test_enter_opens_an_app_and_esc_returns_to_the_list(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token) as pilot:
        screen = await show(pilot, "apps")
        await until(pilot, lambda: screen.resources)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, AppScreen))
        opened: Any = pilot.app.screen
        await until(pilot, lambda: not opened.loading_app)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)


async def test_a_second_click_opens_an_app(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(with_apps(APPS)) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await show(pilot, "apps")
        await until(pilot, lambda: screen.resources)
        await pilot.click("#table", offset=(4, 2), times=2)
        await until(pilot, lambda: isinstance(pilot.app.screen, AppScreen))
        assert pilot.app.screen.app_id == "app_2"


def details_text(screen: Any) -> str:
    """Return the text of the details beside the table as one line."""
    return " ".join(screen.query_one("#about", Document).text.split())


async def test_invalid_apps_are_shown_with_the_reason_beside_the_valid_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """F22."""
    apps = [*APPS, {"id": "app_4", "name": None}, "nonsense", {"name": "No id"}, {"id": "app_1", "name": "Twin"}]
    async with serving(with_apps(apps)) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await show(pilot, "apps")
        await until(pilot, lambda: screen.resources)
        for key, reason in (("app_4", "name: Input should be"), ("#5", "expected an object")):
            screen.table.choose(key)
            await until(pilot, lambda reason=reason: reason in details_text(screen))
        assert row_keys(screen) == ["app_1", "app_2", "app_3", "app_4", "#5", "#6", "#7"]
        screen.table.choose("#6")
        await pilot.press("enter")
        await pilot.pause()
        assert pilot.app.screen is screen
        assert server.asked("GET", "/apps/#6/config") == 0


async def test_an_account_without_apps_sees_how_to_create_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """F27."""
    async with serving(with_apps([])) as server, running(server.base_url, monkeypatch) as pilot:
        await show(pilot, "apps")
        await until(pilot, lambda: "No apps yet" in text_of(pilot.app))
        assert "create an app" in text_of(pilot.app)


async def test_a_signed_out_user_is_offered_to_sign_in_and_no_request_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(with_apps(APPS)) as server, running(server.base_url, monkeypatch, token="") as pilot:
        await show(pilot, "apps")
        await until(pilot, lambda: "You are signed out" in text_of(pilot.app))
        assert server.asked("GET", "/apps") == 0


async def test_a_failed_refresh_keeps_the_apps_and_marks_them_as_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    """F09."""
    async with serving(with_apps(APPS)) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await show(pilot, "apps")
        await until(pilot, lambda: screen.resources)
        server.answers["GET /apps"] = 403
        await pilot.press("r")
        await until(pilot, lambda: "▲ stale, loaded" in text_of(pilot.app))
        assert row_keys(screen) == ["app_1", "app_2", "app_3"]
        server.answers["GET /apps"] = {"apps": APPS[:1]}
        await pilot.press("r")
        await until(pilot, lambda: row_keys(screen) == ["app_1"])
        assert "▲ stale, loaded" not in text_of(pilot.app)


def test_values_of_any_type_can_be_sorted_together() -> None:
    values = ["b", None, 3, "A", True, "1.10", "1.9", {"x": 1}, "", "é"]
    ordered = sorted(values, key=sort_key)
    assert ordered.index("1.9") < ordered.index("1.10")
    assert ordered.index("A") < ordered.index("b")
    assert set(map(repr, ordered[-2:])) == {"None", "''"}


async def test_resource_counts_and_last_deploy_are_shown_for_the_app_under_the_cursor(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sandbox_process.client() as client:
        app = client.get("/api/v1/apps").json()["apps"][0]
        tools = len(client.get(f"/api/v1/apps/{app['id']}/tools").json()["tools"])
    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token) as pilot:
        screen = await show(pilot, "apps")
        await until(pilot, lambda: screen.resources)
        screen.table.choose(app["id"])
        await until(pilot, lambda: f"{tools} tools" in details_text(screen))
        assert "none from this machine" in details_text(screen)
        DeployRecordStore(pilot.app.connection.server, app["id"]).keep(record_of("3.2.1", "https://x.test/mcp", {}))
        await pilot.press("r")
        await until(pilot, lambda: "3.2.1 just now" in details_text(screen))
        assert "https://x.test/mcp" in details_text(screen)
        assert f"{app['version']} is live, deployed or restored elsewhere. The draft may differ." in details_text(
            screen
        )


async def test_the_reason_is_shown_when_an_apps_config_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = drio_of() | {"GET /apps/app_1/config": 403}
    async with serving(TableServer(answers)) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await show(pilot, "apps")
        await until(pilot, lambda: screen.resources)
        await until(pilot, lambda: "not counted: " in details_text(screen))


async def test_the_app_opened_last_comes_first_and_the_sort_order_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    config = small_config()
    config["tools"][0]["widgetId"] = "widget_9"
    server_of_apps = with_apps(APPS)
    server_of_apps.answers["GET /apps/app_3/config"] = {"config": config}
    async with serving(server_of_apps) as server:
        async with running(server.base_url, monkeypatch) as pilot:
            screen = await show(pilot, "apps")
            await until(pilot, lambda: screen.resources)
            await pilot.press("G", "enter")
            await until(pilot, lambda: isinstance(pilot.app.screen, AppScreen) and not pilot.app.screen.loading_app)
            await pilot.press("escape")
            await until(pilot, lambda: row_keys(screen) == ["app_3", "app_1", "app_2"])
            assert "3 apps, recent first" in text_of(pilot.app)
            await until(pilot, lambda: "Problems ✗ 1 error" in details_text(screen))
            await pilot.press("s", "S")
            await until(pilot, lambda: row_keys(screen) == ["app_1", "app_2", "app_3"])
        async with running(server.base_url, monkeypatch) as pilot:
            screen = await show(pilot, "apps")
            await until(pilot, lambda: screen.resources)
            assert row_keys(screen) == ["app_1", "app_2", "app_3"]
            assert "by name downwards" in text_of(pilot.app)
            await pilot.resize_terminal(50, 24)
            await until(pilot, lambda: "Name ▼" in text_of(pilot.app) and "Enabled" not in text_of(pilot.app))
            screen.order = Order("templateId")
            await until(pilot, lambda: "Template ▲" in text_of(pilot.app) and "Name" in text_of(pilot.app))


async def test_apps_that_others_change_are_marked_and_no_row_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(with_apps(APPS)) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await show(pilot, "apps")
        await until(pilot, lambda: screen.resources)
        await pilot.press("j")
        asked = len(server.requests)
        server.answers["GET /apps"] = {
            "apps": [{"id": "app_4", "name": "New"}, APPS[0] | {"name": "Renamed"}, *APPS[1:]]
        }
        screen._poller.check()
        await until(pilot, lambda: row_keys(screen) == ["app_1", "app_2", "app_3", "app_4"])
        assert sum(path == "/apps" for _, path, _ in server.requests[asked:]) == 1
        assert screen.chosen.id == "app_2"
        assert "~ Renamed" in text_of(pilot.app)
        assert "~ New" in text_of(pilot.app)
        await pilot.press("k", "j")
        await until(pilot, lambda: "~ Renamed" not in text_of(pilot.app))
        assert "~ New" in text_of(pilot.app)

        # An app that this program wrote while it was asked for: the answer may be older than the write.
        own_writes = pilot.app.connection.own_writes
        renamed = server.answers["GET /apps"]["apps"]
        server.answers["GET /apps"] = {"apps": [*renamed[:2], APPS[1] | {"name": "Mine"}, APPS[2] | {"name": "Hers"}]}
        server.hold("GET /apps")
        asked = server.asked("GET", "/apps")
        screen._poller.check()
        await until(pilot, lambda: server.asked("GET", "/apps") > asked)
        own_writes.note(1, "PATCH", "/apps/app_2", is_finished=False)
        own_writes.note(1, "PATCH", "/apps/app_2", is_finished=True)
        server.release()
        await until(pilot, lambda: screen._poller._worker.is_finished)
        assert screen.resources[1].name == "bookings"
        screen._poller.check()
        await until(pilot, lambda: "~ Hers" in text_of(pilot.app))
        assert "Mine" in text_of(pilot.app)
        assert "~ Mine" not in text_of(pilot.app)
        # A colleague's change of the same app after that.
        server.answers["GET /apps"]["apps"][2]["name"] = "Theirs"
        screen._poller.check()
        await until(pilot, lambda: "~ Theirs" in text_of(pilot.app))
        # The app under the cursor is gone: the next one is selected.
        assert screen.chosen.id == "app_2"
        server.answers["GET /apps"]["apps"].pop(2)
        screen._poller.check()
        await until(pilot, lambda: row_keys(screen) == ["app_1", "app_3", "app_4"])
        assert screen.chosen.id == "app_3"
        assert screen._poller.schedule.pause == screen._poller.schedule.first
