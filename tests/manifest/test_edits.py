"""Changing values in a file leaves every comment and every line that was not edited as it was."""

from __future__ import annotations

import copy
import random
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drio_tui.api import json_codec
from drio_tui.api.json_values import same_json
from drio_tui.manifest.edits import CannotEdit, edited
from drio_tui.manifest.syntax_tree import parsed
from tests.api.test_yaml_writer import values

YAML = """\
# The app of the support team.  {not: parsed}

app:
  slug: acme   # which app
  name: 'Acme Support'
  "quoted":   "a # b"      # two spaces before
  instructions: >-         # folded
    Keep answers
    concise.

  text: |
    Line one.
      Line two.
  hex: 0x1F
  empty:
  branding: { primaryColor: "#0f172a", accent: 'x' }   # colours
defaults: &defaults
  isEnabled: true   # shared
  annotations: {readOnlyHint: true}
tools:
    # four spaces here
    search:
        <<: *defaults
        description: Finds contacts.   # for models

        # what comes next
        next:
        - a   # first
        # between
        - b
        - [c, {d: 1}]
        - key: value   # in a list
          other: 2
        -
          far: 1
    show: &show
        name: Show
    copy: *show
    same: &value text
    again: *value
list:
  -   wide: 1

  - - nested
    - list   # deep
flow: {a: 1,
  b: [1, 2,   # comment in braces
      3],
  c: {}}
last: 1.50   # no line break at the end"""

JSON = """\
{
    "app": {"slug": "acme", "name": "Acme"},
    "tools": {
        "search": {
            "next": ["a", "b"],
            "isEnabled": true
        },
        "show": {}
    },
    "number": 1.50
}
"""


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for step, item in items for place in ((*at, step), *places(item, (*at, step)))]


def at(value: Any, place: tuple[Any, ...]) -> Any:
    for step in place:
        value = value[step]
    return value


def comments_of(text: str) -> list[str]:
    return [line[line.index("#") :] for line in text.splitlines() if "# " in line]


def change(old: Any, new: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places at which two values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        names = dict.fromkeys((*old, *new))
        return [
            found
            for name in names
            for found in (
                change(old[name], new[name], (*place, name)) if name in old and name in new else [(*place, name)]
            )
        ]
    return [] if same_json(old, new) else [place]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@given(data=st.data())
def test_any_change_of_values_has_its_value_and_nothing_else_changes(newline: str, data: st.DataObject) -> None:
    text = YAML.replace("\n", newline) + data.draw(st.sampled_from(["", newline]))
    old = parsed(text, is_json=False)
    new = copy.deepcopy(old)
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.sampled_from(places(new)))
        container = at(new, place[:-1])
        action = data.draw(st.sampled_from(["set", "set", "add", "remove"]))
        value = data.draw(values)
        if action == "set":
            container[place[-1]] = value
        elif action == "add" and isinstance(container, dict):
            container[data.draw(st.sampled_from(["new", "a b", "no", "next"]))] = value
        elif action == "add":
            container.insert(place[-1], value)
        elif len(container) > 1:
            del container[place[-1]]
    try:
        result = edited(text, new)
    except CannotEdit:  # such as a property without the value that it has from a merge key
        assert change(old, new)
        return
    assert same_json(parsed(result, is_json=False), new)
    assert set(re.findall(r"\r?\n", result)) == {newline}
    lines = set(result.split(newline))
    touched = {str(place[0]) for place in change(old, new)}
    if not touched & {"defaults"}:  # a change of the anchor may write its aliases
        for name, block in BLOCKS.items():
            if name not in touched:
                assert set(block.split("\n")) <= lines


def blocks_of(text: str) -> dict[str, str]:
    """The lines of each property at the top."""
    blocks: dict[str, str] = {}
    name = ""
    for line in text.split("\n"):
        if line[:1].isalpha():
            name = line.partition(":")[0]
        blocks[name] = f"{blocks[name]}\n{line}" if name in blocks else line
    return blocks


