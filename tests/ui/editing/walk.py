"""The whole of editing as one story, told to whatever hand there is: a Pilot's, or a person's at a real terminal.

Only keys are pressed, texts are typed or pasted as a person would, and only the screen is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Protocol

SEARCHED = {
    "type": "object",
    "properties": {"results": {"type": "array", "items": {"$ref": "#/$defs/contact"}}},
    "$defs": {"contact": {"type": "object", "properties": {"id": {"type": "string"}, "email": {"type": "string"}}}},
}
EDITING = "as this server describe"
"""Stands on the screen for editing, once it is filled, and nowhere else; a late server `described`."""

QUERY = {"type": "object", "properties": {"q": {"type": "string"}}}


class Hand(Protocol):
    """Presses keys by their names (`enter`, `shift+tab`, `f5`, single characters), pastes, and waits for the screen."""

    async def press(self, *keys: str) -> None: ...

    async def paste(self, text: str) -> None: ...

    async def until(self, wanted: str | Callable[[str], object]) -> None: ...


class Walk:
    """Begins in the program, signed in, and ends in the app that it made."""

    def __init__(self, hand: Hand, name: str) -> None:
        self.hand = hand
        self.name = name

    async def whole(self) -> None:
        """Everything there is to show."""
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

    # -- making -----------------------------------------------------------------------------------

    async def app(self) -> None:
        """An empty app, from the blank template."""
        press, until = self.hand.press, self.hand.until
        await press("1")
        await until("Analytics dashboard")
        await press("/")
        await self.hand.paste("blank")
        await until(lambda text: "Hiring" not in text)
        await press("enter", "c")
        await until("Free. Part of its address")
        await self.hand.paste(self.name)
        await until(self.name.lower().replace(" ", "-"))
        for page in ("its looks", "How it signs in", "What it calls", "What models can do", "Look it over", "created"):
            await press("ctrl+s")
            await until(page)
        await press("o")
        await until(lambda text: f"◆ {self.name}" in text and "/ to filter" in text and "reading" not in text)

    async def add(self, kind: str) -> None:
        """Open the screen for something new."""
        await self.hand.press("a")
        await self.hand.until("Make a new")
        await self.hand.paste(kind)
        await self.hand.until(lambda text: f" {kind}" in text.lower() and _lines_with(text, "│") < 40)
        await self.hand.press("enter")
        await self.hand.until(f"new {kind}")
        await self.filled()

    async def filled(self) -> None:
        """Until the screen for editing can be typed in: a field has the focus, and nothing is added any more."""
        last = ""

        def still(text: str) -> bool:
            nonlocal last
            before, last = last, text
            return text == before and EDITING in text and "⋯" in text

        await self.hand.until(still)

    async def choose(self, text: str, *, opener: str = "enter", shown: str = "") -> None:
        """Open the list of the field that has the focus, and take what fits a text."""
        await self.hand.press(opener)
        await self.hand.until("type to narrow")
        await self.hand.paste(text)
        await self.hand.until(lambda screen: text in screen)
        await self.hand.press("enter")
        await self.hand.until(lambda screen: "type to narrow" not in screen and (shown or text) in screen)

    async def save(self, said: str, *, review: bool = False) -> None:
        """Save, and wait until the app's tree is there again with what was saved."""
        await self.hand.press("ctrl+s")
        if review:
            await self.hand.until("Write to ")
            await self.hand.press("ctrl+s")
        await self.hand.until(lambda text: said in text and EDITING not in text and "reading…" not in text)

    async def auth(self) -> None:
        """An auth connection: a provider and what it wants to know."""
        await self.add("auth connection")
        await self.hand.paste("Sign-in")
        await self.hand.press("f5")
        await self.hand.until("choose a provider")
        await self.choose("API key", shown="Sent in")
        await self.hand.press("tab", "tab", "ctrl+u")
        await self.hand.paste("X-Crm-Key")
        await self.hand.press("tab")
        await self.hand.paste("a-secret-nobody-sees")
        await self.hand.until(lambda text: "••••" in text and "nobody-sees" not in text)
        await self.save("Sign-in")

    async def integration(self) -> None:
        """An integration: an address, how it signs in."""
        await self.add("integration")
        await self.hand.paste("CRM")
        await self.hand.press("tab")
        await self.hand.paste("https://crm.example.com/v1")
        await self.hand.press("tab", "tab", "tab")
        await self.choose("Sign-in")
        await self.save("⇄ CRM")

    async def operation(self, name: str, method: str, path: str) -> None:
        """What is asked for on the first two pages of a new operation; without a name it has one."""
        if name:
            await self.hand.paste(name)
        await self.hand.press("f5")
        await self.hand.until("The call")
        await self.choose(method)
        await self.hand.press("tab")
        await self.hand.paste(path)
        await self.hand.until(path)

    async def operations(self) -> None:
        """Two operations; the third is made while its tool is."""
        await self.add("operation")
        await self.operation("Search contacts", "GET", "/contacts")
        await self.hand.press("f4")
        await self.hand.paste(json.dumps(QUERY))
        await self.hand.press("f4")
        await self.hand.paste(json.dumps(SEARCHED))
        await self.save("Search contacts")
        await self.add("operation")
        await self.operation("Get contact", "GET", "/contacts/{id}")
        await self.hand.until("not in the input schema")
        await self.hand.press("f6")
        await self.hand.until(lambda text: "not in the input schema" not in text)
        await self.save("Get contact")

    async def bind(self, operation: str) -> None:
        """The tool's second page: what it calls."""
        await self.hand.press("f5")
        await self.hand.until("bound to nothing")
        await self.hand.paste(operation)
        await self.hand.until(lambda text: operation in text and "Helpdesk" not in text)
        await self.hand.press("enter")
        await self.hand.until(f"Will be bound to {operation}")

    async def tools(self) -> None:
        """Three tools, each handing its result to the one before it; the first makes its operation in place."""
        await self.add("tool")
        await self.hand.paste("Jot")
        await self.hand.press("f5")
        await self.hand.until("bound to nothing")
        await self.hand.paste("Write note")
        await self.hand.until("No operation fits")
        await self.hand.press("down", "enter")
        await self.hand.until("In which integration?")
        await self.hand.press("enter")
        await self.hand.until("new operation  for the new tool")
        await self.filled()
        await self.operation("", "POST", "/notes")  # what was looked for is its name already
        await self.hand.press("ctrl+s")
        await self.hand.until("Will be bound to Write note")
        await self.save("⚒ Jot")
        for name, operation, after in (("Show", "Get contact", "Jot"), ("Find", "Search contacts", "Show")):
            await self.add("tool")
            await self.hand.paste(name)
            await self.bind(operation)
            await self.hand.press("f5")
            await self.hand.until("All chains")
            await self.hand.paste(after)
            await self.hand.press("enter")
            await self.hand.until(f"1 {after}")
            await self.save(f"⚒ {name}")

    async def widgets(self) -> None:
        """Two widgets with mappings and actions."""
        await self.widget("Board", "Find", "data-table", (("rows", "$.results"), ("columns.mail", "$.email")))
        await self.action("row.select", "Show", "{{ row.id }}")
        await self.save("▦ Board")
        await self.widget("Sheet", "Show", "card", (("title", "$.name"),))
        await self.action("card.select", "Jot", "{{ result.id }}")
        await self.save("▦ Sheet")

    async def widget(self, name: str, tool: str, primitive: str, mappings: tuple[tuple[str, str], ...]) -> None:
        """The first two pages of a new widget."""
        await self.add("widget")
        await self.hand.paste(name)
        await self.hand.press("f5")
        await self.hand.until("What goes into each slot")
        await self.choose(tool)
        await self.hand.press("tab")
        await self.choose(primitive)
        await self.hand.press("tab", "tab", "tab")
        for slot, path in mappings:
            await self.choose(slot)
            await self.hand.until("JSONPath, such as")  # its line is there, empty
            await self.hand.paste(path)
            await self.hand.until(path)
            await self.hand.press("tab")

    async def action(self, trigger: str, tool: str, template: str) -> None:
        """The third page: what happens."""
        await self.hand.press("f5")
        await self.hand.until("Nothing happens in this widget yet.")
        await self.hand.press("enter")
        await self.hand.until("The event in the widget.")
        await self.hand.until("callTool")
        await self.hand.press("tab", "tab")
        await self.hand.paste(template)
        await self.hand.press("tab")
        await self.choose(tool)
        await self.hand.until(trigger)

    async def branding(self) -> None:
        """Colours: one that cannot be read is mended by one key."""
        await self.hand.press("g", "e")
        await self.hand.until(f"App  {self.name}")
        await self.filled()
        await self.hand.press("f5")
        await self.hand.until("Contrast")
        await self.hand.press("ctrl+u")
        await self.hand.paste("#e0e0e0")
        await self.hand.until("too low")
        await self.hand.press("f6")
        await self.hand.until(lambda text: "too low" not in text)
        await self.save(self.name)

    # -- changing ---------------------------------------------------------------------------------

    async def find(self, name: str) -> None:
        """Put the cursor on a resource by the filter, which has to find something."""
        await self.hand.press("/")
        await self.hand.until("f1 Help")  # in a text field ? is a character
        await self.hand.press("ctrl+u")
        await self.hand.paste(name)
        await self.hand.until(lambda text: text.count(f" {name}") > 1 and re.search(r"\b[1-9]\d* hits?\b", text))
        await self.hand.press("enter")

    async def edit(self, name: str, heading: str, more: str) -> None:
        """Write something behind the name of a resource."""
        await self.find(name)
        await self.hand.press("e")
        await self.hand.until(heading)
        await self.filled()
        await self.hand.press("end")
        await self.hand.paste(more)
        await self.hand.press("ctrl+s")
        await self.hand.until(lambda text: EDITING not in text and "reading…" not in text and f"{name}{more}" in text)

    async def edits(self) -> None:
        """Every kind is edited once."""
        for name, heading in (
            ("Sign-in", "Auth connection  Sign-in"),
            ("CRM", "Integration  CRM"),
            ("Write note", "Operation  Write note"),
            ("Jot", "Tool  Jot"),
            ("Board", "Widget  Board"),
        ):
            await self.edit(name, heading, "2")

    async def copies(self) -> None:
        """Every kind is duplicated. What a copy cannot have, a secret or a second widget, is asked for."""
        for name in ("CRM2", "Write note2", "Jot2"):
            await self.find(name)
            await self.hand.press("c")
            await self.hand.until(lambda text, name=name: f"{name} copy" in text and "reading…" not in text)  # type: ignore[misc]
        await self.find("Sheet")
        await self.hand.press("c")
        await self.hand.until("new widget")
        await self.hand.until("What goes into each slot")  # it opens where the tool is missing
        await self.choose("Jot2 copy")
        await self.save("Sheet copy")
        await self.find("Sign-in2")
        await self.hand.press("c")
        await self.hand.until("new auth connection")
        await self.hand.until("Sent in")  # it opens at the secret that is missing
        await self.hand.paste("another-secret")
        await self.save("Sign-in2 copy")

    async def agree(self, word: str) -> None:
        """Give what is asked for before a deletion; the field takes it from the button that has the focus."""
        await self.hand.press(word[0])
        await self.hand.paste(word[1:])
        await self.hand.until(lambda text: any(line.strip("│ ") == word for line in text.splitlines()))
        await self.hand.press("enter")

    async def delete(self, name: str, word: str) -> None:
        """Delete a resource, by its name."""
        await self.find(name)
        await self.hand.press("D")
        await self.hand.until(f"Delete the {word} {name}?")
        await self.agree(name)
        await self.hand.until(lambda text: "Type " not in text and "0 hits" in text and "reading…" not in text)

    async def deletes(self) -> None:
        """The copies are deleted one by one, the newest of these changes undone from the history, then everything."""
        for name, word in (
            ("Sheet copy", "widget"),
            ("Jot2 copy", "tool"),
            ("Write note2 copy", "operation"),
            ("CRM2 copy", "integration"),
            ("Sign-in2 copy", "auth connection"),
        ):
            await self.delete(name, word)
        await self.hand.press("H")
        await self.hand.until("deleted auth Sign-in2 copy")
        await self.hand.press("down", "z")
        await self.hand.until("undone already")
        await self.hand.press("escape")
        resources = ("Sign-in2", "CRM2", "CRM2 copy", "Jot2", "Show", "Find")
        for number, name in enumerate(resources, start=1):
            await self.find(name)
            await self.hand.press("m")
            await self.hand.until(f"{number} marked")
        await self.hand.press("D")
        await self.hand.until(f"Delete {len(resources)} resources?")
        await self.agree(f"delete {len(resources)}")
        await self.hand.until(lambda text: "Type " not in text and "0 hits" in text and "reading…" not in text)
        await self.hand.press("z")
        await self.hand.until("1 hit")  # "Find", which is looked for, is there again
        for name in (*resources, "Board2", "Sheet"):
            await self.find(name)


def _lines_with(text: str, mark: str) -> int:
    return sum(mark in line for line in text.splitlines())
