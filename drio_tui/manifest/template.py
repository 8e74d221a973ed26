"""A document as a template of the sandbox: complete, and without anything that only its directory or a secret has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from drio_tui.api.json_codec import Document as JsonObject
from drio_tui.document_layout import TEMPLATE, entries, escape_names
from drio_tui.manifest.document import Document
from drio_tui.manifest.fields import split_secrets
from drio_tui.manifest.problems import BadDocument, DocumentProblem
from drio_tui.manifest.secret import NOT_GIVEN, Secret, secrets_in, with_placeholders
from drio_tui.manifest.validation import location_of, validate
from drio_tui.naming import kebab

_NOT_IN_A_TEMPLATE = frozenset({"incomplete", "unknown_reference", "plain_secret", "key"})
"""Rules whose warnings are errors of a template: an app is made of it alone, and it is stored."""
_CUSTOM = "Custom"


def template_document(document: Document, environ: Mapping[str, str], *, id: str = "") -> JsonObject:
    """Return the document as the sandbox stores it: valid, complete, in one piece, and with its section `template`.

    Variables and files are replaced by their values, secrets stay `{"$secret": name}`. `id` is the id of the template,
    by default the one of the section, or the slug of the app. Raises `BadDocument`.
    """
    problems = [
        replace(problem, severity="error")
        for problem in validate(document, environ)
        if problem.severity == "error" or (problem.code in _NOT_IN_A_TEMPLATE and problem.path != ("app",))
    ]
    if problems:
        raise BadDocument(problems)
    data = document.resolve(environ, dict.fromkeys(document.secret_names(), NOT_GIVEN))
    if secrets := list(_stored_secrets(document, data)):
        raise BadDocument(secrets)
    section = _section(data, id)
    for missing, otherwise in (("id", "slug"), ("name", "name")):
        if not section[missing]:
            message = f"The template has no {missing}: set template.{missing}, or app.{otherwise}."
            raise BadDocument([document.problem((TEMPLATE,), message, code="incomplete")])
    stored: JsonObject = with_placeholders(escape_names({**data, TEMPLATE: section}))
    return {TEMPLATE: stored.pop(TEMPLATE), **stored}


def _section(data: JsonObject, id: str) -> JsonObject:
    section: JsonObject = data.get(TEMPLATE) or {}
    app: JsonObject = data.get("app") or {}
    name = section.get("name") or app.get("name") or ""
    return {
        **section,
        "id": id or section.get("id") or app.get("slug") or kebab(section.get("name") or ""),
        "name": name,
        "description": section.get("description") or app.get("description") or "",
        "category": section.get("category") or _CUSTOM,
        "tags": section.get("tags") or [],
    }


def _stored_secrets(document: Document, data: JsonObject) -> Iterator[DocumentProblem]:
    """Yield a problem for each secret that would be stored: also one from a variable or a file."""
    for kind, key, entry in entries(data):
        for path, value in split_secrets(entry)[1].items():
            if not _is_placeholder(value):
                message = "It would be stored as it is. Write { $secret: NAME }: who makes an app of it fills it in."
                yield document.problem((*location_of(kind, key), *path), message, code="plain_secret")


def _is_placeholder(value: Any) -> bool:
    """Return whether a secret property holds nothing that is secret."""
    return value in (None, "") or isinstance(value, Secret) or any(secrets_in(value))
