"""Carrying a draft out: every request once, whatever happens on the way."""

from __future__ import annotations

from typing import Any

import pytest

from drio_tui.wizard.plan import plan
from drio_tui.wizard.validation import findings
from tests import THOROUGH
from tests.wizard.conftest import Dead, Maker, Mortal, everything

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


SOME = {"before": (1, 2, 12), "after": (1, 5, 9, 14)}
"""The requests at which it is killed when there is little time: an app, deletes, a change, creates."""


@pytest.mark.parametrize("when", ["before", "after"])
async def test_killed_at_any_request_and_started_again_nothing_is_lost_and_nothing_made_twice(
    sandbox: Any, when: str
) -> None:
    total = 0
    for at in range(1, 40) if THOROUGH else SOME[when]:
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
        if total:
            break
    assert not THOROUGH or 15 <= total == at - 1


async def test_a_slug_taken_meanwhile_is_told_edited_and_tried_again(sandbox: Any) -> None:
    first, second = Maker(sandbox), Maker(sandbox)
    for maker in (first, second):
        await maker.choose("support", name="Night desk", slug="night-desk")
    await first.run()
    await second.run()
    assert second.states() == {"app": "failed", "read": "skipped"}
    assert "slug" in second.draft.step("app").fields
    assert [one.path for one in findings(second.draft) if one.page == "basics"] == ["slug"]
    second.draft.basics["slug"] = "night-desk-2"
    assert not [one for one in findings(second.draft) if one.page == "basics"]
    await second.run()
    assert second.executor.done
    assert second.draft.app != first.draft.app


@pytest.mark.parametrize("fault", ["answer lost", "request lost", "broken", "offline"])
async def test_whatever_happens_to_a_request_trying_again_makes_one_of_each(sandbox: Any, fault: str) -> None:
    maker = Maker(sandbox)
    await everything(maker)
    before = await maker.apps()
    network = maker.editor.network
    await maker.run("app" if fault == "offline" else "read")
    if fault == "offline":
        network.offline = True
    elif fault == "broken":
        network.refuse = [500]
    else:
        network.lose = {"POST": fault.split()[0]}
    await maker.run()
    if fault == "answer lost":  # it was looked for and found
        assert maker.executor.done
    else:
        assert not maker.executor.done
        assert maker.draft.app
        network.offline = False
        await maker.run()
    assert maker.executor.done, maker.states()
    as_wanted(await maker.app())
    assert await maker.apps() == before + 1


async def test_a_step_can_be_skipped_and_takes_what_needs_it_along(sandbox: Any) -> None:
    maker = Maker(sandbox)
    await everything(maker)
    await maker.run("read")
    step = next(step for step in maker.executor.steps if step.about.startswith("Add the integration Weather"))
    maker.executor.skip(step)
    await maker.run()
    assert maker.executor.done
    skipped = {step.about for step in maker.executor.steps if maker.executor.state(step).state == "skipped"}
    assert {"Add the operation Forecast (GET /f)", "Add the widget Sky"} <= skipped
    app = await maker.app()
    assert "Weather" not in app["integrations"]
    maker.executor.unskip(step)
    await maker.run()
    as_wanted(await maker.app())


async def test_it_stops_after_the_present_request_and_goes_on_later(sandbox: Any) -> None:
    maker = Maker(sandbox)
    await everything(maker)

    async def stop() -> None:
        maker.executor.stop()

    maker.editor.network.before = [stop]
    await maker.run()
    assert maker.states()["app"] == "done"
    assert maker.states()["read"] == "todo"
    await maker.run()
    as_wanted(await maker.app())


async def test_what_is_edited_after_it_was_made_is_changed_and_not_made_again(sandbox: Any) -> None:
    maker = Maker(sandbox)
    await everything(maker)
    await maker.run()
    maker.draft.basics["description"] = "Answers by day"
    storms = next(one for one in maker.draft.added if one.name == "Storms")
    body = {**storms.body, "description": "Every storm."}
    storms.filled.edit(body, body)
    await maker.run()
    assert maker.executor.done
    config = await maker.editor.client.config(maker.draft.app)
    assert config["app"]["description"] == "Answers by day"
    assert [tool["description"] for tool in config["tools"] if tool["name"] == "Storms"] == ["Every storm."]
    sent = len(maker.editor.sent)
    await maker.run()
    assert len(maker.editor.sent) == sent  # nothing is left to send
