"""The playground: a form for the arguments of a tool, its runs, and their results."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import var
from textual.widgets import ContentSwitcher, Static

from drio_tui.api.errors import DrioError
from drio_tui.schema.form import FormModel
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.base.workers import start_worker
from drio_tui.ui.forms.form_and_results import FormAndResultsScreen
from drio_tui.ui.forms.keeps_edit import (
    ARGUMENTS,
    KeepsEdit,
    assign_edit,
    is_edited,
    typed_input_of,
    without_arguments,
)
from drio_tui.ui.forms.schema_form import SchemaForm
from drio_tui.ui.forms.tabs import TabStrip
from drio_tui.ui.playground import tool_runner as running
from drio_tui.ui.playground.chain_steps import ChainSteps
from drio_tui.ui.playground.run_actions import PlaygroundNotice, RunActions, RunsLoaded
from drio_tui.ui.playground.run_blocks import (
    NOT_RUN,
    draw_not_run,
    keep_in_store,
    local_runner_of,
    mapping_blocks,
    request_blocks,
    run_store_of,
    sample_run,
    summary,
    timing_blocks,
)
from drio_tui.ui.playground.step_finder import StepFound
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.json_view import JsonView
from drio_tui.ui.widgets.rich_text import Block, Document, Paragraph
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.ui.widgets.widget_preview import WidgetPreview
from drio_tui.workspace.model.loader import load_app
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.run.bound_tool import BoundTool, bound_of
from drio_tui.workspace.run.chain_choices import ChainChoices
from drio_tui.workspace.run.text_renderer import render_widget
from drio_tui.workspace.run.tool_run import TARGETS, Run, Target, fill_widget
from drio_tui.workspace.saving.unsaved_edits import UnsavedEdit

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient

_TITLES = ("Widget", "Result", "Request", "Mappings", "Timing", "Chain")


class PlaygroundScreen(FormAndResultsScreen, KeepsEdit[None]):
    """Runs a tool of an app, and the tools of its chain after it.

    `arguments` are shown first; `edit` are kept ones, which were typed and not run.
    """

    AREA = "apps"
    FORM_ID = "arguments"
    PAGES = ("widget", "result", "request", "mappings", "timing", "chain")
    CSS_PATH = stylesheet("playground")
    opens_fields = True
    REASON = "the program ended before it was run"
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "playground",
        "Playground",
        Key(
            "playground.run", "ctrl+r,f9,ctrl+s", "run_tool", "Run", "Run the tool with these arguments", priority=True
        ),
        Key(
            "playground.page",
            "f5",
            "page(1)",
            "Page →",
            "Arguments, widget, result, request, mappings, …",
            priority=True,
        ),
        Key(
            "playground.page_back", "shift+f5,f11", "page(-1)", "Page ←", "The previous page", show=False, priority=True
        ),
        Key("playground.target", "f6", "target", "Target", "Run the draft, or the deployed app", priority=True),
        Key("playground.step", "f7", "step", "Next step", "Go on through the chain with this result", priority=True),
        Key("playground.browser", "o", "browser", "Browser", "Open the widget's HTML with this result in the browser"),
        Key("playground.history", "f12,H", "history", "Runs", "Earlier runs: show one, or run it again", show=False),
        Key(
            "playground.sample",
            "S",
            "sample",
            "Keep sample",
            "Keep this result as the sample of the widget",
            show=False,
        ),
        Key("playground.tests", "V", "tests", "Tests", "The tests of the tool: run, add and edit them", show=False),
        Key("playground.save_test", "A", "save_test", "Save as test", "Make a test of this run", show=False),
        Key("playground.curl", "Y", "curl", "Copy as curl", "Copy the request as a curl command", show=False),
        Key("playground.forget", "K", "forget", "Forget sign-in", "Forget what was typed to sign in", show=False),
    )

    bound: var[BoundTool | None] = var(None, init=False)
    """The tool to run."""

    run_shown: var[Run | None] = var(None, init=False)
    """The run that the pages show."""

    target: var[Target] = var("here", init=False)
    """Where the next run is executed."""

    class Ready(Message):
        """The app was loaded."""

        def __init__(self, snapshot: Snapshot, choices: ChainChoices) -> None:
            super().__init__()
            self.snapshot = snapshot
            self.choices = choices

    class Started(Message):
        """The request of a run is about to be sent: what had to be confirmed is confirmed."""

    class Done(Message):
        """A run finished; `run` is None if the tool was not run, with the reason in `message`."""

        def __init__(self, run: Run | None, bound: BoundTool, message: str = "") -> None:
            super().__init__()
            self.run = run
            self.bound = bound
            self.message = message

    class Sampled(Message):
        """Sample data for the widget before the first run; the run has no value if there is none."""

        def __init__(self, run: Run, bound: BoundTool) -> None:
            super().__init__()
            self.run = run
            self.bound = bound

    def __init__(
        self, app_id: str, tool_id: str, arguments: dict[str, Any] | None = None, *, edit: UnsavedEdit | None = None
    ) -> None:
        super().__init__()
        self._edit = edit
        self.kept_edit_id = edit.id if edit is not None else ""
        self._first_arguments = arguments
        self.app_id = app_id
        self.tool_id = tool_id
        self.snapshot: Snapshot | None = None
        self.form: SchemaForm | None = None
        self.run_bound: BoundTool | None = None
        """The tool of the run that the pages show."""
        self.runs = RunActions(self)
        self.chain = ChainSteps(self)
        self._has_sample = False
        self._target_changed = False  # whether another target was chosen after the run that is shown
        self._left = False

    # -- loading ----------------------------------------------------------------------------------

    def compose_body(self) -> ComposeResult:
        yield Static(id="heading")
        yield Static(id="status")
        with Horizontal(id="playground"):
            yield Vertical(id="arguments")
            with Vertical(id="results"):
                yield TabStrip(_TITLES)
                with ContentSwitcher(initial="widget", id="pages"):
                    yield WidgetPreview(id="widget")
                    yield JsonView(id="result")
                    for name in self.PAGES[2:]:
                        yield Document(id=name)

    def on_mount(self) -> None:
        super().on_mount()
        self.show_status(Content.styled("◌ reading…", "$text-warning"))
        self._load()

    def on_screen_resume(self) -> None:
        if self.snapshot is not None and self._left:
            self._left = False
            self._load()  # it may have been edited meanwhile

    def on_screen_suspend(self) -> None:
        # A dialog over this screen does not count as leaving it.
        self._left = isinstance(self.app.screen, DrioScreen) and self.app.screen is not self

    def on_unmount(self) -> None:
        self.runs.remove_pages()
        form, client = self.form, self.connection.client
        if form is not None and client is not None and is_edited(form):
            local_runner_of(client).typed[self.app_id, self.tool_id] = self.typed_input(form)

    @on(SchemaForm.Changed)
    def _arguments_edited(self) -> None:
        self.schedule_keep()

    def unsaved_edit(self, why: str, *, looking: bool = False) -> UnsavedEdit | None:
        """Return the typed arguments, without secrets; None if they were run, which the run history has then."""
        form, bound, run = self.form, self.bound, self.run_shown
        if form is None or bound is None or not is_edited(form):
            return None
        if run is not None and run.tool == bound.id and not form.typed_json and form.model.value() == run.arguments:
            return None
        edit = self.edit_of_form(form, ARGUMENTS, bound.title, why, app=self.app_id, resource=bound.id)
        return without_arguments(edit, bound.secret_names)

    def edit_when_left(self) -> UnsavedEdit | None:
        return self.unsaved_edit(self.REASON)

    def _load(self) -> None:
        async def read(client: DrioClient) -> PlaygroundScreen.Ready:
            snapshot = Snapshot(self.app_id)
            await load_app(client, self.app_id, snapshot.apply)
            for part in snapshot.parts.values():
                if part.error is not None:
                    raise part.error
            history = run_store_of(self.connection, self.app_id)
            return self.Ready(snapshot, await asyncio.to_thread(ChainChoices.read, history))

        self.run_request(
            read, lambda ready: ready, group="read", failed=lambda error: PlaygroundNotice(str(error), warning=True)
        )

    def action_refresh(self) -> None:
        self._load()

    async def on_playground_screen_ready(self, message: Ready) -> None:
        first = self.snapshot is None
        self.snapshot = message.snapshot
        self.chain.use_snapshot(message.snapshot, message.choices)
        if first:
            self.target = "sandbox" if self.is_sandbox else "here"
        try:
            arguments = self._first_arguments if first else None
            await self.set_tool(bound_of(message.snapshot, self.tool_id), keep=not first, arguments=arguments)
        except DrioError as error:
            self.bound = None
            self.show_status(Content.assemble(("✗ ", "$text-error"), sanitize(f"{error} {error.hint}", "$text-error")))
            return
        self.show_status(self.idle_status())

    @property
    def is_sandbox(self) -> bool:
        """Whether the connected drio is a sandbox, in which drafts can be run."""
        client = self.connection.client
        return self.drio.status.sandbox or (client is not None and client.transport.is_sandbox)

    async def set_tool(self, bound: BoundTool, *, keep: bool = False, arguments: dict[str, Any] | None = None) -> None:
        """Show a tool. With `keep`, arguments typed for the same schema are kept; `arguments` replaces them."""
        typed = self.typed_input(self.form) if keep and self.form is not None and is_edited(self.form) else None
        if self.form is None and self.connection.client is not None:
            typed = local_runner_of(self.connection.client).typed.pop((self.app_id, bound.id), None)
            if self._edit is not None:
                typed = typed_input_of(self._edit)
            if typed is not None and arguments is None:
                self.go_on_with(typed.edit_id)
        same_schema = self.bound is not None and self.form is not None and self.bound.schema == bound.schema
        self.tool_id, self.bound = bound.id, bound
        if not (keep and same_schema):
            model = FormModel(bound.field())
            if arguments:
                model.assign(arguments)
            elif arguments is None and typed is not None:
                assign_edit(model, typed, {**model.value(), **typed.values})
            self.form = SchemaForm(model, draft=typed.draft if arguments is None and typed is not None else "")
            holder = self.query_one("#arguments", Vertical)
            await holder.remove_children()
            await holder.mount(self.form)
            if not self.has_class("-results"):
                self.call_after_refresh(self.form.focus_first)
        self._update_heading()
        if self.run_shown is None:
            self._show_before_run(bound)

    def _show_before_run(self, bound: BoundTool) -> None:
        """Show the widget with sample data, and on the other pages which key runs the tool."""
        for name in self.PAGES[2:]:
            self.query_one(f"#{name}", Document).show([Paragraph(NOT_RUN)])
        self.query_one("#result", JsonView).show_text(NOT_RUN.plain)
        if self.snapshot is None:
            return
        sample = partial(sample_run, run_store_of(self.connection, self.app_id), self.snapshot, bound, self.target)

        async def read() -> None:
            self.post_message(self.Sampled(await asyncio.to_thread(sample), bound))

        start_worker(self.app, read, group="sample-run")  # not a request, which Esc would stop

    def on_playground_screen_sampled(self, message: Sampled) -> None:
        if self.run_shown is not None or self.bound is not message.bound:
            return
        self._has_sample = message.run.value is not None
        drawn = partial(render_widget, message.bound, message.run) if self._has_sample else draw_not_run
        self.query_one("#widget", WidgetPreview).show(drawn)
        if not self.busy:
            self.show_status(self.idle_status())

    # -- status -----------------------------------------------------------------------------------

    def watch_target(self) -> None:
        self._update_heading()
        if self.bound is not None and not self.busy:
            self.show_status(self.idle_status())

    def _update_heading(self) -> None:
        bound = self.bound
        if bound is None:
            return
        target_label = Content.styled(f" {TARGETS[self.target]} ", "$text-accent reverse")
        trail = "".join(f"{title} › " for title in self.chain.trail[-3:])
        effect = "only reads" if bound.only_reads else "▲ changes something"
        self.query_one("#heading", Static).update(
            Content.assemble(
                target_label, " ", sanitize_line(trail, 60, "$foreground-muted"),
                sanitize_line(bound.title, 60, "bold"), "  ",
                sanitize_line(f"{bound.method} {bound.operation['path']}", 60),
                (f"  {effect}", "$foreground-muted" if bound.only_reads else "$text-warning"),
            )
        )  # fmt: skip

    def idle_status(self) -> Content:
        """Return the status while nothing is running: the outcome of the run shown, or how to run the tool."""
        if self.run_shown is not None and not self._target_changed:
            return summary(self.run_shown)
        sample = "The widget shows sample data. " if self._has_sample and self.run_shown is None else ""
        hint = f"Ctrl+R runs the tool: {TARGETS[self.target]}. F6 chooses where."
        return Content.styled(sample + hint, "$foreground-muted")

    def on_playground_notice(self, message: PlaygroundNotice) -> None:
        if self.snapshot is None and message.warning:
            self.show_status(Content.assemble(("✗ ", "$text-error"), sanitize(message.text, "$text-error")))
            return
        if not self.busy:
            self.show_status(self.idle_status())
        self.notify(
            sanitize(message.text, multiline=True).plain,
            severity="warning" if message.warning else "information",
            markup=False,
        )

    # -- pages ------------------------------------------------------------------------------------

    def show_run(self, bound: BoundTool, run: Run) -> None:
        """Show a run of the tool `bound` on the pages of the results."""
        self.run_bound = bound
        self.run_shown = run

    def watch_run_shown(self, run: Run | None) -> None:
        bound = self.run_bound
        if run is None or bound is None:
            return
        self._target_changed = False
        self.query_one("#widget", WidgetPreview).show(partial(render_widget, bound, run))
        result = self.query_one("#result", JsonView)
        if run.structured is not None or not isinstance(run.value, str):
            result.show(run.value if run.structured is None else run.structured)
        else:
            result.show_text(run.value)
        for name, blocks in (
            ("request", request_blocks(run)),
            ("mappings", mapping_blocks(bound, run)),
            ("timing", timing_blocks(run)),
        ):
            self.query_one(f"#{name}", Document).show(blocks)
        self.show_chain()
        self.show_status(self.idle_status())

    def show_chain(self) -> None:
        """Show the chain as far as it was run, and its next step."""
        self.chain.show(self.run_shown)

    def show_chain_blocks(self, blocks: Sequence[Block]) -> None:
        """Show these blocks on the chain page."""
        self.query_one("#chain", Document).show(blocks)

    def on_step_found(self, message: StepFound) -> None:
        self.chain.step_found(message)

    # -- available actions ------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        unsafe = self.bound is not None and not self.bound.only_reads
        if action == "run_tool" and self.drio.options.read_only and unsafe:
            return False
        return super().check_action(action, parameters)

    def disabled_reason(self, action: str, parameters: tuple[object, ...]) -> str | None:
        match action:
            case "run_tool" if self.bound is None:
                return "There is no tool that can be run."
            case "step" if not self.chain.waiting:
                return "There is no next step: run a tool that hands its result on."
            case "save_test" if self.run_shown is None:
                return "There is no run yet."
            case "curl" if self.run_shown is None or self.run_shown.request is None:
                return "Nothing was sent yet."
            case "curl" if self.run_shown is not None and self.run_shown.target == "deployed":
                return "A call of an endpoint is not a single request: copy that of a draft."
            case "sample" | "browser" if self.run_shown is None or self.run_shown.failed:
                return "There is no result yet."
            case "sample" | "browser" if self.run_bound is None or self.run_bound.widget is None:
                return "This tool has no widget."
        return None

    def action_target(self) -> None:
        """Choose the next target in turn."""
        targets: list[Target] = ["sandbox", "here", "deployed"] if self.is_sandbox else ["here", "deployed"]
        self._target_changed = True
        self.target = targets[(targets.index(self.target) + 1) % len(targets)]

    # -- running ----------------------------------------------------------------------------------

    @on(SchemaForm.Submitted)
    def _submitted(self, event: SchemaForm.Submitted) -> None:
        event.stop()
        self.action_run_tool()

    def action_run_tool(self) -> None:
        """Run the tool with the arguments in the form."""
        bound, form = self.bound, self.form
        if bound is None or form is None or self.busy:
            return
        if self.drio.options.read_only and not bound.only_reads:
            self.notify("This tool changes something, and the program was started with --read-only.", markup=False)
            return
        if not form.validate():
            self.remove_class("-results")
            self.show_status(Content.styled("✗ Some arguments are not right yet.", "$text-error"))
            return
        arguments = dict(form.model.value())
        target = self.target
        self.busy, self.may_have_effect = True, False
        self.show_status(Content())

        def sending() -> None:
            self.post_message(self.Started())
            self.may_have_effect = not bound.only_reads

        async def call(client: DrioClient) -> PlaygroundScreen.Done:
            result = await running.run_tool(self.drio, client, bound, target, arguments, self.app_raw, sending)
            if result.run is not None:
                await asyncio.to_thread(fill_widget, bound, result.run)
            return self.Done(result.run, bound, result.message)

        def failed(error: DrioError) -> Message:
            run = Run(bound.id, bound.title, target, arguments, error=str(error), unknown=error.outcome_unknown)
            return self.Done(run, bound)

        self.run_request(call, lambda done: done, group="run", failed=failed, once=True)

    @property
    def app_raw(self) -> dict[str, Any]:
        """The app as the server returned it."""
        app = self.snapshot.app if self.snapshot is not None else None
        return app.raw if app is not None and isinstance(app.raw, dict) else {}

    def on_playground_screen_started(self) -> None:
        if self.busy:
            self.show_status(Content.styled("◌ running… Esc stops it", "$text-warning"))

    def on_playground_screen_done(self, message: Done) -> None:
        self.busy = False
        run, bound = message.run, message.bound
        if run is None:
            self.show_status(Content.styled("· ", "$text-warning") + sanitize(message.message, "$text-warning"))
            return
        if not run.failed and self.snapshot is not None:
            self.chain.add_result(self.snapshot, bound, run)
            self._update_heading()
        self.show_run(bound, run)
        self.schedule_keep()
        failed_page = "request" if run.failed and run.response is not None else "widget"
        self.show_page(failed_page if run.failed else "result" if bound.widget is None else "widget")
        run_store = run_store_of(self.connection, self.app_id)
        keep_in_store(self.drio, partial(run_store.add, run), group="keep-run", not_kept="The run is not kept.")

    # -- earlier runs and the chain ---------------------------------------------------------------

    async def restart_chain(self, bound: BoundTool, arguments: dict[str, Any]) -> None:
        """Show a tool with these arguments, as the first of its chain."""
        self.chain.clear()
        await self.set_tool(bound, arguments=arguments)

    def action_step(self) -> None:
        if not self.busy:
            self.chain.show_next()

    def action_history(self) -> None:
        self.runs.show_history()

    def on_runs_loaded(self, message: RunsLoaded) -> None:
        self.runs.runs_loaded(message)

    def action_sample(self) -> None:
        self.runs.save_sample()

    def action_tests(self) -> None:
        self.drio.navigator.open_tests(self.app_id, self.tool_id)

    def action_save_test(self) -> None:
        self.runs.save_as_test()

    def action_curl(self) -> None:
        self.runs.copy_as_curl()

    def action_forget(self) -> None:
        self.runs.forget_credentials()

    def action_browser(self) -> None:
        self.runs.open_in_browser()
