"""What public threads say that similar tools got wrong, tried as a whole; other tests name the parts of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from drio_tui.api.errors import DrioError
from drio_tui.kinds import TOOL, WIDGET
from drio_tui.manifest.apply import Applier, NotApplicable
from drio_tui.manifest.drift import find_drift
from tests.cli.conftest import app, drio, on_sandbox
from tests.cli.test_plan import Project, project
from tests.manifest.test_apply import Author, author, new_app

if TYPE_CHECKING:
    from tests.cli.conftest import AppOnSandbox

__all__ = ["app", "author", "drio", "on_sandbox", "project"]

THREADS = [
    "auth0-deploy-cli#1440", "auth0-deploy-cli#187", "auth0-deploy-cli#201", "auth0-deploy-cli#60", "deck#1699",
    "frodo-cli#399", "kongctl#1650", "pulumi#1551", "supabase/cli#6657", "terraform#10507", "terraform#10792",
    "terraform#24078", "terraform-provider-auth0#1620",
]  # fmt: skip
TESTS = Path(__file__).resolve().parent.parent
ANSWERS = [(403, "{}"), (404, "{}"), (500, "{}"), (200, "{}"), (200, "null"), (200, "<html>")]
"""Answers to a read that could be taken for an empty list."""


@pytest.mark.parametrize("thread", THREADS)
def test_a_test_names_it(thread: str) -> None:
    named = re.compile(rf'"""[^"]*(?<![\w-]){re.escape(thread)}(?!\d)')
    files = [*(TESTS / "manifest").glob("*.py"), *(TESTS / "plan").glob("*.py")]
    assert any(named.search(path.read_text(encoding="utf-8")) for path in files)


class FailingRead(httpx.AsyncBaseTransport):
    """A connection on which one GET, by its path, gets another response; without a config each list is read."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.failing = ""
        self.answer = (500, "{}")
        self.has_config = True
        self.paths: dict[str, None] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        answer = None
        if request.method == "GET":
            self.paths[path] = None
            if path.endswith("/config") and not self.has_config:
                answer = (404, "{}")
            if path == self.failing:
                answer = self.answer
        if answer is None:
            return await self.inner.handle_async_request(request)
        headers = {"Content-Type": "application/json"}
        return httpx.Response(answer[0], stream=httpx.ByteStream(answer[1].encode()), headers=headers)


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("has_config", [True, False])
async def test_no_read_that_fails_is_taken_for_an_empty_list(
    author: Author, answer: tuple[int, str], has_config: bool
) -> None:
    """auth0-deploy-cli#201: a folder that could not be read deleted a users database."""
    await author.apply(new_app())
    network = author.editor.network.inner = FailingRead(author.editor.network.inner)
    network.answer, network.has_config = answer, has_config
    assert not (await author.plan(new_app(), prune=True)).changes
    refused = []
    author.sent()
    for path in [*network.paths]:
        network.failing = path
        for document in (new_app(), new_app(tools={}, widgets={})):
            try:
                plan = await author.plan(document, prune=True)
            except DrioError:
                refused.append(path.rpartition("/")[2])
            else:  # the config has it too
                assert [change.action for change in plan.changes] == ["delete"] * (0 if document["tools"] else 3), path
    needed = {"apps"} if has_config else {"apps", "auth", "integrations", "operations", "tools", "widgets"}
    assert needed <= {*refused}
    assert not author.sent()


async def test_one_scope_holds_for_plan_apply_and_drift(author: Author) -> None:
    """deck#1699: filters were honoured in one command and not in another."""
    await author.apply(new_app())
    await author.by_hand(WIDGET, "acme", "table", name="By hand")
    await author.by_hand(TOOL, "acme", "show-contact", description="By hand")
    partial = {"app": {"slug": "acme"}, "tools": {"search-contacts": {"name": "Search"}}}
    author.base = None
    author.sent()
    for prune, deleted in ((False, []), (True, ["show-contact"])):
        plan = await author.plan(partial, prune=prune)
        assert [change.key for change in plan.changes] == deleted
        saved_scope = plan.comparison.view("acme").scope
        assert "1 tool" in saved_scope
        assert "widget" not in saved_scope
    assert not (await author.apply(partial)).results
    assert not author.sent()
    drift = find_drift(partial, await author.form("acme"), None)
    assert [(change.action, change.name) for change in drift.changes] == [("create", "show-contact")]
    assert (await author.form("acme")).data["widgets"]["table"]["name"] == "By hand"


async def test_an_old_export_does_not_undo_what_it_never_had(author: Author) -> None:
    """supabase/cli#6657: stale files overwrote live security settings because defaults were filled in."""
    await author.apply(new_app())
    old = (await author.form("acme")).data
    author.base = None
    await author.by_hand(
        TOOL, "acme", "show-contact", isEnabled=False, annotations={"destructiveHint": True}, xpolicy=1
    )
    author.sent()
    assert not (await author.apply(old, prune=True)).results
    assert not author.sent()
    tool = (await author.form("acme")).data["tools"]["show-contact"]
    assert (tool["isEnabled"], tool["annotations"], tool["xpolicy"]) == (False, {"destructiveHint": True}, 1)


async def test_a_plan_made_of_an_old_state_does_nothing_twice(author: Author) -> None:
    """terraform#24078: the same plan, carried out twice at different times, made duplicates."""
    await author.apply(new_app())
    more = new_app()
    more["tools"]["third"] = {"name": "Third", "binding": "helpdesk/show"}
    plans = [await author.plan(more) for _ in range(2)]
    for plan in plans:
        try:
            await Applier(author.editor.saver, plan, pause=0).run()
        except NotApplicable:
            assert plan is plans[1]
    names = [tool["name"] for tool in (await author.form("acme")).data["tools"].values()]
    assert sorted(names) == ["Search", "Show", "Third"]


def test_plan_and_drift_change_nothing_anywhere(project: Project, app: AppOnSandbox) -> None:
    """pulumi#1551: a preview wrote what it had refreshed, into the state and into the resources."""
    assert project.run("apply", "--yes").code == 0
    app.patch(f"tools/{app.list('tools')['search-tickets']['id']}", {"name": "By hand"})
    project.edit("tools", "add-note", name="Note")

    def everything() -> tuple[str, dict[str, bytes]]:
        config = app.client.get(f"/api/v1/apps/{app.id}/config").raise_for_status().json()
        files = {str(path): path.read_bytes() for path in project.folder.rglob("*") if path.is_file()}
        return json.dumps(config, sort_keys=True), files

    before = everything()
    assert project.run("drift").code == 3
    assert project.run("plan").code == 1
    assert project.run("plan", "--prune", "--on-conflict", "document", "--json").code == 0
    assert project.run("plan", "--on-conflict", "drio", "--detailed-exitcode").code == 3
    assert everything() == before
