"""The authorization endpoint, the callback from the WorkOS sign-in, and the consent page.

    authorize -> WorkOS sign-in page -> callback -> consent page -> POST -> the application, with a code

An invalid client id or redirect URI is shown on an error page; only once both are valid, errors are sent to the
application by a redirect (RFC 6749 section 4.1.2.1, RFC 9700 section 4.11). Authlib is not used here: its
authorization grant accepts `plain` challenges by default, cannot use a redirect URI with quotes in its errors,
and turns an unknown response type into an error code.
"""

from __future__ import annotations

import re
import secrets
from collections import Counter
from urllib.parse import parse_qsl, urlencode

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from drio_tui.sandbox.oauth.bearer_auth import user_with_email
from drio_tui.sandbox.oauth.form_parsing import OAuthProblem, read_form
from drio_tui.sandbox.oauth.pages import error_page, page
from drio_tui.sandbox.oauth.redirects import displayed_host, form_action_sources, with_params
from drio_tui.sandbox.oauth.secret import constant_time_equals, digest, form_token, new_secret
from drio_tui.sandbox.oauth.server import OAuthServer, find_client
from drio_tui.sandbox.oauth.settings import AUTH_PREFIX, CONSENT_PATH, DEFAULT_SCOPES, SCOPES, SIGN_IN_PATH
from drio_tui.sandbox.oauth.tables import AuthorizationCode, AuthorizationRequest, Client, Grant, Token, WorkOSCode

CALLBACK_PATH = f"{AUTH_PREFIX}/callback"
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_STATE = re.compile(r"[ -~]{1,4096}\Z")
_KEPT_SECONDS = 86400
_BEGIN_AGAIN = "Go back to the program you came from and begin the sign-in again."


class AuthorizationError(Exception):
    """An error that is sent to the application: `error` and `error_description` of the redirect."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error = error
        self.description = description


# --- authorize -----------------------------------------------------------------------------------


async def authorize(server: OAuthServer, request: Request) -> Response:
    """GET /api/v1/auth/authorize: redirect to the WorkOS sign-in or back to the application, or show an error page."""
    pairs = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    params = dict(pairs)
    repeated = {name for name, count in Counter(name for name, _ in pairs).items() if count > 1}
    client_id, uri = params.get("client_id", ""), params.get("redirect_uri", "")
    if repeated & {"client_id", "redirect_uri"}:
        return error_page(400, "This sign-in link is broken", "A part of it is there twice. " + _BEGIN_AGAIN)
    async with server.db.read() as session:
        client = await find_client(session, client_id)
    if client is None:
        return error_page(
            400,
            "Unknown application",
            "This sandbox does not know the application that sent you here. Let it register again.",
            about={"Application": client_id or "(none)"},
        )
    if not uri or not client.check_redirect_uri(uri):
        return error_page(
            400,
            "Wrong return address",
            "The application asked to send you to an address that it did not register, so you stay here.",
            about={"Application": client.name, "Address": uri or "(none)"},
        )
    state = params.get("state") or None
    try:
        pending, cookie = _new_request(server, client, uri, params, repeated)
    except AuthorizationError as error:
        answer = {"error": error.error, "error_description": error.description}
        return redirect_to_client(server, uri, state, answer, status=302)
    handle = secrets.token_urlsafe(32)
    pending.key = digest(handle)
    async with server.db.session() as session:
        await _delete_expired(session, server.now())
        session.add(pending)
    sign_in_params = {
        "response_type": "code",
        "client_id": "drio",
        "redirect_uri": server.settings.base_url + CALLBACK_PATH,
        "state": handle,
    }
    response = Response(status_code=302, headers={"Location": f"{SIGN_IN_PATH}?{urlencode(sign_in_params)}"})
    response.set_cookie(
        cookie_name(pending),
        cookie,
        max_age=server.settings.request_lifetime,
        httponly=True,
        samesite="strict",
    )
    return response


def _new_request(
    server: OAuthServer, client: Client, uri: str, params: dict[str, str], repeated: set[str]
) -> tuple[AuthorizationRequest, str]:
    """Return the request to store, and the value of the browser's cookie. Raises `AuthorizationError`."""
    if repeated:
        raise AuthorizationError("invalid_request", "a parameter is repeated")
    state, response_type = params.get("state") or None, params.get("response_type", "")
    if not response_type:
        raise AuthorizationError("invalid_request", "response_type is missing")
    if response_type != "code":
        raise AuthorizationError("unsupported_response_type", "response_type has to be code")
    if params.get("response_mode", "query") != "query":
        raise AuthorizationError("invalid_request", "response_mode has to be query")
    if state is not None and not _STATE.match(state):
        raise AuthorizationError("invalid_request", "state has to be printable ASCII")
    if params.get("code_challenge_method") != "S256":
        raise AuthorizationError("invalid_request", "code_challenge_method has to be S256")
    challenge = params.get("code_challenge", "")
    if not _CHALLENGE.match(challenge):
        raise AuthorizationError("invalid_request", "code_challenge has to be a SHA-256 in base64url")
    resource = params.get("resource") or None
    if resource is not None and not server.settings.covers(resource):
        raise AuthorizationError("invalid_target", "this resource is not served here")
    cookie = secrets.token_urlsafe(32)
    pending = AuthorizationRequest(
        browser=digest(cookie),
        client_id=client.id,
        redirect_uri=uri,
        scope=_scope(client, params.get("scope", "")),
        state=state,
        code_challenge=challenge,
        resource=resource,
        status="sign_in",
        user_id=None,
        expires_at=server.now() + server.settings.request_lifetime,
    )
    return pending, cookie


