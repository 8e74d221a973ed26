"""What nobody knows survives the whole of an edit: read from a server, shown on every page, changed, written.

One program stays open for all examples; each opens a resource full of unknown members and words, goes through every
page, changes one line of the form or of the JSON, saves, and is compared with what arrived on the wire.
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

from drio_tui.api.models import same_json
from drio_tui.kinds import KINDS, Kind
from drio_tui.ui.editing.edit_screen import EditScreen, Target
from drio_tui.ui.editing.review_dialog import ReviewScreen
from drio_tui.ui.forms.json_page import WholeJson
from tests.ui.driving import running, text_of, until
from tests.ui.editing.editors.app import INTEGRATIONS, world
from tests.ui.editing.editors.test_every_editor import THINGS
from tests.ui.editing.editors.test_survival import at, edit_form, salted, unknown
from tests.ui.editing.test_saving import edit_of
from tests.ui.table_server import TableServer, drio_of, serving

RAW = {**THINGS, "integration": {**INTEGRATIONS[0], "kind": "rest", "config": {"headers": {"A": "b"}}}}


class Hand:
    """One open program and its server."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.pilot: Any = None
        self.server: Any = None

    async def begin(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server = await self.stack.enter_async_context(serving(TableServer(drio_of())))
        self.pilot = await self.stack.enter_async_context(running(self.server.base_url, monkeypatch))
        await self.pilot.app.backend.ready()

    async def changed(self, kind: Kind[Any], raw: dict[str, Any], *, json_page: bool) -> list[Any]:
        """Edit the resource's name on a page; the bodies that were sent."""
        app, path = self.pilot.app, kind.item.format(app="app_1", id=raw["id"])
        self.server.answers[f"GET {path}"] = {kind.item_key: raw}
        self.server.answers[f"PATCH {path}"] = {kind.item_key: raw}
        self.server.requests.clear()
        while isinstance(app.screen, EditScreen | ReviewScreen):  # what an example that failed has left
            await app.pop_screen()
        app.push_screen(EditScreen(Target("app_1", kind.name, raw["id"]), world(**{kind.name: [raw]})))
        editing = await edit_of(self.pilot)
        for number in range(1, len(editing._pages)):
            editing.show_page(number)
            await self.pilot.pause()
        assert not editing.dirty, f"looking at it changed it: {editing.form.model.to_patch()}"
        seen = editing.mine()
        for place, inner in unknown(raw):
            assert same_json(at(seen, place), inner), place
        if json_page:
            page = editing.query_one(WholeJson)
            page._area.text = json.dumps({**json.loads(page._area.text), "name": "Old7"})
        else:
            editing.show_page(0)
            edit_form(editing.form.model)
        editing.action_write()
        await until(self.pilot, lambda: app.screen is not editing)
        if isinstance(app.screen, ReviewScreen):
            await until(self.pilot, lambda: "Write to" in text_of(app))
            await self.pilot.press("ctrl+s")
        await until(self.pilot, lambda: not isinstance(app.screen, EditScreen | ReviewScreen))
        return [body for method, _, body in self.server.requests if method not in ("GET", "HEAD")]


@pytest.fixture(scope="module")
def hand() -> Iterator[Hand]:
    hand = Hand()
    with pytest.MonkeyPatch.context() as monkeypatch, hand.runner as runner:
        runner.run(hand.begin(monkeypatch))
        yield hand
        runner.run(hand.stack.aclose())


@pytest.mark.parametrize("kind", sorted(KINDS))
@settings(max_examples=3)
@given(data=st.data())
def test_one_line_changed_is_all_that_is_sent_of_a_resource_full_of_what_nobody_knows(
    hand: Hand, kind: str, data: st.DataObject
) -> None:
    plain = copy.deepcopy(RAW[kind])
    raw = {**salted(plain, data.draw), "id": plain["id"], "name": "Old"}
    sent = hand.runner.run(hand.changed(KINDS[kind], raw, json_page=data.draw(st.booleans())))
    assert len(sent) == 1, sent
    assert same_json(sent[0], {next(iter(sent[0])): f"{raw[next(iter(sent[0]))]}7"}), sent
