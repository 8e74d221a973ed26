"""Every error has the envelope and the reason, and changes nothing."""

from __future__ import annotations

import json
import uuid
from typing import Any

import httpx
import pytest

from drio_tui.sandbox.core import Sandbox
from tests.sandbox.conftest import Caller
from tests.sandbox_fixtures import API, InProcessSandbox, in_process

JSON = {"Content-Type": "application/json"}


def error_of(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check the status, code and envelope of an error response; return the error."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    (error,) = response.json().values()
    assert set(error) == {"code", "message", "details", "requestId"}
    assert error["code"] == code
    assert error["message"]
    assert str(uuid.UUID(error["requestId"])) == response.headers["x-request-id"]
    return dict(error)


async def test_unknown_path_is_404_and_unknown_method_405(api: Caller) -> None:
    for path in ("/", "/api/v1", "/api/v1/nope", "/api/v1/apps/", "/api/v2/apps", "/upstream/helpdesk/v1/nope"):
        error_of(await api.http.get(path), 404, "not_found")
    response = await api.http.delete(f"{API}/apps")
    error_of(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "GET, POST"
    assert (await api.http.head(f"{API}/apps")).status_code == 405
    response = await api.http.put(f"{API}/apps/app_1/tools/tool_1")
    assert response.headers["allow"] == "DELETE, GET, PATCH"


async def test_all_routes_but_the_public_ones_require_a_valid_token(bare_sandbox: InProcessSandbox) -> None:
    paths = bare_sandbox.app.state.openapi()["paths"]
    async with bare_sandbox.client(token=None) as nobody:
        for path, operations in paths.items():
            for method, operation in operations.items():
                response = await nobody.request(method, path, headers=JSON, content=b"{")
                if operation["operationId"] in ("listTemplates", "getTemplate"):
                    assert response.status_code in (200, 404)
                else:
                    error_of(response, 401, "unauthorized")
                    assert response.headers["www-authenticate"].startswith("Bearer resource_metadata=")
        response = await nobody.get(f"{API}/apps", headers={"Authorization": "Bearer nonsense"})
        error_of(response, 401, "unauthorized")
        assert 'error="invalid_token"' in response.headers["www-authenticate"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]]",
        b'{"name": NaN}',
        b'{"name": Infinity}',
        b'{"name": "a", "name": "b"}',
        b"\xff\xfe",
        b'{"name": "\xff"}',
        b"[" * 100_000,
        b'{"a":' * 200 + b"1" + b"}" * 200,
    ],
)
async def test_json_that_cannot_be_stored_exactly_is_refused(api: Caller, body: bytes) -> None:
    response = await api.http.post(f"{API}/apps", content=body, headers=JSON)
    assert error_of(response, 400, response.json()["error"]["code"])["code"] in ("invalid_json", "invalid_request")


