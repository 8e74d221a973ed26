"""Path parameters and the input schema that describes them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drio_tui.workspace.lint import path_parameters
from tests.schema import strategies

SCHEMA = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "tags": {"type": "array"}, "q": {"type": "string"}},
    "required": ["tags"],
    "x-other": 1,
}


@given(st.text(alphabet="/{}ab.1- ", max_size=20))
def test_pieces_concatenate_to_the_path(path: str) -> None:
    assert "".join(piece.text for piece in path_parameters.pieces(path)) == path


@given(st.text(alphabet="/{}ab", max_size=20), strategies.SCHEMAS | strategies.JSON)
def test_a_completed_schema_has_and_requires_every_parameter(path: str, schema: object) -> None:
    completed_schema = path_parameters.with_path_parameters(path, schema)
    assert path_parameters.missing(path, completed_schema) == []
    assert path_parameters.optional(path, completed_schema) == []


def test_missing_optional_and_unsuitable_parameters_are_distinguished() -> None:
    path = "/a/{id}/{tags}/{gone}"
    assert path_parameters.missing(path, SCHEMA) == ["gone"]
    assert path_parameters.optional(path, SCHEMA) == ["id"]
    assert path_parameters.unsendable_arguments(path, SCHEMA) == ["tags"]
    assert path_parameters.with_path_parameters(path, SCHEMA)["x-other"] == 1


def test_other_arguments_are_sent_in_query_or_body_by_method() -> None:
    def places(method: str, schema: object = SCHEMA) -> dict[str, str]:
        return {argument.name: argument.place for argument in path_parameters.arguments(method, "/a/{id}", schema)}

    assert places("get") == {"id": "path", "tags": "query", "q": "query"}
    assert places("POST") == {"id": "path", "tags": "body", "q": "body"}
    assert places("POST", {"properties": {"h": {"x-in": "header"}}}) == {"id": "path", "h": "header"}


def test_every_error_in_a_path_is_reported() -> None:
    assert path_parameters.find_path_errors("/a/{id}/b") == []
    assert path_parameters.find_path_errors("a/{}/{b c}/{d}{d}/{") == [
        "must begin with /",
        "has a brace without its partner",
        "has a parameter without a name",
    ]


def test_any_name_in_braces_is_a_parameter() -> None:
    path = "/{a b}/{użytkownik}/{filter[id]}/{c}{d}/{c}"
    schema = {"properties": {"user": {"type": "string", "x-in": "path", "x-name": "użytkownik"}}, "required": ["user"]}
    assert path_parameters.find_path_errors(path) == []
    assert path_parameters.missing(path, schema) == ["a b", "filter[id]", "c", "d"]
    assert path_parameters.optional(path, schema) == []


def test_a_list_in_the_path_needs_a_style() -> None:
    tags = {"type": "array", "x-in": "path"}
    assert path_parameters.unsendable_arguments("/{tags}", {"properties": {"tags": tags}}) == ["tags"]
    assert (
        path_parameters.unsendable_arguments("/{tags}", {"properties": {"tags": {**tags, "x-style": "simple"}}}) == []
    )
