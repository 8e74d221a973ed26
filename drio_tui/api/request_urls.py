"""The URLs of requests: the base URL, origins, and the targets of redirects."""

from __future__ import annotations

from drio_tui.api.errors import RedirectRefused, UsageError
from drio_tui.api.http import httpx
from drio_tui.text import one_line

REDIRECTS = frozenset({301, 302, 303, 307, 308})


def origin(url: httpx.URL) -> tuple[str, str, int]:
    """Return scheme, host (as sent in the request) and port, by default the scheme's (RFC 6454 section 4)."""
    return url.scheme, host_of(url).lower(), url.port or {"https": 443, "http": 80}.get(url.scheme, 0)


def host_of(url: httpx.URL) -> str:
    """Return the host as it is sent; `url.host` raises for an invalid `xn--` name."""
    return url.raw_host.decode("ascii", "replace")


def _is_http_url(url: httpx.URL) -> bool:
    return url.scheme in ("http", "https") and bool(url.raw_host) and (url.port or 0) < 65536


def parse_base_url(text: str) -> httpx.URL:
    """Parse a base URL: http or https, a host, no credentials, query or fragment. Raises `UsageError`."""
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise UsageError(one_line(str(error), 200), title="The address does not work") from error
    if not _is_http_url(url):
        raise UsageError("the base URL is not an http or https address", title="The address does not work")
    if url.userinfo or url.query or url.fragment:
        raise UsageError("the base URL must hold no user, password, `?` or `#`", title="The address does not work")
    return url


async def check_location(response: httpx.Response) -> None:
    """Raise `RedirectRefused` for a target that is no http(s) URL; httpx would raise RemoteProtocolError, or fail."""
    if response.status_code in REDIRECTS and "location" in response.headers:
        try:
            target = httpx.URL(response.headers["location"])
        except (httpx.InvalidURL, UnicodeError) as error:
            raise RedirectRefused("the redirect's address is not a URL") from error
        if target.scheme and not _is_http_url(target):
            raise RedirectRefused(f"to {one_line(str(target), 80)}, which is no web address")


def redirect_target(method: str, url: httpx.URL, status: int, target: str) -> httpx.URL:
    """Return the target URL of a redirect. Raises `RedirectRefused`; the method never changes."""
    target_url = url.join(target)
    if not _is_http_url(target_url):
        raise RedirectRefused(f"to {one_line(str(target_url), 80)}, which is no web address")
    if url.scheme == "https" and target_url.scheme != "https":
        raise RedirectRefused(f"from {url.scheme} to {target_url.scheme}: that would give up encryption")
    if method not in ("GET", "HEAD"):
        if status in (301, 302, 303):
            error = RedirectRefused(f"the server redirects a {method} with {status}, which would turn it into a GET")
            error.outcome_unknown = status == 303  # the target has the result of the request: RFC 9110 section 15.4.4
            raise error
        if origin(target_url) != origin(url):
            raise RedirectRefused(f"the server redirects a {method} to {one_line(host_of(target_url), 80)}")
    return target_url
