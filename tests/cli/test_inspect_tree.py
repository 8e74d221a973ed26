"""The tree that `inspect` prints, with responses that are not as documented."""

from __future__ import annotations

from typing import Any

import pytest

from drio_tui.api.client import DrioClient
from drio_tui.api.transport import Transport
from drio_tui.cli.inspect_tree import app_tree
from tests.ui.table_server import TableServer, drio_of, serving
from tests.workspace.small_app import small_config


@pytest.mark.parametrize("actions", [5, True, "all", {"a": 1}, [5], [[1]], [{"trigger": 5, "type": []}]])
async def test_a_widget_with_malformed_actions_is_still_shown(actions: Any) -> None:
    config = small_config()
    widget = config["widgets"][0]
    widget["actions"] = actions
    async with serving(TableServer(drio_of(config))) as server:
        transport = Transport(server.base_url)
        try:
            lines = await app_tree(DrioClient(transport), "app_1", None)
        finally:
            await transport.aclose()
    assert any(widget["name"] in "".join(map(str, line)) for line in lines)
