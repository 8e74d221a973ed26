"""The behaviour of every dialog: the first focus, ← and →, Ctrl+S and Esc."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, TextArea

from drio_tui.kinds import TOOL
from drio_tui.plan.executor import Executor
from drio_tui.plan.steps import Step
from drio_tui.schema.fields import MISSING
from drio_tui.ui.app.help_dialog import HelpDialog
from drio_tui.ui.dialogs.confirm_dialog import ConfirmDialog
from drio_tui.ui.dialogs.dialog import ButtonRow, Dialog
from drio_tui.ui.dialogs.select_dialog import Choice, SelectDialog
from drio_tui.ui.editing.batch_dialog import BatchDialog
from drio_tui.ui.editing.conflict_dialog import ConflictDialog
from drio_tui.ui.editing.editors.sample import SampleDialog
from drio_tui.ui.editing.recovery_dialog import RecoveryDialog
from drio_tui.ui.editing.review_dialog import ReviewDialog, value_text
from drio_tui.ui.manifest.document_dialogs import SecretsDialog
from drio_tui.workspace.saving.merge import FieldChange, FieldConflict
from tests.ui.driving import open_first_app, running, text_of, until
from tests.ui.table_server import TableServer, drio_of, serving
from tests.workspace.small_app import small_config, snapshot_of

CHANGE = FieldChange(("name",), "Old", "New")


def _batch(*, danger: bool, name: str | None = None) -> BatchDialog:
    steps = [Step("1", "delete", "tool", "one"), Step("2", "delete", "tool", "two")]
    return BatchDialog(
        "Do it?", "", steps, lambda saver: Executor(saver, "", []), agree="Do it", danger=danger, name=name
    )


DIALOGS: dict[str, tuple[Callable[[], Dialog[Any]], str]] = {
    # name: (factory, selector of the widget focused first)
    "confirm": (lambda: ConfirmDialog("Send it?", agree="Send", danger=False), "#yes"),
    "confirm-danger": (lambda: ConfirmDialog("Leave it?", agree="Leave"), "#no"),
    "confirm-name": (lambda: ConfirmDialog("Deploy?", agree="Deploy", name="acme"), "#typed"),
    "batch": (lambda: _batch(danger=False), "#go"),
    "batch-danger": (lambda: _batch(danger=True), "#cancel"),
    "batch-name": (lambda: _batch(danger=True, name="acme"), "#typed"),
    "review": (lambda: ReviewDialog("Tool", TOOL, [CHANGE], ()), "#write"),
    "conflict": (
        lambda: ConflictDialog("Tool", [FieldConflict(("name",), "a", "b", "c", "both changed it", MISSING)]),
        "RowList",
    ),
    "recovery": (lambda: RecoveryDialog([]), "RowList"),
}


async def opened(pilot: Pilot[Any], name: str) -> tuple[Dialog[Any], list[Any]]:
    """Open a dialog; return it and the list that gets its result."""
    dialog, results = DIALOGS[name][0](), []
    pilot.app.push_screen(dialog, results.append)
    await until(pilot, lambda: pilot.app.screen is dialog and dialog.is_mounted)
    return dialog, results


@pytest.fixture(params=["drio", "drio-light", "ansi-dark"])
def theme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_every_dialog_has_the_same_focus_and_button_order(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        for name, (_, first) in DIALOGS.items():
            dialog, _results = await opened(pilot, name)
            assert dialog.focused is dialog.query_one(first), name
            row = dialog.buttons
            assert row is not None, name
            buttons = row.pressable
            assert row.query(Button)[0].id in ("no", "back", "cancel", "later", "close"), (
                f"{name}: the left button leaves the dialog"
            )
            row.pressable[0].focus()
            await pilot.pause()
            for _ in range(len(buttons) + 2):
                await pilot.press("right")
            assert dialog.focused is buttons[-1], f"{name}: → stops at the last button"
            for _ in range(len(buttons) + 2):
                await pilot.press("left")
            assert dialog.focused is buttons[0], f"{name}: ← stops at the first button"
            await pilot.press("escape")
            await until(pilot, lambda closed=dialog: pilot.app.screen is not closed)


async def test_help_and_quitting_work_in_dialogs_and_what_is_typed_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app: Any = pilot.app

        async def press(key: str, shown: type[Any]) -> None:
            await pilot.press(key)
            await until(pilot, lambda: isinstance(app.screen, shown))

        await opened(pilot, "recovery")
        await press("question_mark", HelpDialog)
        text = text_of(app)
        assert "Keep them for the next start" in text
        assert "Press the right-most button" in text
        assert "Every key of this dialog" in text
        assert "Browse the templates" not in text  # 1 does nothing here
        await press("escape", RecoveryDialog)
        app.push_screen(SelectDialog("Which?", [Choice(1, "one")]))
        await until(pilot, lambda: isinstance(app.screen, SelectDialog) and app.screen.focused is not None)
        await press("f1", HelpDialog)
        assert "Every key of this dialog" in text_of(app)
        assert "Press the right-most button" not in text_of(app)  # it has no buttons
        await press("escape", SelectDialog)
        await press("escape", RecoveryDialog)
        dialog = SampleDialog("{}")
        app.push_screen(dialog)
        await until(pilot, lambda: app.screen is dialog and dialog.focused is not None)
        await pilot.press("question_mark")  # typed, since the focus is in a text
        await press("f1", HelpDialog)
        await press("f1", SampleDialog)
        await press("ctrl+q", ConfirmDialog)
        assert "You would lose the pasted sample." in text_of(app)
        await pilot.press("ctrl+q")
        await pilot.pause()
        await press("escape", SampleDialog)
        assert dialog.query_one(TextArea).text == "?{}"
        await press("escape", ConfirmDialog)
        assert "You would lose the pasted sample." in text_of(app)
        await press("escape", SampleDialog)
        assert dialog.query_one(TextArea).text == "?{}"
        await press("escape", ConfirmDialog)
        app.screen.query_one("#yes").press()
        await until(pilot, lambda: isinstance(app.screen, RecoveryDialog))
        app.push_screen(dialog := SampleDialog("{}"))
        await until(pilot, lambda: app.screen is dialog and dialog.focused is not None)
        await press("escape", RecoveryDialog)  # nothing was typed
        await pilot.press("ctrl+q")
        await until(pilot, lambda: app._exit)


async def test_a_dialog_left_twice_leaves_the_screen_below_open(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        app: Any = pilot.app
        await open_first_app(pilot)
        below, dialog = app.screen, SecretsDialog(["TOKEN"])
        app.push_screen(dialog)
        await until(pilot, lambda: app.screen is dialog and dialog.is_mounted)
        for _ in range(2):
            dialog.query_one("#cancel", Button).press()
        await until(pilot, lambda: app.screen is not dialog)
        assert app.screen is below


@pytest.mark.parametrize(("name", "result"), [("confirm", True), ("confirm-danger", True), ("review", True)])
async def test_ctrl_s_confirms(name: str, result: object, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        dialog, results = await opened(pilot, name)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: pilot.app.screen is not dialog)
        assert results == [result]


@pytest.mark.parametrize("name", ["confirm-name", "batch-name"])
async def test_ctrl_s_does_not_confirm_before_the_name_is_typed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        dialog, results = await opened(pilot, name)
        await pilot.press(*"acm", "ctrl+s")
        await pilot.pause()
        assert not results
        assert pilot.app.screen is dialog
        assert dialog.buttons is not None
        await pilot.press("e")
        await until(pilot, lambda: not dialog.buttons.action.disabled)


async def test_the_focused_button_differs_in_background_and_border(theme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is filled and the others are outlined, so that it is visible beside coloured buttons and without colour."""
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch, theme=theme) as pilot:
        dialog, _ = await opened(pilot, "recovery")
        row = dialog.query_one(ButtonRow)
        for focused in row.pressable:
            focused.focus()
            await pilot.pause()
            backgrounds = {button.id: button.styles.background for button in row.pressable}
            borders = {button.id: button.styles.border_top[0] for button in row.pressable}
            for other in row.pressable:
                if other is not focused:
                    assert backgrounds[other.id] != backgrounds[focused.id]
                    assert borders[other.id] != borders[focused.id]


