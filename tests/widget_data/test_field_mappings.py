"""Field mappings and templates: what they find, and that they terminate and execute nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drio_tui.widget_data.field_mappings import fill
from drio_tui.widget_data.jsonpath import PathError, parse
from drio_tui.widget_data.template import arguments, parts, render

BOOKS = {
    "store": {
        "book": [
            {"category": "reference", "author": "Nigel Rees", "price": 8.95},
            {"category": "fiction", "author": "Evelyn Waugh", "price": 12.99},
            {"category": "fiction", "author": "Herman Melville", "isbn": "0-553-21311-3", "price": 8.99},
            {"category": "fiction", "author": "J. R. R. Tolkien", "isbn": "0-395-19395-8", "price": 22.99},
        ],
        "bicycle": {"color": "red", "price": 399},
    },
    "none": None,
    "a.b": {"it's": 1, 'q"': 2},
}
AUTHORS = [book["author"] for book in BOOKS["store"]["book"]]  # type: ignore[index,call-overload]


@pytest.mark.parametrize(
    ("path", "values"),
    [  # the examples of RFC 9535 section 1.5, and edge cases of its sections 2.3 to 2.5
        ("$.store.book[*].author", AUTHORS),
        ("$..author", AUTHORS),
        ("$.store..price", [8.95, 12.99, 8.99, 22.99, 399]),
        ("$..book[2].author", [AUTHORS[2]]),
        ("$..book[2].publisher", []),
        ("$..book[-1].author", [AUTHORS[3]]),
        ("$..book[0,1].author", AUTHORS[:2]),
        ("$..book[:2].author", AUTHORS[:2]),
        ("$..book[::-2].author", [AUTHORS[3], AUTHORS[1]]),
        ("$..book[1:9:0].author", []),
        ("$..book[?@.isbn].author", AUTHORS[2:]),
        ("$..book[?!@.isbn].author", AUTHORS[:2]),
        ("$..book[?@.price<10].author", [AUTHORS[0], AUTHORS[2]]),
        ("$..book[?@.price >= 8.99 && (@.category == 'fiction' || @.x)].author", AUTHORS[1:]),
        ("$..book[?@.price==$.store.book[1].price].author", [AUTHORS[1]]),
        ("$..book[?length(@.author) > 14].author", AUTHORS[2:]),
        ("$..book[?count(@.*) == 4].author", AUTHORS[2:]),
        ("$..book[?value(@.isbn) == '0-395-19395-8'].author", [AUTHORS[3]]),
        ("$.none", [None]),
        ("$.none.x", []),
        ("$.store[?@.color != 'blue'].color", ["red"]),
        ("$['a.b']['it\\'s']", [1]),
        ('$["a.b"]["q\\""]', [2]),
        ("$.store.book[?@.price == true]", []),
        ("$ .store .bicycle . color", None),
        ("$", [BOOKS]),
    ],
)
def test_paths_select_the_values_of_the_standard(path: str, values: list[object] | None) -> None:
    if values is None:
        with pytest.raises(PathError):
            parse(path)
    else:
        assert [value for _, value in parse(path).find(BOOKS)] == values


def test_nodes_have_their_location() -> None:
    assert [location for location, _ in parse("$..book[?@.isbn].price").find(BOOKS)] == [
        ("store", "book", 2, "price"),
        ("store", "book", 3, "price"),
    ]


@pytest.mark.parametrize(
    "path",
    ["", "a", "$.", "$..", "$[", "$['a", "$[01]", "$[-0]", "$[?]", "$[?@.a ==]", "$[?1]", "$[?(@.a]", "$.a b", "$[1 2]",
     "$[]", "$[?__import__('os')]", "$[?count(1)]", "$" + "[?@" * 600,
     "$" + ".a" * 5000, "$[?" + "(" * 500 + "@.a" + ")" * 500 + "]", "$[?" + "!" * 900 + "@.a]"],
)  # fmt: skip
def test_invalid_paths_are_refused(path: str) -> None:
    with pytest.raises(PathError, match="JSONPath"):
        parse(path)


@pytest.mark.parametrize(
    "path", ["$..*..*..*..*", "$..[?@..[?@..[?@..x]]]", "$[*,*,*,*,*,*,*,*][*,*,*,*,*,*,*,*][*,*,*,*,*,*,*,*][*,*,*,*]"]
)
def test_exponential_paths_exceed_the_budget(path: str) -> None:
    """F65."""
    value: object = 1
    for _ in range(6):
        value = [value] * 8
    with pytest.raises(PathError, match="too much"):
        parse(path).find(value)


@given(st.text(alphabet="$.*[]?@'\"(),:=!<>&|0123-abx \\", max_size=60).map(lambda text: "$" + text))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        parse(text).find({"a": [{"b": 1}, {"x": [1, 2]}], "x": "y"})
    except PathError:
        pass


def test_a_table_is_filled_by_rows() -> None:
    result = {"results": [{"name": "A", "plan": None}, {"name": "B", "plan": "pro"}, {"other": 1}], "total": 3}
    view = fill({"rows": "$.results", "columns.name": "$.name", "columns.plan": "$.plan", "columns.x": "$.x"}, result)
    assert view.columns == ["name", "plan", "x"]
    assert view.items == [
        {"slots": {"columns.name": "A"}, "at": ["results", 0]},
        {"slots": {"columns.name": "B", "columns.plan": "pro"}, "at": ["results", 1]},
        {"slots": {}, "at": ["results", 2]},
    ]
    assert view.problems == {"columns.x": "matches nothing"}


def test_columns_can_come_with_the_data() -> None:
    view = fill(
        {"rows": "$.rows", "columns": "$.columns"}, {"columns": ["a", {"name": "b"}], "rows": [[1, 2], {"b": 3}]}
    )
    assert view.columns == ["a", "b"]
    assert [item["slots"] for item in view.items or []] == [{"columns.a": 1, "columns.b": 2}, {"columns.b": 3}]


def test_several_nodes_make_a_list_and_one_node_a_value() -> None:
    result = {"months": [{"m": "Jan", "v": 1}, {"m": "Feb", "v": 2}], "name": "N"}
    assert fill({"x": "$.months[*].m", "y": "$.months[*].v", "title": "$.name"}, result).slots == {
        "x": ["Jan", "Feb"], "y": [1, 2], "title": "N",
    }  # fmt: skip


def test_invalid_and_expensive_mappings_leave_their_slot_empty_with_a_reason() -> None:
    heavy = {"items": [[[0] * 50] * 50] * 400}
    view = fill({"items": "$.items", "title": "$..*", "bad": 7, "broken": "$["}, heavy)
    assert view.items
    assert len(view.items) == 400
    assert view.problems["bad"] == "is not a JSONPath"
    assert "JSONPath" in view.problems["broken"]


def test_items_are_limited_and_the_rest_is_counted() -> None:
    view = fill({"items": "$"}, list(range(10_000)))
    assert (len(view.items or []), view.cut) == (500, 9_500)


def test_templates_only_look_up_values() -> None:
    """F64."""
    scope = {"item": {"id": 7, "tags": ["x", "y"], "email": "a@b"}, "result": {"title": "T", "id": 9}}
    assert render(parts("{{ row.id }}"), scope) == 7
    assert render(parts("mailto:{{ contact.email }}?{{row.tags[1]}}{{ row.tags.0 }}"), scope) == "mailto:a@b?yx"
    assert render(parts("{{ result.title }} {{ title }} {{ nothing.at.all }}"), scope) == "T T "
    for text in (
        "{{ ''.__class__ }}",
        "{{ 7*7 }}",
        "{% for x in y %}",
        "{{ range(9) }}",
        "{{}}",
        "{{ a b }}",
        "${row.id}",
    ):
        assert render(parts(text), scope) == text
    assert render(parts("{{ row.__class__ }}{{ constructor.prototype }}"), scope) == ""


def test_values_cannot_change_the_structure_of_json_arguments() -> None:
    assert arguments('{"id": "{{ row.id }}", "all": [true, "x {{ a }}"]}') == {
        "object": {
            "members": {
                "id": {"parts": [["row", "id"]]},
                "all": {"items": [{"value": True}, {"parts": ["x ", ["a"]]}]},
            }
        }
    }
    assert arguments("{{ row.id }}") == {"parts": [["row", "id"]]}


def test_a_huge_template_is_literal_text() -> None:
    """F64."""
    assert parts("{{ a }}" * 100_000) == [("{{ a }}" * 100_000)[:10_000]]
    assert sum(isinstance(part, list) for part in parts("{{ a }}" * 1000)) == 100
