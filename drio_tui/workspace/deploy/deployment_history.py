"""Earlier deployments, and publishing one again: the local sandbox can do both, drio's own API neither."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drio_tui.api.errors import DrioError, NotDrio, OutcomeUnknown
from drio_tui.api.resource_type import path_of
from drio_tui.text import text_of

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient
    from drio_tui.workspace.saving.saver import Saver


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment. `at` is a timestamp as the sandbox gives it; `restored_from` the version that it repeats."""

    version: str
    at: str
    live: bool
    restored_from: str
    tools: int
    widgets: int


@dataclass(frozen=True, slots=True)
class Restored:
    """`version` is live now, with the config of the earlier version `of`."""

    of: str
    version: str
    endpoint: str


async def deployments(client: DrioClient, app: str) -> list[Deployment]:
    """Return all deployments of an app, the live one first.

    Raises `DrioError`, among them `NotFound` from a drio without a deployment history.
    """
    reply = await client.transport.request("GET", path_of("/sandbox/apps/{app}/deployments", app=app), at_origin=True)
    items = reply.data.get("deployments") if isinstance(reply.data, dict) else None
    if not isinstance(items, list):
        raise NotDrio("the sandbox answered without a list of deployments")
    return [_earlier(raw) for raw in items if isinstance(raw, dict) and isinstance(raw.get("version"), str)]


async def restore(saver: Saver, app: str, version: str) -> Restored | DrioError:
    """Publish an earlier deployment again, after the saves and deploys under way. The draft is unchanged.

    If its response is lost, or `stop_deploy` cancels it, the deployments show whether it happened.
    """

    async def work() -> Restored | DrioError:
        await saver.single_flight.wait_idle(app)
        path = path_of("/sandbox/apps/{app}/restore", app=app)
        before: list[Deployment] = []
        try:
            before = await saver.send(app, deployments(saver.client, app), changes=False)
            request = saver.client.transport.request("POST", path, json={"version": version}, at_origin=True)
            reply = await saver.send(app, request, changes=True)
        except DrioError as error:
            return await _read_back(saver, app, version, before) if error.outcome_unknown else error
        raw = reply.data if isinstance(reply.data, dict) else {}
        app_raw = raw.get("app")
        live_version = app_raw.get("version") if isinstance(app_raw, dict) else None
        if not isinstance(live_version, str):
            return OutcomeUnknown("the sandbox does not say which version is live now")
        endpoint = raw.get("endpoint")
        return Restored(version, live_version, endpoint if isinstance(endpoint, str) else "")

    return await saver.single_flight.run((app, "restore"), work)


async def _read_back(saver: Saver, app: str, version: str, before: list[Deployment]) -> Restored | DrioError:
    """Return whether the deployments show that `version` was published again; `before` are those from before it."""
    unknown = OutcomeUnknown(f"reading again does not show that {version} is live again; it may still happen")
    try:
        now = await saver.send(app, deployments(saver.client, app), changes=False)
    except DrioError:
        return unknown
    known = {deployment.version for deployment in before}
    live = next((deployment for deployment in now if deployment.live and deployment.version not in known), None)
    return Restored(version, live.version, "") if live is not None and live.restored_from == version else unknown


def _earlier(raw: dict[str, Any]) -> Deployment:
    def number(name: str) -> int:
        value = raw.get(name)
        return value if isinstance(value, int) else 0

    return Deployment(
        text_of(raw, "version"), text_of(raw, "deployedAt"), raw.get("live") is True, text_of(raw, "restoredFrom"),
        number("tools"), number("widgets"),
    )  # fmt: skip