BLOCKS = blocks_of(YAML)


SCALARS = [
    place
    for place in places(parsed(YAML, is_json=False))
    if not isinstance(at(parsed(YAML, is_json=False), place), dict | list)
    and place[:2] not in (("tools", "copy"), ("tools", "again"), ("tools", "show"), ("tools", "same"))
    and place[0] != "defaults"
    and place[-1] not in ("instructions", "text", "readOnlyHint", "isEnabled")
]


@pytest.mark.parametrize("place", SCALARS, ids=str)
@pytest.mark.parametrize("value", ["other", "no", 7, None, "# x", 'it\'s: "q"', ""])
def test_a_changed_value_changes_its_line_only(place: tuple[Any, ...], value: Any) -> None:
    new = copy.deepcopy(parsed(YAML, is_json=False))
    at(new, place[:-1])[place[-1]] = value
    result = edited(YAML, new)
    before, after = YAML.split("\n"), result.split("\n")
    assert len(before) == len(after)
    different = [(old, line) for old, line in zip(before, after, strict=True) if old != line]
    assert len(different) <= 1
    for old, line in different:
        assert line.endswith(old[old.rindex("   #") :] if "   #" in old else "")


@pytest.mark.parametrize("text", [YAML, YAML + "\n", YAML.replace("\n", "\r\n"), "\ufeff" + YAML])
def test_without_a_change_the_text_is_the_same(text: str) -> None:
    assert edited(text, parsed(text.removeprefix("\ufeff"), is_json=False)) == text


@given(st.data())
def test_json_is_changed_in_place(data: st.DataObject) -> None:
    old = parsed(JSON, is_json=True)
    new = copy.deepcopy(old)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.sampled_from(places(new)))
        container = at(new, place[:-1])
        if data.draw(st.booleans()):
            container[place[-1]] = data.draw(values)
        elif isinstance(container, dict):
            container[data.draw(st.sampled_from(["new", "name"]))] = data.draw(values)
        else:
            container.insert(place[-1], data.draw(values))
    result = edited(JSON, new, is_json=True)
    assert same_json(json_codec.loads(result), new)
    touched = {place[0] for place in change(old, new)}
    for line in JSON.splitlines():
        if (
            line.strip().startswith('"')
            and line.startswith("    ")
            and line[4] == '"'
            and line[5:].partition('"')[0] not in touched
        ):
            assert line.removesuffix(",") in result


