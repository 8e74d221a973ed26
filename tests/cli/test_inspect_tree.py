"""The tree that `inspect` prints, with responses that are not as documented."""

from __future__ import annotations

from typing import Any

import pytest

from drio_tui.api.client import DrioClient
from drio_tui.api.errors import DrioError
from drio_tui.api.transport import Transport
from drio_tui.cli.inspect_tree import app_tree
from drio_tui.cli.output import Line
from drio_tui.kinds import TOOL, Kind
from tests.ui.table_server import TableServer, drio_of, serving
from tests.workspace.small_app import small_config


async def printed(answers: dict[str, Any], kind: Kind[Any] | None) -> list[Line]:
    async with serving(TableServer(answers)) as server:
        transport = Transport(server.base_url)
        try:
            return await app_tree(DrioClient(transport), "app_1", kind)
        finally:
            await transport.aclose()


async def test_a_part_that_cannot_be_read_is_shown_in_the_tree_and_is_the_error_of_its_table() -> None:
    answers = drio_of(small_config())
    del answers["GET /apps/app_1/config"]["config"]["tools"]
    answers["GET /apps/app_1/tools"] = (403, {"error": {"code": "forbidden", "message": "Not yours"}})
    assert any("could not be read" in "".join(map(str, line)) for line in await printed(answers, None))
    with pytest.raises(DrioError, match="Not yours"):
        await printed(answers, TOOL)


@pytest.mark.parametrize("actions", [5, True, "all", {"a": 1}, [5], [[1]], [{"trigger": 5, "type": []}]])
async def test_a_widget_with_malformed_actions_is_still_shown(actions: Any) -> None:
    config = small_config()
    widget = config["widgets"][0]
    widget["actions"] = actions
    lines = await printed(drio_of(config), None)
    assert any(widget["name"] in "".join(map(str, line)) for line in lines)
