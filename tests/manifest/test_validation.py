"""Validating a document without a server, and the schema that editors use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from drio_tui.document_layout import PROPERTIES
from drio_tui.kinds import KINDS
from drio_tui.manifest.document import Document, load_document
from drio_tui.manifest.problems import DocumentProblem
from drio_tui.manifest.schema import document_schema, resource_schema
from drio_tui.manifest.validation import snapshot_of, validate
from drio_tui.workspace.lint.clients import CLIENTS

EXAMPLE = """\
app:
  slug: acme-support
  name: Acme Support
  template: blank            # only used when the app is created
  serverInstructions: Keep answers concise.
  branding: { primaryColor: "#0f172a" }
auth:
  helpdesk-key:
    name: Helpdesk key
    provider: api-key
    config: { type: apiKey, in: header, name: X-Api-Key, apiKey: { $secret: HELPDESK_KEY } }
integrations:
  helpdesk:
    name: Helpdesk
    baseUrl: { $env: HELPDESK_URL, default: "https://helpdesk.example.com" }
    auth: helpdesk-key
    operations:
      search-contacts: { name: Search contacts, method: GET, path: /contacts, inputSchema: { type: object } }
      show-contact: { name: Show contact, method: GET, path: /contacts/me }
tools:
  search-contacts:
    name: Search Contacts
    description: Finds contacts by name.
    annotations: { readOnlyHint: true }
    binding: helpdesk/search-contacts
    next: [show-contact]
  show-contact:
    name: Show Contact
    description: Shows a contact.
    annotations: { readOnlyHint: true }
    binding: helpdesk/show-contact
widgets:
  contact-table:
    name: Contacts
    tool: search-contacts
    primitive: data-table
    config: { fieldMappings: { rows: $.results } }
    actions: [{ trigger: row.select, type: callTool, target: show-contact, template: "{{ row.id }}", callMode: once }]
