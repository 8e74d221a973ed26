"""The settings of an import: the integration, its base URL and sign-in, and whether tools are created."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.containers import Grid, Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Static

from drio_tui.openapi_import.document import Document
from drio_tui.openapi_import.existing import ExistingResources, Raw, existing_resources
from drio_tui.openapi_import.model import Scheme
from drio_tui.openapi_import.security import CREDENTIAL_KEYS
from drio_tui.openapi_import.servers import why_no_base
from drio_tui.ui.dialogs.select_dialog import Choice, SelectDialog
from drio_tui.ui.forms.inputs import Picker, Segments
from drio_tui.ui.widgets.line_editor import LineEditor
from drio_tui.ui.widgets.sanitize import sanitize_line
from drio_tui.workspace.model.snapshot import Resource, Snapshot


class ImportOptions(NamedTuple):
    """What the user chose. `integration` is empty for a new one; with `again` it is created even if it exists.

    With `proposed`, tools get what is proposed for them.
    """

    chosen: tuple[str, ...]
    tools: bool
    integration: str
    auth: str
    base_url: str
    again: bool
    proposed: bool = False


class ImportSettings(Grid):
    """The fields below the list of operations. `snapshot` is the app, for its integrations and connections."""

    class Changed(Message):
        """The integration, or what is created for an operation, changed."""

    class ConnectionWanted(Message):
        """A new connection for the document's security scheme is to be created."""

        def __init__(self, scheme: Scheme) -> None:
            super().__init__()
            self.scheme = scheme

    def __init__(self, snapshot: Snapshot, *, id: str) -> None:
        super().__init__(id=id)
        self.snapshot = snapshot
        self._document: Document | None = None
        self._chosen: tuple[str, ...] = ()
        self._integration = ""
        self._integration_chosen = False  # by the user
        self._auth = ""

    def compose(self) -> ComposeResult:
        yield Static("Into", classes="-label")
        yield Picker(Content(""), classes="-integration")
        yield Static("Base URL", classes="-label")
        yield LineEditor("", placeholder="https://api.example.com/v1", classes="-base")
        yield Static("Sign-in", classes="-label")
        yield Picker(Content(""), classes="-auth")
        yield Static("Make", classes="-label")
        with Horizontal(id="create-row"):
            yield Segments(("tools as proposed", "as documented", "no tools"), 0)
            yield Button("Create", variant="primary", id="create", compact=True)

    def on_mount(self) -> None:
        self._show()

    @property
    def base_field(self) -> LineEditor:
        """The field of the base URL."""
        return self.query_one(".-base", LineEditor)

    @property
    def base_url_error(self) -> str:
        """Why no integration can be created with the base URL; empty if one can."""
        return "" if self._integration else why_no_base(self.base_field.value.strip())

    def options(self, chosen: Sequence[str]) -> ImportOptions:
        """Return what the plan for the chosen operations depends on."""
        made = self.query_one(Segments).chosen
        again = self._integration_chosen and not self._integration
        url = self.base_field.value.strip()
        return ImportOptions(tuple(chosen), made != 2, self._integration, self._auth, url, again, proposed=made == 0)

    def show_document(self, document: Document) -> None:
        """Set the fields to what a newly loaded document says."""
        self._document = document
        self._integration_chosen, self._integration = False, ""
        self.base_field.value = document.base_url

    def show_selection(self, chosen: Sequence[str]) -> None:
        """Show the sign-in that these operations want."""
        self._chosen = tuple(chosen)
        self._show()

    def use_proposals(self) -> None:
        """Make tools as proposed."""
        self.query_one(Segments).pick(0)

    def use_connection(self, id: str) -> None:
        """Select a connection that was just created."""
        self._auth = id
        self._show()
        self.query_one(".-auth", Picker).focus()

    def existing_operations(self) -> set[str]:
        """Return the operations that the app has; select the document's integration unless the user chose one."""
        document = self._document
        if document is None:
            return set()
        if not self._integration_chosen:
            present = existing_resources(self.snapshot)
            integration = present.integration(document.base_url, document.title)
            self._integration = str(integration.get("id") or "") if integration else ""
            if integration:
                self.base_field.value = str(integration.get("baseUrl") or "")
            self._show()
        present, existing = self.present()
        bound, tools = present.tools_by_operation(), self.options(()).tools
        return {id for id, raw in existing.items() if not tools or str(raw.get("id")) in bound}

    def present(self) -> tuple[ExistingResources, dict[str, Raw]]:
        """Return what the app has, and those of its operations that the import would use, by their document's ids."""
        present, options = existing_resources(self.snapshot), self.options(())
        if self._document is None or options.again:
            return present, {}
        return present, self._document.existing_operations(present, options.base_url, self._integration)

    def _show(self) -> None:
        document, target = self._document, self._target()
        name = target.name if target else f"a new integration: {document.title if document else ''}"
        self.query_one(".-integration", Picker).show(sanitize_line(name, 70))
        self.base_field.disabled = target is not None
        integration_auth = target.text("authId") if target else ""
        auth = integration_auth or self._auth
        connection = self.snapshot.resource("auth", auth) if auth else None
        text = connection.name if connection else "none"
        scheme = document.preferred_scheme(self._chosen) if document else None
        if integration_auth:
            text += " (the integration's own)"
        elif scheme is not None and connection is None:
            adds = "Enter adds what the document wants" if scheme.provider else "the document wants"
            text = f"none: {adds}, {scheme.about}. {scheme.problem}".rstrip()
        picker = self.query_one(".-auth", Picker)
        picker.show(sanitize_line(text, 110))
        picker.disabled = bool(integration_auth)

    def _target(self) -> Resource | None:
        """Return the existing integration that operations are added to; None for a new one."""
        return self.snapshot.resource("integration", self._integration) if self._integration else None

    @on(Segments.Chosen)
    def _kinds_changed(self) -> None:
        self.post_message(self.Changed())

    @on(Picker.Wanted)
    def _picker_opened(self, event: Picker.Wanted) -> None:
        event.stop()
        if event.picker.has_class("-auth"):
            self._choose_auth(event.typed)
        else:
            self._choose_integration(event.typed)

    def _choose_integration(self, typed: str) -> None:
        integrations = [resource for resource in self.snapshot.resources("integration") if not resource.made_up]
        choices = [Choice("", "a new integration", quiet=True)]
        choices += [
            Choice(integration.id, integration.name, integration.text("baseUrl")) for integration in integrations
        ]

        def handle_choice(choice: Choice[Any] | None) -> None:
            if choice is not None:
                self._integration, self._integration_chosen = choice.value, True
                target = self._target()
                default = self._document.base_url if self._document else ""
                self.base_field.value = target.text("baseUrl") if target else default
                self._show()
                self.post_message(self.Changed())

        self.app.push_screen(SelectDialog("Into which integration?", choices, typed=typed), handle_choice)

    def _choose_auth(self, typed: str) -> None:
        document = self._document
        choices: list[Choice[Any]] = [Choice("", "none", quiet=True)]
        providers = {resource.text("key") for resource in self.snapshot.resources("provider")}
        preferred = document.preferred_scheme(self._chosen) if document else None
        schemes = sorted(document.schemes if document else (), key=lambda scheme: scheme != preferred)
        for scheme in schemes:
            if scheme.provider in CREDENTIAL_KEYS and scheme.provider in providers:
                choices.append(Choice(scheme, f"new: {scheme.about}", scheme.name, new=True))
        resources = [resource for resource in self.snapshot.resources("auth") if not resource.made_up]
        choices += [Choice(resource.id, resource.name, resource.text("providerName")) for resource in resources]

        def handle_choice(choice: Choice[Any] | None) -> None:
            if choice is None:
                return
            if isinstance(choice.value, Scheme):
                self.post_message(self.ConnectionWanted(choice.value))
                return
            self._auth = choice.value
            self._show()

        self.app.push_screen(SelectDialog("Signed in by which connection?", choices, typed=typed), handle_choice)
