"""Templates, which are public, and the signed-in user."""

from __future__ import annotations

from functools import cache

from fastapi.responses import Response
from sqlalchemy import select

from drio_tui.sandbox.catalogue import catalogue, find
from drio_tui.sandbox.core import JSON, as_json
from drio_tui.sandbox.oauth import User as UserRow
from drio_tui.sandbox.problems import missing
from drio_tui.sandbox.routes import common, envelopes
from drio_tui.sandbox.routes.common import Box, TemplateId, User, errors
from drio_tui.sandbox.store import Store

router = common.router()


@cache
def _all_templates() -> bytes:
    return as_json({"templates": [template.as_wire() for template in catalogue().values()]})


@router.get(
    "/templates",
    operation_id="listTemplates",
    tags=["Templates"],
    response_model=envelopes.TemplateList,
    responses=errors(),
)
async def list_templates() -> Response:
    """List the templates that apps can start from."""
    return Response(_all_templates(), media_type=JSON)


@router.get(
    "/templates/{templateId}",
    operation_id="getTemplate",
    tags=["Templates"],
    response_model=envelopes.TemplateAnswer,
    responses=errors(404),
)
async def get_template(template_id: TemplateId) -> Response:
    """Show one template and what it brings."""
    template = find(template_id)
    if template is None:
        raise missing("template")
    return Response(as_json({"template": template.as_wire()}), media_type=JSON)


@router.get("/me", operation_id="getMe", tags=["Me"], response_model=envelopes.UserAnswer, responses=errors(401))
async def get_me(box: Box, user: User) -> Response:
    """Say who is signed in."""

    async def load(store: Store) -> bytes:
        row = (await store.session.scalars(select(UserRow).where(UserRow.id == user.user_id))).one()
        return as_json({"user": {"id": row.id, "email": row.email, "name": row.name, "image": row.image}})

    return await box.show(user, ("me",), load)
