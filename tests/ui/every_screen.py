"""A walk through every screen and dialog of the program, on the sandbox: for tests of what holds on all of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from drio_tui import fault_lab
from drio_tui.api.v3 import Page, PageQuery
from drio_tui.evaluation.local_tests import keep_local
from drio_tui.kinds import AUTH, TOOL
from drio_tui.openapi_import.updating import UpdatePlan
from drio_tui.plan.steps import Step
from drio_tui.ui.app.failed_screen import FailedScreen
from drio_tui.ui.app.navigation import make_screen
from drio_tui.ui.base.services import get_openapi_document
from drio_tui.ui.dialogs.confirm_dialog import ConfirmDialog
from drio_tui.ui.dialogs.name_dialog import NameDialog
from drio_tui.ui.editing.edit_screen import EditScreen
from drio_tui.ui.editing.edit_target import EditTarget
from drio_tui.ui.editing.editors.fill_slots_dialog import FillSlotsDialog
from drio_tui.ui.editing.editors.sample import SampleDialog
from drio_tui.ui.editing.recovery_dialog import RecoveryDialog
from drio_tui.ui.openapi_import.update_screen import PreparedUpdate, UpdateScreen
from drio_tui.ui.playground.playground_dialogs import CredentialsDialog
from drio_tui.ui.playground.tool_tests_screen import results_of
from drio_tui.ui.widgets.rich_text import Document
from drio_tui.ui.widgets.row_list import RowList
from drio_tui.workspace.deploy.endpoint_calls import EndpointCall
from drio_tui.workspace.model.snapshot import Resource, Snapshot
from drio_tui.workspace.run.local_runner import CredentialRequest
from drio_tui.workspace.run.mapping_suggestions import slot_changes
from drio_tui.workspace.run.run_history import RunHistory
from drio_tui.workspace.saving.merge import FieldChange
from drio_tui.workspace.saving.unsaved_edits import UnsavedEdit
from tests.api import v3_server
from tests.openapi_import.documents import PETS
from tests.ui.driving import text_of, until
from tests.ui.walk import SIZES, Walk


async def visit_every_screen(walk: Walk, folder: Path) -> None:
    """Visit every screen and dialog of the running program; `folder` gets an OpenAPI document."""
    pilot, app = walk.pilot, walk.app
    await until(pilot, lambda: app.current_mode != "start")
    # Forms wait only shortly for it, and say whose fields they show.
    await get_openapi_document(await app.connection.ready()).refresh()
    await visit_lists(walk)
    await visit_explorer(walk)
    await visit_wizard(walk, folder)
    await pilot.press("2")
    await walk.wait_for("AppsScreen", lambda screen: screen.resources)
    await visit_app(walk, folder)
    await pilot.press("3")
    await walk.wait_for("RequestsScreen")
    app.connection.log.clear()
    await (await app.connection.ready()).me()
    await until(pilot, lambda: "GET" in text_of(app))
    await walk.visit("requests")
    await visit_v3(walk)


async def visit_lists(walk: Walk) -> None:
    """Visit the templates, the apps, and the screens that can be opened over any of them."""
    pilot, app = walk.pilot, walk.app
    await pilot.press("1")
    screen = await walk.wait_for("TemplatesScreen", lambda screen: screen.resources)
    screen.rows.choose("support")
    await walk.visit("templates")
    await pilot.press("slash", *"zzz")
    await walk.visit("templates-no-match")
    await pilot.press("escape", "escape")
    await pilot.press("question_mark")
    await walk.wait_for("HelpDialog")
    await walk.visit("help")
    await walk.close(app.screen)
    await pilot.press("ctrl+p")
    await walk.wait_for("Palette")
    await walk.visit("palette")
    await pilot.press("escape")
    await walk.visit_dialog("welcome", make_screen("welcome"))
    await pilot.press("L")
    await walk.wait_for("SignInScreen")
    await walk.visit("sign-in")
    await pilot.press("D")
    doctor = await walk.wait_for("DoctorScreen", lambda screen: screen.waiting_for == "sign-in")
    doctor.query_one(RowList).choose("request")
    await walk.visit("doctor")
    await walk.close(doctor)
    await walk.close(app.screen)
    await fault_lab.switch(await app.connection.ready(), on=["conflict", "POST:/tools=status:503*2"], seed=1)
    await pilot.press("B")
    dialog = await walk.wait_for("FaultsDialog", lambda screen: screen.state is not None and screen.state.on)
    await walk.visit("faults")
    await pilot.press("o")
    await until(pilot, lambda: not dialog.state.on)
    await walk.close(dialog)
    await walk.visit_dialog("confirm", ConfirmDialog("Quit?", f"You would lose your edits.{walk.suffix}", agree="Quit"))
    await walk.visit_dialog(
        "confirm-by-name", ConfirmDialog("Delete it?", "For good.", agree="Delete", name=f"acme{walk.suffix}")
    )
    await walk.visit_dialog("failed", FailedScreen(f"RuntimeError: broken{walk.suffix}", None, lambda: None, kept=True))
    edit = UnsavedEdit(
        "p",
        app.connection.server,
        "app_1",
        "tool",
        "tool_1",
        f"Search{walk.suffix}",
        local={},
        base={},
        at=0.0,
        why="a test",
    )
    await walk.visit_dialog("recovery", RecoveryDialog([edit]))
    await pilot.resize_terminal(30, 8)
    await walk.wait_for("TooSmallDialog")
    await walk.visit("too-small", sizes=((30, 8),))
    await pilot.resize_terminal(*SIZES[0])
    await pilot.press("2")
    await walk.wait_for("AppsScreen", lambda screen: screen.resources)
    await until(pilot, lambda: "counting" not in text_of(app))
    await walk.visit("apps")


async def visit_explorer(walk: Walk) -> None:
    """Visit the API explorer, a form with a response, and its dialogs."""
    pilot, app = walk.pilot, walk.app
    await pilot.press("4")
    explorer = await walk.wait_for("ExplorerScreen", lambda screen: screen.server_api is not None)
    explorer.query_one(RowList).choose("POST /api/v1/apps/{appId}/tools")
    await until(pilot, lambda: "nextToolIds" in explorer.query_one(Document).text)
    await walk.visit("explorer")
    await pilot.press("enter")
    operation = await walk.wait_for("OperationScreen", lambda screen: screen.form.is_filled)
    await walk.visit("operation")
    operation.form.model.assign({"appId": f"app_1{walk.suffix}", "body": {"name": f"Search{walk.suffix}"}})
    await pilot.press("f6")
    await walk.wait_for("RawRequestDialog")
    await walk.visit("raw-request")
    await pilot.press("ctrl+r")
    await walk.wait_for("SendDialog")
    await walk.visit("send-request")
    await walk.close(app.screen)
    await walk.close(operation)
    explorer.query_one(RowList).choose("GET /api/v1/me")
    await pilot.press("enter")
    operation = await walk.wait_for("OperationScreen", lambda screen: screen.form.is_filled)
    await pilot.press("ctrl+r")
    await until(pilot, lambda: operation.response is not None)
    await walk.visit("operation-response")
    await walk.close(operation)
    await pilot.press("H")
    await walk.wait_for("RequestHistoryDialog")
    await walk.visit("request-history")
    await walk.close(app.screen)


async def visit_wizard(walk: Walk, folder: Path) -> None:
    """Visit each page of the wizard, and the screens that it opens."""
    pilot, app = walk.pilot, walk.app
    app.navigator.open_wizard()
    wizard = await walk.wait_for("WizardScreen", lambda screen: screen.taken is not None and screen._page.resources)
    await walk.visit("wizard-template")
    wizard._page.rows.choose("support")
    await pilot.press("ctrl+s")
    for page in ("basics", "branding", "auth", "api", "tools", "review"):
        if wizard._page_name != page:
            wizard.call_later(wizard._show, page)
        await until(pilot, lambda page=page: wizard._page_name == page and wizard._page.is_mounted)  # type: ignore[misc] # mypy cannot infer a lambda with a default
        await walk.visit(f"wizard-{page}")
        if page == "auth":
            await pilot.press("enter")
            await walk.wait_for("ConfigScreen")
            await walk.visit("wizard-connection")
            await walk.close(app.screen)
        elif page == "api":
            await pilot.press("a")
            await walk.wait_for("SelectDialog")
            await pilot.press("enter")
            await walk.wait_for("WizardResourceScreen", lambda screen: screen.is_filled)
            await walk.visit("wizard-new-integration")
            await walk.close(app.screen)
            await pilot.press("i")
            await walk.wait_for("WizardImportScreen")
            await walk.visit("wizard-import")
            await walk.close(app.screen)
    await walk.visit_dialog("wizard-rename", NameDialog("Tool", f"Search{walk.suffix}"))
    await walk.close(wizard)


async def visit_app(walk: Walk, folder: Path) -> None:
    """Visit the app screen with its pages, and everything that it opens."""
    pilot, app = walk.pilot, walk.app
    client = await app.connection.ready()
    app_id = next(resource.id for resource in app.screen.resources if resource.get("slug") == "acme-support")
    pending = {"providerKey": "api-key", "name": "Waiting", "config": {"name": "X-Api-Key"}}
    await client.create(AUTH, pending, app=app_id)
    app.navigator.open_app(app_id)
    app_screen = await walk.wait_for("AppScreen", lambda screen: screen.outline is not None and not screen.loading_app)
    await walk.visit("app")
    app_screen.PREFIX_SECONDS = 3600.0  # however long the frames take
    await pilot.press("g")
    await walk.visit("app-go")
    await pilot.press("escape")
    resources = {
        kind: list(app_screen.snapshot.resources(kind))
        for kind in ("tool", "widget", "auth", "integration", "operation")
    }
    for kind in ("tool", "widget", "integration", "operation"):
        app_screen.tree_view.reveal(resources[kind][0].key)
        await until(pilot, lambda kind=kind: app_screen.detail._node.key == resources[kind][0].key)  # type: ignore[misc] # mypy cannot infer a lambda with a default
        await walk.visit(f"app-{kind}")
    for tab in ("json", "references", "model"):
        app_screen.detail.tabs.active = tab
        await walk.visit(f"app-{tab}")
    app_screen.detail.tabs.active = "fields"
    app_screen.tree_view.focus()
    await pilot.press("p")
    await walk.wait_for("ProblemsDialog")
    await walk.visit("problems")
    await walk.close(app.screen)
    await pilot.press("a")
    await walk.wait_for("SelectDialog")
    await walk.visit("select")
    await walk.close(app.screen)
    tool = resources["tool"][0]
    app_screen.tree_view.reveal(tool.key)
    await until(pilot, lambda: app_screen.selected_node.about == tool.key)
    app_screen.action_delete_resources()
    await walk.wait_for("BatchDialog")
    await walk.visit("delete")
    await walk.close(app.screen)
    await visit_editors(walk, app_screen, resources)
    await visit_bulk(walk, app_screen, resources)
    await visit_playground(walk, app_screen)
    await pilot.press("i")
    import_screen = await walk.wait_for("ImportScreen")
    await walk.visit("import-empty")
    document = folder / "petstore.json"
    document.write_text(json.dumps(_with_suffix(PETS, walk.suffix)))
    import_screen.query_one(".-source").value = str(document)
    await pilot.press("enter")
    await until(pilot, lambda: import_screen.document is not None and import_screen.picker.current_id)
    import_screen.query_one(".-source").value = "petstore.json"
    await pilot.press("space")
    await until(pilot, lambda: not import_screen._checking)
    await walk.visit("import")
    await pilot.press("t")
    proposals_screen = await walk.wait_for("ProposalsScreen", lambda screen: screen.current)
    await walk.visit("import-proposals")
    await pilot.press("enter")
    await walk.wait_for("ToolTextsDialog")
    await walk.visit("import-tool-texts")
    await walk.close(app.screen)
    await walk.close(proposals_screen)
    await pilot.press("ctrl+s")
    await walk.wait_for("ImportDialog")
    await walk.visit("import-steps")
    await walk.close(app.screen)
    await walk.close(import_screen)
    await visit_update(walk, app_screen.snapshot, resources["tool"][0])
    await pilot.press("d")
    deploy_screen = await walk.wait_for("DeployScreen", lambda screen: screen.report is not None)
    await walk.visit("deploy")
    await pilot.press("D")
    await until(pilot, lambda: deploy_screen.seen is not None)
    await walk.visit("deployed")
    await pilot.press("C")
    connect_screen = await walk.wait_for("ConnectScreen", lambda screen: screen.guides)
    await walk.visit("connect")
    await walk.close(connect_screen)
    await walk.close(deploy_screen)
    await pilot.press("w")
    calls_screen = await walk.wait_for("CallsScreen", lambda screen: screen.calls)
    calls_screen.show_calls([_call_shown(calls_screen.calls[-1], walk.suffix)])
    await walk.visit("calls")
    await walk.close(calls_screen)
    app_screen.action_show_history()
    await walk.wait_for("HistoryDialog")
    await walk.visit("history")
    await walk.close(app.screen)
    await visit_document(walk, folder, app_screen)


def _call_shown(call: EndpointCall, suffix: str) -> EndpointCall:
    """Return a call of a tool, in the place of one that differs from run to run."""
    return replace(
        call,
        client=f"claude{suffix}",
        client_version="1.2",
        method="tools/call",
        tool=f"search-contacts{suffix}",
        arguments={"q": f"northwind{suffix}"},
        result=None,
        upstream=(),
        failed=True,
        error=f"The upstream answered 404{suffix}",
        seconds=0.012,
        size=1_204,
        tokens=310,
    )


async def visit_v3(walk: Walk) -> None:
    """Visit the screens for API v3, with the apps of a server that serves it: the sandbox does not."""
    pilot, app = walk.pilot, walk.app
    app.navigator.open_v3()
    apps_screen = await walk.wait_for("V3AppsScreen", lambda screen: screen.failure is not None)
    raw = v3_server.app(name=f"Acme Support{walk.suffix}")
    apps_screen.post_message(apps_screen._PageLoaded(Page([raw], "next"), PageQuery()))
    await until(pilot, lambda: apps_screen.resources)
    await walk.visit("v3-apps")
    await pilot.press("enter")
    screen = await walk.wait_for("V3AppScreen", lambda screen: {"app", "tools"} <= screen.parts.keys())
    issue = v3_server.INVALID["issues"][0]
    issues = [{**issue, "message": f"{issue['message']}{walk.suffix}"}, *v3_server.INVALID["issues"][1:]]
    read = {"app": raw, "validation": {**v3_server.INVALID, "issues": issues}}
    for part, value in read.items():
        screen.post_message(screen._PartRead(part, value))
    tools = [v3_server.tool(name=f"Search Contacts{walk.suffix}"), v3_server.tool(456, order="last", retries=3)]
    screen.post_message(screen._ToolsRead(Page(tools), PageQuery()))
    await until(pilot, lambda: screen.tools)
    await walk.visit("v3-app")
    await pilot.press("f4")
    await walk.visit("v3-tools")
    await pilot.press("f4", "f4")
    await walk.visit("v3-validation")
    await walk.close(screen)
    await walk.close(apps_screen)


async def visit_editors(walk: Walk, app_screen: Any, resources: dict[str, list[Any]]) -> None:
    """Visit each page of the edit screen of each kind, a review, a conflict and the dialog for a sample."""
    pilot, app, id = walk.pilot, walk.app, app_screen.app_id
    targets = {kind: EditTarget(id, kind, of_kind[0].id) for kind, of_kind in resources.items()}
    targets["pending"] = EditTarget(id, "auth", resources["auth"][-1].id, focus_path="config")
    targets["app"] = EditTarget(id, "app", id)
    targets["new-tool"] = EditTarget(id, "tool")
    for name, target in targets.items():
        app_screen.actions.open_edit(target)
        screen = await walk.wait_for("EditScreen", lambda screen: screen.is_filled)
        pages = len(screen._pages) if name != "pending" else 1
        for number in range(pages):
            if name != "pending":
                screen.show_page(number)
            await walk.visit(f"edit-{name}-{number}" if pages > 1 else f"edit-{name}")
        if name == "tool":
            screen.show_page(0)
            await pilot.press("ctrl+g")
            overlay = await walk.wait_for("JumpOverlay")
            await until(pilot, lambda overlay=overlay: overlay._targets)  # type: ignore[misc] # mypy cannot infer a lambda with a default
            await walk.visit("jump")
            await walk.close(overlay)
        await walk.close(screen)
    tool = resources["tool"][0]
    local = {**tool.raw, "name": "another_name", "description": "Changed here."}
    for name, dialog, base in (
        ("review", "ReviewDialog", None),
        ("conflict", "ConflictDialog", {**tool.raw, "description": "As it was."}),
    ):
        screen = EditScreen(EditTarget(id, "tool", tool.id, local=local, base=base), app_screen.snapshot)
        app.push_screen(screen)
        await walk.wait_for("EditScreen", lambda screen: screen.is_filled)
        screen.action_write()
        await walk.wait_for(dialog)
        await walk.visit(name)
        await walk.close(app.screen)
        await until(pilot, lambda screen=screen: app.screen is screen and not screen._saving)  # type: ignore[misc] # mypy cannot infer a lambda with a default
        await walk.close(screen)
    widget = resources["widget"][0]
    mappings = {"rows": "$.results", "columns.name": f"$.old{walk.suffix}"}
    result = {"results": [{"name": f"Ada{walk.suffix}", f"plan{walk.suffix}": "free"}]}
    changes = slot_changes("data-table", mappings, sample=result)
    await walk.visit_dialog(
        "fill-slots", FillSlotsDialog(changes, mappings, app_screen.snapshot, widget.raw, result, "a real result")
    )
    await walk.visit_dialog("sample", SampleDialog(json.dumps({"results": [walk.suffix] if walk.suffix else []})))


async def visit_bulk(walk: Walk, app_screen: Any, resources: dict[str, list[Any]]) -> None:
    """Visit the changes of several resources: editing marked ones, and replacing text."""
    pilot = walk.pilot
    for tool in resources["tool"][:2]:
        app_screen.selection.marked[tool.key] = None
    app_screen.action_edit_resource()
    dialog = await walk.wait_for("BulkDialog", lambda screen: not screen.is_planning)
    await walk.visit("bulk-edit")
    await walk.close(dialog)
    app_screen.action_change_several()
    await walk.wait_for("SelectDialog")
    await walk.visit("bulk-menu")
    await pilot.press(*"replace", "enter")
    dialog = await walk.wait_for("BulkDialog", lambda screen: not screen.is_planning and screen.focused)
    await pilot.press("i", "tab", "y")
    await until(pilot, lambda: not dialog.is_planning and dialog._values.get("text") == "y")
    await walk.visit("bulk-replace")
    await walk.close(dialog)
    app_screen.selection.marked.clear()


async def visit_update(walk: Walk, snapshot: Snapshot, tool: Resource) -> None:
    """Show the review of an update from a newer OpenAPI document, which changes one tool."""
    changes = (FieldChange(("description",), tool.text("description"), f"Finds by words.{walk.suffix}"),)
    step = Step("update/tool", "update", tool.kind, "Change a tool", tool.id, changes=changes)
    plan = UpdatePlan((step,), (f"GET /old{walk.suffix} is not in the document.",))

    async def prepare() -> PreparedUpdate:
        return PreparedUpdate(snapshot, plan, [f"GET /new: it is left out.{walk.suffix}"])

    walk.app.push_screen(UpdateScreen(snapshot.app_id, f"Update from Acme API 2.0{walk.suffix}", prepare))
    update_screen = await walk.wait_for("UpdateScreen", lambda screen: screen.prepared)
    await walk.pilot.press("enter")
    await walk.visit("update")
    await walk.close(update_screen)


async def visit_document(walk: Walk, folder: Path, app_screen: Any) -> None:
    """Visit the document of the app: none, exported, edited, with a conflict, and what it asks for."""
    pilot, app = walk.pilot, walk.app
    client = await app.connection.ready()

    def tool(key: str) -> Any:
        return next(item for item in app_screen.snapshot.resources("tool") if item.get("key") == key)

    async def compare() -> None:
        await pilot.press("r")
        await walk.wait_for("DocumentScreen", lambda screen: screen.phase == "compared")

    async def apply() -> None:
        await pilot.press("a")
        await walk.wait_for("ConfirmDialog")
        await pilot.press("ctrl+s")

    await pilot.press("M")
    screen = await walk.wait_for("DocumentScreen")
    await walk.visit("document-empty")
    await pilot.press("x")
    dialog = await walk.wait_for("ExportDialog")
    await walk.visit("document-export")
    dialog.query_one(".-path").value = str(folder / "acme")
    dialog.query_one("#format").chosen = 1
    await pilot.press("ctrl+s")
    await walk.wait_for("DocumentScreen", lambda screen: screen.phase == "compared")
    screen.path_field.value = "~/acme"
    file = folder / "acme" / "drio.json"
    document = json.loads(file.read_text())
    document["integrations"]["helpdesk"]["baseUrl"] = {"$env": "HELPDESK", "default": "https://helpdesk.example.com/v1"}
    document["tools"]["search-contacts"]["description"] = "Finds contacts by name.\n\nUse it first."
    document["tools"]["show-contact"]["name"] = "Contact card"
    key = {"name": "Billing", "provider": "api-key", "config": {"name": "X-Key", "apiKey": {"$secret": "BILLING_KEY"}}}
    document["auth"]["billing"] = key
    file.write_text(json.dumps(document, indent=2))
    await compare()
    await pilot.press("plus")
    await walk.visit("document-changes")
    await apply()
    await walk.wait_for("SecretsDialog")
    await walk.visit("document-secrets")
    await pilot.press("s", "enter")
    await walk.wait_for("DocumentScreen", lambda screen: screen.phase == "applied")
    await pilot.press("minus")
    await walk.visit("document-applied")
    document["tools"]["show-contact"]["name"] = "Card"
    file.write_text(json.dumps(document, indent=2))
    await client.update(TOOL, tool("show-contact").id, {"name": "A contact"}, app=app_screen.app_id)
    await compare()
    await pilot.press("enter")
    await walk.visit("document-conflict")
    await pilot.press("p")
    await walk.wait_for("PullDialog")
    await pilot.press("enter")
    await walk.visit("document-pull")
    await walk.close(app.screen)
    file.write_text('{"app": {"slug": "acme-support",}}')
    await pilot.press("r")
    await until(pilot, lambda: not screen.phase)
    await walk.visit("document-errors")
    await walk.close(screen)


async def visit_playground(walk: Walk, app_screen: Any) -> None:
    """Visit the playground before and after a run, the run history, and the dialog for an upstream's credentials."""
    pilot, app = walk.pilot, walk.app
    client = await app.connection.ready()
    tools = (await client.list(TOOL, app=app_screen.app_id)).items
    tool = next(tool for tool in tools if tool["key"] == "search-contacts")
    app.navigator.open_tool(app_screen.app_id, tool["id"])
    screen = await walk.wait_for("PlaygroundScreen", lambda screen: screen.form is not None)
    await walk.visit("playground")
    await pilot.press(*"north")
    await pilot.press("ctrl+r")
    await until(pilot, lambda: not screen.busy and screen.run_shown is not None)
    await walk.visit("playground-run")
    for page in ("result", "request", "mappings"):
        screen.show_page(page)
        await walk.visit(f"playground-{page}")
    await pilot.press("f7")
    dialog = await walk.wait_for("ChainStepDialog")
    await walk.visit("playground-chain")
    await walk.close(dialog)
    screen.action_history()
    await walk.wait_for("RunHistoryDialog")
    await walk.visit("playground-runs")
    await walk.close(app.screen)
    await visit_tests(walk, app_screen.app_id, tool["id"])
    credentials = CredentialRequest(
        ("auth", "a"), f"Helpdesk key{walk.suffix}", "help.example.com", (("apiKey", "API key"),)
    )
    await walk.visit_dialog(
        "playground-sign-in", CredentialsDialog(credentials, "GET https://help.example.com/tickets")
    )
    await walk.close(screen)


