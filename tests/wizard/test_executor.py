"""Carrying out a draft: each request takes effect once, also after failures and interruptions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drio_tui.manifest.document import read_document
from drio_tui.manifest.template import template_document
from drio_tui.sandbox.custom_templates import add_template
from drio_tui.wizard.draft import Draft
from drio_tui.wizard.plan import plan
from drio_tui.wizard.validation import diagnostics
from tests import THOROUGH
from tests.manifest.test_validation import EXAMPLE
from tests.wizard.conftest import Creation, Killed, KillingTransport, fill_in_everything

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


def assert_as_wanted(app: dict[str, Any]) -> None:
    for name, value in WANTED.items():
        assert app[name] == value, name
    assert app["operations"].count("Forecast") == 1


async def test_the_plan_of_a_draft_creates_the_app_as_filled_in(sandbox: Any) -> None:
    creation = Creation(sandbox)
    await fill_in_everything(creation)
    before = await creation.app_count()
    planned = {step.id for step in plan(creation.draft)}
    await creation.run()
    assert set(creation.states().values()) == {"done"}
    assert creation.executor.done
    assert_as_wanted(await creation.app())
    assert await creation.app_count() == before + 1
    assert planned <= set(creation.states())  # the app's config added deletes to the plan that was shown before
    assert {id for id in creation.states() if id not in planned} >= {"delete:draft:widget:contact-card"}


async def test_an_app_is_created_from_a_template_that_was_added_to_the_running_sandbox(
    sandbox: Any, tmp_path: Path
) -> None:
    (tmp_path / "drio.yaml").write_text(EXAMPLE, encoding="utf-8")
    document = template_document(read_document(tmp_path), {})
    await add_template(sandbox.app.state.sandbox.settings.data_dir, document)
    creation = Creation(sandbox)
    await creation.choose("acme-support", name="Ours", slug="ours")
    await creation.run()
    assert creation.executor.done
    app = await creation.app()
    assert app["app"]["slug"] == "ours"
    assert app["tools"] == {
        "Search Contacts": ("Search contacts", ["Show Contact"]), "Show Contact": ("Show contact", []),
    }  # fmt: skip
    assert app["widgets"] == {"Contacts": "Search Contacts"}


SOME = {"before": (1, 2, 12), "after": (1, 5, 9, 14)}
"""The requests at which a short test run kills it: that of the app, deletes, a change, creates."""


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_creation_killed_at_any_request_resumes_without_loss_or_duplicates(sandbox: Any, when: str) -> None:
    total = 0
    for at in range(1, 40) if THOROUGH else SOME[when]:
        creation = Creation(sandbox)
        await fill_in_everything(creation)
        creation.draft.basics["slug"] = f"night-desk-{when}-{at}"
        before = await creation.app_count()
        transport = creation.editor.network.inner = KillingTransport(creation.editor.network.inner, at, when)
        try:
            await creation.run()
        except Killed:
            await creation.editor.saver.single_flight.wait_idle()  # the server carries out what it has received
            id = creation.die()
        else:
            total = transport.count
            id = creation.die()
        resumed = Creation(sandbox, id)
        await resumed.run()
        assert resumed.executor.done, resumed.states()
        app = await resumed.app()
        app["app"]["slug"] = "night-desk"
        assert_as_wanted(app)
        assert await resumed.app_count() == before + 1
        resumed.session.close(forget=True)
        if total:
            break
    assert not THOROUGH or 15 <= total == at - 1


async def test_a_slug_taken_meanwhile_can_be_edited_and_retried(sandbox: Any) -> None:
    first, second = Creation(sandbox), Creation(sandbox)
    for creation in (first, second):
        await creation.choose("support", name="Night desk", slug="night-desk")
    await first.run()
    await second.run()
    assert second.states() == {"app": "failed", "read": "skipped"}
    assert "slug" in second.draft.step("app").fields
    assert [diagnostic.path for diagnostic in diagnostics(second.draft) if diagnostic.page == "basics"] == ["slug"]
    second.draft.basics["slug"] = "night-desk-2"
    assert "basics" not in [diagnostic.page for diagnostic in diagnostics(second.draft)]
    await second.run()
    assert second.executor.done
    assert second.draft.app != first.draft.app


def test_only_names_that_were_given_here_can_be_too_long() -> None:
    """What the template calls its resources is no mistake of the user's, who would not get past the step."""
    template = {"id": "t", "tools": [{"key": key, "name": key * 300} for key in "ab"]}
    draft = Draft("default", "server", template=template)
    assert not [diagnostic for diagnostic in diagnostics(draft) if diagnostic.path == "name" and diagnostic.ref]
    draft.names = {"draft:tool:b": "B" * 201}
    (error,) = (diagnostic for diagnostic in diagnostics(draft) if diagnostic.ref and diagnostic.severity == "error")
    assert error.message == f"Give the tool {'b' * 39}… a name of at most 200 characters."


