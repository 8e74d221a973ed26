"""The schema of a request body in the server's OpenAPI document."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given

from drio_tui.kinds import KINDS
from drio_tui.schema.form import FormModel
from drio_tui.schema.openapi import request_body, request_body_reader
from tests.schema.editing import form_of, type_into
from tests.schema.strategies import JSON


@pytest.fixture
async def document(sandbox: Any) -> dict[str, Any]:
    response = await sandbox.client("").get("/api/openapi.json")
    value: dict[str, Any] = response.json()
    return value


async def test_the_sandbox_openapi_document_has_the_fields_of_the_api_models(document: dict[str, Any]) -> None:
    for kind in KINDS.values():
        for method, path, model in (("POST", kind.collection, kind.create_name), ("PATCH", kind.item, kind.patch_name)):
            found = request_body_reader(document, method, path)
            assert found is not None, (method, path)
            fields = found[0].field(found[1]).properties
            expected = form_of(model).field.properties
            assert list(fields) == list(expected)
            assert [field.required for field in fields.values()] == [field.required for field in expected.values()]


async def test_properties_added_by_a_newer_document_are_editable(document: dict[str, Any]) -> None:
    """F24."""
    newer = copy.deepcopy(document)
    body = request_body(newer, "POST", "/apps")
    name = body["$ref"].rpartition("/")[2] if "$ref" in body else None
    schema = newer["components"]["schemas"][name] if name else body
    schema["properties"]["region"] = {"enum": ["eu", "mars"]}
    schema["required"].append("region")
    found = request_body_reader(newer, "POST", "/apps")
    assert found is not None
    model = FormModel(found[0].field(found[1]))
    type_into(model, "region", "mars")
    assert model.value()["region"] == "mars"
    assert "region" not in [error.path for error in model.check()]


def test_base_paths_and_parameter_names_are_ignored() -> None:
    body = {"requestBody": {"content": {"application/json; charset=utf-8": {"schema": {"title": "it"}}}}}
    document = {"paths": {"/api/v1/apps/{appId}/tools/{toolId}": {"patch": body}, "/x/{a}/apps": {"post": body}}}
    assert request_body(document, "PATCH", "/apps/{app}/tools/{id}") == {"title": "it"}
    assert request_body(document, "POST", "/apps") is None
    assert request_body(document, "PUT", "/apps/{app}/tools/{id}") is None


@given(JSON)
def test_malformed_documents_do_not_raise(value: Any) -> None:
    """F24."""
    for document in (value, {"paths": value}, {"paths": {"/apps": {"post": value}}}):
        assert request_body(document, "POST", "/apps") is None
    body = {"content": {"application/json": {"schema": value}}}
    request_body_reader({"paths": {"/apps": {"post": {"requestBody": body}}}}, "POST", "/apps")
