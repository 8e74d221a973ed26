"""Apps: created from a template, changed, deployed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert

from drio_tui.api.json_codec import Document, dumps, loads
from drio_tui.document_layout import ENV, PROPERTIES, SECRET, create_body, entries, unescape
from drio_tui.naming import kebab, unused
from drio_tui.sandbox.catalogue import Template, find_template
from drio_tui.sandbox.mcp.deployment_store import copy_secrets, restore
from drio_tui.sandbox.naming import new_id
from drio_tui.sandbox.patching import Rules
from drio_tui.sandbox.problems import Problem, conflict, invalid, unknown_reference
from drio_tui.sandbox.readiness import deploy_problems
from drio_tui.sandbox.services import auth, integrations, operations, tools, widgets
from drio_tui.sandbox.store import NewAppStore, Store
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
    template = find_template(body["templateId"], store.settings.data_dir)
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
    new_store = NewAppStore(store, document)
    await _create_resources(new_store, document["id"], template, upstream_key)
    await new_store.insert_all()
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


async def _create_resources(store: NewAppStore, app_id: str, template: Template, upstream_key: str) -> None:
    """Create the resources of the template, by the same rules as the routes; its keys become ids.

    The operations of a built-in template, and its connection to the helpdesk, are valid (the tests check that);
    validating them would take longer than all the rest.
    """
    ids: dict[tuple[str, str], str] = {}
    values: dict[str, str] = {}
    if not template.is_custom:
        values = {"SANDBOX_HELPDESK_URL": store.settings.upstream_url, "SANDBOX_HELPDESK_KEY": upstream_key}

    def id_of(kind: str, key: str) -> str:
        if (kind, key) not in ids:
            raise unknown_reference(kind, [key])
        return ids[kind, key]

    chains: dict[str, list[str]] = {}
    for kind, key, entry in entries(template.document):
        if kind == "app":
            continue
        if kind == "tool":  # it may be followed by a tool that does not exist yet
            chains[key] = entry.get("next") or []
            entry = _without(entry, "next")
        if "description" not in PROPERTIES[kind]:  # it is for the catalogue only
            entry = _without(entry, "description")
        body = _resolved(create_body(kind, key, entry, id_of), values)
        if kind == "operation":
            integration_id = id_of("integration", key.partition("/")[0])
            resource = await operations.create(store, app_id, integration_id, body, is_valid=not template.is_custom)
        elif kind == "auth":
            is_helpdesk = not template.is_custom and upstream_key in body["config"].values()
            resource = await auth.create(store, app_id, body, is_valid=is_helpdesk)
        else:
            resource = await _CREATE[kind](store, app_id, body)
        ids[kind, key] = resource["id"]
    for key, next_keys in chains.items():
        if next_keys:
            tool = await store.get(app_id, "tool", ids["tool", key])
            await tools.set_chain(store, tool, [id_of("tool", next_key) for next_key in next_keys])


_CREATE = {"integration": integrations.create, "tool": tools.create, "widget": widgets.create}


def _without(spec: Document, *names: str) -> Document:
    return {name: value for name, value in spec.items() if name not in names}


def _resolved(value: Any, values: Mapping[str, str]) -> Any:
    """Return a value of a document with its placeholders replaced; properties with an unknown secret are left out."""
    if isinstance(value, list):
        return [_resolved(item, values) for item in value if not _is_unknown_secret(item, values)]
    if not isinstance(value, dict):
        return value
    if SECRET in value:
        return values[value[SECRET]]
    if ENV in value:
        return values.get(value[ENV], value.get("default"))
    return {
        unescape(name): _resolved(item, values) for name, item in value.items() if not _is_unknown_secret(item, values)
    }


def _is_unknown_secret(value: Any, values: Mapping[str, str]) -> bool:
    return isinstance(value, dict) and SECRET in value and value[SECRET] not in values
