"""A document edited after an apply was killed: no conflict that nobody made, nothing twice, nothing lost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drio_tui.kinds import APP, TOOL
from drio_tui.manifest.apply import Applier, NotApplicable
from drio_tui.manifest.drift import find_drift
from drio_tui.plan.undo import undo_last
from tests.manifest.test_apply import Author, author, new_app
from tests.manifest.test_history import World
from tests.sandbox_fixtures import in_process, run_in_new_loop
from tests.wizard.conftest import Killed, KillingTransport

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["author"]
Object = dict[str, Any]
EXAMPLES = settings().max_examples // 4
"""How many histories are tried: each makes many requests."""


async def kill(author: Author, document: Object, at: int, when: str, **options: Any) -> bool:
    """Apply a document and kill the program at a request; return whether it came to that."""
    plan = await author.plan(document, **options)
    inner = author.editor.network.inner
    author.editor.network.inner = KillingTransport(inner, at, when)
    try:
        applied = await Applier(author.editor.saver, plan, save_base=author.keep, pause=0).run()
    except Killed:
        return True
    finally:
        author.editor.network.inner = inner
        await author.editor.saver.single_flight.wait_idle()  # the server carries out what it has received
    await author.keep(applied.base)
    return False


async def test_an_apply_that_was_stopped_goes_on_when_it_is_run_again(author: Author) -> None:
    plan = await author.plan(new_app())
    await Applier(author.editor.saver, plan, pause=0).run()
    document = new_app()
    for tool in document["tools"].values():
        tool["description"] = "Changed."
    applier = Applier(
        author.editor.saver, await author.plan(document), pause=0, parallel=1, on_result=lambda _: applier.stop()
    )
    stopped = await applier.run()
    assert [result.ok for result in stopped.results] == [True, False]
    author.sent()
    applied = await applier.run()
    assert not applied.failed
    assert not applied.left
    assert len(author.sent()) == 1


async def test_one_undo_takes_back_an_apply_that_was_killed_and_applied_again(author: Author) -> None:
    await author.apply(new_app())
    document = new_app()
    for tool in document["tools"].values():
        tool["description"] = "Changed."
    before = await author.form("acme")
    assert await kill(author, document, 2, "before")
    assert (await author.form("acme")).data != before.data
    again = await author.apply(document)
    assert not again.failed
    assert author.base.unfinished is None
    await undo_last(author.editor.saver, again.app)
    assert (await author.form("acme")).data == before.data


async def test_an_app_that_was_created_is_not_said_to_be_unwritten(author: Author) -> None:
    """What its template brings is known only then."""
    document = new_app()
    document["app"]["template"] = "support"
    document["auth"] = {"helpdesk-key": {"name": "Key", "provider": "oauth"}}
    document["integrations"], document["tools"], document["widgets"] = {}, {}, {}
    plan = await author.plan(document)
    with pytest.raises(NotApplicable) as caught:
        await Applier(author.editor.saver, plan, pause=0).run()
    assert "its provider is api-key in drio" in str(caught.value)
    assert caught.value.hint.startswith("The app was created")


def edited(number: int) -> Object:
    """Return a document in which every kind of change was made, with other values for each number."""
    document = new_app()
    document["app"] |= {"name": f"Acme {number}", "branding": {"primaryColor": f"#0f17{number:02}"}}
    document["integrations"]["helpdesk"]["config"] = {"headers": {"X-Number": str(number)}}
    document["integrations"]["helpdesk"]["operations"]["search"]["inputSchema"] = {"title": str(number)}
    search, show = document["tools"]["search-contacts"], document["tools"]["show-contact"]
    third = {"name": f"Third {number}", "next": ["search-contacts"]}
    document["tools"] = {
        "show-contact": show | {"description": f"Shows {number}", "annotations": {"title": str(number)}},
        "third": third,
        "search-contacts": search | {"next": ["show-contact"] if number % 2 else [], "xlimit": number},
    }
    document["widgets"] = {"card": {"name": f"Card {number}", "tool": "third", "primitive": "card"}}
    return document


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("at", [1, 4, 7, 9])
async def test_a_document_edited_after_a_killed_apply_has_no_conflict(author, at, when):
    await author.apply(new_app())
    assert await kill(author, edited(1), at, when, prune=True)
    assert await kill(author, edited(2), 2, when, prune=True)
    form = await author.form("acme")
    assert not find_drift(edited(2), form, author.base).changes  # nobody changed anything in drio
    applied = await author.apply(edited(3), prune=True)
    assert not applied.failed
    assert not applied.left
    assert not author.base.begun
    apps = [raw for raw in (await author.editor.client.list(APP)).items if raw["slug"] == "acme"]
    assert len(apps) == 1
    form = await author.form("acme")
    assert form.data["tools"].keys() == edited(3)["tools"].keys()
    assert form.data["widgets"].keys() == {"card"}


async def test_what_the_document_does_not_list_any_more_is_no_drift_of_the_order(author):
    await author.apply(new_app())
    document = new_app(widgets={})
    del document["tools"]["search-contacts"]
    document["tools"]["show-contact"]["name"] = "Details"
    await author.apply(document)
    assert not find_drift(document, await author.form("acme"), author.base).changes


async def test_what_was_deleted_by_a_killed_apply_can_be_declared_again(author):
    await author.apply(new_app())
    document = new_app(widgets={})
    assert await kill(author, document, 1, "after", prune=True)
    assert not (await author.form("acme")).data["widgets"]
    applied = await author.apply(new_app(), prune=True)
    assert not applied.failed
    assert [*(await author.form("acme")).data["widgets"]] == ["table"]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_what_someone_changes_after_a_killed_apply_is_a_conflict(author, when):
    """`name` was sent perhaps, `description` was not in the document before, and `third` is new."""
    await author.apply(new_app())
    document = new_app()
    document["tools"]["search-contacts"] |= {"name": "Find", "description": "Finds"}
    document["tools"]["third"] = {"name": "Third"}
    await kill(author, document, 2, when)
    await author.by_hand(TOOL, "acme", "search-contacts", name="By hand", description="by hand")
    document["tools"]["search-contacts"] |= {"name": "Look", "description": "Looks"}
    plan = await author.plan(document)
    (conflict,) = plan.comparison.conflicts
    assert [(item.path, item.remote) for item in conflict.conflicts] == [
        (("name",), "By hand"), (("description",), "by hand"),
    ]  # fmt: skip
    assert [change.name for change in find_drift(document, plan.form, author.base).changes] == ["search-contacts"]


async def test_a_new_tool_that_killed_applies_rename_to_and_fro_stays_the_same_tool(author: Author) -> None:
    world = World(author)
    await author.apply(world.document)
    world.document["tools"]["third"] = {"name": "Third", "was": "fourth"}  # names nothing
    await kill(author, world.document, 1, "after")
    id = (await world.form()).ids["tool", "third"]
    await world.rename("third", "fourth")
    await kill(author, world.document, 1, "after", prune=True)
    await world.rename("fourth", "third")
    await author.apply(world.document, prune=True)
    assert (await world.form()).ids["tool", "third"] == id


async def test_a_refused_rename_is_made_by_the_next_apply_without_an_earlier_lock_file(author: Author) -> None:
    world = World(author)
    await author.apply(world.document)
    id = (await world.form()).ids["tool", "show-contact"]
    author.base = None
    await world.rename("show-contact", "third")
    author.editor.network.refuse = [400] * 5
    assert (await author.apply(world.document)).failed
    author.editor.network.refuse = []
    await author.apply(world.document)
    assert (await world.form()).ids["tool", "third"] == id


_keys = st.sampled_from(["search-contacts", "show-contact", "third", "fourth"])
_edits = st.lists(
    st.one_of(
        st.tuples(
            st.just("edit"), _keys, st.sampled_from(["name", "description", "xnote"]), st.sampled_from(["one", "two"])
        ),
        st.tuples(st.just("clear"), _keys, st.just("description"), st.just("")),
        st.tuples(st.just("add"), _keys, st.sampled_from(["one", "two"])),
        st.tuples(st.just("remove"), _keys),
        st.tuples(st.just("rename"), _keys, _keys),
        st.tuples(st.just("swap"), _keys, _keys),
        st.tuples(st.just("replace"), _keys, _keys),
        st.tuples(st.just("chain"), _keys, _keys),
        st.tuples(st.just("move"), _keys),
    ),
    min_size=1, max_size=5,
)  # fmt: skip
_kills = st.lists(
    st.tuples(_edits, st.integers(1, 6), st.sampled_from(["before", "after"]), st.booleans()), min_size=1, max_size=3
)
_cleared = ("clear", "search-contacts", "description", "")
_renamed = ("rename", "search-contacts", "fourth")


def test_killed_edited_and_applied_again(tmp_path: Path) -> None:
    numbers = iter(range(100_000))

    @settings(max_examples=EXAMPLES)
    @example(  # the chain in drio is not declared any more, and would be closed to a circle
        kills=[([_cleared, ("replace", "search-contacts", "third"), ("remove", "third")], 1, "before", False)],
        edits=[_cleared, ("chain", "show-contact", "search-contacts")],
    )  # fmt: skip
    @example(  # the lock has the key of the renamed tool, which the new tool has in drio; both become one again
        kills=[([_renamed, ("add", "search-contacts", "one")], 2, "after", False)],
        edits=[("remove", "fourth")],
    )
    @example(  # each of two new tools `was` the other one: nothing to rename, also once both exist
        kills=[([("add", "third", "one"), _renamed, ("swap", "third", "fourth")], 1, "after", False)],
        edits=[("edit", "search-contacts", "name", "one")],
    )
    @example(  # killed after both tools of a swap had their keys
        kills=[([_cleared, ("swap", "show-contact", "search-contacts"), ("add", "fourth", "one")], 4, "after", False)],
        edits=[("edit", "search-contacts", "name", "one")],
    )
    @given(_kills, _edits)
    def check(kills: list[tuple[Any, ...]], edits: list[tuple[Any, ...]]) -> None:
        run_in_new_loop(live(tmp_path / str(next(numbers)), kills, edits))

    async def take(world: World, edits: Iterable[tuple[Any, ...]]) -> bool:
        """Edit the document; return whether it can be applied."""
        for edit in edits:
            await world.take(edit)
        problems = (await world.author.plan(world.document, prune=True)).comparison.problems
        return not problems

    async def live(folder: Path, kills: list[tuple[Any, ...]], edits: list[tuple[Any, ...]]) -> None:
        async with in_process(folder, example_app=False) as sandbox:
            world = World(Author(sandbox))
            author = world.author
            await author.apply(world.document)
            keys_changed = False
            for more, at, when, prune in kills:
                if not await take(world, more):
                    await author.editor.client.aclose()
                    return
                await kill(author, world.document, at, when, prune=prune)
                keys_changed = keys_changed or any(edit[0] in ("swap", "replace", "rename") for edit in more)
                if not keys_changed:  # drift names resources by the keys of the last apply that ended
                    assert not find_drift(world.document, await world.form(), author.base).changes
            if await take(world, edits):
                try:
                    applied = await author.apply(world.document, prune=True)
                except NotApplicable as error:
                    raise AssertionError(f"{error}: {author.base}") from error
                assert not applied.failed
                assert not applied.left
                form = await world.form()
                assert len({*form.ids.values()}) == len(form.ids)
                # by the lock file: one that was renamed twice, by killed applies, may keep a key in between
                keys = {id: key for (kind, key), id in author.base.ids.items() if kind == "tool"}
                assert [keys[form.ids["tool", key]] for key in form.data["tools"]] == [*world.document["tools"]]
            await author.editor.client.aclose()

    check()
