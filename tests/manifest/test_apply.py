"""A document applied to a real sandbox: everything arrives, nothing twice, nothing of others is lost."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from hypothesis import given, settings

from drio_tui.kinds import APP, TOOL
from drio_tui.manifest.apply import (
    Applied,
    Applier,
    NotApplicable,
    find_app_id,
    plan_document,
    read_document_app,
    read_snapshot,
)
from drio_tui.manifest.compare import Options
from drio_tui.manifest.form import DocumentForm, to_document
from drio_tui.manifest.lock import Base, read_base, write_base
from drio_tui.manifest.secret import NOT_GIVEN, Secret
from drio_tui.plan.undo import undo_last
from tests.manifest.apps import documents
from tests.workspace.saving_world import Editor

if TYPE_CHECKING:
    from tests.sandbox_fixtures import InProcessSandbox

Object = dict[str, Any]
EXAMPLES = settings().max_examples // 6
"""How many generated apps are applied: each makes many requests."""


class Author:
    """Who applies a document, and keeps the lock file's entry."""

    def __init__(self, sandbox: InProcessSandbox) -> None:
        self.editor = Editor(sandbox)
        self.folder = sandbox.database.path.parent / "document"
        self.base: Base | None = None

    async def plan(self, document: Object, **options: Any):
        return await plan_document(self.editor.client, document, base=self.base, options=Options(**options))

    async def apply(self, document: Object, **options: Any) -> Applied:
        plan = await self.plan(document, **options)
        applied = await Applier(self.editor.saver, plan, save_base=self.keep, pause=0).run()
        await self.keep(applied.base or self.base)
        return applied

    async def keep(self, base: Base | None) -> None:
        """Write the lock file, and read it again for the next plan."""
        if base is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_base(self.folder, "target", base)
            self.base = read_base(self.folder, "target")

    async def form(self, slug: str) -> DocumentForm:
        app = await find_app_id(self.editor.client, {"app": {"slug": slug}})
        return to_document(await read_snapshot(self.editor.client, app))

    def sent(self) -> list[tuple[str, str]]:
        """Return the method and path of each request other than GET, and forget them."""
        requests = [(exchange.method, exchange.path) for exchange in self.editor.exchanges if exchange.method != "GET"]
        self.editor.exchanges.clear()
        return list(dict.fromkeys(requests))

    async def by_hand(self, kind: Any, slug: str, key: str, /, **properties: Any) -> None:
        """Change a resource as someone in drio does."""
        form = await self.form(slug)
        app = next(id for (name, _), id in form.ids.items() if name == "app")
        await self.editor.client.update(kind, form.ids[kind.name, key], properties, app=app)


@pytest_asyncio.fixture
async def author(sandbox: InProcessSandbox) -> AsyncIterator[Author]:
    author = Author(sandbox)
    yield author
    await author.editor.client.aclose()


def new_app(**more: Any) -> Object:
    """Return a document of an app that does not exist yet, with all kinds."""
    return {
        "app": {"slug": "acme", "name": "Acme", "template": "blank", "branding": {"primaryColor": "#0f172a"}},
        "auth": {
            "key": {
                "name": "Key", "provider": "api-key",
                "config": {"type": "apiKey", "in": "header", "name": "X-Key", "apiKey": Secret("KEY", "k-123-secret")},
            }
        },
        "integrations": {
            "helpdesk": {
                "name": "Helpdesk", "baseUrl": "https://h.example.com", "auth": "key",
                "operations": {
                    "search": {"name": "Search", "method": "GET", "path": "/contacts"},
                    "show": {"name": "Show", "method": "GET", "path": "/contacts/{id}"},
                },
            }
        },
        "tools": {
            "search-contacts": {"name": "Search", "binding": "helpdesk/search", "next": ["show-contact"], "xlimit": 3},
            "show-contact": {"name": "Show", "binding": "helpdesk/show"},
        },
        "widgets": {
            "table": {
                "name": "Table", "tool": "search-contacts", "primitive": "data-table",
                "actions": [{"trigger": "row.select", "type": "callTool", "target": "show-contact"}],
            }
        },
        **more,
    }  # fmt: skip


