"""The wizard: it holds the draft, moves between its steps, and has the plan carried out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Button, Static

from drio_tui.api.errors import DrioError
from drio_tui.kinds import APP, AUTH
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.services import saver_of
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.base.textual_internals import all_screens
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.sanitize import safe_line
from drio_tui.ui.wizard.page import Page
from drio_tui.ui.wizard.pages import make_page
from drio_tui.ui.wizard.step_strip import StepStrip
from drio_tui.wizard.draft import Draft
from drio_tui.wizard.draft_store import DraftSession
from drio_tui.wizard.executor import Executor
from drio_tui.wizard.plan import Step, plan
from drio_tui.wizard.validation import PAGES, errors, findings
from drio_tui.workspace.model.snapshot import Resource, Snapshot, resources_of

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient
    from drio_tui.ui.base.context import DrioContext

_NEXT = {"review": "Create it ▸", "create": ""}


class WizardScreen(DrioScreen[None]):
    """Makes an app step by step. Everything typed is in the draft at once, which outlives the screen."""

    AREA = "apps"
    CSS_PATH = stylesheet("wizard")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "wizard",
        "New app",
        Key("wizard.next", "ctrl+s", "next", "Next", "Go on: to the next step, to creating, to deploying",
            priority=True),
        Key("wizard.back", "f7,alt+left", "previous", "Back", "The step before; nothing is lost", priority=True),
    )  # fmt: skip

    running: reactive[bool] = reactive(False, init=False)
    """Whether the plan is being carried out."""

    class Deliver(Message):
        """Something was fetched for a page."""

        def __init__(self, to: Widget, message: Message) -> None:
            super().__init__()
            self.to = to
            self.message = message

    class Apps(Message):
        """The account's apps: whose slugs are taken."""

        def __init__(self, apps: list[dict[str, Any]] | None) -> None:
            super().__init__()
            self.apps = apps

    class Providers(Message):
        """The ways of signing in that drio offers."""

        def __init__(self, resources: tuple[Resource, ...]) -> None:
            super().__init__()
            self.resources = resources

    class Progress(Message):
        """A step of the plan moved on."""

    class Ended(Message):
        """Carrying out the plan ended, for whatever reason."""

        def __init__(self, error: DrioError | None = None) -> None:
            super().__init__()
            self.error = error

    def __init__(self, keeper: DraftSession, *, wanted: str = "", fresh: bool = True) -> None:
        super().__init__()
        self.wanted = wanted
        self.keeper = keeper
        self.taken: dict[str, str] | None = None
        self.providers: tuple[Resource, ...] = ()
        self.executor: Executor | None = None
        self.stopping = False
        self._touched = not fresh
        self._page: Page | None = None
        self._on = ""
        self._given_back = False

    @property
    def draft(self) -> Draft:
        """The answers."""
        return self.keeper.draft

    @property
    def real(self) -> Snapshot | None:
        """The app as it is, once it was read."""
        return self.executor.real if self.executor is not None else None

    @property
    def steps(self) -> list[Step]:
        """The plan."""
        return self.executor.steps if self.executor is not None else plan(self.draft)

    @property
    def finished(self) -> bool:
        """Whether the app is made."""
        return bool(self.draft.app) and self.executor is not None and self.executor.done and not self.running

    def compose_body(self) -> ComposeResult:
        yield StepStrip()
        yield Static(id="task")
        yield Vertical(id="page")
        yield Static(id="said")
        with Horizontal(id="nav"):
            yield Button("◂ Back", id="back", compact=True)
            yield Static(id="kept")
            yield Button("Next ▸", id="next", variant="primary", compact=True)

    def on_mount(self) -> None:
        super().on_mount()
        self._opened_for = self._speaks_for()
        self.set_class(True, "-guide")
        if self.draft.page not in PAGES:
            self.draft.page = PAGES[0]
        self.query_one(StepStrip).reached = PAGES.index(self.draft.page)
        self.call_later(self._show, self.draft.page)
        self._look_around()

    def on_unmount(self) -> None:
        self._close()

    @property
    def key_page(self) -> Widget | None:
        return self._page

    @property
    def filling(self) -> bool:
        return super().filling or self._page is None or self._page.filling

    # -- what drio knows --------------------------------------------------------------------------

    def fetch(
        self,
        call: Callable[[DrioClient], Awaitable[Any]],
        done: Callable[[Any], Message],
        to: Widget,
        failed: Callable[[Any], Message],
        group: str,
    ) -> None:
        """Make a request for a page; what came of it goes there, if it is still there."""
        self.run_request(
            call, lambda found: self.Deliver(to, done(found)), group=group,
            failed=lambda error: self.Deliver(to, failed(error)),
        )  # fmt: skip

    def on_wizard_screen_deliver(self, message: Deliver) -> None:
        if message.to.is_mounted:
            message.to.post_message(message.message)

    def _look_around(self) -> None:
        """Which slugs are taken, and which providers there are. Without an answer the wizard goes on without."""
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
        source = self.draft.app or first
        if source:
            self.run_request(
                lambda client: _providers(client, source), self.Providers, group="providers",
                failed=lambda _: self.Providers(()),
            )  # fmt: skip
        self._renew()

    def on_wizard_screen_providers(self, message: Providers) -> None:
        self.providers = message.resources
        self._renew()

    def reconnected(self) -> None:
        self._look_around()

    def session_changed(self) -> None:
        """Signed in again as the same: go on. As someone else, or elsewhere: the draft is kept for then."""
        if not self.running:
            self.executor = None
        if self._speaks_for() == self._opened_for:
            self._look_around()
            return
        self.cancel_requests()
        self._leave()

    def _speaks_for(self) -> tuple[str, str | None] | None:
        session = self.drio.session
        return (session.base_url, session.account) if session else None

    # -- moving -----------------------------------------------------------------------------------

    async def _show(self, name: str, ref: str = "") -> None:
        """Show a step."""
        self.draft.page = name
        self._on = name
        if self.executor is not None and not self.running:
            self.executor.replan()
        holder = self.query_one("#page", Vertical)
        await holder.remove_children()
        self._page = page = make_page(name, self)
        strip = self.query_one(StepStrip)
        strip.page, strip.reached = name, max(strip.reached, PAGES.index(name))
        await holder.mount(page)
        self._nav()
        self._say("")
        if ref:
            page.complain([one for one in findings(self.draft, self.taken) if one.ref == ref][:1])
            self.call_after_refresh(self._point_at, ref)
        else:
            self.focus_page()  # at once: what is typed next belongs here
        self.refresh_bindings()

    def _point_at(self, ref: str) -> None:
        listed = getattr(self._page, "rows", None)
        if listed is not None:
            listed.choose(ref)
        self.focus_page()

    def focus_page(self) -> None:
        """Take the focus into the page."""
        if self._page is not None and self._page.is_mounted and self.is_current:
            self._page.focus_first()

    def go_to(self, name: str, ref: str = "") -> None:
        """Go to a step, to the resource there that has this ref; no further than what is right so far allows."""
        if self.running or name not in PAGES or self._page is None or not self._page.take():
            return
        for before in PAGES[: PAGES.index(name)]:
            if errors(self.draft, before, self.taken):
                name, ref = before, ""
                break
        if name == "create" and self.executor is None and not self.draft.steps:
            name = "review"
        self.call_later(self._show, name, ref)
        self._kept()

    def _settle(self) -> None:
        if self._page is not None and self._page.is_mounted:
            self._page.settle()

    @on(StepStrip.Go)
    def _clicked(self, event: StepStrip.Go) -> None:
        event.stop()
        self.go_to(event.page)

    @on(Button.Pressed, "#nav Button")
    async def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        await self.run_action("screen.next" if event.button.id == "next" else "screen.previous")

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str | None:
        if action == "previous" and self._on == PAGES[0]:
            return "This is the first step. Esc leaves, and keeps what you have."
        if action in ("previous", "next") and self.running:
            return "It is being created: Esc stops after the present request."
        return None

    def action_next(self) -> None:
        """On to the next step; from the review to creating, from there to deploying."""
        if self._on == "create":
            if self.finished:
                self.deploy()
            else:
                self.carry_out()
            return
        if self._page is None or not self._page.take():
            return
        page = self._on
        found = errors(self.draft, page, self.taken)
        if page == "review":
            found = [one for one in findings(self.draft, self.taken) if one.severity == "error"]
        if found:
            self._say(found[0].message)
            if self._page is not None:
                self._page.complain(found)
            self._nav()
            return
        self._touched = True
        name = PAGES[PAGES.index(page) + 1]
        self.call_later(self._show, name)
        if name == "create":
            self.call_later(self.carry_out)
        self._kept(name)

    def action_previous(self) -> None:
        if self.running:
            return
        self._settle()
        if self._on in PAGES[1:]:
            name = PAGES[PAGES.index(self._on) - 1]
            self.call_later(self._show, name)
            self._kept(name)

    def action_back(self) -> None:
        """While creating, stop after the present request (a second time: do not wait for it); else leave."""
        if self.running:
            if self.stopping:
                self.cancel_requests()
                return
            self.stopping = True
            if self.executor is not None:
                self.executor.stop()
            self._renew()
            return
        self._settle()
        self.cancel_requests()
        self._leave()

    def _leave(self) -> None:
        kept = self._close()
        if kept:
            name = safe_line(self.draft.name, 60).plain
            self.notify("It is kept as a draft: Enter on it in Apps goes on.", title=name, markup=False)
        if self.is_mounted:
            self.dismiss()

    # -- keeping ----------------------------------------------------------------------------------

    def edited(self) -> None:
        """A page changed the draft."""
        self._touched = True
        self._say("")
        self._kept()
        self._nav()

    def _kept(self, page: str = "") -> None:
        if page:
            self.draft.page = page
        if self._touched and not self._given_back:
            self.keeper.soon(self._tell_kept)

    def _tell_kept(self) -> None:
        if self.query(StepStrip):  # not while the screen is closed, when its widgets are removed before it
            self._nav()

    def keep_draft(self) -> None:
        """Write the draft down without waiting: the program ends."""
        self._settle()
        for screen in all_screens(self.app):
            getattr(screen, "give_back", str)()
        if self._touched and not self._given_back and self.draft.started:
            self.keeper.save_now()

    def _close(self) -> bool:
        """Give the draft back; whether there is one to go on with."""
        if self._given_back:
            return False
        self._given_back = True
        forget = self.draft.ended or not self._touched
        self.keeper.close(forget=forget)
        return not forget and self.draft.started

    # -- showing ----------------------------------------------------------------------------------

    def _nav(self) -> None:
        """The buttons, what is wrong, whether it is kept."""
        strip = self.query_one(StepStrip)
        strip.wrong = frozenset(one.page for one in findings(self.draft, self.taken) if one.severity == "error")
        if self._page is not None:
            about = (f"  {self._page.about}", "$foreground-muted")
            self.query_one("#task", Static).update(Content.assemble((self._page.TITLE, "bold"), about))
        back, forward = self.query_one("#back", Button), self.query_one("#next", Button)
        back.disabled = self._on == PAGES[0] or self.running
        label = _NEXT.get(self._on, "Next ▸")
        if self._on == "create":
            label = "Deploy ▸" if self.finished else "Go on ▸"
        forward.label = label
        forward.disabled = self.running
        leaving = "Esc leaves; it is among your apps" if self.finished else "Esc keeps it as a draft"
        note = Content.styled("" if self.running else leaving, "$foreground-muted")
        if self.keeper.problem:
            note = Content.assemble(("▲ ", "$text-warning"), safe_line(self.keeper.problem, 200, "$text-warning"))
        self.query_one("#kept", Static).update(note)

    def _say(self, text: str) -> None:
        said = self.query_one("#said", Static)
        said.display = bool(text)
        said.update(Content.assemble(("✗ ", "$text-error"), safe_line(text, 400, "$text-error")))

    def _renew(self) -> None:
        if self._page is not None and self._page.is_mounted:
            self._page.renew()
            self._nav()

    # -- creating ---------------------------------------------------------------------------------

    def carry_out(self) -> None:
        """Do what is not done yet."""
        if self.running:
            return
        self.running, self.stopping = True, False
        self.draft.page = "create"

        async def work(client: DrioClient) -> WizardScreen.Ended:
            if self.executor is None:
                tell = lambda: self.post_message(self.Progress())  # noqa: E731 - one word
                self.executor = Executor(saver_of(self.backend, client), self.draft, self.keeper.save, tell)
            self.executor.replan()
            await self.executor.run()
            if self.draft.app and self.executor.done:
                # Written before it is said: who ends the program right then is not offered it again.
                self.draft.ended = True
                await self.keeper.save()
            return self.Ended()

        worker = self.run_request(work, lambda ended: ended, group="carry out", failed=self.Ended, once=True)
        if worker is None:
            self.running = False
        self._renew()

    def on_worker_state_changed(self, event: Any) -> None:
        if event.worker.group == "carry out" and event.worker.is_finished and self.running:
            self.post_message(self.Ended())

    def on_wizard_screen_progress(self, message: Progress) -> None:
        self._renew()

    def on_wizard_screen_ended(self, message: Ended) -> None:
        self.running = self.stopping = False
        if message.error is not None:
            self.drio.show_error(message.error)
        if self.finished:
            self.draft.ended = True
            self._kept()
        self._renew()
        self.refresh_bindings()
        self.call_after_refresh(self.focus_page)

    def skip(self, step: Step) -> None:
        """Leave a step out, or want it after all."""
        if self.executor is not None:
            if self.draft.step(step.id).state == "skipped":
                self.executor.unskip(step)
            else:
                self.executor.skip(step)
            self._kept()
            if not self.executor.failed and not self.executor.done:
                self.carry_out()
            else:
                self.on_wizard_screen_ended(self.Ended())

    # -- afterwards -------------------------------------------------------------------------------

    def open_it(self) -> None:
        """Leave the wizard for the new app."""
        self._close()
        drio, app = self.drio, self.draft.app
        self.dismiss()
        drio.call_later(drio.open_app, app)

    def deploy(self) -> None:
        """Leave the wizard for the new app, and deploy it."""
        self._close()
        drio, app = self.drio, self.draft.app
        self.dismiss()
        drio.call_later(drio.open_app, app)
        drio.call_later(_deploy, drio)


def _deploy(drio: DrioContext) -> None:
    from drio_tui.ui.app_detail.app_screen import AppScreen

    if isinstance(drio.screen, AppScreen):
        drio.screen.action_open_deploy()


async def _apps(client: DrioClient) -> list[dict[str, Any]]:
    return (await client.list(APP)).items


async def _providers(client: DrioClient, app: str) -> tuple[Resource, ...]:
    found = (await client.list(AUTH, app=app)).extra.get("providers", [])
    return resources_of("provider", found if isinstance(found, list) else [], lambda _: "")
