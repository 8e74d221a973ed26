"""`api` and `token`: any request to the signed-in drio, and the token for other programs."""

from __future__ import annotations

import contextlib
import re
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import click

from drio_tui.api import json_codec
from drio_tui.api.content import Content, redacted_content
from drio_tui.api.errors import ApiError, NotFound, SignInRequired, UsageError
from drio_tui.api.redact import is_secret, redact, redact_headers, redacted_url
from drio_tui.cli.common import (
    ask_before,
    command_hint,
    completer,
    connection_options,
    handle_errors,
    is_read_only,
    review_options,
    run,
)
from drio_tui.cli.find import connection_of
from drio_tui.cli.output import echo, echo_json, info, style
from drio_tui.cli.render import iso_time
from drio_tui.cli.values import Assignment, Inputs, parse_assignment
from drio_tui.session import Session, command_session
from drio_tui.text import one_line
from drio_tui.tool_calls.requests import JSON, OWN_HEADERS, content_kind
from drio_tui.urls import is_from_root

if TYPE_CHECKING:
    from drio_tui.api.exchange import ApiResponse
    from drio_tui.api.http import httpx

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_BODY_ON_STDIN = "Give a body that holds it on standard input, with --input -."
_MOST_PAGES = 10_000
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")  # RFC 9110 section 5.6.2, in lower case


