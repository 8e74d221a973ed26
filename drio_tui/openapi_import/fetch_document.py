"""Loads a document from a file or a URL, with limits of time and size, and without credentials.

References to other documents are never followed, so nothing else is read from disk or network.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from drio_tui import __version__
from drio_tui.api.errors import DrioError
from drio_tui.api.redact import redacted_url
from drio_tui.asyncio_wait import in_daemon_thread
from drio_tui.openapi_import.errors import ImportFailed
from drio_tui.storage.files import os_error_text
from drio_tui.text import duration, one_line
from drio_tui.urls import HOLDS_USER, url_error

if TYPE_CHECKING:
    from drio_tui.api.http import httpx

LARGEST = 64 << 20
"""The maximum size in bytes, after decompression."""

SECONDS = 60.0
"""The time limit for a URL, including redirects."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_CHUNK = 1 << 20

Progress = Callable[[int], object]
"""Called with the number of bytes read."""


@dataclass(frozen=True, slots=True)
class Source:
    """A document's bytes. `name` is its origin as the user entered it, `url` the URL it was downloaded from, if any."""

    name: str
    data: bytes = field(repr=False)
    url: str = ""


async def fetch(where: str, progress: Progress | None = None) -> Source:
    """Load the document at a path (with `~`, or as a `file:` URL, possibly in quotes), at an http(s) URL, or `-`.

    `-` is standard input. Raises `ImportFailed`; cancelling ends it at once.
    """
    where = _unquoted(where.strip())
    if not where:
        raise ImportFailed("No file or address is given.")
    report = progress or (lambda _: None)
    if where == "-":
        return Source("standard input", await _from_stream())
    scheme = where.partition(":")[0].lower()
    if scheme in ("http", "https"):
        return await _from_url(where, report)
    if scheme == "file":
        where = unquote(urlsplit(where).path)
    elif "://" in where:
        raise ImportFailed(f"{one_line(scheme, 20)} addresses are not read; give a file, https:// or http://.")
    return await asyncio.to_thread(_from_file, where, report)


def kept_source(where: str) -> tuple[str, tuple[str, ...]]:
    """Return a path or address of a document to keep for another start, and what it lacks: secrets of the address."""
    where = _unquoted(where.strip())
    if where.partition(":")[0].lower() in ("http", "https", "file"):
        return (where, ()) if redacted_url(where) == where else (where.partition("?")[0], ("the query",))
    return str(Path(where).expanduser().absolute()), ()


def _unquoted(where: str) -> str:
    """Remove the quotes, or the backslashes before blanks, with which terminals paste a path."""
    if len(where) > 1 and where[0] == where[-1] and where[0] in "'\"":
        return where[1:-1]
    return where.replace("\\ ", " ") if os.sep == "/" else where


# --- files ---------------------------------------------------------------------------------------


def _from_file(where: str, report: Progress) -> Source:
    shown = one_line(where, 200)
    try:
        path = Path(where).expanduser()
        # O_NONBLOCK: opening a named pipe must not block.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise ImportFailed(
            f"There is no file {shown}.", hint="Check the path; ~ stands for your home folder."
        ) from None
    except (OSError, ValueError, RuntimeError) as error:
        raise ImportFailed(f"{shown} cannot be opened: {_reason(error)}.") from error
    info = os.fstat(handle)
    if not stat.S_ISREG(info.st_mode):  # before fdopen, which does not close a handle that it rejects
        os.close(handle)
        what = "is a folder; give the document in it" if stat.S_ISDIR(info.st_mode) else "is no plain file"
        raise ImportFailed(f"{shown} {what}.")
    with os.fdopen(handle, "rb") as file:
        if info.st_size > LARGEST:
            raise _too_large(shown)
        data = bytearray()
        try:
            while chunk := file.read(_CHUNK):
                data += chunk
                if len(data) > LARGEST:
                    raise _too_large(shown)
                report(len(data))
        except OSError as error:
            raise ImportFailed(f"{shown} cannot be read: {_reason(error)}.") from error
    return Source(where, bytes(data))


