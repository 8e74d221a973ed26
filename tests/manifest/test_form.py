"""The document form of an app: what is in it, what is not, and that it is the same wherever the app is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drio_tui import document_layout as layout
from drio_tui.api.errors import ConnectionLost
from drio_tui.manifest.form import IncompleteRead, to_document
from drio_tui.manifest.secret import Secret, revealed, secrets_in, with_placeholders
from drio_tui.workspace.model.snapshot import PartFailed, PartLoaded, resources_of
from tests.manifest.apps import documents, normal_form, snapshot_of
from tests.workspace.small_app import small_config
from tests.workspace.small_app import snapshot_of as small_snapshot


@given(documents(), st.integers(0, 5), st.integers(0, 5))
def test_a_document_comes_back_from_any_drio_whatever_its_ids_and_order(document, seed, other_seed):
    form, other = to_document(snapshot_of(document, seed=seed)), to_document(snapshot_of(document, seed=other_seed))
    assert form.data == normal_form(document)
    assert json.dumps(form.data) == json.dumps(other.data)  # the same bytes
    assert [*form.data["tools"]] == [*document["tools"]]
    assert set(form.ids) == {(kind, key) for kind, key, _ in layout.entries(document)}
    assert not form.not_exported


def test_the_example_app_in_document_form():
    data = to_document(small_snapshot(small_config())).data
    assert data == {
        "app": {
            "slug": "acme-support", "name": "Acme Support", "template": "support",
            "branding": {"primaryColor": "#0f172a", "accentColor": "#22c55e", "borderRadius": "lg"},
        },
        "auth": {"helpdesk-key": {"name": "Helpdesk key", "provider": "api-key"}},
        "integrations": {
            "helpdesk": {
                "name": "Helpdesk", "baseUrl": "https://help.acme.com", "auth": "helpdesk-key",
                "operations": {"get-tickets": {"name": "Search tickets", "method": "GET", "path": "/tickets"}},
            }
        },
        "tools": {
            "summarize": {"name": "Summarize", "isEnabled": False},
            "search-tickets": {"name": "Search Tickets", "binding": "helpdesk/get-tickets", "next": ["summarize"]},
        },
        "widgets": {
            "ticket-table": {
                "name": "Ticket table", "tool": "search-tickets", "primitive": "data-table",
                "actions": [{"trigger": "row.select", "type": "callTool", "target": "summarize"}],
            }
        },
    }  # fmt: skip
    assert [*data["tools"]] == ["summarize", "search-tickets"]  # by their `order`


def test_nothing_that_only_the_server_sets_is_exported():
    """auth0-deploy-cli#60: ids in exports do not travel."""
    config = small_config()
    config["tools"][0] |= {
        "createdAt": "2026-11-29T10:00:00Z", "schemaHash": "hash_1", "version": 3, "etag": "x",
        "ownerId": "user_12345678", "note": {"see": "tool_2"}, "xAt": "a text",
    }  # fmt: skip
    form = to_document(small_snapshot(config))
    assert form.data["tools"]["search-tickets"] == {
        "name": "Search Tickets", "binding": "helpdesk/get-tickets", "next": ["summarize"], "xAt": "a text",
    }  # fmt: skip
    reasons = [str(omission) for omission in form.not_exported]
    assert reasons == [
        "tools/search-tickets#note: it holds the id of a resource, and ids differ from one drio to another",
        "tools/search-tickets#ownerId: ids differ from one drio to another",
    ]
    exported = json.dumps(form.data)
    assert not any(id in exported for id in ("tool_1", "operation_1", "widget_1", "app_1", "auth_1", "hash_1"))


def test_secrets_and_their_masks_are_not_exported():
    """auth0-deploy-cli#187: masked secrets were imported again."""
    config = small_config()
    config["auth"][0] |= {
        "providerKey": "api-key", "secretRef": "secret_8m3k",
        "config": {"name": "X-Key", "apiKey": "••••1234", "pin": "********", "scopes": ["a"]},
    }  # fmt: skip
    config["integrations"][0]["config"] = {"headers": {"X-Plain": "a", "X-Api-Key": "k-123", "X-Pin": "[hidden]"}}
    form = to_document(small_snapshot(config))
    assert form.data["auth"]["helpdesk-key"]["config"] == {"name": "X-Key", "scopes": ["a"]}
    assert "secretRef" not in form.data["auth"]["helpdesk-key"]
    assert form.data["integrations"]["helpdesk"]["config"] == {"headers": {"X-Plain": "a"}}
    assert {omission.path for omission in form.not_exported} == {
        ("config", "apiKey"), ("config", "pin"), ("config", "headers", "X-Api-Key"), ("config", "headers", "X-Pin"),
    }  # fmt: skip


def test_a_reference_to_a_secret_elsewhere_is_exported():
    config = small_config()
    config["auth"][0]["secretRef"] = "vault:crm/token"
    assert to_document(small_snapshot(config)).data["auth"]["helpdesk-key"]["secretRef"] == "vault:crm/token"


