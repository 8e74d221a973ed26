"""The program connected to a drio that no longer serves the supported API version."""

from __future__ import annotations

import pytest

from drio_tui.ui.app.drio_app import DrioApp
from drio_tui.ui.base.launch_options import LaunchOptions
from tests.api.fault_server import FaultServer
from tests.api.test_newer_versions import V3, by_path
from tests.ui.driving import TOKEN, text_of, until


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_apps_and_templates_show_an_unsupported_api_version_and_advice(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRIO_TOKEN", TOKEN)
    async with FaultServer(by_path(V3)) as server:
        app = DrioApp(LaunchOptions(base_url=server.origin))
        async with app.run_test(size=size) as pilot:
            for key in ("2", "1"):
                await pilot.press(key)
                await until(pilot, lambda: "this drio speaks v3; drio-tui edits v1" in text_of(app))
                assert "Update drio-tui" in text_of(app)
                assert "deleted" not in text_of(app)