async def visit_tests(walk: Walk, app_id: str, tool: str) -> None:
    """Visit the tests of a tool before and after they ran, and the form of one."""
    pilot, app = walk.pilot, walk.app
    values = [{"path": "$.results[0].name", "equals": f"Nobody{walk.suffix}"}, {"path": "$.total", "exists": True}]
    tests = [
        {"name": f"finds nobody{walk.suffix}", "arguments": {"q": "north"}, "expect": {"values": values}},
        {"name": "fills the table", "arguments": {"q": "north"}, "expect": {"slots": ["rows"]}},
    ]
    keep_local(RunHistory(app.connection.server, app_id), "search-contacts", tests)
    app.navigator.open_tests(app_id, tool)
    screen = await walk.wait_for("ToolTestsScreen", lambda screen: screen.kept.local)
    await walk.visit("tests")
    await pilot.press("ctrl+r")
    await until(pilot, lambda: len(results_of(app.connection.client)) == 2 and not screen.has_request("run"))
    await walk.visit("tests-run")
    await pilot.press("e")
    await walk.wait_for("ToolTestScreen")
    await walk.visit("test-edit")
    await walk.close(app.screen)
    keep_local(RunHistory(app.connection.server, app_id), "search-contacts", [])
    await walk.close(screen)


def _with_suffix(value: Any, suffix: str, name: str = "") -> Any:
    """Return a copy of an OpenAPI document in which the texts for readers end in `suffix`."""
    if isinstance(value, dict):
        return {name: _with_suffix(item, suffix, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_suffix(item, suffix) for item in value]
    return value + suffix if isinstance(value, str) and name in ("summary", "description", "title") else value