async def test_a_new_app_gets_all_of_the_document_and_a_second_apply_sends_nothing(author):
    document = new_app()
    applied = await author.apply(document)
    assert not applied.failed
    assert not applied.left
    author.sent()
    form = await author.form("acme")
    expected = copy.deepcopy(document)
    del expected["auth"]["key"]["config"]["apiKey"]
    expected["app"]["branding"] = form.data["app"]["branding"] | expected["app"]["branding"]
    expected["app"] = form.data["app"] | expected["app"]  # what it does not declare is from the template
    assert form.data == expected
    assert form.write_only == {"key": (("config", "apiKey"),)}
    assert [*form.data["tools"]] == ["search-contacts", "show-contact"]
    again = await author.apply(document)
    assert not again.results
    assert not author.sent()


async def test_the_example_app_and_the_templates_have_an_empty_plan(author):
    for template in ("support", "sales-crm", "incident-response"):
        created = await author.editor.client.create(APP, {"templateId": template, "name": template})
        form = await author.form(created.raw["slug"])
        plan = await author.plan(form.data, prune=True)
        assert not plan.changes
        assert not plan.comparison.problems


async def test_an_export_applied_to_another_app_is_equal_there(author):
    created = await author.editor.client.create(APP, {"templateId": "sales-crm", "name": "Staging"})
    source = (await author.form(created.raw["slug"])).data
    document = copy.deepcopy(source)
    document["app"] |= {"slug": "production", "template": "blank"}
    applied = await author.apply(document)
    assert not applied.failed
    target = (await author.form("production")).data
    target["app"] |= {"slug": source["app"]["slug"], "template": "sales-crm"}
    assert target == source
    assert [*target["tools"]] == [*source["tools"]]


async def test_what_a_template_brings_is_compared_after_the_app_was_made(author):
    created = await author.editor.client.create(APP, {"templateId": "support", "name": "Support"})
    document = (await author.form(created.raw["slug"])).data
    document["app"] |= {"slug": "other"}
    first = next(iter(document["tools"]))
    document["tools"][first]["name"] = "Another name"
    applied = await author.apply(document)
    assert [(result.step.verb, result.ok) for result in applied.results] == [("create", True), ("update", True)]
    assert not applied.left


async def test_changes_renames_and_deletes(author):
    await author.apply(new_app())
    document = new_app()
    document["app"]["branding"] = {"accentColor": "#ffffff"}
    document["tools"] = {
        "show": document["tools"]["show-contact"] | {"was": "show-contact", "next": ["search"]},
        "search": document["tools"]["search-contacts"] | {"was": "search-contacts", "next": [], "binding": None},
    }
    document["widgets"] = {}
    del document["integrations"]["helpdesk"]["operations"]["search"]
    plan = await author.plan(document, prune=True)
    assert [f"{change.shown().symbol} {change.kind} {change.key}" for change in plan.changes] == [
        "~ app acme", "→ tool show", "→ tool search", "- widget table", "- operation helpdesk/search",
    ]  # fmt: skip
    ids = (await author.form("acme")).ids
    applied = await author.apply(document, prune=True)
    assert not applied.failed
    form = await author.form("acme")
    branding = form.data["app"]["branding"]
    assert (branding["primaryColor"], branding["accentColor"]) == ("#0f172a", "#ffffff")
    assert form.data["tools"] == {
        "show": {"name": "Show", "binding": "helpdesk/show", "next": ["search"]},
        "search": {"name": "Search", "xlimit": 3},
    }
    assert [*form.data["tools"]] == ["show", "search"]
    assert form.ids["tool", "show"] == ids["tool", "show-contact"]
    assert [*form.data["integrations"]["helpdesk"]["operations"]] == ["show"]
    assert not form.data["widgets"]
    assert not (await author.plan(document, prune=True)).changes


