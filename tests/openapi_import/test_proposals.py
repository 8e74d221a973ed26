"""What an import proposes: names, descriptions, annotations, widgets and chains, and an app that has no lint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drio_tui.kinds import KINDS
from drio_tui.openapi_import.document import open_document
from drio_tui.openapi_import.existing import existing_resources
from drio_tui.openapi_import.import_steps import import_steps
from drio_tui.openapi_import.model import Response
from drio_tui.openapi_import.parser import OpenApiParser
from drio_tui.openapi_import.plain_text import paragraphs, sentences
from drio_tui.openapi_import.proposals import PARTS, Proposals, propose
from drio_tui.openapi_import.tool_texts import (
    OperationText,
    description_of,
    distinct_names,
    key_for,
    name_of,
    object_of,
)
from drio_tui.plan.executor import Executor
from drio_tui.plan.undo import undo_last
from drio_tui.tool_calls.token_count import compact, size, tokens
from drio_tui.ui.editing.history_dialog import undo_report
from drio_tui.workspace.lint.client_checks import server_of
from drio_tui.workspace.lint.client_view import lint
from drio_tui.workspace.lint.preflight import preflight
from drio_tui.workspace.model.loader import read_app
from tests.openapi_import.documents import answer, parameter, parser_of

pytest.importorskip("fastapi", reason="the sandbox extra is not installed")

from tests.sandbox_fixtures import InProcessSandbox
from tests.workspace.saving_world import World

DOCUMENT = Path(__file__).parent / "field_service.json"
CUSTOMER = {"type": "object", "properties": {name: {"type": "string"} for name in ("id", "name", "email", "api_token")}}
CUSTOMERS = {"type": "object", "properties": {"results": {"type": "array", "items": CUSTOMER}}}


def proposals_of(parser: OpenApiParser, **options: Any) -> Proposals:
    operations = [*parser.summaries()]
    return propose(operations, {operation.id: parser.detail(operation.id) for operation in operations}, **options)


@pytest.mark.parametrize(
    ("method", "path", "texts", "name"),
    [
        # a good summary stays
        ("GET", "/contacts", {"summary": "Search contacts."}, "Search contacts"),
        ("GET", "/users/{username}/repos", {"summary": "List repositories for a user"}, "List repositories for a user"),
        ("GET", "/pools/{name}", {"summary": "Get Pool", "operation_id": "read_pool"}, "Get Pool"),
        ("PUT", "/gists/{id}/star", {"summary": "Frobnicate a gist"}, "Frobnicate a gist"),
        # in the imperative, without markup and remarks
        ("GET", "/contacts", {"summary": "Returns a list of contacts"}, "List contacts"),
        ("GET", "/contacts", {"summary": "Retrieves all contacts"}, "List all contacts"),
        ("GET", "/contacts/{id}", {"summary": "Returns a contact"}, "Get a contact"),
        ("PUT", "/tags/{id}", {"summary": "Applies a **tag**"}, "Apply a tag"),
        ("DELETE", "/contacts/{id}", {"summary": "[Deprecated] Delete a contact"}, "Delete a contact"),
        # a noun gets a verb
        ("GET", "/contacts", {"summary": "Contacts", "output_schema": CUSTOMERS}, "List contacts"),
        ("GET", "/contacts/{id}", {"summary": "API contact"}, "Get API contact"),
        # the operation's id
        ("GET", "/pets", {"operation_id": "listPetsByOwner"}, "List pets by owner"),
        ("GET", "/users", {"operation_id": "users.list"}, "List users"),
        ("GET", "/orgs/{org}/repos", {"operation_id": "repos/list-for-org"}, "List repos for org"),
        ("GET", "/items/{id}", {"operation_id": "read_item_items__id__get"}, "Read item"),
        ("POST", "/entitlements/{id}/consume", {"operation_id": "consume_entitlement"}, "Consume entitlement"),
        # the first sentence of the description
        ("POST", "/visits/{id}/cancel", {"description": "Cancels a visit that has not begun. It is not billed."},
         "Cancel a visit"),
        # method and path
        ("GET", "/v1/contacts", {"operation_id": "get_v1_contacts_id_id"}, "List contacts"),
        ("GET", "/contacts/{contactId}", {}, "Get a contact by id"),
        ("GET", "/users/{username}", {}, "Get a user by username"),
        ("POST", "/categories", {}, "Create a category"),
        ("PUT", "/orders/{id}", {}, "Replace an order by id"),
        ("DELETE", "/orders/{id}", {}, "Delete an order by id"),
        ("POST", "/orders/{id}/archive", {}, "Archive an order"),
        ("POST", "/contacts/search", {}, "Search contacts"),
        ("GET", "/contacts/{id}/notes", {}, "List notes of a contact"),
        ("GET", "/", {}, "Get /"),
    ],
)  # fmt: skip
def test_a_name_is_a_verb_and_its_object(method: str, path: str, texts: dict[str, Any], name: str) -> None:
    assert name_of(OperationText(method, path, **texts)) == name


@pytest.mark.parametrize(
    ("name", "most", "key"),
    [
        ("Get a contact by id", 64, "get-contact-by-id"),
        ("Get a portfolio's custom fields", 64, "get-portfolio-custom-fields"),
        ("List repositories allowed to use self-hosted runners in an organization", 55,
         "list-repositories-allowed-to-use-self-hosted-runners"),
        ("3D models", 64, "call-3d-models"),
        ("連絡先の一覧", 64, "fallback"),
    ],
)  # fmt: skip
def test_a_key_is_short_and_begins_with_a_letter(name: str, most: int, key: str) -> None:
    assert key_for(name, "fallback", most) == key


def test_equal_names_say_of_what_they_are() -> None:
    paths = ("/issues/{id}/comments", "/posts/{id}/comments", "/comments")
    operations = [OperationText("GET", path, summary="List comments") for path in paths]
    names = [name_of(operation) for operation in operations]
    assert distinct_names(operations, names) == [
        "List comments of an issue",
        "List comments of a post",
        "List comments",
    ]
    assert [object_of(name) for name in ("List comments", "Get the pet of a user", "Bulk update tags")] == [
        "Comments", "Pet", "Tags",
    ]  # fmt: skip


def test_markup_becomes_plain_sentences() -> None:
    text = """# Contacts
