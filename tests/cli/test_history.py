"""`history` and `undo`: the journal of this machine, and taking changes back."""

from __future__ import annotations

from tests.cli.conftest import AppOnSandbox, Runner


def test_nothing_changed_is_nothing_to_undo(on_sandbox: Runner, app: AppOnSandbox) -> None:
    assert on_sandbox("history", app.slug).out == ""
    assert on_sandbox("history", app.slug, "--json").json == {"app": app.id, "changes": []}
    assert on_sandbox("undo", app.slug, "--list", "--json").json == {"app": app.id, "groups": []}
    assert on_sandbox("undo", app.slug, "--yes").code == 1
    assert on_sandbox("undo", app.slug, "--id", "00", "--yes").code == 1
