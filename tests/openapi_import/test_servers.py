"""Where an API is and how it is signed in to, as documents say it."""

from __future__ import annotations

from typing import Any

import pytest

from drio_tui.openapi_import.references import References
from drio_tui.openapi_import.servers import schemes, servers, wanted, why_no_base


@pytest.mark.parametrize(
    ("url", "base", "found"),
    [
        ("https://api.example.com/v1/", "", "https://api.example.com/v1"),
        ("/api/v3", "https://example.com/docs/openapi.json", "https://example.com/api/v3"),
        ("v2", "https://example.com/docs/openapi.json", "https://example.com/docs/v2"),
        ("//other.example/x", "https://example.com/openapi.json", "https://other.example/x"),
        ("https://{region}.example.com:{port}/{base}", "", "https://eu.example.com:8443/v2"),
        ("https://x.example/a#part", "", "https://x.example/a"),
    ],
)
def test_a_server_becomes_a_base_url(url: str, base: str, found: str) -> None:
    variables = {
        "region": {"default": "eu", "enum": ["eu", "us"]},
        "port": {"default": 8443},
        "base": {"default": "v2"},
    }
    (server,) = servers([{"url": url, "variables": variables}], base)
    assert (server.url, server.problem) == (found, "")


@pytest.mark.parametrize(
    ("server", "says"),
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
def test_a_server_that_cannot_be_used_says_why(server: Any, says: str) -> None:
    (found,) = servers([server], "")
    assert found.url == ""
    assert says in found.problem


@pytest.mark.parametrize("url", ["", "example.com", "https://", "javascript:alert(1)", "https://x.example:99999"])
def test_what_is_no_base_url_is_told(url: str) -> None:
    assert why_no_base(url)


@pytest.mark.parametrize(
    ("scheme", "provider", "config"),
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
def test_a_scheme_becomes_a_proposal_for_a_connection(scheme: Any, provider: str, config: Any) -> None:
    (found,) = schemes({"securitySchemes": {"s": scheme}}, References({}), "https://a.example/openapi.json")
    assert (found.provider, found.config, found.problem) == (provider, config, "")


def test_every_provider_proposed_is_one_of_the_sandboxs() -> None:
    providers = pytest.importorskip("drio_tui.sandbox.providers").providers()
    assert {"api-key", "bearer", "basic", "custom-oauth"} <= providers.keys()


@pytest.mark.parametrize(
    "scheme",
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
def test_what_cannot_be_had_whole_says_why(scheme: Any) -> None:
    (found,) = schemes({"securitySchemes": {"s": scheme}}, References({}), "")
    assert found.problem


def test_what_may_be_called_without_a_sign_in_wants_none() -> None:
    assert wanted([{"a": []}, {"b": [], "c": []}]) == ("a", "b", "c")
    assert wanted([{}, {"a": []}]) == ()
    assert wanted([]) == wanted(None) == wanted("x") == ()
