"""Carrying a draft out: every request once, whatever happens on the way."""

from __future__ import annotations

from typing import Any

import pytest

from drio_tui.guide.plan import plan
from tests.guide.conftest import Dead, Maker, Mortal, everything

WANTED: dict[str, Any] = {
    "app": {
        "name": "Night desk", "slug": "night-desk", "companyUrl": "https://acme.com", "description": "Answers at night",
    },
    "tools": {
        "Search Contacts": ("Search contacts", []),
        "Find Tickets": ("Search tickets", ["Show Ticket"]),
        "Show Ticket": ("Get ticket", ["Update Ticket"]),
        "Open Ticket": ("Create ticket", []),
        "Update Ticket": ("Update ticket", []),
        "Forecast": ("Forecast", ["Storms", "Find Tickets"]),
        "Storms": ("Forecast", []),
    },
    "widgets": {
        "Contact Table": "Search Contacts", "Tickets": "Find Tickets", "Ticket Detail": "Show Ticket",
        "New Ticket Form": "Open Ticket", "Sky": "Forecast",
    },
    "integrations": {"Helpdesk": "Helpdesk key", "Weather": "Weather sign-in"},
    "auth": {"Helpdesk key": "X-Desk-Key", "Weather sign-in": None},
}  # fmt: skip


def as_wanted(app: dict[str, Any]) -> None:
    for name, value in WANTED.items():
        assert app[name] == value, name
    assert app["operations"].count("Forecast") == 1


async def test_a_draft_becomes_the_app_that_was_asked_for(sandbox: Any) -> None:
    maker = Maker(sandbox)
    await everything(maker)
    before = await maker.apps()
    planned = {step.id for step in plan(maker.draft)}
    await maker.run()
    assert set(maker.states().values()) == {"done"}
    assert maker.executor.done
    as_wanted(await maker.app())
    assert await maker.apps() == before + 1
    assert planned <= set(maker.states())  # what was announced was done; what only the app shows came on top
    assert {id for id in maker.states() if id not in planned} >= {"delete:draft:widget:contact-card"}


@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_at_any_request_and_started_again_nothing_is_lost_and_nothing_made_twice(
    sandbox: Any, when: str
) -> None:
    at, total = 1, 0
    while not total:
        maker = Maker(sandbox)
        await everything(maker)
        maker.draft.basics["slug"] = f"night-desk-{when}-{at}"
        before = await maker.apps()
        mortal = maker.editor.network.inner = Mortal(maker.editor.network.inner, at, when)
        try:
            await maker.run()
        except Dead:
            id = maker.die()
        else:
            total = mortal.seen
            id = maker.die()
        again = Maker(sandbox, id)
        await again.run()
        assert again.executor.done, again.states()
        app = await again.app()
        app["app"]["slug"] = "night-desk"
        as_wanted(app)
        assert await again.apps() == before + 1
        again.keeper.close(forget=True)
        at += 1
    assert total == at - 2 >= 15
