"""The app that the tests of the editors use."""

from __future__ import annotations

import copy
from typing import Any

from drio_tui.workspace.model.snapshot import KIND_ORDER, PartLoaded, Snapshot, resources_of

CONTACT = {
    "type": "object",
    "properties": {"id": {"type": "string", "examples": ["con_1"]}, "name": {"type": "string"}},
}
OPERATIONS = [
    {
        "id": "op_search", "integrationId": "int_1", "name": "Search contacts", "method": "GET", "path": "/contacts",
        "inputSchema": {"type": "object", "properties": {"q": {"type": "string"}}},
        "outputSchema": {"type": "object", "properties": {"results": {"type": "array", "items": CONTACT}}},
        "schemaHash": "h_search",
    },
    {
        "id": "op_get", "integrationId": "int_1", "name": "Get contact", "method": "GET", "path": "/contacts/{id}",
        "inputSchema": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
        "outputSchema": CONTACT, "schemaHash": "h_get_2",
    },
    {"id": "op_pay", "integrationId": "int_2", "name": "Take money", "method": "POST", "path": "/charges",
     "schemaHash": "h_p"},
]  # fmt: skip
INTEGRATIONS = [
    {"id": "int_1", "name": "CRM", "baseUrl": "https://crm.test"},
    {"id": "int_2", "name": "Bank", "baseUrl": "https://bank.test"},
]


def bound(operation: str, hash: str) -> dict[str, Any]:
    return {
        "type": "integration_operation", "integrationOperationId": operation, "schemaHashAtBindTime": hash,
        "status": "ready", "x-note": "kept",
    }  # fmt: skip


TOOLS = [
    {"id": "t_search", "name": "Find", "binding": bound("op_search", "h_search"), "nextToolIds": ["t_get"], "order": 0},
    {"id": "t_get", "name": "Show", "binding": bound("op_get", "h_get_1"), "nextToolIds": ["t_pay"], "order": 1},
    {"id": "t_pay", "name": "Pay", "binding": None, "order": 2, "annotations": {"readOnlyHint": False, "x-new": 1}},
    {"id": "t_lone", "name": "Lonely", "order": 3},
]
WIDGET = {
    "id": "w_1", "toolId": "t_search", "name": "Table", "primitive": "data-table", "displayMode": "inline",
    "config": {
        "fieldMappings": {"rows": "$.results", "columns.name": "$.name"},
        "style": {"density": "compact", "stripes": True},
        "x-config": {"a": 1},
    },
    "actions": [
        {"trigger": "row.select", "type": "callTool", "template": "{{ row.id }}", "targetToolId": "t_get",
         "targetToolName": "Show", "callMode": "once", "x-extra": [1]},
        {"trigger": "button.click", "type": "openUrl", "template": "https://x.test/{{ row.id }}"},
    ],
}  # fmt: skip
PROVIDERS = [
    {
        "id": "p_key", "key": "api-key", "name": "API key", "kind": "apiKey", "ownership": "customer_managed",
        "configSchema": {
            "type": "object", "required": ["apiKey"],
            "properties": {"name": {"type": "string"}, "apiKey": {"type": "string", "writeOnly": True}},
        },
    },
    {
        "id": "p_oauth", "key": "custom-oauth", "name": "OAuth", "kind": "oauth", "ownership": "customer_managed",
        "configSchema": {"scopes": ["contacts:read", "contacts:write"], "requiresTokenEndpoint": True},
    },
]  # fmt: skip
AUTH = {
    "id": "a_1", "name": "Main", "providerId": "p_oauth", "providerKey": "custom-oauth", "status": "error",
    "lastError": "401 from the token endpoint",
    "config": {"type": "oauth", "tokenEndpoint": "https://a.test/token", "scopes": ["contacts:read"],
               "x-more": {"b": 2}},
}  # fmt: skip
APP = {"id": "app_1", "name": "Acme", "branding": {"primaryColor": "#0f172a", "accentColor": "#22c55e", "x-logo": "a"}}


def app_snapshot(**replaced: list[dict[str, Any]]) -> Snapshot:
    """Return a snapshot of the app, with the resources of the given kinds replaced."""
    raws: dict[str, list[dict[str, Any]]] = {
        "app": [APP], "auth": [AUTH], "provider": PROVIDERS, "integration": INTEGRATIONS, "operation": OPERATIONS,
        "tool": TOOLS, "widget": [WIDGET],
    }  # fmt: skip
    snapshot = Snapshot("app_1")
    for kind in KIND_ORDER:
        resources = copy.deepcopy(replaced.get(kind, raws[kind]))
        snapshot.apply(PartLoaded(kind, resources_of(kind, resources, lambda raw: "")))
    return snapshot


def tool(id: str) -> dict[str, Any]:
    return copy.deepcopy(next(raw for raw in TOOLS if raw["id"] == id))


def operation(id: str) -> dict[str, Any]:
    return copy.deepcopy(next(raw for raw in OPERATIONS if raw["id"] == id))
