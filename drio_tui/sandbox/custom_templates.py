"""The templates that the user added: files in the data folder, which a running sandbox reads when they change."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from drio_tui.api.json_codec import Document, dumps
from drio_tui.document_layout import SECRET, SECTIONS, objects_of
from drio_tui.sandbox import oauth
from drio_tui.sandbox.catalogue import FOLDER, MAX_BYTES, Template, catalogue
from drio_tui.sandbox.datadir import SandboxError, as_sandbox_error
from drio_tui.sandbox.db import Database
from drio_tui.sandbox.problems import Problem
from drio_tui.sandbox.providers import providers, secret_properties
from drio_tui.sandbox.services import apps
from drio_tui.sandbox.settings import Settings
from drio_tui.sandbox.store import Store
from drio_tui.storage.files import private_dir, write_private


class TemplateRefused(SandboxError):
    """The template cannot be added or removed; the message says why."""

    title = "The catalogue was not changed"


async def add_template(data_dir: Path, document: Document) -> tuple[Template, bool]:
    """Add a template, or replace the one with its id; return it, and whether it replaced one.

    `document` is complete and has a section `template`. Raises `TemplateRefused` for the id of a built-in template,
    for a secret, and if the sandbox cannot make an app of it; `SandboxError` if it cannot be written.
    """
    try:
        template = Template.of_document(document, is_custom=True)
    except ValueError as error:
        raise TemplateRefused(f"{error}.") from None
    if template.id in catalogue():
        raise TemplateRefused(f"{template.id} is a built-in template.", hint="Choose another id with --id.")
    if secrets := list(_secrets(document)):
        hint = "Write { $secret: NAME } in the document: who makes an app of it fills it in."
        raise TemplateRefused(f"It would store a secret: {', '.join(secrets)}.", hint=hint)
    data = dumps(document, indent=2).encode() + b"\n"
    if len(data) > MAX_BYTES:
        raise TemplateRefused(f"It has more than {MAX_BYTES >> 20} MB.")
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder), template.id, data)
        await _make_app(Path(folder), template)
    replaced = template.id in catalogue(data_dir)
    _write(data_dir, template.id, data)
    return template, replaced


def remove_template(data_dir: Path, template_id: str) -> bool:
    """Remove a template of the user; return whether there was one.

    Apps that were made of it stay. Raises `TemplateRefused` for a built-in one, `SandboxError` if it cannot be removed.
    """
    if template_id in catalogue():
        hint = "Only templates that you added can be removed."
        raise TemplateRefused(f"{template_id} is a built-in template.", hint=hint)
    folder = data_dir / FOLDER
    with as_sandbox_error(folder):
        path = next((path for path in folder.glob("*.json") if path.stem == template_id), None)
        if path is not None:
            path.unlink()
    return path is not None


def _write(data_dir: Path, template_id: str, data: bytes) -> None:
    path = data_dir / FOLDER / f"{template_id}.json"
    with as_sandbox_error(path):
        private_dir(data_dir)
        private_dir(path.parent)
        write_private(path, data)


def _secrets(document: Document) -> Iterator[str]:
    """Yield where a secret property of an auth connection has a value."""
    for key, entry in objects_of(document.get(SECTIONS["auth"])).items():
        provider = providers().get(str(entry.get("provider")))
        config = objects_of(entry).get("config", {})
        for name in sorted(secret_properties(provider)) if provider else ():
            if not _is_placeholder(config.get(name)):
                yield f"auth/{key}#config.{name}"


def _is_placeholder(value: Any) -> bool:
    return value in (None, "") or (isinstance(value, dict) and set(value) == {SECRET})


async def _make_app(folder: Path, template: Template) -> None:
    """Make an app of a template in `folder`, in a database that is thrown away. Raises `TemplateRefused`."""
    settings = Settings(folder, "http://127.0.0.1:1")
    logging.getLogger("aiosqlite").setLevel(logging.WARNING)  # at DEBUG it logs the values of every statement
    try:
        async with Database(settings.target) as database, database.session() as session:
            user = await oauth.local_user(session, oauth.OAuthSettings(base_url=settings.base_url))
            store = Store(session, user.id, settings)
            await apps.create(store, {"templateId": template.id, "name": template.name}, upstream_key="")
    except Problem as problem:
        raise TemplateRefused(f"The sandbox cannot make an app of it: {problem.message}") from None
