"""Generated apps in document form, and what a drio would return for them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from drio_tui.document_layout import create_body, entries
from drio_tui.kinds import KINDS
from drio_tui.manifest.secret import revealed
from drio_tui.workspace.model.snapshot import PartLoaded, Snapshot, resources_of

Object = dict[str, Any]

PROVIDERS = [
    {"id": "provider_none", "key": "none", "name": "None", "kind": "none", "configSchema": {"properties": {}}},
    {
        "id": "provider_api_key",
        "key": "api-key",
        "name": "API key",
        "kind": "apiKey",
        "configSchema": {"properties": {"name": {"type": "string"}, "apiKey": {"type": "string", "writeOnly": True}}},
    },
]

_words = st.sampled_from(
    ["search", "contacts", "tickets", "no", "on", "null", "1:30", "0o17", "é", "日本", "# x", "- y"]
)
texts = st.one_of(
    _words,
    st.lists(_words, min_size=1, max_size=4).map(" ".join),
    st.lists(_words, min_size=2, max_size=3).map("\n".join),
)
names = texts.map(lambda text: text.replace("\n", " "))
keys = st.lists(st.sampled_from("abcxyz019"), min_size=1, max_size=4).map("".join)
scalars = st.booleans() | st.integers(-(2**60), 2**60) | st.floats(-1e6, 1e6, allow_nan=False) | texts
# an unknown property of null cannot be told from an absent one
values: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=6
)
unknown = st.dictionaries(keys.map(lambda key: f"x{key}"), values, max_size=2)
schemas = st.fixed_dictionaries(
    {"type": st.just("object")},
    optional={
        "properties": st.dictionaries(
            keys,
            st.fixed_dictionaries({"type": st.sampled_from(["string", "integer"])}, optional={"description": texts}),
        ),
        "additionalProperties": st.booleans(),
    },
)


def _entry(required: Mapping[str, Any], optional: Mapping[str, Any]) -> st.SearchStrategy[Object]:
    properties = st.fixed_dictionaries({"name": names, **required}, optional=dict(optional))
    return st.builds(lambda known, more: known | more, properties, unknown)


@st.composite
def documents(draw: st.DrawFn) -> Object:
    """Return an app that a drio accepts, in document form, with unknown properties; without secrets."""

    def section(entry: st.SearchStrategy[Object], most: int) -> Object:
        return draw(st.dictionaries(keys, entry, max_size=most))

    app = draw(
        _entry(
            {},
            {
                "description": texts, "serverInstructions": texts, "isEnabled": st.booleans(),
                "companyUrl": st.just("https://acme.example.com"),
                "branding": st.fixed_dictionaries({}, optional={"accentColor": st.just("#0f172a")}),
            },
        )
    )  # fmt: skip
    auth = section(
        _entry(
            {"provider": st.just("none")},
            {"config": unknown, "grants": st.lists(keys, max_size=2), "secretRef": st.just("vault:crm/token")},
        ),
        2,
    )
    integrations = section(
        _entry(
            {"baseUrl": st.sampled_from(["https://a.example.com", "https://b.example.com/v1"])},
            {
                **({"auth": st.sampled_from([*auth])} if auth else {}),
                "config": st.fixed_dictionaries({}, optional={"headers": st.dictionaries(keys, names, max_size=2)}),
            },
        ),
        2,
    )  # fmt: skip
    operation_keys: list[str] = []
    taken: set[str] = set()
    for integration_key, integration in integrations.items():
        operations = {}
        for key, operation in section(
            _entry(
                {"method": st.sampled_from(["GET", "POST"]), "path": st.sampled_from(["/contacts", "/tickets"])},
                {"description": texts, "inputSchema": schemas, "outputSchema": schemas},
            ),
            3,
        ).items():
            if key not in taken:  # keys of operations are unique in the app
                taken.add(key)
                operations[key] = operation
                operation_keys.append(f"{integration_key}/{key}")
        if operations:
            integration["operations"] = operations
    tools = section(
        _entry(
            {},
            {
                "description": texts, "isEnabled": st.booleans(), "kind": st.just("function"),
                "annotations": st.fixed_dictionaries({}, optional={"readOnlyHint": st.booleans(), "title": names}),
                **({"binding": st.sampled_from(operation_keys)} if operation_keys else {}),
            },
        ),
        4,
    )  # fmt: skip
    tool_keys = [*tools]
    for index, tool in enumerate(tools.values()):  # a chain may not lead back
        if later := tool_keys[index + 1 :]:
            tool["next"] = draw(st.lists(st.sampled_from(later), unique=True, max_size=2))
    widgets: Object = {}
    for key in draw(st.lists(keys, unique=True, max_size=len(tool_keys))):
        actions = st.lists(
            st.fixed_dictionaries(
                {"trigger": st.sampled_from(["row.select", "button.click"]), "type": st.just("callTool")},
                optional={"target": st.sampled_from(tool_keys), "template": texts, "xnote": texts},
            ),
            max_size=3,
        )
        widget = draw(
            _entry(
                {"tool": st.just(tool_keys[len(widgets)]), "primitive": st.sampled_from(["data-table", "card"])},
                {
                    "displayMode": st.sampled_from(["inline", "pip"]),
                    "visibility": st.sampled_from(["visible", "hidden"]),
                    "config": st.fixed_dictionaries({}, optional={"fieldMappings": st.just({"rows": "$.results"})}),
                    "actions": actions,
                },
            )
        )  # fmt: skip
        widgets[key] = widget
    return {
        "app": {"slug": f"app-{draw(keys)}", **app}, "auth": auth, "integrations": integrations, "tools": tools,
        "widgets": widgets,
    }  # fmt: skip


def snapshot_of(document: Object, *, seed: int = 0) -> Snapshot:
    """Return what a drio has after it was given a document: with ids, defaults and its other properties.

    `seed` decides the ids, the order of the lists and the order of properties.
    """
    source = random.Random(seed)
    names = [(kind, key) for kind, key, _ in entries(document)]
    ids = {name: f"{name[0]}_{source.getrandbits(64):016x}" for name in names}
    raws: dict[str, list[Object]] = {kind: [] for kind in KINDS}
    for kind, key, entry in entries(document):
        raw = {"id": ids[kind, key], "appId": "app_0", "status": "ready", "updatedAt": "2026-11-29T12:00:00Z"}
        raw |= revealed(create_body(kind, key, entry, lambda *name: ids[name]))
        if kind == "auth":
            raw["providerId"] = f"provider_{raw['providerKey'].replace('-', '_')}"
        if kind == "operation":
            raw |= {"integrationId": ids["integration", key.partition("/")[0]], "schemaHash": "schema_1"}
        if kind == "tool":
            raw |= {
                "order": raw.get("order", len(raws["tool"])),
                "nextToolIds": raw.get("nextToolIds", []),
                "binding": raw.get("binding"),
            }
            if raw["binding"]:
                raw["binding"] = raw["binding"] | {"schemaHashAtBindTime": "schema_0", "status": "stale"}
        if kind == "widget":
            raw["config"] = raw.get("config", {})
            raw["actions"] = [
                action | ({"targetToolName": "its name"} if "targetToolId" in action else {})
                for action in raw.get("actions", [])
            ]
            for tool in raws["tool"]:
                if tool["id"] == raw.get("toolId"):
                    tool["widgetId"] = raw["id"]
        raws[kind].append(raw)
    snapshot = Snapshot(raws["app"][0]["id"])
    for kind, resources in raws.items():
        shuffled = [dict(source.sample([*raw.items()], len(raw))) for raw in source.sample(resources, len(resources))]
        snapshot.apply(PartLoaded(kind, resources_of(kind, shuffled, lambda _: "")))
    snapshot.apply(PartLoaded("provider", resources_of("provider", PROVIDERS, lambda _: "")))
    return snapshot


def normal_form(document: Object) -> Object:
    """Return a document without default values, sorted as an export is."""
    from drio_tui.document_layout import OPERATIONS, normalized

    result: Object = {"app": normalized("app", document["app"])}
    for section, kind in (("auth", "auth"), ("integrations", "integration"), ("tools", "tool"), ("widgets", "widget")):
        result[section] = {key: normalized(kind, entry) for key, entry in document[section].items()}
    for key, entry in document["integrations"].items():
        operations = entry.get(OPERATIONS, {})
        result["integrations"][key][OPERATIONS] = {
            name: normalized("operation", operation) for name, operation in operations.items()
        }
    return result
