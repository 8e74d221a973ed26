"""`validate` and `schema`: the app as a document, without a server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drio_tui.cli.common import handle_errors
from drio_tui.cli.output import echo, echo_code, echo_json, info, style
from drio_tui.text import count_of, one_line

if TYPE_CHECKING:
    from drio_tui.manifest.document import Document
    from drio_tui.manifest.problems import DocumentProblem


def document_argument(function: Any) -> Any:
    """Add the argument of the directory or file of a document, by default the current directory."""
    return click.argument("path", metavar="[DIR|FILE]", default=".", type=click.Path(path_type=Path))(function)


@click.command(epilog="Exit codes: 0 no errors (with --strict: and no warnings), 1 errors found, 2 usage.")
@document_argument
@click.option("--strict", is_flag=True, help="Let warnings count as errors.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, errors too.")
@handle_errors
def validate(path: Path, strict: bool, as_json: bool) -> None:
    """Check the document in DIR (drio.yaml and the files beside it) without a server.

    Checks the schema, references, chains and JSONPath, and what `check` would find in the app. Each problem is
    printed with its file, line and column.
    """
    from drio_tui.manifest.document import load_document
    from drio_tui.manifest.validation import validate as validated

    document = load_document(path)
    problems = validated(document, os.environ)
    errors = sum(problem.severity == "error" for problem in problems)
    if as_json:
        echo_json(
            {
                "errors": errors,
                "warnings": len(problems) - errors,
                "files": [source.name for source in document.sources],
                "ignored": list(document.ignored),
                "problems": [problem.as_dict() for problem in problems],
            }
        )
    else:
        _print_problems(document, path if path.is_dir() else path.parent, problems, errors)
    if errors or (strict and problems):
        raise SystemExit(1)


def _print_problems(document: Document, folder: Path, problems: list[DocumentProblem], errors: int) -> None:
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
    counts = f"{count_of(errors, 'error')}, {count_of(len(problems) - errors, 'warning')}."
    resources = count_of(len(document.resources()), "resource")
    echo(f"{counts if problems else 'No problems.'} {resources} in {count_of(len(document.sources), 'file')}.")


@click.command(epilog="Exit codes: 0 done, 2 usage.")
@click.option("--json", "as_json", is_flag=True, help="Print it on one line.")
@handle_errors
def schema(as_json: bool) -> None:
    """Print the JSON Schema of a document, by which editors complete and check it."""
    from drio_tui.api.json_codec import dumps
    from drio_tui.manifest.schema import document_schema

    echo_code(dumps(document_schema(), indent=None if as_json else 2))
