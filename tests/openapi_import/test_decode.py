"""Decoding a document's bytes: errors contain the position, and no YAML feature is harmful."""

from __future__ import annotations

import json

import pytest

from drio_tui.openapi_import.decode import MOST_ITEMS, parse
from drio_tui.openapi_import.errors import BadDocument


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "It is empty."),
        (b" \n\t", "It is empty."),
        (b'{"openapi": "3.1.0", "paths": {"/a": ', "It ends too early, at line 1, column 38: the file is cut off."),
        (b'{"openapi": "3.1', "It ends too early, at line 1, column 13: the file is cut off."),
        (b'{"a": 1,\n "b": 2,, }', "expecting property name enclosed in double quotes at line 2, column 9."),
        (b'{"a": NaN}', "NaN is not JSON."),
        (b'{"a": 1e999}', "The number 1e999 is too large."),
        (b'{"a": ' + b"9" * 5000 + b"}", "A whole number has more digits than can be read."),
        (b"[" * 100_000, "It is nested more than 200 levels deep."),
        (b'{"a":' * 201 + b"1" + b"}" * 201, "It is nested more than 200 levels deep."),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "It is a web page or XML"),
        (b'<?xml version="1.0"?><a/>', "It is a web page or XML"),
        (b"\xff\xfe\x00", "It is not UTF-16-LE text: byte 2 is wrong."),
        (b'{"a": "\xff"}', "It is not UTF-8 text"),
        (b'a: "\xff"', "It is not YAML"),
        (b"a: [1, 2\nb: {", "It is not YAML: did not find expected ',' or ']' at line 2, column 2."),
        (b"x: y\n\tz: 1", "at line 2, column 1"),
        (b"a: " + b"[" * 100_000, "nest"),
        (b"a: b\n---\nc: d", "but found another document at line 2, column 1"),
        (b"? [b]\n: c", "A name has to be a text, at line 1."),
    ],
)
def test_errors_contain_the_reason_and_the_position(data: bytes, message: str) -> None:
    with pytest.raises(BadDocument) as caught:
        parse(data)
    assert message in caught.value.message


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system [ls]", "!include /etc/passwd", "!!set {a}"])
def test_yaml_tags_are_rejected(tag: str) -> None:
    """F61."""
    with pytest.raises(BadDocument, match="is not allowed, at line 2"):
        parse(f"x: 1\na: {tag}\n".encode())


@pytest.mark.parametrize("levels", [9, 30])
def test_a_bomb_of_yaml_aliases_is_rejected_at_once(levels: int) -> None:
    """F61."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    with pytest.raises(BadDocument, match=f"more than {MOST_ITEMS:,} values"):
        parse("\n".join(lines).encode())


def test_a_bomb_of_yaml_merges_is_rejected_at_once() -> None:
    lines = ["a0: &a0 {x: 1, y: 2}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}], k{n}: 1}}" for n in range(1, 20)]
    with pytest.raises(BadDocument, match="more than"):
        parse("\n".join(lines).encode())


def test_an_alias_that_contains_itself_is_rejected() -> None:
    with pytest.raises(BadDocument, match="An alias holds itself, at line 1"):
        parse(b"a: &a [1, *a]")


def test_aliases_and_merges_are_resolved() -> None:
    value, problems = parse(b"base: &base {type: object, x: 1}\nother:\n  <<: *base\n  x: 2\nsame: *base\n")
    assert value["other"] == {"type": "object", "x": 2}
    assert value["same"] == value["base"]
    assert not problems


def test_explicit_keys_override_merges_and_earlier_merges_override_later_ones() -> None:
    text = b"""
one: &one {a: 1, b: 1, c: 1}
two: &two {b: 2, c: 2, d: 2}
both: {<<: [*one, *two], c: 3}
other: {c: 3, <<: [*two, *one]}
"""
    value, problems = parse(text)
    assert value["both"] == {"a": 1, "b": 1, "c": 3, "d": 2}
    assert value["other"] == {"a": 1, "b": 2, "c": 3, "d": 2}
    assert not problems


def test_yaml_scalars_are_resolved_by_yaml_1_2() -> None:
    text = b"""
yes: no
on: off
date: 2020-01-01
time: 12:30:45
version: 1.10
octal: 010
hex: 0x1F
200: {a: ~}
quoted: "1"
'single': '~'
float: 1e3
true: True
"""
    assert parse(text)[0] == {
        "yes": "no", "on": "off", "date": "2020-01-01", "time": "12:30:45", "version": 1.1, "octal": 10, "hex": 31,
        "200": {"a": None}, "quoted": "1", "single": "~", "float": 1000.0, "true": True,
    }  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_json_is_read_in_all_its_encodings(encoding: str) -> None:
    assert parse('{"a": "Grüße"}'.encode(encoding))[0] == {"a": "Grüße"}


@pytest.mark.parametrize("data", [b'{"a": 1, "b": {"x": 1, "x": 2}}', b"a: 1\nb:\n  x: 1\n  x: 2\n"])
def test_a_duplicate_name_is_reported_and_the_last_one_counts(data: bytes) -> None:
    value, problems = parse(data)
    assert value == {"a": 1, "b": {"x": 2}}
    assert [str(problem) for problem in problems] == ["the name 'x' occurs twice in one object; the last one counts"]


def test_a_million_items_are_read() -> None:
    """F61."""
    assert len(parse(json.dumps({"x": [0] * 1_000_000}).encode())[0]["x"]) == 1_000_000
