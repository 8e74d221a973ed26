"""Editing the whole object in the user's editor."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from drio_tui.ui.forms import external_editor
from drio_tui.ui.forms.external_editor import NoEditor, edit_in_external_editor
from tests.schema.editing import form, type_into
from tests.ui.forms.stage import staged


class Suspendable:
    """The part of the app that `edit_in_external_editor` uses: `suspend`, which is not supported in a test."""

    @contextmanager
    def suspend(self) -> Any:
        yield


def editor(folder: Path, code: str) -> str:
    script = folder / "an editor.py"
    script.write_text(f"import sys, os, stat, pathlib\npath = pathlib.Path(sys.argv[-1])\n{code}\n")
    return f"{sys.executable} '{script}'"


def test_the_editor_gets_a_private_file_that_is_deleted_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen"
    code = (
        f"pathlib.Path({str(seen)!r}).write_text(f'{{path}} {{stat.S_IMODE(path.stat().st_mode):o}} "
        f"{{stat.S_IMODE(path.parent.stat().st_mode):o}}')\npath.write_text('changed')"
    )
    monkeypatch.setenv("EDITOR", editor(tmp_path, code))
    app: Any = Suspendable()
    assert edit_in_external_editor(app, "before") == "changed"
    name, mode, folder = seen.read_text().split()
    assert (mode, folder) == ("600", "700")
    assert not Path(name).parent.exists()


def test_an_editor_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", editor(tmp_path, "path.write_text('x'); sys.exit(1)"))
    app: Any = Suspendable()
    assert edit_in_external_editor(app, "before") is None


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("", "There is no vi and no nano. Set \\$VISUAL or \\$EDITOR"),
        ("no-such-editor-anywhere", "\\$EDITOR names no-such-editor-anywhere, which is not found"),
        ("'unclosed", "\\$EDITOR has a quote that is not closed"),
    ],
)
def test_a_missing_editor_is_reported(
    command: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", command)
    monkeypatch.setenv("PATH", str(tmp_path))
    app: Any = Suspendable()
    with pytest.raises(NoEditor, match=message):
        edit_in_external_editor(app, "before")


def test_without_the_variables_vi_is_used_or_else_nano(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    app: Any = Suspendable()
    for name in ("nano", "vi"):
        command = tmp_path / name
        command.write_text(f"#!/bin/sh\necho {name} > $1\n")
        command.chmod(0o700)
        assert edit_in_external_editor(app, "before") == name


async def test_the_edited_text_is_applied_and_secrets_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    schema = {"properties": {"name": {"type": "string"}, "token": {"type": "string", "writeOnly": True}}}
    async with staged(form(schema, {"name": "n"})) as hand:
        type_into(hand.model, "token", "s3cret")
        sent: list[str] = []

        def edited(app: Any, text: str) -> str:
            sent.append(text)
            return '{"name": "m", "later": 1}'

        monkeypatch.setattr(external_editor, "edit_in_external_editor", edited)
        hand.form.action_outside()
        await hand.settle()
        assert "s3cret" not in sent[0]
        assert hand.model.to_patch() == {"name": "m", "later": 1, "token": "s3cret"}


async def test_invalid_json_from_the_editor_is_kept_on_the_json_tab(monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(form({"properties": {"name": {"type": "string"}}}, {"name": "n"})) as hand:
        monkeypatch.setattr(external_editor, "edit_in_external_editor", lambda app, text: "{oops")
        hand.form.action_outside()
        await hand.settle()
        assert "{oops" in hand.screen
        assert "not taken over" in hand.screen
        assert hand.model.to_patch() == {}


async def test_a_terminal_that_cannot_be_suspended_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", editor(tmp_path, ""))
    async with staged(form({"properties": {"name": {"type": "string"}}}, {})) as hand:
        hand.form.action_outside()
        await hand.until(lambda: any("cannot be lent" in notice.message for notice in hand.app._notifications))
