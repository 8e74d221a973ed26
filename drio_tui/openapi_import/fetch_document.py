"""Getting a document: from a file or an address, whole, in bounded time and size, without credentials.

A reference to another document is never followed, so this is all that is ever read of the outside.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import sys
import threading
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from drio_tui import __version__
from drio_tui.api.errors import DrioError
from drio_tui.openapi_import.errors import ImportFailed
from drio_tui.storage.files import reason_of
from drio_tui.text import duration, one_line
from drio_tui.urls import HOLDS_USER, why_not

if TYPE_CHECKING:
    from drio_tui.api.http import httpx

LARGEST = 64 << 20
"""Bytes, unpacked."""

SECONDS = 60.0
"""For one address, redirects and all."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_PORTION = 1 << 20

Progress = Callable[[int], object]
"""Told how many bytes there are so far."""


@dataclass(frozen=True, slots=True)
class Source:
    """A document's bytes. `name` is what people call where it came from; `url` is the address that gave it, if one."""

    name: str
    data: bytes = field(repr=False)
    url: str = ""


async def fetch(where: str, progress: Progress | None = None) -> Source:
    """The document at a path (with `~`, or as a `file:` address, perhaps in quotes), an http(s) address, or `-`.

    `-` is standard input. Raises `ImportFailed`; cancelling it ends it at once.
    """
    where = _unquoted(where.strip())
    if not where:
        raise ImportFailed("No file or address is given.")
    tell = progress or (lambda _: None)
    if where == "-":
        return Source("standard input", await _from_stream())
    scheme = where.partition(":")[0].lower()
    if scheme in ("http", "https"):
        return await _from_address(where, tell)
    if scheme == "file":
        where = unquote(urlsplit(where).path)
    elif "://" in where:
        raise ImportFailed(f"{one_line(scheme, 20)} addresses are not read; give a file, https:// or http://.")
    return await asyncio.to_thread(_from_file, where, tell)


def _unquoted(where: str) -> str:
    """A path as terminals paste it: without its quotes, without backslashes before blanks."""
    if len(where) > 1 and where[0] == where[-1] and where[0] in "'\"":
        return where[1:-1]
    return where.replace("\\ ", " ") if os.sep == "/" else where


# --- files ---------------------------------------------------------------------------------------


def _from_file(where: str, tell: Progress) -> Source:
    shown = one_line(where, 200)
    try:
        path = Path(where).expanduser()
        # A pipe in the file's place must not hold us up.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise ImportFailed(
            f"There is no file {shown}.", hint="Check the path; ~ stands for your home folder."
        ) from None
    except (OSError, ValueError, RuntimeError) as error:
        raise ImportFailed(f"{shown} cannot be opened: {_reason(error)}.") from error
    info = os.fstat(handle)
    if not stat.S_ISREG(info.st_mode):  # before fdopen, which does not close what it refuses
        os.close(handle)
        what = "is a folder; give the document in it" if stat.S_ISDIR(info.st_mode) else "is no plain file"
        raise ImportFailed(f"{shown} {what}.")
    with os.fdopen(handle, "rb") as file:
        if info.st_size > LARGEST:
            raise _too_large(shown)
        data = bytearray()
        try:
            while part := file.read(_PORTION):
                data += part
                if len(data) > LARGEST:
                    raise _too_large(shown)
                tell(len(data))
        except OSError as error:
            raise ImportFailed(f"{shown} cannot be read: {_reason(error)}.") from error
    return Source(where, bytes(data))


