"""A new app as it is typed: the checks before sending, the body sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from drio_tui.api.models import AppCreate

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
"""The members a person fills in, as dotted paths of the body of POST /apps."""

_WORDS = {
    "name": "Give it a name of at most 200 characters.",
    "slug": "Small letters, digits and single dashes between them, like acme-support.",
    "companyUrl": "A web address, like https://acme.com.",
    "branding.primaryColor": "A colour, like #0f172a.",
    "branding.accentColor": "A colour, like #22c55e.",
    "branding.backgroundColor": "A colour, like #ffffff.",
    "branding.fontFamily": "The name of a font, at most 100 characters.",
}


def body_of(template_id: str, values: Mapping[str, str]) -> dict[str, Any]:
    """The body of POST /apps: what was filled in and nothing else, texts without the space around them."""
    body: dict[str, Any] = {"templateId": template_id}
    for path in FIELDS:
        value = values.get(path, "").strip()
        if not value:
            continue
        group, _, member = path.rpartition(".")
        target = body.setdefault(group, {}) if group else body
        target[member] = value
    return body


def check(template_id: str, values: Mapping[str, str], taken: Mapping[str, str] | None = None) -> dict[str, str]:
    """What is wrong, by field, in words for the person. `taken` maps slugs that are in use to their apps' names."""
    found: dict[str, str] = {}
    try:
        AppCreate.from_wire(body_of(template_id, values))
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            path = ".".join(str(part) for part in problem["loc"])
            found.setdefault(path, _WORDS.get(path, problem["msg"]))
    slug = values.get("slug", "").strip()
    if slug and "slug" not in found and taken and slug in taken:
        found["slug"] = f"{taken[slug]} has this slug already."
    return found
