"""Deploying an app: the preflight, the changes since the last deploy, the deploy, and the tools that a model sees."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.reactive import var
from textual.widgets import ContentSwitcher, Static

from drio_tui.api.errors import DrioError
from drio_tui.endpoint import connect
from drio_tui.kinds import KINDS
from drio_tui.text import count_of
from drio_tui.tool_calls.token_count import kilobytes
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.messages import RequestFailed
from drio_tui.ui.base.services import get_saver
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.deploy import rollback
from drio_tui.ui.deploy.connect_screen import ConnectScreen
from drio_tui.ui.deploy.deploy_rows import (
    change_lines,
    change_rows,
    change_text,
    diagnostic_rows,
    diagnostic_text,
    difference_text,
    tool_rows,
    tool_text,
)
from drio_tui.ui.deploy.deploy_summary import (
    ERROR_HINT,
    EndpointView,
    deployed_lines,
    failure_lines,
    no_changes_text,
    preflight_lines,
)
from drio_tui.ui.dialogs.allow_host import cannot_allow_reason, toggle_allowed
from drio_tui.ui.editing.edit_screen import EditScreen
from drio_tui.ui.editing.edit_target import EditTarget
from drio_tui.ui.forms.tabs import TabStrip
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.copy_field import CopyField
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.workspace.deploy.deploy_record import (
    Change,
    DeployRecordStore,
    NotDeployed,
    Record,
    changes_since,
    endpoint_of_app,
    resources_of,
)
from drio_tui.workspace.deploy.deployer import Deployed, deploy
from drio_tui.workspace.deploy.model_view import differences
from drio_tui.workspace.lint.allowed_hosts import allowed_hosts
from drio_tui.workspace.lint.chain_arguments import KnownRuns
from drio_tui.workspace.lint.preflight import Preflight, preflight
from drio_tui.workspace.model.loader import read_app
from drio_tui.workspace.model.snapshot import Resource, Snapshot
from drio_tui.workspace.run.run_history import RunHistory
from drio_tui.workspace.saving.save_result import Failed, Refused, Unknown

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient

PAGES = ("Preflight", "Changes", "What a model sees")
_LISTS = ("#diagnostics", "#changes", "#tools")
"""The selectors of the lists, by page."""


class DeployScreen(DrioScreen[str | None]):
    """Deploys one app. Returns the endpoint if it was deployed here, else None."""

    AREA = "apps"
    CSS_PATH = stylesheet("deploy")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "deploy",
        "Deploying",
        Key("deploy.now", "D", "deploy_now", "Deploy", "Take the app live as it is", dangerous=True),
        Key("deploy.force", "F", "deploy_anyway", "Anyway", "Deploy in spite of errors", dangerous=True, show=False),
        Key("deploy.edit", "e", "edit_diagnostic", "Edit", "Edit the resource of the diagnostic (Enter, too)",
            dangerous=True),
        Key("deploy.allow", "A", "allow_host", "Allow address", "Let the sandbox call the private address of the "
            "diagnostic", dangerous=True, show=False),
        Key("deploy.check", "r", "refresh", "Check", "Run the preflight again"),
        Key("deploy.look", "v", "look", "As a model", "Connect to the endpoint and look as an AI client does"),
        Key("deploy.connect", "C", "connect", "Connect", "How to add the endpoint to AI clients"),
        Key("deploy.copy", "y", "copy_endpoint", "Copy URL", "Copy the endpoint's address"),
        Key("deploy.page", "f5,tab", "page(1)", "Page →", "The next page"),
        Key("deploy.page_back", "f11,shift+f5,shift+tab", "page(-1)", "Page ←", "The page before", show=False),
    ) + rollback.BINDINGS  # fmt: skip

    class PreflightFinished(Message):
        """The preflight finished, with the app's snapshot, the record of the last deploy and the live endpoint."""

        def __init__(self, snapshot: Snapshot, report: Preflight, last: Record | None, live_at: str) -> None:
            super().__init__()
            self.live_at = live_at
            self.snapshot = snapshot
            self.report = report
            self.last_record = last

    class StepStarted(Message):
        """A deploy started its next step."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class DeployFinished(Message):
        """A deploy finished, or a preflight failed."""

        def __init__(self, outcome: Deployed | Refused | Failed | Unknown) -> None:
            super().__init__()
            self.outcome = outcome

    class EndpointInspected(Message):
        """The endpoint was inspected, or `error` is the reason why not."""

        def __init__(self, seen: EndpointView | None, error: DrioError | None = None) -> None:
            super().__init__()
            self.seen = seen
            self.error = error

    report: var[Preflight | None] = var(None, init=False)
    """The result of the preflight; None while it is running."""

    deploying: var[bool] = var(False, init=False)
    """Whether a deploy is running."""

    page: var[int] = var(0, init=False)
    """The index of the page that is shown."""

    def __init__(self, app_id: str) -> None:
        super().__init__()
        self.app_id = app_id
        self.snapshot: Snapshot | None = None
        self.deployed: Deployed | None = None
        self.last_record: Record | None = None
        self.live_at = ""
        self.changes: Sequence[Change] = ()
        self.seen: EndpointView | None = None
        self.rollback = rollback.Rollback(self)
        self._inspecting = False
        self._steps: list[str] = []
        self._stopped = False
        self._attempted = False  # since the last preflight, so that a key held down deploys only once
        self._went_live = False  # or may have, by the last deploy
        self._editing = False
        self._new_endpoint: str | None = None

    def compose_body(self) -> ComposeResult:
        with Vertical():
            yield Static(id="deploy-heading")
            yield TabStrip(PAGES)
            with ContentSwitcher(initial="diagnostics-page", id="deploy-pages"):
                with Vertical(id="diagnostics-page"):
                    yield RowList(Column("Where", 40, min_width=12), Column("What", min_width=20), id="diagnostics")
                with Vertical(id="changes-page"):
                    yield RowList(Column("Item", 40, min_width=12), Column("Fields", min_width=20), id="changes")
                with Vertical(id="tools-page"):
                    yield RowList(Column("Tool", 40, min_width=12), Column("What", min_width=20), id="tools")
            with VerticalScroll(id="deploy-detail", can_focus=False):
                yield Static(id="deploy-about")
            yield Static(id="deploy-note")
            yield CopyField(what="the endpoint", id="deploy-endpoint")

    def on_mount(self) -> None:
        super().on_mount()
        self._show_endpoint("")
        for selector in _LISTS:
            self._show_rows(selector, [])
        self.action_refresh()

    @property
    def records(self) -> DeployRecordStore:
        """The stored records of this app's deploys."""
        return DeployRecordStore(self.connection.server, self.app_id)

    @property
    def endpoint(self) -> str:
        """The app's live endpoint; empty if unknown."""
        return self.deployed.endpoint if self.deployed else self.live_at

    # -- preflight and inspection -----------------------------------------------------------------

    def action_refresh(self) -> None:
        """Run the preflight, also once more."""
        if self.deploying:
            return
        self.deployed, self.report, self._went_live = None, None, False
        records, base_url = self.records, self.connection.base_url or ""

        async def check(client: DrioClient) -> DeployScreen.PreflightFinished:
            snapshot = await read_app(client, self.app_id, required=["app"])
            allowed = await allowed_hosts(client)
            known = await asyncio.to_thread(KnownRuns.read, RunHistory(self.connection.server, self.app_id))
            report = await asyncio.to_thread(preflight, snapshot, base_url=base_url, allowed=allowed, known=known)
            endpoint = ""
            if snapshot.app is not None and isinstance(snapshot.app.raw, dict):
                with contextlib.suppress(NotDeployed):
                    endpoint = await endpoint_of_app(client, snapshot.app.raw)
            return self.PreflightFinished(snapshot, report, await asyncio.to_thread(records.read), endpoint)

        def failed(error: DrioError) -> Message:
            return self.DeployFinished(Failed(error))

        self.run_request(check, lambda message: message, group="check", failed=failed)

    def on_deploy_screen_preflight_finished(self, message: PreflightFinished) -> None:
        self.snapshot, self.last_record, self.live_at = message.snapshot, message.last_record, message.live_at
        self.changes = changes_since(message.last_record, resources_of(message.snapshot)) if message.last_record else ()
        self._show_rows("#diagnostics", diagnostic_rows(message.report.diagnostics))
        self._show_rows("#changes", change_rows(self.changes))
        self._attempted = False
        self.report = message.report
        self._show_endpoint(self.endpoint)
        self._show_details()

    def _show_rows(self, selector: str, rows: list[Row]) -> None:
        """Show rows; an empty list is hidden, so that the details have the space."""
        row_list = self.query_one(selector, RowList)
        row_list.show(rows)
        row_list.display = bool(rows)
        if row_list is self._list:
            self.query_one("#deploy-pages").display = bool(rows)
            row_list.focus()

    def action_look(self) -> None:
        """Connect to the endpoint as an AI client does, and compare its tools with the config."""
        endpoint = self.endpoint
        snapshot = self.deployed.snapshot if self.deployed else self.snapshot
        if not endpoint or snapshot is None:
            return
        self._inspecting = True
        self.page = 2
        self.update_status()

        async def inspect(_client: DrioClient) -> DeployScreen.EndpointInspected:
            async with connect(endpoint, on_exchange=self.connection.log_exchange) as mcp_client:
                tools = await mcp_client.tools()
                differing = differences(snapshot, mcp_client.server, tools)
                return self.EndpointInspected(EndpointView(mcp_client.server, tools, tuple(differing)))

        self.run_request(
            inspect, lambda message: message, group="look",
            failed=lambda error: self.EndpointInspected(None, error), once=True,
        )  # fmt: skip

    def on_deploy_screen_endpoint_inspected(self, message: EndpointInspected) -> None:
        self._inspecting = False
        self.seen = message.seen
        endpoint_view = message.seen
        self._show_rows("#tools", tool_rows(endpoint_view.tools, endpoint_view.differences) if endpoint_view else [])
        if message.error is not None:
            self.drio.show_error(message.error)
        self.update_status()
        self._show_details()

    # -- deploying --------------------------------------------------------------------------------

    def disabled_reason(self, action: str, parameters: tuple[object, ...]) -> str | None:
        report = self.report
        match action:
            case "deploy_now" | "deploy_anyway" | "refresh" | "edit_diagnostic" | "restore_earlier" if self.deploying:
                return "A deploy is under way."
            case "deploy_now" | "deploy_anyway" | "refresh" | "restore_earlier" if self.rollback.doing:
                return f"{self.rollback.doing}. Esc stops."
            case "deploy_now" | "deploy_anyway" if self._attempted:
                return "It was deployed, or tried, just now. r looks again; then it can be deployed again."
            case "deploy_now" | "deploy_anyway" if report is None:
                return "The preflight is not done yet: r looks again."
            case "deploy_now" if report is not None and report.errors:
                return f"{count_of(report.errors, 'error')} in the way. {ERROR_HINT}"
            case "deploy_anyway" if report is not None and not report.errors:
                return "No error is in the way: D deploys."
            case "allow_host":
                return cannot_allow_reason(self.connection.client, self._selected_integration()) or None
            case "look" | "connect" | "copy_endpoint" if not self.endpoint:
                return "The endpoint is not known yet: deploy the app first."
        return None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "restore_earlier" and not self.rollback.can_restore():
            return False
        return super().check_action(action, parameters)

    def action_deploy_now(self) -> None:
        self._deploy()

    def action_deploy_anyway(self) -> None:
        start_worker(self, self._confirm_and_deploy, group="ask", exclusive=True)

    async def _confirm_and_deploy(self) -> None:
        app = self.snapshot.app if self.snapshot else None
        errors = count_of(self.report.errors if self.report else 0, "error")
        body = f"The preflight found {errors}. The server may refuse, and what is live now is replaced."
        name = (app.text("slug") or app.name) if app else self.app_id
        if await self.drio.navigator.confirm("Deploy with errors?", body, agree="Deploy all the same", name=name):
            self._deploy()

    def _deploy(self) -> None:
        if self.deploying or self._attempted:
            return
        self.deploying = self._attempted = True
        self.deployed = self.seen = None
        self._steps = []
        self._stopped = False
        records = self.records

        async def work(client: DrioClient) -> DeployScreen.DeployFinished:
            saver = get_saver(self.connection, client)
            outcome = await deploy(saver, self.app_id, records, lambda text: self.post_message(self.StepStarted(text)))
            return self.DeployFinished(outcome)

        self.run_request(
            work, lambda message: message, group="deploy",
            failed=lambda error: self.DeployFinished(Failed(error)), once=True,
        )  # fmt: skip

    def on_deploy_screen_step_started(self, message: StepStarted) -> None:
        self._steps.append(message.text)
        self.update_status()

    def on_deploy_screen_deploy_finished(self, message: DeployFinished) -> None:
        self.deploying = False
        outcome = message.outcome
        self._went_live = isinstance(outcome, Deployed | Unknown)
        if isinstance(outcome, Deployed):
            self.deployed = outcome
            self._new_endpoint = outcome.endpoint
            self.snapshot = outcome.snapshot
            self._show_endpoint(outcome.endpoint)
            for notice in outcome.notices:
                self.notify(sanitize_line(notice, 300).plain, severity="warning", markup=False)
            self.update_status()
            self.action_look()
        else:
            self.update_status(outcome)

    def running_task(self) -> str:
        return "The deploy" if self.deploying or self.rollback.publishing else ""

    def action_back(self) -> None:
        """Stop waiting for a running deploy and look up its outcome; the second time ask to leave. Otherwise leave."""
        if self.deploying:
            client = self.connection.client
            if self._stopped or client is None or not get_saver(self.connection, client).stop_deploy(self.app_id):
                self.drio.navigator.back()
            else:
                self._stopped = True
                self._steps.append("You stopped waiting. Looking whether it happened")
                self.update_status()
        elif self.rollback.publishing:
            if not self.rollback.stop():
                self.drio.navigator.back()
        elif not self.cancel_requests():
            self.dismiss(self._new_endpoint)
        else:
            stopped = Failed(DrioError("You stopped the reading.", title="Not checked"))
            self._inspecting = False
            self.rollback.end()
            self.update_status(stopped if self.report is None else None)
            self._show_details()

    def reconnected(self) -> None:
        """Run the preflight again, but keep what a deploy has done: who has not seen it would deploy again."""
        if not self._went_live:
            super().reconnected()

    def session_changed(self) -> None:
        """Run the preflight again, or close, but do not leave a deploy that is running."""
        if not (self.deploying or self.rollback.publishing):
            super().session_changed()

    # -- display ----------------------------------------------------------------------------------

    def watch_report(self) -> None:
        self.update_status()

    def watch_deploying(self) -> None:
        self.set_class(self.deploying, "-deploying")
        self.update_status()

    def watch_page(self) -> None:
        self.query_one(TabStrip).chosen = self.page
        pages = ("diagnostics-page", "changes-page", "tools-page")
        switcher = self.query_one("#deploy-pages", ContentSwitcher)
        switcher.current = pages[self.page]
        switcher.display = self._list.display
        self._list.focus()
        self._show_details()

    @property
    def _list(self) -> RowList:
        return self.query_one(_LISTS[self.page], RowList)

    def action_page(self, step: int) -> None:
        self.page = (self.page + step) % len(PAGES)

    @on(TabStrip.Chosen)
    def _page_chosen(self, event: TabStrip.Chosen) -> None:
        event.stop()
        self.page = event.number

    @on(RowList.Moved)
    def _show_details(self) -> None:
        """Show the details of the row under the cursor."""
        key = self._list.key
        index = int(key) if key is not None else -1
        details = self.query_one("#deploy-about", Static)
        if self.page == 0 and self.report is not None and 0 <= index < len(self.report.diagnostics):
            details.update(diagnostic_text(self.report.diagnostics[index]))
        elif self.page == 1 and self.snapshot is not None and 0 <= index < len(self.changes):
            details.update(change_text(self.changes[index], self.snapshot.name_of))
        elif self.page == 2 and self.seen is not None and index >= 0:
            differing = len(self.seen.differences)
            if index < differing:
                details.update(difference_text(self.seen.differences[index]))
            else:
                details.update(tool_text(self.seen.tools[index - differing]))
        else:
            details.update(self._empty_text())

    def _empty_text(self) -> Content:
        """Return the text of a page without rows."""
        if self.page == 0:
            report = self.report
            if report is None:
                return Content("")
            cost = f"{kilobytes(report.bytes)}, about {report.tokens:,} tokens of a model's context"
            text = sanitize_line(f"Nothing is in the way. {count_of(report.tools, 'tool')}, {cost}.", 200)
            return Content("\n").join([text, Content(), *change_lines(self.changes)]) if self.changes else text
        if self.page == 1:
            app = self.snapshot.app if self.snapshot else None
            return sanitize_line(no_changes_text(self.last_record, app.text("version") if app else ""), 300)
        if self._inspecting:
            return sanitize_line("Connecting…", 80)
        if self.seen is None:
            return sanitize_line("v connects to the endpoint as an AI client does, and compares what it shows.", 200)
        return sanitize_line("The endpoint offers no tool.", 80)

    def update_status(self, outcome: Refused | Failed | Unknown | None = None) -> None:
        """Update the heading, the counts on the tabs, and the status lines."""
        app = self.snapshot.app if self.snapshot else None
        name = app.name if app else self.app_id
        version = self.deployed.before if self.deployed else app.text("version") if app else ""
        parts = [sanitize_line(f"◆ Deploy {name}", 80, "bold"), sanitize_line(f"   {version}", 40, "$foreground-muted")]
        if self.deployed:
            parts.append(sanitize_line(f" → {self.deployed.version}", 40, "$text-success bold"))
        self.query_one("#deploy-heading", Static).update(Content.assemble(*parts))
        errors = self.report.errors if self.report else 0
        self.query_one(TabStrip).count([errors, 0, len(self.seen.differences) if self.seen else 0])
        self.query_one("#deploy-note", Static).update(Content("\n").join(self._status_lines(outcome)))

    def _status_lines(self, outcome: Refused | Failed | Unknown | None) -> list[Content]:
        if outcome is not None:
            return failure_lines(outcome)
        if self.deploying:
            step = self._steps[-1] if self._steps else "Waiting"
            return [sanitize_line(f"◌ {step}…{'' if self._stopped else '   Esc stops waiting.'}", 200, "$text-warning")]
        if self.rollback.doing:
            return [sanitize_line(f"◌ {self.rollback.doing}… Esc stops.", 200, "$text-warning")]
        if self.deployed is not None:
            return deployed_lines(self.deployed, self.seen, inspecting=self._inspecting)
        if self.report is None:
            return [sanitize_line("◌ Running the preflight…", 120, "$text-warning")]
        app = self.snapshot.app if self.snapshot else None
        return preflight_lines(self.report, self.last_record, app.text("version") if app else "", self.changes)

    def _show_endpoint(self, endpoint: str) -> None:
        field = self.query_one("#deploy-endpoint", CopyField)
        field.display = bool(endpoint)
        field.set_text(endpoint)

    # -- following actions ------------------------------------------------------------------------

    @on(RowList.Opened, "#diagnostics")
    def _row_opened(self) -> None:
        if not self.drio.options.read_only:
            self.action_edit_diagnostic()

    def action_edit_diagnostic(self) -> None:
        """Open the editor at the property of the diagnostic; the preflight runs again afterwards."""
        key = self.query_one("#diagnostics", RowList).key
        if self.page != 0 or key is None or self.report is None:
            return
        diagnostic = self.report.diagnostics[int(key)]
        if diagnostic.key[0] not in KINDS or self.deploying:
            self.action_refresh()
            return
        target = EditTarget(self.app_id, diagnostic.key[0], diagnostic.key[1], focus_path=diagnostic.path)
        self._editing = True
        self.app.push_screen(EditScreen(target, self.snapshot))

    def on_screen_resume(self) -> None:
        """Run the preflight again after an editor was closed, saved or not."""
        if self._editing and self.is_current:
            self._editing = False
            self.action_refresh()

    def _selected_integration(self) -> Resource | None:
        """Return the integration of the diagnostic under the cursor, or None."""
        key = self.query_one("#diagnostics", RowList).key
        if self.page != 0 or key is None or self.report is None or self.snapshot is None:
            return None
        resource_key = self.report.diagnostics[int(key)].key
        return self.snapshot.resource(*resource_key) if resource_key[0] == "integration" else None

    def action_allow_host(self) -> None:
        client, integration = self.connection.client, self._selected_integration()
        if client is None or integration is None:
            return

        async def work() -> None:
            if await toggle_allowed(self.drio, client, integration.text("baseUrl")):
                self.action_refresh()

        start_worker(self, work, group="ask", exclusive=True)

    def action_connect(self) -> None:
        self.app.push_screen(ConnectScreen(self.app_id, self.endpoint))

    def action_copy_endpoint(self) -> None:
        self.drio.copy(self.endpoint, "the endpoint")

    # -- restoring an earlier deployment ----------------------------------------------------------

    def action_restore_earlier(self) -> None:
        self.rollback.restore_earlier()

    def on_request_failed(self, message: RequestFailed) -> None:
        self.rollback.end()
        super().on_request_failed(message)

    def on_deployments_loaded(self, message: rollback.DeploymentsLoaded) -> None:
        self.rollback.deployments_loaded(message)

    def on_restore_finished(self, message: rollback.RestoreFinished) -> None:
        self.rollback.restore_finished(message)
