"""Slugs and keys: one rule for names that are typed, imported, or created by the sandbox."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drio_tui import naming
from drio_tui.api import patterns
from drio_tui.naming import slug_of
from drio_tui.openapi_import.names import key_of

if TYPE_CHECKING:
    from tests.sandbox_fixtures import InProcessSandbox

CASES = [
    ("Search Contacts!", "search-contacts"),
    ("Straße 7", "strasse-7"),
    ("ÅNGSTRÖM  Über--uns", "angstrom-uber-uns"),
    ("ﬁle №5", "file-no5"),
    ("名前", ""),
    ("", ""),
]


@pytest.mark.parametrize(("name", "key"), CASES)
def test_a_name_has_the_same_key_everywhere(name: str, key: str) -> None:
    assert naming.kebab(name) == slug_of(name) == key_of(name, "") == key


async def test_the_sandbox_makes_the_same_slugs_and_keys(sandbox: InProcessSandbox) -> None:
    async with sandbox.client() as client:
        for name, key in CASES:
            if name:
                app = (await client.post("/api/v1/apps", json={"templateId": "blank", "name": name})).json()["app"]
                assert app["slug"] == (key or "app")
                tool = (await client.post(f"/api/v1/apps/{app['id']}/tools", json={"name": name})).json()["tool"]
                assert tool["key"] == (key or "tool")


def test_camel_case_identifiers_are_split_on_import() -> None:
    assert key_of("listPetsByOwner") == "list-pets-by-owner"
    assert key_of("getHTTPStatus2") == "get-http-status2"


@given(st.text(max_size=500), st.integers(8, 100))
def test_any_name_makes_a_valid_key_or_none(name: str, most: int) -> None:
    key = naming.kebab(name, most=most)
    assert len(key) <= most
    assert not key or re.match(patterns.KEY, key)
    assert naming.kebab(key, most=most) == key


@given(st.text("ab-", min_size=1, max_size=20), st.sets(st.text("ab-23", max_size=20), max_size=30), st.integers(8, 20))
def test_a_taken_name_gets_a_number_within_the_limit(name: str, taken: set[str], most: int) -> None:
    taken |= {name[:most], f"{name}-2"}
    unused_name = naming.unused(name, taken, most=most)
    assert unused_name not in taken
    assert len(unused_name) <= most
    assert naming.unused("tool", {"other"}) == "tool"


def test_numbers_start_at_two() -> None:
    assert naming.unused("tool", {"tool"}) == "tool-2"
    assert naming.unused("tool", {"tool", "tool-2"}) == "tool-3"
    assert naming.unused("query_id", {"query_id"}, most=8, mark="_") == "query_2"
