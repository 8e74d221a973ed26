"""The tests of a tool in the program: made of a run, run, edited, written into the document, deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from drio_tui.evaluation.local_tests import keep_local, local_section
from drio_tui.manifest.known_documents import KnownDocument, remember
from drio_tui.ui.dialogs.confirm_dialog import ConfirmDialog
from drio_tui.ui.playground.tool_test_screen import ToolTestScreen
from drio_tui.ui.playground.tool_tests_screen import ToolTestsScreen
from drio_tui.workspace.run.run_history import RunHistory
from tests.sandbox_fixtures import SandboxProcess
from tests.ui.driving import running, text_of, until
from tests.ui.playground.test_playground_screen import answered, desk, playground

__all__ = ["desk"]


async def test_a_run_becomes_a_test_that_is_run_edited_moved_and_deleted(
    sandbox_process: SandboxProcess, desk: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token, size=(100, 40)) as pilot:
        program: Any = pilot.app
        screen = await playground(pilot, desk["app"], desk["search-contacts"])
        await pilot.press(*"north", "ctrl+r")
        await answered(pilot, screen)
        await pilot.press("A")
        await until(pilot, lambda: isinstance(program.screen, ToolTestScreen))
        form = program.screen.form
        assert form.model.value()["arguments"] == {"q": "north", "limit": 20}
        assert "rows" in form.model.value()["expect"]["slots"]
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(program.screen, ToolTestsScreen) and program.screen.kept.local)
        tests = program.screen
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "1 passed" in text_of(program))

        await pilot.press("enter")
        await until(pilot, lambda: isinstance(program.screen, ToolTestScreen))
        value = program.screen.form.model.value()
        value["expect"]["values"] = [{"path": "$.results[0].name", "equals": "Nobody\x1b[31m"}]
        program.screen.form.model.assign(value)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: program.screen is tests and tests.kept.local[0]["expect"] == value["expect"])
        assert "passed" not in text_of(program)
        await pilot.press("t")
        await until(pilot, lambda: "1 failed" in text_of(program))
        shown = text_of(program)
        assert "$.results[0].name" in shown
        assert "Nobody" in shown
        assert "\x1b[31m" not in shown
        assert (
            tests.disabled_reason("move", ()) == "No document of the app is known: M on the app opens or exports one."
        )

        tmp_path.joinpath("drio.yaml").write_text("app: {slug: desk} # by hand\n", encoding="utf-8")
        server = program.connection.server
        remember(KnownDocument(server, desk["app"], str(tmp_path)))
        await pilot.press("r")
        await until(pilot, lambda: tests.kept.path is not None)
        await pilot.press("M")
        await until(pilot, lambda: tests.kept.document and not tests.kept.local)
        text = tmp_path.joinpath("drio.yaml").read_text(encoding="utf-8")
        assert "# by hand" in text
        assert yaml.safe_load(text)["tests"]["search-contacts"][0]["expect"] == value["expect"]
        assert local_section(RunHistory(server, desk["app"])) == {}

        await pilot.press("a")
        await until(pilot, lambda: isinstance(program.screen, ToolTestScreen))
        assert program.screen.unsaved_input() == ""
        await pilot.press(*"all", "ctrl+s")
        await until(pilot, lambda: isinstance(program.screen, ConfirmDialog))
        assert "Write the test into the document?" in text_of(program)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: len(tests.kept.document) == 2 and program.screen is tests)

        file = tmp_path.joinpath("drio.yaml")
        file.write_text(file.read_text(encoding="utf-8").replace("Nobody", "Somebody else"), encoding="utf-8")
        tests._poller.check()
        await until(pilot, lambda: "Somebody else" in text_of(program))
        await pilot.press("e")
        await until(pilot, lambda: isinstance(program.screen, ToolTestScreen))
        file.write_text(file.read_text(encoding="utf-8").replace("Somebody", "Anybody"), encoding="utf-8")
        assert tests._poller.is_paused
        await pilot.press("escape")
        await until(pilot, lambda: program.screen is tests)
        tests._poller.check()
        await until(pilot, lambda: "Anybody else" in text_of(program))

        await pilot.press("f6", "f6", "ctrl+r")
        await until(pilot, lambda: "not deployed" in text_of(program))
        await pilot.press("D")
        await until(pilot, lambda: isinstance(program.screen, ConfirmDialog))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: len(tests.kept.document) == 1 and program.screen is tests)


async def test_read_only_runs_no_test_of_a_tool_that_changes_something(
    sandbox_process: SandboxProcess, desk: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(sandbox_process.base_url, monkeypatch, token=sandbox_process.token, read_only=True) as pilot:
        program: Any = pilot.app
        program.navigator.open_tests(desk["app"], desk["open-ticket"])
        await until(pilot, lambda: isinstance(program.screen, ToolTestsScreen) and program.screen.bound is not None)
        assert program.screen.check_action("run_all", ()) is False
        assert "There are no tests yet" in text_of(program)
        assert "--read-only" not in text_of(program)
        keep_local(RunHistory(program.connection.server, desk["app"]), "open-ticket", [{"name": "opens one"}])
        await pilot.press("r")
        await until(pilot, lambda: "--read-only runs no tests of this tool." in text_of(program))
