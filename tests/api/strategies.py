"""Hypothesis strategies: arbitrary JSON, and objects of each model with unknown properties and values."""

from __future__ import annotations

import functools
import types
import typing
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from drio_tui.api.model_types import ApiModel

texts = st.text(st.characters(exclude_categories=()), max_size=12)
"""Any text, lone surrogates included."""

numbers = (
    st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False, places=30).filter(
        lambda number: Decimal(repr(float(number))) != number
    )
)
scalars = st.none() | st.booleans() | numbers | texts
json_values: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=5
)


def _of(annotation: Any) -> st.SearchStrategy[Any]:
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _of(parts[0])
    if origin in (typing.Union, types.UnionType):
        return st.one_of([_of(part) for part in parts])
    if origin is list:
        return st.lists(_of(parts[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(texts, json_values, max_size=3)
    if annotation is type(None):
        return st.none()
    if annotation is Any:
        return json_values
    if isinstance(annotation, type) and issubclass(annotation, ApiModel):
        return wire_objects(annotation)
    return {str: texts, bool: st.booleans(), int: st.integers(-(2**80), 2**80)}[annotation]


@functools.cache
def wire_objects(model: type[ApiModel]) -> st.SearchStrategy[dict[str, Any]]:
    """Return JSON objects that are valid for `model`: required and some optional properties of the right type, any
    string as an enum value, and unknown properties."""
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    hints = typing.get_type_hints(model, include_extras=True)
    for name, field in model.model_fields.items():
        annotation = hints[name]
        (required if field.is_required() else optional)[field.alias or name] = st.deferred(lambda a=annotation: _of(a))  # type: ignore[misc] # mypy cannot infer a lambda with a default
    known = {field.alias or name for name, field in model.model_fields.items()}
    # Names used by Python or pydantic, and the snake_case forms of known names, are unknown properties too.
    odd = st.sampled_from(
        ["__class__", "model_extra", "model_config", "copy", "self", "app_id", "is_enabled", "to_wire"]
    )
    extra = st.dictionaries((st.text(max_size=12) | odd).filter(lambda key: key not in known), json_values, max_size=3)
    return st.builds(
        lambda properties, unknown: {**properties, **unknown}, st.fixed_dictionaries(required, optional=optional), extra
    )
