"""`replace`, `rename`, `move`: changing many resources of an app alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from drio_tui.api.errors import UsageError
from drio_tui.cli.common import completer, connection_options, handle_errors, refuse_changes, review_options, run
from drio_tui.cli.find import OpenedApp, find_resource, find_resources, opened_app
from drio_tui.cli.read import find_kind
from drio_tui.kinds import APP, INTEGRATION, OPERATION
from drio_tui.plan.replacing import PROPERTIES
from drio_tui.text import count_of, first_names, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from drio_tui.plan.bulk import BulkPlan
    from drio_tui.workspace.model.snapshot import Resource

_MOST_PROBLEMS = 3


@click.command()
@click.argument("app", metavar="APP", shell_complete=completer("apps"))
@click.argument("find", metavar="FIND")
@click.argument("replacement", metavar="REPLACEMENT")
@click.option(
    "--kind",
    "kinds",
    metavar="KIND",
    multiple=True,
    shell_complete=completer("kinds"),
    help="Only in resources of this kind; may be given several times.",
)
@click.option(
    "--in",
    "names",
    metavar="NAME",
    multiple=True,
    help="With one --kind: only in these resources; a key, name, id or glob pattern.",
)
@click.option(
    "--property",
    "properties",
    type=click.Choice(PROPERTIES),
    multiple=True,
    help="Only in this property; of annotations it is the title, of actions and config what users read.",
)
@click.option("--regex", is_flag=True, help=r"FIND is a regular expression; \1 in REPLACEMENT is its first group.")
@click.option("--ignore-case", "-i", is_flag=True, help="Find upper and lower case alike.")
@click.option("--word", "-w", is_flag=True, help="Find whole words only.")
@review_options
@connection_options
@handle_errors
def replace(
    app: str, find: str, replacement: str, kinds: tuple[str, ...], names: tuple[str, ...], properties: tuple[str, ...],
    regex: bool, ignore_case: bool, word: bool, dry_run: bool, yes: bool, as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Replace text in the names, descriptions and instructions of APP and its resources, and in its widgets' texts.

    What templates look up, such as {{ row.id }}, arguments and paths into results stay as they are.
    """
    from drio_tui.plan.replacing import Replacement, replace_text

    refuse_changes(dry_run=dry_run)
    wanted_kinds = [find_kind(kind) for kind in kinds]
    if names and len(wanted_kinds) != 1:
        raise UsageError("--in needs one --kind", hint="Such as --kind tool --in 'search-*'.")
    what = Replacement(find, replacement, regex, ignore_case, word)

    async def work() -> None:
        async with opened_app(app, options) as opened:
            if names:
                resources = find_resources(opened.snapshot, wanted_kinds[0], names)
            else:
                kind_names = {kind.name for kind in wanted_kinds}
                resources = [one for one in opened.snapshot if not kind_names or one.kind in kind_names]

            def make(resources: list[Resource]) -> BulkPlan:
                return replace_text(resources, what, properties or PROPERTIES)

            await _carry_out(opened, make, resources, dry_run=dry_run, yes=yes, as_json=as_json)

    run(work())


@click.command()
@click.argument("app", metavar="APP", shell_complete=completer("apps"))
@click.argument("kind_name", metavar="KIND", shell_complete=completer("kinds"))
@click.argument("pattern", metavar="PATTERN")
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=completer("resources"))
@click.option("--key", "keys", is_flag=True, help="Change their keys instead of their names.")
@review_options
@connection_options
@handle_errors
def rename(
    app: str, kind_name: str, pattern: str, names: tuple[str, ...], keys: bool, dry_run: bool, yes: bool,
    as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Rename resources of APP, all of a KIND or those with a NAME (which may be a glob pattern), by a pattern.

    PATTERN is s/FIND/REPLACEMENT/ with a regular expression (g after it: all matches, i: ignore case), or a text with
    {name}, {key} or {n}, the number of the resource ({n:2}: with two digits).
    """
    from drio_tui.plan.renaming import rename_by_pattern

    refuse_changes(dry_run=dry_run)
    kind = find_kind(kind_name)

    async def work() -> None:
        async with opened_app(app, options) as opened:
            snapshot = opened.snapshot
            if kind is APP and names:
                raise UsageError("an app has one app", hint="Leave the name out.")
            resources = find_resources(snapshot, kind, names) if names else list(snapshot.resources(kind.name))

            def make(resources: list[Resource]) -> BulkPlan:
                return rename_by_pattern(snapshot, resources, pattern, "key" if keys else "name")

            await _carry_out(opened, make, resources, dry_run=dry_run, yes=yes, as_json=as_json)

    run(work())


@click.command()
@click.argument("app", metavar="APP", shell_complete=completer("apps"))
@click.argument("operations", metavar="OPERATION...", nargs=-1, required=True, shell_complete=completer("operations"))
@click.argument("integration", metavar="INTEGRATION")
@review_options
@connection_options
@handle_errors
def move(
    app: str, operations: tuple[str, ...], integration: str, dry_run: bool, yes: bool, as_json: bool, **options: Any
) -> None:
    """Move operations of APP to another integration. OPERATION may be a glob pattern, or INTEGRATION/OPERATION.

    drio cannot move one: it is created in the other integration, its tools are bound to the new one, and the old one is
    deleted. Tools keep their chains and widgets.
    """
    from drio_tui.cli.review import app_name
    from drio_tui.plan.moving import move_operations

    refuse_changes(dry_run=dry_run)

    async def work() -> None:
        async with opened_app(app, options) as opened:
            target = find_resource(opened.snapshot, INTEGRATION, integration)
            moved = find_resources(opened.snapshot, OPERATION, operations, to_move=True)

            def make(operations: list[Resource]) -> BulkPlan:
                return move_operations(opened.snapshot, operations, target)

            title = f"Move {count_of(len(moved), 'operation')} of {app_name(opened.snapshot)} to {target.name}"
            await _carry_out(
                opened, make, moved, dry_run=dry_run, yes=yes, as_json=as_json, repeatable=True, title=title
            )

    run(work())


async def _carry_out(
    opened: OpenedApp,
    make: Callable[[list[Resource]], BulkPlan],
    resources: list[Resource],
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    repeatable: bool = False,
    title: str = "",
) -> None:
    """Carry out the plan that `make` makes of the resources, unless it has problems.

    `repeatable`: the same command again does the rest of a plan, whatever was done of it. Raises `UsageError` for
    problems, and what `carry_out` raises.
    """
    from drio_tui.cli.review import carry_out
    from drio_tui.plan.bulk import is_repeatable

    plan = make(resources)
    if plan.problems:
        problems = [problem.removesuffix(".") for problem in plan.problems]
        raise UsageError(one_line(f"{first_names(problems, _MOST_PROBLEMS)}.", 400))
    await carry_out(
        opened, plan.steps, dry_run=dry_run, yes=yes, as_json=as_json, notes=plan.notes, shown=plan.shown,
        repeatable=lambda: repeatable or is_repeatable(plan, resources, make), title=title,
    )  # fmt: skip
