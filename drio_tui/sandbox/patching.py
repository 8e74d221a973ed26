"""How a PATCH changes a document: absent = unchanged, null clears, objects merge one level.

Clearing a member that has a default gives the default again; one that is required cannot be cleared; one
that only the server (or another route) sets may be repeated as it is, but not changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from drio_tui.api.models import same_json
from drio_tui.sandbox.misplaced import misplaced
from drio_tui.sandbox.problems import Field, invalid

Document = dict[str, Any]

_ADVICE = "secrets belong in the config of an auth connection"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a kind's members allow. `elsewhere` names the route that sets a member, for the message.

    `order` is that of the API's own examples; members nobody knows come after them.
    """

    order: tuple[str, ...]
    required: frozenset[str]
    fixed: frozenset[str]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    @property
    def known(self) -> frozenset[str]:
        """Every member that a body may have."""
        return frozenset(self.order) | self.elsewhere.keys()

    def new(self, body: Document, **given: Any) -> Document:
        """A document from a create's body; what only the server sets is not taken from there.

        Raises `Problem` 400 for what looks like a secret under a name that nobody knows.
        """
        wrong = list(misplaced(body, self.known, None, _ADVICE))
        if wrong:
            raise invalid(wrong)
        document: Document = dict.fromkeys(self.order) | dict(self.defaults)
        document |= {
            name: value
            for name, value in body.items()
            if name not in self.fixed and (value is not None or name not in self.order)
        }
        return document | given

    def patched(self, document: Document, patch: Document) -> Document:
        """`document` after `patch`. Raises `Problem` 400 with every member that cannot be changed so."""
        wrong: list[Field] = list(misplaced(patch, self.known, document, _ADVICE))
        result = dict(document)
        for name, value in patch.items():
            before = document.get(name)
            if name in self.fixed or name in self.elsewhere:
                if not same_json(value, before):
                    place = self.elsewhere.get(name)
                    wrong.append((name, f"is set by {place}" if place else "is set by the server"))
            elif value is None:
                if name in self.required:
                    wrong.append((name, "is required and cannot be cleared"))
                elif name in self.order:
                    result[name] = self.defaults.get(name)
                else:
                    result.pop(name, None)
            elif isinstance(value, dict) and isinstance(before, dict):
                cleared = {key for key, member in value.items() if member is None}
                result[name] = {key: member for key, member in (before | value).items() if key not in cleared}
            else:
                result[name] = value
        if wrong:
            raise invalid(wrong)
        return result
