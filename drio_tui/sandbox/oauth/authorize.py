"""The authorization endpoint, drio's bridge to the upstream sign-in, and the consent of the person.

    authorize -> upstream sign-in page -> callback -> consent page -> POST -> the application, with a code

What is wrong with the application's identity or its redirect URI is shown on a page; only what comes after
those two are known good is told to the application by a redirect (RFC 6749 section 4.1.2.1, RFC 9700 4.11).
This part is not Authlib's: its authorization grant takes `plain` challenges by default, cannot carry a
redirect URI with quotes into its errors, and turns an unknown response type into an error code.
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
from drio_tui.sandbox.oauth.redirects import form_targets, host_of, with_params
from drio_tui.sandbox.oauth.secret import digest, form_token, new_secret, same
from drio_tui.sandbox.oauth.server import OAuthServer, find_client
from drio_tui.sandbox.oauth.settings import AUTH_PREFIX, CONSENT_PATH, DEFAULT_SCOPES, SCOPES, SIGN_IN_PATH
from drio_tui.sandbox.oauth.tables import Client, Code, Grant, Pending, Token, UpstreamCode

CALLBACK_PATH = f"{AUTH_PREFIX}/callback"
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_STATE = re.compile(r"[ -~]{1,4096}\Z")
_KEPT_FOR = 86400
_BEGIN_AGAIN = "Go back to the program you came from and begin the sign-in again."


class Refused(Exception):
    """A request that is told to the application: the `error` and `error_description` of the redirect."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error = error
        self.description = description


# --- authorize -----------------------------------------------------------------------------------


async def authorize(server: OAuthServer, request: Request) -> Response:
    """GET /api/v1/auth/authorize: on to the upstream sign-in, back to the application, or a page."""
    pairs = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    found = dict(pairs)
    repeated = {key for key, times in Counter(key for key, _ in pairs).items() if times > 1}
    client_id, uri = found.get("client_id", ""), found.get("redirect_uri", "")
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
    state = found.get("state") or None
    try:
        pending, browser = _pending(server, client, uri, found, repeated)
    except Refused as refused:
        answer = {"error": refused.error, "error_description": refused.description}
        return back_to_client(server, uri, state, answer, status=302)
    handle = secrets.token_urlsafe(32)
    pending.key = digest(handle)
    async with server.db.session() as session:
        await _forget_old(session, server.now())
        session.add(pending)
    upstream = {
        "response_type": "code",
        "client_id": "drio",
        "redirect_uri": server.settings.base_url + CALLBACK_PATH,
        "state": handle,
    }
    response = Response(status_code=302, headers={"Location": f"{SIGN_IN_PATH}?{urlencode(upstream)}"})
    response.set_cookie(
        cookie_name(pending),
        browser,
        max_age=server.settings.request_lifetime,
        httponly=True,
        samesite="strict",
    )
    return response


def _pending(
    server: OAuthServer, client: Client, uri: str, found: dict[str, str], repeated: set[str]
) -> tuple[Pending, str]:
    """The request to remember and the browser's cookie; raises `Refused`."""
    if repeated:
        raise Refused("invalid_request", "a parameter is repeated")
    state, kind = found.get("state") or None, found.get("response_type", "")
    if not kind:
        raise Refused("invalid_request", "response_type is missing")
    if kind != "code":
        raise Refused("unsupported_response_type", "response_type has to be code")
    if found.get("response_mode", "query") != "query":
        raise Refused("invalid_request", "response_mode has to be query")
    if state is not None and not _STATE.match(state):
        raise Refused("invalid_request", "state has to be printable ASCII")
    if found.get("code_challenge_method") != "S256":
        raise Refused("invalid_request", "code_challenge_method has to be S256")
    challenge = found.get("code_challenge", "")
    if not _CHALLENGE.match(challenge):
        raise Refused("invalid_request", "code_challenge has to be a SHA-256 in base64url")
    resource = found.get("resource") or None
    if resource is not None and not server.settings.covers(resource):
        raise Refused("invalid_target", "this resource is not served here")
    browser = secrets.token_urlsafe(32)
    pending = Pending(
        browser=digest(browser),
        client_id=client.id,
        redirect_uri=uri,
        scope=_scope(client, found.get("scope", "")),
        state=state,
        code_challenge=challenge,
        resource=resource,
        status="sign_in",
        user_id=None,
        expires_at=server.now() + server.settings.request_lifetime,
    )
    return pending, browser


def _scope(client: Client, asked: str) -> str:
    allowed = client.scope.split()
    wanted = asked.split(" ") if asked else [scope for scope in DEFAULT_SCOPES if scope in allowed]
    if not wanted or not set(wanted) <= set(allowed):
        raise Refused("invalid_scope", f"scopes are {', '.join(allowed)}")
    return " ".join(dict.fromkeys(wanted))


async def _forget_old(session: AsyncSession, now: float) -> None:
    """Drop what has been useless for a day. Clients and consents stay."""
    for table in (UpstreamCode, Pending, Code, Token):
        await session.execute(delete(table).where(table.expires_at < now - _KEPT_FOR))


# --- the way back ----------------------------------------------------------------------------------


