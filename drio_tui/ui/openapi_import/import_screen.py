"""Operations from an OpenAPI document into an app: the document, what to take of it, where it goes, and the making."""

from __future__ import annotations

import contextlib
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Grid, Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Button, Input, Static

from drio_tui.api.errors import DrioError
from drio_tui.openapi_import.document import Document, open_document
from drio_tui.openapi_import.errors import ImportFailed, Problem
from drio_tui.openapi_import.existing import present_in
from drio_tui.openapi_import.import_batch import batch
from drio_tui.openapi_import.model import OperationDetail, Scheme
from drio_tui.openapi_import.planning import Plan, Target
from drio_tui.openapi_import.security import BY_PROVIDER, connection_of, secret_of
from drio_tui.openapi_import.servers import why_no_base
from drio_tui.text import count_of
from drio_tui.tool_calls.egress import origin_text
from drio_tui.tool_calls.token_count import kilobytes
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.dialogs.allow_host import ask_to_allow
from drio_tui.ui.dialogs.select_dialog import Choice, ChooserScreen
from drio_tui.ui.editing.create import make_new
from drio_tui.ui.editing.edit_screen import Target as EditTarget
from drio_tui.ui.forms.inputs import Picker, Segments
from drio_tui.ui.openapi_import.import_dialog import TOLD, MakingScreen
from drio_tui.ui.openapi_import.operation_picker import OperationPicker
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.empty_state import EmptyState
from drio_tui.ui.widgets.json_view import JsonView
from drio_tui.ui.widgets.line_editor import LineEditor
from drio_tui.ui.widgets.sanitize import safe, safe_line
from drio_tui.workspace.lint.allowed_hosts import allowed_hosts
from drio_tui.workspace.lint.reachability import private_origin
from drio_tui.workspace.model.loader import load_app
from drio_tui.workspace.model.snapshot import Resource, Snapshot
from drio_tui.workspace.saving.batch import Batch
from drio_tui.workspace.saving.saver import Saver


