"""Three-way merging: disjoint changes come together, overlapping ones are named, nothing unknown is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drio_tui.api.models import same_json
from drio_tui.schema.fields import MISSING
from drio_tui.workspace.saving.merge import FieldChange, at, diff, merge, patch_of, same, with_value

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


@pytest.mark.parametrize(("theirs", "mine"), [({}, {"a": None}), ({"a": None}, {})])
def test_what_both_cleared_is_no_conflict_however_each_wrote_it(theirs: dict[str, Any], mine: dict[str, Any]) -> None:
    result = merge({"a": 1, "b": {"c": 1}}, {**theirs, "b": theirs}, {**mine, "b": {"c": None}})
    assert (result.conflicts, at(result.merged, ("a",))) in (((), None), ((), MISSING))


def test_null_for_absent_is_no_change_of_theirs() -> None:
    assert merge({"a": None}, {}, {"a": 1}).merged == {"a": 1}
    assert merge({}, {"a": None}, {"a": 1}).merged == {"a": 1}


def test_a_change_says_what_was_there_before_and_what_is_there_after() -> None:
    before, after = {"a": 1, "b": {"c": 2}, "d": {"e": {}}}, {"a": 3, "b": {}, "d": {"e": {"f": None}}, "new": 4}
    assert diff(before, after) == [
        FieldChange(("a",), 1, 3),
        FieldChange(("b", "c"), 2, MISSING),
        FieldChange(("d", "e", "f"), MISSING, None),
        FieldChange(("new",), MISSING, 4),
    ]


@pytest.mark.parametrize("depth", [0, 1])
def test_null_is_absent_one_level_below_what_is_compared_too(depth: int) -> None:
    assert same({"a": {"b": None}} if depth == 0 else {"b": None}, {"a": {}} if depth == 0 else {}, depth)
    assert not same({"a": {"b": 0}} if depth == 0 else {"b": 0}, {"a": {}} if depth == 0 else {}, depth)


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
        (["c", "b"], ["a", "b", "c", "m"], ["c", "m", "b"]),
        (["a", "b", "c", "t"], ["a", "b", "c", "m", "n"], ["a", "b", "c", "m", "n", "t"]),
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


@pytest.mark.parametrize(
    ("theirs", "mine", "lost", "back"),
    [
        (["b"], ["a", "b", "m"], (), ("a",)),
        (["a", "b", "t"], ["b"], ("t",), ()),
        (["a", "b", "x"], ["x", "a", "b"], None, None),
    ],
)
def test_a_stale_chain_is_reported_for_what_it_would_remove_or_bring_back_alone(
    theirs: list[str], mine: list[str], lost: tuple[str, ...] | None, back: tuple[str, ...] | None
) -> None:
    result = merge({"nextToolIds": ["a", "b"]}, {"nextToolIds": theirs}, {"nextToolIds": mine}, lists=CHAIN)
    found = [(stale.would_remove, stale.would_bring_back) for stale in result.stale]
    assert found == ([] if lost is None else [(lost, back)])


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


def test_of_entries_that_are_alike_the_nearest_is_the_changed_one() -> None:
    base = [action("a", n=0), action("x"), action("y"), action("a", n=3)]
    mine = [action("a", n=0), action("x"), action("y"), action("a", n=4)]
    theirs = [action("a", n=0, note="t"), action("x"), action("y"), action("a", n=3)]
    result = merge({"actions": base}, {"actions": theirs}, {"actions": mine}, lists=ACTIONS)
    assert result.conflicts == ()
    assert result.merged["actions"] == [action("a", n=0, note="t"), action("x"), action("y"), action("a", n=4)]
    swapped = [action("a", n=7), action("x"), action("y"), action("a", n=8)]
    result = merge({"actions": base}, {"actions": theirs}, {"actions": swapped}, lists=ACTIONS)
    assert result.conflicts == ()
    assert result.merged["actions"] == [action("a", n=7, note="t"), action("x"), action("y"), action("a", n=8)]
    theirs = [*base[:3], action("a", n=3, note="t")]
    result = merge({"actions": base}, {"actions": theirs}, {"actions": [*base[1:3], action("a", n=9)]}, lists=ACTIONS)
    assert result.conflicts == ()
    assert result.merged["actions"] == [action("x"), action("y"), action("a", n=9, note="t")]


def test_null_and_absent_differ_within_an_entry_which_is_replaced_whole() -> None:
    base, theirs, mine = action("a", note=None), action("a"), action("a", note="mine")
    (conflict,) = merge({"actions": [base]}, {"actions": [theirs]}, {"actions": [mine]}, lists=ACTIONS).conflicts
    assert conflict.reason == "Both changed the same entry"


def test_lists_that_both_sides_began_are_put_together() -> None:
    result = merge({}, {"nextToolIds": ["t", "x"]}, {"nextToolIds": ["x", "m"]}, lists=CHAIN)
    assert result.conflicts == ()
    assert sorted(result.merged["nextToolIds"]) == ["m", "t", "x"]


def test_a_clash_in_one_entry_is_a_conflict_wherever_in_the_list_it_is() -> None:
    base = [action("a"), action("b"), action("c")]
    for place in range(3):
        theirs, mine = [
            [{**one, "note": note} if n == place else one for n, one in enumerate(base)] for note in ("theirs", "mine")
        ]
        theirs[(place + 1) % 3] = {**theirs[(place + 1) % 3], "callMode": "always"}
        (conflict,) = merge({"actions": base}, {"actions": theirs}, {"actions": mine}, lists=ACTIONS).conflicts
        assert conflict.reason == "Both changed the same entry"


Payload = dict[str, int]
PAYLOADS = st.dictionaries(st.sampled_from(["note", "mode"]), st.integers(0, 2), max_size=2)
ENTRIES = st.lists(st.tuples(st.sampled_from("abcde"), PAYLOADS), unique_by=lambda entry: entry[0], max_size=5)
Entries = list[tuple[str, Payload]]


def text_of(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def three_way(base: Payload | None, theirs: Payload | None, mine: Payload | None) -> list[Payload] | None:
    """What is left of one entry, None for a conflict: both sides' wishes, or one of them where they agree."""
    if mine in (base, theirs):
        return [] if theirs is None else [theirs]
    if theirs == base:
        return [] if mine is None else [mine]
    if base is None:
        return [one for one in (theirs, mine) if one is not None]  # both added one of that name: both are kept
    if theirs is None or mine is None:
        return None
    merged: Payload = {}
    for name in {*theirs, *mine}:
        was, their, my = base.get(name), theirs.get(name), mine.get(name)
        if my not in (was, their) and their != was:
            return None
        if (value := their if my == was else my) is not None:
            merged[name] = value
    return [merged]