"""


def document_of(folder: Path, text: str, name: str = "drio.yaml") -> Document:
    folder.joinpath(name).write_text(text, encoding="utf-8")
    return load_document(folder)


def problems_of(folder: Path, text: str, environ: dict[str, str] | None = None) -> list[DocumentProblem]:
    return validate(document_of(folder, text), environ or {})


def changed(old: str, new: str) -> str:
    assert old in EXAMPLE
    return EXAMPLE.replace(old, new)


TEMPLATE = "template: { id: helpdesk, name: Helpdesk, description: It helps., category: Support, tags: [tickets] }\n"


def test_the_app_of_a_template_needs_no_slug_and_no_name(tmp_path: Path) -> None:
    text = EXAMPLE.replace(
        "  slug: acme-support\n  name: Acme Support\n  template: blank ", "  description: It helps. "
    )
    assert {problem.code for problem in problems_of(tmp_path, text)} == {"incomplete"}
    assert problems_of(tmp_path, text + TEMPLATE) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("id: helpdesk", "id: Help Desk", ("error", "schema", ("template", "id"))),
        ("tags: [tickets]", "tags: [[]]", ("error", "schema", ("template", "tags", 0))),
        ("category", "categry", ("warning", "unknown_property", ("template", "categry"))),
    ],
)
def test_the_section_template_is_checked(tmp_path: Path, old: str, new: str, expected: tuple[object, ...]) -> None:
    problems = problems_of(tmp_path, EXAMPLE + TEMPLATE.replace(old, new))
    assert [(problem.severity, problem.code, problem.path) for problem in problems] == [expected]


def test_the_example_has_no_problems(tmp_path: Path) -> None:
    assert problems_of(tmp_path, EXAMPLE) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"#0f172a"', "0f172a", "error 6:15 schema app.branding.primaryColor"),
        ("name: Helpdesk\n", "name: 5\n", "error 14:5 schema integrations.helpdesk.name"),
        (
            "path: /contacts,",
            "path: contacts,",
            "error 18:62 schema integrations.helpdesk.operations.search-contacts.path",
        ),
        (
            "readOnlyHint: true }\n    binding: helpdesk/search",
            "readOnlyHint: yes }\n    binding: helpdesk/search",
            "error 24:20 schema tools.search-contacts.annotations.readOnlyHint",
        ),
        (
            "binding: helpdesk/search-contacts",
            "binding: search-contacts",
            "error 25:5 schema tools.search-contacts.binding",
        ),
        ("serverInstructions", "serverInstuctions", "warning 5:3 unknown_property app.serverInstuctions"),
        ("primaryColor", "primarycolor", "warning 6:15 unknown_property app.branding.primarycolor"),
        (
            "callMode: once",
            "callmode: once",
            "warning 38:102 unknown_property widgets.contact-table.actions[0].callmode",
        ),
        ("auth: helpdesk-key", "authId: auth_1", "error 16:5 unknown_property integrations.helpdesk.authId"),
        (
            "target: show",
            "targetToolId: show",
            "error 38:54 unknown_property widgets.contact-table.actions[0].targetToolId",
        ),
        ("slug: acme-support", "slug: acme-support\n  status: draft", "warning 3:3 unknown_property app.status"),
        ("widgets:", "widget:", "warning 32:1 unknown_property widget"),
        ("auth: helpdesk-key", "auth: helpdesk", "warning 16:5 unknown_reference integrations.helpdesk.auth"),
        (
            "binding: helpdesk/search-contacts",
            "binding: helpdesk/search",
            "warning 25:5 unknown_reference tools.search-contacts.binding",
        ),
        ("next: [show-contact]", "next: [other]", "warning 26:12 unknown_reference tools.search-contacts.next[0]"),
        ("tool: search-contacts", "tool: other", "warning 35:5 unknown_reference widgets.contact-table.tool"),
        (
            "target: show-contact",
            "target: other",
            "warning 38:54 unknown_reference widgets.contact-table.actions[0].target",
        ),
        (
            "  show-contact:\n    name: Show Contact",
            "  show-contact:\n    next: [search-contacts]\n    name: Show Contact",
            "error 26:5 chain_cycle tools.search-contacts.next",
        ),
        ("$.results }", '"$.results[" }', "error 37:32 wrong_mapping widgets.contact-table.config.fieldMappings.rows"),
        ("{ $secret: HELPDESK_KEY }", "abcdef", "warning 11:58 plain_secret auth.helpdesk-key.config.apiKey"),
        ("    primitive: data-table\n", "", "warning 33:3 incomplete widgets.contact-table"),
        ("show-contact:\n    name", "Show_Contact:\n    name", "warning 27:3 key tools.Show_Contact"),
        (
            "path: /contacts/me",
            'path: "/contacts/{id"',
            "error 19:56 path_parameter integrations.helpdesk.operations.show-contact.path",
        ),
        ("    description: Shows a contact.\n", "", "warning 27:3 no_description tools.show-contact.description"),
        ("    binding: helpdesk/show-contact\n", "", "warning 27:3 unbound_tool tools.show-contact.binding"),
        ("binding: helpdesk/show-contact", "binding: null", "error 31:5 unbound_tool tools.show-contact.binding"),
        (
            "name: Show Contact",
            "isEnabled: false\n    name: Show Contact",
            "error 26:12 broken_chain tools.search-contacts.next[0]",
        ),
        ("https://helpdesk", "http://helpdesk", "warning 15:5 plain_http integrations.helpdesk.baseUrl"),
        ("name: Show Contact", "name: Show Contact\n    was: show-contact", "error 29:5 was tools.show-contact.was"),
    ],
)
def test_problems_have_their_position(tmp_path: Path, old: str, new: str, expected: str) -> None:
    problems = problems_of(tmp_path, changed(old, new))
    assert expected in [
        f"{problem.severity} {problem.line}:{problem.column} {problem.code} {problem.subject}" for problem in problems
    ]


def test_what_a_given_client_refuses_is_an_error_with_its_position(tmp_path: Path) -> None:
    document = document_of(tmp_path, changed("show-contact:\n    name", f"{'k' * 60}:\n    name"))

    def found(*clients: str) -> list[tuple[str, int]]:
        problems = validate(document, {}, [CLIENTS[name] for name in clients])
        return [(problem.severity, problem.line) for problem in problems if problem.code == "long_tool_name"]

    assert found() == [("warning", 27)]
    assert found("cursor", "claude") == [("error", 27)]
    assert found("claude") == []


def test_misspelled_names_and_keys_come_with_a_suggestion(tmp_path: Path) -> None:
    messages = [
        problem.message for problem in problems_of(tmp_path, changed("auth: helpdesk-key", "auth: helpdesk-kex"))
    ]
    assert messages == [
        "The document has no auth connection helpdesk-kex; it has to be in drio. Did you mean helpdesk-key?"
    ]


def test_a_part_of_an_app_is_a_valid_document(tmp_path: Path) -> None:
    text = "app: {slug: acme}\ntools:\n  search:\n    description: Finds contacts.\n"
    problems = problems_of(tmp_path, text)
    assert {problem.severity for problem in problems} == {"warning"}
    assert {problem.code for problem in problems} == {"incomplete", "unbound_tool"}


def test_unknown_properties_without_a_similar_name_are_kept_without_a_warning(tmp_path: Path) -> None:
    assert problems_of(tmp_path, changed("    next:", "    x-owner: team-a\n    next:")) == []


def test_variables_and_secrets_that_are_not_set_are_taken_to_be_right(tmp_path: Path) -> None:
    text = changed('{ $env: HELPDESK_URL, default: "https://helpdesk.example.com" }', "{ $env: HELPDESK_URL }")
    assert problems_of(tmp_path, text) == []
    assert [problem.code for problem in problems_of(tmp_path, text, {"HELPDESK_URL": "nonsense"})] == [
        "no_base_url", "schema",
    ]  # fmt: skip


def test_the_values_of_files_are_checked(tmp_path: Path) -> None:
    (tmp_path / "widget.json").write_text('{"fieldMappings": {"rows": "results"}}')
    problems = problems_of(tmp_path, changed("{ fieldMappings: { rows: $.results } }", "{ $file: widget.json }"))
    assert [(problem.code, problem.where) for problem in problems] == [("wrong_mapping", "drio.yaml:37:5")]


def test_an_invalid_substitution_is_one_problem(tmp_path: Path) -> None:
    text = changed("description: Shows a contact.", "description: { $file: ../nowhere.txt }")
    assert [problem.code for problem in problems_of(tmp_path, text)] == ["document"]


def test_the_document_as_an_app_has_all_its_references(tmp_path: Path) -> None:
    snapshot = snapshot_of(document_of(tmp_path, EXAMPLE).data)
    tool = snapshot.resource("tool", "search-contacts")
    assert tool is not None
    assert tool.get("binding") == {
        "type": "integration_operation", "integrationOperationId": "helpdesk/search-contacts"
    }  # fmt: skip
    assert tool.get("nextToolIds") == ["show-contact"]
    operation = snapshot.resource("operation", "helpdesk/search-contacts")
    assert operation is not None
    assert operation.get("integrationId") == "helpdesk"


wild = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Documents in which some values have a wrong type."""
    document: dict[str, Any] = json.loads(json.dumps(VALID))
    for _ in range(draw(st.integers(1, 6))):
        container: Any = document
        while True:
            step = draw(st.sampled_from([*container] if isinstance(container, dict) else range(len(container))))
            inner = container[step]
            if not isinstance(inner, dict | list) or not inner or draw(st.integers(0, 4)) == 0:
                container[step] = draw(wild)
                break
            container = inner
        if not document:
            break
    return document


