"""The editors for properties that a form generated from the schema does not serve well.

For each kind the edit screen shows a form of the properties that `EDITORS` does not name, and every editor as a
separate page. `base.Editor` is their interface. An editor is imported when it is shown first.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drio_tui.ui.editing.editors.base import Editor


@dataclass(frozen=True, slots=True)
class EditorSpec:
    """An editor: the title of its page, the properties it edits, the module and class that define it.

    `for_new` says whether it is shown for a resource that does not exist yet, too.
    """

    title: str
    properties: tuple[str, ...]
    module: str
    name: str
    for_new: bool = True

    def build(self) -> Editor:
        """Return the widget; `load` gives it a resource, before or after it is mounted."""
        editor: Editor = getattr(import_module(f"drio_tui.ui.editing.editors.{self.module}"), self.name)()
        return editor


EDITORS: dict[str, tuple[EditorSpec, ...]] = {
    "app": (EditorSpec("Branding", ("branding",), "branding", "BrandingEditor"),),
    "auth": (EditorSpec("Provider", ("providerKey", "config"), "auth", "AuthEditor"),),
    "operation": (
        EditorSpec("Call", ("method", "path", "inputSchema", "outputSchema"), "operation", "OperationEditor"),
    ),
    "tool": (
        EditorSpec("Binding", ("binding",), "binding", "BindingEditor"),
        EditorSpec("Chain", ("nextToolIds",), "chain", "ChainEditor"),
        EditorSpec("Annotations", ("annotations",), "annotations", "AnnotationsEditor"),
    ),
    "widget": (
        EditorSpec(
            "Mappings", ("toolId", "primitive", "displayMode", "visibility", "config"), "widget", "WidgetEditor"
        ),
        EditorSpec("Actions", ("actions",), "actions", "ActionsEditor"),
    ),
}
"""The editors by kind, in the order of their pages."""


def editor_properties(kind: str) -> frozenset[str]:
    """Return the properties of a kind that the generic form leaves to these editors."""
    return frozenset(name for spec in EDITORS.get(kind, ()) for name in spec.properties)
