"""Whether drio can reach the address of an integration. No name is resolved."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from drio_tui.tool_calls.egress import Origin, denial_reason, parse_origin
from drio_tui.urls import HELPDESK_PATH, is_loopback, url_error, url_error_with_address
from drio_tui.workspace.lint.allowed_hosts import AllowedHosts
from drio_tui.workspace.lint.diagnostics import Diagnostic, about
from drio_tui.workspace.model.snapshot import Resource

_LOCAL_NAMES = ("localhost",)
_LOCAL_ENDINGS = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".test", ".invalid")


def address_diagnostics(integration: Resource, drio: str, allowed: AllowedHosts | None) -> Iterator[Diagnostic]:
    """Report what is wrong with the `baseUrl` of an integration that the drio at address `drio` calls.

    `drio` is empty if it is not known. `allowed` holds the private addresses that a local sandbox may call; None for
    any other drio.
    """
    base_url = integration.text("baseUrl").strip()
    url = parsed(base_url)
    if url is None:
        message = (
            f"Its base URL cannot be called, since {url_error_with_address(base_url)}."
            if base_url
            else "It has no base URL."
        )
        yield about(integration, "no_base_url", message, "baseUrl")
        return
    if _is_own(url, drio):
        return
    host = url.hostname or ""
    private_reason = private_host(host)
    if private_reason and allowed is not None:
        try:
            origin = parse_origin(base_url)
        except ValueError as error:
            yield about(integration, "private_base_url", f"{host} {error}.", "baseUrl")
            return
        if origin not in allowed:
            advice = allowed.advice(origin)
            yield about(integration, "private_base_url", f"{host} {private_reason}.", "baseUrl", advice=advice)
    elif private_reason:
        message = f"{host} {private_reason}: drio cannot reach it from outside."
        yield about(integration, "private_base_url", message, "baseUrl")
    elif url.scheme == "http":
        message = "Its base URL is plain http: requests and credentials could be read on the way."
        yield about(integration, "plain_http", message, "baseUrl")


def private_origin(base_url: str, drio: str) -> Origin | None:
    """Return the origin of a base URL that a sandbox at `drio` calls only if it is allowed, None for other URLs."""
    url = parsed(base_url.strip())
    if url is None or _is_own(url, drio) or not private_host(url.hostname or ""):
        return None
    try:
        return parse_origin(base_url)
    except ValueError:
        return None


def _is_own(url: SplitResult, drio: str) -> bool:
    """Return whether it is drio's own address, as of the sandbox's helpdesk; if drio is not known, of any sandbox's."""
    if not drio:
        return is_loopback(url.hostname or "") and url.path.startswith(HELPDESK_PATH)
    own = parsed(drio)
    return own is not None and (own.hostname, own.port) == (url.hostname, url.port)


def parsed(text: str) -> SplitResult | None:
    """Return a web address with a host; None for anything else."""
    return None if url_error(text) else urlsplit(text)


def private_host(host: str) -> str:
    """Return why a host is not public, as the end of a sentence; empty where it seems to be."""
    host = host.lower().rstrip(".")
    try:
        return denial_reason(ipaddress.ip_address(host))
    except ValueError:
        if host in _LOCAL_NAMES or host.endswith(_LOCAL_ENDINGS) or "." not in host:
            return "is a name of a private network"
        return ""
