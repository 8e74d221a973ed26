"""Validates resources without pydantic, for the first screens: the lists, and an app.

Importing pydantic and building the models takes 0.2 s (measured). A resource that matches its shape is always valid
for its model (a test compares the two); one that does not match is validated by the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Shape = Mapping[str, Any]
"""Property names to types: a Python type, a nested `Shape`, or a list with one of either for an array.

`dict` stands for an object with any properties.
"""

BRANDING: Shape = dict.fromkeys(
    ("primaryColor", "accentColor", "backgroundColor", "fontFamily", "borderRadius"), str
)  # fmt: skip
APP: Shape = {
    **dict.fromkeys(
        ("id", "name", "slug", "publicMcpId", "description", "version", "status", "templateId", "companyUrl",
         "serverInstructions"),
        str,
    ),
    "isEnabled": bool,
    "branding": BRANDING,
}  # fmt: skip
_TEMPLATE_PART: Shape = dict.fromkeys(("name", "key", "description"), str)
TEMPLATE: Shape = {
    **dict.fromkeys(("id", "name", "description", "category"), str),
    "tags": [str],
    **{name: [_TEMPLATE_PART] for name in ("tools", "widgets", "auth", "integrations")},
    "branding": BRANDING,
}
AUTH: Shape = {
    **dict.fromkeys(
        ("id", "name", "appId", "providerId", "providerKey", "providerName", "key", "status", "secretRef",
         "lastValidatedAt"),
        str,
    ),
    "config": dict,
    "grants": [str],
}  # fmt: skip
INTEGRATION: Shape = {
    **dict.fromkeys(("id", "name", "appId", "key", "kind", "baseUrl", "authId", "status"), str),
    "config": dict,
}
OPERATION: Shape = {
    **dict.fromkeys(
        ("id", "name", "appId", "integrationId", "key", "description", "method", "path", "schemaHash"), str
    ),
    "inputSchema": dict,
    "outputSchema": dict,
}
TOOL: Shape = {
    **dict.fromkeys(("id", "name", "appId", "key", "description", "kind", "widgetId"), str),
    "isEnabled": bool,
    "order": int,
    "annotations": {
        "title": str,
        **dict.fromkeys(("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"), bool),
    },
    "binding": dict.fromkeys(("type", "integrationOperationId", "schemaHashAtBindTime", "status"), str),
    "nextToolIds": [str],
}
WIDGET: Shape = {
    **dict.fromkeys(("id", "name", "appId", "toolId", "key", "primitive", "displayMode", "visibility"), str),
    "config": {"fieldMappings": dict, "style": dict},
    "actions": [dict.fromkeys(("trigger", "type", "template", "targetToolId", "targetToolName", "callMode"), str)],
}
_REQUIRED = {id(shape): ("id", "name") for shape in (APP, TEMPLATE, AUTH, INTEGRATION, OPERATION, TOOL, WIDGET)} | {
    id(_TEMPLATE_PART): ("name",)
}


def matches_shape(raw: Any, shape: Shape) -> bool:
    """Return whether `raw` is an object with all required properties, and the known ones have the right types.

    Unknown properties are ignored; null is allowed for optional properties.
    """
    if not isinstance(raw, dict) or not all(map(str.isascii, raw)):
        return False
    required = _REQUIRED.get(id(shape), ())
    if not all(_matches(raw.get(name), str) for name in required):
        return False
    return all(raw[name] is None or _matches(raw[name], expected) for name, expected in shape.items() if name in raw)


def _matches(value: Any, expected: Any) -> bool:
    if isinstance(expected, list):
        return isinstance(value, list) and all(_matches(item, expected[0]) for item in value)
    if expected is str:
        return isinstance(value, str) and _has_no_surrogates(value)
    if expected is dict:
        return isinstance(value, dict) and all(map(_has_no_surrogates, value))
    if isinstance(expected, type):
        return type(value) is expected
    return matches_shape(value, expected)


def _has_no_surrogates(value: str) -> bool:
    """Return whether `value` has no lone surrogates, which pydantic rejects."""
    return value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value)