EXAMPLES = [
    ("a: 1 # c\nb: 2\n", {"a": "x\ny", "b": 2}, "a: |- # c\n  x\n  y\nb: 2\n"),
    ("a: 1 # c\nb: 2\n", {"a": {"x": [1]}, "b": 2}, "a: # c\n  x:\n    - 1\nb: 2\n"),
    ("a: |  # c\n  x\n  y\n\n# d\nb: 2\n", {"a": "z", "b": 2}, "a: z  # c\n\n# d\nb: 2\n"),
    ("a: |  # c\n  x\n\nb: 2\n", {"a": "z\ny\n", "b": 2}, "a: |  # c\n  z\n  y\n\nb: 2\n"),
    ("a:\n- 1\n- 2\n", {"a": [1, 2, 3]}, "a:\n- 1\n- 2\n- 3\n"),
    ("a:\n- 1 # one\n- 2 # two\n", {"a": [2]}, "a:\n- 2 # two\n"),
    ("a: {b: 1}\n", {"a": {"b": 1, "c": "x, y"}}, 'a: {b: 1, c: "x, y"}\n'),
    ("a: { b: 1 }\n", {"a": {"c": {"d": 1}}}, "a: { c: { d: 1 } }\n"),
    ("a: []\nb: {}\n", {"a": [1], "b": {"c": 1}}, "a: [1]\nb: { c: 1 }\n"),
    ("a:\n  b: 1\n  c: 2\n", {"a": {"b": 1}}, "a:\n  b: 1\n"),
    ("a:\n  b: 1\n", {"a": {}}, "a: {}\n"),
    ("- a: 1\n  b: 2\n- c\n", [{"b": 2}, "c"], "- b: 2\n- c\n"),
    ("a: &x 1\nb: *x\n", {"a": 2, "b": 2}, "a: &x 2\nb: *x\n"),
    ("a: &x 1\nb: *x\n", {"a": 2, "b": 1}, "a: &x 2\nb: 1\n"),
    ("a: &x 1\nb: *x\n", {"a": 1, "b": 3}, "a: &x 1\nb: 3\n"),
    (
        "a: &x {p: 1}\nb:\n  <<: *x\n  q: 2\n",
        {"a": {"p": 1}, "b": {"p": 5, "q": 2}},
        "a: &x {p: 1}\nb:\n  <<: *x\n  q: 2\n  p: 5\n",
    ),
    ("a: &x {p: 1}\nb:\n  <<: *x\n", {"a": {"p": 3}, "b": {"p": 3}}, "a: &x {p: 3}\nb:\n  <<: *x\n"),
    ("a: &x {p: 1, q: 2}\nb:\n  <<: *x\n", {"a": {"p": 1, "q": 2}, "b": {"p": 1}}, "a: &x {p: 1, q: 2}\nb:\n  p: 1\n"),
    ("a: 'it'\n", {"a": "it's"}, 'a: "it\'s"\n'),
    ("a: 1", {"a": 1, "b": 2}, "a: 1\nb: 2"),
    ("a:\n", {"a": "x"}, "a: x\n"),
    ("a: # c\n", {"a": "x"}, "a: x # c\n"),
    (
        "a:\n    b:\n        c: 1\n",
        {"a": {"b": {"c": 1}, "d": {"e": "f\ng"}}},
        "a:\n    b:\n        c: 1\n    d:\n        e: |-\n            f\n            g\n",
    ),
]


@pytest.mark.parametrize(("text", "value", "expected"), EXAMPLES)
def test_changes_look_as_the_author_would_make_them(text: str, value: Any, expected: str) -> None:
    assert edited(text, value) == expected


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ('{"a": 1}', {"a": 1, "b": [1]}, '{"a": 1, "b": [1]}'),
        ('{"a": {}}', {"a": {"b": "é"}}, '{"a": {"b": "é"}}'),
        ('{\n\t"a": 1\n}\n', {"a": 1, "b": {"c": []}}, '{\n\t"a": 1,\n\t"b": {\n\t\t"c": []\n\t}\n}\n'),
        ('{\n  "a": 1,\n  "b": 2\n}', {"b": 2}, '{\n  "b": 2\n}'),
        ('{\n  "a": 1,\n  "b": 2\n}', {"a": 1}, '{\n  "a": 1\n}'),
        ('{\n  "a": {"x": 1}\n}', {"a": {"x": [1]}}, '{\n  "a": {"x": [1]}\n}'),
    ],
)
def test_changes_of_json_look_as_the_author_would_make_them(text: str, value: Any, expected: str) -> None:
    assert edited(text, value, is_json=True) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", {"a": 1}),
        ("a: 1\n", {"a": "\ud800"}),
    ],
)
def test_what_cannot_be_written_is_refused(text: str, value: Any) -> None:
    with pytest.raises(CannotEdit):
        edited(text, value)


def test_a_large_file_is_changed_in_linear_time() -> None:
    source = random.Random(1)
    tools = {
        f"tool-{number}": {"name": f"Tool {number}", "next": ["a", "b"], "text": "x\ny\n"} for number in range(2_000)
    }
    from drio_tui.api.yaml_writer import dumps

    text = dumps({"tools": tools})
    for name in source.sample([*tools], 200):
        tools[name]["name"] = "Changed"
    assert parsed(edited(text, {"tools": tools}), is_json=False) == {"tools": tools}
