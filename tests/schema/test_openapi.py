"""The schema of a form is the connected server's, where its document has one."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given

from drio_tui.kinds import KINDS
from drio_tui.schema.form import FormModel
from drio_tui.schema.openapi import reader, request_body
from tests.schema.editing import form_of, type_into
from tests.schema.strategies import JSON


@pytest.fixture
async def document(sandbox: Any) -> dict[str, Any]:
    answer = await sandbox.client("").get("/api/openapi.json")
    found: dict[str, Any] = answer.json()
    return found


async def test_the_sandbox_s_document_gives_every_kind_the_fields_of_our_models(document: dict[str, Any]) -> None:
    for kind in KINDS.values():
        for method, path, model in (("POST", kind.collection, kind.create_name), ("PATCH", kind.item, kind.patch_name)):
            found = reader(document, method, path)
            assert found is not None, (method, path)
            members = found[0].field(found[1]).members
            ours = form_of(model).field.members
            assert list(members) == list(ours)
            assert [field.required for field in members.values()] == [field.required for field in ours.values()]


async def test_what_a_newer_document_adds_is_editable(document: dict[str, Any]) -> None:
    """F24."""
    newer = copy.deepcopy(document)
    body = request_body(newer, "POST", "/apps")
    name = body["$ref"].rpartition("/")[2] if "$ref" in body else None
    schema = newer["components"]["schemas"][name] if name else body
    schema["properties"]["region"] = {"enum": ["eu", "mars"]}
    schema["required"].append("region")
    found = reader(newer, "POST", "/apps")
    assert found is not None
    model = FormModel(found[0].field(found[1]))
    type_into(model, "region", "mars")
    assert model.value()["region"] == "mars"
    assert "region" not in [error.path for error in model.check()]


def test_base_paths_and_names_of_parameters_do_not_matter() -> None:
    body = {"requestBody": {"content": {"application/json; charset=utf-8": {"schema": {"title": "it"}}}}}
    document = {"paths": {"/api/v1/apps/{appId}/tools/{toolId}": {"patch": body}, "/x/{a}/apps": {"post": body}}}
    assert request_body(document, "PATCH", "/apps/{app}/tools/{id}") == {"title": "it"}
    assert request_body(document, "POST", "/apps") is None
    assert request_body(document, "PUT", "/apps/{app}/tools/{id}") is None


@given(JSON)
def test_no_document_makes_the_search_fail(nonsense: Any) -> None:
    """F24."""
    for document in (nonsense, {"paths": nonsense}, {"paths": {"/apps": {"post": nonsense}}}):
        assert request_body(document, "POST", "/apps") is None
    for schema in (
        {"paths": {"/apps": {"post": {"requestBody": {"content": {"application/json": {"schema": nonsense}}}}}}},
    ):
        reader(schema, "POST", "/apps")