def _scope(client: Client, requested: str) -> str:
    """Return the requested scopes without duplicates, or the default ones. Raises `AuthorizationError`."""
    allowed = client.scope.split()
    scopes = requested.split(" ") if requested else [scope for scope in DEFAULT_SCOPES if scope in allowed]
    if not scopes or not set(scopes) <= set(allowed):
        raise AuthorizationError("invalid_scope", f"scopes are {', '.join(allowed)}")
    return " ".join(dict.fromkeys(scopes))


async def _delete_expired(session: AsyncSession, now: float) -> None:
    """Delete the rows that expired more than a day ago. Clients and grants stay."""
    for table in (WorkOSCode, AuthorizationRequest, AuthorizationCode, Token):
        await session.execute(delete(table).where(table.expires_at < now - _KEPT_SECONDS))


# --- callback ------------------------------------------------------------------------------------


async def callback(server: OAuthServer, request: Request) -> Response:
    """GET /api/v1/auth/callback: the result of the WorkOS sign-in, once, from the browser that started it."""
    handle, code = request.query_params.get("state", ""), request.query_params.get("code", "")
    async with server.db.session() as session:
        pending = await find_request(session, handle, server.now(), lock=True)
        if pending is None or not is_same_browser(request, pending):
            return _expired_page()
        if pending.status != "sign_in":
            return _next_page(pending, handle)
        if request.query_params.get("error"):
            pending.status = "denied"
            return redirect_to_client(
                server,
                pending.redirect_uri,
                pending.state,
                {"error": "access_denied", "error_description": "the sign-in was cancelled"},
            )
        workos_code = await session.get(WorkOSCode, digest(code))
        if workos_code is None or workos_code.request_key != pending.key or workos_code.expires_at <= server.now():
            return _expired_page()
        name = _display_name(server, workos_code.email)
        user = await user_with_email(session, workos_code.email, name=name, now=server.now())
        await session.delete(workos_code)
        pending.user_id = user.id
        pending.status = "consent"
    return Response(status_code=303, headers={"Location": f"{CONSENT_PATH}?{urlencode({'request': handle})}"})


def _display_name(server: OAuthServer, email: str) -> str:
    """Return a user's name, derived from the e-mail address."""
    if email == server.settings.local_email:
        return server.settings.local_name
    words = re.split(r"[._+-]+", email.partition("@")[0])
    return " ".join(word.capitalize() for word in words if word) or email


async def find_request(
    session: AsyncSession, handle: str, now: float, *, lock: bool = False
) -> AuthorizationRequest | None:
    """Return the authorization request of that handle, None if there is none or it has expired."""
    query = select(AuthorizationRequest).where(
        AuthorizationRequest.key == digest(handle), AuthorizationRequest.expires_at > now
    )
    if lock:
        query = query.with_for_update(of=AuthorizationRequest)
    return (await session.execute(query)).unique().scalar_one_or_none()


def cookie_name(pending: AuthorizationRequest) -> str:
    """Return the name of the request's cookie; one per request, so that two sign-ins can run side by side."""
    return f"drio_flow_{pending.key[:16]}"