async def callback(server: OAuthServer, request: Request) -> Response:
    """GET /api/v1/auth/callback: the upstream's answer, once, from the browser that began."""
    handle, code = request.query_params.get("state", ""), request.query_params.get("code", "")
    async with server.db.session() as session:
        pending = await pending_of(session, handle, server.now(), lock=True)
        if pending is None or not is_same_browser(request, pending):
            return _lost()
        if pending.status != "sign_in":
            return _after_sign_in(pending, handle)
        if request.query_params.get("error"):
            pending.status = "denied"
            return back_to_client(
                server,
                pending.redirect_uri,
                pending.state,
                {"error": "access_denied", "error_description": "the sign-in was cancelled"},
            )
        upstream = await session.get(UpstreamCode, digest(code))
        if upstream is None or upstream.request_key != pending.key or upstream.expires_at <= server.now():
            return _lost()
        user = await user_with_email(session, upstream.email, name=_name_for(server, upstream.email), now=server.now())
        await session.delete(upstream)
        pending.user_id = user.id
        pending.status = "consent"
    return Response(status_code=303, headers={"Location": f"{CONSENT_PATH}?{urlencode({'request': handle})}"})


def _name_for(server: OAuthServer, email: str) -> str:
    if email == server.settings.local_email:
        return server.settings.local_name
    words = re.split(r"[._+-]+", email.partition("@")[0])
    return " ".join(word.capitalize() for word in words if word) or email


async def pending_of(session: AsyncSession, handle: str, now: float, *, lock: bool = False) -> Pending | None:
    """The request of that handle, if it has not expired."""
    query = select(Pending).where(Pending.key == digest(handle), Pending.expires_at > now)
    if lock:
        query = query.with_for_update(of=Pending)
    return (await session.execute(query)).unique().scalar_one_or_none()


def cookie_name(pending: Pending) -> str:
    """One cookie per request, so that two sign-ins side by side do not disturb each other."""
    return f"drio_flow_{pending.key[:16]}"


def is_same_browser(request: Request, pending: Pending) -> bool:
    """Whether the request carries the cookie of the browser that began."""
    return same(digest(request.cookies.get(cookie_name(pending), "")), pending.browser)


def back_to_client(
    server: OAuthServer,
    uri: str,
    state: str | None,
    answer: dict[str, str],
    *,
    status: int = 303,
) -> Response:
    """The redirect to the application: the answer, its `state` and our `iss` (RFC 9207)."""
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


def _lost() -> Response:
    return error_page(
        400,
        "This sign-in cannot go on",
        "It has expired, was finished already, or was begun in another browser. " + _BEGIN_AGAIN,
    )


def _after_sign_in(pending: Pending, handle: str) -> Response:
    if pending.status == "consent":
        location = f"{CONSENT_PATH}?{urlencode({'request': handle})}"
        return Response(status_code=303, headers={"Location": location})
    return page("done", granted=pending.status == "granted", client=pending.client.name)


# --- consent -------------------------------------------------------------------------------------


async def show_consent(server: OAuthServer, request: Request) -> Response:
    """GET /oauth/consent: the question. Looking at it grants nothing."""
    handle = request.query_params.get("request", "")
    async with server.db.read() as session:
        pending = await pending_of(session, handle, server.now())
    if pending is None or pending.status == "sign_in" or not is_same_browser(request, pending):
        return _lost()
    if pending.status != "consent" or pending.user is None:
        return _after_sign_in(pending, handle)
    return page(
        "consent",
        may_post=True,
        targets=form_targets(pending.redirect_uri),
        client=pending.client.name,
        host=host_of(pending.redirect_uri),
        local=pending.redirect_uri.startswith("http://"),
        user=pending.user,
        scopes=[(scope, SCOPES[scope]) for scope in pending.scope.split()],
        action=CONSENT_PATH,
        handle=handle,
        token=form_token(pending.browser, "consent"),
    )


async def answer_consent(server: OAuthServer, request: Request) -> Response:
    """POST /oauth/consent: Allow or Deny, once, from the same browser and with the form's token."""
    try:
        form = await read_form(request)
    except OAuthProblem as problem:
        return error_page(problem.status, "That form cannot be read", problem.description)
    handle = form.get("request", "")
    async with server.db.session() as session:
        pending = await pending_of(session, handle, server.now(), lock=True)
        if pending is None or not is_same_browser(request, pending):
            return _lost()
        if not same(form.get("token", ""), form_token(pending.browser, "consent")):
            return error_page(403, "This answer does not come from the page", _BEGIN_AGAIN)
        if pending.status != "consent" or pending.user_id is None:
            return _after_sign_in(pending, handle) if pending.status != "sign_in" else _lost()
        decision = form.get("decision", "")
        if decision == "deny":
            pending.status = "denied"
            answer = {"error": "access_denied", "error_description": "the person declined"}
        elif decision == "allow":
            pending.status = "granted"
            answer = {"code": await _new_code(server, session, pending, pending.user_id)}
        else:
            return error_page(400, "That form cannot be read", "Choose Allow or Deny.")
    return back_to_client(server, pending.redirect_uri, pending.state, answer)


async def _new_code(server: OAuthServer, session: AsyncSession, pending: Pending, user_id: str) -> str:
    """A code for the application, bound to it, to its redirect URI and to its PKCE challenge."""
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
        Code(
            key=digest(secret),
            grant_id=grant.id,
            redirect_uri=pending.redirect_uri,
            code_challenge=pending.code_challenge,
            expires_at=now + server.settings.code_lifetime,
            used_at=None,
        )
    )
    return secret
