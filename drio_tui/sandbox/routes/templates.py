"""Templates, which are public, and the signed-in user."""

from __future__ import annotations

from sqlalchemy import select
from starlette.responses import Response

from drio_tui.sandbox.catalogue import catalogue_body, find_template
from drio_tui.sandbox.core import JSON, Sandbox, json_bytes
from drio_tui.sandbox.oauth import Principal
from drio_tui.sandbox.oauth import User as UserRow
from drio_tui.sandbox.problems import not_found
from drio_tui.sandbox.routes import common
from drio_tui.sandbox.routes.common import errors
from drio_tui.sandbox.store import Store

router = common.router()


@router.get(
    "/templates",
    operation_id="listTemplates",
    tags=["Templates"],
    response_model="TemplateList",
    responses=errors(),
)
async def list_templates(sandbox: Sandbox) -> Response:
    """List the templates that apps can start from."""
    return Response(catalogue_body(sandbox.settings.data_dir), media_type=JSON)


@router.get(
    "/templates/{templateId}",
    operation_id="getTemplate",
    tags=["Templates"],
    response_model="TemplateAnswer",
    responses=errors(404),
)
async def get_template(sandbox: Sandbox, template_id: str) -> Response:
    """Show one template and what it brings."""
    template = find_template(template_id, sandbox.settings.data_dir)
    if template is None:
        raise not_found("template")
    return Response(json_bytes({"template": template.as_wire()}), media_type=JSON)


@router.get("/me", operation_id="getMe", tags=["Me"], response_model="UserAnswer", responses=errors(401))
async def get_me(sandbox: Sandbox, user: Principal) -> Response:
    """Say who is signed in."""

    async def load(store: Store) -> bytes:
        row = (await store.session.scalars(select(UserRow).where(UserRow.id == user.user_id))).one()
        return json_bytes({"user": {"id": row.id, "email": row.email, "name": row.name, "image": row.image}})

    return await sandbox.cached_response(user, ("me",), load)