async def test_an_apply_is_undone_as_a_group(author):
    await author.apply(new_app())
    before = (await author.form("acme")).data
    document = new_app()
    document["tools"]["search-contacts"]["name"] = "Find"
    document["tools"]["third"] = {"name": "Third", "next": ["search-contacts"]}
    document["widgets"]["table"]["actions"] = []
    applied = await author.apply(document)
    assert not applied.failed
    await undo_last(author.editor.saver, applied.app)
    assert (await author.form("acme")).data == before


async def test_chains_that_would_lead_round_in_between_are_changed_and_undone_in_order(author):
    """First each the other way round, then by the chains of `b` and `d`, which stay."""
    document = new_app(widgets={})
    document["tools"] = {
        name: {"name": name, "next": [*following]} for name, following in zip("abcd", [*"bcd", ""], strict=True)
    }
    await author.apply(document)
    for chains in ({"a": "", "b": "a", "c": "b", "d": "c"}, {"a": "d", "c": ""}):
        before = (await author.form("acme")).data
        document["tools"] |= {name: {"name": name, "next": [*following]} for name, following in chains.items()}
        applied = await author.apply(document)
        assert not applied.failed
        assert not applied.left
        undone = await undo_last(author.editor.saver, applied.app)
        assert all(step.ok for step in undone)
        assert (await author.form("acme")).data == before
        assert not (await author.apply(document, on_conflict="document")).failed


async def test_a_chain_that_is_not_declared_and_closes_a_circle_is_named_before_anything_is_sent(author):
    document = new_app(widgets={})
    await author.apply(document)
    del document["tools"]["search-contacts"]["next"]
    document["tools"]["show-contact"]["next"] = ["search-contacts"]
    author.sent()
    with pytest.raises(NotApplicable, match=r"tools/show-contact#next: .* `next: \[\]` at tools/search-contacts in"):
        await author.apply(document)
    assert not author.sent()


async def test_widgets_that_swap_their_tools(author):
    document = new_app()
    document["widgets"]["card"] = {"name": "Card", "tool": "show-contact", "primitive": "card"}
    await author.apply(document)
    document["widgets"]["card"]["tool"], document["widgets"]["table"]["tool"] = "search-contacts", "show-contact"
    applied = await author.apply(document)
    assert not applied.failed
    assert not applied.left


async def test_what_someone_changed_in_drio_is_a_conflict_and_nothing_is_written(author):
    document = new_app()
    await author.apply(document)
    await author.by_hand(TOOL, "acme", "search-contacts", name="By hand", description="by hand")
    document["tools"]["search-contacts"]["name"] = "Find"
    document["tools"]["show-contact"]["name"] = "Details"
    author.sent()
    with pytest.raises(NotApplicable, match="tools/search-contacts"):
        await author.apply(document)
    assert not author.sent()
    await author.apply(document, on_conflict="drio")
    tools = (await author.form("acme")).data["tools"]
    assert (tools["search-contacts"]["name"], tools["show-contact"]["name"]) == ("By hand", "Details")
    with pytest.raises(NotApplicable, match="tools/search-contacts"):  # it stays a conflict until someone decides
        await author.apply(document)
    await author.apply(document, on_conflict="document")
    tools = (await author.form("acme")).data["tools"]
    assert tools["search-contacts"]["name"] == "Find"
    assert tools["search-contacts"]["description"] == "by hand"  # the document does not declare it
    assert not (await author.plan(document)).changes


async def test_a_partial_failure_is_reported_and_applying_again_goes_on(author):
    """kongctl#1650: one stale child blocked every create."""
    document = new_app()
    document["integrations"]["helpdesk"]["operations"]["search"]["path"] = "no slash"
    applied = await author.apply(document)
    failed = {result.step.about: result.problem for result in applied.failed}
    assert "Create the operation helpdesk/search" in failed
    assert failed["Create the tool search-contacts"] == "It needs this first: Create the operation helpdesk/search"
    assert {"show-contact"} == {*(await author.form("acme")).data["tools"]}
    document["integrations"]["helpdesk"]["operations"]["search"]["path"] = "/contacts"
    author.sent()
    applied = await author.apply(document)
    assert not applied.failed
    assert not applied.left
    assert [*(await author.form("acme")).data["tools"]] == ["search-contacts", "show-contact"]


