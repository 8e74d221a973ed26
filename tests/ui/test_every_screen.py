"""What holds on every screen and dialog, whoever wrote it: it shows hostile text harmlessly, and no key hides another.

One walk collects what all of these tests need.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import httpx
import pytest
from textual.dom import DOMNode
from textual.keys import key_to_character
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget

from drio_tui.kinds import APP, KINDS
from drio_tui.ui.app.drio_app import DrioApp
from drio_tui.ui.base import keymap
from drio_tui.ui.base.launch_options import LaunchOptions
from tests.conftest import private_environment
from tests.sandbox_fixtures import kill_process, run_in_new_loop, start_sandbox
from tests.ui.driving import text_of
from tests.ui.every_screen import visit_every_screen
from tests.ui.test_hostile_text import unsafe
from tests.ui.walk import SIZES, Walk

pytestmark = pytest.mark.slow


def hidden_keys(screen: Screen[Any]) -> set[tuple[str, str, str]]:
    """Return which keys of the registry cannot be pressed, wherever the focus is, because another takes them all.

    Each is a tuple of the id of the key, the focused widget's class, and what takes it: the id of a key of the registry
    or the class of a widget of Textual. Keys that a text field takes as text do not count.
    """
    found = set()
    for focused in (None, *screen.focus_chain):
        nodes = binding_nodes(screen, focused)
        taken: dict[str, str] = {}
        in_order = [(True, node) for node in reversed(nodes)] + [(False, node) for node in nodes]
        for priority, node in in_order:
            for key, binding in node._bindings:
                if binding.priority == priority:
                    taken.setdefault(key, binding.id or type(node).__name__)
        for node in nodes:
            takers_by_id: dict[str, set[str]] = {}
            for key, binding in node._bindings:
                if keymap.find(binding.id) is not None and not is_typed(nodes, node, key):
                    takers_by_id.setdefault(binding.id or "", set()).add(taken[key])
            for binding_id, takers in takers_by_id.items():
                if binding_id not in takers:
                    name = type(focused).__name__ if focused is not None else ""
                    found |= {(binding_id, name, taker) for taker in takers}
    return found


def binding_nodes(screen: Screen[Any], focused: Widget | None) -> list[DOMNode]:
    """Return the nodes whose keys count while `focused` has the focus, in the order in which they count."""
    nodes: list[DOMNode] = list(focused.ancestors_with_self) if focused is not None else [screen, screen.app]
    page = getattr(screen, "key_page", None)
    if page is not None and page not in nodes:
        nodes.insert(nodes.index(screen), page)
    return nodes[: nodes.index(screen) + 1] if screen.is_modal else nodes


def is_typed(nodes: list[DOMNode], node: DOMNode, key: str) -> bool:
    """Return whether a node before `node` takes a key as text."""
    character = key_to_character(key)
    return any(above.check_consume_key(key, character) for above in nodes[: nodes.index(node)])


HIDDEN = {
    ("app.how_to_quit", "*"): "Textual copies a selection with Ctrl+C, and passes the key on if there is none",
    ("app.suspend", "Text*"): "Ctrl+Z undoes in a text",
    ("dialog.confirm", "form.save"): "both carry out what the form says",
    ("*.save", "*"): "Ctrl+S saves, whichever of them handles it",
    ("form.*", "*Editor"): "the cursor moves in the text first",
    ("fill_slots.mark", "widget_preview.page_down"): "Space pages through the picture while that has the focus",
    ("form.down", "form_tabs.enter"): "goes to the first field",
    ("model_view.*", "form_tabs.*"): "both change the client",
    ("welcome.*", "Input"): "the cursor moves in the text first",
    ("*", "filter.leave"): "a filter field is left first",
    ("*", "filter.close"): "a filter field is left first",
    ("*", "FilterInput"): "a filter field is left first",
    ("screen.back", "search_list.clear"): "a search is emptied first",
    ("*.copy", "copy_field.copy"): "copies the text under the cursor",
    ("app_screen.copy", "json.copy"): "copies the JSON",
    ("app_screen.go", "*.first"): "the prefix of the screen counts before the key of the focused widget",
    ("app_screen.filter", "json.find"): "searches the JSON",
    ("app_screen.next", "json.next"): "searches the JSON",
    ("app_screen.previous", "json.previous"): "searches the JSON",
    ("calls.filter", "json.find"): "searches the JSON",
    ("requests.filter", "json.find"): "searches the JSON",
    ("v3_ap*.filter", "json.find"): "searches the JSON",
    ("v3_apps.copy", "json.copy"): "copies the JSON",
    ("v3_apps.open", "json.whole"): "shows what was cut off in the JSON",
    ("playground.browser", "json.whole"): "shows what was cut off in the JSON; the widget is on another page",
}
"""Patterns of the id of a hidden key and of what takes it, and why that is meant."""
HOSTILE = " [@click=app.quit]x[/] \x1b]52;c;ZXZp\x07\x9b31m\u202e"


class Inspector(Walk):
    """Collects hidden keys and unsafe characters by screen."""

    def __init__(self, pilot: Pilot[Any]) -> None:
        super().__init__(pilot, suffix=HOSTILE)
        self.hidden: dict[tuple[str, str, str], str] = {}
        self.unsafe: dict[str, set[str]] = {}
        self.text = ""

    async def look(self, name: str, sizes: tuple[tuple[int, int], ...]) -> None:
        await self.pilot.pause()
        text = text_of(self.app)
        self.text += text
        if characters := unsafe(text):
            self.unsafe[name] = characters
        for hidden in hidden_keys(self.app.screen):
            self.hidden.setdefault(hidden, f"{name} ({type(self.app.screen).__name__})")


def make_hostile(client: httpx.Client) -> None:
    """End the name and the description of every resource of every app of the sandbox in hostile text."""
    for app in client.get("/api/v1/apps").raise_for_status().json()["apps"]:
        path = f"/api/v1/apps/{app['id']}"
        config = client.get(f"{path}/config").raise_for_status().json()["config"]
        for kind in KINDS.values():
            for raw in [config["app"]] if kind is APP else config[kind.list_key]:
                texts = {
                    name: raw[name] + HOSTILE for name in ("name", "description") if isinstance(raw.get(name), str)
                }
                item = kind.item.format(app=app["id"], id=raw["id"])
                client.patch(f"/api/v1{item}", json=texts).raise_for_status()


@pytest.fixture(scope="module")
def inspector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inspector]:
    """What was found on every screen, with hostile names and descriptions."""
    folder = tmp_path_factory.mktemp("every-screen")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in private_environment(folder / "home").items():
            patch.setenv(name, value)
        patch.setenv("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")  # no browser, on whatever machine this runs
        process = start_sandbox(folder / "sandbox")
        try:
            patch.setenv("DRIO_TOKEN", process.token)
            with process.client() as client:
                make_hostile(client)
            yield run_in_new_loop(_inspect(process.base_url, folder))
        finally:
            kill_process(process)


async def _inspect(base_url: str, folder: Path) -> Inspector:
    app = DrioApp(LaunchOptions(base_url=base_url))
    async with app.run_test(size=SIZES[0]) as pilot:
        inspector = Inspector(pilot)
        await visit_every_screen(inspector, folder)
        return inspector


def test_every_screen_is_visited(inspector: Inspector) -> None:
    assert not inspector.not_visited, "add them to the walk in every_screen.py"


def test_every_screen_shows_hostile_text_harmlessly(inspector: Inspector) -> None:
    """F57 F58."""
    assert inspector.unsafe == {}
    assert "[@click=app.quit]x[/] ␛]52;c;ZXZp␇" in inspector.text


def test_no_key_is_hidden_by_another(inspector: Inspector) -> None:
    hidden = [
        f"{where}: {key} under {taker}, with the focus in {focus or 'nothing'}"
        for (key, focus, taker), where in inspector.hidden.items()
        if not any(fnmatchcase(key, hidden) and fnmatchcase(taker, above) for hidden, above in HIDDEN)
    ]
    assert not hidden, "\n".join(hidden)
