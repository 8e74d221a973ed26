"""Random JSON, random schemas of the vocabulary that forms draw, and values that fit them."""

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


def _some(**options: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=options)


ABOUT = _some(
    title=TEXTS,
    description=TEXTS,
    default=JSON,
    examples=st.lists(JSON, max_size=2),
    writeOnly=st.booleans(),
    readOnly=st.just(False),
)
LEAVES = st.one_of(
    _some(
        minLength=st.integers(0, 3),
        maxLength=st.integers(0, 9),
        pattern=st.sampled_from([r"\S", "^[a-z]+$", "(a+)+$", "[", r"\p{L}"]),
        format=st.sampled_from(["uri", "email", "color", "date-time", "jsonpath", "password", "nonsense"]),
    ).map(lambda more: {"type": "string", **more}),
    _some(minimum=NUMBERS, maximum=NUMBERS, multipleOf=st.sampled_from([0, 1, 2, 0.5])).flatmap(
        lambda more: st.sampled_from(["integer", "number"]).map(lambda kind: {"type": kind, **more})
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


def _wrapped(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.tuples(st.dictionaries(NAMES, inner, max_size=4), st.lists(NAMES, max_size=2)).map(
            lambda both: {"type": "object", "properties": both[0], "required": both[1]}
        ),
        st.tuples(inner, st.booleans()).map(lambda both: {"type": "array", "items": both[0], "uniqueItems": both[1]}),
        inner.map(lambda one: {"type": "object", "additionalProperties": one}),
        inner.map(lambda one: {"anyOf": [one, {"type": "null"}]}),
        several.map(lambda some: {"anyOf": some}),
        several.map(lambda some: {"oneOf": some}),
        several.map(lambda some: {"allOf": some}),
        inner.map(lambda one: {"prefixItems": [one]}),
        st.tuples(inner, ABOUT).map(lambda both: {"allOf": [both[0]], **both[1]}),
    )


SCHEMAS = st.recursive(LEAVES, _wrapped, max_leaves=8)
ROOTS = st.tuples(st.dictionaries(NAMES, SCHEMAS, min_size=1, max_size=5), SCHEMAS, SCHEMAS).map(
    lambda parts: {"type": "object", "properties": parts[0], "$defs": {"A": parts[1], "B": parts[2]}}
)
