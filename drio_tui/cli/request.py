"""`api` and `token`: any request to the signed-in drio, and the token for other programs."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import click

from drio_tui.api import json_codec
from drio_tui.api.errors import ApiError, SignInRequired, UsageError
from drio_tui.api.redact import redact, redact_headers
from drio_tui.cli.common import ask_before, connection_options, handle_errors, is_read_only, review_options, run
from drio_tui.cli.find import connection_of
from drio_tui.cli.output import echo, echo_json, info, style
from drio_tui.cli.render import iso_time
from drio_tui.cli.values import Assignment, Inputs, parse_assignment
from drio_tui.session import Session, command_session
from drio_tui.text import one_line

if TYPE_CHECKING:
    from drio_tui.api.http import httpx
    from drio_tui.api.transport import ApiResponse

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_BODY_ON_STDIN = "Give a body that holds it on standard input, with --input -."
_MOST_PAGES = 10_000
_LINK = re.compile(r"<([^>]*)>([^<]*)")
"""A target in a `Link` header, which may hold commas, and its parameters."""


@click.command()
@click.argument("method", metavar="METHOD")
@click.argument("path", metavar="PATH")
@click.option(
    "--field", "-f", "fields", metavar="PATH=TEXT|PATH:=JSON", multiple=True,
    help="A property of the body, as in `set`; of the query for GET and HEAD. May be repeated.",
)  # fmt: skip
@click.option("--input", "-i", "input_path", metavar="FILE|-", help="The body: JSON in a file, or standard input.")
@click.option("--include", is_flag=True, help="Print the status and the headers of the answer too.")
@click.option("--paginate", is_flag=True, help="Follow the answer's next page; print one line of JSON per page.")
@review_options
@connection_options
@handle_errors
def api(
    method: str,
    path: str,
    fields: tuple[str, ...],
    input_path: str | None,
    include: bool,
    paginate: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Send a request to the signed-in drio and print the JSON it answers with.

    PATH is below /api/v1 (`/apps`), a path from the root (`/api/…`), or a URL of the same host; a request is never sent
    to another host. On a terminal secrets in the answer are hidden, in a pipe they are not.
    """
    method = method.upper()
    if method not in METHODS:
        raise UsageError(f"{one_line(method, 20)} is no method", hint=f"The methods are {', '.join(METHODS)}.")
    if method not in _READING and is_read_only() and not dry_run:
        raise UsageError(f"--read-only sends no {method}", hint="With --read-only: GET, HEAD and OPTIONS.")
    if paginate and method != "GET":
        raise UsageError("--paginate needs GET")
    inputs = Inputs()
    values = [parse_assignment(text, inputs, secret_hint=_BODY_ON_STDIN) for text in fields]
    body = _read_body(input_path, inputs)
    if method in _READING:
        if input_path:
            raise UsageError(f"a {method} has no body; --field gives the query")
        path = _with_query(path, values)
    elif values:
        body = _with_fields({} if input_path is None else body, values)
    has_body = method not in _READING and (input_path is not None or bool(values))

    async def work() -> None:
        async with command_session(**connection_of(options), notice=info) as session:
            url = _url(session, path)
            if dry_run:
                _print_request(method, url, body if has_body else None, as_json=as_json)
                return
            if method not in _READING:
                ask_before(f"Send {method} {one_line(str(url), 300)}?", yes=yes)
            request = {"json": body} if has_body else {}
            try:
                reply = await session.client.transport.request(method, _path(url), at_origin=True, **request)
            except ApiError as error:
                if include:
                    _print_status(error.status)
                raise
            _print_reply(reply, include=include, compact=paginate)
            if paginate:
                await _print_further_pages(session, url, reply, include=include)

    run(work())


def _read_body(input_path: str | None, inputs: Inputs) -> Any:
    if input_path is None:
        return None
    try:
        return json_codec.loads(inputs.read(input_path, "the body"))
    except json_codec.MalformedJson as error:
        raise UsageError(f"the body is not JSON: {error}") from None


def _with_fields(body: Any, values: list[Assignment]) -> dict[str, Any]:
    from drio_tui.workspace.saving.merge import with_value

    if not isinstance(body, dict):
        raise UsageError("--field needs a body that is a JSON object")
    result: dict[str, Any] = body
    for value in values:
        result = with_value(result, value.path, value.value)
    return result


def _with_query(path: str, values: list[Assignment]) -> str:
    """Return the path with the values in its query; JSON other than text is written as JSON."""
    if not values:
        return path
    pairs = [
        (value.dotted, value.value if isinstance(value.value, str) else json_codec.dumps(value.value))
        for value in values
    ]
    return f"{path}{'&' if '?' in path else '?'}{urlencode(pairs)}"


