"""`history` and `undo`: the changes that this program made to an app, and taking them back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from drio_tui.api.errors import DrioError, NotFound, UsageError
from drio_tui.cli.common import (
    ask_before,
    command_hint,
    completer,
    connection_options,
    handle_errors,
    refuse_read_only,
    review_options,
    run,
)
from drio_tui.cli.find import connection_of, saver_of
from drio_tui.cli.output import echo, echo_json, info, style, warn
from drio_tui.cli.read import find_app
from drio_tui.cli.render import iso_time, table
from drio_tui.session import command_session
from drio_tui.text import count_of, one_line
from drio_tui.workspace.saving.history import Entry, History, entry_text
from drio_tui.workspace.saving.journal import Journal

if TYPE_CHECKING:
    from drio_tui.plan.undo import UndoStep

_ID_LENGTH = 8
"""Characters of an id that are shown; `--id` takes any prefix that only one change has."""


class NotUndone(DrioError):
    """A change could not be undone."""

    title = "Not everything was undone"

    def __init__(self, message: str, app: str) -> None:
        listed = command_hint("history", app)
        super().__init__(message, hint=f"`{listed}` shows what can be undone, and `--id ID` undoes another change.")


@click.command()
@click.argument("app", metavar="APP", shell_complete=completer("apps"))
@click.option(
    "--limit", type=click.IntRange(min=0), default=50, show_default=True, metavar="N", help="How many; 0 for all."
)
@connection_options
@handle_errors
def history(app: str, limit: int, as_json: bool, **options: Any) -> None:
    """List the changes that were made to APP with drio-tui by this profile, on this machine, newest first."""

    async def work() -> tuple[str, History]:
        async with command_session(**connection_of(options), notice=info) as session:
            app_id = await find_app(session.client, app)
            return app_id, await _read_journal(saver_of(session).journal(app_id))

    app_id, journal = run(work())
    entries = journal.entries[::-1][: limit or None]
    if as_json:
        echo_json({"app": app_id, "changes": [_as_dict(journal, entry) for entry in entries]})
    elif not entries:
        info("Nothing was changed with this program yet.")
    else:
        rows = (
            [iso_time(entry.at) or "?", one_line(entry_text(entry), 120), _state(journal, entry), entry.id[:_ID_LENGTH]]
            for entry in entries
        )
        for line in table(("when", "what", "state", "id"), rows):
            echo(*line)


@click.command()
@click.argument("app", metavar="APP", shell_complete=completer("apps"))
@click.option("--list", "list_only", is_flag=True, help="List what can be undone, newest first.")
@click.option(
    "--id", "id_prefix", metavar="ID", help="Undo this change of `history` with what was done together with it."
)
@review_options
@connection_options
@handle_errors
def undo(
    app: str, list_only: bool, id_prefix: str | None, dry_run: bool, yes: bool, as_json: bool, **options: Any
) -> None:
    """Take back the last change to APP, with all that was done together with it.

    What others changed since is kept; where they changed the same, nothing is undone. An undo can be undone too.
    """
    from drio_tui.plan.undo import undo as undo_group

    if not (list_only or dry_run):
        listed = command_hint("undo", app, "--list")
        refuse_read_only(f"--read-only undoes nothing; `{listed}` shows what could be undone")

    async def work() -> None:
        async with command_session(**connection_of(options), notice=info) as session:
            app_id = await find_app(session.client, app)
            saver = saver_of(session)
            journal = await _read_journal(saver.journal(app_id))
            if list_only:
                _print_groups(app_id, journal, as_json=as_json)
                return
            group = _group_to_undo(journal, id_prefix, app)
            if not dry_run:
                for line in _group_lines(journal, group) if not yes else ():
                    warn(line)
                ask_before(f"Undo {count_of(len(group), 'change')}?", yes=yes)
                _print_steps(app_id, await undo_group(saver, app_id, group[-1]), as_json=as_json)
            elif as_json:
                echo_json({"app": app_id, "changes": [_as_dict(journal, entry) for entry in group]})
            else:
                for line in _group_lines(journal, group):
                    echo(line)

    run(work())


async def _read_journal(journal: Journal | None) -> History:
    if journal is None:
        return History()
    result = await asyncio.to_thread(journal.read)
    for notice in journal.notices:
        info(notice)
    return result


def _group_to_undo(journal: History, id_prefix: str | None, app: str) -> list[Entry]:
    """Return the changes to undo, oldest first. Raises `DrioError`."""
    if id_prefix is None:
        for group in journal.open():
            if any(_may_be_undoable(journal, entry) for entry in group):
                return group
        raise NotFound(
            "no change of this profile on this machine can be undone", title="There is nothing to undo", hint=""
        )
    matches = [entry for entry in journal.entries if entry.id.startswith(id_prefix.lower())] if id_prefix else []
    if not matches:
        hint = f"`{command_hint('history', app)}` lists the ids."
        raise NotFound(f"no change has the id {one_line(id_prefix, 40)}", hint=hint)
    if len(matches) > 1:
        raise UsageError(f"{len(matches)} changes have an id that begins with {one_line(id_prefix, 40)}")
    group = journal.group(matches[0])
    reasons = [_why_not_undoable(journal, entry) for entry in group]
    if not any(_may_be_undoable(journal, entry) for entry in group):
        raise NotUndone(next((reason for reason in reasons if reason), "It changed nothing"), app)
    return group


def _may_be_undoable(journal: History, entry: Entry) -> bool:
    """Return whether a change can be undone, or is to be reconciled before that is known."""
    return _why_not_undoable(journal, entry) is None or (
        entry.state == "unknown" and entry.what in ("create", "delete") and not journal.is_undone(entry)
    )


def _why_not_undoable(journal: History, entry: Entry) -> str | None:
    from drio_tui.plan.undo import why_not_undoable

    return why_not_undoable(journal, entry, with_group=True)


def _group_lines(journal: History, group: Sequence[Entry]) -> list[str]:
    """Return what undoing a group would do, newest change first, with what it would not restore."""
    from drio_tui.plan.undo import undo_notes

    lines = []
    for entry in reversed(group):
        reason = None if _may_be_undoable(journal, entry) else _why_not_undoable(journal, entry)
        lines.append(f"{'stays' if reason else 'undo'}: {one_line(entry_text(entry), 200)}")
        lines += [f"  {one_line(note, 200)}." for note in ((reason,) if reason else undo_notes(entry))]
    return lines


def _print_groups(app_id: str, journal: History, *, as_json: bool) -> None:
    groups = [group for group in journal.open() if any(_may_be_undoable(journal, entry) for entry in group)]
    if as_json:
        echo_json({"app": app_id, "groups": [[_as_dict(journal, entry) for entry in group] for group in groups]})
    elif not groups:
        info("There is nothing to undo.")
    else:
        rows = (
            [
                iso_time(group[-1].at) or "?",
                str(len(group)),
                one_line(_group_text(group), 120),
                group[-1].id[:_ID_LENGTH],
            ]
            for group in groups
        )
        for line in table(("when", "changes", "what", "id"), rows):
            echo(*line)


def _group_text(group: Sequence[Entry]) -> str:
    return entry_text(group[0]) + (f" and {len(group) - 1} more" if len(group) > 1 else "")


def _print_steps(app_id: str, steps: Sequence[UndoStep], *, as_json: bool) -> None:
    """Print the results. Raises `NotUndone` if a change that was attempted was not undone."""
    attempted = [step for step in steps if step.outcome is not None]
    if as_json:
        results = [
            {"id": step.entry.id, "kind": step.entry.kind, "name": step.entry.name, "undone": step.ok}
            | {"problem": step.problem, "notes": list(step.notes)}
            for step in steps
        ]
        echo_json({"app": app_id, "results": results})
    else:
        for step in steps:
            mark = style("✓", fg="green") if step.ok else style("✗", fg="red")
            echo(mark, f" {'undone' if step.ok else 'not undone'}: {one_line(entry_text(step.entry), 200)}")
            if step.problem:
                warn(f"  {one_line(step.problem, 300)}")
            for note in step.notes:
                info(f"  {one_line(note, 300)}")
    failed = [step for step in attempted if not step.ok]
    if failed or not attempted:
        problem = next((step.problem for step in failed or steps if step.problem), "there was nothing left to undo")
        raise NotUndone(one_line(problem, 300), app_id)


def _state(journal: History, entry: Entry) -> str:
    """Return the state of a change: done, undone, failed or unknown."""
    if journal.is_undone(entry):
        return "undone"
    return "unknown" if entry.state == "unresolved" else entry.state


def _as_dict(journal: History, entry: Entry) -> dict[str, Any]:
    """Return a change for `--json`. The journal contains no secrets."""
    why_not = _why_not_undoable(journal, entry)
    return {
        "id": entry.id,
        "at": iso_time(entry.at),
        "group": entry.group,
        "change": entry.what,
        "kind": entry.kind,
        "resource": journal.current(entry.resource) or None,
        "name": entry.name,
        "before": entry.before,
        "after": entry.after,
        "lost": list(entry.lost),
        "undoes": entry.undoes or None,
        "state": _state(journal, entry),
        "undoable": why_not is None,
        "whyNot": why_not,
    }
