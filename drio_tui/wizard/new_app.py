"""Validation of the properties of a new app, as typed, and the body that is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FIELDS = (
    "name",
    "slug",
    "companyUrl",
    "branding.primaryColor",
    "branding.accentColor",
    "branding.backgroundColor",
    "branding.fontFamily",
    "branding.borderRadius",
)
"""The properties that the user fills in, as dotted paths in the body of POST /apps."""

_MESSAGES = {
    "name": "Give it a name of at most 200 characters.",
    "slug": "Small letters, digits and single dashes between them, like acme-support.",
    "companyUrl": "A web address, like https://acme.com.",
    "branding.primaryColor": "A colour, like #0f172a.",
    "branding.accentColor": "A colour, like #22c55e.",
    "branding.backgroundColor": "A colour, like #ffffff.",
    "branding.fontFamily": "The name of a font, at most 100 characters.",
}


def create_body(template_id: str, values: Mapping[str, str]) -> dict[str, Any]:
    """Return the body of POST /apps with the filled-in properties only, stripped of surrounding whitespace."""
    body: dict[str, Any] = {"templateId": template_id}
    for path in FIELDS:
        value = values.get(path, "").strip()
        if not value:
            continue
        group, _, name = path.rpartition(".")
        target = body.setdefault(group, {}) if group else body
        target[name] = value
    return body


def validate(template_id: str, values: Mapping[str, str], taken: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return error messages for the user by path. `taken` maps slugs that are in use to their apps' names."""
    from pydantic import ValidationError  # takes long to import, and the first step of the wizard needs none

    from drio_tui.api.models import AppCreate

    errors: dict[str, str] = {}
    try:
        AppCreate.from_wire(create_body(template_id, values))
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            path = ".".join(str(part) for part in problem["loc"])
            errors.setdefault(path, _MESSAGES.get(path, problem["msg"]))
    slug = values.get("slug", "").strip()
    if slug and "slug" not in errors and taken and slug in taken:
        errors["slug"] = f"{taken[slug]} has this slug already."
    return errors
