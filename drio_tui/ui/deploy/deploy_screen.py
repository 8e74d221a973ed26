"""Taking an app live: what stands in the way, what a deploy brings, the deploy, and what a model sees then."""

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
from textual.reactive import reactive
from textual.widgets import ContentSwitcher, Static

from drio_tui.api.errors import DrioError
from drio_tui.endpoint import connect
from drio_tui.kinds import KINDS
from drio_tui.text import count_of
from drio_tui.tool_calls.token_count import kilobytes
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.services import saver_of
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.deploy import rollback
from drio_tui.ui.deploy.connect_screen import ConnectScreen
from drio_tui.ui.deploy.deploy_rows import (
    change_rows,
    change_text,
    difference_text,
    finding_rows,
    finding_text,
    seen_rows,
    tool_text,
)
from drio_tui.ui.deploy.deploy_summary import WAYS, Seen, live, nothing_changed, ready, trouble
from drio_tui.ui.dialogs.allow_host import change_allowed, why_not_allowed
from drio_tui.ui.editing.edit_screen import EditScreen, Target
from drio_tui.ui.forms.tabs import TabStrip
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.copy_field import CopyField
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import safe_line
from drio_tui.workspace.deploy.deploy_record import Change, DeployRecordStore, Record, changes_since, resources_of
from drio_tui.workspace.deploy.deployer import Deployed, deploy, read
from drio_tui.workspace.deploy.model_view import differences
from drio_tui.workspace.lint.allowed_hosts import allowed_hosts
from drio_tui.workspace.lint.preflight import Preflight, preflight
from drio_tui.workspace.model.snapshot import Resource, Snapshot
from drio_tui.workspace.run.deployed_runner import NotDeployed, live_at
from drio_tui.workspace.saving.save_result import Failed, Refused, Unknown

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient

PAGES = ("Preflight", "Changes", "What a model sees")


