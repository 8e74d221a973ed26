"""The editors that a schema alone cannot make good, one for a few members of a resource each.

The edit screen shows for a kind a form of the members that `SPECIAL` does not name, and each of these as a
page of its own. How they are spoken to stands in `base.Editor`. Nothing is imported before it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drio_tui.ui.editing.editors.base import Editor


@dataclass(frozen=True, slots=True)
class Special:
    """One editor: the title of its page, the members it edits, where it is defined, and when it is of use.

    `create` says that it makes sense for a resource that does not exist yet, too.
    """

    title: str
    members: tuple[str, ...]
    module: str
    name: str
    create: bool = True

    def make(self) -> Editor:
        """The widget; give it something with `load` before or after it is mounted."""
        made: Editor = getattr(import_module(f"drio_tui.ui.editing.editors.{self.module}"), self.name)()
        return made


SPECIAL: dict[str, tuple[Special, ...]] = {
    "app": (Special("Branding", ("branding",), "branding", "BrandingEditor"),),
    "auth": (Special("Provider", ("providerKey", "config"), "auth", "AuthEditor"),),
    "operation": (Special("Call", ("method", "path", "inputSchema", "outputSchema"), "operation", "OperationEditor"),),
    "tool": (
        Special("Binding", ("binding",), "binding", "BindingEditor"),
        Special("Chain", ("nextToolIds",), "chain", "ChainEditor"),
        Special("Hints", ("annotations",), "annotations", "AnnotationsEditor"),
    ),
    "widget": (
        Special("Mappings", ("toolId", "primitive", "displayMode", "visibility", "config"), "widget", "WidgetEditor"),
        Special("Actions", ("actions",), "actions", "ActionsEditor"),
    ),
}
"""The editors by kind, in the order of their pages."""


def special_members(kind: str) -> frozenset[str]:
    """The members of a kind that the plain form leaves to these editors."""
    return frozenset(member for one in SPECIAL.get(kind, ()) for member in one.members)