async def _from_stream() -> bytes:
    """All of standard input. It may never end, so it is read in a thread that nobody waits for when leaving."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[bytes] = loop.create_future()

    def settle(data: bytes, error: Exception | None) -> None:
        if ended.done():
            return
        if error is not None:
            ended.set_exception(error)
        else:
            ended.set_result(data)

    def work() -> None:
        data, error = b"", None
        try:
            data = _all_of_stream()
        except (OSError, ValueError) as failure:
            error = failure
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is there any more
            loop.call_soon_threadsafe(settle, data, error)

    threading.Thread(target=work, name="standard input", daemon=True).start()
    try:
        data = await ended
    except (OSError, ValueError) as error:
        raise ImportFailed(f"Standard input cannot be read: {_reason(error)}.") from error
    if len(data) > LARGEST:
        raise _too_large("Standard input")
    return data


def _all_of_stream() -> bytes:
    """Standard input, at most a byte more than `LARGEST`. Raises `OSError` and `ValueError`."""
    if sys.stdin is None:
        raise OSError("it is closed")
    try:
        handle = sys.stdin.fileno()
    except OSError:  # something else stands in its place, which has it all already
        return sys.stdin.buffer.read(LARGEST + 1)
    data = bytearray()  # not through its buffer, whose lock a thread left behind would keep
    while len(data) <= LARGEST and (part := os.read(handle, _PORTION)):
        data += part
    return bytes(data)


def _reason(error: Exception) -> str:
    text = reason_of(error)
    return one_line(text[:1].lower() + text[1:], 200)


def _too_large(what: str) -> ImportFailed:
    return ImportFailed(
        f"{what} is larger than {LARGEST >> 20} MiB, the most that is read.",
        hint="Take the operations that are wanted into a document of their own.",
    )


# --- addresses -----------------------------------------------------------------------------------


async def _from_address(address: str, tell: Progress) -> Source:
    from drio_tui.api.http import httpx  # a file does not need it

    host = _host(address)
    try:
        async with asyncio.timeout(SECONDS):
            return await _download(address, tell)
    except TimeoutError:
        raise ImportFailed(f"{host} did not send the whole document within {duration(SECONDS)}.") from None
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError, ImportError) as error:
        text = one_line(" ".join(str(error).split()) or type(error).__name__, 200)
        raise ImportFailed(f"{host}: {text}", hint="Check the address and the network, then try again.") from error
    except ImportFailed:
        raise
    except DrioError as error:
        raise ImportFailed(f"{host}: {error.message}") from error


async def _download(address: str, tell: Progress) -> Source:
    from drio_tui.api.http import httpx
    from drio_tui.api.response_body import ACCEPT_ENCODING

    headers = {
        "User-Agent": f"drio-tui/{__version__}",
        "Accept": "application/json, application/yaml;q=0.9, */*;q=0.5",
        "Accept-Encoding": ACCEPT_ENCODING,
    }
    nothing_kept = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    url = address.partition("#")[0]
    async with httpx.AsyncClient(
        follow_redirects=False, headers=headers, timeout=httpx.Timeout(30.0, connect=10.0), cookies=nothing_kept
    ) as client:
        for _ in range(_MOST_REDIRECTS + 1):
            _check(url)
            response = await client.send(client.build_request("GET", url), stream=True)
            async with aclosing(response):
                target = response.headers.get("location") if response.status_code in _REDIRECTS else None
                if target is None:
                    return Source(address, await _body(response, tell), url)
            url = _redirected(url, target)
    raise ImportFailed(f"{_host(address)} sends from one address to the next without end.")


async def _body(response: httpx.Response, tell: Progress) -> bytes:
    from drio_tui.api.response_body import read_body

    if response.status_code in (401, 403):
        raise ImportFailed(
            f"{_host(str(response.url))} wants a sign-in (HTTP {response.status_code}), and no credentials are sent.",
            hint="Save the document to a file, then import that.",
        )
    if response.status_code != 200:
        raise ImportFailed(f"{_host(str(response.url))} answered with HTTP {response.status_code}.")
    return await read_body(response, LARGEST, tell)


def _check(url: str) -> None:
    why = why_not(url)
    if why == HOLDS_USER:
        raise ImportFailed(
            "The address holds a user name or password, and no credentials are sent.",
            hint="Take them out, or save the document to a file and import that.",
        )
    if why:
        raise ImportFailed(f"The document cannot be fetched from {one_line(url, 200)}: {why}.")


def _redirected(url: str, target: str) -> str:
    new = urljoin(url, target).partition("#")[0]
    if urlsplit(url).scheme.lower() == "https" and urlsplit(new).scheme.lower() != "https":
        raise ImportFailed(f"{_host(url)} sends on to an address without encryption, which is not followed.")
    return new


def _host(url: str) -> str:
    try:
        return one_line(urlsplit(url).hostname or "", 100) or "The server"
    except ValueError:
        return "The server"
