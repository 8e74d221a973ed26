"""A request as a curl command and as `drio-tui api`, for a POSIX shell; hidden values are left to shell variables."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from drio_tui.api import curl, json_codec
from drio_tui.api.redact import HIDDEN, redact, redact_headers, redacted_pairs, redacted_url
from drio_tui.explorer.calls import content_of, target_of
from drio_tui.tool_calls.requests import PreparedRequest, content_kind
from drio_tui.urls import path_argument

SECRET = "SECRET"  # noqa: S105 - the name of a shell variable
_OF_PROGRAM = frozenset({"user-agent", "accept"})


def as_curl(request: PreparedRequest) -> str:
    """Return a request as a curl command; the token is `$DRIO_TOKEN`, other secrets are `$SECRET`."""
    headers = redact_headers({name: value for name, value in request.headers.items() if name.lower() != "user-agent"})
    text = curl.command(request.method, redacted_url(request.url), headers, _body(request), variable=SECRET)
    first, separator, rest = text.partition(" \\\n  --url ")
    return f'{first} \\\n  --header "Authorization: Bearer $DRIO_TOKEN"{separator}{rest}'


def as_drio_tui(request: PreparedRequest, connection: Sequence[str] = ()) -> str:
    """Return a request as a `drio-tui api` command; `connection` are the options that name the server."""
    headers = redact_headers(request.headers)
    words = ["drio-tui", *map(shlex.quote, connection), "api", shlex.quote(request.method)]
    origin = request.url.removesuffix(target_of(request))
    words.append(curl.quoted(redacted_url(path_argument(origin, target_of(request))), SECRET))
    for name, value in headers:
        is_json = name.lower() == "content-type" and value == "application/json"
        if name.lower() not in _OF_PROGRAM and not is_json:
            words += ["--header", curl.quoted(f"{name}: {value}", SECRET)]
    body = _body(request)
    if body is None:
        return " ".join(words)
    return f"printf %s {curl.quoted(body, SECRET)} | {' '.join(words)} --input -"


def _body(request: PreparedRequest) -> str | None:
    """Return the body without secrets: as it is sent, unless one is hidden."""
    content = content_of(request)
    if content is None:
        return None
    text = content.data.decode("utf-8", "replace")
    if content_kind(content.media_type) == "form":
        return redacted_pairs(text)
    try:
        body = json_codec.loads(content.data)
    except json_codec.MalformedJson:
        return str(redact(text))
    shown = redact(body)
    return text if shown == body else json_codec.dumps(shown).replace(json_codec.dumps(HIDDEN)[1:-1], HIDDEN)
