"""The token, refresh and revocation routes: codes and refresh tokens are bound, short-lived and for one use."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

import httpx
import pytest

from tests.sandbox.oauth.browser import AUTH, BASE, Application
from tests.sandbox.oauth.conftest import Sandbox


def is_error(response: httpx.Response, error: str, status: int = 400) -> bool:
    body = response.json()
    assert set(body) == {"error", "error_description"}
    assert response.headers["cache-control"] == "no-store"
    assert (response.status_code, body["error"]) == (status, error), response.text
    return True


async def test_code_is_exchanged_for_access_and_refresh_token(sandbox: Sandbox, application: Application) -> None:
    response = await application.exchange(await sandbox.code(application))
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    tokens = response.json()
    assert set(tokens) == {"access_token", "refresh_token", "token_type", "expires_in", "scope"}
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 3600
    assert tokens["scope"] == "openid profile email"
    assert (await sandbox.me(tokens["access_token"])).json() == {
        "email": "you@sandbox.local",
        "client": application.id,
        "scopes": ["email", "openid", "profile"],
        "id": (await sandbox.me(tokens["access_token"])).json()["id"],
    }


async def test_code_can_be_used_only_once(sandbox: Sandbox, application: Application) -> None:
    code = await sandbox.code(application)
    assert (await application.exchange(code)).status_code == 200
    assert is_error(await application.exchange(code), "invalid_grant")


async def test_replayed_code_revokes_all_tokens_of_its_grant(sandbox: Sandbox, application: Application) -> None:
    code = await sandbox.code(application)
    first = (await application.exchange(code)).json()
    second = (await application.refresh(first["refresh_token"])).json()
    assert (await sandbox.me(second["access_token"])).status_code == 200
    assert is_error(await application.exchange(code), "invalid_grant")
    for tokens in (first, second):
        assert (await sandbox.me(tokens["access_token"])).status_code == 401
    assert is_error(await application.refresh(second["refresh_token"]), "invalid_grant")


async def test_replayed_code_does_not_affect_other_grants(sandbox: Sandbox, application: Application) -> None:
    other = await sandbox.tokens(application)
    code = await sandbox.code(application)
    await application.exchange(code)
    await application.exchange(code)
    assert (await sandbox.me(other["access_token"])).status_code == 200


async def test_concurrent_exchanges_of_a_code_succeed_once(sandbox: Sandbox, application: Application) -> None:
    code = await sandbox.code(application)
    responses = await asyncio.gather(*(application.exchange(code) for _ in range(20)))
    assert sorted(response.status_code for response in responses) == [200] + [400] * 19


async def test_code_expires_after_a_minute(sandbox: Sandbox, application: Application) -> None:
    early, late = await sandbox.code(application), await sandbox.code(application)
    sandbox.clock.forward(59)
    assert (await application.exchange(early)).status_code == 200
    sandbox.clock.forward(1)
    assert is_error(await application.exchange(late), "invalid_grant")


async def test_code_is_bound_to_its_client(sandbox: Sandbox, application: Application) -> None:
    code = await sandbox.code(application)
    thief = await sandbox.register()
    thief.verifier = application.verifier
    assert is_error(await thief.exchange(code), "invalid_grant")
    assert (await application.exchange(code)).status_code == 200


async def test_replay_by_another_client_revokes_nothing(sandbox: Sandbox, application: Application) -> None:
    code = await sandbox.code(application)
    tokens = (await application.exchange(code)).json()
    thief = await sandbox.register()
    assert is_error(await thief.exchange(code), "invalid_grant")
    assert is_error(await thief.refresh(tokens["refresh_token"]), "invalid_grant")
    assert (await sandbox.me(tokens["access_token"])).status_code == 200


INVALID_EXCHANGES = [
    ({"code_verifier": "b" * 43}, "invalid_grant"),
    ({"code_verifier": None}, "invalid_request"),
    ({"code_verifier": ""}, "invalid_request"),
    ({"code_verifier": "short"}, "invalid_request"),
    ({"code_verifier": "é" * 43}, "invalid_request"),
    ({"redirect_uri": "http://127.0.0.1:51789/other"}, "invalid_grant"),
    ({"redirect_uri": "http://localhost:51789/callback"}, "invalid_grant"),
    ({"redirect_uri": "http://127.0.0.1:51789/callback/"}, "invalid_grant"),
    ({"redirect_uri": None}, "invalid_grant"),
    ({"code": None}, "invalid_request"),
    ({"code": "drio_code_made_up"}, "invalid_grant"),
    ({"code": "\0"}, "invalid_grant"),
    ({"grant_type": None}, "invalid_request"),
    ({"grant_type": "password"}, "unsupported_grant_type"),
    ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
    ({"resource": "https://evil.example"}, "invalid_target"),
]


@pytest.mark.parametrize(("changes", "error"), INVALID_EXCHANGES)
async def test_invalid_exchange_is_refused_and_does_not_use_up_the_code(
    sandbox: Sandbox, application: Application, changes: dict[str, Any], error: str
) -> None:
    code = await sandbox.code(application)
    assert is_error(await application.exchange(code, **changes), error)
    assert (await application.exchange(code)).status_code == 200


async def test_code_challenge_is_not_accepted_as_verifier(sandbox: Sandbox, application: Application) -> None:
    code = await sandbox.code(application)
    assert is_error(await application.exchange(code, code_verifier=application.challenge), "invalid_grant")


async def test_exchange_with_another_resource_is_refused(sandbox: Sandbox, application: Application) -> None:
    code = await sandbox.code(application, resource=f"{BASE}/api/v1")
    assert is_error(await application.exchange(code, resource=BASE), "invalid_target")
    assert (await application.exchange(code, resource=f"{BASE}/api/v1")).status_code == 200


@pytest.mark.parametrize("client_id", [None, "client_unknown", "local", "\0", "é"])
async def test_unknown_client_gets_invalid_client(
    sandbox: Sandbox, application: Application, client_id: str | None
) -> None:
    code = await sandbox.code(application)
    response = await application.exchange(code, client_id=client_id)
    assert is_error(response, "invalid_client", 401)
    assert "www-authenticate" in response.headers


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
async def test_confidential_client_must_use_its_registered_auth_method(sandbox: Sandbox, method: str) -> None:
    application = await sandbox.register(token_endpoint_auth_method=method)
    secret = application.info["client_secret"]
    code = await sandbox.code(application)
    by_form: dict[str, Any] = {"client_secret": secret}
    by_header: dict[str, Any] = {"auth": (application.id, secret), "client_id": None}
    right, wrong = (by_form, by_header) if method == "client_secret_post" else (by_header, by_form)
    assert is_error(await application.exchange(code), "invalid_client", 401)
    assert is_error(await application.exchange(code, **wrong), "invalid_client", 401)
    assert is_error(await application.exchange(code, client_secret="guess"), "invalid_client", 401)
    assert is_error(await application.exchange(code, auth=(application.id, "guess")), "invalid_client", 401)
    response = await application.exchange(code, **right)
    assert response.status_code == 200
    assert (await application.refresh(response.json()["refresh_token"], **right)).status_code == 200


async def test_public_client_with_a_secret_is_refused(sandbox: Sandbox, application: Application) -> None:
    code = await sandbox.code(application)
    assert is_error(await application.exchange(code, client_secret="x"), "invalid_client", 401)


async def test_two_client_authentications_are_refused(sandbox: Sandbox) -> None:
    application = await sandbox.register(token_endpoint_auth_method="client_secret_basic")
    secret = application.info["client_secret"]
    code = await sandbox.code(application)
    two_secrets = await application.exchange(code, auth=(application.id, secret), client_secret=secret)
    assert is_error(two_secrets, "invalid_request")
    two_ids = await application.exchange(code, auth=(application.id, secret), client_id="client_other")
    assert is_error(two_ids, "invalid_request")


@pytest.mark.parametrize(
    "header", ["Basic", "Basic !!!", "Basic /////w==", "Basic bm9jb2xvbg==", "Bearer x", "Digest a"]
)
async def test_invalid_authorization_header_gets_invalid_client(
    sandbox: Sandbox, application: Application, header: str
) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": application.id}
    response = await sandbox.http.post(f"{AUTH}/token", data=form, headers={"Authorization": header})
    assert is_error(response, "invalid_client", 401)


async def test_client_without_refresh_grant_gets_no_refresh_token(sandbox: Sandbox) -> None:
    application = await sandbox.register(grant_types=["authorization_code"])
    tokens = await sandbox.tokens(application)
    assert "refresh_token" not in tokens
    assert is_error(await application.refresh("drio_rt_x"), "unauthorized_client")


# --- refresh -------------------------------------------------------------------------------------


async def test_refresh_rotates_both_tokens(sandbox: Sandbox, application: Application) -> None:
    first = await sandbox.tokens(application)
    second = (await application.refresh(first["refresh_token"])).json()
    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]
    assert (await sandbox.me(second["access_token"])).status_code == 200
    assert (await application.refresh(second["refresh_token"])).status_code == 200


async def test_reused_refresh_token_revokes_its_grant(sandbox: Sandbox, application: Application) -> None:
    other = await sandbox.tokens(application)
    first = await sandbox.tokens(application)
    second = (await application.refresh(first["refresh_token"])).json()
    assert (await sandbox.me(second["access_token"])).status_code == 200
    assert is_error(await application.refresh(first["refresh_token"]), "invalid_grant")
    assert is_error(await application.refresh(second["refresh_token"]), "invalid_grant")
    for tokens in (first, second):
        assert (await sandbox.me(tokens["access_token"])).status_code == 401
    assert (await sandbox.me(other["access_token"])).status_code == 200


async def test_concurrent_refreshes_succeed_once(sandbox: Sandbox, application: Application) -> None:
    first = await sandbox.tokens(application)
    responses = await asyncio.gather(*(application.refresh(first["refresh_token"]) for _ in range(20)))
    assert sorted(response.status_code for response in responses) == [200] + [400] * 19


async def test_refresh_may_narrow_but_not_widen_the_scope(sandbox: Sandbox, application: Application) -> None:
    first = await sandbox.tokens(application, scope="openid email")
    assert is_error(await application.refresh(first["refresh_token"], scope="openid profile"), "invalid_scope")
    narrow = (await application.refresh(first["refresh_token"], scope="openid")).json()
    assert narrow["scope"] == "openid"
    assert (await sandbox.me(narrow["access_token"])).json()["scopes"] == ["openid"]
    whole = (await application.refresh(narrow["refresh_token"])).json()
    assert whole["scope"] == "openid email"


async def test_access_token_expires_as_announced(sandbox: Sandbox, application: Application) -> None:
    tokens = await sandbox.tokens(application)
    sandbox.clock.forward(3599)
    assert (await sandbox.me(tokens["access_token"])).status_code == 200
    sandbox.clock.forward(1)
    assert (await sandbox.me(tokens["access_token"])).status_code == 401
    assert (await application.refresh(tokens["refresh_token"])).status_code == 200


async def test_refresh_token_expires_after_a_month(sandbox: Sandbox, application: Application) -> None:
    tokens = await sandbox.tokens(application)
    sandbox.clock.forward(sandbox.settings.refresh_lifetime)
    assert is_error(await application.refresh(tokens["refresh_token"]), "invalid_grant")


async def test_access_and_refresh_tokens_are_not_interchangeable(sandbox: Sandbox, application: Application) -> None:
    tokens = await sandbox.tokens(application)
    assert is_error(await application.refresh(tokens["access_token"]), "invalid_grant")
    assert (await sandbox.me(tokens["refresh_token"])).status_code == 401


@pytest.mark.parametrize("as_json", [True, False])
async def test_refresh_route_accepts_form_and_json(sandbox: Sandbox, application: Application, as_json: bool) -> None:
    tokens = await sandbox.tokens(application)
    body = {"refresh_token": tokens["refresh_token"], "client_id": application.id}
    sent: dict[str, Any] = {"json": body} if as_json else {"data": body}
    response = await sandbox.http.post(f"{AUTH}/refresh", **sent)
    assert response.status_code == 200
    assert (await sandbox.me(response.json()["access_token"])).status_code == 200


async def test_refresh_route_refuses_codes(sandbox: Sandbox, application: Application) -> None:
    form = {"grant_type": "authorization_code", "code": "x", "client_id": application.id}
    assert is_error(await sandbox.http.post(f"{AUTH}/refresh", data=form), "unsupported_grant_type")


async def test_token_route_accepts_json(sandbox: Sandbox, application: Application) -> None:
    body = {
        "grant_type": "authorization_code",
        "code": await sandbox.code(application),
        "redirect_uri": application.redirect_uri,
        "client_id": application.id,
        "code_verifier": application.verifier,
    }
    assert (await sandbox.http.post(f"{AUTH}/token", json=body)).status_code == 200


BODIES = [
    (b"grant_type=refresh_token&grant_type=refresh_token", "application/x-www-form-urlencoded", 400),
    (b"\xff\xfe=1", "application/x-www-form-urlencoded", 400),
    (b"a=%ff", "application/x-www-form-urlencoded", 400),
    (b"&".join(b"a%d=1" % n for n in range(200)), "application/x-www-form-urlencoded", 400),
    (b"a=" + b"x" * 70_000, "application/x-www-form-urlencoded", 413),
    (b"{", "application/json", 400),
    (b"[]", "application/json", 400),
    (b"[" * 100_00, "application/json", 400),
    (b'{"grant_type":7}', "application/json", 400),
    (b'{"grant_type":"refresh_token","grant_type":"x"}', "application/json", 400),
    (b"grant_type=refresh_token", "text/plain", 415),
    (b"grant_type=refresh_token", "multipart/form-data; boundary=x", 415),
    (b"grant_type=refresh_token", "", 415),
]


@pytest.mark.parametrize(("body", "content_type", "status"), BODIES)
async def test_unparsable_body_is_an_invalid_request(
    sandbox: Sandbox, body: bytes, content_type: str, status: int
) -> None:
    for route in ("token", "refresh", "revoke"):
        response = await sandbox.http.post(f"{AUTH}/{route}", content=body, headers={"Content-Type": content_type})
        assert is_error(response, "invalid_request", status)


@pytest.mark.parametrize("route", ["token", "refresh", "revoke", "register"])
async def test_oauth_endpoints_refuse_get(sandbox: Sandbox, route: str) -> None:
    assert (await sandbox.http.get(f"{AUTH}/{route}?grant_type=refresh_token")).status_code == 405


# --- revocation and secrecy ------------------------------------------------------------------------


async def test_revoking_the_refresh_token_revokes_the_grant(sandbox: Sandbox, application: Application) -> None:
    tokens = await sandbox.tokens(application)
    assert (await sandbox.me(tokens["access_token"])).status_code == 200
    assert (await application.revoke(tokens["refresh_token"])).status_code == 200
    assert (await sandbox.me(tokens["access_token"])).status_code == 401
    assert is_error(await application.refresh(tokens["refresh_token"]), "invalid_grant")


async def test_revoking_the_access_token_keeps_the_refresh_token(sandbox: Sandbox, application: Application) -> None:
    tokens = await sandbox.tokens(application)
    response = await application.revoke(tokens["access_token"], token_type_hint="access_token")
    assert response.status_code == 200
    assert (await sandbox.me(tokens["access_token"])).status_code == 401
    assert (await application.refresh(tokens["refresh_token"])).status_code == 200


@pytest.mark.parametrize("hint", [None, "refresh_token", "access_token", "something_new"])
async def test_unknown_tokens_and_hints_are_ignored_by_revocation(
    sandbox: Sandbox, application: Application, hint: str | None
) -> None:
    tokens = await sandbox.tokens(application)
    assert (await application.revoke("unknown", token_type_hint=hint)).status_code == 200
    assert (await application.revoke(tokens["refresh_token"], token_type_hint=hint)).status_code == 200
    assert (await application.revoke(tokens["refresh_token"], token_type_hint=hint)).status_code == 200
    assert (await sandbox.me(tokens["access_token"])).status_code == 401


async def test_token_of_another_client_cannot_be_revoked(sandbox: Sandbox, application: Application) -> None:
    tokens = await sandbox.tokens(application)
    other = await sandbox.register()
    assert (await other.revoke(tokens["refresh_token"])).status_code == 400
    assert is_error(await application.revoke(tokens["refresh_token"], client_id="client_x"), "invalid_client", 401)
    assert is_error(await application.revoke(tokens["refresh_token"], token=None), "invalid_request")
    assert (await sandbox.me(tokens["access_token"])).status_code == 200


async def test_database_and_log_contain_no_usable_credential(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    application = await sandbox.register(token_endpoint_auth_method="client_secret_post")
    secret = application.info["client_secret"]
    used, unused = await sandbox.code(application), await sandbox.code(application)
    tokens = (await application.exchange(used, client_secret=secret)).json()
    await application.refresh(tokens["refresh_token"], client_secret=secret)
    assert sandbox.db.path is not None
    with sqlite3.connect(sandbox.db.path) as connection:
        dump = "\n".join(connection.iterdump())
    connection.close()
    assert application.id in dump
    for credential in (secret, used, unused, tokens["access_token"], tokens["refresh_token"], application.verifier):
        assert credential not in dump
        assert credential not in caplog.text
