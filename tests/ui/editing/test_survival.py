"""Unknown content survives an edit: read from a server, shown on every page, edited, written.

One program stays open for all examples. Each example opens a resource with unknown properties and values, opens every
page, edits one line of the form or of the JSON, saves, and checks the request that was sent.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drio_tui.api.json_values import same_json
from drio_tui.kinds import KINDS, Kind
from drio_tui.ui.editing.edit_screen import EditScreen
from drio_tui.ui.editing.edit_target import EditTarget
from drio_tui.ui.editing.review_dialog import ReviewDialog
from drio_tui.ui.forms.json_page import JsonPage
from tests.ui.driving import running, text_of, until
from tests.ui.editing.editors.app import INTEGRATIONS, app_snapshot
from tests.ui.editing.editors.test_every_editor import RESOURCES
from tests.ui.editing.editors.test_survival import edit_form, unknown_content, value_at, with_unknown_content
from tests.ui.editing.test_saving import edit_of
from tests.ui.table_server import TableServer, drio_of, serving

RAW = {**RESOURCES, "integration": {**INTEGRATIONS[0], "kind": "rest", "config": {"headers": {"A": "b"}}}}


class Session:
    """A running program and its server."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.pilot: Any = None
        self.server: Any = None

    async def begin(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server = await self.stack.enter_async_context(serving(TableServer(drio_of())))
        self.pilot = await self.stack.enter_async_context(running(self.server.base_url, monkeypatch))
        await self.pilot.app.connection.ready()

    async def edit_name(self, kind: Kind[Any], raw: dict[str, Any], *, json_page: bool) -> list[Any]:
        """Edit the resource's name on a page; return the bodies that were sent."""
        app, path = self.pilot.app, kind.item.format(app="app_1", id=raw["id"])
        self.server.answers[f"GET {path}"] = {kind.item_key: raw}
        self.server.answers[f"PATCH {path}"] = {kind.item_key: raw}
        self.server.requests.clear()
        while isinstance(app.screen, EditScreen | ReviewDialog):  # left over from a failed example
            await app.pop_screen()
        app.push_screen(EditScreen(EditTarget("app_1", kind.name, raw["id"]), app_snapshot(**{kind.name: [raw]})))
        editing = await edit_of(self.pilot)
        for number in range(1, len(editing._pages)):
            editing.show_page(number)
            await self.pilot.pause()
        assert not editing.dirty, f"opening the pages changed it: {editing.form.model.to_patch()}"
        shown = editing.edited_resource()
        for path_to, value in unknown_content(raw):
            assert same_json(value_at(shown, path_to), value), path_to
        if json_page:
            page = editing.query_one(JsonPage)
            page._area.text = json.dumps({**json.loads(page._area.text), "name": "Old7"})
        else:
            editing.show_page(0)
            edit_form(editing.form.model)
        editing.action_write()
        await until(self.pilot, lambda: app.screen is not editing)
        if isinstance(app.screen, ReviewDialog):
            await until(self.pilot, lambda: "Write to" in text_of(app))
            await self.pilot.press("ctrl+s")
        await until(self.pilot, lambda: not isinstance(app.screen, EditScreen | ReviewDialog))
        return [body for method, _, body in self.server.requests if method not in ("GET", "HEAD")]


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    session = Session()
    with pytest.MonkeyPatch.context() as monkeypatch, session.runner as runner:
        runner.run(session.begin(monkeypatch))
        yield session
        runner.run(session.stack.aclose())


@pytest.mark.parametrize("kind", sorted(KINDS))
@settings(max_examples=3)
@given(data=st.data())
def test_only_the_edited_property_is_sent_of_a_resource_with_unknown_content(
    session: Session, kind: str, data: st.DataObject
) -> None:
    plain = copy.deepcopy(RAW[kind])
    raw = {**with_unknown_content(plain, data.draw), "id": plain["id"], "name": "Old"}
    sent = session.runner.run(session.edit_name(KINDS[kind], raw, json_page=data.draw(st.booleans())))
    assert len(sent) == 1, sent
    assert same_json(sent[0], {next(iter(sent[0])): f"{raw[next(iter(sent[0]))]}7"}), sent