@pytest.mark.parametrize("fault", ["answer lost", "request lost", "broken", "offline"])
async def test_a_retry_after_a_failed_request_creates_no_duplicates(sandbox: Any, fault: str) -> None:
    creation = Creation(sandbox)
    await fill_in_everything(creation)
    before = await creation.app_count()
    network = creation.editor.network
    await creation.run("app" if fault == "offline" else "read")
    if fault == "offline":
        network.offline = True
    elif fault == "broken":
        network.refuse = [500]
    else:
        network.lose = {"POST": fault.split()[0]}
    await creation.run()
    if fault == "answer lost":  # the created app was found by a lookup
        assert creation.executor.done
    else:
        assert not creation.executor.done
        assert creation.draft.app
        network.offline = False
        await creation.run()
    assert creation.executor.done, creation.states()
    assert_as_wanted(await creation.app())
    assert await creation.app_count() == before + 1


async def test_skipping_a_step_skips_those_that_depend_on_it(sandbox: Any) -> None:
    creation = Creation(sandbox)
    await fill_in_everything(creation)
    await creation.run("read")
    step = next(step for step in creation.executor.steps if step.about.startswith("Add the integration Weather"))
    creation.executor.skip(step)
    await creation.run()
    assert creation.executor.done
    skipped = {step.about for step in creation.executor.steps if creation.executor.state(step).state == "skipped"}
    assert {"Add the operation Forecast (GET /f)", "Add the widget Sky"} <= skipped
    app = await creation.app()
    assert "Weather" not in app["integrations"]
    creation.executor.unskip(step)
    await creation.run()
    assert_as_wanted(await creation.app())


async def test_stop_ends_after_the_current_request_and_a_later_run_resumes(sandbox: Any) -> None:
    creation = Creation(sandbox)
    await fill_in_everything(creation)

    async def stop() -> None:
        creation.executor.stop()

    creation.editor.network.before = [stop]
    await creation.run()
    assert creation.states()["app"] == "done"
    assert creation.states()["read"] == "todo"
    await creation.run()
    assert_as_wanted(await creation.app())


async def test_resources_edited_after_their_creation_are_updated_not_created_again(sandbox: Any) -> None:
    creation = Creation(sandbox)
    await fill_in_everything(creation)
    await creation.run()
    creation.draft.basics["description"] = "Answers by day"
    storms = next(resource for resource in creation.draft.added if resource.name == "Storms")
    body = {**storms.body, "description": "Every storm."}
    storms.filled.edit(body, body)
    await creation.run()
    assert creation.executor.done
    config = await creation.editor.client.config(creation.draft.app)
    assert config["app"]["description"] == "Answers by day"
    assert [tool["description"] for tool in config["tools"] if tool["name"] == "Storms"] == ["Every storm."]
    sent = len(creation.editor.sent)
    await creation.run()
    assert len(creation.editor.sent) == sent  # nothing is sent a second time
