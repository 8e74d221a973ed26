"""How a PATCH changes a document: absent means unchanged, null clears, objects merge one level.

Clearing a property with a default restores the default. A required property cannot be cleared. One that only the
server (or another route) sets may be repeated unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from drio_tui.api.json_codec import Document
from drio_tui.api.json_values import same_json
from drio_tui.sandbox.misplaced import misplaced_secrets
from drio_tui.sandbox.problems import FieldError, invalid

_ADVICE = "secrets belong in the config of an auth connection"


@dataclass(frozen=True, slots=True)
class Rules:
    """The properties of one kind of document.

    `order` is that of the API's documented examples; unknown properties come after them. `read_only` are set by
    the server only. `set_elsewhere` maps a property to the route that sets it, for the error message.
    """

    order: tuple[str, ...]
    required: frozenset[str]
    read_only: frozenset[str]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    set_elsewhere: Mapping[str, str] = field(default_factory=dict)

    @property
    def known(self) -> frozenset[str]:
        """Every documented property of a body."""
        return frozenset(self.order) | self.set_elsewhere.keys()

    def new(self, body: Document, **server_values: Any) -> Document:
        """Return a document with the properties of a create's body, except read-only ones, and `server_values`.

        Raises `Problem` 400 for an unknown property that looks like a secret.
        """
        errors = list(misplaced_secrets(body, self.known, None, _ADVICE))
        if errors:
            raise invalid(errors)
        document: Document = dict.fromkeys(self.order) | dict(self.defaults)
        document |= {
            name: value
            for name, value in body.items()
            if name not in self.read_only and (value is not None or name not in self.order)
        }
        return document | server_values

    def patched(self, document: Document, patch: Document) -> Document:
        """Return `document` after `patch`. Raises `Problem` 400 with every property that cannot be changed so."""
        errors: list[FieldError] = list(misplaced_secrets(patch, self.known, document, _ADVICE))
        result = dict(document)
        for name, value in patch.items():
            before = document.get(name)
            if name in self.read_only or name in self.set_elsewhere:
                if not same_json(value, before):
                    route = self.set_elsewhere.get(name)
                    errors.append((name, f"is set by {route}" if route else "is set by the server"))
            elif value is None:
                if name in self.required:
                    errors.append((name, "is required and cannot be cleared"))
                elif name in self.order:
                    result[name] = self.defaults.get(name)
                else:
                    result.pop(name, None)
            elif isinstance(value, dict) and isinstance(before, dict):
                cleared = {key for key, inner in value.items() if inner is None}
                result[name] = {key: inner for key, inner in (before | value).items() if key not in cleared}
            else:
                result[name] = value
        if errors:
            raise invalid(errors)
        return result
