"""`export`, `pull`, `validate` and `schema`: the app as a document."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drio_tui.api.errors import NotFound
from drio_tui.cli.common import (
    client_option,
    clients_named,
    command_hint,
    completer,
    connection_options,
    effective_options,
    handle_errors,
    run,
)
from drio_tui.cli.output import echo, echo_code, echo_json, info, style, warn
from drio_tui.text import count_of, one_line

if TYPE_CHECKING:
    from drio_tui.evaluation.local_tests import Section
    from drio_tui.manifest.document import Document
    from drio_tui.manifest.export import Format
    from drio_tui.manifest.form import DocumentForm
    from drio_tui.manifest.lock import Base
    from drio_tui.manifest.problems import DocumentProblem
    from drio_tui.manifest.pull import Pull


def document_argument(function: Any) -> Any:
    """Add the argument of the directory or file of a document, by default the current directory."""
    return click.argument("path", metavar="[DIR|FILE]", default=".", type=click.Path(path_type=Path))(function)


@click.command(epilog="Exit codes: 0 exported, 1 not exported or the app could not be read, 2 usage, 4 sign-in needed.")
@click.argument("app", metavar="APP", shell_complete=completer("apps"))
@click.option(
    "-o",
    "--output",
    metavar="DIR|FILE",
    type=click.Path(path_type=Path),
    help="Write it there, instead of printing it.",
)
@click.option("--split", is_flag=True, help="Write one file per resource.")
@click.option("--format", "format_name", type=click.Choice(["yaml", "json"]), help="YAML unless said otherwise.")
@click.option("--force", is_flag=True, help="Overwrite any document.")
@connection_options
@handle_errors
def export(
    app: str,
    output: Path | None,
    split: bool,
    format_name: str | None,
    force: bool,
    profile: str | None,
    base_url: str | None,
    sandbox: bool,
    as_json: bool,
) -> None:
    """Write APP (id or slug) as a document, drio.yaml. Ids, statuses and secrets are not in it.

    A document of another app, or one that was edited, is only overwritten with --force: `pull` brings drio's changes
    into a document that is there. Its tests stay, and get those that were saved in the program. With --json the
    document is printed as JSON, or with -o what was written.
    """
    from drio_tui.api.errors import UsageError
    from drio_tui.document_layout import place
    from drio_tui.manifest.export import (
        document_files,
        document_text,
        existing_files,
        files_to_replace,
        named_files,
        write_files,
    )
    from drio_tui.manifest.tool_tests import with_tests

    is_file = output is not None and not output.is_dir() and output.suffix in (".yaml", ".yml", ".json")
    if split and (output is None or is_file):
        raise UsageError("--split writes several files", hint="Name a directory with -o DIR.")
    if output is not None and output.exists() and not output.is_dir() and not is_file:
        raise UsageError(f"{output} is no directory, and no YAML or JSON file by its name")
    wants_json = output.suffix == ".json" if is_file and output is not None else as_json and output is None
    format: Format = "json" if (format_name == "json" if format_name else wants_json) else "yaml"
    form, local = run(_read_form(app, effective_options(profile, base_url, sandbox)))
    data = with_tests(form.data, local, output)
    if output is None:
        _print_document(document_text(data, format))
    else:
        files = document_files(data, split=split, format=format)
        folder = output
        if is_file:
            folder, files = output.parent, {output.name: document_text(data, format)}
        replaced = existing_files(output) if force else files_to_replace(output, data)
        removed = write_files(folder, files, [] if is_file else replaced)
        if as_json:
            omitted = [
                {"path": place(item.kind, item.key, item.path), "reason": item.reason} for item in form.not_exported
            ]
            names = [path.resolve().relative_to(folder.resolve()).as_posix() for path in removed]
            echo_json({"directory": str(folder), "files": [*files], "removed": names, "notExported": omitted})
            return
        if len(files) == 1:
            info(f"Wrote {folder / next(iter(files))}.")
        else:
            directory = "the current directory" if folder == Path() else folder
            info(f"Wrote {count_of(len(files), 'file')} to {directory}.")
        if removed:
            names = [path.resolve().relative_to(folder.resolve()).as_posix() for path in removed]
            info(f"Removed {one_line(named_files(names), 300)}, which it does not have any more.")
    for omission in form.not_exported:
        warn(f"Not exported: {one_line(str(omission), 300)}")
    if form.write_only:
        info("Write { $secret: NAME } for a secret: it is read from the environment or --secrets FILE, or asked for.")


def _print_document(text: str) -> None:
    """Print the text of a document, in which everything that could control a terminal is escaped already."""
    echo_code(text.removesuffix("\n"))


async def _read_form(app: str, where: dict[str, Any]) -> tuple[DocumentForm, Section]:
    """Return an app as a document, and the tests that are kept of it on this machine."""
    from drio_tui.cli.read import find_app
    from drio_tui.evaluation.local_tests import local_section
    from drio_tui.manifest.form import to_document
    from drio_tui.session import command_session
    from drio_tui.workspace.model.loader import read_app
    from drio_tui.workspace.run.run_history import RunHistory

    async with command_session(**where, notice=info) as session:
        app_id = await find_app(session.client, app)
        form = to_document(await read_app(session.client, app_id, required=["app"]))
        return form, local_section(RunHistory(session.server_id, app_id))


@click.command(
    epilog="Exit codes: 0 pulled (or nothing to pull), 1 not pulled, or conflicts are left, 2 usage, 4 sign-in needed."
)
@document_argument
@click.option("--delete", is_flag=True, help="Remove resources from the document that drio does not have.")
@click.option("--declared", is_flag=True, help="Change values that the document has, and add nothing.")
@click.option(
    "--on-conflict",
    type=click.Choice(["document", "drio"]),
    help="Which side counts where both were changed since the last apply.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be changed, and change nothing.")
@connection_options
@handle_errors
def pull(path: Path, **options: Any) -> None:
    """Bring what was changed in drio into the document in DIR.

    Only values that differ change: comments, order and layout of the files stay. A value behind $file is changed in
    that file, one behind $env is reported, and secrets are left alone. Where drio.lock.json says what was applied last,
    changes of the document are kept.
    """
    run(_pull(path, options))


async def _pull(path: Path, options: dict[str, Any]) -> None:
    import asyncio

    from drio_tui.cli.find import connection_of
    from drio_tui.manifest.apply import conflict_hint, read_document_app, slug_of
    from drio_tui.manifest.document import read_document
    from drio_tui.manifest.form import to_document
    from drio_tui.manifest.lock import find_base, target_of, write_base
    from drio_tui.manifest.new_base import base_after
    from drio_tui.manifest.pull import desired_of, pull
    from drio_tui.manifest.pull_entry import PullOptions
    from drio_tui.session import command_session

    document = await asyncio.to_thread(read_document, path)
    desired = desired_of(document, os.environ)
    slug = slug_of(desired)
    async with command_session(**connection_of(options), notice=info) as session:

        def read_lock() -> Base | None:
            return find_base(document.root, session.server_id, desired)

        read = await read_document_app(session.client, desired, read_lock)
        if not read.app:
            raise NotFound(
                f"there is no app {one_line(slug, 80)}", status=404, hint=f"`{command_hint('apply')}` creates it."
            )
        form, base = to_document(read.snapshot), read.base
        wanted = PullOptions(options["delete"], options["declared"], options["on_conflict"] or "")
        result = await asyncio.to_thread(pull, document, form, os.environ, base=base, options=wanted)
        if not options["dry_run"]:
            await asyncio.to_thread(result.write_files)
            if base is not None:
                after = desired_of(await asyncio.to_thread(read_document, path), os.environ)
                target = target_of(session.server_id, slug_of(after))
                await asyncio.to_thread(write_base, document.root, target, base_after(after, form, base))
        _print_pull(result, document.root, f"{slug} on {session.host}", options)
        if result.conflicts:
            arguments = [] if path == Path() else [str(path)]
            info(conflict_hint(command_hint("pull", *arguments), command_hint("apply", *arguments)))
    if result.conflicts:
        raise SystemExit(1)


def _print_pull(result: Pull, root: Path, target: str, options: dict[str, Any]) -> None:
    from drio_tui.cli.review import print_lines
    from drio_tui.manifest.export import named_files
    from drio_tui.plan.changes import as_dict
    from drio_tui.plan.render import change_lines

    files = sorted(path.relative_to(root).as_posix() for path in result.files)
    if options["as_json"]:
        echo_json({**as_dict(result.view(target)), "files": files})
        return
    print_lines(change_lines(result.view()))
    for note in result.notes:
        warn(one_line(note, 300))
    counts = [count_of(len(result.conflicts), "conflict")] if result.conflicts else []
    for action, verb in (("update", "changed"), ("rename", "renamed"), ("create", "added"), ("delete", "removed")):
        if count := sum(change.action == action for change in result.changes):
            counts.append(f"{count:,} {verb}")
    if files and not counts:
        counts.append("No values differ")
    where = f" {'Would write' if options['dry_run'] else 'Wrote'} {named_files(files)}." if files else ""
    echo(f"{', '.join(counts)}.{one_line(where, 300)}" if counts else "Nothing to pull.")


@click.command(epilog="Exit codes: 0 no errors (with --strict: and no warnings), 1 errors found, 2 usage.")
@document_argument
@client_option
@click.option("--strict", is_flag=True, help="Let warnings count as errors.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, errors too.")
@handle_errors
def validate(path: Path, client_names: tuple[str, ...], strict: bool, as_json: bool) -> None:
    """Check the document in DIR (drio.yaml and the files beside it) without a server.

    Checks the schema, references, chains and JSONPath, and what `check` would find in the app; with --client, what
    `lint` would. Each problem is printed with its file, line and column.
    """
    from drio_tui.manifest.document import load_document
    from drio_tui.manifest.validation import validate as validated
    from drio_tui.workspace.lint.resource_checks import count_severities

    document = load_document(path)
    problems = validated(document, os.environ, clients_named(client_names) if client_names else ())
    errors, warnings = count_severities(problems)
    if as_json:
        echo_json(
            {
                "errors": errors,
                "warnings": warnings,
                "files": [source.name for source in document.sources],
                "ignored": list(document.ignored),
                "problems": [problem.as_dict() for problem in problems],
            }
        )
    else:
        _print_problems(document, path if path.is_dir() else path.parent, problems, (errors, warnings))
    if errors or (strict and problems):
        raise SystemExit(1)


def _print_problems(document: Document, folder: Path, problems: list[DocumentProblem], counts: tuple[int, int]) -> None:
    for name in document.ignored:
        info(f"Not part of the document: {one_line(name, 200)}")
    for problem in problems:
        where = str(folder / problem.where) if problem.file else ""
        subject = f" {one_line(problem.subject, 200)}:" if problem.path else ""
        colour = "red" if problem.severity == "error" else "yellow"
        text = f"{one_line(problem.message, 400)} [{problem.code}]"
        echo(style(one_line(where, 300), bold=True), ": ", style(problem.severity, fg=colour), f":{subject} {text}")
        if problem.advice:
            echo(f"  {one_line(problem.advice, 300)}")
    errors, warnings = counts
    totals = f"{count_of(errors, 'error')}, {count_of(warnings, 'warning')}."
    resources = count_of(sum(kind != "app" for kind, _ in document.resources()), "resource")  # as in the app's tree
    echo(f"{totals if problems else 'No problems.'} {resources} in {count_of(len(document.sources), 'file')}.")


@click.command(epilog="Exit codes: 0 done, 2 usage.")
@click.option("--json", "as_json", is_flag=True, help="Print it on one line.")
@handle_errors
def schema(as_json: bool) -> None:
    """Print the JSON Schema of a document, by which editors complete and check it."""
    from drio_tui.api.json_codec import dumps
    from drio_tui.manifest.schema import document_schema

    echo_code(dumps(document_schema(), indent=None if as_json else 2))
