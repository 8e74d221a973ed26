"""Apps: made from a template, changed, deployed."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import insert

from drio_tui.api.json_codec import dumps, loads
from drio_tui.naming import kebab, unused
from drio_tui.sandbox.catalogue import Template, find
from drio_tui.sandbox.mcp.deployment_store import keep_secrets, restore
from drio_tui.sandbox.naming import new_id
from drio_tui.sandbox.patching import Rules
from drio_tui.sandbox.problems import Problem, clash, invalid
from drio_tui.sandbox.readiness import problems_of
from drio_tui.sandbox.services import auth, integrations, operations, tools, widgets
from drio_tui.sandbox.store import Store
from drio_tui.sandbox.tables import DeploymentRow

Document = dict[str, Any]

FIRST_VERSION = "1.0.0"

RULES = Rules(
    order=(
        "id", "publicMcpId", "slug", "name", "description", "version", "status", "isEnabled", "templateId",
        "companyUrl", "serverInstructions", "branding",
    ),
    required=frozenset({"name"}),
    fixed=frozenset({"id", "publicMcpId", "version", "status"}),
    defaults={"isEnabled": True, "branding": {}},
    elsewhere={"templateId": "POST, when the app is created"},
)  # fmt: skip


async def create(store: Store, body: Document, *, upstream_key: str) -> Document:
    """A new app with everything its template brings. Raises `Problem` 400 for the template, 409 for the slug.

    What the body says wins over the template, branding member by member.
    """
    template = find(body["templateId"])
    if template is None:
        raise invalid([("templateId", "there is no such template")])
    document = RULES.new(
        template.app | {name: value for name, value in body.items() if value is not None or name not in template.app},
        id=new_id("app"),
        publicMcpId=new_id("mcp"),
        version=FIRST_VERSION,
        status="draft",
    )
    document["branding"] = template.branding | (body.get("branding") or {})
    await _settle_slug(store, document)
    await store.add_app(document)
    await _fill(store, document["id"], template, upstream_key)
    return document


async def change(store: Store, document: Document, patch: Document) -> Document:
    """The app after `patch`."""
    result = RULES.patched(document, patch)
    await _settle_slug(store, result, document["slug"])
    await store.save_app(result)
    return result


async def deploy(store: Store, document: Document) -> tuple[Document, str]:
    """Publish the app as it is: the app with its minor version one up, and where it is live.

    Raises `Problem` 409 with `details.problems` where the app could not work; nothing is changed then.
    """
    everything = {
        kind: await store.views(kind, [loads(text) for text in texts])
        for kind, texts in (await store.everything(document["id"])).items()
    }
    found = problems_of(everything)
    if found:
        count = "one problem keeps" if len(found) == 1 else f"{len(found)} problems keep"
        raise Problem(
            409,
            f"{count} the app from being deployed.".capitalize(),
            code="not_deployable",
            details={"problems": found},
        )
    result = document | {"version": _next_minor(document["version"]), "status": "published"}
    endpoint = endpoint_of(store, document)
    await store.save_app(result)
    await store.session.execute(
        insert(DeploymentRow).values(
            app_id=document["id"],
            public_mcp_id=document["publicMcpId"],
            version=result["version"],
            deployed_at=time.time(),
            snapshot=await store.config_text(document["id"], dumps(result)),
        )
    )
    await keep_secrets(store, document["id"], result["version"])
    return result, endpoint


async def redeploy(store: Store, app_id: str, version: str | None) -> tuple[Document, str]:
    """Publish an earlier deployment again, as the next version: the one before the live one unless told.

    The draft stays as it is. Raises `Problem` 404 and 409.
    """
    document = await store.app(app_id)
    result = await restore(store, app_id, _next_minor(document["version"]), version)
    return result, endpoint_of(store, result)


def endpoint_of(store: Store, app: Document) -> str:
    """Where an app answers MCP clients once it is deployed."""
    return f"{store.settings.base_url}/mcp/{app['publicMcpId']}"


async def _settle_slug(store: Store, document: Document, before: str | None = None) -> None:
    wanted = document["slug"]
    if wanted is not None and wanted == before:
        return
    taken = await store.slugs() - {before}
    if wanted is None:
        document["slug"] = unused(kebab(document["name"], "app"), taken)
    elif wanted in taken:
        raise clash("slug", wanted)


def _next_minor(version: str) -> str:
    major, minor, _patch = version.split(".")
    return f"{major}.{int(minor) + 1}.0"


async def _fill(store: Store, app_id: str, template: Template, upstream_key: str) -> None:
    """Build what the template brings, by the same rules as the routes; its keys become ids."""
    ids: dict[tuple[str, str], str] = {}
    given = {"{upstream}": store.settings.upstream_url, "{upstreamKey}": upstream_key}

    for spec in template.auth:
        made = await auth.create(store, app_id, _filled_in(_without(spec, "description"), given))
        ids["auth", spec["key"]] = made["id"]
    for spec in template.integrations:
        body = _filled_in(_without(spec, "auth", "operations", "description"), given)
        if "auth" in spec:
            body["authId"] = ids["auth", spec["auth"]]
        made = await integrations.create(store, app_id, body)
        for part in spec["operations"]:
            operation = await operations.create(store, app_id, made["id"], dict(part))
            ids["operation", part["key"]] = operation["id"]
    made_tools: dict[str, Document] = {}
    for spec in template.tools:
        body = _without(spec, "operation", "next")
        if "operation" in spec:
            target = ids["operation", spec["operation"]]
            body["binding"] = {"type": "integration_operation", "integrationOperationId": target}
        made_tools[spec["key"]] = await tools.create(store, app_id, body)
    for spec in template.tools:
        following = [made_tools[key]["id"] for key in spec.get("next", ())]
        if following:
            made_tools[spec["key"]] = await tools.set_chain(store, made_tools[spec["key"]], following)
    for spec in template.widgets:
        body = _without(spec, "tool", "description")
        body["toolId"] = made_tools[spec["tool"]]["id"]
        body["actions"] = [
            _without(action, "tool") | ({"targetToolId": made_tools[action["tool"]]["id"]} if "tool" in action else {})
            for action in spec.get("actions", ())
        ]
        await widgets.create(store, app_id, body)


def _without(spec: Document, *names: str) -> Document:
    return {name: value for name, value in spec.items() if name not in names}


def _filled_in(value: Any, given: dict[str, str]) -> Any:
    """`value` with the placeholders in its texts replaced."""
    if isinstance(value, str):
        for placeholder, text in given.items():
            value = value.replace(placeholder, text)
        return value
    if isinstance(value, dict):
        return {name: _filled_in(member, given) for name, member in value.items()}
    if isinstance(value, list):
        return [_filled_in(item, given) for item in value]
    return value
