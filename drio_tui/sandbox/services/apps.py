"""Apps: created from a template, changed, deployed."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import insert

from drio_tui.api.json_codec import Document, dumps, loads
from drio_tui.naming import kebab, unused
from drio_tui.sandbox.catalogue import Template, find_template
from drio_tui.sandbox.mcp.deployment_store import copy_secrets, restore
from drio_tui.sandbox.naming import new_id
from drio_tui.sandbox.patching import Rules
from drio_tui.sandbox.problems import Problem, conflict, invalid
from drio_tui.sandbox.readiness import deploy_problems
from drio_tui.sandbox.services import auth, integrations, operations, tools, widgets
from drio_tui.sandbox.store import Store
from drio_tui.sandbox.tables import DeploymentRow

FIRST_VERSION = "1.0.0"

RULES = Rules(
    order=(
        "id", "publicMcpId", "slug", "name", "description", "version", "status", "isEnabled", "templateId",
        "companyUrl", "serverInstructions", "branding",
    ),
    required=frozenset({"name"}),
    read_only=frozenset({"id", "publicMcpId", "version", "status"}),
    defaults={"isEnabled": True, "branding": {}},
    set_elsewhere={"templateId": "POST, when the app is created"},
)  # fmt: skip


async def create(store: Store, body: Document, *, upstream_key: str) -> Document:
    """Create an app with all resources of its template. Raises `Problem` 400 for the template, 409 for the slug.

    The body takes precedence over the template; branding is merged property by property.
    """
    template = find_template(body["templateId"])
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
    await _assign_slug(store, document)
    await store.add_app(document)
    await _create_resources(store, document["id"], template, upstream_key)
    return document


async def change(store: Store, document: Document, patch: Document) -> Document:
    """Apply `patch` to the app. Raises `Problem` 400 and 409."""
    result = RULES.patched(document, patch)
    await _assign_slug(store, result, document["slug"])
    await store.save_app(result)
    return result


async def deploy(store: Store, document: Document) -> tuple[Document, str]:
    """Publish the app as it is; return it with the next minor version, and the URL of its endpoint.

    Raises `Problem` 409 with `details.problems` if the app could not work; nothing is changed then.
    """
    resources = {
        kind: await store.views(kind, [loads(text) for text in texts])
        for kind, texts in (await store.json_by_kind(document["id"])).items()
    }
    problems = deploy_problems(resources)
    if problems:
        count = "one problem keeps" if len(problems) == 1 else f"{len(problems)} problems keep"
        raise Problem(
            409,
            f"{count} the app from being deployed.".capitalize(),
            code="not_deployable",
            details={"problems": problems},
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
            snapshot=await store.config_json(document["id"], dumps(result)),
        )
    )
    await copy_secrets(store, document["id"], result["version"])
    return result, endpoint


async def redeploy(store: Store, app_id: str, version: str | None) -> tuple[Document, str]:
    """Publish an earlier deployment again, as the next version: `version`, or the one before the live one.

    Return the app, whose draft stays as it is, and the URL of its endpoint. Raises `Problem` 404 and 409.
    """
    document = await store.app(app_id)
    result = await restore(store, app_id, _next_minor(document["version"]), version)
    return result, endpoint_of(store, result)


def endpoint_of(store: Store, app: Document) -> str:
    """Return the URL of an app's MCP endpoint, which works once the app is deployed."""
    return f"{store.settings.base_url}/mcp/{app['publicMcpId']}"


async def _assign_slug(store: Store, document: Document, old_slug: str | None = None) -> None:
    """Check the app's slug, or set one derived from its name. Raises `Problem` 409 if the slug is taken."""
    slug = document["slug"]
    if slug is not None and slug == old_slug:
        return
    taken = await store.slugs() - {old_slug}
    if slug is None:
        document["slug"] = unused(kebab(document["name"], "app"), taken)
    elif slug in taken:
        raise conflict("slug", slug)


def _next_minor(version: str) -> str:
    major, minor, _patch = version.split(".")
    return f"{major}.{int(minor) + 1}.0"


async def _create_resources(store: Store, app_id: str, template: Template, upstream_key: str) -> None:
    """Create the resources of the template, by the same rules as the routes; its keys become ids."""
    ids: dict[tuple[str, str], str] = {}
    values = {"{upstream}": store.settings.upstream_url, "{upstreamKey}": upstream_key}

    for spec in template.auth:
        connection = await auth.create(store, app_id, _fill_placeholders(_without(spec, "description"), values))
        ids["auth", spec["key"]] = connection["id"]
    for spec in template.integrations:
        body = _fill_placeholders(_without(spec, "auth", "operations", "description"), values)
        if "auth" in spec:
            body["authId"] = ids["auth", spec["auth"]]
        integration = await integrations.create(store, app_id, body)
        for operation_spec in spec["operations"]:
            operation = await operations.create(store, app_id, integration["id"], dict(operation_spec))
            ids["operation", operation_spec["key"]] = operation["id"]
    created_tools: dict[str, Document] = {}
    for spec in template.tools:
        body = _without(spec, "operation", "next")
        if "operation" in spec:
            target = ids["operation", spec["operation"]]
            body["binding"] = {"type": "integration_operation", "integrationOperationId": target}
        created_tools[spec["key"]] = await tools.create(store, app_id, body)
    for spec in template.tools:
        next_ids = [created_tools[key]["id"] for key in spec.get("next", ())]
        if next_ids:
            created_tools[spec["key"]] = await tools.set_chain(store, created_tools[spec["key"]], next_ids)
    for spec in template.widgets:
        body = _without(spec, "tool", "description")
        body["toolId"] = created_tools[spec["tool"]]["id"]
        body["actions"] = [
            _without(action, "tool")
            | ({"targetToolId": created_tools[action["tool"]]["id"]} if "tool" in action else {})
            for action in spec.get("actions", ())
        ]
        await widgets.create(store, app_id, body)


def _without(spec: Document, *names: str) -> Document:
    return {name: value for name, value in spec.items() if name not in names}


def _fill_placeholders(value: Any, replacements: dict[str, str]) -> Any:
    """Return `value` with the placeholders in its texts replaced, at any depth."""
    if isinstance(value, str):
        for placeholder, text in replacements.items():
            value = value.replace(placeholder, text)
        return value
    if isinstance(value, dict):
        return {name: _fill_placeholders(inner, replacements) for name, inner in value.items()}
    if isinstance(value, list):
        return [_fill_placeholders(item, replacements) for item in value]
    return value
