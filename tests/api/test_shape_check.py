"""A resource that matches its shape is valid for its model, and the usual ones match."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drio_tui.api import shape_check
from drio_tui.api.client import TEMPLATES
from drio_tui.api.resource_type import InvalidItem, ResourceType, parse_item
from drio_tui.kinds import KINDS

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(), max_size=4) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


def values_like(shape: Any) -> st.SearchStrategy[Any]:
    """Return values of a shape, sometimes with another value in any place."""
    if isinstance(shape, list):
        return st.lists(values_like(shape[0]), max_size=2) | VALUES
    if shape is str:
        return st.text(max_size=4) | VALUES
    if shape is bool:
        return st.booleans() | VALUES
    if shape is int:
        return st.integers() | VALUES
    if shape is dict:
        return st.dictionaries(st.text(max_size=4), VALUES, max_size=2) | VALUES
    known = st.fixed_dictionaries({}, optional={name: values_like(expected) for name, expected in shape.items()})
    return st.builds(
        lambda extra, known_values: extra | known_values,
        st.dictionaries(st.text(max_size=4), VALUES, max_size=1),
        known,
    )


@pytest.mark.parametrize("resource", [*KINDS.values(), TEMPLATES], ids=lambda resource: resource.name)
def test_resource_that_matches_its_shape_is_valid(resource: ResourceType[Any]) -> None:
    @given(values_like(resource.shape))
    def check(raw: Any) -> None:
        assert resource.shape is not None
        if shape_check.matches_shape(raw, resource.shape):
            assert not isinstance(parse_item(resource, raw), InvalidItem)

    check()


async def test_resources_of_the_sandbox_match_their_shape(sandbox: Any) -> None:
    async with sandbox.client() as client:
        for path, shape in (("apps", shape_check.APP), ("templates", shape_check.TEMPLATE)):
            resources = (await client.get(f"/api/v1/{path}")).json()[path]
            assert resources
            assert all(shape_check.matches_shape(raw, shape) for raw in resources)
        [app, *_] = (await client.get("/api/v1/apps")).json()["apps"]
        config = (await client.get(f"/api/v1/apps/{app['id']}/config")).json()["config"]
    for kind in KINDS.values():
        if kind.list_key in config:
            assert all(shape_check.matches_shape(raw, kind.shape) for raw in config[kind.list_key])
    assert config.keys() >= {"auth", "integrations", "operations", "tools", "widgets"}
