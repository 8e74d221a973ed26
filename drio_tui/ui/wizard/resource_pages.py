"""The steps that list resources of the app: keep or leave them out, rename them, fill them in, add others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Static

from drio_tui.kinds import KINDS
from drio_tui.text import count_of
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.dialogs.name_dialog import NameDialog
from drio_tui.ui.dialogs.select_dialog import Choice, SelectDialog
from drio_tui.ui.widgets.empty_state import EmptyState
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import sanitize, sanitize_line
from drio_tui.ui.widgets.values import method
from drio_tui.ui.wizard.page import Page
from drio_tui.ui.wizard.resource_screens import ConfigScreen, FormResult, WizardResourceScreen, add_resource
from drio_tui.wizard.draft import AddedResource, FormValue
from drio_tui.wizard.import_selection import add_planned_resources
from drio_tui.wizard.template_parts import Part, contents_known, parts, planned_snapshot
from drio_tui.wizard.validation import DraftDiagnostic, diagnostics

_MUTED = "$foreground-muted"


class ResourcePage(Page):
    """A list of the resources of some kinds. The template's resources are kept unless the user leaves them out."""

    KINDS: ClassVar[tuple[str, ...]] = ()
    """The kinds that the page lists."""

    NOTHING: ClassVar[str] = ""
    """The text of an empty list."""

    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "wizard_resources",
        "New app: its resources",
        Key("wizard_resources.toggle", "space,x", "toggle_kept", "Keep or not", "Keep it, or leave it out of the app"),
        Key("wizard_resources.rename", "r", "rename", "Rename", "Give it another name"),
        Key("wizard_resources.add", "a", "add", "Add", "Add something that the template does not bring"),
        Key("wizard_resources.remove", "D", "remove", "Remove", "Take out what was added here"),
        Key("wizard_resources.import", "i", "import_api", "From OpenAPI", "Add operations from an OpenAPI document"),
    )

    def compose(self) -> ComposeResult:
        yield RowList(
            Column("", 2),
            Column("Name", min_width=20),
            Column("What", min_width=16, rank=2),
            Column("", 30, rank=1),
            id="resources",
        )
        yield EmptyState(id="nothing")
        yield Static(id="about-resource")

    def on_mount(self) -> None:
        self.update_content()

    # -- display ----------------------------------------------------------------------------------

    @property
    def about(self) -> str:
        """The text beside the title; empty for an empty list, since it names keys that act on a row."""
        return self.ABOUT if self.parts() else ""

    @property
    def rows(self) -> RowList:
        """The list of resources."""
        return self.query_one("#resources", RowList)

    @property
    def chosen(self) -> Part | None:
        """The resource that the cursor is on."""
        key = self.rows.key
        return next((part for part in self.parts() if part.ref == key), None)

    def parts(self) -> list[Part]:
        """Return the listed resources, operations below their integration."""
        listed = parts(self.draft, *self.KINDS)
        if "operation" not in self.KINDS:
            return listed
        integrations = [part for part in listed if part.kind != "operation"]
        return [
            part
            for integration in integrations
            for part in (integration, *(part for part in listed if part.parent == integration.ref))
        ]

    def update_content(self) -> None:
        listed = self.parts()
        self.rows.display = bool(listed)
        nothing = self.query_one("#nothing", EmptyState)
        nothing.display = not listed
        if not listed and not contents_known(self.draft):
            nothing.show_message(
                "Known once the app is there",
                "This drio does not say beforehand what the template brings.\n"
                "Go on: everything is kept, and can be changed after the app is created.",
                ("a", "add something of your own"),
                ("Ctrl+S", "go on"),
            )
        elif not listed:
            nothing.show_message("Nothing yet", self.NOTHING, *self.empty_hints())
        self.rows.show([self.row(part) for part in listed])
        self._show_details()
        self.refresh_bindings()

    def empty_hints(self) -> Sequence[tuple[str, str]]:
        """Return the key hints for an empty list."""
        return (("a", "add one"), ("Ctrl+S", "go on without"))

    def row(self, part: Part) -> Row:
        """Return a resource's row."""
        mark = ("✓", "$text-success") if part.kept else ("✗", "$foreground-muted")
        if part.added:
            mark = ("+", "$text-accent")
        style = "" if part.kept else "$foreground-muted strike"
        indent = "   " if part.kind == "operation" else ""
        symbol = Content.styled(f"{indent}{KINDS[part.kind].symbol} ", "$text-accent" if part.kept else style)
        name = Content.assemble(symbol, sanitize_line(part.name, 120, style))
        return Row(part.ref, (Content.styled(*mark), name, self.what(part), self.state_of(part)))

    def what(self, part: Part) -> Content:
        """Return the cell that describes a resource: its request, primitive, provider or URL, else its kind."""
        raw = part.raw
        if part.kind == "operation" and isinstance(raw.get("method"), str):
            return Content.assemble(method(raw["method"]), " ", sanitize_line(str(raw.get("path", "")), 60, _MUTED))
        names = ("primitive", "providerKey", "baseUrl")
        text = next((raw[name] for name in names if isinstance(raw.get(name), str)), "")
        return sanitize_line(text or KINDS[part.kind].title.lower(), 60, _MUTED)

    def state_of(self, part: Part) -> Content:
        """Return the cell with a resource's state."""
        if part.deleted:
            return Content.styled("deleted", _MUTED)
        if not part.kept:
            return Content.styled("left out", _MUTED)
        if part.ref in self.draft.lost:
            return Content.styled("▲ secret missing", "$text-warning")
        if part.added:
            return Content.styled("added", "$text-accent")
        return Content.styled("renamed", "$text-accent") if part.name != part.template_name else Content()

    @on(RowList.Moved, "#resources")
    def _cursor_moved(self, event: RowList.Moved) -> None:
        event.stop()
        self._show_details()
        self.refresh_bindings()

    def _show_details(self) -> None:
        part = self.chosen
        lines: list[Content] = []
        if part is not None:
            if part.name != part.template_name:
                lines.append(sanitize_line(f"The template calls it {part.template_name}.", 200, _MUTED))
            if part.description:
                lines.append(sanitize(part.description[:400], _MUTED))
            lines += [
                Content.assemble(("▲ ", "$text-warning"), sanitize_line(diagnostic.message, 300))
                for diagnostic in diagnostics(self.draft, self.wizard.taken)
                if diagnostic.ref == part.ref
            ]
        self.query_one("#about-resource", Static).update(Content("\n").join(lines))

    def focus_first(self) -> None:
        if self.rows.display:
            self.rows.focus()
        else:
            self.screen.set_focus(None)

    def show_errors(self, diagnostics: Sequence[DraftDiagnostic]) -> None:
        for diagnostic in diagnostics:
            if diagnostic.ref:
                self.rows.choose(diagnostic.ref)
                break
        self.focus_first()

    # -- actions ----------------------------------------------------------------------------------

    def disabled_reason(self, action: str, parameters: tuple[object, ...]) -> str | None:
        """Return why an action is disabled now, or None."""
        part = self.chosen
        if action in ("toggle_kept", "rename", "remove") and part is None:
            return "There is nothing chosen."
        if part is not None and part.deleted and action in ("toggle_kept", "rename"):
            return "It is deleted already."
        match action:
            case "toggle_kept" if part is not None and part.added:
                return "You added it: D takes it out."
            case "remove" if part is not None and not part.added:
                return "The template brings it: Space leaves it out."
            case "remove" if part is not None and part.id:
                return "It exists already: delete it in the app once this is through."
        return None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "import_api" and "operation" not in self.KINDS:
            return False
        return None if self.disabled_reason(action, parameters) else True

    def action_toggle_kept(self) -> None:
        part = self.chosen
        if part is None:
            return
        if part.ref in self.draft.dropped:
            self.draft.dropped.remove(part.ref)
        elif not part.kept:
            self.notify("The integration it belongs to is left out.", markup=False)
            return
        else:
            self.draft.dropped.append(part.ref)
        self._changed()

    def _changed(self) -> None:
        self.update_content()
        self.mark_edited()

    def action_rename(self) -> None:
        part = self.chosen
        if part is None:
            return

        def handle_result(name: str | None) -> None:
            if not name:
                return
            added = self.draft.added_resource(part.ref)
            if added is not None:
                added.filled.edit({**added.filled.full, "name": name}, {**added.filled.shown, "name": name})
            elif name == part.template_name:
                self.draft.names.pop(part.ref, None)
            else:
                self.draft.names[part.ref] = name
            self._changed()

        self.app.push_screen(NameDialog(KINDS[part.kind].title, part.name), handle_result)

    @on(RowList.Opened, "#resources")
    async def _row_opened(self, event: RowList.Opened) -> None:
        event.stop()
        part = self.chosen
        if part is None:
            return
        if part.added:
            self._edit_added(part)
        else:
            await self.open_template_resource(part)

    async def open_template_resource(self, part: Part) -> None:
        """Open a resource of the template: by default, rename it."""
        if why := self.disabled_reason("rename", ()):
            self.notify(why, markup=False)
        else:
            self.action_rename()

    def _edit_added(self, part: Part) -> None:
        added = self.draft.added_resource(part.ref)
        if added is None:
            return
        snapshot = planned_snapshot(self.draft, self.wizard.app_snapshot, self.wizard.providers)

        def store(result: FormResult) -> None:
            added.filled.edit(result.full, result.shown)

        before = replace(added.filled)
        screen = WizardResourceScreen(
            part.kind, part.parent, snapshot, dict(before.full), store=store, after_store=self.mark_edited
        )

        def handle_result(_: str | None) -> None:
            if screen.result is not None:
                store(screen.result)
                self._changed()
            elif added.filled != before:
                added.filled = before
                self._changed()

        self.app.push_screen(screen, handle_result)

    def action_add(self) -> None:
        kinds = [kind for kind in self.KINDS if kind != "operation" or self._integrations()]
        if len(kinds) == 1:
            self._add(kinds[0])
            return
        choices = [Choice(kind, f"{KINDS[kind].symbol} {KINDS[kind].title}") for kind in kinds]
        part = self.chosen
        start = len(choices) - 1 if part is not None and part.kind in ("integration", "operation") else 0
        self.app.push_screen(
            SelectDialog("Add a new", choices, current=start),
            lambda choice: self._add(choice.value) if choice else None,
        )

    def _integrations(self) -> list[Part]:
        return [part for part in parts(self.draft, "integration") if part.kept]

    def _add(self, kind: str) -> None:
        if kind != "operation":
            self._add_under(kind, "")
            return
        part = self.chosen
        current = part.ref if part is not None and part.kind == "integration" else part.parent if part else ""
        choices = [Choice(integration.ref, integration.name) for integration in self._integrations()]
        if len(choices) == 1:
            self._add_under(kind, choices[0].value)
            return
        index = next((index for index, choice in enumerate(choices) if choice.value == current), None)
        self.app.push_screen(
            SelectDialog("In which integration?", choices, current=index),
            lambda choice: self._add_under(kind, choice.value) if choice else None,
        )

    def _add_under(self, kind: str, parent: str) -> None:
        snapshot = planned_snapshot(self.draft, self.wizard.app_snapshot, self.wizard.providers)

        added: AddedResource | None = None

        def store(result: FormResult) -> None:
            nonlocal added
            if added is None:
                added = add_resource(self.draft, kind, parent, result)
            else:
                added.filled.edit(result.full, result.shown)

        screen = WizardResourceScreen(kind, parent, snapshot, store=store, after_store=self.mark_edited)

        def handle_result(_: str | None) -> None:
            if screen.result is not None:
                store(screen.result)
                assert added is not None
                self._changed()
                self.rows.choose(added.ref)
                self.focus_first()
            elif added is not None:
                self.draft.remove(added.ref)
                self._changed()

        self.app.push_screen(screen, handle_result)

    def action_remove(self) -> None:
        part = self.chosen
        if part is not None:
            self.draft.remove(part.ref)
            self._changed()
            self.focus_first()

    def action_import_api(self) -> None:
        """Select operations of an OpenAPI document, to be added as an integration, operations and tools."""
        from drio_tui.ui.wizard.import_screen import WizardImportScreen  # slow to import: it needs the parser

        def add_connection(result: FormResult) -> AddedResource:
            added = add_resource(self.draft, "auth", "", result)
            self.mark_edited()
            return added

        snapshot = planned_snapshot(self.draft, self.wizard.app_snapshot, self.wizard.providers)
        screen = WizardImportScreen(snapshot, add_connection)

        def handle_result(_: bool | None) -> None:
            if screen.chosen_plan is not None:
                added = add_planned_resources(self.draft, screen.chosen_plan)
                self._changed()
                tools = sum(resource.kind == "tool" for resource in added)
                operations = sum(resource.kind == "operation" for resource in added)
                self.notify(f"Taken: {count_of(operations, 'operation')} and {count_of(tools, 'tool')}.", markup=False)
                if added:
                    self.rows.choose(added[0].ref)
                self.focus_first()

        self.app.push_screen(screen, handle_result)


