"""Every error comes in the envelope, says what is wrong, and changes nothing."""

from __future__ import annotations

import json
import uuid
from typing import Any

import httpx
import pytest

from drio_tui.sandbox.core import Sandbox
from tests.sandbox.conftest import Caller
from tests.sandbox_fixtures import API, InProcess, in_process

JSON = {"Content-Type": "application/json"}


def checked(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The error of an answer in drio's envelope."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    (error,) = answer.json().values()
    assert set(error) == {"code", "message", "details", "requestId"}
    assert error["code"] == code
    assert error["message"]
    assert str(uuid.UUID(error["requestId"])) == answer.headers["x-request-id"]
    return dict(error)


async def test_an_unknown_address_and_an_unknown_method_are_told_apart(api: Caller) -> None:
    for path in ("/", "/api/v1", "/api/v1/nope", "/api/v1/apps/", "/api/v2/apps", "/upstream/helpdesk/v1/nope"):
        checked(await api.http.get(path), 404, "not_found")
    answer = await api.http.delete(f"{API}/apps")
    checked(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, POST"
    answer = await api.http.put(f"{API}/apps/app_1/tools/tool_1")
    assert answer.headers["allow"] == "DELETE, GET, PATCH"


async def test_without_a_token_that_counts_every_route_but_the_public_ones_is_closed(box: InProcess) -> None:
    paths = box.app.openapi()["paths"]
    async with box.client(token=None) as nobody:
        for path, operations in paths.items():
            for method, operation in operations.items():
                answer = await nobody.request(method, path, headers=JSON, content=b"{}")
                if operation["operationId"] in ("listTemplates", "getTemplate"):
                    assert answer.status_code in (200, 404)
                else:
                    checked(answer, 401, "unauthorized")
                    assert answer.headers["www-authenticate"].startswith("Bearer resource_metadata=")
        answer = await nobody.get(f"{API}/apps", headers={"Authorization": "Bearer nonsense"})
        checked(answer, 401, "unauthorized")
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]


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
async def test_what_is_not_json_that_can_be_kept_is_refused(api: Caller, body: bytes) -> None:
    answer = await api.http.post(f"{API}/apps", content=body, headers=JSON)
    assert checked(answer, 400, answer.json()["error"]["code"])["code"] in ("invalid_json", "invalid_request")


@pytest.mark.parametrize("body", [b"null", b"[]", b'"text"', b"1", b"true"])
async def test_a_body_that_is_no_object_is_refused(api: Caller, body: bytes) -> None:
    answer = await api.http.post(f"{API}/apps", content=body, headers=JSON)
    error = checked(answer, 400, "invalid_request")
    assert error["details"]["fields"][0]["path"] == ""


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", None])
async def test_a_body_of_another_type_is_refused(api: Caller, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    checked(await api.http.post(f"{API}/apps", content=b"{}", headers=headers), 415, "unsupported_media_type")


async def test_json_with_a_charset_and_with_a_bom_is_taken(api: Caller) -> None:
    body = "\ufeff" + json.dumps({"templateId": "blank", "name": "näme"}, ensure_ascii=False)
    headers = {"Content-Type": "application/json; charset=utf-8"}
    answer = await api.http.post(f"{API}/apps", content=body.encode(), headers=headers)
    assert answer.json()["app"]["name"] == "näme"


async def test_a_body_that_is_too_large_is_refused_announced_or_not(tmp_path: Any) -> None:
    async with in_process(tmp_path / "small", max_body=1000) as box, box.client() as client:
        body = json.dumps({"templateId": "blank", "name": "x", "more": "y" * 2000}).encode()

        async def unannounced() -> Any:
            yield body[:900]
            yield body[900:]

        checked(await client.post(f"{API}/apps", content=body, headers=JSON), 413, "payload_too_large")
        checked(await client.post(f"{API}/apps", content=unannounced(), headers=JSON), 413, "payload_too_large")
        assert (await client.post(f"{API}/apps", json={"templateId": "blank", "name": "x"})).status_code == 201


async def test_every_wrong_member_is_named_by_its_path_at_once(api: Caller) -> None:
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


async def test_a_list_of_objects_is_named_by_place(api: Caller) -> None:
    app = await api.app()
    tool = await api.new(app, "tools", name="t")
    actions = [{"trigger": "row.select", "type": "openUrl"}, {"type": "openUrl", "template": 1}]
    body = {"name": "w", "toolId": tool["id"], "primitive": "card", "actions": actions}
    error = await api("POST", f"/apps/{app}/widgets", body, expect=400)
    paths = [field["path"] for field in error["details"]["fields"]]
    assert sorted(paths) == ["actions.1.template", "actions.1.trigger"]


@pytest.mark.parametrize("ident", ["..%2F..", "%00", "tool_%ED%A0%80", "%F0%9F%98%80", "' OR 1=1 --", "x" * 5000])
async def test_an_id_of_any_shape_is_simply_not_there(api: Caller, ident: str) -> None:
    app = await api.app()
    for path in (f"/apps/{ident}", f"/apps/{app}/tools/{ident}", f"/apps/{ident}/tools/{ident}"):
        assert (await api.http.get(API + path)).status_code == 404
        assert (await api.http.delete(f"{API}/apps/{app}/tools/{ident}")).status_code == 404
    assert (await api.http.get(f"{API}/templates/{ident}")).status_code == 404


async def test_an_id_in_a_body_of_any_shape_is_refused(api: Caller) -> None:
    app = await api.app()
    for ident in ("", "\0", "\ud800", "tool_\0", "x" * 5000, "' OR 1=1 --"):
        content = json.dumps({"name": "t", "widgetId": ident}).encode()
        answer = await api.http.post(f"{API}/apps/{app}/tools", content=content, headers=JSON)
        assert answer.status_code in (400, 409)


async def test_what_nobody_foresaw_is_a_500_in_the_envelope_and_in_the_log(
    box: InProcess, api: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("the very secret reason")

    monkeypatch.setattr(Sandbox, "show", broken)
    answer = await api.http.get(f"{API}/apps")
    error = checked(answer, 500, "internal_error")
    assert "secret reason" not in answer.text
    assert error["requestId"] in caplog.text
    assert "the very secret reason" in caplog.text
    assert box.token not in caplog.text


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({"type": "nonsense"}, "inputSchema.type"),
        ({"properties": {"email": {"minLength": -1}}}, "inputSchema.properties.email.minLength"),
        ({"required": "q"}, "inputSchema.required"),
        ({"$ref": 7}, "inputSchema.$ref"),
    ],
)
async def test_a_schema_that_is_none_is_refused_with_the_place(api: Caller, schema: dict[str, Any], path: str) -> None:
    app = await api.app()
    operation = await api.operation(app)
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
async def test_headers_that_could_smuggle_something_are_refused(api: Caller, config: Any, path: str) -> None:
    app = await api.app()
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
async def test_a_base_url_that_is_not_plainly_one_is_refused(api: Caller, url: str) -> None:
    app = await api.app()
    error = await api("POST", f"/apps/{app}/integrations", {"name": "i", "baseUrl": url}, expect=400)
    assert [field["path"] for field in error["details"]["fields"]] == ["baseUrl"]


async def test_ordinary_base_urls_are_taken(api: Caller) -> None:
    app = await api.app()
    for url in (
        "https://api.example.com/v1?x=1#y",
        "http://127.0.0.1:8080",
        "http://[::1]:80/a%20b",
        "https://a_b.c/~d",
    ):
        assert (await api.new(app, "integrations", name="i", baseUrl=url))["baseUrl"] == url
