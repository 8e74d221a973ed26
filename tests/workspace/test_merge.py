"""Three-way merging: disjoint changes come together, overlapping ones are named, nothing unknown is lost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drio_tui.api.models import same_json
from drio_tui.schema.fields import MISSING
from drio_tui.workspace.merge import at, diff, merge, patch_of, same, with_value

CHAIN = [("nextToolIds",)]
ACTIONS = [("actions",)]

LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "b", "1"])
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "y.z", "w"]), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.sampled_from(["name", "config", "x.y", "note", "nextToolIds"]), VALUES, max_size=5)


def patched(document: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """What the contract says a PATCH does: absent = unchanged, null clears, objects merge one level."""
    result = dict(document)
    for name, value in patch.items():
        before = result.get(name)
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict) and isinstance(before, dict):
            both = before | value
            result[name] = {key: item for key, item in both.items() if key not in value or item is not None}
        else:
            result[name] = value
    return result


def test_disjoint_changes_come_together_at_every_depth() -> None:
    base = {"name": "A", "config": {"style": {"density": "compact", "stripes": True}, "odd": [1]}}
    theirs = {"name": "B", "config": {"style": {"density": "compact", "stripes": False}, "odd": [1]}, "new": 1}
    mine = {"name": "A", "config": {"style": {"density": "wide", "stripes": True}, "odd": [1]}}
    result = merge(base, theirs, mine)
    assert result.conflicts == ()
    assert result.merged == {
        "name": "B",
        "config": {"style": {"density": "wide", "stripes": False}, "odd": [1]},
        "new": 1,
    }
    assert [change.dotted for change in result.mine] == ["config.style.density"]
    assert sorted(change.dotted for change in result.theirs) == ["config.style.stripes", "name", "new"]


def test_a_member_changed_by_both_is_a_conflict_with_its_three_values() -> None:
    result = merge({"name": "A"}, {"name": "B"}, {"name": "C"})
    (conflict,) = result.conflicts
    assert (conflict.dotted, conflict.base, conflict.theirs, conflict.mine) == ("name", "A", "B", "C")
    assert result.merged == {"name": "B"}
    assert result.resolved({("name",): "C"}) == {"name": "C"}
    assert result.resolved({("name",): MISSING}) == {}
    with pytest.raises(KeyError):
        result.resolved({})


def test_the_same_change_on_both_sides_is_no_conflict() -> None:
    result = merge({"name": "A", "gone": 1}, {"name": "B"}, {"name": "B"})
    assert (result.conflicts, result.merged, result.mine) == ((), {"name": "B"}, ())


def test_a_removal_against_a_change_is_a_conflict() -> None:
    result = merge({"config": {"a": 1}}, {"config": {"a": 2}}, {"config": {}})
    (conflict,) = result.conflicts
    assert (conflict.dotted, conflict.theirs, conflict.mine) == ("config.a", 2, MISSING)


def test_null_and_absent_are_one_where_patch_cannot_tell_them_apart() -> None:
    assert merge({"a": None, "b": {"c": None}}, {"a": 1, "b": {"c": 2}}, {"b": {}}).conflicts == ()
    assert diff({"a": None}, {}) == []
    assert [change.dotted for change in diff({"a": {"b": {"c": None}}}, {"a": {"b": {}}})] == ["a.b.c"]


def test_one_and_true_differ() -> None:
    assert merge({"a": 1}, {"a": 1}, {"a": True}).merged == {"a": True}


def test_other_lists_are_single_values() -> None:
    result = merge({"grants": ["a"]}, {"grants": ["a", "b"]}, {"grants": ["a", "c"]})
    assert [conflict.dotted for conflict in result.conflicts] == ["grants"]


@pytest.mark.parametrize(
    ("theirs", "mine", "expected"),
    [
        (["a", "b", "c", "t"], ["a", "b", "c", "m"], ["a", "b", "c", "m", "t"]),
        (["b", "c"], ["a", "b", "c", "m"], ["b", "c", "m"]),
        (["a", "t", "b", "c"], ["c", "b", "a"], ["c", "b", "a", "t"]),
        (["a", "c"], ["b", "c"], ["c"]),
        (["a", "b", "c", "x"], ["x", "a", "b", "c"], ["a", "b", "c", "x"]),
        ([], ["a", "b", "c", "m"], ["m"]),
    ],
)
def test_a_chain_takes_the_additions_and_removals_of_both(
    theirs: list[str], mine: list[str], expected: list[str]
) -> None:
    result = merge({"nextToolIds": ["a", "b", "c"]}, {"nextToolIds": theirs}, {"nextToolIds": mine}, lists=CHAIN)
    assert result.conflicts == ()
    assert result.merged == {"nextToolIds": expected}


def test_what_a_stale_chain_would_have_undone_is_said() -> None:
    result = merge(
        {"nextToolIds": ["a", "b"]}, {"nextToolIds": ["b", "t"]}, {"nextToolIds": ["a", "b", "m"]}, lists=CHAIN
    )
    (stale,) = result.stale
    assert (stale.path, stale.would_remove, stale.would_bring_back) == (("nextToolIds",), ("t",), ("a",))


def test_two_new_orders_of_a_chain_are_a_conflict_with_a_proposal() -> None:
    result = merge(
        {"nextToolIds": ["a", "b", "c"]}, {"nextToolIds": ["b", "a", "c"]}, {"nextToolIds": ["a", "c", "b", "m"]},
        lists=CHAIN,
    )  # fmt: skip
    (conflict,) = result.conflicts
    assert conflict.reason == "Both changed the order"
    assert sorted(conflict.both) == ["a", "b", "c", "m"]


def action(template: str, **more: Any) -> dict[str, Any]:
    return {"trigger": "row.select", "type": "callTool", "template": template, **more}


def test_changes_to_different_actions_and_members_come_together() -> None:
    base = {"actions": [action("a"), action("b", callMode="once")]}
    theirs = {"actions": [action("a"), action("b", callMode="always"), action("t")]}
    mine = {"actions": [action("A"), action("b", callMode="once", odd=1)]}
    result = merge(base, theirs, mine, lists=ACTIONS)
    assert result.conflicts == ()
    assert result.merged == {"actions": [action("A"), action("b", callMode="always", odd=1), action("t")]}


def test_an_action_changed_here_and_removed_there_is_a_conflict() -> None:
    base = {"actions": [action("a"), action("b")]}
    changed = action("a", callMode="always")
    result = merge(base, {"actions": [action("b")]}, {"actions": [changed, action("b")]}, lists=ACTIONS)
    (conflict,) = result.conflicts
    assert conflict.reason == "Both changed the same entry"
    assert conflict.both == [changed, action("b")]


def test_a_new_action_in_the_place_of_a_removed_one_does_not_inherit_what_others_did_to_that() -> None:
    base = {"actions": [action("a")]}
    result = merge(base, {"actions": [action("a", callMode="always")]}, {"actions": [action("new")]}, lists=ACTIONS)
    (conflict,) = result.conflicts
    assert action("new") in conflict.both


@given(OBJECTS, OBJECTS)
def test_when_only_one_side_changed_that_side_wins(base: dict[str, Any], other: dict[str, Any]) -> None:
    for lists in ((), CHAIN):
        for result in (merge(base, other, base, lists=lists), merge(base, base, other, lists=lists)):
            assert result.conflicts == ()
            assert same(result.merged, other, 0)


@given(OBJECTS, OBJECTS, OBJECTS)
def test_every_change_is_either_in_the_result_or_in_a_conflict(
    base: dict[str, Any], theirs: dict[str, Any], mine: dict[str, Any]
) -> None:
    result = merge(base, theirs, mine)
    conflicts = {conflict.path for conflict in result.conflicts}
    for change in (*diff(base, theirs), *diff(base, mine)):
        if any(change.path[: len(path)] == path or path[: len(change.path)] == change.path for path in conflicts):
            continue
        inside = at(result.merged, change.path)
        above = any(
            same(at(result.merged, change.path[:length]), at(side, change.path[:length]), length)
            for side in (theirs, mine)
            for length in range(1, len(change.path) + 1)
        )
        both_objects = isinstance(inside, dict) and isinstance(change.after, dict)
        assert above or both_objects, change


@given(OBJECTS, OBJECTS)
def test_a_patch_leads_from_before_to_after(before: dict[str, Any], after: dict[str, Any]) -> None:
    patch = patch_of(before, after)
    assert same(patched(before, patch), after, 0)
    assert set(patch) <= {change.path[0] for change in diff(before, after)}


@given(
    *[st.lists(st.sampled_from("abcdefg"), unique=True) for _ in range(3)],
)
def test_a_merged_chain_loses_and_repeats_nothing(base: list[str], theirs: list[str], mine: list[str]) -> None:
    result = merge({"nextToolIds": base}, {"nextToolIds": theirs}, {"nextToolIds": mine}, lists=CHAIN)
    if result.conflicts:
        ids = result.conflicts[0].both
    else:
        ids = result.merged["nextToolIds"]
    assert len(ids) == len(set(ids))
    wanted = {each for each in {*base, *theirs, *mine} if (each in theirs and each in mine) or
              (each not in base and (each in theirs or each in mine))}  # fmt: skip
    assert set(ids) == wanted


@given(OBJECTS, st.lists(st.sampled_from(["name", "config", "x", "y.z"]), min_size=1, max_size=3), VALUES)
def test_a_value_put_at_a_path_is_found_there_and_nothing_else_moves(
    document: dict[str, Any], path: list[str], value: Any
) -> None:
    where = tuple(path)
    result = with_value(document, where, value)
    assert same_json(at(result, where), value)
    assert {name: item for name, item in result.items() if name != where[0]} == {
        name: item for name, item in document.items() if name != where[0]
    }
