"""The program connected to a drio that no longer serves API v1, or that serves v3 too."""

from __future__ import annotations

import pytest

from drio_tui.ui.base.messages import Status
from drio_tui.ui.explorer.explorer_screen import ExplorerScreen
from drio_tui.ui.v3.v3_apps_screen import V3AppsScreen
from drio_tui.ui.widgets.status_line import StatusLine
from tests.api.fault_server import FaultServer
from tests.api.test_newer_versions import GONE, V2, V3, Answers, by_path
from tests.api.v3_server import V3Drio
from tests.ui.driving import running, text_of, until

V1_AND_PAGE: Answers = {
    "/api/v1/apps": (200, {"apps": []}),
    "/api/v1/me": (200, {"user": {"id": "user_1"}}),
    "/api/v2/apps": (200, "<html>"),
}


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_drio_without_v1_says_so_and_opens_its_apps_through_v3(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Esc leaves them for the reason; v opens them again, and the templates name the way."""
    async with FaultServer(V3Drio()) as server, running(server.origin, monkeypatch, size=size) as pilot:
        app = pilot.app
        await until(pilot, lambda: isinstance(app.screen, V3AppsScreen) and "Acme Support" in text_of(app))
        assert "API v3 only" in text_of(app)
        assert "editing needs API v1, which this" in text_of(app)
        assert sum(request.target == "/api/v1/apps" for request in server.requests_seen) <= 2
        await pilot.press("escape")
        await until(pilot, lambda: "this drio speaks v3; drio-tui edits v1" in text_of(app))
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, V3AppsScreen))
        await pilot.press("1")
        await until(pilot, lambda: "look at its apps through API v3" in text_of(app))
        assert "deleted" not in text_of(app)


@pytest.mark.parametrize(
    ("server", "text"),
    [
        (by_path(V2), "this drio speaks v2; drio-tui edits v1"),
        (by_path({}, (410, GONE)), "This drio no longer serves API v1"),
        (by_path({}), "every drio has this address below /api/v1"),
    ],
    ids=["v2", "retired", "missing"],
)
async def test_drio_without_v1_and_v3_says_what_it_serves_and_names_the_explorer(
    server: object, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FaultServer(server) as faults, running(faults.origin, monkeypatch) as pilot:  # type: ignore[arg-type]
        await until(pilot, lambda: text in text_of(pilot.app))
        assert "4  use every operation of its API" in text_of(pilot.app)
        assert "API v3" not in text_of(pilot.app)
        await pilot.press("4")
        await until(pilot, lambda: isinstance(pilot.app.screen, ExplorerScreen))


async def test_drio_with_v1_and_v3_shows_it_and_offers_the_view(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page at a path of the probe, as a single-page application answers, does not count as offline."""
    drio = by_path(V1_AND_PAGE | V3)
    async with FaultServer(drio) as server, running(server.origin, monkeypatch) as pilot:
        await until(pilot, lambda: "API v1 (v3 available)" in text_of(pilot.app))
        assert "online" in text_of(pilot.app)
        targets = [request.target for request in server.requests_seen]
        assert targets.count("/api/v1/apps") == 1
        assert targets.index("/api/v1/apps") < targets.index("/api/v2/apps")
        await pilot.press("v")
        await until(pilot, lambda: isinstance(pilot.app.screen, V3AppsScreen))
        await pilot.press("escape", "2", "r")
        await until(pilot, lambda: not isinstance(pilot.app.screen, V3AppsScreen))
        assert [request.target for request in server.requests_seen].count("/api/v2/apps") == 1


def test_status_line_leaves_out_the_account_before_a_missing_v1() -> None:
    line = StatusLine()
    line.set_reactive(StatusLine.status, Status("online", host="drio.test", account="ada@acme.com", api="API v1"))
    assert line._connection(60).plain == "drio.test  ada@acme.com  API v1  ● online "
    assert line._connection(40).plain == "drio.test  ada@acme.com  ● online "
    line.set_reactive(
        StatusLine.status,
        Status("online", host="drio.test", account="ada@acme.com", api="API v3 only", is_v1_gone=True),
    )
    assert line._connection(30).plain == "API v3 only  ● online "