<p>Lists <b>your</b> contacts, e.g. <code>Ann</code>. See <a href="https://x.example/a">the guide</a> &amp; more.</p>
<!-- internal -->
> [!NOTE]
> Needs **one** `role`

It takes:
* a name
  of a person
| a | table |
```
code
```
[Later](https://x.example/(b)) snake_case_name stays. _So_ does <id>.
"""
    assert paragraphs(text) == [
        "Lists your contacts, e.g. `Ann`. See the guide & more.",
        "Needs one `role`",
        "Later snake_case_name stays. So does <id>.",
    ]
    assert sentences("Lists contacts, e.g. Ann. `all` too! So") == ["Lists contacts, e.g. Ann.", "`all` too!", "So."]


@pytest.mark.parametrize(
    ("texts", "description"),
    [
        ({"summary": "List contacts", "description": "Lists contacts.\n\nOAuth tokens need the `read` scope.\n\n"
          "Use this to find an id.", "output_schema": CUSTOMERS},
         "Lists contacts. Use this to find an id. Returns a list, each item with id, name, email."),
        ({"summary": "Contacts", "description": "The ones that are not archived."},
         "List contacts. The ones that are not archived."),
        ({"summary": "List contacts", "description": "> [!NOTE]\n> This is in public preview.\n\nLists the contacts.."},
         "Lists the contacts."),
        ({"description": "*Deprecated: prefer people.*\n\nLists the contacts."},
         "Lists the contacts. Deprecated: prefer people."),
        ({"description": "Returns the contacts.", "output_schema": CUSTOMERS}, "Returns the contacts."),
        ({"summary": "List contacts", "responses": (Response("200", "A list of contacts."),)},
         "List contacts. Returns a list of contacts."),
        ({"summary": "List contacts", "responses": (Response("200", "OK"),)}, "List contacts."),
        ({"summary": "Mark contacts", "responses": (Response("204", "No content"),), "deprecated": True},
         "Deprecated. Mark contacts. Returns nothing."),
    ],
)  # fmt: skip
def test_a_description_says_what_when_and_what_is_returned(texts: dict[str, Any], description: str) -> None:
    operation = OperationText("GET", "/contacts", **texts)
    assert description_of(operation, "List contacts" if "Mark" not in str(texts) else "Mark contacts") == description


def test_annotations_widgets_and_chains_follow_from_method_schema_and_path() -> None:
    proposals = proposals_of(OpenApiParser(DOCUMENT.read_bytes()), server="field-service")
    listing, one = proposals.get("GET /customers"), proposals.get("GET /customers/{customerId}")
    assert listing
    assert listing.widget
    assert listing.chain
    assert one
    assert one.widget
    assert (listing.widget.name, listing.widget.primitive) == ("Customers table", "data-table")
    assert listing.widget.mappings == {
        "rows": "$.results", "columns.name": "$.name", "columns.email": "$.email", "columns.status": "$.status",
        "columns.created_at": "$.created_at",
    }  # fmt: skip
    assert (listing.chain.target, dict(listing.chain.arguments)) == (one.id, {"customerId": "$.results[*].id"})
    assert (one.widget.primitive, one.chain) == ("card", None)
    hints = {
        id: [
            name.removesuffix("Hint")
            for name, value in proposal.annotations.items()
            if value and name != "openWorldHint"
        ]
        for id, proposal in ((proposal.id, proposal) for proposal in proposals.all)
    }
    assert hints["GET /customers"] == ["readOnly", "idempotent"]
    assert hints["POST /customers"] == []
    assert hints["PATCH /customers/{customerId}"] == hints["POST /search"] == ["destructive"]
    assert hints["DELETE /customers/{customerId}"] == ["destructive", "idempotent"]


def test_there_is_no_chain_without_a_place_for_every_argument() -> None:
    region = parameter("region", required=True)
    items = {"get": {"summary": "List pets", **answer({"type": "array", "items": CUSTOMER})}}
    one = {
        "get": {"summary": "Get a pet", "parameters": [parameter("petId", "path", required=True)], **answer(CUSTOMER)}
    }
    chained = proposals_of(parser_of({"/pets": items, "/pets/{petId}": one})).get("GET /pets")
    assert chained
    assert chained.chain
    one["get"]["parameters"].append(region)
    unchained = proposals_of(parser_of({"/pets": items, "/pets/{petId}": one})).get("GET /pets")
    assert unchained
    assert unchained.chain is None


def test_parts_are_refused_and_edited() -> None:
    parser = OpenApiParser(DOCUMENT.read_bytes())
    proposals = proposals_of(parser)
    id = "GET /customers"
    before = proposals.tokens
    for part in PARTS:  # the estimate adds up what it has counted
        proposals.toggle_all(part)
        for proposal in proposals.all:
            assert proposals.size_of(proposal.id) == (tokens(compact(proposal.seen)), size(proposal.seen))
    for part in PARTS:
        proposals.toggle_all(part)
    assert proposals.toggle(id, "name")
    assert not proposals.toggle("GET /status", "chain")
    refused = proposals.get(id)
    assert refused
    assert (refused.tool["name"], refused.tool_key) == ("Returns a list of customers", "customers-list")
    assert refused.tool["description"] == refused.description
    proposals.edit(id, name="Find customers", key="find-customers", description="Finds customers.")
    edited = proposals.get(id)
    assert edited
    assert (edited.tool["name"], edited.tool_key) == ("Find customers", "find-customers")
    assert proposals.tokens < before
    proposals.toggle_all("chain")
    assert proposals.count("chain") == 0
    proposals.toggle_all("chain")
    assert proposals.count("chain") == 3
    other, again = proposals_of(parser_of({"/pets": {"get": {"summary": "List pets"}}})), proposals_of(parser)
    other.keep_decisions(proposals)  # in between, none of them was chosen
    again.keep_decisions(other)
    kept = again.get(id)
    assert kept
    assert (kept.tool["name"], kept.refused) == ("Find customers", edited.refused)
    proposals.take_only(["annotations"])
    assert [proposals.count(part) for part in ("name", "annotations", "widget")] == [0, 12, 0]
    assert proposals.refused == 12 + 12 + 10 + 3


async def test_an_import_with_proposals_has_no_lint_and_one_undo_takes_it_back(bare_sandbox: InProcessSandbox) -> None:
    world = await World.made(bare_sandbox)
    client, app = world.editor.client, world.ids["app"]
    before = await read_app(client, app)
    async with await open_document(str(DOCUMENT)) as openapi:
        chosen = [operation.id for operation in openapi.operations]
        proposals = await openapi.proposals(chosen, server_of(before))
        proposals.toggle("GET /visits/{visitId}", "widget")
        present = existing_resources(before)
        plan = await openapi.plan(chosen, present=present, proposals=proposals, auth=world.ids["auth"])
        assert plan.tokens == proposals.tokens
        assert plan.summary.startswith("1 integration, 12 operations, 12 tools, 9 widgets, 3 chains; the list of tools")
        for kind in ("operation", "widget"):  # one after another, since drio lists them as they are created
            creates = [step for step in import_steps(plan) if (step.verb, step.kind) == ("create", kind)]
            assert [step.follows for step in creates] == [(), *((step.id,) for step in creates[:-1])]
        work = Executor(world.editor.saver, app, import_steps(plan))
        assert [result.problem for result in await work.run() if not result.ok] == []
        after = await read_app(client, app)
        again = await openapi.plan(chosen, present=existing_resources(after), proposals=proposals)
        assert again.of("tool") == again.of("operation") == again.of("widget") == ()
        # An operation without its tool: a key that the user wrote is that of the tool, others are those of operations.
        proposals.edit("GET /customers", name="Find customers", key="find-customers", description="Finds them.")
        without_tools = replace(existing_resources(after), tools=())
        again = await openapi.plan(chosen, present=without_tools, proposals=proposals)
        keys = [tool.body["key"] for tool in again.of("tool") if "key" in tool.body]
        assert keys[:2] == ["find-customers", "create-customer"]
    known = {resource.key for resource in before}
    created = [one for one in after.resources("operation") if one.key not in known]
    assert [f"{one.text('method')} {one.text('path')}" for one in created] == chosen  # as drio lists them
    tools = {tool.text("key"): tool for tool in after.resources("tool")}
    assert tools["list-customers"].get("nextToolIds") == [tools["get-customer"].id]
    shown = [widget.text("toolId") for widget in after.resources("widget")]
    assert tools["list-visits"].id in shown
    assert tools["get-visit"].id not in shown
    imported = {*tools} - {tool.text("key") for tool in before.resources("tool")}
    assert len(imported) == 12
    reports = (*lint(after, review=True).diagnostics, *preflight(after).diagnostics)
    assert [diagnostic.text for diagnostic in reports if diagnostic.key not in known] == []
    text, all_undone = undo_report(await undo_last(world.editor.saver, app))
    assert all_undone
    assert text.startswith("Undone: 37 changes, of ")
    assert text.count("\n") == 0
    undone = await read_app(client, app)
    assert [len(undone.resources(kind)) for kind in KINDS] == [len(before.resources(kind)) for kind in KINDS]