def test_key_ids_of_earlier_versions_are_still_accepted() -> None:
    from drio_tui.ui.base import keymap

    assert keymap.with_current_ids({"confirm.left": "h", "apps.new": "n"}) == {"buttons.left": "h", "apps.new": "n"}
    assert keymap.with_current_ids({"buttons.left": "b", "confirm.left": "h"}) == {"buttons.left": "b"}
    both = {"batch.left": "left,h", "confirm.left": "left, b"}
    assert keymap.with_current_ids(both) == {"buttons.left": "left,h,b"}
    assert keymap.with_current_ids({"try.run": "f5"}) == {"playground.run": "f5"}
    assert keymap.problems(keymap.with_current_ids({"batch.right": "l"})) == []


async def test_reviews_and_conflicts_show_names_beside_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = snapshot_of(small_config())
    tool, operation = (next(iter(snapshot.resources(kind))) for kind in ("tool", "operation"))
    change = FieldChange(("nextToolIds",), [], [tool.id, "tool_unknown"])
    field_conflict = FieldConflict(
        ("binding", "integrationOperationId"), None, operation.id, None, "both changed it", MISSING
    )
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        review = ReviewDialog("Tool", TOOL, [change], (), name_of=snapshot.name_of)
        conflict = ConflictDialog("Tool", [field_conflict], snapshot.name_of)
        for dialog, names in (
            (review, (f"{tool.name} ({tool.id})", "tool_unknown")),
            (conflict, (f"{operation.name} ({operation.id})",)),
        ):
            pilot.app.push_screen(dialog)
            await until(pilot, lambda current=dialog: pilot.app.screen is current and current.is_mounted)
            for name in names:
                assert name in text_of(pilot.app)
            await pilot.press("escape")
            await until(pilot, lambda closed=dialog: pilot.app.screen is not closed)


