"""The wizard's screen: holds the draft, moves between the steps, and carries out the plan."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Button, Static

from drio_tui.api.errors import DrioError
from drio_tui.kinds import APP, AUTH
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.services import get_saver
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.base.textual_internals.screens import all_screens
from drio_tui.ui.plan.plan_stop import PlanStop
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.ui.wizard.page import KeepsDraft, Page
from drio_tui.ui.wizard.pages import make_page
from drio_tui.ui.wizard.step_strip import StepStrip
from drio_tui.wizard.draft import Draft
from drio_tui.wizard.draft_store import DraftSession
from drio_tui.wizard.validation import PAGES, diagnostics, errors
from drio_tui.workspace.model.snapshot import Resource, Snapshot, resources_of

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient
    from drio_tui.plan.steps import Step
    from drio_tui.ui.base.context import DrioContext
    from drio_tui.wizard.executor import DraftExecutor

_NEXT = {"review": "Create it ▸", "create": ""}


class WizardScreen(DrioScreen[None]):
    """Creates an app step by step. Every input is written to the draft at once; the draft outlives the screen."""

    AREA = "apps"
    CSS_PATH = stylesheet("wizard")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "wizard",
        "New app",
        Key("wizard.next", "ctrl+s", "next", "Next", "Go on: to the next step, to creating, to deploying",
            priority=True),
        Key("wizard.back", "f7,alt+left", "previous", "Back", "The step before; nothing is lost", priority=True),
    )  # fmt: skip

    running: var[bool] = var(False, init=False)
    """Whether the plan is being carried out."""

    class Deliver(Message):
        """The response of a request made for a page, to be forwarded to it."""

        def __init__(self, to: Widget, message: Message) -> None:
            super().__init__()
            self.to = to
            self.message = message

    class Apps(Message):
        """The account's apps, whose slugs are taken; None if they could not be read."""

        def __init__(self, apps: list[dict[str, Any]] | None) -> None:
            super().__init__()
            self.apps = apps

    class Providers(Message):
        """The auth providers that drio offers."""

        def __init__(self, resources: tuple[Resource, ...]) -> None:
            super().__init__()
            self.resources = resources

    class Progress(Message):
        """The state of a step of the plan changed. Several that wait are handled as one."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, WizardScreen.Progress)

    class RunFinished(Message):
        """The plan's run ended, successfully or not."""

        def __init__(self, error: DrioError | None = None) -> None:
            super().__init__()
            self.error = error

    def __init__(self, draft_session: DraftSession, *, wanted: str = "", fresh: bool = True) -> None:
        super().__init__()
        self.wanted = wanted
        self.draft_session = draft_session
        self.taken: dict[str, str] | None = None
        self.providers: tuple[Resource, ...] = ()
        self.executor: DraftExecutor | None = None
        self.plan_stop = PlanStop()
        self._edited = not fresh
        self._page: Page | None = None
        self._page_name = ""
        self._session_closed = False

    @property
    def draft(self) -> Draft:
        """The draft that is edited."""
        return self.draft_session.draft

    @property
    def app_snapshot(self) -> Snapshot | None:
        """The app's config, once the app exists and was read."""
        return self.executor.app_snapshot if self.executor is not None else None

    @property
    def steps(self) -> list[Step]:
        """The steps of the plan."""
        from drio_tui.wizard.plan import plan  # the first steps of the wizard need no plan

        return self.executor.steps if self.executor is not None else plan(self.draft)

    @property
    def finished(self) -> bool:
        """Whether the app is completely created."""
        return bool(self.draft.app) and self.executor is not None and self.executor.done and not self.running

    def compose_body(self) -> ComposeResult:
        if self.draft.page not in PAGES:
            self.draft.page = PAGES[0]
        self._page_name, self._page = self.draft.page, make_page(self.draft.page, self)
        yield StepStrip()
        yield Static(id="step-title")
        with Vertical(id="page"):
            yield self._page
        yield Static(id="wizard-error")
        with Horizontal(id="nav"):
            yield Button("◂ Back", id="back", compact=True)
            yield Static(id="draft-note")
            yield Button("Next ▸", id="next", variant="primary", compact=True)

    def on_mount(self) -> None:
        super().on_mount()
        self._update_strip()
        self._update_navigation()
        self._show_error("")
        self.focus_page()
        self._load_context()

    def on_unmount(self) -> None:
        self._close()

    @property
    def key_page(self) -> Widget | None:
        return self._page

    @property
    def filling(self) -> bool:
        return super().filling or self._page is None or self._page.filling

    # -- requests ---------------------------------------------------------------------------------

    def fetch(
        self,
        call: Callable[[DrioClient], Awaitable[Any]],
        done: Callable[[Any], Message],
        to: Widget,
        failed: Callable[[Any], Message],
        group: str,
    ) -> None:
        """Make a request for a page; `to` gets the message with the result or the error if it is still mounted."""
        self.run_request(
            call, lambda result: self.Deliver(to, done(result)), group=group,
            failed=lambda error: self.Deliver(to, failed(error)),
        )  # fmt: skip

    def on_wizard_screen_deliver(self, message: Deliver) -> None:
        if message.to.is_mounted:
            message.to.post_message(message.message)

    def _load_context(self) -> None:
        """Load the slugs in use and then the auth providers; the wizard also works without them."""
        self.run_request(_apps, self.Apps, group="slugs", failed=lambda _: self.Apps(None))

    def on_wizard_screen_apps(self, message: Apps) -> None:
        if message.apps is None:
            return
        self.taken = {
            app["slug"]: APP.label(app)
            for app in message.apps
            if isinstance(app.get("slug"), str) and app.get("id") != self.draft.app
        }
        first = next((app["id"] for app in message.apps if isinstance(app.get("id"), str)), "")
        app_id = self.draft.app or first
        if app_id:
            self.run_request(
                lambda client: _providers(client, app_id), self.Providers, group="providers",
                failed=lambda _: self.Providers(()),
            )  # fmt: skip
        self._update_page()

    def on_wizard_screen_providers(self, message: Providers) -> None:
        self.providers = message.resources
        self._update_page()

    def reconnected(self) -> None:
        self._load_context()

    def session_changed(self) -> None:
        """Continue with the same account and server; with another one, keep the draft and close the wizard."""
        if not self.running:
            self.executor = None
        if self.account_key == self._opened_by:
            self._load_context()
            return
        self.cancel_requests()
        self._leave()

    # -- navigation -------------------------------------------------------------------------------

    async def _show(self, name: str, ref: str = "") -> None:
        """Show a step, with the cursor on the resource `ref`."""
        self.draft.page = name
        self._page_name = name
        if self.executor is not None and not self.running:
            self.executor.replan()
        holder = self.query_one("#page", Vertical)
        await holder.remove_children()
        self._page = page = make_page(name, self)
        self._update_strip()
        await holder.mount(page)
        self._update_navigation()
        self._show_error("")
        if ref:
            related = [diagnostic for diagnostic in diagnostics(self.draft, self.taken) if diagnostic.ref == ref]
            page.show_errors(related[:1])
            self.call_after_refresh(self._select_resource, ref)
        else:
            self.focus_page()  # at once: the next keys belong to this page
        self.refresh_bindings()

    def _update_strip(self) -> None:
        strip = self.query_one(StepStrip)
        strip.page, strip.reached = self._page_name, max(strip.reached, PAGES.index(self._page_name))

    def _select_resource(self, ref: str) -> None:
        if self._page is not None and self._page.rows is not None:
            self._page.rows.choose(ref)
        self.focus_page()

    def focus_page(self) -> None:
        """Focus the page's first field or list."""
        if self._page is not None and self._page.is_mounted and self.is_current:
            self._page.focus_first()

    def go_to(self, name: str, ref: str = "") -> None:
        """Go to a step, and there to the resource `ref`; an earlier step with errors is shown instead."""
        if self.running or name not in PAGES or self._page is None or not self._page.apply():
            return
        for before in PAGES[: PAGES.index(name)]:
            if errors(self.draft, before, self.taken):
                name, ref = before, ""
                break
        if name == "create" and self.executor is None and not self.draft.steps:
            name = "review"
        self.call_later(self._show, name, ref)
        self._save_soon()

    def _flush_input(self) -> None:
        if self._page is not None and self._page.is_mounted:
            self._page.flush_input()

    @on(StepStrip.StepSelected)
    def _step_selected(self, event: StepStrip.StepSelected) -> None:
        event.stop()
        self.go_to(event.page)

    @on(Button.Pressed, "#nav Button")
    async def _button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        await self.run_action("screen.next" if event.button.id == "next" else "screen.previous")

    def disabled_reason(self, action: str, parameters: tuple[object, ...]) -> str | None:
        if action == "previous" and self._page_name == PAGES[0]:
            return "This is the first step. Esc leaves, and keeps what you have."
        if action in ("previous", "next") and self.running:
            return "It is being created: Esc stops after the present request."
        return None

    def action_next(self) -> None:
        """Go to the next step; from the review start creating, after that deploy."""
        if self._page_name == "create":
            if self.finished:
                self.deploy()
            else:
                self.run_plan()
            return
        if self._page is None or not self._page.apply():
            return
        page = self._page_name
        page_errors = errors(self.draft, page, self.taken)
        if page == "review":
            page_errors = [
                diagnostic for diagnostic in diagnostics(self.draft, self.taken) if diagnostic.severity == "error"
            ]
        if page_errors:
            self._show_error(page_errors[0].message)
            if self._page is not None:
                self._page.show_errors(page_errors)
            self._update_navigation()
            return
        self._edited = True
        name = PAGES[PAGES.index(page) + 1]
        self.call_later(self._show, name)
        if name == "create":
            self.call_later(self.run_plan)
        self._save_soon(name)

    def running_task(self) -> str:
        return "Creating the app" if self.running else ""

    def action_previous(self) -> None:
        if self.running:
            return
        self._flush_input()
        if self._page_name in PAGES[1:]:
            name = PAGES[PAGES.index(self._page_name) - 1]
            self.call_later(self._show, name)
            self._save_soon(name)

    def action_back(self) -> None:
        """Stop after the running requests while creating, then cancel them; otherwise leave the wizard."""
        if self.running:
            if self.plan_stop.press(self.executor):
                self.cancel_requests()
            self._update_page()
            return
        self._flush_input()
        self.cancel_requests()
        self._leave()

    def _leave(self) -> None:
        if self._close():
            name = sanitize_line(self.draft.name, 60).plain
            self.notify("It is kept as a draft: Enter on it in Apps goes on.", title=name, markup=False)
        if self.is_mounted:
            self.dismiss()

    # -- saving the draft -------------------------------------------------------------------------

    def mark_edited(self) -> None:
        """Save the draft after a change and show its state."""
        self._edited = True
        self._show_error("")
        self._save_soon()
        self._update_navigation()

    def _save_soon(self, page: str = "") -> None:
        if page:
            self.draft.page = page
        if self._edited and not self._session_closed:
            self.draft_session.save_soon(self._draft_saved)

    def _draft_saved(self) -> None:
        if self.query(StepStrip):  # a closing screen has no widgets any more
            self._update_navigation()

    def keep_draft(self) -> None:
        """Write the draft now, because the program ends."""
        self._flush_input()
        for screen in all_screens(self.app):
            if isinstance(screen, KeepsDraft):
                screen.save_to_draft()
        if self._edited and not self._session_closed and self.draft.started:
            self.draft_session.save_now()

    def _close(self) -> bool:
        """Close the draft session; return whether the draft was kept."""
        if self._session_closed:
            return False
        self._session_closed = True
        forget = self.draft.ended or not self._edited
        self.draft_session.close(forget=forget)
        return not forget and self.draft.started

    # -- display ----------------------------------------------------------------------------------

    def _update_navigation(self) -> None:
        """Update the buttons, the title, the steps with errors, and the note about the draft."""
        strip = self.query_one(StepStrip)
        strip.pages_with_errors = frozenset(
            diagnostic.page
            for diagnostic in diagnostics(self.draft, self.taken, PAGES[: strip.reached + 1])
            if diagnostic.severity == "error"
        )
        if self._page is not None:
            about = (f"  {self._page.about}", "$foreground-muted")
            self.query_one("#step-title", Static).update(Content.assemble((self._page.TITLE, "bold"), about))
        back, forward = self.query_one("#back", Button), self.query_one("#next", Button)
        back.disabled = self._page_name == PAGES[0] or self.running
        label = _NEXT.get(self._page_name, "Next ▸")
        if self._page_name == "create":
            label = "Deploy ▸" if self.finished else "Go on ▸"
        forward.label = label
        forward.disabled = self.running
        leaving = "Esc leaves; it is among your apps" if self.finished else "Esc keeps it as a draft"
        note = Content.styled("" if self.running else leaving, "$foreground-muted")
        if self.draft_session.problem:
            note = Content.assemble(
                ("▲ ", "$text-warning"), sanitize_line(self.draft_session.problem, 200, "$text-warning")
            )
        self.query_one("#draft-note", Static).update(note)

    def _show_error(self, text: str) -> None:
        line = self.query_one("#wizard-error", Static)
        line.display = bool(text)
        line.update(Content.assemble(("✗ ", "$text-error"), sanitize_line(text, 400, "$text-error")))

    def _update_page(self) -> None:
        if self._page is not None and self._page.is_mounted:
            self._page.update_content()
            self._update_navigation()

    # -- creating ---------------------------------------------------------------------------------

    def run_plan(self) -> None:
        """Carry out the steps of the plan that are not done yet."""
        if self.running:
            return
        from drio_tui.wizard.executor import DraftExecutor

        self.running = True
        self.plan_stop.begin()
        self.draft.page = "create"

        async def work(client: DrioClient) -> WizardScreen.RunFinished:
            if self.executor is None:
                on_change = lambda: self.post_message(self.Progress())  # noqa: E731 - short enough
                self.executor = DraftExecutor(
                    get_saver(self.connection, client), self.draft, self.draft_session.save, on_change
                )
            self.executor.replan()
            if not self.plan_stop.wanted:
                await self.executor.run()
            if self.draft.app and self.executor.done:
                # Saved before the end is shown: after a quit at this moment the draft must not be offered again.
                self.draft.ended = True
                await self.draft_session.save()
            return self.RunFinished()

        worker = self.run_request(work, lambda message: message, group="carry out", failed=self.RunFinished, once=True)
        if worker is None:
            self.running = False
        self._update_page()

    def on_worker_state_changed(self, event: Any) -> None:
        if event.worker.group == "carry out" and event.worker.is_finished and self.running:
            self.post_message(self.RunFinished())

    def on_wizard_screen_progress(self, message: Progress) -> None:
        self._update_page()

    def on_wizard_screen_run_finished(self, message: RunFinished) -> None:
        self.running = False
        if message.error is not None:
            self.drio.show_error(message.error)
        if self.finished:
            self.draft.ended = True
            self._save_soon()
        self._update_page()
        self.call_after_refresh(self.focus_page)

    def skip(self, step: Step) -> None:
        """Skip a step, or undo its skipping."""
        if self.executor is not None:
            if self.draft.step(step.id).state == "skipped":
                self.executor.unskip(step)
            else:
                self.executor.skip(step)
            self._save_soon()
            if not self.executor.failed and not self.executor.done:
                self.run_plan()
            else:
                self.on_wizard_screen_run_finished(self.RunFinished())

    # -- leaving for the new app ------------------------------------------------------------------

    def open_created_app(self) -> None:
        """Close the wizard and open the new app."""
        self._close()
        drio, app = self.drio, self.draft.app
        self.dismiss()
        drio.call_later(drio.navigator.open_app, app)

    def deploy(self) -> None:
        """Close the wizard, open the new app and its deploy screen."""
        self._close()
        drio, app = self.drio, self.draft.app
        self.dismiss()
        drio.call_later(drio.navigator.open_app, app)
        drio.call_later(_deploy, drio)


def _deploy(drio: DrioContext) -> None:
    from drio_tui.ui.app_detail.app_screen import AppScreen

    if isinstance(drio.screen, AppScreen):
        drio.screen.action_open_deploy()


async def _apps(client: DrioClient) -> list[dict[str, Any]]:
    return (await client.list(APP)).items


async def _providers(client: DrioClient, app: str) -> tuple[Resource, ...]:
    providers = (await client.list(AUTH, app=app)).extra.get("providers", [])
    return resources_of("provider", providers if isinstance(providers, list) else [], lambda _: "")