@settings(max_examples=300)
@given(ENTRIES, ENTRIES, ENTRIES)
@example(
    [("a", {}), ("b", {})],
    [("a", {"note": 1}), ("b", {})],
    [("a", {"note": 2}), ("b", {})],
)
def test_of_a_list_of_entries_nothing_of_either_side_is_lost_without_a_conflict(
    base: Entries, theirs: Entries, mine: Entries
) -> None:
    sides = [{"actions": [action(key, **payload) for key, payload in side]} for side in (base, theirs, mine)]
    result = merge(*sides, lists=ACTIONS)
    keys = {key for side in (base, theirs, mine) for key, _ in side}
    wanted = {key: three_way(*(dict(side).get(key) for side in (base, theirs, mine))) for key in keys}
    if result.conflicts:
        (conflict,) = result.conflicts
        assert conflict.path == ("actions",)
        assert (conflict.base, conflict.theirs, conflict.mine) == tuple(side["actions"] for side in sides)
        assert conflict.reason == "Both changed the order" or None in wanted.values()
        entries = conflict.both
    else:
        assert None not in wanted.values()
        entries = result.merged["actions"]
    for key, expected in wanted.items():
        if expected is not None:
            found = [one for one in entries if one["template"] == key]
            assert sorted(map(text_of, found)) == sorted(text_of(action(key, **payload)) for payload in expected), key
    assert {one["template"] for one in entries} <= keys


@settings(max_examples=200)
@given(*[st.lists(st.sampled_from("abc"), max_size=5) for _ in range(3)])
def test_what_one_side_added_to_a_list_with_repeated_members_stays(
    base: list[str], theirs: list[str], mine: list[str]
) -> None:
    result = merge({"nextToolIds": base}, {"nextToolIds": theirs}, {"nextToolIds": mine}, lists=CHAIN)
    merged = result.conflicts[0].both if result.conflicts else result.merged["nextToolIds"]
    for member in "abc":
        was, their, my = base.count(member), theirs.count(member), mine.count(member)
        if min(their, my) >= was:
            assert merged.count(member) == max(their, my)
        elif max(their, my) <= was:
            assert was - (was - their) - (was - my) <= merged.count(member) <= min(their, my)


@given(ENTRIES, ENTRIES, ENTRIES)
def test_what_a_stale_list_would_undo_is_exactly_what_came_and_went_there(
    base: Entries, theirs: Entries, mine: Entries
) -> None:
    sides = [{"actions": [action(key, **payload) for key, payload in side]} for side in (base, theirs, mine)]
    result = merge(*sides, lists=ACTIONS)
    before, there, here = ({key for key, _ in side} for side in (base, theirs, mine))
    stale = result.stale[0] if result.stale else None
    removed = {one["template"] for one in (stale.would_remove if stale else ())}
    back = {one["template"] for one in (stale.would_bring_back if stale else ())}
    if sides[1] in (sides[0], sides[2]) or sides[2] == sides[0]:
        assert stale is None
    else:
        assert removed >= there - before - here
        assert back == (before & here) - there


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


def test_a_patch_goes_on_after_an_object_in_which_nothing_changes() -> None:
    assert patch_of({"a": {"x": 1}, "b": 1}, {"a": {"x": 1, "y": None}, "b": 2}) == {"b": 2}
    assert patch_of({"a": None, "b": 1}, {"b": 2}) == {"b": 2}


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


def test_taking_away_below_an_object_that_is_not_there_changes_nothing() -> None:
    assert with_value({"a": 1}, ("b",), MISSING) == {"a": 1}
    assert with_value({"a": 1}, ("b", "c"), MISSING) == {"a": 1}
    assert with_value({"b": 1}, ("b", "c"), MISSING) == {"b": 1}
    assert with_value({"b": {}}, ("b", "c", "d"), MISSING) == {"b": {}}
    assert with_value({"b": {"c": 1, "d": 2}}, ("b", "c"), MISSING) == {"b": {"d": 2}}


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
