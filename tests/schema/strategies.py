"""Hypothesis strategies for JSON values and for schemas of the keywords that forms support."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "b", "name", "config", "x.y", "description", "ünï", "", "$ref", "type", "[/]"])
TEXTS = st.one_of(st.text(max_size=8), st.sampled_from(["", " ", "a\r\nb", "\u2028", "\x1b[31m", "#0f172a", "\ud800"]))
NUMBERS = st.one_of(st.integers(-5, 5), st.floats(allow_nan=False, allow_infinity=False), st.just(10**30))
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=8,
)


def _optional(**keywords: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with any subset of the keywords."""
    return st.fixed_dictionaries({}, optional=keywords)


ANNOTATIONS = _optional(
    title=TEXTS,
    description=TEXTS,
    default=JSON,
    examples=st.lists(JSON, max_size=2),
    writeOnly=st.booleans(),
    readOnly=st.just(False),
)
LEAVES = st.one_of(
    _optional(
        minLength=st.integers(0, 3),
        maxLength=st.integers(0, 9),
        pattern=st.sampled_from([r"\S", "^[a-z]+$", "(a+)+$", "[", r"\p{L}"]),
        format=st.sampled_from(["uri", "email", "color", "date-time", "jsonpath", "password", "nonsense"]),
    ).map(lambda keywords: {"type": "string", **keywords}),
    _optional(minimum=NUMBERS, maximum=NUMBERS, multipleOf=st.sampled_from([0, 1, 2, 0.5])).flatmap(
        lambda keywords: st.sampled_from(["integer", "number"]).map(lambda name: {"type": name, **keywords})
    ),
    st.just({"type": "boolean"}),
    st.lists(SCALARS, min_size=1, max_size=4).map(lambda values: {"enum": values}),
    st.lists(TEXTS, min_size=1, max_size=3).map(lambda values: {"x-known-values": values, "type": "string"}),
    SCALARS.map(lambda value: {"const": value}),
    st.just(True),
    st.just({}),
    st.sampled_from(["#", "#/$defs/A", "#/$defs/B", "#/nowhere", "https://example.com/s.json"]).map(
        lambda ref: {"$ref": ref}
    ),
)


def _containing(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas with subschemas of `inner`."""
    several = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.tuples(st.dictionaries(NAMES, inner, max_size=4), st.lists(NAMES, max_size=2)).map(
            lambda pair: {"type": "object", "properties": pair[0], "required": pair[1]}
        ),
        st.tuples(inner, st.booleans()).map(lambda pair: {"type": "array", "items": pair[0], "uniqueItems": pair[1]}),
        inner.map(lambda schema: {"type": "object", "additionalProperties": schema}),
        inner.map(lambda schema: {"anyOf": [schema, {"type": "null"}]}),
        several.map(lambda schemas: {"anyOf": schemas}),
        several.map(lambda schemas: {"oneOf": schemas}),
        several.map(lambda schemas: {"allOf": schemas}),
        inner.map(lambda schema: {"prefixItems": [schema]}),
        st.tuples(inner, ANNOTATIONS).map(lambda pair: {"allOf": [pair[0]], **pair[1]}),
    )


SCHEMAS = st.recursive(LEAVES, _containing, max_leaves=8)
ROOTS = st.tuples(st.dictionaries(NAMES, SCHEMAS, min_size=1, max_size=5), SCHEMAS, SCHEMAS).map(
    lambda parts: {"type": "object", "properties": parts[0], "$defs": {"A": parts[1], "B": parts[2]}}
)
