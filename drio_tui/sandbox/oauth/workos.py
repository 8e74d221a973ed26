"""The sandbox's stand-in for WorkOS: a sign-in page without passwords, on separate routes.

It trusts the user of this machine. Its only client is drio's authorization server: it takes `state`, redirects to
drio's callback with its own code, and never learns about the application.
"""

from __future__ import annotations

import re
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from drio_tui.sandbox.oauth.authorize import CALLBACK_PATH, find_request, is_same_browser
from drio_tui.sandbox.oauth.form_parsing import OAuthProblem, read_form
from drio_tui.sandbox.oauth.pages import error_page, page
from drio_tui.sandbox.oauth.secret import constant_time_equals, digest, form_token, new_secret
from drio_tui.sandbox.oauth.server import OAuthServer
from drio_tui.sandbox.oauth.settings import SIGN_IN_PATH
from drio_tui.sandbox.oauth.tables import AuthorizationRequest, WorkOSCode

_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\Z")
_MAX_EMAIL = 254


async def show_sign_in(server: OAuthServer, request: Request) -> Response:
    """GET /workos/sign-in: show the sign-in page, which changes nothing."""
    handle = request.query_params.get("state", "")
    async with server.db.read() as session:
        pending = await find_request(session, handle, server.now())
    if pending is None or pending.status != "sign_in":
        return _expired_page()
    return _sign_in_page(server, pending, handle)


async def sign_in(server: OAuthServer, request: Request) -> Response:
    """POST /workos/sign-in: redirect to drio's callback with a code, or with `access_denied`."""
    try:
        form = await read_form(request)
    except OAuthProblem as problem:
        return error_page(problem.status, "That form cannot be read", problem.description)
    handle = form.get("state", "")
    async with server.db.session() as session:
        pending = await find_request(session, handle, server.now())
        if pending is None or pending.status != "sign_in" or not is_same_browser(request, pending):
            return _expired_page()
        if not constant_time_equals(form.get("token", ""), form_token(pending.browser, "sign-in")):
            return error_page(403, "This answer does not come from the page", "Begin the sign-in again.")
        who = form.get("who", "")
        if who == "nobody":
            return _redirect_to_drio({"error": "access_denied", "state": handle})
        email = server.settings.local_email if who == "local" else form.get("email", "").strip().lower()
        if len(email) > _MAX_EMAIL or not _EMAIL.match(email):
            return _sign_in_page(server, pending, handle, invalid_email=form.get("email", ""))
        code = new_secret("upstream")
        session.add(
            WorkOSCode(
                key=digest(code),
                request_key=pending.key,
                email=email,
                expires_at=server.now() + server.settings.code_lifetime,
            )
        )
    return _redirect_to_drio({"code": code, "state": handle})


def _redirect_to_drio(params: dict[str, str]) -> Response:
    return Response(status_code=303, headers={"Location": f"{CALLBACK_PATH}?{urlencode(params)}"})


def _expired_page() -> Response:
    return error_page(
        400,
        "This sign-in cannot go on",
        "It has expired, was finished already, or was begun in another browser. "
        "Go back to the program you came from and begin the sign-in again.",
    )


def _sign_in_page(
    server: OAuthServer, pending: AuthorizationRequest, handle: str, *, invalid_email: str | None = None
) -> Response:
    """Return the sign-in page, with an error if an invalid e-mail address was entered."""
    return page(
        "sign_in",
        200 if invalid_email is None else 400,
        has_form=True,
        local_email=server.settings.local_email,
        local_name=server.settings.local_name,
        action=SIGN_IN_PATH,
        handle=handle,
        token=form_token(pending.browser, "sign-in"),
        typed=invalid_email or "",
        wrong=invalid_email is not None,
    )