class ImportScreen(DrioScreen[bool]):
    """Gives whether anything was made. `snapshot` is the app as it is known, for its integrations and taken keys."""

    AREA = "apps"
    CSS_PATH = stylesheet("openapi_import")
    BINDINGS = keymap.section(
        "import",
        "Import from OpenAPI",
        Key("import.make", "ctrl+s", "make", "Create", "Create what is chosen, after a look at it", dangerous=True),
        Key("import.source", "s", "source", "Document", "Another document"),
        Key("import.where", "w", "where", "Where to", "The integration, its base URL and sign-in"),
        Key("import.problems", "p", "problems", "Problems", "What is odd about the document", show=False),
        Key("import.other", "tab", "other_side", "Other side", "Between list, tool and settings", show=False),
    )

    document: reactive[Document | None] = reactive(None, init=False)
    """What was read; None until then."""

    reading: reactive[str] = reactive("", init=False)
    """What is being done to read it, in a few words; empty when nothing is."""

    class Told(Message):
        """Reading got on."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Read(Message):
        """A document was read."""

        def __init__(self, document: Document) -> None:
            super().__init__()
            self.document = document

    class NotRead(Message):
        """It could not be read."""

        def __init__(self, error: DrioError) -> None:
            super().__init__()
            self.error = error

    class Found(Message):
        """The validator found something, or (None) has ended, `finished` or not."""

        def __init__(self, document: Document, problem: Problem | None, finished: bool = False) -> None:
            super().__init__()
            self.document = document
            self.problem = problem
            self.finished = finished

    class Described(Message):
        """What an operation becomes is known."""

        def __init__(self, detail: OperationDetail) -> None:
            super().__init__()
            self.detail = detail

    class Planned(Message):
        """What is to be made is known; `snapshot` is the app that it was planned for."""

        def __init__(self, plan: Plan, checked: tuple[Problem, ...], snapshot: Snapshot) -> None:
            super().__init__()
            self.plan = plan
            self.checked = checked
            self.snapshot = snapshot

    def __init__(self, app_id: str, snapshot: Snapshot, source: str = "") -> None:
        super().__init__()
        self._app_id = app_id
        self._snapshot = snapshot
        self._source = source
        self._arriving: Document | None = None  # read, and not shown yet
        self._closed_for_good = False
        self._integration = ""
        self._where_chosen = False  # the integration, by the person
        self._auth = ""
        self._found: list[Problem] = []
        self._checked = False  # the whole of it, to the end
        self._checking = False
        self._plan: Plan | None = None
        self._plan_of: tuple[Any, ...] = ()
        self._work: Batch | None = None
        self._anything = False

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="from"):
            yield Static("Document", classes="-label")
            yield LineEditor(self._source, placeholder="a path or an address, then Enter", classes="-source")
        yield EmptyState(
            "Import operations from an OpenAPI document",
            "Give a file (JSON or YAML, ~ is your home) or an http(s) address above, then press Enter.\n"
            "Nothing is made before you have chosen and agreed.",
            id="empty",
        )
        with Horizontal(id="work"):
            yield OperationPicker(id="operations")
            with Vertical(id="tool"):
                yield Static(id="about", markup=False)
                yield JsonView(id="json")
        with Grid(id="where"):
            yield Static("Into", classes="-label")
            yield Picker(Content(""), classes="-integration")
            yield Static("Base URL", classes="-label")
            yield LineEditor("", placeholder="https://api.example.com/v1", classes="-base")
            yield Static("Sign-in", classes="-label")
            yield Picker(Content(""), classes="-auth")
            yield Static("Make", classes="-label")
            with Horizontal(id="make"):
                yield Segments(("operations and tools", "operations only"), 0)
                yield Button("Create", variant="primary", id="create", compact=True)
        yield Static(id="note", markup=False)

    def on_mount(self) -> None:
        super().on_mount()
        self._arrange()
        self._show_where()
        self.query_one(".-source", LineEditor).focus()
        if self._source:
            self._read(self._source)

    async def on_unmount(self) -> None:
        self._closed_for_good = True
        for document in (self.document, self._arriving):
            if document is not None:
                await document.close()

    @property
    def picker(self) -> OperationPicker:
        """The list of operations."""
        return self.query_one(OperationPicker)

    def unsaved(self) -> str:
        return (
            f"the selection of {count_of(len(self.picker.choosing), 'operation')}" if len(self.picker.choosing) else ""
        )

    # -- reading ----------------------------------------------------------------------------------

    @on(Input.Submitted, ".-source")
    def _wanted(self, event: Input.Submitted) -> None:
        event.stop()
        self._read(event.value)

    def _read(self, where: str) -> None:
        self.reading = "looking"

        async def work() -> None:
            try:
                if where.strip() == "-":  # the keys come from there
                    raise ImportFailed("Standard input is the keyboard here: give a file or an address.")
                document = await open_document(where, lambda text: self.post_message(self.Told(text)))
            except DrioError as error:
                self.post_message(self.NotRead(error))
            else:
                if self._closed_for_good:  # Textual ends the workers of a screen after this screen's own `on_unmount`
                    await document.close()
                    return
                self._arriving = document
                self.post_message(self.Read(document))

        self.run_worker(work(), name="read", group="read", exclusive=True)

    def on_import_screen_told(self, message: Told) -> None:
        if self.reading:
            self.reading = message.text

    def on_import_screen_not_read(self, message: NotRead) -> None:
        self.reading = ""
        error = message.error
        if self.document is None:
            self.query_one("#empty", EmptyState).say_error(error, ("Enter", "try again"))
        else:
            self.drio.show_error(error)
        self.query_one(".-source", LineEditor).focus()

    async def on_import_screen_read(self, message: Read) -> None:
        self.reading = ""
        old, self.document, self._arriving = self.document, message.document, None
        if old is not None:
            await old.close()

    def watch_reading(self, reading: str) -> None:
        if reading and self.document is None:
            self.query_one("#empty", EmptyState).say("Reading the document", f"{reading}…", ("Esc", "stop"))
        self._note()

    def watch_document(self, document: Document | None) -> None:
        self._arrange()
        if document is None:
            return
        self._found = list(document.problems)
        self._checked, self._checking = False, True
        self._forget_plan()
        self.picker.show(document.operations)
        self.picker.focus_list()
        self.query_one(".-base", LineEditor).value = document.base_url
        self._where_chosen, self._integration = False, ""
        self._mark_there()
        self._note()
        self._check(document)

    def _check(self, document: Document) -> None:
        """Hold it against the specification while the list is in use already."""

        async def work() -> None:
            checked = await document.check(None, lambda problem: self.post_message(self.Found(document, problem)))
            self.post_message(self.Found(document, None, checked.finished))

        self.run_worker(work(), name="check", group="check", exclusive=True)

    def on_import_screen_found(self, message: Found) -> None:
        if message.document is not self.document:
            return
        if message.problem is None:
            self._checking = False
            self._checked = message.finished
        else:
            self._found.append(message.problem)
        self._note()

    # -- showing ----------------------------------------------------------------------------------

    def _arrange(self) -> None:
        there = self.document is not None
        self.query_one("#empty").display = not there
        for id in ("#work", "#where"):
            self.query_one(id).display = there
        self.refresh_bindings()

    def _note(self) -> None:
        document = self.document
        parts: list[Content] = []
        if self.reading:
            parts.append(Content.styled(f"◌ {self.reading}… Esc stops", "$text-warning"))
        if document is not None:
            parts.append(safe_line(f"{document.title} {document.head.version}", 60, "bold"))
            parts.append(Content.styled(f"OpenAPI {document.head.openapi[:12]}", "$foreground-muted"))
            if self._found:
                parts.append(Content.styled(f"▲ {count_of(len(self._found), 'problem')} (p)", "$text-warning"))
            elif self._checked:
                parts.append(Content.styled("✓ valid", "$text-success"))
            if self._checking:
                parts.append(Content.styled("◌ checking", "$foreground-muted"))
        self.query_one("#note", Static).update(Content("  ").join(parts), layout=False)

    @on(OperationPicker.Moved)
    def _show_tool(self, event: OperationPicker.Moved) -> None:
        document, id = self.document, event.id
        if document is None or id is None:
            return

        async def work() -> None:
            try:
                found = await document.details([id])
            except ImportFailed as error:
                self.post_message(self.NotRead(error))
            else:
                self.post_message(self.Described(found[id]))

        self.run_worker(work(), name="describe", group="describe", exclusive=True)

    def on_import_screen_described(self, message: Described) -> None:
        detail, document = message.detail, self.document
        offered = document.offered(detail.id) if document else None
        if offered is None or detail.id != self.picker.id_here:
            return
        lines = [
            safe_line(detail.id, 200, "bold"),
            Content(f"In the list of tools: {kilobytes(detail.bytes)}, about {detail.tokens:,} tokens"),
        ]
        if offered.obstacle:
            lines.append(safe(f"✗ {offered.obstacle}", "$text-error"))
        lines += [safe(f"▲ {note}", "$text-warning") for note in dict.fromkeys((*offered.notes, *detail.notes))]
        if offered.schemes:
            lines.append(safe(f"It wants a sign-in: {' or '.join(offered.schemes)}", "$foreground-muted"))
        self.query_one("#about", Static).update(Content("\n").join(lines[:8]))
        self.query_one("#json", JsonView).show(detail.seen)

    @on(OperationPicker.Opened)
    def _open_tool(self) -> None:
        self.add_class("-tool")
        self.query_one("#json JsonLines").focus()

    @on(OperationPicker.Changed)
    def _chosen_changed(self) -> None:
        self._show_where()
        self.refresh_bindings()

    # -- where to ---------------------------------------------------------------------------------

    def _show_where(self) -> None:
        target = self._target()
        name = target.name if target else f"a new integration: {self.document.title if self.document else ''}"
        self.query_one(".-integration", Picker).show(safe_line(name, 70))
        self.query_one(".-base", LineEditor).disabled = target is not None
        own = target.text("authId") if target else ""
        connection = self._snapshot.resource("auth", own or self._auth) if own or self._auth else None
        text = connection.name if connection else "none"
        wanted = self.document.proposal(self.picker.choosing.chosen) if self.document else None
        if own:
            text += " (the integration's own)"
        elif wanted is not None and connection is None:
            adds = "Enter adds what the document wants" if wanted.provider else "the document wants"
            text = f"none: {adds}, {wanted.about}. {wanted.problem}".rstrip()
        picker = self.query_one(".-auth", Picker)
        picker.show(safe_line(text, 110))
        picker.disabled = bool(own)

    def _target(self) -> Resource | None:
        """The integration of the app that operations go to; None where a new one is made."""
        return self._snapshot.resource("integration", self._integration) if self._integration else None

    def _base_url(self) -> str:
        """The base URL as it stands in its field."""
        return self.query_one(".-base", LineEditor).value.strip()

    def _mark_there(self) -> None:
        """Mark what the app has of the document, and go on in its integration unless another one was chosen."""
        document = self.document
        if document is None:
            return
        present = present_in(self._snapshot)
        if not self._where_chosen:
            known = present.integration(document.base_url, document.title)
            self._integration = str(known.get("id") or "") if known else ""
            if known:
                self.query_one(".-base", LineEditor).value = str(known.get("baseUrl") or "")
        new = self._where_chosen and not self._integration
        there = {} if new else document.there(present, self._base_url(), self._integration)
        bound = present.bound()
        tools = self.query_one(Segments).chosen != 1
        done = {id for id, raw in there.items() if not tools or str(raw.get("id")) in bound}
        if done != self.picker.choosing.made:
            self.picker.choosing.are_made(done)
            self.picker.refresh_rows()
        self._show_where()

    @on(Segments.Chosen)
    def _what_changed(self) -> None:
        self._mark_there()

    @on(Picker.Wanted)
    def _choose(self, event: Picker.Wanted) -> None:
        event.stop()
        if event.picker.has_class("-auth"):
            self._choose_auth(event.typed)
        else:
            self._choose_integration(event.typed)

    def _choose_integration(self, typed: str) -> None:
        known = [resource for resource in self._snapshot.resources("integration") if not resource.made_up]
        choices = [Choice("", "a new integration", quiet=True)]
        choices += [Choice(resource.id, resource.name, resource.text("baseUrl")) for resource in known]

        def taken(choice: Choice[Any] | None) -> None:
            if choice is not None:
                self._integration, self._where_chosen = choice.value, True
                target = self._target()
                own = self.document.base_url if self.document else ""
                self.query_one(".-base", LineEditor).value = target.text("baseUrl") if target else own
                self._mark_there()

        self.app.push_screen(ChooserScreen("Into which integration?", choices, typed=typed), taken)

    def _choose_auth(self, typed: str) -> None:
        document = self.document
        choices: list[Choice[Any]] = [Choice("", "none", quiet=True)]
        offered = {resource.text("key") for resource in self._snapshot.resources("provider")}
        wanted = document.proposal(self.picker.choosing.chosen) if document else None
        schemes = sorted(document.schemes if document else (), key=lambda one: one != wanted)
        for scheme in schemes:
            if scheme.provider in BY_PROVIDER and scheme.provider in offered:
                choices.append(Choice(scheme, f"new: {scheme.about}", scheme.name, new=True))
        resources = [resource for resource in self._snapshot.resources("auth") if not resource.made_up]
        choices += [Choice(resource.id, resource.name, resource.text("providerName")) for resource in resources]

        def taken(choice: Choice[Any] | None) -> None:
            if choice is None:
                return
            if isinstance(choice.value, Scheme):
                self.run_worker(self._make_auth(choice.value), name="auth", group="auth", exclusive=True)
                return
            self._auth = choice.value
            self._show_where()

        self.app.push_screen(ChooserScreen("Signed in by which connection?", choices, typed=typed), taken)

    async def _make_auth(self, scheme: Scheme) -> None:
        """Let the person fill in the connection that the document asks for, and use it."""
        if self.document is None:
            return
        made = await self.new_connection(connection_of(scheme, self.document.title))
        if made:
            self._auth = made
            self._show_where()
            self.query_one(".-auth", Picker).focus()

    async def new_connection(self, begin: dict[str, Any]) -> str:
        """Make an auth connection that begins with these members; its id, empty when the person goes back."""
        target = EditTarget(self._app_id, "auth", begin=begin, wanted_by="the import", member=secret_of(begin))
        made = await make_new(self.drio, target, self._snapshot)
        return made.id if made is not None else ""

    # -- making -----------------------------------------------------------------------------------

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str | None:
        if action not in ("make", "where", "problems"):
            return None
        if self.document is None:
            return "Give a document first, then press Enter."
        if action == "problems" and not self._found:
            return "Nothing odd was found in the document."
        if action == "make" and not len(self.picker.choosing):
            return "Choose operations first, with Space."
        return None

    @on(Button.Pressed, "#create")
    async def _pressed(self) -> None:
        await self.run_action("screen.make")

    def action_make(self) -> None:
        """Read the app again, plan it, check what is taken against the specification, and ask."""
        document = self.document
        if document is None:
            return
        why = why_no_base(self._base_url()) if not self._integration else ""
        if why:
            self.notify(f"{why} Give the base URL of the API.", title="Base URL", severity="error", markup=False)
            self.query_one(".-base", LineEditor).focus()
            return
        wanted = self._wishes()
        if self._plan is not None and self._plan_of == wanted and self._work is not None:
            self._ask(self._plan, ())
            return
        self._forget_plan()
        self._plan_of = wanted
        self.reading = "planning"
        chosen, tools, integration, auth, url, again = wanted

        async def work() -> None:
            try:
                snapshot = await self.read_app()
                target: Target | str = Target(integration, url) if integration else ""
                plan = await document.plan(
                    chosen, base_url=url, integration=target, auth=auth, tools=tools, present=present_in(snapshot),
                    again=again,
                )  # fmt: skip
                checked = () if self._checked else (await document.check(chosen)).problems
            except DrioError as error:
                self.post_message(self.NotRead(error))
            else:
                self.post_message(self.Planned(plan, checked, snapshot))

        self.run_worker(work(), name="plan", group="plan", exclusive=True)

    def _wishes(self) -> tuple[tuple[str, ...], bool, str, str, str, bool]:
        """What is to be made, and where."""
        tools = self.query_one(Segments).chosen != 1
        again = self._where_chosen and not self._integration
        return self.picker.choosing.chosen, tools, self._integration, self._auth, self._base_url(), again

    async def read_app(self) -> Snapshot:
        """The app as it is now: what others made meanwhile is not made once more. Raises `DrioError`."""
        snapshot = Snapshot(self._app_id)
        await load_app(await self.backend.ready(), self._app_id, snapshot.apply)
        for part in snapshot.parts.values():
            if part.error is not None:
                raise part.error
        return snapshot

    def on_import_screen_planned(self, message: Planned) -> None:
        self.reading = ""
        self._snapshot = message.snapshot
        self._mark_there()
        if not message.plan.resources:
            self._forget_plan()
            self.notify("The app has all that is chosen already.", severity="warning", markup=False)
            return
        self._plan, self._work = message.plan, None
        self._ask(message.plan, message.checked)

    def _ask(self, plan: Plan, checked: tuple[Problem, ...]) -> None:
        ids = {resource.source for resource in plan.resources}
        found = [problem for problem in self._found if problem.operation in ids]
        told = list(dict.fromkeys(map(_told, (*plan.problems, *found, *checked))))
        lines = [f"▲ {text}" for text in told[:TOLD]]
        if len(told) > TOLD:
            lines.append(f"▲ and {len(told) - TOLD} more")
        if plan.skipped:
            sources = ", ".join(one.source for one in plan.skipped[:3]) + (", …" if len(plan.skipped) > 3 else "")
            lines.append(f"✓ The app has {count_of(len(plan.skipped), 'operation')} of these already: {sources}")
        changes = sum(bool(resource.changes) for resource in plan.resources)
        title = f"Create {count_of(len(plan.resources) - changes, 'resource')}?"
        screen = MakingScreen(
            title if changes < len(plan.resources) else "Change the integration?",
            "\n".join(lines) or "Nothing is left out.",
            [resource.about for resource in plan.resources],
            lambda saver: self._made_by(saver, plan),
            agree="Create",
            danger=False,
        )
        screen.work = self._work
        self.app.push_screen(screen, self._ended)

    def _made_by(self, saver: Saver, plan: Plan) -> Batch:
        self._work = batch(saver, self._app_id, plan)
        return self._work

    def _ended(self, anything: bool | None) -> None:
        work, plan = self._work, self._plan
        if not anything or work is None or plan is None:
            return
        self._anything = self._anything or any(result and result.ok for result in work.results)
        if work.done:
            self.run_worker(self._leave(plan), name="leave", group="leave", exclusive=True)
        else:
            self.run_worker(self._look_again(), name="look", group="look", exclusive=True)

    async def _look_again(self) -> None:
        """After a part of it failed: mark what is there now."""
        with contextlib.suppress(DrioError):
            self._snapshot = await self.read_app()
            self._mark_there()

    async def _leave(self, plan: Plan) -> None:
        """Ask whether the sandbox may call the API, if that is at a private address, then go back to the app."""
        client = self.backend.client
        bases = [str(resource.body["baseUrl"]) for resource in plan.resources if "baseUrl" in resource.body]
        bases += [
            resource.text("baseUrl") for id in plan.used if (resource := self._snapshot.resource("integration", id))
        ]
        with contextlib.suppress(DrioError):
            if client is not None and (known := await allowed_hosts(client)) is not None:
                origins = [private_origin(base, client.transport.base_url) for base in bases]
                for origin in dict.fromkeys(origins):
                    if origin is not None and origin not in known:
                        await ask_to_allow(self.drio, client, origin, f"{origin_text(origin)} is a private address.")
        self.dismiss(True)

    def _forget_plan(self) -> None:
        self._plan, self._work, self._plan_of = None, None, ()

    # -- getting about ----------------------------------------------------------------------------

    def action_source(self) -> None:
        self.query_one(".-source", LineEditor).focus()

    def action_where(self) -> None:
        self.query_one(".-integration", Picker).focus()

    def action_problems(self) -> None:
        lines = [_told(problem) for problem in self._found]
        text = "\n".join(lines[:TOLD]) + (f"\nand {len(lines) - TOLD} more" if len(lines) > TOLD else "")
        self.notify(
            safe(text, multiline=True).plain, title="In the document", severity="warning", timeout=20, markup=False
        )

    def action_other_side(self) -> None:
        """From the list to the tool, to the settings, and back to the list."""
        if self.document is None:
            return
        if self.picker.has_focus_within:
            self._open_tool()
        elif self.query_one("#tool").has_focus_within:
            self.remove_class("-tool")
            self.action_where()
        else:
            self.screen.focus_next()
            if not self.query_one("#where").has_focus_within:
                self.picker.focus_list()

    def action_back(self) -> None:
        """Stop what is under way, leave the tool or the settings, then the screen."""
        stopped = [worker for worker in self._under_way() if worker.group in ("read", "plan")]
        if stopped:
            for worker in stopped:
                worker.cancel()
            self.on_import_screen_not_read(self.NotRead(ImportFailed("You stopped the reading.", title="Not read")))
        elif self.document is not None and not self.picker.has_focus_within:
            self.remove_class("-tool")
            self.picker.focus_list()
        elif self._anything and not self.unsaved():
            self.dismiss(True)
        else:
            self.drio.back()


def _told(problem: Problem) -> str:
    where = problem.operation or problem.where
    return f"{where}: {problem.message}" if where else problem.message
