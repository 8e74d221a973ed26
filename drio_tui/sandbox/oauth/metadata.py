"""The two discovery documents: RFC 8414 for the authorization server, RFC 9728 for the resource."""

from __future__ import annotations

from typing import Any

from drio_tui.sandbox.oauth.register import AUTH_METHODS, GRANT_TYPES
from drio_tui.sandbox.oauth.settings import AUTH_PREFIX, SCOPES, OAuthSettings


def authorization_server(settings: OAuthSettings) -> dict[str, Any]:
    """Return the RFC 8414 document; its issuer is the sandbox's own origin."""
    auth = settings.base_url + AUTH_PREFIX
    return {
        "issuer": settings.base_url,
        "authorization_endpoint": f"{auth}/authorize",
        "token_endpoint": f"{auth}/token",
        "registration_endpoint": f"{auth}/register",
        "revocation_endpoint": f"{auth}/revoke",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANT_TYPES),
        "token_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "revocation_endpoint_auth_methods_supported": list(AUTH_METHODS),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }


def protected_resource(settings: OAuthSettings, *, resource: str) -> dict[str, Any]:
    """Return the RFC 9728 document of `resource`, the URL that the well-known path was inserted into (section 3.3)."""
    return {
        "resource": resource,
        "authorization_servers": [settings.base_url],
        "scopes_supported": list(SCOPES),
        "bearer_methods_supported": ["header"],
        "resource_name": "drio sandbox",
    }
