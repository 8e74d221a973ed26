"""Allow the sandbox to call the private address of an integration, or revoke that, after a confirmation."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from drio_tui.api.errors import DrioError
from drio_tui.tool_calls.egress import Origin, origin_text
from drio_tui.ui.base.messages import undo_promise
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.workspace.lint.allowed_hosts import allow, allowed_hosts, revoke
from drio_tui.workspace.lint.reachability import private_origin

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient
    from drio_tui.ui.base.context import DrioContext
    from drio_tui.workspace.model.snapshot import Resource


def cannot_allow_reason(client: DrioClient | None, integration: Resource | None) -> str:
    """Return why no address can be allowed for the selected resource, as a sentence; empty if one can."""
    if client is None or not client.transport.is_sandbox:
        return "Private addresses are allowed for the local sandbox only."
    if integration is None or integration.kind != "integration":
        return "Choose an integration first."
    if private_origin(integration.text("baseUrl"), client.transport.base_url) is None:
        return "Its address is public, or served by the sandbox itself: nothing has to be allowed."
    return ""


@contextlib.contextmanager
def _reports_a_stop(drio: DrioContext, host: str) -> Iterator[None]:
    """Say that the outcome is not known if the user stops waiting for the request of the block, or leaves."""
    try:
        yield
    except asyncio.CancelledError:
        text = f"You stopped waiting. A on the integration shows whether the sandbox may call {host}."
        drio.notify(sanitize_line(text, 200).plain, severity="warning", markup=False)
        raise


async def ask_to_allow(drio: DrioContext, client: DrioClient, origin: Origin, why: str = "") -> bool:
    """Ask whether the sandbox may call an origin and allow it; return whether it may now.

    Call it in a worker. Raises `DrioError`.
    """
    host = origin_text(origin)
    body = f"{why}\nDeployed apps and their drafts may then send requests to {host}, and to no other private address. "
    body += undo_promise(drio.status, "The sandbox remembers it; A on the integration takes it back.")
    if not await drio.navigator.confirm(f"Let the sandbox call {host}?", body.lstrip("\n"), agree="Allow"):
        return False
    with _reports_a_stop(drio, host):
        await allow(client, origin)
    drio.notify(sanitize_line(f"The sandbox may call {host}.", 200).plain, title="Allowed", markup=False)
    return True


async def ask_to_allow_all(drio: DrioContext, client: DrioClient, urls: Iterable[str]) -> None:
    """Ask for each private origin of the URLs that the sandbox may not call yet. Raises `DrioError`."""
    if (allowed := await allowed_hosts(client)) is not None:
        for origin in dict.fromkeys(private_origin(url, client.transport.base_url) for url in urls):
            if origin is not None and origin not in allowed:
                await ask_to_allow(drio, client, origin, f"{origin_text(origin)} is a private address.")


async def toggle_allowed(drio: DrioContext, client: DrioClient, base_url: str) -> bool:
    """Allow the address of an integration, or revoke that, after a confirmation; return whether it changed.

    Call it in a worker.
    """
    try:
        origin, allowed = private_origin(base_url, client.transport.base_url), await allowed_hosts(client)
        if origin is None or allowed is None:
            return False
        if allowed.everything:
            drio.notify("This sandbox was started with --allow-private-egress: it calls every address.", markup=False)
            return False
        if origin not in allowed:
            return await ask_to_allow(drio, client, origin)
        host = origin_text(origin)
        if not await drio.navigator.confirm(
            f"Stop the sandbox from calling {host}?", "Calls of its tools will fail.", agree="Revoke"
        ):
            return False
        with _reports_a_stop(drio, host):
            await revoke(client, origin)
        drio.notify(sanitize_line(f"The sandbox may no longer call {host}.", 200).plain, title="Revoked", markup=False)
    except DrioError as error:
        drio.show_error(error)
        return False
    return True