class DeployScreen(rollback.Restoring, DrioScreen[str | None]):
    """Deploys one app. Ends with the endpoint when it was deployed here, else with None."""

    AREA = "apps"
    CSS_PATH = stylesheet("deploy")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "deploy",
        "Deploying",
        Key("deploy.now", "D", "deploy_now", "Deploy", "Take the app live as it is", dangerous=True),
        Key("deploy.force", "F", "deploy_anyway", "Anyway", "Deploy in spite of errors", dangerous=True, show=False),
        Key("deploy.edit", "e", "edit_found", "Edit", "Edit what the finding is about (Enter, too)", dangerous=True),
        Key("deploy.allow", "A", "allow_host", "Allow address", "Let the sandbox call the private address of the "
            "finding", dangerous=True, show=False),
        Key("deploy.check", "r", "refresh", "Check", "Look again at what stands in the way"),
        Key("deploy.look", "v", "look", "As a model", "Connect to the endpoint and look as an AI client does"),
        Key("deploy.connect", "C", "connect", "Connect", "How AI clients are told of the endpoint"),
        Key("deploy.copy", "y", "copy_endpoint", "Copy URL", "Copy the endpoint's address"),
        Key("deploy.page", "f5,tab", "page(1)", "Page →", "The next page"),
        Key("deploy.page_back", "f11,shift+f5,shift+tab", "page(-1)", "Page ←", "The page before", show=False),
    ) + rollback.BINDINGS  # fmt: skip

    class Checked(Message):
        """The preflight was done."""

        def __init__(self, snapshot: Snapshot, report: Preflight, last: Record | None, live_at: str) -> None:
            super().__init__()
            self.live_at = live_at
            self.snapshot = snapshot
            self.report = report
            self.last = last

    class Step(Message):
        """A deploy went on."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Done(Message):
        """A deploy ended."""

        def __init__(self, outcome: Deployed | Refused | Failed | Unknown) -> None:
            super().__init__()
            self.outcome = outcome

    class Looked(Message):
        """The endpoint was looked at, or could not be."""

        def __init__(self, seen: Seen | None, error: DrioError | None = None) -> None:
            super().__init__()
            self.seen = seen
            self.error = error

    report: reactive[Preflight | None] = reactive(None, init=False)
    """What the preflight found; None while it is being done."""

    deploying: reactive[bool] = reactive(False, init=False)
    """Whether a deploy is under way."""

    page: reactive[int] = reactive(0, init=False)
    """The page that is shown."""

    def __init__(self, app_id: str) -> None:
        super().__init__()
        self.app_id = app_id
        self.snapshot: Snapshot | None = None
        self.done: Deployed | None = None
        self.last: Record | None = None
        self.live_at = ""
        self.changes: Sequence[Change] = ()
        self.seen: Seen | None = None
        self._looking = False
        self._steps: list[str] = []
        self._stopped = False
        self._tried = False  # since the last look: a key that is held down deploys once
        self._mending = False
        self._result: str | None = None

    def compose_body(self) -> ComposeResult:
        with Vertical():
            yield Static(id="deploy-heading")
            yield TabStrip(PAGES)
            with ContentSwitcher(initial="findings-page", id="deploy-pages"):
                with Vertical(id="findings-page"):
                    yield RowList(Column("Where", 40, least=12), Column("What", least=20), id="findings")
                with Vertical(id="changes-page"):
                    yield RowList(Column("Item", 40, least=12), Column("Fields", least=20), id="changes")
                with Vertical(id="seen-page"):
                    yield RowList(Column("Tool", 40, least=12), Column("What", least=20), id="seen")
            with VerticalScroll(id="deploy-detail", can_focus=False):
                yield Static(id="deploy-about")
            yield Static(id="deploy-note")
            yield CopyField(what="the endpoint", id="deploy-endpoint")

    def on_mount(self) -> None:
        super().on_mount()
        self._show_endpoint("")
        for name in ("#findings", "#changes", "#seen"):
            self._fill(name, [])
        self.action_refresh()

    @property
    def records(self) -> DeployRecordStore:
        """Where deploys of this app are kept."""
        return DeployRecordStore(self.backend.server, self.app_id)

    @property
    def endpoint(self) -> str:
        """Where the app is live, as far as it is known here."""
        return self.done.endpoint if self.done else self.live_at

    # -- looking ----------------------------------------------------------------------------------

    def action_refresh(self) -> None:
        """Do the preflight (anew)."""
        if self.deploying:
            return
        self.done, self.report = None, None
        records, base_url = self.records, self.backend.base_url or ""

        async def look(client: DrioClient) -> DeployScreen.Checked:
            snapshot = await read(saver_of(self.backend, client), self.app_id)
            allowed = await allowed_hosts(client)
            report = await asyncio.to_thread(preflight, snapshot, base_url=base_url, allowed=allowed)
            endpoint = ""
            if snapshot.app is not None and isinstance(snapshot.app.raw, dict):
                with contextlib.suppress(NotDeployed):
                    endpoint = await live_at(client, snapshot.app.raw)
            return self.Checked(snapshot, report, await asyncio.to_thread(records.read), endpoint)

        def failed(error: DrioError) -> Message:
            return self.Done(Failed(error))

        self.run_request(look, lambda checked: checked, group="check", failed=failed)

    def on_deploy_screen_checked(self, message: Checked) -> None:
        self.snapshot, self.last, self.live_at = message.snapshot, message.last, message.live_at
        self.changes = changes_since(message.last, resources_of(message.snapshot)) if message.last else ()
        self._fill("#findings", finding_rows(message.report.findings))
        self._fill("#changes", change_rows(self.changes))
        self._tried = False
        self.report = message.report
        self._show_endpoint(self.endpoint)
        self._explain()
        self.refresh_bindings()

    def _fill(self, name: str, rows: list[Row]) -> None:
        """Show rows; a list without any makes room for the words instead."""
        found = self.query_one(name, RowList)
        found.show(rows)
        found.display = bool(rows)
        if found is self._list:
            self.query_one("#deploy-pages").display = bool(rows)
            found.focus()

    def action_look(self) -> None:
        """Connect to the endpoint as an AI client does, and compare."""
        endpoint = self.endpoint
        compared = self.done.snapshot if self.done else self.snapshot
        if not endpoint or compared is None:
            return
        self._looking = True
        self.page = 2
        self._tell()

        async def look(_client: DrioClient) -> DeployScreen.Looked:
            async with connect(endpoint, on_exchange=self.backend.note_exchange) as there:
                tools = await there.tools()
                found = differences(compared, there.server, tools)
                return self.Looked(Seen(there.server, tools, tuple(found)))

        self.run_request(
            look, lambda looked: looked, group="look", failed=lambda error: self.Looked(None, error), once=True
        )

    def on_deploy_screen_looked(self, message: Looked) -> None:
        self._looking = False
        self.seen = message.seen
        seen = message.seen
        self._fill("#seen", seen_rows(seen.tools, seen.differences) if seen else [])
        if message.error is not None:
            self.drio.show_error(message.error)
        self._tell()
        self._explain()

    # -- deploying --------------------------------------------------------------------------------

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str | None:
        report = self.report
        match action:
            case "deploy_now" | "deploy_anyway" | "refresh" | "edit_found" | "restore_earlier" if self.deploying:
                return "A deploy is under way."
            case "deploy_now" | "deploy_anyway" if self._tried:
                return "It was deployed, or tried, just now. r looks again; then it can be deployed anew."
            case "deploy_now" | "deploy_anyway" if report is None:
                return "The preflight is not done yet: r looks again."
            case "deploy_now" if report is not None and report.errors:
                return f"{count_of(report.errors, 'error')} in the way. {WAYS}"
            case "deploy_anyway" if report is not None and not report.errors:
                return "No error is in the way: D deploys."
            case "allow_host":
                return why_not_allowed(self.backend.client, self._integration_here()) or None
            case "look" | "connect" | "copy_endpoint" if not self.endpoint:
                return "The endpoint is not known yet: deploy the app first."
        return None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "restore_earlier" and not self.can_restore():
            return False
        return super().check_action(action, parameters)

    def action_deploy_now(self) -> None:
        self._deploy()

    def action_deploy_anyway(self) -> None:
        self.run_worker(self._deploy_after_asking(), group="ask", exclusive=True)

    async def _deploy_after_asking(self) -> None:
        app = self.snapshot.app if self.snapshot else None
        errors = count_of(self.report.errors if self.report else 0, "error")
        body = f"The preflight found {errors}. The server may refuse, and what is live now is replaced."
        name = (app.text("slug") or app.name) if app else self.app_id
        if await self.drio.confirm("Deploy with errors?", body, agree="Deploy all the same", name=name):
            self._deploy()

    def _deploy(self) -> None:
        if self.deploying or self._tried:
            return
        self.deploying = self._tried = True
        self.done = self.seen = None
        self._steps = []
        self._stopped = False
        records = self.records

        async def work(client: DrioClient) -> DeployScreen.Done:
            saver = saver_of(self.backend, client)
            return self.Done(await deploy(saver, self.app_id, records, lambda text: self.post_message(self.Step(text))))

        self.run_request(
            work, lambda done: done, group="deploy", failed=lambda error: self.Done(Failed(error)), once=True
        )

    def on_deploy_screen_step(self, message: Step) -> None:
        self._steps.append(message.text)
        self._tell()

    def on_deploy_screen_done(self, message: Done) -> None:
        self.deploying = False
        outcome = message.outcome
        if isinstance(outcome, Deployed):
            self.done = outcome
            self._result = outcome.endpoint
            self.snapshot = outcome.snapshot
            self._show_endpoint(outcome.endpoint)
            for notice in outcome.notices:
                self.notify(safe_line(notice, 300).plain, severity="warning", markup=False)
            self._tell()
            self.action_look()
        else:
            self._tell(outcome)
        self.refresh_bindings()

    def under_way(self) -> str:
        return "The deploy" if self.deploying else ""

    def action_back(self) -> None:
        """While deploying, stop waiting and see what came of it, then leave after asking; else leave."""
        if self.deploying:
            client = self.backend.client
            if self._stopped or client is None or not saver_of(self.backend, client).stop_deploy(self.app_id):
                self.drio.back()
            else:
                self._stopped = True
                self._steps.append("You stopped waiting. Looking whether it happened")
                self._tell()
        elif not self.cancel_requests():
            self.dismiss(self._result)
        elif self.report is None:
            self._tell(Failed(DrioError("You stopped the reading.", title="Not checked")))

    def session_changed(self) -> None:
        """Someone else is signed in, or elsewhere: what is shown is not theirs."""
        if not self.deploying:
            self.action_refresh()

    # -- showing ----------------------------------------------------------------------------------

    def watch_report(self) -> None:
        self._tell()

    def watch_deploying(self) -> None:
        self.set_class(self.deploying, "-deploying")
        self.refresh_bindings()
        self._tell()

    def watch_page(self) -> None:
        self.query_one(TabStrip).chosen = self.page
        pages = ("findings-page", "changes-page", "seen-page")
        switcher = self.query_one("#deploy-pages", ContentSwitcher)
        switcher.current = pages[self.page]
        switcher.display = self._list.display
        self._list.focus()
        self._explain()

    @property
    def _list(self) -> RowList:
        return self.query_one(("#findings", "#changes", "#seen")[self.page], RowList)

    def action_page(self, step: int) -> None:
        self.page = (self.page + step) % len(PAGES)

    @on(TabStrip.Chosen)
    def _page_chosen(self, event: TabStrip.Chosen) -> None:
        event.stop()
        self.page = event.number

    @on(RowList.Moved)
    def _explain(self) -> None:
        """Show all of what the cursor is on."""
        key = self._list.key
        number = int(key) if key is not None else -1
        about = self.query_one("#deploy-about", Static)
        if self.page == 0 and self.report is not None and 0 <= number < len(self.report.findings):
            about.update(finding_text(self.report.findings[number]))
        elif self.page == 1 and self.snapshot is not None and 0 <= number < len(self.changes):
            about.update(change_text(self.changes[number], self.snapshot.name_of))
        elif self.page == 2 and self.seen is not None and number >= 0:
            differing = len(self.seen.differences)
            if number < differing:
                about.update(difference_text(self.seen.differences[number]))
            else:
                about.update(tool_text(self.seen.tools[number - differing]))
        else:
            about.update(self._nothing())

    def _nothing(self) -> Content:
        """What a page without rows has to say."""
        if self.page == 0:
            report = self.report
            if report is None:
                return Content("")
            cost = f"{kilobytes(report.bytes)}, about {report.tokens:,} tokens of a model's context"
            return safe_line(f"Nothing stands in the way. {count_of(report.tools, 'tool')}, {cost}.", 200)
        if self.page == 1:
            app = self.snapshot.app if self.snapshot else None
            return safe_line(nothing_changed(self.last, app.text("version") if app else ""), 300)
        if self._looking:
            return safe_line("Connecting…", 80)
        if self.seen is None:
            return safe_line("v connects to the endpoint as an AI client does, and compares what it shows.", 200)
        return safe_line("The endpoint offers no tool.", 80)

    def _tell(self, outcome: Refused | Failed | Unknown | None = None) -> None:
        """The heading and the line of news."""
        app = self.snapshot.app if self.snapshot else None
        name = app.name if app else self.app_id
        version = self.done.before if self.done else app.text("version") if app else ""
        parts = [safe_line(f"◆ Deploy {name}", 80, "bold"), safe_line(f"   {version}", 40, "$foreground-muted")]
        if self.done:
            parts.append(safe_line(f" → {self.done.version}", 40, "$text-success bold"))
        self.query_one("#deploy-heading", Static).update(Content.assemble(*parts))
        errors = self.report.errors if self.report else 0
        self.query_one(TabStrip).count([errors, 0, len(self.seen.differences) if self.seen else 0])
        self.query_one("#deploy-note", Static).update(Content("\n").join(self._news(outcome)))

    def _news(self, outcome: Refused | Failed | Unknown | None) -> list[Content]:
        if outcome is not None:
            return trouble(outcome)
        if self.deploying:
            last = self._steps[-1] if self._steps else "Waiting"
            return [safe_line(f"◌ {last}…{'' if self._stopped else '   Esc stops waiting.'}", 200, "$text-warning")]
        if self.done is not None:
            return live(self.done, self.seen, looking=self._looking)
        if self.report is None:
            return [safe_line("◌ Looking at what stands in the way…", 120, "$text-warning")]
        app = self.snapshot.app if self.snapshot else None
        return ready(self.report, self.last, app.text("version") if app else "")

    def _show_endpoint(self, endpoint: str) -> None:
        shown = self.query_one("#deploy-endpoint", CopyField)
        shown.display = bool(endpoint)
        shown.set_text(endpoint)

    # -- leading on -------------------------------------------------------------------------------

    @on(RowList.Opened, "#findings")
    def _opened(self) -> None:
        if not self.drio.options.read_only:
            self.action_edit_found()

    def action_edit_found(self) -> None:
        """Open the editor of what the finding is about; afterwards everything is looked at anew."""
        key = self.query_one("#findings", RowList).key
        if self.page != 0 or key is None or self.report is None:
            return
        finding = self.report.findings[int(key)]
        if finding.key[0] not in KINDS or self.deploying:
            self.action_refresh()
            return
        target = Target(self.app_id, finding.key[0], finding.key[1], member=finding.path)
        self._mending = True
        self.app.push_screen(EditScreen(target, self.snapshot))

    def on_screen_resume(self) -> None:
        """Back from an editor, saved or not: look anew."""
        if self._mending and self.is_current:
            self._mending = False
            self.action_refresh()

    def _integration_here(self) -> Resource | None:
        """The integration that the finding under the cursor is about."""
        key = self.query_one("#findings", RowList).key
        if self.page != 0 or key is None or self.report is None or self.snapshot is None:
            return None
        found = self.report.findings[int(key)].key
        return self.snapshot.resource(*found) if found[0] == "integration" else None

    def action_allow_host(self) -> None:
        client, integration = self.backend.client, self._integration_here()
        if client is None or integration is None:
            return

        async def work() -> None:
            if await change_allowed(self.drio, client, integration.text("baseUrl")):
                self.action_refresh()

        self.run_worker(work(), name="allow", group="ask", exclusive=True)

    def action_connect(self) -> None:
        self.app.push_screen(ConnectScreen(self.app_id, self.endpoint))

    def action_copy_endpoint(self) -> None:
        self.drio.copy(self.endpoint, "the endpoint")
