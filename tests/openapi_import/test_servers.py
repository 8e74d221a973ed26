"""The servers and security schemes of documents."""

from __future__ import annotations

from typing import Any

import pytest

from drio_tui.openapi_import.references import References
from drio_tui.openapi_import.servers import required_schemes, schemes, servers, why_no_base


@pytest.mark.parametrize(
    ("url", "base", "expected"),
    [
        ("https://api.example.com/v1/", "", "https://api.example.com/v1"),
        ("/api/v3", "https://example.com/docs/openapi.json", "https://example.com/api/v3"),
        ("v2", "https://example.com/docs/openapi.json", "https://example.com/docs/v2"),
        ("//other.example/x", "https://example.com/openapi.json", "https://other.example/x"),
        ("https://{region}.example.com:{port}/{base}", "", "https://eu.example.com:8443/v2"),
        ("https://x.example/a#part", "", "https://x.example/a"),
    ],
)
def test_a_server_becomes_a_base_url(url: str, base: str, expected: str) -> None:
    variables = {
        "region": {"default": "eu", "enum": ["eu", "us"]},
        "port": {"default": 8443},
        "base": {"default": "v2"},
    }
    (server,) = servers([{"url": url, "variables": variables}], base)
    assert (server.url, server.problem) == (expected, "")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"url": "/api/v3"}, "only where on its own host the API is (/api/v3): give the base URL"),
        ({"url": "https://{host}/x"}, "Its variable host has no default: fill in https://{host}/x."),
        ({"url": "ftp://example.com"}, "It does not begin with https:// or http://."),
        ({"url": "file:///etc/passwd"}, "It does not begin with https:// or http://."),
        ({"url": "https://user:secret@example.com"}, "It holds a user name"),
        ({"url": "https://exa mple.com/\r\nX: y"}, "It holds spaces or control characters."),
        ({"url": "https://[::1"}, "It is no web address."),
        ({"url": 5}, "It has no URL."),
    ],
)
def test_an_unusable_server_has_a_problem(value: Any, problem: str) -> None:
    (server,) = servers([value], "")
    assert server.url == ""
    assert problem in server.problem


@pytest.mark.parametrize("url", ["", "example.com", "https://", "javascript:alert(1)", "https://x.example:99999"])
def test_an_invalid_base_url_has_a_reason(url: str) -> None:
    assert why_no_base(url)


@pytest.mark.parametrize(
    ("value", "provider", "config"),
    [
        ({"type": "apiKey", "in": "header", "name": "K"}, "api-key", {"type": "apiKey", "in": "header", "name": "K"}),
        ({"type": "apiKey", "in": "query", "name": "key"}, "api-key", {"type": "apiKey", "in": "query", "name": "key"}),
        ({"type": "apiKey", "in": "cookie", "name": "s"}, "api-key", {"type": "apiKey", "in": "cookie", "name": "s"}),
        ({"type": "apiKey", "in": "header", "name": "Authorization"}, "bearer", {"type": "bearer"}),
        ({"type": "http", "scheme": "Bearer"}, "bearer", {"type": "bearer"}),
        ({"type": "http", "scheme": "basic"}, "basic", {"type": "basic"}),
        (
            {"type": "oauth2", "flows": {
                "authorizationCode": {
                    "authorizationUrl": "/auth", "tokenUrl": "/token", "scopes": {"read": "", "write": ""}},
                "clientCredentials": {"tokenUrl": "https://t.example/token", "scopes": {"read": ""}}}},
            "custom-oauth",
            {"type": "oauth", "authorizationEndpoint": "https://a.example/auth", "tokenEndpoint": "https://t.example/token",
             "scopes": ["read", "write"]},
        ),
    ],
)  # fmt: skip
def test_a_security_scheme_becomes_a_connection(value: Any, provider: str, config: Any) -> None:
    (scheme,) = schemes({"securitySchemes": {"s": value}}, References({}), "https://a.example/openapi.json")
    assert (scheme.provider, scheme.config, scheme.problem) == (provider, config, "")


def test_the_sandbox_has_every_proposed_provider() -> None:
    providers = pytest.importorskip("drio_tui.sandbox.providers").providers()
    assert {"api-key", "bearer", "basic", "custom-oauth"} <= providers.keys()


@pytest.mark.parametrize(
    "value",
    [
        {"type": "apiKey", "in": "body", "name": "sid"},
        {"type": "http", "scheme": "digest"},
        {"type": "mutualTLS"},
        {"type": "oauth2", "flows": {"implicit": {"authorizationUrl": "https://a.example/auth", "scopes": {}}}},
        {"type": "openIdConnect", "openIdConnectUrl": "https://a.example/.well-known/openid-configuration"},
        {"$ref": "https://evil.example/s.json"},
        5,
    ],
)
def test_an_unsupported_security_scheme_has_a_problem(value: Any) -> None:
    (scheme,) = schemes({"securitySchemes": {"s": value}}, References({}), "")
    assert scheme.problem


def test_optional_security_requires_no_scheme() -> None:
    assert required_schemes([{"a": []}, {"b": [], "c": []}]) == ("a", "b", "c")
    assert required_schemes([{}, {"a": []}]) == ()
    assert required_schemes([]) == required_schemes(None) == required_schemes("x") == ()