@pytest.mark.parametrize(
    ("remote", "local", "why"),
    [
        ("a", "b", "a text is a single value, and only a list can hold what both added"),
        ("a", MISSING, "one side removed it"),
        ({"a": 1}, None, "one side removed it"),
        ([1], {"a": 1}, "theirs is a list, yours is an object"),
        (["a"], ["b"], "both changed the same entries of the list"),
    ],
)
async def test_a_conflict_shows_why_both_sides_cannot_be_merged(
    monkeypatch: pytest.MonkeyPatch, remote: Any, local: Any, why: str
) -> None:
    async with serving(TableServer(drio_of())) as server, running(server.base_url, monkeypatch) as pilot:
        dialog = ConflictDialog("Tool", [FieldConflict(("name",), "base", remote, local, "both changed it", MISSING)])
        pilot.app.push_screen(dialog)
        await until(pilot, lambda: pilot.app.screen is dialog and dialog.is_mounted)
        assert f"not possible: {why}" in text_of(pilot.app)
        await pilot.press("b")
        await until(pilot, lambda: [note.message for note in pilot.app._notifications])
        assert f"Not possible: {why}. Take theirs or yours." in [note.message for note in pilot.app._notifications]
        assert dialog.choices == {}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Search Tickets", "Search Tickets"),
        ("Search Tickets ", '"Search Tickets "'),
        ("", '""'),
        (None, "—"),
        (30, "30"),
        ("30", '"30"'),
        ("é ", '"é "'),
    ],
)
def test_reviews_show_values_that_differ_differently(value: Any, shown: str) -> None:
    assert value_text(("name",), value) == shown


def test_reviews_hide_secrets_at_any_depth() -> None:
    config = {"auth": [{"clientSecret": "s3cr3t", "scope": "read"}], "x": [{"name": "X-Api-Key", "value": "s3cr3t"}]}
    text = value_text(("config",), config)
    assert "s3cr3t" not in text
    assert "read" in text
    assert "s3cr3t" not in value_text(("config", "password"), "s3cr3t")
    assert "s3cr3t" not in value_text(("baseUrl",), "https://me:s3cr3t@example.com")
