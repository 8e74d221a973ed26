"""The steps that list resources of the app: to keep or leave out, to name, to fill in, and to add to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from drio_tui.kinds import KINDS
from drio_tui.text import count_of
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.dialogs.name_dialog import NameScreen
from drio_tui.ui.dialogs.select_dialog import Choice, ChooserScreen
from drio_tui.ui.widgets.empty_state import EmptyState
from drio_tui.ui.widgets.row_list import Column, Row, RowList
from drio_tui.ui.widgets.sanitize import safe, safe_line
from drio_tui.ui.widgets.values import method
from drio_tui.ui.wizard.page import Page
from drio_tui.ui.wizard.resource_screens import ConfigScreen, Made, WizardResourceScreen, new_resource
from drio_tui.wizard.draft import AddedResource, FilledConnection
from drio_tui.wizard.import_selection import adopt
from drio_tui.wizard.template_parts import Part, as_it_will_be, known, parts
from drio_tui.wizard.validation import Finding, findings

_MUTED = "$foreground-muted"


class ResourcePage(Page):
    """A list of the resources of some kinds. What the template brings is kept unless it is taken out."""

    KINDS: ClassVar[tuple[str, ...]] = ()
    NOTHING: ClassVar[str] = ""
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "wizard_resources",
        "New app: its resources",
        Key("wizard_resources.toggle", "space,x", "toggle_kept", "Keep or not", "Keep it, or leave it out of the app"),
        Key("wizard_resources.rename", "r", "rename", "Rename", "Give it another name"),
        Key("wizard_resources.add", "a", "add", "Add", "Add something that the template does not bring"),
        Key("wizard_resources.remove", "D", "remove", "Remove", "Take out what was added here"),
        Key("wizard_resources.import", "i", "import_api", "From OpenAPI", "Add operations from an OpenAPI document"),
    )

    class Opened(Message):
        """The screen that edits a resource ended with it."""

        def __init__(self, ref: str) -> None:
            super().__init__()
            self.ref = ref

    def compose(self) -> ComposeResult:
        yield RowList(
            Column("", 2),
            Column("Name", least=20),
            Column("What", least=16, rank=2),
            Column("", 30, rank=1),
            id="resources",
        )
        yield EmptyState(id="nothing")
        yield Static(id="about-resource")

    def on_mount(self) -> None:
        self.renew()

    # -- showing ----------------------------------------------------------------------------------

    @property
    def about(self) -> str:
        """Keys that need something to act on are named once there is something."""
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
        """What is listed, operations under their integration."""
        found = parts(self.draft, *self.KINDS)
        if "operation" not in self.KINDS:
            return found
        tops = [part for part in found if part.kind != "operation"]
        return [one for top in tops for one in (top, *(part for part in found if part.parent == top.ref))]

    def renew(self) -> None:
        found = self.parts()
        self.rows.display = bool(found)
        nothing = self.query_one("#nothing", EmptyState)
        nothing.display = not found
        if not found and not known(self.draft):
            nothing.say(
                "Known once the app is there",
                "This drio does not say beforehand what the template brings.\n"
                "Go on: everything is kept, and can be changed after the app is created.",
                ("a", "add something of your own"),
                ("Ctrl+S", "go on"),
            )
        elif not found:
            nothing.say("Nothing yet", self.NOTHING, *self.steps())
        self.rows.show([self.row(part) for part in found])
        self._tell()
        self.refresh_bindings()

    def steps(self) -> Sequence[tuple[str, str]]:
        """The keys that lead on from an empty list."""
        return (("a", "add one"), ("Ctrl+S", "go on without"))

    def row(self, part: Part) -> Row:
        """A resource as a line."""
        mark = ("✓", "$text-success") if part.kept else ("✗", "$foreground-muted")
        if part.own:
            mark = ("+", "$text-accent")
        style = "" if part.kept else "$foreground-muted strike"
        indent = "   " if part.kind == "operation" else ""
        symbol = Content.styled(f"{indent}{KINDS[part.kind].symbol} ", "$text-accent" if part.kept else style)
        name = Content.assemble(symbol, safe_line(part.name, 120, style))
        return Row(part.ref, (Content.styled(*mark), name, self.what(part), self.state_of(part)))

    def what(self, part: Part) -> Content:
        """What kind of resource it is, in a few words."""
        raw = part.raw
        if part.kind == "operation" and isinstance(raw.get("method"), str):
            return Content.assemble(method(raw["method"]), " ", safe_line(str(raw.get("path", "")), 60, _MUTED))
        said = next((raw[m] for m in ("primitive", "providerKey", "baseUrl") if isinstance(raw.get(m), str)), "")
        return safe_line(said or KINDS[part.kind].title.lower(), 60, _MUTED)

    def state_of(self, part: Part) -> Content:
        """How it stands, in a word or two."""
        if part.gone:
            return Content.styled("deleted", _MUTED)
        if not part.kept:
            return Content.styled("left out", _MUTED)
        if part.ref in self.draft.lost:
            return Content.styled("▲ secret missing", "$text-warning")
        if part.own:
            return Content.styled("added", "$text-accent")
        return Content.styled("renamed", "$text-accent") if part.name != part.was else Content()

    @on(RowList.Moved, "#resources")
    def _moved(self, event: RowList.Moved) -> None:
        event.stop()
        self._tell()
        self.refresh_bindings()

    def _tell(self) -> None:
        part = self.chosen
        lines: list[Content] = []
        if part is not None:
            if part.name != part.was:
                lines.append(safe_line(f"The template calls it {part.was}.", 200, _MUTED))
            if part.text:
                lines.append(safe(part.text[:400], _MUTED))
            found = [one.message for one in findings(self.draft, self.guide.taken) if one.ref == part.ref]
            lines += [Content.assemble(("▲ ", "$text-warning"), safe_line(text, 300)) for text in found]
        self.query_one("#about-resource", Static).update(Content("\n").join(lines))

    def focus_first(self) -> None:
        if self.rows.display:
            self.rows.focus()
        else:
            self.screen.set_focus(None)

    def complain(self, findings: Sequence[Finding]) -> None:
        for one in findings:
            if one.ref:
                self.rows.choose(one.ref)
                break
        self.focus_first()

    # -- acting -----------------------------------------------------------------------------------

    def why_not(self, action: str, parameters: tuple[object, ...]) -> str | None:
        """Why an action cannot be done now."""
        part = self.chosen
        if action in ("toggle_kept", "rename", "remove") and part is None:
            return "There is nothing chosen."
        if part is not None and part.gone and action in ("toggle_kept", "rename"):
            return "It is deleted already."
        match action:
            case "toggle_kept" if part is not None and part.own:
                return "You added it: D takes it out."
            case "remove" if part is not None and not part.own:
                return "The template brings it: Space leaves it out."
            case "remove" if part is not None and part.id:
                return "It exists already: delete it in the app once this is through."
        return None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "import_api" and "operation" not in self.KINDS:
            return False
        return None if self.why_not(action, parameters) else True

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
        self.renew()
        self.edited()

    def action_rename(self) -> None:
        part = self.chosen
        if part is None:
            return

        def take(name: str | None) -> None:
            if not name:
                return
            added = self.draft.one_added(part.ref)
            if added is not None:
                added.filled.edit({**added.filled.whole, "name": name}, {**added.filled.shown, "name": name})
            elif name == part.was:
                self.draft.names.pop(part.ref, None)
            else:
                self.draft.names[part.ref] = name
            self._changed()

        self.app.push_screen(NameScreen(KINDS[part.kind].title, part.name), take)

    @on(RowList.Opened, "#resources")
    async def _enter(self, event: RowList.Opened) -> None:
        event.stop()
        part = self.chosen
        if part is None:
            return
        if part.own:
            self._edit_added(part)
        else:
            await self.open_brought(part)

    async def open_brought(self, part: Part) -> None:
        """Enter on something that the template brings."""
        if why := self.why_not("rename", ()):
            self.notify(why, markup=False)
        else:
            self.action_rename()

    def _edit_added(self, part: Part) -> None:
        added = self.draft.one_added(part.ref)
        if added is None:
            return
        snapshot = as_it_will_be(self.draft, self.guide.real, self.guide.providers)

        def keep(made: Made) -> None:
            added.filled.edit(made.whole, made.shown)

        before = replace(added.filled)
        screen = WizardResourceScreen(part.kind, part.parent, snapshot, dict(before.whole), keep=keep, kept=self.edited)

        def take(_: str | None) -> None:
            if screen.made is not None:
                keep(screen.made)
                self._changed()
            elif added.filled != before:
                added.filled = before
                self._changed()

        self.app.push_screen(screen, take)

    def action_add(self) -> None:
        kinds = [kind for kind in self.KINDS if kind != "operation" or self._integrations()]
        if len(kinds) == 1:
            self._add(kinds[0])
            return
        choices = [Choice(kind, f"{KINDS[kind].symbol} {KINDS[kind].title}") for kind in kinds]
        part = self.chosen
        start = len(choices) - 1 if part is not None and part.kind in ("integration", "operation") else 0
        self.app.push_screen(
            ChooserScreen("Add a new", choices, current=start), lambda one: self._add(one.value) if one else None
        )

    def _integrations(self) -> list[Part]:
        return [part for part in parts(self.draft, "integration") if part.kept]

    def _add(self, kind: str) -> None:
        if kind != "operation":
            self._add_under(kind, "")
            return
        part = self.chosen
        near = part.ref if part is not None and part.kind == "integration" else part.parent if part else ""
        choices = [Choice(one.ref, one.name) for one in self._integrations()]
        if len(choices) == 1:
            self._add_under(kind, choices[0].value)
            return
        at = next((place for place, one in enumerate(choices) if one.value == near), None)
        self.app.push_screen(
            ChooserScreen("In which integration?", choices, current=at),
            lambda one: self._add_under(kind, one.value) if one else None,
        )

    def _add_under(self, kind: str, parent: str) -> None:
        snapshot = as_it_will_be(self.draft, self.guide.real, self.guide.providers)

        added: AddedResource | None = None

        def keep(made: Made) -> None:
            nonlocal added
            if added is None:
                added = new_resource(self.draft, kind, parent, made)
            else:
                added.filled.edit(made.whole, made.shown)

        screen = WizardResourceScreen(kind, parent, snapshot, keep=keep, kept=self.edited)

        def take(_: str | None) -> None:
            if screen.made is not None:
                keep(screen.made)
                assert added is not None
                self._changed()
                self.rows.choose(added.ref)
                self.focus_first()
            elif added is not None:
                self.draft.remove(added.ref)
                self._changed()

        self.app.push_screen(screen, take)

    def action_remove(self) -> None:
        part = self.chosen
        if part is not None:
            self.draft.remove(part.ref)
            self._changed()
            self.focus_first()

    def action_import_api(self) -> None:
        """Choose operations of an OpenAPI document; they become an integration, operations and tools."""
        from drio_tui.ui.wizard.import_screen import WizardImportScreen  # it brings a parser with it

        def add_connection(made: Made) -> AddedResource:
            added = new_resource(self.draft, "auth", "", made)
            self.edited()
            return added

        there = as_it_will_be(self.draft, self.guide.real, self.guide.providers)
        screen = WizardImportScreen(there, add_connection)

        def take(_: bool | None) -> None:
            if screen.chosen is not None:
                added = adopt(self.draft, screen.chosen)
                self._changed()
                tools = sum(one.kind == "tool" for one in added)
                calls = sum(one.kind == "operation" for one in added)
                self.notify(f"Taken: {count_of(calls, 'operation')} and {count_of(tools, 'tool')}.", markup=False)
                if added:
                    self.rows.choose(added[0].ref)
                self.focus_first()

        self.app.push_screen(screen, take)


class AuthPage(ResourcePage):
    """The auth connections: filled in by their provider's schema, or left for later."""

    TITLE = "How it signs in to your systems"
    ABOUT = "Enter fills one in; each can wait."
    KINDS = ("auth",)
    NOTHING = "This template signs in nowhere."

    def state_of(self, part: Part) -> Content:
        if part.ref in self.draft.auth and part.kept and part.ref not in self.draft.lost:
            return Content.styled("filled in", "$text-accent")
        found = super().state_of(part)
        return found if found.plain or not part.kept else Content.styled("as the template", _MUTED)

    async def open_brought(self, part: Part) -> None:
        if part.gone or not part.kept:
            self.notify("It is deleted already." if part.gone else "It is left out: Space keeps it.", markup=False)
            return
        if not self.guide.providers:
            self.notify(
                "What it asks for is known once the app is there. Go on, and fill it in then.",
                title=safe_line(part.name, 60).plain,
                markup=False,
            )
            return
        snapshot = as_it_will_be(self.draft, self.guide.real, self.guide.providers)
        resource = snapshot.at(("auth", part.ref))
        filled = self.draft.auth.get(part.ref)
        raw: dict[str, Any] = (
            dict(resource.raw) if resource is not None and isinstance(resource.raw, dict) else {"id": part.ref}
        )
        if filled is not None:
            there = raw.get("config")
            raw["config"] = {**(there if isinstance(there, dict) else {}), **filled.whole}

        def keep(made: Made) -> None:
            there = self.draft.auth.get(part.ref)
            if there is not None:
                there.edit(made.whole, made.shown)
            else:
                self.draft.auth[part.ref] = FilledConnection(made.whole, made.shown)

        before = replace(filled) if filled is not None else None

        def take(made: Made | None) -> None:
            if made is not None:
                keep(made)
                self._changed()
            elif self.draft.auth.get(part.ref) != before:
                self.draft.auth.pop(part.ref, None)
                if before is not None:
                    self.draft.auth[part.ref] = before
                self._changed()

        self.app.push_screen(ConfigScreen(part.name, raw, snapshot, keep=keep, kept=self.edited), take)


class ApiPage(ResourcePage):
    """Integrations with their operations."""

    TITLE = "What it calls"
    ABOUT = "The systems behind the app, and its calls."
    KINDS = ("integration", "operation")
    NOTHING = "Add the API that the app is to call, by hand or from its OpenAPI document."

    def steps(self) -> Sequence[tuple[str, str]]:
        return (
            ("i", "take operations from an OpenAPI document"),
            ("a", "add one by hand"),
            ("Ctrl+S", "go on without"),
        )


class ToolsPage(ResourcePage):
    """Tools, and the widgets that show their results."""

    TITLE = "What models can do with it"
    ABOUT = "Space leaves one out, r renames, a adds."
    KINDS = ("tool", "widget")
    NOTHING = "A tool is what a model can call. Add one for each operation that models are to use."
