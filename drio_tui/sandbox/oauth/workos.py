"""The sandbox's stand-in for WorkOS: a sign-in page without passwords, on routes of its own.

It believes whoever sits at this machine. It knows drio's authorization server only as its one client:
it takes `state`, gives back a code of its own to drio's callback, and never sees the application.
"""

from __future__ import annotations

import re
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from drio_tui.sandbox.oauth.authorize import CALLBACK_PATH, is_same_browser, pending_of
from drio_tui.sandbox.oauth.form_parsing import OAuthProblem, read_form
from drio_tui.sandbox.oauth.pages import error_page, page
from drio_tui.sandbox.oauth.secret import digest, form_token, new_secret, same
from drio_tui.sandbox.oauth.server import OAuthServer
from drio_tui.sandbox.oauth.settings import SIGN_IN_PATH
from drio_tui.sandbox.oauth.tables import Pending, UpstreamCode

_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\Z")
_MAX_EMAIL = 254


async def show_sign_in(server: OAuthServer, request: Request) -> Response:
    """GET /workos/sign-in: who is it? Looking at it signs nobody in."""
    handle = request.query_params.get("state", "")
    async with server.db.read() as session:
        pending = await pending_of(session, handle, server.now())
    if pending is None or pending.status != "sign_in":
        return _lost()
    return _form(server, pending, handle)


async def sign_in(server: OAuthServer, request: Request) -> Response:
    """POST /workos/sign-in: back to drio's callback with a code, or with `access_denied`."""
    try:
        form = await read_form(request)
    except OAuthProblem as problem:
        return error_page(problem.status, "That form cannot be read", problem.description)
    handle = form.get("state", "")
    async with server.db.session() as session:
        pending = await pending_of(session, handle, server.now())
        if pending is None or pending.status != "sign_in" or not is_same_browser(request, pending):
            return _lost()
        if not same(form.get("token", ""), form_token(pending.browser, "sign-in")):
            return error_page(403, "This answer does not come from the page", "Begin the sign-in again.")
        who = form.get("who", "")
        if who == "nobody":
            return _to_drio({"error": "access_denied", "state": handle})
        email = server.settings.local_email if who == "local" else form.get("email", "").strip().lower()
        if len(email) > _MAX_EMAIL or not _EMAIL.match(email):
            return _form(server, pending, handle, typed=form.get("email", ""))
        code = new_secret("upstream")
        session.add(
            UpstreamCode(
                key=digest(code),
                request_key=pending.key,
                email=email,
                expires_at=server.now() + server.settings.code_lifetime,
            )
        )
    return _to_drio({"code": code, "state": handle})


def _to_drio(answer: dict[str, str]) -> Response:
    return Response(status_code=303, headers={"Location": f"{CALLBACK_PATH}?{urlencode(answer)}"})


def _lost() -> Response:
    return error_page(
        400,
        "This sign-in cannot go on",
        "It has expired, was finished already, or was begun in another browser. "
        "Go back to the program you came from and begin the sign-in again.",
    )


def _form(server: OAuthServer, pending: Pending, handle: str, *, typed: str | None = None) -> Response:
    return page(
        "sign_in",
        200 if typed is None else 400,
        may_post=True,
        local_email=server.settings.local_email,
        local_name=server.settings.local_name,
        action=SIGN_IN_PATH,
        handle=handle,
        token=form_token(pending.browser, "sign-in"),
        typed=typed or "",
        wrong=typed is not None,
    )
