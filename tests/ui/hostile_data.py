"""An app and templates in which every text is hostile: markup, terminal sequences, bidi, marks, very long lines."""

from __future__ import annotations

from typing import Any

from tests.ui.table_server import TEMPLATES, drio_of
from tests.workspace.small_app import small_config

SEQUENCES = (
    "app [prod]",
    "a [/] b",
    "[@click=app.quit]x[/]",
    "[link=https://evil.example]y[/link]",
    "[",
    "\x1b[2J\x1b[31mred",
    "\x1b]0;title\x07",
    "\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x9b31mC1\x9d0;x\x9c\x90q\x9c",
    "\x1bP+q544e\x1b\\",
    "back\x08\x08space\rreturn\x0bvt\x0cff\x7fdel\x00nul",
    "\u202eevil\u202c \u2066iso\u2069 zero\u200bwidth\u2060 \ufeff",
    "lone \ud800 surrogate",
    "e" + "\u0301" * 10_000,
    "👩‍👩‍👧‍👦 漢字 ＷＩＤＥ",
    "x" * 10_000,
    "line\nbreak\u2028sep\u2029par",
)
HOSTILE = " ".join(SEQUENCES)

_KEPT = frozenset({
    "id", "appId", "authId", "integrationId", "toolId", "widgetId", "providerId", "integrationOperationId",
    "targetToolId", "templateId",
})  # fmt: skip


def hostile(value: Any, text: str, member: str = "") -> Any:
    """Return `value` with `text` instead of every string except ids, and in additional properties."""
    if isinstance(value, dict):
        changed = {name: hostile(item, text, name) for name, item in value.items()}
        return {**changed, text[:300]: text, "unknownMember": {text[:300]: [text, {"deep": text}]}}
    if isinstance(value, list):
        return [hostile(item, text, member) for item in value]
    if isinstance(value, str) and member not in _KEPT and member != "nextToolIds":
        return text
    return value


def hostile_drio(text: str = HOSTILE) -> dict[str, Any]:
    """Return the responses of a drio in which every text is `text`, with unknown properties of every shape."""
    config = small_config()
    config["auth"][0] |= {"config": {"type": "oauth", "scopes": ["a"]}, "grants": ["a"], "lastError": "e", "key": "k"}
    config["integrations"][0] |= {"config": {"headers": {"X-A": "b"}}, "status": "active", "kind": "rest"}
    config["operations"][0] |= {
        "description": "d",
        "inputSchema": {
            "type": "object",
            "required": ["a"],
            "properties": {"a": {"type": "string", "description": "d", "enum": ["x"]}, "b": {"$ref": "r"}},
        },
        "outputSchema": {"type": "array", "items": {"type": "object", "properties": {"c": {"format": "f"}}}},
    }
    config["tools"][0] |= {"description": "d", "kind": "function", "annotations": {"title": "t", "readOnlyHint": True}}
    config["widgets"][0] |= {"config": {"fieldMappings": {"rows": "$"}, "style": {"density": "compact"}}, "key": "k"}
    config["app"] |= {"description": "d", "companyUrl": "u", "serverInstructions": "s", "publicMcpId": "m"}
    config["tools"].append({"id": "tool_3", "name": 7, "nextToolIds": ["gone", "tool_3"], "binding": text})
    config["tools"].append(text)
    config = hostile(config, text)
    # keep the schema's keywords, so that it is still read as a schema
    config["operations"][0]["inputSchema"]["type"] = "object"
    config["operations"][0]["inputSchema"]["properties"][text[:300]] = {"type": "string", "description": text}
    config["runtime"] = {text[:300]: text}
    config[text[:300]] = [text]
    answers = drio_of(config, templates=hostile(TEMPLATES, text))
    answers["GET /apps/app_1/auth"] = hostile(answers["GET /apps/app_1/auth"], text)
    answers["GET /apps"] = {"apps": [config["app"], {"id": "app_2", "name": text, "status": text, "version": 3}, text]}
    answers["GET /me"] = {"user": {"id": text, "email": text, "name": text}}
    error = {
        "code": text,
        "message": text,
        "details": {"fields": [{"path": "name", "message": text}]},
        "requestId": text,
    }
    answers["POST /apps"] = (400, {"error": error})
    return answers
