"""A walk through all of editing, for any driver: a `Pilot`, or a program in a real terminal.

It only presses keys, pastes texts and reads the screen, like a user.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Protocol

CONTACTS = {
    "type": "object",
    "properties": {"results": {"type": "array", "items": {"$ref": "#/$defs/contact"}}},
    "$defs": {"contact": {"type": "object", "properties": {"id": {"type": "string"}, "email": {"type": "string"}}}},
}
FILLED = "as this server describe"
"""A text that only a filled edit screen shows; with a slow server it is `described`."""

SEARCH_INPUT = {"type": "object", "properties": {"q": {"type": "string"}}}


class Driver(Protocol):
    """Presses keys by name (`enter`, `shift+tab`, `f5`, single characters), pastes text, and waits for a screen."""

    async def press(self, *keys: str) -> None: ...

    async def paste(self, text: str) -> None: ...

    async def until(self, condition: str | Callable[[str], object]) -> None: ...


class Walk:
    """Starts in the program, signed in, and ends in the app that it created."""

    def __init__(self, driver: Driver, name: str) -> None:
        self.driver = driver
        self.name = name

    async def run(self) -> None:
        """Run all parts of the walk."""
        await self.app()
        await self.auth()
        await self.integration()
        await self.operations()
        await self.tools()
        await self.widgets()
        await self.branding()
        await self.edits()
        await self.copies()
        await self.deletes()

    # -- creating ---------------------------------------------------------------------------------

    async def app(self) -> None:
        """Create an empty app from the blank template."""
        press, until = self.driver.press, self.driver.until
        await press("1")
        await until("Analytics dashboard")
        await press("/")
        await self.driver.paste("blank")
        await until(lambda text: "Hiring" not in text)
        await press("enter", "c")
        await until("Free. Part of its address")
        await self.driver.paste(self.name)
        await until(self.name.lower().replace(" ", "-"))
        for page in ("branding", "How it signs in", "What it calls", "What models can do", "Look it over", "created"):
            await press("ctrl+s")
            await until(page)
        await press("o")
        await until(lambda text: f"◆ {self.name}" in text and "/ to filter" in text and "reading" not in text)

    async def add(self, kind: str) -> None:
        """Open the edit screen for a new resource."""
        await self.driver.press("a")
        await self.driver.until("Make a new")
        await self.driver.paste(kind)
        await self.driver.until(lambda text: f" {kind}" in text.lower() and _lines_with(text, "│") < 40)
        await self.driver.press("enter")
        await self.driver.until(f"new {kind}")
        await self.filled()

    async def filled(self) -> None:
        """Wait until the edit screen is filled, a field has the focus, and the screen no longer changes."""
        last = ""

        def still(text: str) -> bool:
            nonlocal last
            before, last = last, text
            return text == before and FILLED in text and "⋯" in text

        await self.driver.until(still)

    async def choose(self, text: str, *, opener: str = "enter", shown: str = "") -> None:
        """Open the list of the focused field, and choose the entry that matches a text."""
        await self.driver.press(opener)
        await self.driver.until("type to narrow")
        await self.driver.paste(text)
        await self.driver.until(lambda screen: text in screen)
        await self.driver.press("enter")
        await self.driver.until(lambda screen: "type to narrow" not in screen and (shown or text) in screen)

    async def save(self, text_shown: str, *, review: bool = False) -> None:
        """Save, and wait until the app's tree shows a text again."""
        await self.driver.press("ctrl+s")
        if review:
            await self.driver.until("Write to ")
            await self.driver.press("ctrl+s")
        await self.driver.until(lambda text: text_shown in text and FILLED not in text and "reading…" not in text)

    async def auth(self) -> None:
        """Create an auth connection with its provider and credentials."""
        await self.add("auth connection")
        await self.driver.paste("Sign-in")
        await self.driver.press("f5")
        await self.driver.until("choose a provider")
        await self.choose("API key", shown="Sent in")
        await self.driver.press("tab", "tab", "ctrl+u")
        await self.driver.paste("X-Crm-Key")
        await self.driver.press("tab")
        await self.driver.paste("a-secret-nobody-sees")
        await self.driver.until(lambda text: "••••" in text and "nobody-sees" not in text)
        await self.save("Sign-in")

    async def integration(self) -> None:
        """Create an integration with a base URL and an auth connection."""
        await self.add("integration")
        await self.driver.paste("CRM")
        await self.driver.press("tab")
        await self.driver.paste("https://crm.example.com/v1")
        await self.driver.press("tab", "tab", "tab")
        await self.choose("Sign-in")
        await self.save("⇄ CRM")

    async def operation(self, name: str, method: str, path: str) -> None:
        """Fill the first two pages of a new operation; with an empty `name` the given one is kept."""
        if name:
            await self.driver.paste(name)
        await self.driver.press("f5")
        await self.driver.until("The call")
        await self.choose(method)
        await self.driver.press("tab")
        await self.driver.paste(path)
        await self.driver.until(path)

    async def operations(self) -> None:
        """Create two operations; the third is created together with its tool."""
        await self.add("operation")
        await self.operation("Search contacts", "GET", "/contacts")
        await self.driver.press("f4")
        await self.driver.paste(json.dumps(SEARCH_INPUT))
        await self.driver.press("f4")
        await self.driver.paste(json.dumps(CONTACTS))
        await self.save("Search contacts")
        await self.add("operation")
        await self.operation("Get contact", "GET", "/contacts/{id}")
        await self.driver.until("not in the input schema")
        await self.driver.press("f6")
        await self.driver.until(lambda text: "not in the input schema" not in text)
        await self.save("Get contact")

    async def bind(self, operation: str) -> None:
        """Bind the tool on its second page."""
        await self.driver.press("f5")
        await self.driver.until("bound to nothing")
        await self.driver.paste(operation)
        await self.driver.until(lambda text: operation in text and "Helpdesk" not in text)
        await self.driver.press("enter")
        await self.driver.until(f"Will be bound to {operation}")

    async def tools(self) -> None:
        """Create three tools, each handing its result to the one before it; the first with a new operation."""
        await self.add("tool")
        await self.driver.paste("Jot")
        await self.driver.press("f5")
        await self.driver.until("bound to nothing")
        await self.driver.paste("Write note")
        await self.driver.until("No operation matches")
        await self.driver.press("down", "enter")
        await self.driver.until("In which integration?")
        await self.driver.press("enter")
        await self.driver.until("new operation  for the new tool")
        await self.filled()
        await self.operation("", "POST", "/notes")  # the search text is its name
        await self.driver.press("ctrl+s")
        await self.driver.until("Will be bound to Write note")
        await self.save("⚒ Jot")
        for name, operation, after in (("Show", "Get contact", "Jot"), ("Find", "Search contacts", "Show")):
            await self.add("tool")
            await self.driver.paste(name)
            await self.bind(operation)
            await self.driver.press("f5")
            await self.driver.until("All chains")
            await self.driver.paste(after)
            await self.driver.press("enter")
            await self.driver.until(f"1 {after}")
            await self.save(f"⚒ {name}")

    async def widgets(self) -> None:
        """Create two widgets with mappings and actions."""
        await self.widget("Board", "Find", "data-table", (("rows", "$.results"), ("columns.mail", "$.email")))
        await self.action("row.select", "Show", "{{ row.id }}")
        await self.save("▦ Board")
        await self.widget("Sheet", "Show", "card", (("title", "$.name"),))
        await self.action("card.select", "Jot", "{{ result.id }}")
        await self.save("▦ Sheet")

    async def widget(self, name: str, tool: str, primitive: str, mappings: tuple[tuple[str, str], ...]) -> None:
        """Fill the first two pages of a new widget."""
        await self.add("widget")
        await self.driver.paste(name)
        await self.driver.press("f5")
        await self.driver.until("What goes into each slot")
        await self.choose(tool)
        await self.driver.press("tab")
        await self.choose(primitive)
        await self.driver.press("tab", "tab", "tab")
        for slot, path in mappings:
            await self.choose(slot)
            await self.driver.until("JSONPath, such as")  # its empty row is shown
            await self.driver.paste(path)
            await self.driver.until(path)
            await self.driver.press("tab")

    async def action(self, trigger: str, tool: str, template: str) -> None:
        """Add an action on the third page."""
        await self.driver.press("f5")
        await self.driver.until("Nothing happens in this widget yet.")
        await self.driver.press("enter")
        await self.driver.until("The event in the widget.")
        await self.driver.until("callTool")
        await self.driver.press("tab", "tab")
        await self.driver.paste(template)
        await self.driver.press("tab")
        await self.choose(tool)
        await self.driver.until(trigger)

    async def branding(self) -> None:
        """Set a colour with too little contrast, and fix it with one key."""
        await self.driver.press("g", "g", "e")
        await self.driver.until(f"App  {self.name}")
        await self.filled()
        await self.driver.press("f5")
        await self.driver.until("Contrast")
        await self.driver.press("ctrl+u")
        await self.driver.paste("#e0e0e0")
        await self.driver.until("too low")
        await self.driver.press("f6")
        await self.driver.until(lambda text: "too low" not in text)
        await self.save(self.name)

    # -- editing ----------------------------------------------------------------------------------

    async def find(self, name: str) -> None:
        """Move the cursor to a resource with the filter, which must have a hit."""
        await self.driver.press("/")
        await self.driver.until("f1 Help")  # in a text field ? is a character
        await self.driver.press("ctrl+u")
        await self.driver.paste(name)
        await self.driver.until(lambda text: text.count(f" {name}") > 1 and re.search(r"\b[1-9]\d* hits?\b", text))
        await self.driver.press("enter")

    async def edit(self, name: str, heading: str, suffix: str) -> None:
        """Append a text to the name of a resource."""
        await self.find(name)
        await self.driver.press("e")
        await self.driver.until(heading)
        await self.filled()
        await self.driver.press("end")
        await self.driver.paste(suffix)
        await self.driver.press("ctrl+s")
        await self.driver.until(
            lambda text: FILLED not in text and "reading…" not in text and f"{name}{suffix}" in text
        )

    async def edits(self) -> None:
        """Edit a resource of every kind."""
        for name, heading in (
            ("Sign-in", "Auth connection  Sign-in"),
            ("CRM", "Integration  CRM"),
            ("Write note", "Operation  Write note"),
            ("Jot", "Tool  Jot"),
            ("Board", "Widget  Board"),
        ):
            await self.edit(name, heading, "2")

    async def copies(self) -> None:
        """Duplicate a resource of every kind; where a secret or the tool of a widget is not copied, fill it in."""
        for name in ("CRM2", "Write note2", "Jot2"):
            await self.find(name)
            await self.driver.press("c")
            await self.driver.until(lambda text, name=name: f"{name} copy" in text and "reading…" not in text)  # type: ignore[misc]
        await self.find("Sheet")
        await self.driver.press("c")
        await self.driver.until("new widget")
        await self.driver.until("What goes into each slot")  # it opens at the missing tool
        await self.choose("Jot2 copy")
        await self.save("Sheet copy")
        await self.find("Sign-in2")
        await self.driver.press("c")
        await self.driver.until("new auth connection")
        await self.driver.until("Sent in")  # it opens at the missing secret
        await self.driver.paste("another-secret")
        await self.save("Sign-in2 copy")

    async def confirm(self, required: str) -> None:
        """Type the text that a delete requires; its first key moves the focus from the button to the field."""
        await self.driver.press(required[0])
        await self.driver.paste(required[1:])
        await self.driver.until(lambda text: any(line.strip("│ ") == required for line in text.splitlines()))
        await self.driver.press("enter")

    async def delete(self, name: str, kind: str) -> None:
        """Delete a resource by name."""
        await self.find(name)
        await self.driver.press("D")
        await self.driver.until(f"Delete the {kind} {name}?")
        await self.confirm(name)
        await self.driver.until(lambda text: "Type " not in text and "0 hits" in text and "reading…" not in text)

    async def deletes(self) -> None:
        """Delete the copies, undo the second-last delete from the history, then delete everything and undo that."""
        for name, kind in (
            ("Sheet copy", "widget"),
            ("Jot2 copy", "tool"),
            ("Write note2 copy", "operation"),
            ("CRM2 copy", "integration"),
            ("Sign-in2 copy", "auth connection"),
        ):
            await self.delete(name, kind)
        await self.driver.press("H")
        await self.driver.until("deleted auth Sign-in2 copy")
        await self.driver.press("down", "z")
        await self.driver.until("undone already")
        await self.driver.press("escape")
        resources = ("Sign-in2", "CRM2", "CRM2 copy", "Jot2", "Show", "Find")
        for number, name in enumerate(resources, start=1):
            await self.find(name)
            await self.driver.press("m")
            await self.driver.until(f"{number} marked")
        await self.driver.press("D")
        await self.driver.until(f"Delete {len(resources)} resources?")
        await self.confirm(f"delete {len(resources)}")
        await self.driver.until(lambda text: "Type " not in text and "0 hits" in text and "reading…" not in text)
        await self.driver.press("z")
        await self.driver.until("1 hit")  # "Find", which the filter searches for, exists again
        for name in (*resources, "Board2", "Sheet"):
            await self.find(name)


def _lines_with(text: str, mark: str) -> int:
    return sum(mark in line for line in text.splitlines())
