"""`import --update`: bring what was imported up to date with a newer version of the document."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Protocol

from drio_tui.cli.common import command_hint, effective_options
from drio_tui.cli.find import OpenedApp, find_resource, saver_of
from drio_tui.cli.output import info
from drio_tui.cli.plan import CHANGES
from drio_tui.cli.read import find_app
from drio_tui.cli.review import app_name, carry_out
from drio_tui.kinds import INTEGRATION, TOOL
from drio_tui.session import command_session
from drio_tui.text import count_of, one_line
from drio_tui.workspace.model.search import reference_name

if TYPE_CHECKING:
    from drio_tui.openapi_import.document import Document
    from drio_tui.openapi_import.errors import DocumentProblem
    from drio_tui.openapi_import.planning import NewConnection, Plan
    from drio_tui.openapi_import.updating import Comparison
    from drio_tui.session import Session
    from drio_tui.workspace.model.snapshot import Snapshot

_MOST_NAMED = 10


class ImportCommand(Protocol):
    """The `import` command, as far as an update needs it. `app` is the id, slug or name as given."""

    app: str

    def connection_of(self, snapshot: Snapshot, connection: dict[str, Any]) -> str | NewConnection: ...

    def print_problems(self, problems: tuple[DocumentProblem, ...]) -> None: ...

    async def warn_of_missing_steps(
        self, session: Session, document: Document, snapshot: Snapshot, plan: Plan
    ) -> None: ...


async def update_app(
    command: ImportCommand,
    document: Document,
    chosen: list[str] | None,
    connection: dict[str, Any],
    options: dict[str, Any],
) -> None:
    """Show what the document changes in the app, ask, and change it; `chosen` is None for all that the app has.

    `connection` is the body of an auth connection to create, or empty. Raises `DrioError`, and `SystemExit` for
    --detailed-exitcode.
    """
    from drio_tui.openapi_import.updating import compare_with_app, plan_update
    from drio_tui.workspace.model.loader import read_app
    from drio_tui.workspace.model.schema_history import SchemaHistory, schemas_in

    where = effective_options(options["profile"], options["base_url"], options["sandbox"])
    async with command_session(**where, notice=info) as session:
        # All of it: nothing may be changed by a partial view of an app.
        snapshot = await read_app(session.client, await find_app(session.client, command.app))
        opened = OpenedApp(session, snapshot, saver_of(session))
        history = SchemaHistory(session.server_id, opened.id)
        comparison = await compare_with_app(
            document, snapshot, base_url=options["server"] or "",
            integration=find_resource(snapshot, INTEGRATION, options["into"]).id if options["into"] else "",
            overwrite=options["on_conflict"] == "document", earlier=history.of,
        )  # fmt: skip
        selected = chosen if chosen is not None else comparison.ids("same", "changed")
        plan = await plan_update(
            comparison, selected, prune=comparison.prunable if options["prune"] else (),
            tools=not options["no_tools"], complete=chosen is not None,
            auth=command.connection_of(snapshot, connection),
        )  # fmt: skip
        checked = () if options["no_check"] else (await document.check(selected)).problems
        notes = [*plan.notes, *_advice(comparison, snapshot, chosen, options)]
        if options["yes"] and plan.steps and not options["as_json"] and not options["dry_run"]:
            for note in notes:
                info(one_line(note, 400))
        command.print_problems((*plan.problems, *checked))
        more = {
            "operations": [
                {"operation": item.id, "state": item.state, "tools": [*item.tool_names], "notes": [*item.notes()]}
                for item in comparison.operations
            ],
            "problems": [problem.as_dict() for problem in (*plan.problems, *checked)],
        }
        if plan.steps and not options["dry_run"]:
            with contextlib.suppress(OSError):  # if it ends early, the next update knows what tools are bound to
                await asyncio.to_thread(history.remember, schemas_in(snapshot))
        await carry_out(
            opened, plan.steps, dry_run=options["dry_run"], yes=options["yes"], as_json=options["as_json"],
            notes=notes, shown=plan.shown, markdown=options["markdown"], more=more,
        )  # fmt: skip
        if plan.added is not None:
            await command.warn_of_missing_steps(session, document, snapshot, plan.added)
    if options["detailed_exitcode"] and plan.steps:
        raise SystemExit(CHANGES)


def _advice(comparison: Comparison, snapshot: Snapshot, chosen: list[str] | None, options: dict[str, Any]) -> list[str]:
    """Return what the options of the command could do besides."""
    advice: list[str] = []
    new = [item.id for item in comparison.operations if item.state == "new" and not item.obstacle]
    if new and chosen is None:
        named = ", ".join(new[:_MOST_NAMED]) + (", …" if len(new) > _MOST_NAMED else "")
        verb = "is" if len(new) == 1 else "are"
        advice.append(
            f"{count_of(len(new), 'operation')} of the document {verb} not in the app: {named}. "
            "--operation, --tag or --all adds them."
        )
    if comparison.prunable and not options["prune"]:
        advice.append("--prune deletes what was imported and is not in the document any more, with its tools.")
    if any(item.kept for item in comparison.operations):
        advice.append("--on-conflict document takes the document's values instead of those that are kept.")
    if unbound := {id for item in comparison.operations for id in item.unbound}:
        names = [reference_name(tool) for tool in snapshot.resources(TOOL.name) if tool.id in unbound]
        rebind = command_hint("rebind", app_name(snapshot), *names)
        advice.append(f"`{rebind}` binds {'it' if len(names) == 1 else 'them'} all the same.")
    return advice
