"""Three-way merge: disjoint changes are merged, overlapping ones are conflicts, unknown properties are kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drio_tui.api.json_values import same_json
from drio_tui.schema.fields import MISSING
from drio_tui.workspace.saving.merge import FieldChange, diff, equal_at_depth, merge, patch_of, value_at, with_value

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
    """Return the result of a PATCH as in the contract: absent is unchanged, null clears, objects merge one level."""
    result = dict(document)
    for name, value in patch.items():
        before = result.get(name)
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict) and isinstance(before, dict):
            merged = before | value
            result[name] = {key: item for key, item in merged.items() if key not in value or item is not None}
        else:
            result[name] = value
    return result


def test_disjoint_changes_are_merged_at_every_depth() -> None:
    base = {"name": "A", "config": {"style": {"density": "compact", "stripes": True}, "odd": [1]}}
    remote = {"name": "B", "config": {"style": {"density": "compact", "stripes": False}, "odd": [1]}, "new": 1}
    local = {"name": "A", "config": {"style": {"density": "wide", "stripes": True}, "odd": [1]}}
    result = merge(base, remote, local)
    assert result.conflicts == ()
    assert result.merged == {
        "name": "B",
        "config": {"style": {"density": "wide", "stripes": False}, "odd": [1]},
        "new": 1,
    }
    assert [change.dotted for change in result.local_changes] == ["config.style.density"]
    assert sorted(change.dotted for change in result.remote_changes) == ["config.style.stripes", "name", "new"]


def test_property_changed_by_both_sides_is_a_conflict() -> None:
    result = merge({"name": "A"}, {"name": "B"}, {"name": "C"})
    (conflict,) = result.conflicts
    assert (conflict.dotted, conflict.base, conflict.remote, conflict.local) == ("name", "A", "B", "C")
    assert result.merged == {"name": "B"}
    assert result.resolved({("name",): "C"}) == {"name": "C"}
    assert result.resolved({("name",): MISSING}) == {}
    with pytest.raises(KeyError):
        result.resolved({})


def test_same_change_on_both_sides_is_no_conflict() -> None:
    result = merge({"name": "A", "gone": 1}, {"name": "B"}, {"name": "B"})
    assert (result.conflicts, result.merged, result.local_changes) == ((), {"name": "B"}, ())


def test_removal_and_change_of_a_property_is_a_conflict() -> None:
    result = merge({"config": {"a": 1}}, {"config": {"a": 2}}, {"config": {}})
    (conflict,) = result.conflicts
    assert (conflict.dotted, conflict.remote, conflict.local) == ("config.a", 2, MISSING)


def test_null_equals_absent_in_the_first_two_levels() -> None:
    assert merge({"a": None, "b": {"c": None}}, {"a": 1, "b": {"c": 2}}, {"b": {}}).conflicts == ()
    assert diff({"a": None}, {}) == []
    assert [change.dotted for change in diff({"a": {"b": {"c": None}}}, {"a": {"b": {}}})] == ["a.b.c"]


@pytest.mark.parametrize(("remote", "local"), [({}, {"a": None}), ({"a": None}, {})])
def test_clearing_with_null_and_by_removal_is_no_conflict(remote: dict[str, Any], local: dict[str, Any]) -> None:
    result = merge({"a": 1, "b": {"c": 1}}, {**remote, "b": remote}, {**local, "b": {"c": None}})
    assert (result.conflicts, value_at(result.merged, ("a",))) in (((), None), ((), MISSING))


def test_null_instead_of_absent_is_no_remote_change() -> None:
    assert merge({"a": None}, {}, {"a": 1}).merged == {"a": 1}
    assert merge({}, {"a": None}, {"a": 1}).merged == {"a": 1}


def test_diff_has_values_before_and_after() -> None:
    before, after = {"a": 1, "b": {"c": 2}, "d": {"e": {}}}, {"a": 3, "b": {}, "d": {"e": {"f": None}}, "new": 4}
    assert diff(before, after) == [
        FieldChange(("a",), 1, 3),
        FieldChange(("b", "c"), 2, MISSING),
        FieldChange(("d", "e", "f"), MISSING, None),
        FieldChange(("new",), MISSING, 4),
    ]


@pytest.mark.parametrize("depth", [0, 1])
def test_equal_at_depth_ignores_null_one_level_below(depth: int) -> None:
    assert equal_at_depth({"a": {"b": None}} if depth == 0 else {"b": None}, {"a": {}} if depth == 0 else {}, depth)
    assert not equal_at_depth({"a": {"b": 0}} if depth == 0 else {"b": 0}, {"a": {}} if depth == 0 else {}, depth)


def test_one_and_true_are_different() -> None:
    assert merge({"a": 1}, {"a": 1}, {"a": True}).merged == {"a": True}


def test_lists_without_identity_are_single_values() -> None:
    result = merge({"grants": ["a"]}, {"grants": ["a", "b"]}, {"grants": ["a", "c"]})
    assert [conflict.dotted for conflict in result.conflicts] == ["grants"]


@pytest.mark.parametrize(
    ("remote", "local", "expected"),
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
def test_chain_has_additions_and_removals_of_both_sides(
    remote: list[str], local: list[str], expected: list[str]
) -> None:
    result = merge({"nextToolIds": ["a", "b", "c"]}, {"nextToolIds": remote}, {"nextToolIds": local}, lists=CHAIN)
    assert result.conflicts == ()
    assert result.merged == {"nextToolIds": expected}


def test_stale_chain_lists_the_remote_changes_it_would_undo() -> None:
    result = merge(
        {"nextToolIds": ["a", "b"]}, {"nextToolIds": ["b", "t"]}, {"nextToolIds": ["a", "b", "m"]}, lists=CHAIN
    )
    (stale,) = result.stale
    assert (stale.path, stale.would_remove, stale.would_bring_back) == (("nextToolIds",), ("t",), ("a",))


@pytest.mark.parametrize(
    ("remote", "local", "removed", "brought_back"),
    [
        (["b"], ["a", "b", "m"], (), ("a",)),
        (["a", "b", "t"], ["b"], ("t",), ()),
        (["a", "b", "x"], ["x", "a", "b"], None, None),
    ],
)
def test_stale_chain_is_reported_for_removals_or_additions_only(
    remote: list[str], local: list[str], removed: tuple[str, ...] | None, brought_back: tuple[str, ...] | None
) -> None:
    result = merge({"nextToolIds": ["a", "b"]}, {"nextToolIds": remote}, {"nextToolIds": local}, lists=CHAIN)
    changes = [(stale.would_remove, stale.would_bring_back) for stale in result.stale]
    assert changes == ([] if removed is None else [(removed, brought_back)])


def test_reordering_by_both_sides_is_a_conflict_with_a_proposal() -> None:
    result = merge(
        {"nextToolIds": ["a", "b", "c"]}, {"nextToolIds": ["b", "a", "c"]}, {"nextToolIds": ["a", "c", "b", "m"]},
        lists=CHAIN,
    )  # fmt: skip
    (conflict,) = result.conflicts
    assert conflict.reason == "Both changed the order"
    assert sorted(conflict.combined) == ["a", "b", "c", "m"]


def action(template: str, **more: Any) -> dict[str, Any]:
    return {"trigger": "row.select", "type": "callTool", "template": template, **more}


def test_changes_of_different_actions_and_properties_are_merged() -> None:
    base = {"actions": [action("a"), action("b", callMode="once")]}
    remote = {"actions": [action("a"), action("b", callMode="always"), action("t")]}
    local = {"actions": [action("A"), action("b", callMode="once", odd=1)]}
    result = merge(base, remote, local, lists=ACTIONS)
    assert result.conflicts == ()
    assert result.merged == {"actions": [action("A"), action("b", callMode="always", odd=1), action("t")]}


def test_action_changed_locally_and_removed_remotely_is_a_conflict() -> None:
    base = {"actions": [action("a"), action("b")]}
    changed = action("a", callMode="always")
    result = merge(base, {"actions": [action("b")]}, {"actions": [changed, action("b")]}, lists=ACTIONS)
    (conflict,) = result.conflicts
    assert conflict.reason == "Both changed the same entry"
    assert conflict.combined == [changed, action("b")]


def test_new_action_is_not_merged_with_the_one_it_replaces() -> None:
    base = {"actions": [action("a")]}
    result = merge(base, {"actions": [action("a", callMode="always")]}, {"actions": [action("new")]}, lists=ACTIONS)
    (conflict,) = result.conflicts
    assert action("new") in conflict.combined


def test_changed_entry_is_matched_with_the_nearest_of_same_identity() -> None:
    base = [action("a", n=0), action("x"), action("y"), action("a", n=3)]
    local = [action("a", n=0), action("x"), action("y"), action("a", n=4)]
    remote = [action("a", n=0, note="t"), action("x"), action("y"), action("a", n=3)]
    result = merge({"actions": base}, {"actions": remote}, {"actions": local}, lists=ACTIONS)
    assert result.conflicts == ()
    assert result.merged["actions"] == [action("a", n=0, note="t"), action("x"), action("y"), action("a", n=4)]
    swapped = [action("a", n=7), action("x"), action("y"), action("a", n=8)]
    result = merge({"actions": base}, {"actions": remote}, {"actions": swapped}, lists=ACTIONS)
    assert result.conflicts == ()
    assert result.merged["actions"] == [action("a", n=7, note="t"), action("x"), action("y"), action("a", n=8)]
    remote = [*base[:3], action("a", n=3, note="t")]
    result = merge({"actions": base}, {"actions": remote}, {"actions": [*base[1:3], action("a", n=9)]}, lists=ACTIONS)
    assert result.conflicts == ()
    assert result.merged["actions"] == [action("x"), action("y"), action("a", n=9, note="t")]


def test_null_and_absent_differ_within_list_entries() -> None:
    base, remote, local = action("a", note=None), action("a"), action("a", note="local")
    (conflict,) = merge({"actions": [base]}, {"actions": [remote]}, {"actions": [local]}, lists=ACTIONS).conflicts
    assert conflict.reason == "Both changed the same entry"


def test_lists_that_both_sides_created_are_merged() -> None:
    result = merge({}, {"nextToolIds": ["t", "x"]}, {"nextToolIds": ["x", "m"]}, lists=CHAIN)
    assert result.conflicts == ()
    assert sorted(result.merged["nextToolIds"]) == ["m", "t", "x"]


def test_conflict_in_an_entry_is_found_at_every_index() -> None:
    base = [action("a"), action("b"), action("c")]
    for index in range(3):
        remote, local = (
            [{**entry, "note": note} if entry is base[index] else entry for entry in base]
            for note in ("remote", "local")
        )
        remote[(index + 1) % 3] = {**remote[(index + 1) % 3], "callMode": "always"}
        (conflict,) = merge({"actions": base}, {"actions": remote}, {"actions": local}, lists=ACTIONS).conflicts
        assert conflict.reason == "Both changed the same entry"


Payload = dict[str, int]
PAYLOADS = st.dictionaries(st.sampled_from(["note", "mode"]), st.integers(0, 2), max_size=2)
ENTRIES = st.lists(st.tuples(st.sampled_from("abcde"), PAYLOADS), unique_by=lambda entry: entry[0], max_size=5)
Entries = list[tuple[str, Payload]]


def text_of(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def three_way(base: Payload | None, remote: Payload | None, local: Payload | None) -> list[Payload] | None:
    """Return what the merge of an entry has to be: no, one or two entries; None for a conflict."""
    if local in (base, remote):
        return [] if remote is None else [remote]
    if remote == base:
        return [] if local is None else [local]
    if base is None:
        return [payload for payload in (remote, local) if payload is not None]  # different additions: both are kept
    if remote is None or local is None:
        return None
    merged: Payload = {}
    for name in {*remote, *local}:
        old, remote_value, local_value = base.get(name), remote.get(name), local.get(name)
        if local_value not in (old, remote_value) and remote_value != old:
            return None
        if (value := remote_value if local_value == old else local_value) is not None:
            merged[name] = value
    return [merged]


@settings(max_examples=300)
@given(ENTRIES, ENTRIES, ENTRIES)
@example(
    [("a", {}), ("b", {})],
    [("a", {"note": 1}), ("b", {})],
    [("a", {"note": 2}), ("b", {})],
)
def test_list_merge_loses_no_change_without_a_conflict(base: Entries, remote: Entries, local: Entries) -> None:
    sides = [{"actions": [action(key, **payload) for key, payload in side]} for side in (base, remote, local)]
    result = merge(*sides, lists=ACTIONS)
    keys = {key for side in (base, remote, local) for key, _ in side}
    expected = {key: three_way(*(dict(side).get(key) for side in (base, remote, local))) for key in keys}
    if result.conflicts:
        (conflict,) = result.conflicts
        assert conflict.path == ("actions",)
        assert (conflict.base, conflict.remote, conflict.local) == tuple(side["actions"] for side in sides)
        assert conflict.reason == "Both changed the order" or None in expected.values()
        entries = conflict.combined
    else:
        assert None not in expected.values()
        entries = result.merged["actions"]
    for key, payloads in expected.items():
        if payloads is not None:
            with_key = [entry for entry in entries if entry["template"] == key]
            actions = [action(key, **payload) for payload in payloads]
            assert sorted(map(text_of, with_key)) == sorted(map(text_of, actions)), key
    assert {entry["template"] for entry in entries} <= keys


@settings(max_examples=200)
@given(*[st.lists(st.sampled_from("abc"), max_size=5) for _ in range(3)])
def test_additions_to_a_list_with_duplicates_are_kept(base: list[str], remote: list[str], local: list[str]) -> None:
    result = merge({"nextToolIds": base}, {"nextToolIds": remote}, {"nextToolIds": local}, lists=CHAIN)
    merged = result.conflicts[0].combined if result.conflicts else result.merged["nextToolIds"]
    for id in "abc":
        old, in_remote, in_local = base.count(id), remote.count(id), local.count(id)
        if min(in_remote, in_local) >= old:
            assert merged.count(id) == max(in_remote, in_local)
        elif max(in_remote, in_local) <= old:
            assert old - (old - in_remote) - (old - in_local) <= merged.count(id) <= min(in_remote, in_local)


@given(ENTRIES, ENTRIES, ENTRIES)
def test_stale_list_has_exactly_the_remote_additions_and_removals(
    base: Entries, remote: Entries, local: Entries
) -> None:
    sides = [{"actions": [action(key, **payload) for key, payload in side]} for side in (base, remote, local)]
    result = merge(*sides, lists=ACTIONS)
    base_keys, remote_keys, local_keys = ({key for key, _ in side} for side in (base, remote, local))
    stale = result.stale[0] if result.stale else None
    removed = {entry["template"] for entry in (stale.would_remove if stale else ())}
    brought_back = {entry["template"] for entry in (stale.would_bring_back if stale else ())}
    if sides[1] in (sides[0], sides[2]) or sides[2] == sides[0]:
        assert stale is None
    else:
        assert removed >= remote_keys - base_keys - local_keys
        assert brought_back == (base_keys & local_keys) - remote_keys


@given(OBJECTS, OBJECTS)
def test_change_of_one_side_is_taken(base: dict[str, Any], other: dict[str, Any]) -> None:
    for lists in ((), CHAIN):
        for result in (merge(base, other, base, lists=lists), merge(base, base, other, lists=lists)):
            assert result.conflicts == ()
            assert equal_at_depth(result.merged, other, 0)


@given(OBJECTS, OBJECTS, OBJECTS)
def test_every_change_is_in_the_result_or_in_a_conflict(
    base: dict[str, Any], remote: dict[str, Any], local: dict[str, Any]
) -> None:
    result = merge(base, remote, local)
    conflicts = {conflict.path for conflict in result.conflicts}
    for change in (*diff(base, remote), *diff(base, local)):
        if any(change.path[: len(path)] == path or path[: len(change.path)] == change.path for path in conflicts):
            continue
        merged_value = value_at(result.merged, change.path)
        from_one_side = any(
            equal_at_depth(value_at(result.merged, change.path[:length]), value_at(side, change.path[:length]), length)
            for side in (remote, local)
            for length in range(1, len(change.path) + 1)
        )
        both_objects = isinstance(merged_value, dict) and isinstance(change.after, dict)
        assert from_one_side or both_objects, change


@given(OBJECTS, OBJECTS)
def test_patch_changes_before_to_after(before: dict[str, Any], after: dict[str, Any]) -> None:
    patch = patch_of(before, after)
    assert equal_at_depth(patched(before, patch), after, 0)
    assert set(patch) <= {change.path[0] for change in diff(before, after)}


def test_patch_omits_objects_without_changes() -> None:
    assert patch_of({"a": {"x": 1}, "b": 1}, {"a": {"x": 1, "y": None}, "b": 2}) == {"b": 2}
    assert patch_of({"a": None, "b": 1}, {"b": 2}) == {"b": 2}


@given(
    *[st.lists(st.sampled_from("abcdefg"), unique=True) for _ in range(3)],
)
def test_merged_chain_has_no_duplicates_and_no_missing_ids(
    base: list[str], remote: list[str], local: list[str]
) -> None:
    result = merge({"nextToolIds": base}, {"nextToolIds": remote}, {"nextToolIds": local}, lists=CHAIN)
    if result.conflicts:
        ids = result.conflicts[0].combined
    else:
        ids = result.merged["nextToolIds"]
    assert len(ids) == len(set(ids))
    expected = {id for id in {*base, *remote, *local} if (id in remote and id in local) or
                (id not in base and (id in remote or id in local))}  # fmt: skip
    assert set(ids) == expected


def test_removing_a_missing_property_changes_nothing() -> None:
    assert with_value({"a": 1}, ("b",), MISSING) == {"a": 1}
    assert with_value({"a": 1}, ("b", "c"), MISSING) == {"a": 1}
    assert with_value({"b": 1}, ("b", "c"), MISSING) == {"b": 1}
    assert with_value({"b": {}}, ("b", "c", "d"), MISSING) == {"b": {}}
    assert with_value({"b": {"c": 1, "d": 2}}, ("b", "c"), MISSING) == {"b": {"d": 2}}


@given(OBJECTS, st.lists(st.sampled_from(["name", "config", "x", "y.z"]), min_size=1, max_size=3), VALUES)
def test_with_value_changes_only_the_value_at_the_path(document: dict[str, Any], path: list[str], value: Any) -> None:
    names = tuple(path)
    result = with_value(document, names, value)
    assert same_json(value_at(result, names), value)
    assert {name: item for name, item in result.items() if name != names[0]} == {
        name: item for name, item in document.items() if name != names[0]
    }
