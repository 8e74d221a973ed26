"""Renames whose new key is that of another resource: swaps, and a new resource with the key of a renamed one."""

from __future__ import annotations

from typing import Any

import pytest

from drio_tui.document_layout import OPERATIONS
from drio_tui.manifest.saved_plan import PlanFile, save_plan
from drio_tui.plan.undo import undo_last
from tests.manifest.test_apply import Author, author, new_app
from tests.manifest.test_killed_apply import kill
from tests.manifest.test_saved_plan import SECRETS, apply_file

__all__ = ["author"]
Object = dict[str, Any]


def start() -> Object:
    """Return a document with two resources of each kind whose keys can be swapped."""
    document = new_app()
    document["auth"]["second"] = {"name": "Second", "provider": "none"}
    document["integrations"]["crm"] = {"name": "CRM", "baseUrl": "https://c.example.com", "auth": "second"}
    document["widgets"]["card"] = {"name": "Card", "tool": "show-contact", "primitive": "card"}
    return document


def swapped() -> Object:
    """Return `start` with the keys of each pair swapped; references follow."""
    document = start()
    document["app"].pop("template")
    pairs = {"search-contacts": "show-contact", "key": "second", "helpdesk": "crm", "table": "card"}
    pairs |= {new: old for old, new in pairs.items()}

    def swap(entries: Object, keys: dict[str, str]) -> Object:
        return {keys[key]: entry | {"was": key} for key, entry in entries.items()}

    for section in ("auth", "integrations", "tools", "widgets"):
        document[section] = swap(document[section], pairs)
    operations = document["integrations"]["crm"][OPERATIONS]
    document["integrations"]["crm"][OPERATIONS] = swap(operations, {"search": "show", "show": "search"})
    for integration in document["integrations"].values():
        integration["auth"] = pairs[integration["auth"]]
    for tool in document["tools"].values():
        tool["binding"] = {"helpdesk/search": "crm/show", "helpdesk/show": "crm/search"}[tool["binding"]]
        tool["next"] = [pairs[key] for key in tool.get("next", [])]
    for widget in document["widgets"].values():
        widget["tool"] = pairs[widget["tool"]]
        for action in widget.get("actions", []):
            action["target"] = pairs[action["target"]]
    return document


async def check_swapped(author: Author, ids: dict[tuple[str, str], str]) -> None:
    form = await author.form("acme")
    for kind, first, second in (
        ("tool", "search-contacts", "show-contact"), ("auth", "key", "second"), ("integration", "helpdesk", "crm"),
        ("widget", "table", "card"),
    ):  # fmt: skip
        assert (form.ids[kind, first], form.ids[kind, second]) == (ids[kind, second], ids[kind, first])
    assert form.ids["operation", "crm/show"] == ids["operation", "helpdesk/search"]
    assert {name: tool["name"] for name, tool in form.data["tools"].items()} == {
        "search-contacts": "Show", "show-contact": "Search",
    }  # fmt: skip


async def test_swapped_keys(author):
    await author.apply(start())
    before = await author.form("acme")
    plan = await author.plan(swapped())
    assert not plan.comparison.problems
    assert {change.action for change in plan.changes} == {"rename"}
    applied = await author.apply(swapped())
    assert not applied.failed, [result.problem for result in applied.failed]
    assert not applied.left
    await check_swapped(author, before.ids)
    author.sent()
    assert not (await author.apply(swapped())).results  # `was` may stay in the document
    await undo_last(author.editor.saver, applied.app)
    assert (await author.form("acme")).data == before.data


@pytest.mark.parametrize("at", [1, 3, 6, 8, 11, 14])
async def test_a_swap_that_was_killed_goes_on(author, at):
    await author.apply(start())
    ids = (await author.form("acme")).ids
    assert await kill(author, swapped(), at, "after")
    document = swapped()
    document["tools"]["show-contact"]["description"] = "Edited since"
    applied = await author.apply(document)
    assert not applied.failed, [result.problem for result in applied.failed]
    assert not applied.left
    await check_swapped(author, ids)
    assert not (await author.apply(document)).results