VALID = {
    "app": {"slug": "a", "name": "A", "branding": {"primaryColor": "#fff"}, "isEnabled": True},
    "auth": {"k": {"name": "K", "provider": "api-key", "config": {"apiKey": {"$secret": "K"}}}},
    "integrations": {
        "h": {
            "name": "H", "baseUrl": {"$env": "H"}, "auth": "k", "config": {"headers": {"X": "y"}},
            "operations": {
                "o": {"name": "O", "method": "GET", "path": "/{id}", "inputSchema": {"properties": {"id": {}}}},
            },
        },
    },
    "tools": {"t": {"name": "T", "binding": "h/o", "next": ["t"], "annotations": {"readOnlyHint": True}}},
    "widgets": {
        "w": {
            "name": "W", "tool": "t", "primitive": "card", "config": {"fieldMappings": {"title": "$.a"}},
            "actions": [{"trigger": "x", "type": "callTool", "target": "t", "template": "{{ a }}"}],
        },
    },
}  # fmt: skip


@given(documents())
def test_no_document_makes_the_validation_fail(tmp_path_factory: pytest.TempPathFactory, data: dict[str, Any]) -> None:
    folder = tmp_path_factory.mktemp("document")
    document = document_of(folder, json.dumps(data), "drio.json")
    for problem in validate(document, {}):
        assert problem.file in ("drio.json", "")
        assert problem.line


# --- the schema ------------------------------------------------------------------------------------


def schema_errors(text: str) -> list[str]:
    import yaml

    return [error.json_path for error in Draft202012Validator(document_schema()).iter_errors(yaml.safe_load(text))]


def test_the_schema_is_valid_and_accepts_the_example() -> None:
    Draft202012Validator.check_schema(document_schema())
    assert schema_errors(EXAMPLE) == []


def test_the_schema_accepts_substitutions_in_place_of_any_value() -> None:
    text = EXAMPLE.replace("readOnlyHint: true", "readOnlyHint: {$env: X, default: true}")
    text = text.replace("callMode: once", "callMode: {$env: Y}").replace("{ type: object }", "{ $file: x.json }")
    assert schema_errors(text.replace("[show-contact]", "[{$env: Z}]")) == []


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("name: Show Contact", "name: 5", "$.tools['show-contact'].name"),
        ("next: [show-contact]", "next: show-contact", "$.tools['search-contacts'].next"),
        ("{ $secret: HELPDESK_KEY } }", "{ $secret: X } }\n    grants: {$env: A B}", "$.auth['helpdesk-key'].grants"),
    ],
)
def test_the_schema_finds_errors(old: str, new: str, path: str) -> None:
    assert path in schema_errors(changed(old, new))


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_has_every_property_of_the_layout(kind: str) -> None:
    properties = resource_schema(kind)["properties"]
    assert properties.keys() == {*PROPERTIES[kind].values(), "was"}
    assert "required" not in json.dumps(resource_schema(kind))
