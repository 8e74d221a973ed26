"""What `fits` a shape is valid for its model, always; and what is usual fits, or the shortcut would be none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drio_tui.api import shape_check
from drio_tui.api.client import TEMPLATES
from drio_tui.api.resource_type import InvalidItem, ResourceType, typed
from drio_tui.kinds import APP

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(), max_size=4) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


def like(shape: Any) -> st.SearchStrategy[Any]:
    """Values of a shape, with something else in each place now and then."""
    if isinstance(shape, list):
        return st.lists(like(shape[0]), max_size=2) | VALUES
    if shape is str:
        return st.text(max_size=4) | VALUES
    if shape is bool:
        return st.booleans() | VALUES
    known = st.fixed_dictionaries({}, optional={name: like(wanted) for name, wanted in shape.items()})
    return st.builds(lambda extra, own: extra | own, st.dictionaries(st.text(max_size=4), VALUES, max_size=1), known)


@pytest.mark.parametrize("resource", [APP, TEMPLATES], ids=["app", "template"])
def test_what_fits_is_valid(resource: ResourceType[Any]) -> None:
    @given(like(resource.shape))
    def check(raw: Any) -> None:
        assert resource.shape is not None
        if shape_check.fits(raw, resource.shape):
            assert not isinstance(typed(resource, raw), InvalidItem)

    check()


async def test_what_the_sandbox_gives_fits(sandbox: Any) -> None:
    async with sandbox.client() as client:
        for path, shape in (("apps", shape_check.APP), ("templates", shape_check.TEMPLATE)):
            listed = (await client.get(f"/api/v1/{path}")).json()[path]
            assert listed
            assert all(shape_check.fits(raw, shape) for raw in listed)