async def _from_stream() -> bytes:
    """Read all of standard input. It may never end, so it is read in a daemon thread, which does not delay the exit."""
    try:
        data = await in_daemon_thread("standard input", _all_of_stream)
    except (OSError, ValueError) as error:
        raise ImportFailed(f"Standard input cannot be read: {_reason(error)}.") from error
    if len(data) > LARGEST:
        raise _too_large("Standard input")
    return data


def _all_of_stream() -> bytes:
    """Read standard input, at most `LARGEST` bytes and one more. Raises `OSError` and `ValueError`."""
    if sys.stdin is None:
        raise OSError("it is closed")
    try:
        handle = sys.stdin.fileno()
    except OSError:  # replaced by an object in memory, as in tests
        return sys.stdin.buffer.read(LARGEST + 1)
    data = bytearray()  # not through its buffer, whose lock the daemon thread would hold at exit
    while len(data) <= LARGEST and (chunk := os.read(handle, _CHUNK)):
        data += chunk
    return bytes(data)


def _reason(error: Exception) -> str:
    text = os_error_text(error)
    return one_line(text[:1].lower() + text[1:], 200)


def _too_large(what: str) -> ImportFailed:
    return ImportFailed(
        f"{what} is larger than {LARGEST >> 20} MiB, the most that is read.",
        hint="Copy the operations that you want into a smaller document.",
    )


# --- addresses -----------------------------------------------------------------------------------


async def _from_url(url: str, report: Progress) -> Source:
    from drio_tui.api.http import httpx  # not needed for a file

    host = _host(url)
    try:
        async with asyncio.timeout(SECONDS):
            return await _download(url, report)
    except TimeoutError:
        raise ImportFailed(f"{host} did not send the whole document within {duration(SECONDS)}.") from None
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError, ImportError) as error:
        text = one_line(" ".join(str(error).split()) or type(error).__name__, 200)
        raise ImportFailed(f"{host}: {text}", hint="Check the address and the network, then try again.") from error
    except ImportFailed:
        raise
    except DrioError as error:
        raise ImportFailed(f"{host}: {error.message}") from error


async def _download(url: str, report: Progress) -> Source:
    from drio_tui.api.http import httpx, new_client
    from drio_tui.api.response_body import ACCEPT_ENCODING

    headers = {
        "User-Agent": f"drio-tui/{__version__}",
        "Accept": "application/json, application/yaml;q=0.9, */*;q=0.5",
        "Accept-Encoding": ACCEPT_ENCODING,
    }
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    current_url = url.partition("#")[0]
    async with new_client(
        follow_redirects=False, headers=headers, timeout=httpx.Timeout(30.0, connect=10.0), cookies=no_cookies
    ) as client:
        for _ in range(_MOST_REDIRECTS + 1):
            _check(current_url)
            response = await client.send(client.build_request("GET", current_url), stream=True)
            async with aclosing(response):
                target = response.headers.get("location") if response.status_code in _REDIRECTS else None
                if target is None:
                    return Source(url, await _body(response, report), current_url)
            current_url = _redirected(current_url, target)
    raise ImportFailed(f"{_host(url)} sends from one address to the next without end.")


async def _body(response: httpx.Response, report: Progress) -> bytes:
    from drio_tui.api.response_body import read_body

    if response.status_code in (401, 403):
        raise ImportFailed(
            f"{_host(str(response.url))} wants a sign-in (HTTP {response.status_code}), and no credentials are sent.",
            hint="Save the document to a file, then import that.",
        )
    if response.status_code != 200:
        raise ImportFailed(f"{_host(str(response.url))} answered with HTTP {response.status_code}.")
    return await read_body(response, LARGEST, report)


def _check(url: str) -> None:
    error = url_error(url)
    if error == HOLDS_USER:
        raise ImportFailed(
            "The address holds a user name or password, and no credentials are sent.",
            hint="Take them out, or save the document to a file and import that.",
        )
    if error:
        raise ImportFailed(f"The document cannot be fetched from {one_line(url, 200)}: {error}.")


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