@pytest.mark.parametrize("lost", ["answer", "request"])
async def test_a_lost_answer_makes_nothing_twice(author, lost):
    author.editor.network.lose = {"POST": lost}
    applied = await author.apply(new_app())
    if applied.failed or applied.base is None:
        applied = await author.apply(new_app())
    assert not applied.failed
    apps = [raw for raw in (await author.editor.client.list(APP)).items if raw["name"] == "Acme"]
    assert len(apps) == 1
    assert not (await author.plan(new_app())).changes


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_a_lost_answer_leaves_nothing_of_a_change_with_several_requests_out(author, method):
    document = new_app()
    await author.apply(document)
    document["tools"]["show-contact"] |= {"name": "Find", "binding": "helpdesk/search"}
    author.editor.network.lose = {method: "answer"}
    applied = await author.apply(document)
    assert not applied.failed
    assert not applied.left


async def test_secrets_are_needed_only_where_they_are_sent(author):
    document = new_app()
    await author.apply(document)
    document["auth"]["key"]["config"]["apiKey"] = Secret("KEY", NOT_GIVEN)
    document["tools"]["search-contacts"]["name"] = "Find"
    assert not (await author.apply(document)).failed
    with pytest.raises(Exception, match="no value: KEY"):
        await author.apply(document, write_secrets=("auth/key#apiKey",))
    document["auth"]["key"]["config"]["apiKey"] = Secret("KEY", "k-456-secret")
    plan = await author.plan(document)
    assert [note for note in plan.comparison.notes if "--write-secret" in note]
    author.sent()
    assert not (await author.apply(document, write_secrets=("auth/key#apiKey",))).failed
    assert [method for method, _ in author.sent()] == ["PATCH"]
    assert not (await author.plan(document)).comparison.notes
    journal = author.editor.journal((await author.apply(document)).app).path.read_text()
    assert "k-123-secret" not in journal
    assert "k-456-secret" not in journal


async def test_an_app_that_cannot_be_read_completely_is_not_planned(author):
    """auth0-deploy-cli#201, pulumi#1551: a failed read deletes nothing, and a plan writes nothing."""
    await author.apply(new_app())
    author.sent()
    await author.plan(new_app(), prune=True)
    assert not author.sent()
    author.editor.network.offline = True
    with pytest.raises(Exception, match="refused"):
        await author.plan(new_app(), prune=True)


async def test_an_app_without_a_template_is_not_created(author):
    document = new_app()
    del document["app"]["template"]
    with pytest.raises(NotApplicable, match="template"):
        await author.apply(document)


def test_any_app_arrives_whole_and_travels_on(tmp_path: Path, example_data: Path):
    """Export → plan is empty; apply to an empty app → export there is equal; the second apply sends nothing."""
    from tests.sandbox_fixtures import in_process, run_in_new_loop

    numbers = iter(range(10_000))

    @settings(max_examples=EXAMPLES)
    @given(documents(), documents())
    def check(document: Object, other: Object) -> None:
        folder = tmp_path / str(next(numbers))
        run_in_new_loop(round_trip(folder, document, other))

    async def round_trip(folder: Path, document: Object, other: Object) -> None:
        async with in_process(folder, example_app=False) as sandbox:
            author = Author(sandbox)
            slug = document["app"]["slug"]
            document["app"]["template"] = "blank"
            applied = await author.apply(copy.deepcopy(document))
            assert not applied.failed, [result.problem for result in applied.failed]
            assert not applied.left
            exported = (await author.form(slug)).data
            author.sent()
            assert not (await author.apply(exported, prune=True)).results
            assert not author.sent()
            second = copy.deepcopy(exported)
            second["app"]["slug"] = "second"
            author.base = None
            assert not (await author.apply(second)).failed
            copied = (await author.form("second")).data
            assert {**copied, "app": copied["app"] | {"slug": slug}} == exported
            assert [*copied["tools"]] == [*exported["tools"]]
            async with in_process(folder / "second", example_app=False) as host:
                elsewhere = Author(host)
                first = await elsewhere.apply(copy.deepcopy(exported))
                assert not first.failed
                assert not first.left
                promoted = await elsewhere.form(slug)
                assert promoted.data == exported
                assert [*promoted.data["tools"]] == [*exported["tools"]]
                elsewhere.sent()
                assert not (await elsewhere.apply(exported, prune=True)).results
                assert not elsewhere.sent()
                await elsewhere.editor.client.aclose()
            # any app becomes any other, and only --prune deletes
            other["app"] |= {"slug": "second", "template": "blank"}
            kept = await author.apply(copy.deepcopy(other))
            assert not any(result.step.verb == "delete" for result in kept.results)
            if not kept.failed:
                assert not kept.left
            await author.editor.client.aclose()

    check()