def is_same_browser(request: Request, pending: AuthorizationRequest) -> bool:
    """Whether the request has the cookie of the browser that started the sign-in."""
    return constant_time_equals(digest(request.cookies.get(cookie_name(pending), "")), pending.browser)


def redirect_to_client(
    server: OAuthServer,
    uri: str,
    state: str | None,
    answer: dict[str, str],
    *,
    status: int = 303,
) -> Response:
    """Return the redirect to the application, with `answer`, its `state` and the issuer `iss` (RFC 9207)."""
    params = dict(answer)
    if state is not None:
        params["state"] = state
    params["iss"] = server.settings.base_url
    headers = {
        "Location": with_params(uri, params),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
    }
    return Response(status_code=status, headers=headers)


def _expired_page() -> Response:
    return error_page(
        400,
        "This sign-in cannot go on",
        "It has expired, was finished already, or was begun in another browser. " + _BEGIN_AGAIN,
    )


def _next_page(pending: AuthorizationRequest, handle: str) -> Response:
    """Return the redirect to the consent page, or the result page if consent was given or denied already."""
    if pending.status == "consent":
        location = f"{CONSENT_PATH}?{urlencode({'request': handle})}"
        return Response(status_code=303, headers={"Location": location})
    return page("done", granted=pending.status == "granted", client=pending.client.name)


# --- consent -------------------------------------------------------------------------------------


async def show_consent(server: OAuthServer, request: Request) -> Response:
    """GET /oauth/consent: show the consent page, which changes nothing."""
    handle = request.query_params.get("request", "")
    async with server.db.read() as session:
        pending = await find_request(session, handle, server.now())
    if pending is None or pending.status == "sign_in" or not is_same_browser(request, pending):
        return _expired_page()
    if pending.status != "consent" or pending.user is None:
        return _next_page(pending, handle)
    return page(
        "consent",
        has_form=True,
        form_action=form_action_sources(pending.redirect_uri),
        client=pending.client.name,
        host=displayed_host(pending.redirect_uri),
        local=pending.redirect_uri.startswith("http://"),
        user=pending.user,
        scopes=[(scope, SCOPES[scope]) for scope in pending.scope.split()],
        action=CONSENT_PATH,
        handle=handle,
        token=form_token(pending.browser, "consent"),
    )


async def answer_consent(server: OAuthServer, request: Request) -> Response:
    """POST /oauth/consent: Allow or Deny, once, from the same browser and with the form's CSRF token."""
    try:
        form = await read_form(request)
    except OAuthProblem as problem:
        return error_page(problem.status, "That form cannot be read", problem.description)
    handle = form.get("request", "")
    async with server.db.session() as session:
        pending = await find_request(session, handle, server.now(), lock=True)
        if pending is None or not is_same_browser(request, pending):
            return _expired_page()
        if not constant_time_equals(form.get("token", ""), form_token(pending.browser, "consent")):
            return error_page(403, "This answer does not come from the page", _BEGIN_AGAIN)
        if pending.status != "consent" or pending.user_id is None:
            return _next_page(pending, handle) if pending.status != "sign_in" else _expired_page()
        decision = form.get("decision", "")
        if decision == "deny":
            pending.status = "denied"
            answer = {"error": "access_denied", "error_description": "the user declined"}
        elif decision == "allow":
            pending.status = "granted"
            answer = {"code": await _new_code(server, session, pending, pending.user_id)}
        else:
            return error_page(400, "That form cannot be read", "Choose Allow or Deny.")
    return redirect_to_client(server, pending.redirect_uri, pending.state, answer)


async def _new_code(server: OAuthServer, session: AsyncSession, pending: AuthorizationRequest, user_id: str) -> str:
    """Store a grant, and return a code for the application, bound to its redirect URI and its PKCE challenge."""
    now = server.now()
    grant = Grant(
        id="grant_" + secrets.token_hex(12),
        client_id=pending.client_id,
        user_id=user_id,
        scope=pending.scope,
        resource=pending.resource,
        created_at=now,
        revoked_at=None,
    )
    session.add(grant)
    await session.flush()
    secret = new_secret("code")
    session.add(
        AuthorizationCode(
            key=digest(secret),
            grant_id=grant.id,
            redirect_uri=pending.redirect_uri,
            code_challenge=pending.code_challenge,
            expires_at=now + server.settings.code_lifetime,
            used_at=None,
        )
    )
    return secret
