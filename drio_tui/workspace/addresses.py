"""Whether drio can reach the address that an integration names. Nothing is looked up."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from drio_tui.calls.egress import why_refused
from drio_tui.urls import explained, why_not
from drio_tui.workspace.finding import Finding, about
from drio_tui.workspace.snapshot import Thing

_LOCAL_NAMES = ("localhost",)
_LOCAL_ENDINGS = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".test", ".invalid")


def address_findings(integration: Thing, drio: str) -> Iterator[Finding]:
    """What is the matter with an integration's `baseUrl`, called by the drio whose own address is `drio`."""
    text = integration.text("baseUrl").strip()
    url = parsed(text)
    if url is None:
        told = f"Its base URL cannot be called, since {explained(text)}." if text else "It has no base URL."
        yield about(integration, "no_base_url", told, "baseUrl")
        return
    own = parsed(drio)
    if own is not None and (own.hostname, own.port) == (url.hostname, url.port):
        return  # the sandbox's own helpdesk
    host = url.hostname or ""
    why = private_host(host)
    if why and own is not None and private_host(own.hostname or ""):
        advice = "The sandbox calls it only when started with --allow-private-egress."
        yield about(integration, "private_base_url", f"{host} {why}.", "baseUrl", advice=advice)
    elif why:
        told = f"{host} {why}: drio cannot reach it from outside."
        yield about(integration, "private_base_url", told, "baseUrl")
    elif url.scheme == "http":
        told = "Its base URL is plain http: requests and credentials could be read on the way."
        yield about(integration, "plain_http", told, "baseUrl")


def parsed(text: str) -> SplitResult | None:
    """A web address with a host; None for anything else."""
    return None if why_not(text) else urlsplit(text)


def private_host(host: str) -> str:
    """Why a host is no public one, as the end of a sentence; empty where it seems to be."""
    host = host.lower().rstrip(".")
    try:
        return why_refused(ipaddress.ip_address(host))
    except ValueError:
        if host in _LOCAL_NAMES or host.endswith(_LOCAL_ENDINGS) or "." not in host:
            return "is a name of a private network"
        return ""
