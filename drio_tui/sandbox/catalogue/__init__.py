"""The templates that apps start from: one JSON file each in `templates/`; `providers.json` and `helpdesk.json`.

A template's file holds its description and the resources of the new app, which refer to each other by key:
an integration's `auth`, a tool's `operation` and `next`, a widget's and an action's `tool`. `{upstream}` and
`{upstreamKey}` are placeholders for the URL and the API key of the helpdesk that the sandbox itself serves.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from drio_tui.api.json_codec import Document


@dataclass(frozen=True, slots=True)
class Template:
    """One template; the fields are the properties of its file."""

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
        """Return the template as the API shows it: its resources, without the references between them."""
        return {
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "category": self.category,
            "tags": self.tags,
            "branding": self.branding,
            "tools": [_summary(tool, "annotations") for tool in self.tools],
            "widgets": [_summary(widget, "primitive", "displayMode") for widget in self.widgets],
            "auth": [_summary(connection, "providerKey") for connection in self.auth],
            "integrations": [
                _summary(integration, "kind")
                | {"operations": [_summary(operation, "method", "path") for operation in integration["operations"]]}
                for integration in self.integrations
            ],
        }


def _summary(spec: Document, *optional_names: str) -> Document:
    return {name: spec[name] for name in ("key", "name", "description", *optional_names) if name in spec}


@cache
def catalogue() -> dict[str, Template]:
    """Return every template by id, sorted by name with `blank` last."""
    templates = []
    for file in files(__name__).joinpath("templates").iterdir():
        if file.name.endswith(".json"):
            templates.append(Template(**json.loads(file.read_text("utf-8"))))
    templates.sort(key=lambda template: (template.id == "blank", template.name))
    return {template.id: template for template in templates}


def find_template(template_id: str) -> Template | None:
    """Return the template with that id, or None."""
    return catalogue().get(template_id)
