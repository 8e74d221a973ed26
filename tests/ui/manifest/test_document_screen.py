"""The document screen: export, compare, apply what was chosen, conflicts, errors with line and column, secrets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from drio_tui.api import yaml_reader
from drio_tui.kinds import AUTH, INTEGRATION, TOOL
from drio_tui.manifest.known_documents import KnownDocument
from drio_tui.manifest.lock import FILE_NAME
from drio_tui.manifest.opened import PlannedPull
from drio_tui.ui.dialogs.confirm_dialog import ConfirmDialog
from drio_tui.ui.manifest import document_export
from drio_tui.ui.manifest.document_dialogs import ExportDialog, SecretsDialog
from drio_tui.ui.manifest.document_pull import PullDialog
from drio_tui.ui.manifest.document_screen import DocumentScreen
from drio_tui.ui.plan.plan_panel import PlanPanel
from tests.ui.driving import at_once, text_of, until
from tests.ui.editing.test_saving import app_of, opened
from tests.ui.idle import parked

JSON = dict[str, Any]


class Hand:
    """The document screen of a new app, whose document is `folder/drio.json`."""

    def __init__(self, pilot: Any, app_screen: Any, client: Any, folder: Path) -> None:
        self.pilot, self.app_screen, self.client = pilot, app_screen, client
        self.app: Any = pilot.app
        self.app_id = app_screen.app_id
        self.folder = folder
        self.file = folder / "drio.json"
        self.screen: Any = None

    @property
    def text(self) -> str:
        return text_of(self.app)

    async def open(self) -> None:
        await self.pilot.press("M")
        await until(self.pilot, lambda: isinstance(self.app.screen, DocumentScreen) and self.app.screen.is_mounted)
        self.screen = self.app.screen

    async def shown(self, dialog: type) -> Any:
        await until(self.pilot, lambda: isinstance(self.app.screen, dialog))
        return self.app.screen

    async def export(self, format: str = "json") -> None:
        """Export the app to the document."""
        await self.pilot.press("x")
        dialog = await self.shown(ExportDialog)
        dialog.query_one(".-path").value = str(self.folder)
        dialog.query_one("#format").chosen = int(format == "json")
        await self.pilot.press("ctrl+s")
        await self.compared()

    async def compared(self) -> None:
        await until(self.pilot, lambda: self.app.screen is self.screen and self.screen.phase == "compared")

    async def compare(self) -> None:
        await self.pilot.press("r")
        await self.compared()

    async def apply(self) -> None:
        await self.pilot.press("a")
        await self.shown(ConfirmDialog)
        await self.pilot.press("ctrl+s")

    async def applied(self) -> None:
        await until(self.pilot, lambda: self.app.screen is self.screen and self.screen.phase == "applied")

    async def rename_and_apply(self, tool: str, name: str) -> None:
        """Rename a tool in the document, and apply that."""
        self.edit(lambda document: document["tools"][tool].update(name=name))
        await self.compare()
        await self.apply()
        await self.applied()

    def edit(self, change: Callable[[JSON], object]) -> None:
        """Change the document as a user would in an editor."""
        document = json.loads(self.file.read_text())
        change(document)
        self.file.write_text(json.dumps(document, indent=2))

    async def tools(self) -> dict[str, JSON]:
        return {tool["key"]: tool for tool in (await self.client.list(TOOL, app=self.app_id)).items}

    async def change_tool(self, key: str, **body: Any) -> None:
        """Change a tool as another client would."""
        await self.client.update(TOOL, (await self.tools())[key]["id"], body, app=self.app_id)

    def changes(self) -> dict[str, str]:
        """Return the actions by the key of the line."""
        return {item.key: item.change.action for item in self.screen.panel.plan_tree.items}

    def choose(self, key: str) -> None:
        self.screen.panel.plan_tree.choose(key)


@asynccontextmanager
async def document_screen(
    sandbox: Any, monkeypatch: pytest.MonkeyPatch, folder: Path, *, export: bool = True, **options: Any
) -> AsyncIterator[Hand]:
    async with app_of(sandbox, monkeypatch, **options) as (pilot, app_screen, client):
        hand = Hand(pilot, app_screen, client, folder / "acme")
        await hand.open()
        if export:
            await hand.export()
        yield hand


@pytest.mark.slow
async def test_an_app_is_exported_edited_in_the_file_and_applied_in_part(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with document_screen(sandbox_process, monkeypatch, tmp_path, size=(80, 24)) as hand:
        assert "drio is as the document says" in hand.text

        def change(document: JSON) -> None:
            document["tools"]["search-contacts"]["description"] = "Finds every contact."
            document["tools"]["show-contact"]["name"] = "Contact card"

        hand.edit(change)
        await hand.compare()
        assert hand.changes() == {"tools/search-contacts": "update", "tools/show-contact": "update"}
        hand.choose("tools/show-contact")
        await hand.pilot.press("space")
        assert "1 of 2 included: 1 to change." in hand.text
        await hand.apply()
        await hand.applied()
        assert "Applied: 1 step done" in hand.text
        tools = await hand.tools()
        assert tools["search-contacts"]["description"] == "Finds every contact."
        assert tools["show-contact"]["name"] != "Contact card"
        assert (hand.folder / FILE_NAME).exists()

        await hand.compare()
        assert hand.changes() == {"tools/show-contact": "update"}, "what was left stays to be applied"
        await hand.pilot.press("escape")
        screen = await opened(hand.pilot)
        hand.app.clear_notifications()
        await hand.pilot.press("z")
        await until(hand.pilot, lambda: not screen.has_request("change") and hand.app._notifications)
        assert (await hand.tools())["search-contacts"]["description"] != "Finds every contact."


async def test_a_conflict_is_left_unless_it_is_included(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with document_screen(sandbox_process, monkeypatch, tmp_path) as hand:
        await hand.rename_and_apply("show-contact", "Card")
        hand.edit(lambda document: document["tools"]["show-contact"].update(name="Contact card"))
        await hand.change_tool("show-contact", name="A contact")
        await hand.compare()
        assert hand.changes() == {"tools/show-contact": "conflict"}
        assert hand.screen.disabled_reason("apply_changes", ()) is not None
        text = hand.text
        assert "1 conflict" in text
        await hand.pilot.press("enter")
        (line,) = [line for line in text_of(hand.app).splitlines() if "Contact card" in line]
        assert line.index("Card") < line.index("Contact card") < line.index("A contact")
        await hand.pilot.press("space", "a")
        await hand.shown(ConfirmDialog)
        assert "What was changed in drio is overwritten" in hand.text
        assert "· tools/show-contact" in hand.text
        await hand.pilot.press("ctrl+s")
        await hand.applied()
        assert (await hand.tools())["show-contact"]["name"] == "Contact card"


async def test_what_an_included_resource_needs_is_created_too(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with document_screen(sandbox_process, monkeypatch, tmp_path) as hand:

        def change(document: JSON) -> None:
            document["integrations"]["billing"] = {
                "name": "Billing", "baseUrl": "https://b.example.com",
                "operations": {"pay": {"name": "Pay", "method": "POST", "path": "/pay"}},
            }  # fmt: skip
            document["tools"]["pay"] = {"name": "Pay", "binding": "billing/pay"}

        hand.edit(change)
        await hand.compare()
        await hand.pilot.press("asterisk")
        hand.choose("tools/pay")
        await hand.pilot.press("space", "a")
        await hand.shown(ConfirmDialog)
        assert "created too" in hand.text
        assert "· integrations/billing/pay" in hand.text
        await hand.pilot.press("ctrl+s")
        await hand.applied()
        assert not hand.screen.applied.failed
        assert "pay" in await hand.tools()


async def test_errors_of_the_document_name_line_and_column(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with document_screen(sandbox_process, monkeypatch, tmp_path, size=(80, 24)) as hand:
        good = hand.file.read_text()
        hand.file.write_text(good.replace('"tools": {', '"tools": {,', 1))
        line = good[: good.index('"tools": {')].count("\n") + 1
        await hand.pilot.press("r")
        await until(hand.pilot, lambda: f"drio.json:{line}:" in hand.text)
        assert "1 error in the document" in hand.text
        assert hand.screen.disabled_reason("apply_changes", ()) is not None
        hand.file.write_text(good)
        await hand.compare()
        assert "drio is as the document says" in hand.text


async def test_problems_keep_a_document_from_being_applied(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with document_screen(sandbox_process, monkeypatch, tmp_path) as hand:
        hand.edit(lambda document: document["tools"]["show-contact"].update(next=["no-such-tool"]))
        await hand.compare()
        assert "there is no tool no-such-tool" in hand.text
        assert "correct the document" in str(hand.screen.disabled_reason("apply_changes", ()))


async def test_the_document_of_another_app_is_refused(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with document_screen(sandbox_process, monkeypatch, tmp_path) as hand:
        hand.edit(lambda document: document["app"].update(slug="acme-support"))
        await hand.pilot.press("r")
        await until(hand.pilot, lambda: "The document is of another app" in hand.text)


async def test_the_last_document_is_offered_and_compared(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with document_screen(sandbox_process, monkeypatch, tmp_path) as hand:
        await hand.pilot.press("escape")
        await opened(hand.pilot)
        await hand.open()
        await hand.compared()
        assert hand.screen.path_field.value == str(hand.folder)


async def test_a_path_typed_while_the_last_document_is_looked_up_is_kept(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with document_screen(sandbox_process, monkeypatch, tmp_path, export=False) as hand:
        document = hand.screen.KnownDocumentFound(KnownDocument("", hand.app_id, str(tmp_path)))
        hand.screen.path_field.value = "typed"
        hand.screen.post_message(document)
        await hand.pilot.pause()
        assert (hand.screen.path_field.value, hand.screen.phase) == ("typed", "")


async def test_a_secret_is_asked_for_only_when_it_is_sent(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with document_screen(sandbox_process, monkeypatch, tmp_path) as hand:

        def add(document: JSON) -> None:
            config = {"type": "apiKey", "in": "header", "name": "X-Key", "apiKey": {"$secret": "BILLING_KEY"}}
            document["auth"]["billing"] = {"name": "Billing", "provider": "api-key", "config": config}
            document["tools"]["show-contact"]["name"] = "Card"

        hand.edit(add)
        await hand.compare()
        hand.choose("auth/billing")
        await hand.pilot.press("space", "plus")
        await hand.apply()
        await hand.applied()
        assert (await hand.tools())["show-contact"]["name"] == "Card", "nothing was asked for"

        await hand.compare()
        await hand.pilot.press("asterisk")
        await hand.apply()
        await hand.shown(SecretsDialog)
        assert "BILLING_KEY" in hand.text
        await hand.pilot.press("escape")
        await until(hand.pilot, lambda: hand.app.screen is hand.screen)
        connections = {item["key"] for item in (await hand.client.list(AUTH, app=hand.app_id)).items}
        assert "billing" not in connections

        await hand.apply()
        await hand.shown(SecretsDialog)
        await hand.pilot.press("enter")
        assert "BILLING_KEY is empty" in hand.text
        await hand.pilot.press(*"s3cr3t", "enter")
        await hand.applied()
        assert not hand.screen.applied.failed
        assert "s3cr3t" not in hand.text
        assert "s3cr3t" not in "".join(file.read_text() for file in hand.folder.iterdir())
        created = {item["key"]: item for item in (await hand.client.list(AUTH, app=hand.app_id)).items}
        assert created["billing"]["status"] == "valid"


async def test_a_failure_names_its_reason_skips_what_needs_it_and_is_tried_again(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with document_screen(sandbox_process, monkeypatch, tmp_path, size=(80, 24)) as hand:
        integration = {
            "name": "Billing", "key": "billing", "kind": "rest", "baseUrl": "https://b.example.com"
        }  # fmt: skip

        def change(document: JSON) -> None:
            document["integrations"]["billing"] = {
                "name": "Billing", "baseUrl": "https://b.example.com",
                "operations": {"pay": {"name": "Pay", "method": "POST", "path": "/pay"}},
            }  # fmt: skip

        hand.edit(change)
        await hand.compare()
        made = await hand.client.create(INTEGRATION, integration, app=hand.app_id)  # takes the key meanwhile
        await hand.apply()
        await hand.applied()
        assert len(hand.screen.applied.failed) == 2
        assert "✗ 1 failed  – 1 skipped" in hand.text
        await hand.pilot.press("exclamation_mark", "enter")
        assert "already" in hand.text or "taken" in hand.text or "409" in hand.text
        await hand.client.delete(INTEGRATION, made.raw["id"], app=hand.app_id)
        await hand.pilot.press("a")
        await until(hand.pilot, lambda: hand.screen.phase == "applied" and not hand.screen.applied.failed)
        assert "2/2" in hand.text


async def test_an_edited_document_is_not_overwritten_unasked(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with document_screen(sandbox_process, monkeypatch, tmp_path) as hand:
        edited = hand.file.read_text().replace("  ", "    ")
        hand.file.write_text(edited)
        await hand.pilot.press("x")
        dialog = await hand.shown(ExportDialog)
        dialog.query_one("#format").chosen = 1
        await hand.pilot.press("ctrl+s")
        await hand.shown(ConfirmDialog)
        await hand.pilot.press("escape")
        await until(hand.pilot, lambda: hand.app.screen is hand.screen)
        assert hand.file.read_text() == edited


async def test_a_directory_that_cannot_be_written_is_reported_in_the_dialog(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with document_screen(sandbox_process, monkeypatch, tmp_path, export=False) as hand:
        (tmp_path / "file").write_text("")
        await hand.pilot.press("x")
        first = await hand.shown(ExportDialog)
        first.query_one(".-path").value = str(tmp_path / "file" / "below")
        await hand.pilot.press("ctrl+s")
        await until(hand.pilot, lambda: isinstance(hand.app.screen, ExportDialog) and hand.app.screen is not first)
        assert "Not exported" in hand.text
        assert hand.app.screen.query_one(".-path").value == str(tmp_path / "file" / "below")


async def test_without_a_yaml_library_the_message_says_what_to_install(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def not_installed(_: bytes) -> Any:
        raise yaml_reader.YamlNotInstalled

    async with document_screen(sandbox_process, monkeypatch, tmp_path, export=False) as hand:
        (tmp_path / "drio.yaml").write_text("app: {slug: acme}\n")
        monkeypatch.setattr(yaml_reader, "compose", not_installed)
        hand.screen.path_field.value = str(tmp_path)
        await hand.pilot.press("o", "enter")
        await until(hand.pilot, lambda: "drio-tui[yaml]" in hand.text)


async def test_deletes_are_planned_only_when_they_are_asked_for(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with document_screen(sandbox_process, monkeypatch, tmp_path) as hand:
        await hand.client.create(TOOL, {"name": "By hand"}, app=hand.app_id)
        await hand.compare()
        assert hand.changes() == {}
        assert "Not in the document" in hand.text
        await hand.pilot.press("P")
        await hand.compared()
        assert hand.changes() == {"tools/by-hand": "delete"}
        await hand.pilot.press("a")
        await hand.shown(ConfirmDialog)
        assert "Delete and apply" in hand.text
        await hand.pilot.press("escape")
        await until(hand.pilot, lambda: hand.app.screen is hand.screen)
        assert "by-hand" in await hand.tools()


async def test_under_read_only_a_document_is_compared_and_not_applied(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with app_of(sandbox_process, monkeypatch) as (pilot, app_screen, client):
        hand = Hand(pilot, app_screen, client, tmp_path / "acme")
        await hand.open()
        await hand.export()
        hand.edit(lambda document: document["tools"]["show-contact"].update(name="Card"))
        await hand.compare()
        object.__setattr__(pilot.app.options, "read_only", True)
        assert hand.screen.check_action("apply_changes", ()) is False
        await hand.pilot.press("a")
        await hand.compare()
        assert hand.changes() == {"tools/show-contact": "update"}


async def test_changes_of_drio_are_pulled_into_the_file_in_part(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with document_screen(sandbox_process, monkeypatch, tmp_path, export=False, size=(80, 24)) as hand:
        await hand.export("yaml")
        file = hand.folder / "drio.yaml"
        text = file.read_text().replace("tools:\n", "tools: # by hand\n")
        file.write_text(text)
        await hand.change_tool("show-contact", name="Card")
        await hand.change_tool("search-contacts", name="Find")
        await hand.pilot.press("p")
        await hand.shown(PullDialog)
        assert "tool show-contact  name" in hand.text
        await hand.pilot.press("plus", "space")
        chosen = {item.change.name for item in hand.app.screen.query_one(PlanPanel).included}
        await hand.pilot.press("ctrl+s")
        await until(hand.pilot, lambda: hand.app.screen is hand.screen and file.read_text() != text)
        (key,) = chosen
        expected = {"show-contact": "Card", "search-contacts": "Find"}[key]
        pulled = file.read_text()
        assert f"name: {expected}" in pulled
        assert "tools: # by hand" in pulled
        assert len(pulled.splitlines()) == len(text.splitlines())
        assert sum(a != b for a, b in zip(pulled.splitlines(), text.splitlines(), strict=True)) == 1
        await hand.compared()
        assert len(hand.changes()) == 1, "what was not pulled still differs"


async def test_of_a_conflict_that_is_pulled_drio_is_taken(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with document_screen(sandbox_process, monkeypatch, tmp_path) as hand:
        await hand.rename_and_apply("show-contact", "Card")
        hand.edit(lambda document: document["tools"]["show-contact"].update(name="Contact card"))
        await hand.change_tool("show-contact", name="A contact")
        await hand.compare()
        await hand.pilot.press("p")
        dialog = await hand.shown(PullDialog)
        assert dialog.query_one(PlanPanel).included == []
        await hand.pilot.press("ctrl+s")
        assert hand.app.screen is dialog, "nothing is included"
        assert any("Nothing is included" in note.message for note in hand.app._notifications)
        await hand.pilot.press("space", "ctrl+s")
        await until(hand.pilot, lambda: "A contact" in hand.file.read_text())
        await until(hand.pilot, lambda: hand.screen.phase == "compared" and not hand.changes())
        await hand.pilot.press("p")
        await until(hand.pilot, lambda: any("nothing new" in note.message for note in hand.app._notifications))


async def test_an_apply_is_stopped_and_goes_on_without_repeating_a_step(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with document_screen(sandbox_process, monkeypatch, tmp_path) as hand:

        def add(document: JSON) -> None:
            for number in range(60):
                document["tools"][f"new-{number:02}"] = {"name": f"New {number:02}", "isEnabled": False}

        show_progress = DocumentScreen.on_document_screen_applying

        def press_escape(screen: DocumentScreen) -> None:
            """Press Esc as soon as a step is done: the test itself only sees the program when it is idle."""
            show_progress(screen)
            executor = screen._applier.executor if screen._applier is not None else None
            if executor is not None and executor.counts[0]:
                monkeypatch.setattr(DocumentScreen, "on_document_screen_applying", show_progress)
                screen.action_back()

        hand.edit(add)
        await hand.compare()
        monkeypatch.setattr(DocumentScreen, "on_document_screen_applying", press_escape)
        await hand.apply()
        await hand.applied()
        stopped = hand.screen.applied
        assert 0 < len(stopped.failed) < 60, "some are done, others were not started"
        assert "a tries the others again" in hand.text
        await hand.pilot.press("a")
        await until(hand.pilot, lambda: hand.screen.phase == "applied" and hand.screen.applied is not stopped)
        assert not hand.screen.applied.failed
        keys = [tool["key"] for tool in (await hand.client.list(TOOL, app=hand.app_id)).items]
        assert len([key for key in keys if key.startswith("new-")]) == len({*keys} & {f"new-{n:02}" for n in range(60)})
        assert len(keys) == 67
        await hand.compare()
        assert hand.changes() == {}


async def test_the_file_is_edited_at_the_resource_and_at_the_first_error(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    editor = tmp_path / "vim"
    editor.write_text(f"#!/bin/sh\necho \"$@\" >> '{tmp_path / 'seen'}'\n")
    editor.chmod(0o700)
    monkeypatch.setenv("EDITOR", str(editor))
    async with document_screen(sandbox_process, monkeypatch, tmp_path) as hand:
        monkeypatch.setattr(hand.app, "suspend", nullcontext)
        hand.edit(lambda document: document["tools"]["show-contact"].update(name="Card"))
        await hand.compare()
        lines = hand.file.read_text().splitlines()
        await hand.pilot.press("e")
        await until(hand.pilot, (tmp_path / "seen").exists)
        await hand.compared()
        option, path = (tmp_path / "seen").read_text().split()
        assert path == str(hand.file)
        assert '"show-contact": {' in lines[int(option[1:]) - 1]
        hand.file.write_text("{\n  ,}")
        await hand.pilot.press("r")
        await until(hand.pilot, lambda: "drio.json:2:" in hand.text)
        await hand.pilot.press("e")
        await until(hand.pilot, lambda: (tmp_path / "seen").read_text().endswith(f"+2 {hand.file}\n"))


async def test_esc_stops_the_read_of_a_pull_but_no_file_that_is_written(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with document_screen(sandbox_process, monkeypatch, tmp_path) as hand:
        gate = asyncio.Event()

        def slow(write: Callable[..., Any]) -> Callable[..., Any]:
            async def wait_and_write(*arguments: Any) -> Any:
                with parked():
                    await gate.wait()
                return await write(*arguments)

            return wait_and_write

        monkeypatch.setattr(PlannedPull, "write", slow(PlannedPull.write))
        monkeypatch.setattr(document_export, "_write", slow(document_export._write))
        await hand.change_tool("show-contact", name="A contact")
        at_once(hand.pilot, "p", "a", "escape")
        await until(hand.pilot, lambda: any("Esc stops" in note.message for note in hand.app._notifications))
        assert not hand.screen.has_request("pull")
        assert hand.app.screen is hand.screen
        assert "Reading what drio has" not in hand.text
        await hand.pilot.press("p")
        await hand.shown(PullDialog)
        at_once(hand.pilot, "ctrl+s", "escape")
        await hand.pilot.pause()
        gate.set()
        await until(hand.pilot, lambda: any(note.title == "Pulled" for note in hand.app._notifications))
        assert "A contact" in hand.file.read_text()
        assert hand.app.screen is hand.app_screen, "the screen was left, and what was written is said nevertheless"
        gate.clear()
        await hand.open()
        await hand.compared()
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "drio.json").write_text("{")
        await hand.pilot.press("x")
        dialog = await hand.shown(ExportDialog)
        dialog.query_one(".-path").value = str(tmp_path / "other")
        await hand.pilot.press("ctrl+s")
        await hand.shown(ConfirmDialog)
        hand.app.clear_notifications()
        at_once(hand.pilot, "ctrl+s", "escape", "escape")
        await hand.pilot.pause()
        gate.set()
        await until(hand.pilot, lambda: any(note.title == "Exported" for note in hand.app._notifications))


async def test_esc_right_after_the_confirmation_stops_the_apply(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with document_screen(sandbox_process, monkeypatch, tmp_path) as hand:
        hand.edit(lambda document: document["tools"]["show-contact"].update(name="Card"))
        await hand.compare()
        await hand.pilot.press("a")
        await hand.shown(ConfirmDialog)
        read = hand.app.connection.client.get

        async def never_ends(*arguments: Any, **options: Any) -> Any:
            with parked():
                await asyncio.Event().wait()

        monkeypatch.setattr(hand.app.connection.client, "get", never_ends)
        at_once(hand.pilot, "ctrl+s", "escape", "escape")
        await hand.applied()
        assert "1 step of 1 not done" in hand.text
        monkeypatch.setattr(hand.app.connection.client, "get", read)
        await hand.pilot.press("a")
        await until(hand.pilot, lambda: "✓ Applied: 1 step done" in hand.text)
