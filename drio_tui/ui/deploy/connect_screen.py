"""The endpoint of a deployed app, and how to add it to each AI client: steps, and snippets to copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.reactive import var
from textual.widgets import Static

from drio_tui.kinds import APP
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.forms.tabs import TabStrip
from drio_tui.ui.screen import DrioScreen
from drio_tui.ui.widgets.copy_field import CopyField
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.urls import url_error_with_address
from drio_tui.workspace.deploy.ai_clients import ClientInstructions, client_instructions, reach

if TYPE_CHECKING:
    from drio_tui.api.client import DrioClient


class ConnectScreen(DrioScreen[None]):
    """Shows how to connect AI clients to an endpoint, by default to the app's live endpoint."""

    AREA = "apps"
    CSS_PATH = stylesheet("deploy")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "connect",
        "Connecting AI clients",
        Key("connect.copy", "y", "copy_snippet(0)", "Copy", "Copy the snippet"),
        Key("connect.copy_other", "Y", "copy_snippet(1)", "Copy the other", "Copy the second snippet", show=False),
        Key("connect.copy_endpoint", "u", "copy_endpoint", "Copy URL", "Copy the endpoint's address"),
        Key("connect.next", "f5,right,l,tab", "client(1)", "Client →", "The next client"),
        Key("connect.previous", "f11,shift+f5,left,h,shift+tab", "client(-1)", "Client ←", "The client before"),
    )

    class EndpointLoaded(Message):
        """The endpoint and the slug, empty if unknown; `reason` says why there is no endpoint."""

        def __init__(self, endpoint: str, slug: str, reason: str = "") -> None:
            super().__init__()
            self.endpoint = endpoint
            self.slug = slug
            self.reason = reason

    chosen: var[int] = var(0, init=False)
    """The index of the client that is shown."""

    def __init__(self, app_id: str, endpoint: str = "") -> None:
        super().__init__()
        self.app_id = app_id
        self.endpoint = endpoint
        self.guides: tuple[ClientInstructions, ...] = ()

    def compose_body(self) -> ComposeResult:
        with Vertical():
            yield Static(sanitize_line("◆ Connect", 80, "bold"), id="connect-heading")
            yield CopyField(self.endpoint, what="the endpoint", id="connect-endpoint")
            yield TabStrip([guide.title for guide in client_instructions("", "")])
            with VerticalScroll(id="connect-body", can_focus=True):
                yield Static(id="connect-reach")
                yield Static(id="connect-steps")
                for number in range(2):
                    yield Static(id=f"connect-where-{number}", classes="connect-where")
                    yield CopyField(what="the snippet", lines=True, id=f"connect-snippet-{number}")
                yield Static(id="connect-after")

    def on_mount(self) -> None:
        super().on_mount()
        endpoint = self.endpoint
        self.query_one("#connect-body").focus()

        async def find(client: DrioClient) -> ConnectScreen.EndpointLoaded:
            from drio_tui.workspace.deploy.deploy_record import NotDeployed, endpoint_of_app

            app = (await client.get(APP, self.app_id)).raw
            slug = app.get("slug") if isinstance(app.get("slug"), str) else ""
            try:
                return self.EndpointLoaded(endpoint or await endpoint_of_app(client, app), slug or "")
            except NotDeployed as error:
                return self.EndpointLoaded("", slug or "", f"{error.message[:1].upper()}{error.message[1:]}.")

        if endpoint:
            self._show(endpoint, "")
        self.run_request(find, lambda message: message, group="find")

    def on_connect_screen_endpoint_loaded(self, message: EndpointLoaded) -> None:
        self._show(message.endpoint, message.slug, message.reason)

    def _show(self, endpoint: str, slug: str, reason: str = "") -> None:
        self.endpoint = endpoint
        self.query_one("#connect-endpoint", CopyField).set_text(endpoint)
        self.query_one("#connect-endpoint").display = bool(endpoint)
        error = url_error_with_address(endpoint) if endpoint else ""
        text = f"{reason} d on the app deploys it."
        if endpoint:
            text = f"drio gave an endpoint that cannot be used: {error}" if error else reach(endpoint).advice
        note = self.query_one("#connect-reach", Static)
        note.update(sanitize(f"▲ {text}" if text else ""))
        note.display = bool(text)
        self.guides = client_instructions(endpoint, slug) if endpoint and not error else ()
        self.watch_chosen()

    def watch_chosen(self) -> None:
        self.query_one(TabStrip).chosen = self.chosen
        guide = self.guides[self.chosen] if self.guides else None
        steps = [f"{number}. {step}" for number, step in enumerate(guide.steps, 1)] if guide else []
        self.query_one("#connect-steps", Static).update(sanitize("\n".join(steps), multiline=True))
        for number in range(2):
            snippet = guide.snippets[number] if guide and number < len(guide.snippets) else None
            label = self.query_one(f"#connect-where-{number}", Static)
            field = self.query_one(f"#connect-snippet-{number}", CopyField)
            label.display = field.display = snippet is not None
            if snippet is not None:
                key = "yY"[number]
                label.update(
                    sanitize_line(f"{snippet.where}   ({key} copies {snippet.what})", 120, "$foreground-muted")
                )
                field.set_text(snippet.text)
        after = guide.after if guide else ""
        self.query_one("#connect-after", Static).update(sanitize(after, "$text-warning"))
        self.query_one("#connect-body").scroll_home(animate=False)

    @on(TabStrip.Chosen)
    def _client_chosen(self, event: TabStrip.Chosen) -> None:
        event.stop()
        self.chosen = event.number

    def disabled_reason(self, action: str, parameters: tuple[object, ...]) -> str | None:
        if action in ("copy_snippet", "copy_endpoint") and not self.guides:
            return "The endpoint is not known yet: deploy the app first."
        if action == "copy_snippet" and parameters == (1,) and len(self.guides[self.chosen].snippets) < 2:
            return "There is one snippet here: y copies it."
        return None

    def action_client(self, step: int) -> None:
        self.chosen = (self.chosen + step) % len(client_instructions("", ""))

    def action_copy_snippet(self, number: int) -> None:
        snippet = self.guides[self.chosen].snippets[number]
        self.drio.copy(snippet.text, snippet.what)

    def action_copy_endpoint(self) -> None:
        self.drio.copy(self.endpoint, "the endpoint")