class AuthPage(ResourcePage):
    """The auth connections, to be filled in by their provider's schema now or later."""

    TITLE = "How it signs in to your systems"
    ABOUT = "Enter fills one in; each can wait."
    KINDS = ("auth",)
    NOTHING = "This template signs in nowhere."

    def state_of(self, part: Part) -> Content:
        if part.ref in self.draft.auth and part.kept and part.ref not in self.draft.lost:
            return Content.styled("filled in", "$text-accent")
        state = super().state_of(part)
        return state if state.plain or not part.kept else Content.styled("as the template", _MUTED)

    async def open_template_resource(self, part: Part) -> None:
        if part.deleted or not part.kept:
            self.notify("It is deleted already." if part.deleted else "It is left out: Space keeps it.", markup=False)
            return
        if not self.wizard.providers:
            self.notify(
                "What it asks for is known once the app is there. Go on, and fill it in then.",
                title=sanitize_line(part.name, 60).plain,
                markup=False,
            )
            return
        snapshot = planned_snapshot(self.draft, self.wizard.app_snapshot, self.wizard.providers)
        resource = snapshot.at(("auth", part.ref))
        filled = self.draft.auth.get(part.ref)
        raw: dict[str, Any] = (
            dict(resource.raw) if resource is not None and isinstance(resource.raw, dict) else {"id": part.ref}
        )
        if filled is not None:
            config = raw.get("config")
            raw["config"] = {**(config if isinstance(config, dict) else {}), **filled.full}

        def store(result: FormResult) -> None:
            existing = self.draft.auth.get(part.ref)
            if existing is not None:
                existing.edit(result.full, result.shown)
            else:
                self.draft.auth[part.ref] = FormValue(result.full, result.shown)

        before = replace(filled) if filled is not None else None

        def handle_result(result: FormResult | None) -> None:
            if result is not None:
                store(result)
                self._changed()
            elif self.draft.auth.get(part.ref) != before:
                self.draft.auth.pop(part.ref, None)
                if before is not None:
                    self.draft.auth[part.ref] = before
                self._changed()

        screen = ConfigScreen(part.name, raw, snapshot, store=store, after_store=self.mark_edited)
        self.app.push_screen(screen, handle_result)


class ApiPage(ResourcePage):
    """The integrations with their operations."""

    TITLE = "What it calls"
    ABOUT = "The systems behind the app, and its calls."
    KINDS = ("integration", "operation")
    NOTHING = "Add the API that the app is to call, by hand or from its OpenAPI document."

    def empty_hints(self) -> Sequence[tuple[str, str]]:
        return (
            ("i", "take operations from an OpenAPI document"),
            ("a", "add one by hand"),
            ("Ctrl+S", "go on without"),
        )


class ToolsPage(ResourcePage):
    """The tools, and the widgets that show their results."""

    TITLE = "What models can do with it"
    ABOUT = "Space leaves one out, r renames, a adds."
    KINDS = ("tool", "widget")
    NOTHING = "A tool is what a model can call. Add one for each operation that models are to use."
