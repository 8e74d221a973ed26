"""The form widget: tabs that are filled when first shown, errors where they belong, a JSON view of the whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static, TextArea

from drio_tui.schema.fields import Reference
from drio_tui.schema.form import FormModel, hidden
from drio_tui.schema.nodes import Node
from drio_tui.ui.base import keymap
from drio_tui.ui.base.keymap import Key
from drio_tui.ui.base.stylesheets import stylesheet
from drio_tui.ui.dialogs.select_dialog import Choice, ChooserScreen
from drio_tui.ui.forms import menu
from drio_tui.ui.forms.field_row import FieldRow
from drio_tui.ui.forms.field_widget import Place, once_mounted
from drio_tui.ui.forms.group_widgets import Block, ListBlock, place_for
from drio_tui.ui.forms.json_page import FormPage, WholeJson
from drio_tui.ui.forms.tabs import TabStrip
from drio_tui.ui.widgets.sanitize import safe_line

if TYPE_CHECKING:
    from drio_tui.api.errors import FieldError

JSON_TAB = "JSON"
NARROW = 60
"""Cells of width below which labels stand over their editors."""


class SchemaForm(Widget):
    """A form over a model.

    `references` gives, by path pattern (`binding.integrationOperationId`, `nextToolIds[]`), what a member
    can refer to; `groups` puts members on tabs by title; `note` says where the schema is from. With
    `json_view`, the last tab is the whole object as JSON.
    """

    DEFAULT_CSS = stylesheet("forms").read_text(encoding="utf-8")
    BINDINGS: ClassVar[list[BindingType]] = keymap.section(
        "form",
        "Forms",
        Key("form.save", "ctrl+s", "save", "Save", "Check everything, then save"),
        Key("form.menu", "f2", "menu", "Field", "What can be done with this field: reset, leave out, null, JSON, move"),
        Key("form.previous_tab", "f3,ctrl+pageup", "tab(-1)", "Tab ←", "The tab before", show=False),
        Key("form.next_tab", "f4,ctrl+pagedown", "tab(1)", "Tab →", "The next tab"),
        Key("form.next_error", "f8", "next_error", "Next error", "Go to the next field with an error", show=False),
        Key("form.editor", "e", "outside", "$EDITOR", "Edit the whole as JSON in $VISUAL or $EDITOR", show=False),
        Key("form.item_up", "alt+up", "shift(-1)", "Item up", "Move this item up", show=False),
        Key("form.item_down", "alt+down", "shift(1)", "Item down", "Move this item down", show=False),
        Key("form.up", "up", "app.focus_previous", "Up", "The field before", show=False, palette=False),
        Key("form.down", "down", "app.focus_next", "Down", "The next field", show=False, palette=False),
        Key("form.page_up", "pageup", "page(-1)", "Page up", show=False, palette=False),
        Key("form.page_down", "pagedown", "page(1)", "Page down", show=False, palette=False),
    )

    class Changed(Message):
        """Something on the form was edited."""

        def __init__(self, form: SchemaForm) -> None:
            super().__init__()
            self.form = form

        @property
        def control(self) -> SchemaForm:
            return self.form

    class Submitted(Message):
        """The form is to be saved and nothing is wrong by the schema: `value` whole, `patch` what changed."""

        def __init__(self, form: SchemaForm, value: Any, patch: dict[str, Any]) -> None:
            super().__init__()
            self.form = form
            self.value = value
            self.patch = patch

        @property
        def control(self) -> SchemaForm:
            return self.form

    class NewWanted(Message):
        """Something new is to be made for the reference at `path` (of `pattern`); answer with `refer`.

        `name` is what it is to be called, empty where nothing was typed.
        """

        def __init__(self, form: SchemaForm, path: str, pattern: str, name: str = "") -> None:
            super().__init__()
            self.name = name
            self.form = form
            self.path = path
            self.pattern = pattern

        @property
        def control(self) -> SchemaForm:
            return self.form

    def __init__(
        self,
        model: FormModel,
        *,
        references: Mapping[str, Reference] | None = None,
        groups: Mapping[str, Sequence[str]] | None = None,
        note: str = "",
        json_view: bool = True,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.model = model
        self._references = references or {}
        self._wanted = groups
        self._note = note
        self._json_view = json_view and model.field.kind == "object"
        self._groups = model.groups(groups)
        self._current = 0
        self._said = Content()
        self._filled: set[int] = set()
        self._whole: WholeJson | None = None
        self._removing: list[Awaitable[object]] = []
        self._mounting: Awaitable[object] | None = None

    # -- building ---------------------------------------------------------------------------------

    @property
    def titles(self) -> list[str]:
        """The titles of the tabs."""
        return [group.title for group in self._groups] + ([JSON_TAB] if self._json_view else [])

    def compose(self) -> ComposeResult:
        if len(self.titles) > 1:
            yield TabStrip(self.titles)
        for number in range(len(self.titles)):
            name = f"page-{number}"
            page = FormPage(id=name)
            if self._is_json(number):
                page = self._whole = WholeJson(self.model, id=name)
            page.display = number == 0
            yield page
        note = Static(id="form-note")
        note.display = False
        yield note

    @property
    def _strip(self) -> TabStrip | None:
        """The line of tabs, where there is more than one; it is always the first child."""
        first = self.children[0] if self.children else None
        return first if isinstance(first, TabStrip) else None

    def on_mount(self) -> None:
        self._fill(0)
        self._say()

    def on_resize(self, event: events.Resize) -> None:
        narrow = event.size.width < NARROW
        if narrow != self.has_class("-narrow-form"):
            self.set_class(narrow, "-narrow-form")
            for row in self.query(FieldRow):
                row.rearrange()

    def _page(self, number: int) -> FormPage:
        return self.query_one(f"#page-{number}", FormPage)

    def _is_json(self, number: int) -> bool:
        return self._json_view and number == len(self._groups)

    def _fill(self, number: int) -> None:
        """Put the places on a tab, once; the JSON view is made anew each time."""
        page = self._page(number)
        if isinstance(page, WholeJson):
            self._mounting = page.show()
            return
        if number in self._filled:
            return
        self._filled.add(number)
        nodes = [node for node in self.model.nodes_of(self._groups[number]) if not hidden(node)]
        alone = len(nodes) == 1 and len(self._groups) > 1
        places: list[Widget] = [place_for(node, self._references, header=not alone) for node in nodes]
        nothing = Static(Content("Nothing to fill in here.").stylize("$foreground-muted"))
        self._mounting = AwaitComplete(*self._removing, page.mount(*(places or [nothing])))
        self._removing = []

    def load(self, base: dict[str, Any] | None) -> None:
        """Start over from what was loaded anew."""
        self.model.load(base)
        if self._whole is not None:
            self._whole.drop()
        self._rebuild()

    def _rebuild(self) -> None:
        """Make the tabs anew from the model; their titles stay."""
        self._empty_pages()
        self._fill(self._current)
        self._say()

    def _empty_pages(self) -> None:
        groups = self.model.groups(self._wanted)
        if [group.title for group in groups] == [group.title for group in self._groups]:
            self._groups = groups
        self._filled.clear()
        self._removing = [self._page(number).remove_children() for number in range(len(self._groups))]

    # -- tabs -------------------------------------------------------------------------------------

    @property
    def has_draft(self) -> bool:
        """Whether the JSON view holds text that does not parse."""
        return self._whole is not None and self._whole.draft is not None

    @property
    def current(self) -> int:
        """The number of the tab that is shown."""
        return self._current

    def show_tab(self, number: int, *, focus: bool = True) -> None:
        """Show a tab, filling it when it is shown for the first time."""
        if not 0 <= number < len(self.titles) or number == self._current:
            return
        self._leave_json()
        self._page(self._current).display = False
        self._current = number
        page = self._page(number)
        self._fill(number)
        page.display = True
        if self._strip is not None:
            self._strip.chosen = number
        if focus:
            self._soon(self.focus_first)
        self._say()

    def _soon(self, do: Callable[[], None]) -> None:
        """Call `do` when what the current tab was filled with is there."""
        if self._mounting is not None:
            once_mounted(self, self._mounting, do)

    @on(TabStrip.Chosen)
    def _tab_chosen(self, event: TabStrip.Chosen) -> None:
        event.stop()
        self.show_tab(event.number, focus=False)
        if event.enter:
            self._soon(self.focus_first)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys for other tabs are none where there are none, and who shows the whole has the key for editing it."""
        if action == "outside":
            return self._json_view
        return action != "tab" or len(self.titles) > 1

    def action_tab(self, step: int) -> None:
        self.show_tab((self._current + step) % len(self.titles))

    def action_page(self, pages: int) -> None:
        page = self._page(self._current)
        page.scroll_relative(y=pages * max(1, page.size.height - 2), animate=False)

    def focus_first(self) -> None:
        """Take the focus to the first field of the tab."""
        page = self._page(self._current)
        for place in page.query(Place):
            if isinstance(place, FieldRow) or (isinstance(place, Block) and place.has_header):
                place.focus_editor()
                return
        for widget in page.query("*"):
            if widget.focusable:
                widget.focus()
                return

    def focus_soon(self) -> None:
        """The same once the tab is there as the model has it now: what it had before may still be going away."""
        self._soon(self.focus_first)

    # -- the JSON view ----------------------------------------------------------------------------

    def _leave_json(self) -> bool:
        """Take over what was typed into the JSON view; whether the fields have to be drawn anew."""
        if self._whole is None or not self._is_json(self._current) or not self._whole.take_edits():
            return False
        self._empty_pages()
        self.post_message(self.Changed(self))
        return True

    def drop_draft(self) -> None:
        """Forget text of the JSON view that does not parse."""
        if self._whole is None:
            return
        self._whole.drop()
        if self._is_json(self._current):
            self._fill(self._current)
            self._soon(self.focus_first)
        self._say()

    def action_outside(self) -> None:
        """Edit the whole as JSON in the person's own editor."""
        from drio_tui.ui.forms.external_editor import NoEditor, edit_outside  # tempfile and subprocess, rarely needed

        if self._whole is None:
            return
        self._leave_json()
        text = self._whole.text
        try:
            edited = edit_outside(self.app, text)
        except NoEditor as error:
            self.notify(safe_line(str(error), 300).plain, severity="warning", markup=False)
            return
        if edited is None or edited == text:
            return
        if self._whole.take(edited):
            self._rebuild()
            self.post_message(self.Changed(self))
        elif self._is_json(self._current):
            self._fill(self._current)
        else:
            self.show_tab(len(self._groups))
        self._say()

    # -- what is wrong ----------------------------------------------------------------------------

    def validate(self) -> bool:
        """Check everything; errors are shown where they belong, and the first one gets the focus."""
        if self._leave_json():
            self._fill(self._current)
        wrong = bool(self.model.check()) or self.has_draft
        self._show_errors()
        if wrong:
            self._focus_error(self.model.failing())
        return not wrong

    def apply_errors(self, errors: Iterable[FieldError]) -> list[FieldError]:
        """Show what the server found on the fields it names; gives back what names no field."""
        left = self.model.apply_errors(errors)
        self._show_errors()
        self._focus_error([node for node in self.model.failing() if node.refused])
        return left

    def _show_errors(self) -> None:
        for place in self.query(Place):
            place.refresh_state()
        self._say()

    def _say(self) -> None:
        """Bring the tabs' counts and the line at the bottom up to date."""
        failing = self.model.failing()
        counts = [0] * len(self.titles)
        for node in failing:
            counts[self._tab_of(node)] += len(node.errors) if node is not self.model.root else 0
        if self.has_draft:
            counts[-1] += 1
        if self._strip is not None:
            self._strip.count(counts)
        parts: list[Content] = []
        parts += [safe_line(f"✗ {text}", 300, "$text-error") for text in self.model.root.errors]
        if self.has_draft and not self._is_json(self._current):
            parts.append(safe_line("✗ The JSON view holds text that does not parse.", 200, "$text-error"))
        if self._note and not parts:
            parts.append(safe_line(self._note, 300, "$foreground-muted"))
        said = Content("\n").join(parts)
        if said != self._said:  # it would lay out the whole screen anew
            self._said = said
            note = self.query_one("#form-note", Static)
            note.update(said)
            note.display = bool(parts)

    def _tab_of(self, node: Node) -> int:
        top = node
        while top.parent is not None and top.parent is not self.model.root:
            top = top.parent
        for number, group in enumerate(self._groups):
            if any(one is top for one in self.model.nodes_of(group)):
                return number
        return 0

    def _focus_error(self, failing: list[Node]) -> None:
        below = [node for node in failing if node is not self.model.root]
        if below:
            self.show_node(below[0])
        elif self.has_draft:
            self.show_tab(len(self._groups))

    def show_node(self, node: Node) -> None:
        """Show the tab a node stands on, unfold what hides it, and focus its editor."""
        self.show_tab(self._tab_of(node), focus=False)
        self._soon(lambda: self._focus_node(node))

    def _focus_node(self, node: Node) -> None:
        place = self.place_of(node)
        if place is None:
            return
        for above in place.ancestors:
            if isinstance(above, Block):
                above.folded = False
        place.focus_editor()

    def place_of(self, node: Node) -> Place | None:
        """The widget of a node, or of the nearest one above that has one; None before its tab was shown."""
        places = {id(place.node): place for place in self.query(Place)}
        at: Node | None = node
        while at is not None:
            if id(at) in places:
                return places[id(at)]
            at = at.parent
        return None

    def action_next_error(self) -> None:
        failing = [node for node in self.model.failing() if node is not self.model.root]
        if not failing:
            return
        here = self._focused_place()
        numbers = {id(node): number for number, node in enumerate(failing)}
        at = numbers.get(id(here.node), -1) if here is not None else -1
        self.show_node(failing[(at + 1) % len(failing)])

    def action_save(self) -> None:
        if self.validate():
            self.post_message(self.Submitted(self, self.model.value(), self.model.to_patch()))

    # -- what places say --------------------------------------------------------------------------

    @on(Place.Edited)
    def _edited(self, event: Place.Edited) -> None:
        event.stop()
        for above in event.place.ancestors:
            if isinstance(above, Block):
                above.refresh_summary()
            if above is self:
                break
        # Typing costs no walk over the form while there is nothing wrong.
        here = event.place.node
        strip = self._strip
        counted = (strip is not None and any(strip.counts)) or bool(self.model.root.errors)
        if counted or here.errors or any(child.errors for child in here.children()):
            self._say()
        self.post_message(self.Changed(self))

    @on(Place.NewWanted)
    def _new_wanted(self, event: Place.NewWanted) -> None:
        event.stop()
        node = event.place.node
        path = ".".join(map(str, node.path))
        self.post_message(self.NewWanted(self, path, node.field.pattern, event.name))

    def refer(self, path: str, value: str) -> None:
        """Refer, at `path`, to something that was just made."""
        node, rest = self.model.nearest(path)
        place = self.place_of(node)
        if not rest and isinstance(place, FieldRow):
            place.set_reference(value)
            place.focus_editor()

    @on(Place.Shifted)
    def _shifted(self, event: Place.Shifted) -> None:
        event.stop()
        self.shift(event.place, event.step)

    def shift(self, place: Place, step: int) -> None:
        """Move the item that a place stands in, or is, by `step`; take it away when `step` is 0."""
        around = (one for one in (place, *place.ancestors) if isinstance(one, Place))
        item = next((one for one in around if one.is_item), None)
        holder = next((one for one in around if isinstance(one, ListBlock)), None)
        if item is not None and holder is not None:
            holder.shift(item, step)

    def action_shift(self, step: int) -> None:
        place = self._focused_place()
        if place is not None:
            self.shift(place, step)

    def _focused_place(self) -> Place | None:
        focused = self.screen.focused if self.is_attached else None
        if focused is None:
            return None
        return next((node for node in focused.ancestors_with_self if isinstance(node, Place)), None)

    # -- the menu of a field ----------------------------------------------------------------------

    @on(Place.MenuWanted)
    def _menu_wanted(self, event: Place.MenuWanted) -> None:
        event.stop()
        self.open_menu(event.place)

    def action_menu(self) -> None:
        if self._is_json(self._current):
            self.app.push_screen(ChooserScreen("JSON", menu.json_deeds(self.has_draft)), self._json_deed)
            return
        place = self._focused_place()
        if place is not None:
            self.open_menu(place)

    def _json_deed(self, choice: Choice[str] | None) -> None:
        if choice is not None:
            menu.do_json(self, choice.value)

    def open_menu(self, place: Place) -> None:
        """Offer what can be done with a field."""
        found = menu.deeds(place)
        if not found:
            return

        def done(choice: Choice[str] | None) -> None:
            if choice is not None:
                menu.do(self, place, choice.value)

        title = place.node.field.title or "Field"
        self.app.push_screen(ChooserScreen(title, found, near=place.region), done)

    def redraw(self, place: Place, node: Node) -> None:
        """Show a place again after its node was changed, or `node` was put in its stead."""
        node.check_self()
        if node is place.node and isinstance(place, FieldRow) and not any(node.children()):
            place.reload()
        else:
            self._replace(place, node)
        self._say()
        self.post_message(self.Changed(self))

    def _replace(self, place: Place, node: Node) -> None:
        parent = place.parent
        if not isinstance(parent, Widget):
            return
        bare = isinstance(place, Block) and not place.has_header
        other = place_for(node, self._references, header=not bare)
        mounting = parent.mount(other, before=place)
        place.remove()
        once_mounted(self, mounting, other.focus_editor)

    @on(TextArea.Changed)
    def _json_typed(self, event: TextArea.Changed) -> None:
        if self._is_json(self._current):
            event.stop()
            self.post_message(self.Changed(self))
