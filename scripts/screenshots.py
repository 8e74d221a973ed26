"""Takes the screenshots of the documentation: the real program on a new sandbox, each screen as SVG, dark and light.

    python scripts/screenshots.py [--size 110x32] [--theme THEME] [--out DIR] [--png]

`--png` also writes PNG files, with `rsvg-convert` (Debian: librsvg2-bin).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from drio_tui.launcher import stop_sandbox
from drio_tui.storage import paths

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 60
LIGHT = "drio-light"


def _operation(id: str, summary: str, *parameters: str, tag: str = "pets") -> dict[str, Any]:
    query = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in parameters]
    responses = {"200": {"description": "Yes."}}
    return {"operationId": id, "summary": summary, "tags": [tag], "parameters": query, "responses": responses}


PETSTORE: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Petstore", "version": "1.0.0"},
    "servers": [{"url": "https://petstore.example.com/v1"}],
    "paths": {
        "/pets": {
            "get": _operation("listPets", "List the pets of the store", "status", "limit"),
            "post": _operation("addPet", "Add a pet", "name"),
        },
        "/pets/search": {"get": _operation("searchPets", "Find pets by words", "q")},
        "/orders": {
            "get": _operation("listOrders", "List the orders", "since", tag="orders"),
            "post": _operation("placeOrder", "Order a pet", "pet", tag="orders"),
        },
        "/orders/summary": {"get": _operation("sumOrders", "Orders by day", tag="orders")},
    },
}


async def until(pilot: Pilot[Any], condition: Callable[[], object]) -> None:
    """Wait until `condition` is true. Raises `TimeoutError`."""
    async with asyncio.timeout(SECONDS):
        while not condition():
            await pilot.pause()
    await pilot.pause()


async def draw(out: Path, size: tuple[int, int], theme: str | None, document: Path) -> list[Path]:
    """Save each screen of the program and return the files. `document` is an OpenAPI document to import."""
    from drio_tui.kinds import TOOL, WIDGET
    from drio_tui.ui.app.drio_app import DrioApp
    from drio_tui.ui.app.navigation import make_screen
    from drio_tui.ui.base.launch_options import LaunchOptions
    from drio_tui.ui.editing.edit_target import EditTarget

    files: list[Path] = []
    app = DrioApp(LaunchOptions(sandbox=True, theme=theme))

    def save(name: str) -> None:
        svg = app.export_screenshot(title=f"drio-tui — {name}")
        # Every export has a random id; it is replaced, so that the same screen gives the same file.
        svg = re.sub(r"terminal-\d+", f"terminal-{name}", svg)
        # The fonts would be downloaded from another host; the reader's monospaced font is used instead.
        svg = re.sub(r"@font-face\s*\{[^}]*\}\s*", "", svg)
        # The sandbox's port differs from run to run.
        svg = re.sub(r"127\.0\.0\.1:\d{4,5}", "127.0.0.1:39520", svg)
        path = out / f"{name}.svg"
        path.write_text(svg, encoding="utf-8")
        files.append(path)

    async def shown(class_name: str) -> Any:
        """Return the top screen once it is of that class and mounted."""
        await until(pilot, lambda: type(app.screen).__name__ == class_name and app.screen.is_mounted)
        return app.screen

    async def back_to(screen: Any) -> None:
        """Close the screens above `screen`."""
        for _ in range(6):
            if app.screen is screen:
                return
            await pilot.press("escape")
            await pilot.pause()
        await until(pilot, lambda: app.screen is screen)

    async def open_editor(kind: str, id: str, page: int) -> Any:
        """Open the edit screen of a resource at a page, and return it."""
        app.push_screen(make_screen("edit", EditTarget(app_id, kind, id)))
        screen = await shown("EditScreen")
        await until(pilot, lambda: screen.is_filled)
        screen.show_page(page)
        await pilot.pause()
        return screen

    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.current_mode != "start")
        await pilot.press("1")
        await until(pilot, lambda: app.current_mode == "templates" and app.screen.is_mounted)
        screen: Any = app.screen
        await until(pilot, lambda: screen.resources)
        screen.rows.choose("support")
        await pilot.pause()
        save("templates")

        await pilot.press("c")
        screen = await shown("WizardScreen")
        await until(pilot, lambda: screen._page)
        save("create")
        await pilot.press("ctrl+s")
        await pilot.pause()
        save("branding")
        await pilot.press("escape", "2")
        await until(pilot, lambda: app.current_mode == "apps" and app.screen.is_mounted)
        screen = app.screen
        await until(pilot, lambda: screen.resources)
        app_id = next(resource.id for resource in screen.resources if resource.get("slug") == "acme-support")
        app.navigator.open_app(app_id)
        app_screen = await shown("AppScreen")
        await until(pilot, lambda: app_screen.outline is not None and not app_screen.loading_app)
        save("app")

        client = await app.connection.ready()
        tools = {tool["key"]: tool for tool in (await client.list(TOOL, app=app_id)).items}
        widgets = {widget["key"]: widget for widget in (await client.list(WIDGET, app=app_id)).items}
        for name, kind, resource, page in (
            ("binding", "tool", tools["search-contacts"], 1),
            ("chain", "tool", tools["search-contacts"], 2),
            ("mappings", "widget", next(iter(widgets.values())), 1),
        ):
            await open_editor(kind, str(resource["id"]), page)
            save(name)
            await back_to(app_screen)

        # Another client changes the tool while it is edited.
        contact = tools["show-contact"]
        screen = await open_editor("tool", str(contact["id"]), 0)
        remote_change = {"name": "Show a contact", "description": "One contact with all they asked."}
        await client.update(TOOL, str(contact["id"]), remote_change, app=app_id)
        screen.form.model.root.properties["name"].set_value("Contact card")
        await pilot.press("ctrl+s")
        await shown("ConflictDialog")
        save("conflict")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        screen.dismiss(None)
        await until(pilot, lambda: app.screen is app_screen)

        app.navigator.open_tool(app_id, str(tools["search-contacts"]["id"]))
        screen = await shown("PlaygroundScreen")
        await until(pilot, lambda: screen.form is not None)
        await pilot.press(*"north")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: not screen.busy and screen.run_shown is not None)
        save("playground")
        await back_to(app_screen)

        await pilot.press("i")
        screen = await shown("ImportScreen")
        screen.query_one(".-source").value = str(document)
        await pilot.press("enter")
        await until(pilot, lambda: screen.document is not None and screen.picker.current_id)
        screen.query_one(".-source").value = "~/petstore.json"
        await pilot.press("space", "down", "space")
        await pilot.pause()
        save("import")
        screen.dismiss(None)
        await until(pilot, lambda: app.screen is app_screen)

        await pilot.press("M")
        screen = await shown("DocumentScreen")
        await pilot.press("x")
        await shown("ExportDialog")
        folder = document.parent / f"{theme}-acme"
        app.screen.query_one(".-path").value = str(folder)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.screen is screen and screen.phase == "compared")
        screen.path_field.value = "~/apps/acme"
        file = folder / "drio.yaml"
        text = file.read_text().replace("https://acme.com", "https://www.acme.com", 1)
        text = text.replace("A note for colleagues; customers do not see it.", "A note that customers do not see.", 1)
        file.write_text(text.replace("    name: Contact card\n", "    name: Contact\n", 1))
        await pilot.press("r")
        await until(pilot, lambda: screen.phase == "compared" and screen.opened.plan.changes)
        await pilot.press("plus")
        await pilot.pause()
        app.clear_notifications()
        await pilot.pause()
        save("document")
        screen.dismiss(None)
        await until(pilot, lambda: app.screen is app_screen)

        await pilot.press("d")
        screen = await shown("DeployScreen")
        await until(pilot, lambda: screen.report is not None)
        await pilot.press("D")
        await until(pilot, lambda: screen.seen is not None)
        save("deploy")
        await pilot.press("C")
        await shown("ConnectScreen")
        save("connect")
        await back_to(app_screen)
        await pilot.press("3")
        await until(pilot, lambda: app.current_mode == "requests" and app.screen.is_mounted)
        await pilot.pause()
        save("requests")
        await pilot.press("question_mark")
        await shown("HelpDialog")
        save("help")
        await pilot.press("escape")
    return files


def main() -> None:
    """Parse the arguments and take the screenshots, with temporary directories instead of the user's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="110x32", help="columns x rows")
    parser.add_argument("--theme", help="only this theme, instead of a dark and a light one")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    parser.add_argument("--png", action="store_true")
    options = parser.parse_args()
    columns, _, rows = options.size.partition("x")
    folders = {options.theme: options.out} if options.theme else {None: options.out, LIGHT: options.out / "light"}
    with tempfile.TemporaryDirectory() as home:
        document = Path(home) / "petstore.json"
        document.write_text(json.dumps(PETSTORE))
        os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
        for theme, folder in folders.items():
            for name in ("CONFIG", "DATA", "STATE", "CACHE"):
                os.environ[f"DRIO_{name}_DIR"] = f"{home}/{theme}/{name.lower()}"
            folder.mkdir(parents=True, exist_ok=True)
            try:
                files = asyncio.run(draw(folder, (int(columns), int(rows)), theme, document))
            finally:
                stop_sandbox(paths.sandbox_dir())
            for path in files:
                print(path)
                if options.png:
                    subprocess.run(["rsvg-convert", "-o", str(path.with_suffix(".png")), str(path)], check=True)


if __name__ == "__main__":
    main()