@pytest.mark.parametrize("body", [b"null", b"[]", b'"text"', b"1", b"true"])
async def test_body_that_is_not_an_object_is_refused(api: Caller, body: bytes) -> None:
    response = await api.http.post(f"{API}/apps", content=body, headers=JSON)
    error = error_of(response, 400, "invalid_request")
    assert error["details"]["fields"][0]["path"] == ""


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", None])
async def test_body_of_another_media_type_is_refused(api: Caller, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    error_of(await api.http.post(f"{API}/apps", content=b"{}", headers=headers), 415, "unsupported_media_type")


async def test_json_with_charset_and_bom_is_accepted(api: Caller) -> None:
    body = "\ufeff" + json.dumps({"templateId": "blank", "name": "näme"}, ensure_ascii=False)
    headers = {"Content-Type": "application/json; charset=utf-8"}
    response = await api.http.post(f"{API}/apps", content=body.encode(), headers=headers)
    assert response.json()["app"]["name"] == "näme"


async def test_large_body_is_refused_with_and_without_content_length(tmp_path: Any) -> None:
    async with in_process(tmp_path / "small", max_body=1000) as sandbox, sandbox.client() as client:
        body = json.dumps({"templateId": "blank", "name": "x", "more": "y" * 2000}).encode()

        async def chunks() -> Any:
            yield body[:900]
            yield body[900:]

        error_of(await client.post(f"{API}/apps", content=body, headers=JSON), 413, "payload_too_large")
        error_of(await client.post(f"{API}/apps", content=chunks(), headers=JSON), 413, "payload_too_large")
        assert (await client.post(f"{API}/apps", json={"templateId": "blank", "name": "x"})).status_code == 201


async def test_all_field_errors_are_reported_at_once_with_paths(api: Caller) -> None:
    body = {
        "templateId": 1,
        "name": "  ",
        "slug": "Not A Slug",
        "companyUrl": "javascript:alert(1)",
        "branding": {"primaryColor": "red", "fontFamily": 3},
    }
    error = await api("POST", "/apps", body, expect=400)
    assert {field["path"]: field["message"] for field in error["details"]["fields"]} == {
        "templateId": "must be text",
        "name": "may not be blank",
        "slug": "must be lower-case letters, digits and single hyphens",
        "companyUrl": "must be an http or https URL",
        "branding.primaryColor": "must be a colour such as #0f172a",
        "branding.fontFamily": "must be text",
    }
    error = await api("POST", "/apps", {}, expect=400)
    assert error["details"]["fields"] == [
        {"path": "templateId", "message": "is required"},
        {"path": "name", "message": "is required"},
    ]
    error = await api("POST", "/apps", {"templateId": "no-such", "name": "x"}, expect=400)
    assert error["details"]["fields"][0]["path"] == "templateId"


async def test_field_errors_in_lists_have_the_index_in_their_path(api: Caller) -> None:
    app = await api.create_app()
    tool = await api.create(app, "tools", name="t")
    actions = [{"trigger": "row.select", "type": "openUrl"}, {"type": "openUrl", "template": 1}]
    body = {"name": "w", "toolId": tool["id"], "primitive": "card", "actions": actions}
    error = await api("POST", f"/apps/{app}/widgets", body, expect=400)
    paths = [field["path"] for field in error["details"]["fields"]]
    assert sorted(paths) == ["actions.1.template", "actions.1.trigger"]


@pytest.mark.parametrize("ident", ["..%2F..", "%00", "tool_%ED%A0%80", "%F0%9F%98%80", "' OR 1=1 --", "x" * 5000])
async def test_malformed_ids_in_the_path_are_not_found(api: Caller, ident: str) -> None:
    app = await api.create_app()
    for path in (f"/apps/{ident}", f"/apps/{app}/tools/{ident}", f"/apps/{ident}/tools/{ident}"):
        assert (await api.http.get(API + path)).status_code == 404
        assert (await api.http.delete(f"{API}/apps/{app}/tools/{ident}")).status_code == 404
    assert (await api.http.get(f"{API}/templates/{ident}")).status_code == 404


async def test_malformed_ids_in_the_body_are_refused(api: Caller) -> None:
    app = await api.create_app()
    for ident in ("", "\0", "\ud800", "tool_\0", "x" * 5000, "' OR 1=1 --"):
        content = json.dumps({"name": "t", "widgetId": ident}).encode()
        response = await api.http.post(f"{API}/apps/{app}/tools", content=content, headers=JSON)
        assert response.status_code in (400, 409)


async def test_unexpected_exception_is_a_500_in_the_envelope_and_logged(
    bare_sandbox: InProcessSandbox, api: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("the very secret reason")

    monkeypatch.setattr(Sandbox, "cached_response", broken)
    response = await api.http.get(f"{API}/apps")
    error = error_of(response, 500, "internal_error")
    assert "secret reason" not in response.text
    assert error["requestId"] in caplog.text
    assert "the very secret reason" in caplog.text
    assert bare_sandbox.token not in caplog.text


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({"type": "nonsense"}, "inputSchema.type"),
        ({"properties": {"email": {"minLength": -1}}}, "inputSchema.properties.email.minLength"),
        ({"required": "q"}, "inputSchema.required"),
        ({"$ref": 7}, "inputSchema.$ref"),
    ],
)
async def test_invalid_schema_is_refused_with_its_path(api: Caller, schema: dict[str, Any], path: str) -> None:
    app = await api.create_app()
    operation = await api.create_operation(app)
    url = f"/apps/{app}/operations/{operation['id']}"
    error = await api("PATCH", url, {"inputSchema": schema}, expect=400)
    assert [field["path"] for field in error["details"]["fields"]] == [path]
    assert (await api("GET", url))["operation"] == operation


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"headers": {"X-A": "a\r\nX-B: b"}}, "config.headers.X-A"),
        ({"headers": {"X-A": "a\0"}}, "config.headers.X-A"),
        ({"headers": {"X A": "a"}}, "config.headers.X A"),
        ({"headers": {"Host": "evil.example"}}, "config.headers.Host"),
        ({"headers": {"authorization": "Bearer x"}}, "config.headers.authorization"),
        ({"headers": {"Transfer-Encoding": "chunked"}}, "config.headers.Transfer-Encoding"),
        ({"headers": {"X-A": 1}}, "config.headers.X-A"),
        ({"headers": ["X-A"]}, "config.headers"),
    ],
)
async def test_unsafe_integration_headers_are_refused(api: Caller, config: Any, path: str) -> None:
    app = await api.create_app()
    body = {"name": "i", "baseUrl": "https://api.example.com", "config": config}
    error = await api("POST", f"/apps/{app}/integrations", body, expect=400)
    assert [field["path"] for field in error["details"]["fields"]] == [path]


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/\r\nX: y",
        "https://api.example.com/\0",
        "https://user@api.example.com",
        "https://user:pw@api.example.com/",
        "https://api.example.com\\@evil.example",
        "file:///etc/passwd",
        "gopher://x",
        "//api.example.com",
        "https://",
        "https://[::zz]/",
        "https://api.example.com/%zz",
    ],
)
async def test_unsafe_base_url_is_refused(api: Caller, url: str) -> None:
    app = await api.create_app()
    error = await api("POST", f"/apps/{app}/integrations", {"name": "i", "baseUrl": url}, expect=400)
    assert [field["path"] for field in error["details"]["fields"]] == ["baseUrl"]


async def test_valid_base_urls_are_accepted(api: Caller) -> None:
    app = await api.create_app()
    for url in (
        "https://api.example.com/v1?x=1#y",
        "http://127.0.0.1:8080",
        "http://[::1]:80/a%20b",
        "https://a_b.c/~d",
    ):
        assert (await api.create(app, "integrations", name="i", baseUrl=url))["baseUrl"] == url
