"""Updating an app to a newer version of its document: what is written, what is kept, what is deleted, and undone."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drio_tui.kinds import APP, INTEGRATION, OPERATION, TOOL, WIDGET
from drio_tui.openapi_import.compatibility import rebind_problems
from drio_tui.openapi_import.document import Document, open_document
from drio_tui.openapi_import.errors import ImportFailed
from drio_tui.openapi_import.existing import existing_resources
from drio_tui.openapi_import.import_steps import import_steps
from drio_tui.openapi_import.updating import Comparison, UpdatePlan, compare_with_app, plan_update
from drio_tui.plan.executor import Executor
from drio_tui.plan.undo import undo_last
from drio_tui.workspace.lint.import_source import MEMBER, document_of, imported_of
from drio_tui.workspace.model.loader import read_app
from drio_tui.workspace.model.schema_history import schemas_in
from drio_tui.workspace.model.snapshot import PartLoaded, Resource, Snapshot
from tests import THOROUGH
from tests.openapi_import.documents import PETS, answer, body, document, newer_pets, parameter

pytest.importorskip("fastapi", reason="the sandbox extra is not installed")

from tests.sandbox_fixtures import InProcessSandbox
from tests.workspace.saving_world import Editor

ALL = ("GET /pets", "POST /pets", "GET /pets/{petId}", "PUT /pets/{petId}", "DELETE /pets/{petId}")


class Shop:
    """An app with what was imported from PETS."""

    def __init__(self, editor: Editor, app: str, folder: Path) -> None:
        self.editor, self.app, self.folder = editor, app, folder
        self.seen: dict[tuple[str, str], Any] = {}
        """The schemas that were seen of operations, as `SchemaHistory` keeps them."""

    @classmethod
    async def made(cls, sandbox: InProcessSandbox, folder: Path, value: Any = PETS, chosen: Any = ALL) -> Shop:
        editor = Editor(sandbox)
        app = (await editor.client.create(APP, {"templateId": "blank", "name": "Shop"})).raw["id"]
        shop = cls(editor, app, folder)
        async with await shop.document(value) as document:
            await shop.carry_out(
                import_steps(await document.plan(chosen, present=existing_resources(await shop.read())))
            )
        return shop

    async def read(self) -> Snapshot:
        return await read_app(self.editor.client, self.app)

    async def document(self, value: Any) -> Document:
        path = self.folder / "pets.json"
        path.write_text(json.dumps(value))
        return await open_document(str(path))

    async def carry_out(self, steps: Any) -> None:
        executor = Executor(self.editor.saver, self.app, steps)
        await executor.run()
        assert executor.complete, executor.failed

    async def compare(self, value: Any, **options: Any) -> Comparison:
        async with await self.document(value) as document:
            return await compare_with_app(document, await self.read(), **options)

    async def plan(
        self,
        value: Any,
        chosen: Callable[[Comparison], Collection[str]] = lambda comparison: comparison.ids("same", "changed"),
        *,
        prune: bool = False,
        **options: Any,
    ) -> UpdatePlan:
        async with await self.document(value) as document:
            snapshot = await self.read()
            self.seen |= schemas_in(snapshot)
            options.setdefault("earlier", self.earlier)
            comparison = await compare_with_app(document, snapshot, **options)
            return await plan_update(
                comparison, chosen(comparison), prune=comparison.prunable if prune else (),
                complete=chosen is everything,
            )  # fmt: skip

    def earlier(self, operation: str) -> dict[str, Any]:
        return {hash: schema for (id, hash), schema in self.seen.items() if id == operation}

    async def update(self, value: Any, *arguments: Any, **options: Any) -> UpdatePlan:
        plan = await self.plan(value, *arguments, **options)
        await self.carry_out(plan.steps)
        return plan

    async def tool(self, key: str) -> dict[str, Any]:
        (tool,) = [tool for tool in (await self.editor.client.list(TOOL, app=self.app)).items if tool["key"] == key]
        return tool

    async def integration(self) -> dict[str, Any]:
        (integration,) = (await self.editor.client.list(INTEGRATION, app=self.app)).items
        return integration

    async def operation(self, key: str) -> dict[str, Any]:
        parent = (await self.integration())["id"]
        listed = (await self.editor.client.list(OPERATION, app=self.app, parent=parent)).items
        (operation,) = [operation for operation in listed if operation["key"] == key]
        return operation

    async def config(self) -> dict[str, Any]:
        return await self.editor.client.config(self.app)


def everything(comparison: Comparison) -> Collection[str]:
    return comparison.ids("new", "same", "changed")


async def test_a_newer_document_adds_changes_and_names_what_is_gone(
    bare_sandbox: InProcessSandbox, tmp_path: Path
) -> None:
    shop = await Shop.made(bare_sandbox, tmp_path)
    comparison = await shop.compare(newer_pets())
    assert {item.id: item.state for item in comparison.operations} == {
        "GET /pets": "changed", "POST /pets": "changed", "GET /pets/{petId}": "same", "PUT /pets/{petId}": "same",
        "GET /shops": "new", "DELETE /pets/{petId}": "gone",
    }  # fmt: skip
    plan = await shop.update(newer_pets(), everything)
    assert [(step.verb, step.kind) for step in plan.steps] == [
        ("create", "operation"), ("create", "tool"), ("update", "operation"), ("update", "tool"),
        ("update", "operation"), ("update", "tool"), ("update", "integration"),
    ]  # fmt: skip
    assert plan.notes == ("DELETE /pets/{petId} is not in the document, and these tools are bound to it: delete-pet.",)
    changed = await shop.operation("list-pets")
    assert "colour" in changed["inputSchema"]["properties"]
    tool = await shop.tool("list-pets")
    assert tool["description"] == "List pets\n\nLists the pets of the shop."
    assert tool["binding"]["status"] == "ready"
    assert (await shop.tool("create-pet"))["name"] == "Add a pet"
    assert (await shop.tool("list-shops"))["binding"]["status"] == "ready"
    assert await shop.tool("delete-pet")
    assert document_of(await shop.integration())["version"] == "2.0"
    assert (await shop.plan(newer_pets(), everything)).steps == ()


async def test_operations_that_were_not_chosen_are_not_added(bare_sandbox: InProcessSandbox, tmp_path: Path) -> None:
    shop = await Shop.made(bare_sandbox, tmp_path, chosen=("GET /pets",))
    plan = await shop.update(newer_pets())
    assert [(step.verb, step.kind) for step in plan.steps] == [
        ("update", "operation"), ("update", "tool"), ("update", "integration"),
    ]  # fmt: skip
    assert len((await shop.config())["operations"]) == 1


async def test_one_undo_takes_the_update_back(bare_sandbox: InProcessSandbox, tmp_path: Path) -> None:
    shop = await Shop.made(bare_sandbox, tmp_path)
    before = await shop.config()
    await shop.update(newer_pets(), everything)
    undone = await undo_last(shop.editor.saver, shop.app)
    assert [step.problem for step in undone if not step.ok] == []
    assert {name: (await shop.config())[name] for name in before} == before


async def test_what_users_edited_is_kept_and_named(bare_sandbox: InProcessSandbox, tmp_path: Path) -> None:
    shop = await Shop.made(bare_sandbox, tmp_path)
    tool = await shop.tool("list-pets")
    mine = {"description": "Finds the pets a customer asks for."}
    await shop.editor.client.update(TOOL, tool["id"], mine, app=shop.app)
    renamed = await shop.tool("replace-pet")  # the document says nothing new about it
    await shop.editor.client.update(TOOL, renamed["id"], {"name": "Swap a pet"}, app=shop.app)
    plan = await shop.update(newer_pets())
    assert "the tool list-pets: description is kept: changed in drio and in the document." in plan.notes
    assert not any("replace-pet" in note for note in plan.notes)
    assert (await shop.tool("list-pets"))["description"] == mine["description"]
    assert (await shop.tool("replace-pet"))["name"] == "Swap a pet"
    assert (await shop.operation("list-pets"))["description"] == "List pets\n\nLists the pets of the shop."
    assert (await shop.plan(newer_pets())).steps == ()
    await shop.update(newer_pets(), overwrite=True)
    assert (await shop.tool("list-pets"))["description"] == "List pets\n\nLists the pets of the shop."
    assert (await shop.tool("replace-pet"))["name"] == "Swap a pet"


async def test_an_edit_during_the_update_is_not_overwritten(bare_sandbox: InProcessSandbox, tmp_path: Path) -> None:
    shop = await Shop.made(bare_sandbox, tmp_path)
    plan = await shop.plan(newer_pets())
    tool = await shop.tool("list-pets")
    await shop.editor.client.update(TOOL, tool["id"], {"description": "Mine."}, app=shop.app)
    executor = Executor(shop.editor.saver, shop.app, plan.steps)
    await executor.run()
    assert [result.step.ref for result in executor.failed][:1] == [tool["id"]]
    assert (await shop.tool("list-pets"))["description"] == "Mine."


@pytest.mark.parametrize("fault", ["refused", "answer lost", "request lost", "killed"])
@pytest.mark.parametrize("writes", [0, 2, 5] if THOROUGH else [2])
async def test_an_update_that_ended_early_is_completed_by_the_next_one(
    bare_sandbox: InProcessSandbox, tmp_path: Path, fault: str, writes: int
) -> None:
    shop = await Shop.made(bare_sandbox, tmp_path)
    network = shop.editor.network

    async def fail() -> None:
        match fault:
            case "refused":
                network.refuse = [500]
            case "killed":
                network.offline = True
            case _:
                network.lose = dict.fromkeys(("POST", "PATCH", "PUT", "DELETE"), fault.split()[0])

    async def succeed() -> None: ...

    network.before = [succeed] * writes + [fail]
    plan = await shop.plan(newer_pets(), everything, prune=True)
    await Executor(shop.editor.saver, shop.app, plan.steps, pause=0).run()
    again = Shop(Editor(bare_sandbox), shop.app, tmp_path)
    again.seen = shop.seen
    plan = await again.update(newer_pets(), everything, prune=True)
    assert not any("kept" in note for note in plan.notes)
    assert (await again.plan(newer_pets(), everything, prune=True)).steps == ()
    tools = (await again.config())["tools"]
    assert sorted(tool["key"] for tool in tools) == [
        "create-pet", "get-pet", "list-pets", "list-shops", "replace-pet",
    ]  # fmt: skip
    assert {tool["binding"]["status"] for tool in tools} == {"ready"}
    assert (await again.tool("list-pets"))["description"] == "List pets\n\nLists the pets of the shop."


async def test_without_a_record_of_the_import_the_values_of_the_app_are_kept(
    bare_sandbox: InProcessSandbox, tmp_path: Path
) -> None:
    shop = await Shop.made(bare_sandbox, tmp_path)
    integration = await shop.integration()
    without = {name: value for name, value in document_of(integration).items() if name != "imported"}
    await shop.editor.client.update(INTEGRATION, integration["id"], {"config": {MEMBER: without}}, app=shop.app)
    plan = await shop.update(newer_pets(), prune=True)
    unknown = "it is not known whether it was imported or written in drio."
    assert f"GET /pets: inputSchema is kept: {unknown}" in plan.notes
    assert f"the tool list-pets: description is kept: {unknown}" in plan.notes
    assert (
        "DELETE /pets/{petId} is not in the document, and it is not known whether it was imported, "
        "and these tools are bound to it: delete-pet."
    ) in plan.notes
    assert [step.kind for step in plan.steps] == ["integration"]
    assert len(imported_of(await shop.integration())) == 4
    await shop.update(newer_pets(), overwrite=True)
    assert (await shop.tool("create-pet"))["name"] == "Add a pet"


async def test_prune_deletes_what_is_gone_with_its_tools_and_nothing_else(
    bare_sandbox: InProcessSandbox, tmp_path: Path
) -> None:
    shop = await Shop.made(bare_sandbox, tmp_path)
    parent = (await shop.integration())["id"]
    mine = {"name": "Mine", "method": "GET", "path": "/mine"}
    await shop.editor.client.create(OPERATION, mine, app=shop.app, parent=parent)
    gone = await shop.tool("delete-pet")
    await shop.editor.client.create(WIDGET, {"name": "Gone", "toolId": gone["id"], "primitive": "text"}, app=shop.app)
    plan = await shop.update(newer_pets(), prune=True)
    assert sorted(step.kind for step in plan.steps if step.verb == "delete") == ["operation", "tool", "widget"]
    assert "GET /mine is not in the document, and it is not known whether it was imported." in plan.notes
    config = await shop.config()
    assert sorted(operation["path"] for operation in config["operations"]) == [
        "/mine", "/pets", "/pets", "/pets/{petId}", "/pets/{petId}",
    ]  # fmt: skip
    assert len(config["tools"]) == 4
    assert config["widgets"] == []
    assert len(imported_of(await shop.integration())) == 4


async def test_an_incompatible_change_is_made_and_the_tools_are_named_and_not_rebound(
    bare_sandbox: InProcessSandbox, tmp_path: Path
) -> None:
    shop = await Shop.made(bare_sandbox, tmp_path)
    value = newer_pets()
    value["paths"]["/pets"]["get"]["parameters"][0]["required"] = True
    plan = await shop.update(value)
    assert (
        "the tool list-pets stays bound to the earlier schema of GET /pets: the argument limit is required now."
        in plan.notes
    )
    tool = await shop.tool("list-pets")
    assert tool["binding"]["status"] == "stale"
    assert tool["description"] == "List pets\n\nLists the pets of the shop."


async def test_a_stale_tool_is_rebound_where_its_earlier_schema_is_known(
    bare_sandbox: InProcessSandbox, tmp_path: Path
) -> None:
    shop = await Shop.made(bare_sandbox, tmp_path, newer_pets())
    tool, operation = await shop.tool("list-pets"), await shop.operation("list-pets")
    bound = tool["binding"]["schemaHashAtBindTime"]
    before = operation["inputSchema"]
    schema = {**before, "properties": {**before["properties"], "more": {"type": "string", "x-in": "query"}}}
    client = shop.editor.client
    await client.update(OPERATION, operation["id"], {"inputSchema": schema}, app=shop.app)
    assert (await shop.tool("list-pets"))["binding"]["status"] == "stale"
    unknown = await shop.plan(newer_pets())
    assert unknown.steps == ()
    assert "it is not known here what it was bound to" in str(unknown.notes)
    known = await shop.plan(newer_pets(), earlier=lambda id: {bound: before} if id == operation["id"] else {})
    assert [(step.kind, step.again) for step in known.steps] == [("tool", ("binding",))]
    await shop.carry_out(known.steps)
    assert (await shop.tool("list-pets"))["binding"]["status"] == "ready"


async def test_renamed_parameters_of_a_path_are_written_with_the_schema(
    bare_sandbox: InProcessSandbox, tmp_path: Path
) -> None:
    shop = await Shop.made(bare_sandbox, tmp_path)
    value = json.loads(json.dumps(PETS).replace("petId", "id"))
    plan = await shop.update(value)
    operation = await shop.operation("get-pet")
    assert operation["path"] == "/pets/{id}"
    assert list(operation["inputSchema"]["properties"]) == ["id"]
    assert "the argument id is required now" in str(plan.notes)
    assert (await shop.plan(value)).steps == ()


async def test_a_document_at_another_address_updates_the_integration_of_its_title(
    bare_sandbox: InProcessSandbox, tmp_path: Path
) -> None:
    shop = await Shop.made(bare_sandbox, tmp_path)
    value = newer_pets() | {"servers": [{"url": "https://api.example.com/v2"}]}
    plan = await shop.update(value)
    assert (
        "The document names the base URL https://api.example.com/v2; the integration keeps https://api.example.com/v1."
        in plan.notes
    )
    assert (await shop.integration())["baseUrl"] == "https://api.example.com/v1"
    assert (await shop.tool("create-pet"))["name"] == "Add a pet"


async def test_a_document_that_was_not_imported_updates_nothing(bare_sandbox: InProcessSandbox, tmp_path: Path) -> None:
    shop = await Shop.made(bare_sandbox, tmp_path)
    other = newer_pets()
    other["info"]["title"] = "Other API"
    with pytest.raises(ImportFailed, match="no integration that was imported from Other API"):
        await shop.compare(other)


PATHS = st.dictionaries(
    st.sampled_from(["/a", "/a/{x}", "/token", "/b c", "/b/{x}/{y}"]),
    st.fixed_dictionaries(
        {},
        optional={
            method: st.builds(
                lambda summary, names, schema, deprecated, method=method: {
                    "summary": summary,
                    "deprecated": deprecated,
                    "parameters": [parameter(name, schema={"type": "integer", "default": 1.0}) for name in names],
                    **(body(schema) if method in ("post", "put") else {}),
                    **answer(schema),
                },
                st.text(max_size=12),
                st.lists(st.sampled_from(["limit", "api_key", "é"]), unique=True, max_size=3),
                st.sampled_from([{"type": "object"}, {"type": "string"}, True, {"type": ["object", "null"]}]),
                st.booleans(),
            )
            for method in ("get", "post", "put")
        },
    ),
    min_size=1,
)


@given(paths=PATHS)
@settings(
    max_examples=12, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
async def test_an_update_right_after_an_import_plans_nothing(
    bare_sandbox: InProcessSandbox, tmp_path: Path, paths: dict[str, Any]
) -> None:
    value = document(paths)
    chosen = [f"{method.upper()} {path}" for path, item in paths.items() for method in item]
    if not chosen:
        return
    shop = await Shop.made(bare_sandbox, tmp_path, value, chosen)
    if not (await shop.config())["operations"]:
        return
    plan = await shop.plan(value, everything, prune=True)
    assert plan.steps == ()
    assert not any("kept" in note or "not in the document" in note for note in plan.notes)


# --- compatibility ---------------------------------------------------------------------------------


TEMPLATE = '{"tag": "{{ row.name }}"}'


def app_with(**tool: Any) -> Snapshot:
    """Return an app with the tool `list`, which hands its result to `show` and is shown by a table."""
    show_schema = {"type": "object", "properties": {"id": {"type": "string"}}}
    bound = {"type": "integration_operation", "integrationOperationId": "operation_show"}
    listing = {"id": "tool_list", "name": "list", "nextToolIds": ["tool_show"], **tool}
    widget = {
        "id": "widget", "name": "table", "toolId": "tool_list",
        "config": {"fieldMappings": {"rows": "$.pets", "columns.name": "$.name"}},
        "actions": [
            {"trigger": "row.select", "type": "callTool", "targetToolId": "tool_list", "template": TEMPLATE},
        ],
    }  # fmt: skip
    snapshot = Snapshot("app")
    for kind, raws in {
        "operation": [{"id": "operation_show", "name": "show", "inputSchema": show_schema}],
        "tool": [listing, {"id": "tool_show", "name": "show", "binding": bound}],
        "widget": [widget],
    }.items():
        snapshot.apply(PartLoaded(kind, tuple(Resource(kind, raw["id"], raw) for raw in raws)))
    return snapshot


def operation_of(**changes: Any) -> dict[str, Any]:
    pet = {"type": "object", "properties": {"name": {"type": "string"}}}
    result = {"type": "object", "properties": {"id": {"type": "string"}, "pets": {"type": "array", "items": pet}}}
    arguments = {"type": "object", "properties": {"tag": {"type": "string"}, "limit": {"type": "integer"}}}
    return {"inputSchema": arguments, "outputSchema": result} | changes


def arguments_of(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*required]}


def test_without_the_earlier_result_every_mapping_has_to_find_something() -> None:
    snapshot = app_with()
    tool = snapshot.resource("tool", "tool_list")
    assert tool is not None
    before = {"inputSchema": operation_of()["inputSchema"]}
    assert rebind_problems(snapshot, tool, before, operation_of()) == []
    after = operation_of(outputSchema={"type": "object", "properties": {"pets": {"type": "array"}}})
    problems = rebind_problems(snapshot, tool, before, after)
    assert "the widget table maps columns.name from $.name, which is gone" in problems


@pytest.mark.parametrize(
    ("after", "problems"),
    [
        (operation_of(), []),
        (operation_of(inputSchema=arguments_of(tag={"type": "string"}, new={"type": "string"})), []),
        (
            operation_of(inputSchema=arguments_of("limit", tag={"type": "string"}, limit={"type": "integer"})),
            ["the argument limit is required now"],
        ),
        (
            operation_of(inputSchema=arguments_of(limit={"type": "integer"})),
            ["the widget table passes the argument tag, which is gone"],
        ),
        (
            operation_of(inputSchema=arguments_of(tag={"type": "integer"})),
            ["the widget table passes the argument tag, which takes other values now"],
        ),
        (
            operation_of(outputSchema={"type": "object", "properties": {"id": {"type": "string"}}}),
            [
                "the widget table maps rows from $.pets, which is gone",
                "the widget table maps columns.name from $.name, which is gone",
            ],
        ),
        (
            operation_of(
                outputSchema={
                    "type": "object",
                    "properties": {"pets": {"type": "array", "items": {"properties": {"title": {"type": "string"}}}}},
                }
            ),
            [
                "the tool show takes id from its result, which is gone",
                "the widget table maps columns.name from $.name, which is gone",
                "an action of the widget table has {{ row.name }}, which is not in the sample",
            ],
        ),
    ],
)
def test_a_change_is_compatible_unless_what_is_written_for_the_earlier_schema_breaks(
    after: dict[str, Any], problems: list[str]
) -> None:
    snapshot = app_with()
    tool = snapshot.resource("tool", "tool_list")
    assert tool is not None
    assert rebind_problems(snapshot, tool, operation_of(), after) == problems