async def test_a_swap_that_failed_goes_on(author):
    await author.apply(start())
    ids = (await author.form("acme")).ids
    author.editor.network.refuse = [400, 400]
    assert (await author.apply(swapped())).failed
    author.editor.network.refuse = []
    applied = await author.apply(swapped())
    assert not applied.failed
    await check_swapped(author, ids)


async def test_a_saved_plan_swaps_keys(author, tmp_path):
    await author.apply(start())
    ids = (await author.form("acme")).ids
    path = tmp_path / "plan.json"
    PlanFile(path, save_plan(await author.plan(swapped()), server="s", host="h")).store()
    assert not (await apply_file(author, path, **SECRETS)).failed
    await check_swapped(author, ids)


async def test_a_swap_without_a_lock_file_is_noted_and_not_made(author):
    await author.apply(start())
    author.base = None
    document = {"app": {"slug": "acme"}, "auth": swapped()["auth"]}
    plan = await author.plan(document)
    assert "rename" not in {change.action for change in plan.changes}
    assert [note for note in plan.comparison.notes if "auth/key and auth/second: without drio.lock.json" in note]


@pytest.mark.parametrize("locked", [True, False])
@pytest.mark.parametrize("saved", [True, False])
async def test_a_new_resource_gets_the_key_of_a_renamed_one(author, tmp_path, locked, saved):
    await author.apply(new_app())
    before = await author.form("acme")
    document = new_app()
    tools = document["tools"]
    document["tools"] = {
        "find-contacts": tools["search-contacts"] | {"was": "search-contacts", "next": ["search-contacts"]},
        "search-contacts": {"name": "Another", "next": ["show-contact"]},
        "show-contact": tools["show-contact"],
    }
    document["widgets"]["table"]["tool"] = "find-contacts"
    if not locked:
        author.base = None
    if saved:
        path = tmp_path / "plan.json"
        PlanFile(path, save_plan(await author.plan(document), server="s", host="h")).store()
        applied = await apply_file(author, path, **SECRETS)
        await author.keep(applied.base)
    else:
        applied = await author.apply(document)
    assert not applied.failed, [result.problem for result in applied.failed]
    assert not applied.left
    form = await author.form("acme")
    assert form.ids["tool", "find-contacts"] == before.ids["tool", "search-contacts"]
    assert [tool["name"] for tool in form.data["tools"].values()] == ["Search", "Another", "Show"]
    assert form.data["widgets"]["table"]["tool"] == "find-contacts"
    for base in (author.base, None):
        author.base = base
        assert not (await author.plan(document, prune=True)).changes
    await undo_last(author.editor.saver, applied.app)
    assert (await author.form("acme")).data == before.data


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("locked", [True, False])
async def test_keys_that_move_on_by_one(author, at, locked):
    """The first gets the key of the second, the second a new one; killed in between."""
    document = new_app(widgets={})
    document["tools"] = {"a": {"name": "A"}, "b": {"name": "B", "next": ["a"]}}
    await author.apply(document)
    ids = (await author.form("acme")).ids
    document["tools"] = {"b": {"name": "A", "was": "a"}, "c": {"name": "B", "was": "b", "next": ["b"]}}
    if not locked:
        author.base = None
    await kill(author, document, at, "after")
    if not locked:
        author.base = None
    applied = await author.apply(document)
    assert not applied.failed
    form = await author.form("acme")
    assert (form.ids["tool", "b"], form.ids["tool", "c"]) == (ids["tool", "a"], ids["tool", "b"])
    assert form.data["tools"] == {"b": {"name": "A"}, "c": {"name": "B", "next": ["b"]}}
    assert not (await author.plan(document)).changes


async def test_keys_are_swapped_and_the_order_is_changed_at_once(author):
    await author.apply(start())
    document = swapped()
    document["tools"] = dict(reversed(document["tools"].items()))
    applied = await author.apply(document)
    assert not applied.failed
    assert [*(await author.form("acme")).data["tools"]] == [*document["tools"]]