@click.command()
@click.argument("words", metavar="METHOD PATH", nargs=-1, shell_complete=completer("api-operations"))
@click.option("--list", "list_operations", is_flag=True, help="List the server's operations; words filter them.")
@click.option("--describe", is_flag=True, help="Describe an operation: METHOD and PATH, or its operation id.")
@click.option("--document", metavar="PATH", help="With --list and --describe: where the server's OpenAPI document is.")
@click.option(
    "--field", "-f", "fields", metavar="PATH=TEXT|PATH:=JSON", multiple=True,
    help="A property of the body, as in `set`; of the query for GET and HEAD. May be repeated.",
)  # fmt: skip
@click.option("--input", "-i", "input_path", metavar="FILE|-", help="The body: JSON in a file, or standard input.")
@click.option(
    "--header", "-H", "headers", metavar="NAME:VALUE", multiple=True, help="A header of the request. May be repeated."
)
@click.option("--include", is_flag=True, help="Print the status and the headers of the response too.")
@click.option("--paginate", is_flag=True, help="Follow the response's next page; print one line of JSON per page.")
@review_options
@connection_options
@handle_errors
def api(
    words: tuple[str, ...],
    list_operations: bool,
    describe: bool,
    document: str | None,
    fields: tuple[str, ...],
    input_path: str | None,
    headers: tuple[str, ...],
    include: bool,
    paginate: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Send a request to the signed-in drio and print the JSON it answers with.

    PATH is one from the root, as --list prints it (`/api/v1/apps`, `/.well-known/…`), one below /api/v1 (`/apps`), or a
    URL of the same host; a request is never sent to another host. On a terminal secrets in the response are hidden, in
    a pipe they are not.

    With --list or --describe the operations of the server's own OpenAPI document are shown, whatever its version.
    """
    if list_operations or describe:
        from drio_tui.cli import explore

        if list_operations and describe:
            raise UsageError("--list and --describe cannot be combined")
        if fields or input_path or headers or include or paginate or dry_run:
            raise UsageError(
                f"--{'describe' if describe else 'list'} sends no request", hint="It takes --document only."
            )
        show = explore.describe_operation if describe else explore.list_operations
        run(show(words, connection_of(options), document or "", as_json=as_json))
        return
    if len(words) != 2 or document:
        raise UsageError(
            "--document needs --list or --describe" if document else "a request is METHOD and PATH",
            hint=f"`{command_hint('api', '--list')}` shows what the server offers.",
        )
    method, path = words[0].upper(), words[1]
    if method not in METHODS:
        raise UsageError(f"{one_line(method, 20)} is no method", hint=f"The methods are {', '.join(METHODS)}.")
    if method not in _READING and is_read_only() and not dry_run:
        raise UsageError(f"--read-only sends no {method}", hint="With --read-only: GET, HEAD and OPTIONS.")
    if paginate and method != "GET":
        raise UsageError("--paginate needs GET")
    inputs = Inputs()
    values = [parse_assignment(text, inputs, secret_hint=_BODY_ON_STDIN) for text in fields]
    extra_headers = _parse_headers(headers)
    media_type = extra_headers.pop("content-type", JSON)
    is_json = content_kind(media_type) == "json"
    if values and not is_json and method not in _READING:
        raise UsageError(f"--field makes JSON, not {one_line(media_type, 60)}", hint="--input gives any other body.")
    body = _read_body(input_path, inputs, is_json=is_json)
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
                shown = redacted_content(Content(media_type, _encoded(body, is_json=is_json))) if has_body else None
                _print_request(method, url, extra_headers, shown, as_json=as_json, is_text=not is_json)
                return
            if method not in _READING:
                ask_before(f"Send {method} {one_line(str(url), 300)}?", yes=yes)
            content = Content(media_type, _encoded(body, is_json=is_json)) if has_body else None
            try:
                reply = await session.client.transport.request(
                    method, _path(url), at_origin=True, content=content, headers=extra_headers
                )
            except ApiError as error:
                if include:
                    _print_status(error.status)
                if isinstance(error, NotFound) and "/apps/" in url.path:
                    error.hint = (
                        f"A path needs ids, not slugs or keys: `{command_hint('apps', '--json')}` prints those of "
                        f"apps, `{command_hint('inspect', 'APP', '--json')}` those of what is in one."
                    )
                raise
            _print_reply(reply, include=include, compact=paginate)
            if paginate:
                await _print_further_pages(session, url, reply, include=include)

    run(work())


def _parse_headers(texts: tuple[str, ...]) -> dict[str, str]:
    """Return headers by their names in lower case."""
    headers: dict[str, str] = {}
    for text in texts:
        name, colon, value = text.partition(":")
        name, value = name.strip().lower(), value.strip()
        if not colon or not _HEADER_NAME.fullmatch(name) or not value.isascii() or not value.isprintable():
            raise UsageError(
                f"{one_line(name, 60)} is not a header that can be sent", hint="It is NAME:VALUE, in ASCII."
            )
        if name in OWN_HEADERS:
            raise UsageError(f"{name} is a header that is set automatically")
        if is_secret(name):
            raise UsageError(
                f"{name} is a secret, and other users can see the arguments of a command",
                hint="Send it from the API explorer of the program.",
            )
        headers[name] = value
    return headers


def _encoded(body: Any, *, is_json: bool) -> bytes:
    return json_codec.dumps(body).encode("ascii") if is_json else str(body).encode()


def _read_body(input_path: str | None, inputs: Inputs, *, is_json: bool) -> Any:
    if input_path is None:
        return None
    text = inputs.read(input_path, "the body")
    if not is_json:
        return text
    try:
        return json_codec.loads(text)
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


def _url(session: Session, path: str) -> httpx.URL:
    """Return the URL of a path or URL. Raises `UsageError` for a URL of another host, and for one that is none."""
    from drio_tui.api.http import httpx
    from drio_tui.api.request_urls import origin

    base = session.client.transport.base_url
    is_url = "://" in path.partition("?")[0]
    try:
        base_url = httpx.URL(base)
        if is_url:
            url = httpx.URL(path)
        elif is_from_root(path):
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


def _print_request(
    method: str, url: httpx.URL, headers: dict[str, str], body: Any, *, as_json: bool, is_text: bool
) -> None:
    """Print a request; its body is already without secrets, and printed as JSON unless it `is_text`."""
    address = redacted_url(str(url))
    if as_json:
        echo_json({"method": method, "url": address, **({"headers": headers} if headers else {}), "body": body})
        return
    echo(f"{method} {one_line(address, 2_000)}")
    for name, value in headers.items():
        echo(f"{name}: {one_line(value, 2_000)}")
    if is_text and isinstance(body, str):
        echo(body)
    elif body is not None:
        echo_json(body)


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
    from drio_tui.explorer.paging import next_page

    requested = {url}
    for _ in range(_MOST_PAGES):
        next_url = next_page(url, reply.headers, reply.data)
        if next_url is None or next_url in requested:
            return
        url = next_url
        requested.add(url)
        reply = await session.client.transport.request("GET", _path(url), at_origin=True)
        _print_reply(reply, include=include, compact=True)


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
