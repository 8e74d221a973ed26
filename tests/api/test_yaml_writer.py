"""YAML that is written is read as the same value by every parser, and looks as a user would write it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from drio_tui.api import json_codec, yaml_reader
from drio_tui.api.json_values import same_json
from drio_tui.api.yaml_writer import NotYaml, dumps

AMBIGUOUS = [
    '', 'no', 'No', 'y', 'on', 'null', '~', '1', '1e3', '1.5', '.5', '0x1f', '0o17', '017', '1_000', '1:30',
    '2020-01-01', '=', '<<', '@x', '`x', '&a', '*a', '!x', '%x', '- a', '-', '?', ': a', 'a: b', 'a #b', '#a', 'a:',
    "'", '"', '{a}', '[a]', 'a, b', '|', '>', ' a', 'a ', '\t', 'a\tb', '\n', 'a\n', '\na', 'a\nb', 'a\nb\n',
    'a\nb\n\n', 'a \nb', 'a\n b', ' a\nb', 'a\r\nb', 'a\rb', '---', '...', 'a\n---\nb', 'a\n...\n', 'a\x85b',
    'a\u2028b', '\ufeffa', 'a\x00b', 'a\x1b[2Jb', 'a\u202eb', '\U0001f44d',
    '\U0001f469\u200d\U0001f469\u200d\U0001f467', '\xfc', '\xe9', '\xa0a', '\ufffe', '\U0010ffff', '{{ row.id }}',
    '$.results[*].a', 'https://a.example.com/b?c=d#e', 'a\\b', 'key: [1, 2', '# a\nb', 'a\n\n\nb', 'a\n\tb',
    "x" * 2000, 'NaN', '.inf', 'Infinity', 'None', '+1', 'a%', '100%', '0b1', '1e', 'e1', '12e03', '190:20:30',
]  # fmt: skip

texts = st.one_of(
    st.sampled_from(AMBIGUOUS),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.text("ab: #-\n\t\"'\\|>,[]{}&*!%@`?0.1e", max_size=12),
)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


def read(text: str) -> Any:
    constructor = yaml_reader.Constructor(10_000, parse_float=json_codec.parse_number)
    return constructor.construct(yaml_reader.compose(text))


@given(values)
@example({text: text for text in AMBIGUOUS})
@example([[[], {}], {"a": [{"b": 1, "c": ["x\ny"]}, []]}])
def test_every_parser_reads_what_was_written(value: Any) -> None:
    text = dumps(value)
    assert same_json(read(text), value)
    assert yaml.safe_load(text) == value  # YAML 1.1
    assert yaml.load(text, yaml.SafeLoader) == yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)) == value
    assert dumps(read(text)) == text


@pytest.mark.parametrize(
    "literal", ["1e400", "0.1234567890123456789", "1E-400", "123456789012345678901234567890", "-0.0"]
)
def test_numbers_are_written_exactly(literal: str) -> None:
    number = json_codec.loads(literal)
    assert same_json(read(dumps({"a": number})), {"a": number})


def test_it_looks_as_a_user_would_write_it() -> None:
    value = {
        "name": "Search Contacts", "description": "Finds contacts by name, e-mail (or both).\nAt most 20.\n",
        "config": {"rows": "$.results", "template": "{{ row.id }}", "empty": [], "no": "no"},
        "next": ["show-contact", "other"], "actions": [{"trigger": "row.select", "type": "callTool"}],
        "hidden": "a\u202eb", "emoji": "👍 done",
    }  # fmt: skip
    assert dumps(value) == (
        "name: Search Contacts\n"
        "description: |\n"
        "  Finds contacts by name, e-mail (or both).\n"
        "  At most 20.\n"
        "config:\n"
        "  rows: $.results\n"
        '  template: "{{ row.id }}"\n'
        "  empty: []\n"
        '  "no": "no"\n'
        "next:\n"
        "  - show-contact\n"
        "  - other\n"
        "actions:\n"
        "  - trigger: row.select\n"
        "    type: callTool\n"
        'hidden: "a\\u202eb"\n'
        'emoji: "👍 done"\n'
    )


def test_half_of_a_character_cannot_be_written() -> None:
    with pytest.raises(NotYaml, match="half of a character"):
        dumps({"a": "\ud800"})
