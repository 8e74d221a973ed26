"""The form that makes an app from a template, and then opens it."""

from __future__ import annotations

from functools import partial
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Button, Input, Static

from drio_tui.api.client import DrioClient
from drio_tui.api.errors import ApiError, Conflict, DrioError, ServerError
from drio_tui.kinds import APP
from drio_tui.ui import keymap
from drio_tui.ui.keymap import Key
from drio_tui.ui.screens.base import DrioScreen
from drio_tui.ui.stylesheets import stylesheet
from drio_tui.ui.widgets.form_field import FormField
from drio_tui.ui.widgets.safe import safe, safe_line
from drio_tui.workspace.new_app import FIELDS, body_of, check, slug_of

_RADII = ("none", "sm", "md", "lg", "xl", "full")


class CreateAppScreen(DrioScreen[None]):
    """One request per app: while one is under way, Create does nothing. What is typed stays until it is done."""

    AREA = "templates"
    CSS_PATH = stylesheet("create_app")
    BINDINGS = keymap.section(
        "create",
        "New app",
        Key("create.send", "ctrl+s", "create", "Create", "Create the app and open it", dangerous=True),
        Key("create.next", "down", "app.focus_next", "Next field", show=False, palette=False),
        Key("create.previous", "up", "app.focus_previous", "Previous field", show=False, palette=False),
    )

    creating: reactive[bool] = reactive(False, init=False)
    """Whether the app is being created right now, or it is being found out whether it was."""

    class _Slugs(Message):
        def __init__(self, apps: list[dict[str, Any]]) -> None:
            super().__init__()
            self.apps = apps

    class _Created(Message):
        def __init__(self, app: dict[str, Any]) -> None:
            super().__init__()
            self.app = app

    class _NotCreated(Message):
        def __init__(self, error: DrioError) -> None:
            super().__init__()
            self.error = error

    class _Looked(Message):
        """After an unknown outcome: the apps there are now, or why they could not be read."""

        def __init__(self, apps: list[dict[str, Any]] | None, error: DrioError | None = None) -> None:
            super().__init__()
            self.apps = apps
            self.error = error

    class _NoSlugs(Message):
        def __init__(self, error: DrioError) -> None:
            super().__init__()
            self.error = error

    def __init__(self, template: dict[str, Any]) -> None:
        super().__init__()
        self._template = template
        self._known: list[dict[str, Any]] | None = None
        self._suggested = ""
        self._own_slug = False
        self._sent: dict[str, Any] = {}
        self._refused: dict[str, tuple[str, str]] = {}  # by path: the value drio refused, and why
        self._why = ""
        self._unsure = False  # an earlier attempt may have made it
        self._done = False

    def compose_body(self) -> ComposeResult:
        branding = self._template.get("branding")
        from_template = branding if isinstance(branding, dict) else {}

        def given(member: str) -> str:
            value = from_template.get(member)
            return value if isinstance(value, str) else ""

        with VerticalScroll(id="form", can_focus=False):
            yield Static(id="banner")
            yield FormField("name", "Name", placeholder="Acme Support")
            yield FormField("slug", "Slug", placeholder="made from the name", help="Part of its address; unique.")
            yield FormField("companyUrl", "Company URL", placeholder="https://acme.com")
            yield Static("Branding", classes="heading")
            yield FormField("branding.primaryColor", "Primary", kind="colour", placeholder=given("primaryColor"))
            yield FormField("branding.accentColor", "Accent", kind="colour", placeholder=given("accentColor"))
            yield FormField(
                "branding.backgroundColor", "Background", kind="colour", placeholder=given("backgroundColor")
            )
            yield FormField("branding.fontFamily", "Font", placeholder=given("fontFamily") or "Geist")
            yield FormField(
                "branding.borderRadius", "Corners", kind="choice", choices=_RADII, placeholder=given("borderRadius")
            )
            with Horizontal(id="answers"):
                yield Button("Create", variant="primary", id="create")
                yield Button("Cancel", id="cancel")

    def on_mount(self) -> None:
        super().on_mount()
        form = self.query_one("#form")
        name = self._template.get("name")
        form.border_title = Content.assemble("New app from ", safe_line(name if isinstance(name, str) else "", 60))
        self.query_one("#banner").display = False
        self.field("name").focus_input()
        self.run_request(_apps, self._Slugs, group="slugs", failed=self._NoSlugs)

    def field(self, path: str) -> FormField:
        """The field of a member."""
        return self.query_one(f"#{path.replace('.', '-')}", FormField)

    @property
    def values(self) -> dict[str, str]:
        """What is filled in, by path."""
        return {path: self.field(path).value for path in FIELDS}

    def unsaved(self) -> str:
        typed = any(value for path, value in self.values.items() if path != "slug" or self._own_slug)
        return "the new app" if typed and not self._done else ""

    def session_changed(self) -> None:
        """Another account's slugs are other slugs; what was typed stays."""
        self._known = None
        self.run_request(_apps, self._Slugs, group="slugs", failed=self._NoSlugs)

    # -- while typing -----------------------------------------------------------------------------

    @on(FormField.Changed)
    def _typed(self, event: FormField.Changed) -> None:
        path = event.form_field.path
        if path == "name" and not self._own_slug:
            self._suggest()
        elif path == "slug":
            self._own_slug = bool(event.value)
            if not self._own_slug:
                self._suggest()
        if event.form_field.error:  # a complaint goes as soon as its reason does
            event.form_field.say(error=self._problems().get(path, ""))
        if path in ("name", "slug"):
            self._judge_slug()

    @on(FormField.Left)
    def _left(self, event: FormField.Left) -> None:
        path = event.form_field.path
        if path == "name" and not event.form_field.value:
            return  # leaving it empty is no mistake until it is sent
        event.form_field.say(error=self._problems().get(path, ""))

    def on_create_app_screen__slugs(self, message: _Slugs) -> None:
        self._known = message.apps
        if not self._own_slug:
            self._suggest()
        self._judge_slug()

    def on_create_app_screen__no_slugs(self, message: _NoSlugs) -> None:
        self.field("slug").say(help="Whether it is free could not be looked up; drio checks it.")

    def _suggest(self) -> None:
        self._suggested = slug_of(self.field("name").value, self._taken())
        self.field("slug").set_value(self._suggested)

    def _taken(self) -> dict[str, str]:
        taken: dict[str, str] = {}
        for app in self._known or ():
            if isinstance(app.get("slug"), str):
                taken[app["slug"]] = APP.label(app)
        return taken

    def _judge_slug(self) -> None:
        """Say at once whether the slug is free."""
        slug = self.field("slug")
        error = self._problems().get("slug", "")
        if error:
            slug.say(error=error)
        elif slug.value and self._known is not None:
            slug.say(help="✓ Free.")
        else:
            slug.say(help="Part of its address; unique.")

    def _problems(self, *, sending: bool = False) -> dict[str, str]:
        """What is wrong now. What drio refused stays wrong until it is changed, but may be sent again."""
        values = self.values
        found = check(self._template_id, values, self._taken())
        for path, (value, why) in self._refused.items():
            if not sending and values.get(path) == value:
                found.setdefault(path, why)
        return found

    @property
    def _template_id(self) -> str:
        id = self._template.get("id")
        return id if isinstance(id, str) else ""

    # -- sending ----------------------------------------------------------------------------------

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str | None:
        if action == "create" and self.creating:
            return "The app is being created."
        if action == "create" and self.drio.session is None:
            return "Creating an app needs a sign-in: press Esc, then L. What you typed stays in this form."
        return None

    @on(Button.Pressed, "#create")
    @on(Input.Submitted)
    async def _asked(self) -> None:
        await self.run_action("screen.create")

    @on(Button.Pressed, "#cancel")
    def _cancelled(self) -> None:
        self.action_back()

    def action_create(self) -> None:
        """Check everything; send it when nothing is wrong."""
        if self.creating or self._done:
            return
        problems = self._problems(sending=True)
        self._banner()
        if self._unsure:
            self._find_out()
        elif not self._complain(problems):
            self._why = ""
            self._sent = body_of(self._template_id, self.values)
            self.creating = True
            self.run_request(
                partial(_create, body=self._sent), self._Created, group="create", failed=self._NotCreated, once=True
            )

    def _complain(self, problems: dict[str, str]) -> bool:
        """Every problem under its field, the focus in the first; whether there is one."""
        first: FormField | None = None
        rest = dict(problems)
        for path in FIELDS:
            field = self.field(path)
            error = rest.pop(path, "")
            field.say(error=error)
            if error and first is None:
                first = field
        if rest:
            self._banner("Something else is wrong", "\n".join(f"{path}: {text}" for path, text in rest.items()))
        if first is not None:
            first.focus_input()
        elif not problems:
            self._judge_slug()
        return bool(problems)

    def watch_creating(self, creating: bool) -> None:
        button = self.query_one("#create", Button)
        button.label = "Creating…" if creating else "Create"
        button.disabled = creating
        self.refresh_bindings()

    def on_create_app_screen__created(self, message: _Created) -> None:
        self.creating = False
        self._open(message.app)

    def on_create_app_screen__not_created(self, message: _NotCreated) -> None:
        error = message.error
        if error.outcome_unknown or isinstance(error, ServerError):
            self._find_out(error)
            return
        self.creating = False
        named = {field.path: field.message for field in error.field_errors} if isinstance(error, ApiError) else {}
        if isinstance(error, Conflict) and not named:
            named = {"slug": error.message or "It is taken."}
            self.run_request(_apps, self._Slugs, group="slugs", failed=self._NoSlugs)
        values = self.values
        self._refused = {path: (values.get(path, ""), why) for path, why in named.items()}
        if not self._complain(named) or not any(path in FIELDS for path in named):
            self._banner(error.title, "\n".join(part for part in (error.message, error.hint) if part))

    def action_back(self) -> None:
        """While creating, stop waiting and look whether it happened; else leave, after asking."""
        if self.creating:
            self.cancel_requests()
            self._find_out()
        else:
            self.cancel_requests()
            self.drio.back()

    def _find_out(self, error: DrioError | None = None) -> None:
        """The request may or may not have been carried out: look at the apps there are now."""
        self._why = str(error) if error else self._why or "You stopped waiting."
        self.creating = True
        self._banner("It is not known whether that happened", "Looking at your apps…")
        self.run_request(_apps, self._Looked, group="look", failed=partial(self._Looked, None))

    def on_create_app_screen__looked(self, message: _Looked) -> None:
        self.creating = False
        self._unsure = message.apps is None
        if message.apps is None:
            why = message.error.message if message.error else ""
            text = f"Your apps could not be read either: {why}\nCtrl+S looks again before anything is sent."
            self._banner("It is not known whether the app was created", text)
            return
        before = {app.get("id") for app in self._known or ()}
        made = [app for app in message.apps if self._is_the_one(app) and app.get("id") not in before]
        if made:
            self.notify("The answer did not come, but the app was created.", markup=False)
            self._open(made[-1])
            return
        self._known = message.apps
        self._judge_slug()
        self._banner("The app was not created", f"{self._why}\nNo such app is there, so you can try again.")

    def _is_the_one(self, app: dict[str, Any]) -> bool:
        if "slug" in self._sent:
            return bool(app.get("slug") == self._sent["slug"])
        return bool(app.get("name") == self._sent.get("name") and app.get("templateId") == self._template_id)

    def _open(self, app: dict[str, Any]) -> None:
        self._done = True
        drio, id = self.drio, app.get("id")
        self.dismiss()
        if isinstance(id, str) and id:
            drio.call_later(drio.open_app, id)
        else:
            drio.call_later(drio.action_go, "apps")

    def _banner(self, title: str = "", text: str = "") -> None:
        banner = self.query_one("#banner", Static)
        banner.display = bool(title)
        banner.update(Content.assemble(safe(title, "bold"), "\n", safe(text, multiline=True)))
        if title:
            self.query_one("#form").scroll_home(animate=False)


async def _apps(client: DrioClient) -> list[dict[str, Any]]:
    return (await client.list(APP)).items


async def _create(client: DrioClient, body: dict[str, Any]) -> dict[str, Any]:
    return (await client.create(APP, body)).raw