def test_references_to_missing_resources_are_reported():
    config = small_config()
    config["tools"][0]["nextToolIds"] = ["tool_9", "tool_2"]
    config["tools"][1]["binding"] = {"type": "integration_operation", "integrationOperationId": "operation_9"}
    config["integrations"][0]["authId"] = "auth_9"
    config["widgets"][0]["actions"][0]["targetToolId"] = "tool_9"
    form = to_document(small_snapshot(config))
    assert form.data["tools"]["search-tickets"]["next"] == ["summarize"]
    assert form.data["widgets"]["ticket-table"]["actions"] == [{"trigger": "row.select", "type": "callTool"}]
    assert sorted(map(str, form.not_exported)) == [
        "integrations/helpdesk#authId: the auth connection it names does not exist",
        "tools/search-tickets#nextToolIds.0: the tool it names does not exist",
        "tools/summarize#binding.integrationOperationId: the operation it names does not exist",
        "widgets/ticket-table#actions.0.targetToolId: the tool it names does not exist",
    ]


def test_a_pair_that_the_api_stores_twice_is_written_once_at_the_widget():
    config = small_config()
    config["widgets"][0]["toolId"] = None  # only the tool knows
    data = to_document(small_snapshot(config)).data
    assert data["widgets"]["ticket-table"]["tool"] == "search-tickets"
    assert "widgetId" not in data["tools"]["search-tickets"]


def test_keys_that_are_missing_invalid_or_not_unique_are_replaced():
    config = small_config()
    config["tools"][0]["key"] = "a/b\nc"
    config["tools"] += [
        {"id": "tool_3", "key": "summarize", "name": "Other"},
        {"id": "tool_4", "name": "Summarize"},
        {"id": "tool_5", "name": "???"},
    ]
    form = to_document(small_snapshot(config))
    assert {key: form.ids["tool", key] for key in form.data["tools"]} == {
        "summarize": "tool_2", "a-b-c": "tool_1", "summarize-2": "tool_3", "summarize-3": "tool_4", "tool": "tool_5",
    }  # fmt: skip


def test_names_with_another_meaning_in_a_document_are_left_out():
    config = small_config()
    config["tools"][0] |= {"next": 1, "was": "x"}
    form = to_document(small_snapshot(config))
    assert "was" not in form.data["tools"]["search-tickets"]
    assert form.data["tools"]["search-tickets"]["next"] == ["summarize"]
    assert {omission.path for omission in form.not_exported} == {("next",), ("was",)}


@pytest.mark.parametrize("kind", ["auth", "tool", "operation", "provider"])
def test_a_failed_or_partial_read_has_no_document_form(kind):
    """auth0-deploy-cli#201: a folder that could not be read deleted a users database."""
    snapshot = small_snapshot(small_config())
    snapshot.begin()
    with pytest.raises(IncompleteRead):
        to_document(snapshot)
    snapshot = small_snapshot(small_config())
    snapshot.apply(PartFailed(kind, ConnectionLost("lost"), parent="integration_1" if kind == "operation" else ""))
    with pytest.raises(IncompleteRead, match=kind):
        to_document(snapshot)


def test_a_resource_without_an_id_is_reported_and_blocks_its_key():
    snapshot = small_snapshot(small_config())
    raws = [{"name": "No id", "key": "no-id"}, "text"]
    snapshot.apply(PartLoaded("tool", resources_of("tool", raws, lambda _: "")))
    snapshot.apply(PartLoaded("widget", ()))
    form = to_document(snapshot)
    assert not form.data["tools"]
    assert form.unusable == {("tool", "no-id"): "it has no id"}
    assert [omission.reason for omission in form.not_exported] == ["it has no id", "it has no id"]


def test_the_defaults_are_those_of_the_sandbox():
    services = pytest.importorskip("drio_tui.sandbox.services", reason="the sandbox extra is not installed")
    from drio_tui.sandbox.services import apps, auth, integrations, operations, tools, widgets

    del services
    modules = {"app": apps, "auth": auth, "integration": integrations, "operation": operations, "tool": tools}
    modules["widget"] = widgets
    for kind, module in modules.items():
        names = layout.PROPERTIES[kind]
        expected = {names[name]: value for name, value in module.RULES.defaults.items()}
        known = {name: value for name, value in layout.DEFAULTS[kind].items() if name in expected}
        assert known == expected


def test_a_binding_keeps_its_unknown_properties():
    config = small_config()
    config["tools"][0]["binding"]["timeout"] = 3
    form = to_document(small_snapshot(config))
    entry = form.data["tools"]["search-tickets"]
    assert entry["binding"] == {"operation": "helpdesk/get-tickets", "timeout": 3}
    assert layout.to_api("tool", {"binding": entry["binding"]}, lambda *name: form.ids[name]) == {
        "binding": {"type": "integration_operation", "timeout": 3, "integrationOperationId": "operation_1"}
    }


def test_a_secret_is_no_json_and_is_not_shown():
    value = {"config": {"apiKey": Secret("HELPDESK_KEY", "k-123")}, "list": [Secret("OTHER", "o-1")]}
    assert "k-123" not in repr(value)
    assert "k-123" not in f"{value['config']['apiKey']}"
    with pytest.raises(TypeError):
        json.dumps(value)
    assert with_placeholders(value) == {
        "config": {"apiKey": {"$secret": "HELPDESK_KEY"}},
        "list": [{"$secret": "OTHER"}],
    }
    assert revealed(value) == {"config": {"apiKey": "k-123"}, "list": ["o-1"]}
    assert [path for path, _ in secrets_in(value)] == [("config", "apiKey"), ("list", "0")]
