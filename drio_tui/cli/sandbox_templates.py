"""`drio-tui sandbox template`: the templates of the sandbox, to which documents can be added."""

from __future__ import annotations

import os
from pathlib import Path

import click

from drio_tui.cli.common import SuggestingGroup, completer, handle_errors, not_found_error, refuse_read_only, run
from drio_tui.cli.output import echo, echo_json, info
from drio_tui.cli.render import format_value, table
from drio_tui.cli.sandbox_options import data_folder, requires_extra, sandbox_options
from drio_tui.storage.paths import sandbox_command
from drio_tui.text import count_of, one_line

_EXIT_CODES = "Exit codes: 0 done, 1 refused or failed, 2 usage."


@click.group(cls=SuggestingGroup)
def template() -> None:
    """Add a document to the templates of the sandbox, list them, remove one."""


@template.command(epilog=_EXIT_CODES)
@click.argument("path", metavar="DIR|FILE", type=click.Path(path_type=Path))
@click.option("--id", "template_id", metavar="ID", help="The id of the template, instead of the one in the document.")
@sandbox_options(database=False)
@handle_errors
@requires_extra
def add(path: Path, template_id: str | None, data: Path | None, as_json: bool) -> None:
    """Make the document in DIR (drio.yaml and the files beside it) a template that apps can start from.

    It has to be complete: an app is made of it for a test. Its id is --id, template.id, or the slug of the app; a
    template that you added with that id is replaced. Variables and files are read now. Secrets are not stored: who
    makes an app of it fills them in. A running sandbox offers it at once.
    """
    from drio_tui.manifest.document import load_document
    from drio_tui.manifest.template import template_document
    from drio_tui.sandbox.custom_templates import add_template

    refuse_read_only("--read-only adds no template")
    chosen_id = _valid_id(template_id)
    document = template_document(load_document(path), os.environ, id=chosen_id)
    added, replaced = run(add_template(data_folder(data), document))
    if as_json:
        echo_json({"template": added.as_wire(), "replaced": replaced})
        return
    wire = added.as_wire()
    counts = ", ".join(count_of(len(wire[name]), name.removesuffix("s")) for name in ("tools", "widgets"))
    verb = "Replaced" if replaced else "Added"
    info(f"{verb} the template {added.id}, {one_line(added.name, 80)}: {counts}.")


def _valid_id(template_id: str | None) -> str:
    """Return the id, empty for None. Raises `UsageError`."""
    from drio_tui.api.errors import UsageError
    from drio_tui.naming import kebab

    if template_id is not None and (not template_id or kebab(template_id) != template_id):
        raise UsageError(f"{one_line(template_id, 80)} is no id: it has lower-case letters, digits and single hyphens")
    return template_id or ""


@template.command("list", epilog=_EXIT_CODES)
@sandbox_options(database=False)
@handle_errors
@requires_extra
def list_(data: Path | None, as_json: bool) -> None:
    """List the templates of the sandbox, and whether each is built in or was added."""
    from drio_tui.sandbox.catalogue import catalogue

    templates = [
        {
            "id": template.id,
            "name": template.name,
            "category": template.category,
            "source": "added" if template.is_custom else "built-in",
        }
        for template in catalogue(data_folder(data)).values()
    ]
    if as_json:
        echo_json({"templates": templates})
        return
    headers = ("id", "name", "category", "source")
    for line in table(headers, ([format_value(template[name]) for name in headers] for template in templates)):
        echo(*line)


@template.command(epilog=_EXIT_CODES)
@click.argument("template_id", metavar="ID", shell_complete=completer("custom templates"))
@sandbox_options(database=False)
@handle_errors
@requires_extra
def remove(template_id: str, data: Path | None, as_json: bool) -> None:
    """Remove a template that was added. Apps that were made of it stay; built-in templates cannot be removed."""
    from drio_tui.sandbox.catalogue import catalogue
    from drio_tui.sandbox.custom_templates import remove_template

    refuse_read_only("--read-only removes no template")
    folder = data_folder(data)
    if not remove_template(folder, template_id):
        known = [template.id for template in catalogue(folder).values() if template.is_custom]
        otherwise = f"`{sandbox_command('template list', folder)}` shows them."
        raise not_found_error("template", template_id, known, otherwise=otherwise)
    if as_json:
        echo_json({"removed": template_id})
    else:
        info(f"Removed the template {template_id}.")
