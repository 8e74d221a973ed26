"""The templates that apps start from: one JSON file each in `templates/`, and `providers.json` beside.

A template's file holds its description and what it brings. Inside it resources name each other by key:
an integration's `auth`, a tool's `operation` and `next`, a widget's and an action's `tool`. `{upstream}`
and `{upstreamKey}` stand for the helpdesk that the sandbox itself serves, and its API key.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Template:
    """One template; the members are as in its file."""

    id: str
    name: str
    description: str
    category: str
    tags: list[str]
    app: Document
    branding: Document
    auth: list[Document]
    integrations: list[Document]
    tools: list[Document]
    widgets: list[Document]

    def as_wire(self) -> Document:
        """The template as the API gives it: what it brings, without how it is wired together."""
        return {
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "category": self.category,
            "tags": self.tags,
            "branding": self.branding,
            "tools": [_part(tool, "annotations") for tool in self.tools],
            "widgets": [_part(widget, "primitive", "displayMode") for widget in self.widgets],
            "auth": [_part(connection, "providerKey") for connection in self.auth],
            "integrations": [
                _part(integration, "kind")
                | {"operations": [_part(operation, "method", "path") for operation in integration["operations"]]}
                for integration in self.integrations
            ],
        }


def _part(spec: Document, *more: str) -> Document:
    return {name: spec[name] for name in ("key", "name", "description", *more) if name in spec}


@cache
def catalogue() -> dict[str, Template]:
    """Every template by id; `blank` last, the others by name."""
    found = []
    for file in files(__name__).joinpath("templates").iterdir():
        if file.name.endswith(".json"):
            found.append(Template(**json.loads(file.read_text("utf-8"))))
    found.sort(key=lambda template: (template.id == "blank", template.name))
    return {template.id: template for template in found}


def find(template_id: str) -> Template | None:
    """The template with that id."""
    return catalogue().get(template_id)