def _url(session: Session, path: str, relative_to: httpx.URL | None = None) -> httpx.URL:
    """Return the URL of a path or URL. Raises `UsageError` for a URL of another host, and for one that is none."""
    from drio_tui.api.http import httpx
    from drio_tui.api.transport import origin

    base = session.client.transport.base_url
    is_url = "://" in path.partition("?")[0]
    try:
        base_url = httpx.URL(base)
        if relative_to is not None:
            url = relative_to.join(path)
        elif is_url:
            url = httpx.URL(path)
        elif path.startswith("/api/"):
            url = base_url.copy_with(raw_path=b"/").join(path)
        else:
            url = httpx.URL(f"{base}/{path.removeprefix('/')}")
    except (httpx.InvalidURL, ValueError) as error:
        raise UsageError(f"{one_line(path, 120)} is not a path: {one_line(str(error), 120)}") from None
    if origin(url) != origin(base_url) or url.userinfo:
        raise UsageError(
            f"{one_line(path, 120)} is not on {session.host}, and the token is for that host only",
            hint="Another --profile or --base-url sends requests to another drio.",
        )
    return url


def _path(url: httpx.URL) -> str:
    """Return path and query, percent-encoded."""
    return url.raw_path.decode("ascii")


def _print_request(method: str, url: httpx.URL, body: Any, *, as_json: bool) -> None:
    if as_json:
        echo_json({"method": method, "url": str(url), "body": redact(body)})
        return
    echo(f"{method} {one_line(str(url), 2_000)}")
    if body is not None:
        echo_json(redact(body))


def _print_reply(reply: ApiResponse, *, include: bool, compact: bool) -> None:
    is_terminal = sys.stdout.isatty()
    if include:
        _print_status(reply.status)
        headers = redact_headers(reply.headers) if is_terminal else list(reply.headers.items())
        for name, value in headers:
            echo(style(one_line(name, 100), bold=True), f": {one_line(value, 4_000)}")
        echo()
    if reply.data is not None:
        echo_json(redact(reply.data) if is_terminal else reply.data, compact=compact)


def _print_status(status: int) -> None:
    phrase = ""
    with contextlib.suppress(ValueError):  # not a registered status
        phrase = HTTPStatus(status).phrase
    echo(style(f"HTTP {status} {phrase}".rstrip(), bold=True))


async def _print_further_pages(session: Session, url: httpx.URL, reply: ApiResponse, *, include: bool) -> None:
    """Request and print the pages after the first. Stops at a page that was requested before."""
    requested = {url}
    for _ in range(_MOST_PAGES):
        next_url = _next_page(session, url, reply)
        if next_url is None or next_url in requested:
            return
        url = next_url
        requested.add(url)
        reply = await session.client.transport.request("GET", _path(url), at_origin=True)
        _print_reply(reply, include=include, compact=True)


def _next_page(session: Session, url: httpx.URL, reply: ApiResponse) -> httpx.URL | None:
    """Return the next page: of a `Link` header (RFC 8288), else by the cursor in the answer; None after the last."""
    for link in _links(reply.headers.get("link", "")):
        return _url(session, link, relative_to=url)
    cursor = next(_cursors(reply.data), None)
    return None if cursor is None else url.copy_merge_params({"cursor": cursor})


def _links(header: str) -> Iterator[str]:
    """Yield the targets with the relation `next` in a `Link` header."""
    for target, parameters in _LINK.findall(header):
        relations = [
            value.strip(' ,"').lower().split()
            for name, _, value in (parameter.partition("=") for parameter in parameters.split(";"))
            if name.strip().lower() == "rel"
        ]
        if any("next" in names for names in relations):
            yield target


def _cursors(data: Any) -> Iterator[str]:
    """Yield the cursor of the next page, as v2 and v3 of the API write it."""
    if not isinstance(data, dict):
        return
    for envelope in (data, data.get("page")):
        if isinstance(envelope, dict):
            for name in ("next_cursor", "nextCursor"):
                if isinstance(envelope.get(name), str) and envelope[name]:
                    yield envelope[name]


@click.command()
@click.option("--show", is_flag=True, help="Print the token itself, for another program.")
@connection_options
@handle_errors
def token(show: bool, as_json: bool, **options: Any) -> None:
    """Show whether there is a token, whose it is and until when; with --show print it (it is renewed if needed).

    curl -H "Authorization: Bearer $(drio-tui token --show)" https://getdrio.com/api/v1/apps
    """

    async def work() -> tuple[dict[str, Any], str]:
        async with command_session(**connection_of(options), notice=info) as session:
            if session.auth is None:
                raise SignInRequired(f"there is no sign-in for {session.host}")
            text = await session.auth.token()
            account = session.account
            if account is None and not show:
                user = (await session.client.me()).raw
                account = next(
                    (user[name] for name in ("email", "name", "id") if isinstance(user.get(name), str)), None
                )
            facts = {"host": session.host, "account": account, "source": session.source}
            return facts | {"expiresAt": iso_time(session.auth.source.expires_at)}, text

    facts, text = run(work())
    if as_json:
        echo_json(facts | ({"token": text} if show else {}))
    elif show:
        echo(text)
    else:
        owner = one_line(facts["account"] or "an unknown account", 100)
        expiry = f"it expires at {facts['expiresAt']}" if facts["expiresAt"] else "it is not known when it expires"
        host, source = one_line(facts["host"], 100), one_line(facts["source"], 100)
        echo(f"There is a token of {owner} for {host}, from {source}; {expiry}.")
        info("--show prints it. Whoever has it can do what you can: it belongs into no file and no log.")