async def test_an_apply_can_be_stopped_and_goes_on(author):
    plan = await author.plan(new_app())
    applier = Applier(author.editor.saver, plan, pause=0, parallel=1, on_result=lambda result: stop(result))

    def stop(result: Any) -> None:
        if result.step.kind == "operation":
            applier.stop()

    applied = await applier.run()
    assert {result.problem for result in applied.failed} == {"It was not started."}
    assert applied.base is not None
    assert ("operation", "helpdesk/search") in applied.base.ids
    assert not any(kind == "tool" for kind, _ in applied.base.ids)
    author.base = applied.base
    assert not (await author.apply(new_app())).failed
    assert not (await author.plan(new_app())).changes


async def test_the_app_itself_is_renamed(author):
    await author.apply(new_app())
    document = new_app()
    document["app"] |= {"slug": "acme-2", "was": "acme"}
    plan = await author.plan(document)
    assert [(change.action, change.was, change.key) for change in plan.changes] == [("rename", "acme", "acme-2")]
    assert not (await author.apply(document)).failed
    assert not (await author.plan(document)).changes
    assert (await author.form("acme-2")).data["app"]["name"] == "Acme"


async def test_an_operation_moves_to_another_integration_with_its_tool(author):
    """A key is freed before another operation gets it: the delete comes first, and the tool is unbound for it."""
    await author.apply(new_app())
    document = new_app()
    operations = document["integrations"]["helpdesk"]["operations"]
    document["integrations"]["crm"] = {
        "name": "CRM", "baseUrl": "https://c.example.com", "operations": {"search": operations.pop("search")},
    }  # fmt: skip
    document["tools"]["search-contacts"]["binding"] = "crm/search"
    plan = await author.plan(document, prune=True)
    assert not plan.comparison.problems
    applied = await author.apply(document, prune=True)
    assert not applied.failed
    assert not applied.left
    form = await author.form("acme")
    assert form.data["tools"]["search-contacts"]["binding"] == "crm/search"
    assert [*form.data["integrations"]["helpdesk"]["operations"]] == ["show"]
    assert not (await author.plan(document, prune=True)).changes


async def test_an_app_in_the_lock_file_is_read_while_the_apps_are_listed(
    author: Author, monkeypatch: pytest.MonkeyPatch
) -> None:
    applied = await author.apply(new_app())
    client, base = author.editor.client, author.base
    assert base is not None
    read_begun = asyncio.Event()
    read_ids: list[str] = []

    async def config(app: str, original: Any = client.config) -> Any:
        read_ids.append(app)
        read_begun.set()
        return await original(app)

    async def listing(kind: Any, original: Any = client.list, **options: Any) -> Any:
        if kind is APP:
            await asyncio.wait_for(read_begun.wait(), 10)
        return await original(kind, **options)

    monkeypatch.setattr(client, "config", config)
    monkeypatch.setattr(client, "list", listing)
    read = await read_document_app(client, new_app(), lambda: base)
    assert (read.app, read_ids) == (applied.app, [applied.app])
    assert to_document(read.snapshot).data["tools"]["search-contacts"]["xlimit"] == 3

    # one that was deleted, and created again, is found by its slug
    read = await read_document_app(client, new_app(), lambda: replace(base, app="app_deleted1"))
    assert (read.app, set(read_ids[1:])) == (applied.app, {"app_deleted1", applied.app})
    assert to_document(read.snapshot).data["tools"].keys() == new_app()["tools"].keys()
