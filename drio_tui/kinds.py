"""The registry of resource kinds: the routes of each kind, what it refers to, and how it is shown.

The client, the tree, the forms, the command line and the export read this registry; a new kind is one
more entry here. Contract section 1.1 gives the routes (documented), section 3 the properties.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from drio_tui.api import shape_check
from drio_tui.api.resource_type import ResourceType

if TYPE_CHECKING:
    from drio_tui.api.model_types import ApiModel
    from drio_tui.api.models import App, AuthConnection, Integration, Operation, Tool, Widget

T = TypeVar("T", bound="ApiModel")


@dataclass(frozen=True, slots=True)
class Reference:
    """A property that holds the id, or ids, of other resources.

    `path` is dotted, with `[]` after a property that is a list: `actions[].targetToolId`. `to` is the kind of the
    target. `label` completes the sentence "this … that", `reverse` the same sentence seen from the target.
    """

    path: str
    to: str
    label: str
    reverse: str

    def ids(self, raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield the concrete path (`actions[2].targetToolId`) and the id of each reference in `raw`."""
        if self.path.isalnum():  # one property, as most are
            value = raw.get(self.path)
            if isinstance(value, str) and value:
                yield self.path, value
        else:
            yield from _ids_at(raw, self.path.split("."), "")

    def replaced(self, raw: Mapping[str, Any], new: Mapping[str, str]) -> dict[str, Any]:
        """Return a copy of `raw` in which each id in this reference that is in `new` is replaced by its value."""
        result: dict[str, Any] = _replace_at(dict(raw), self.path.split("."), new)
        return result


@dataclass(frozen=True, slots=True)
class Kind(ResourceType[T]):
    """A kind of resource in an app: its `ResourceType` for the API, and how it is shown to the user.

    `parent` is the property that holds the id of the parent in the tree, and the parent's kind; `columns` are the
    properties shown as table columns; `fixed` those that only the server sets; `multiline` those that get a text area.
    `switchable` ones can be enabled and disabled, `copyable` ones made from the properties of another one.
    """

    title: str = ""
    plural: str = ""
    symbol: str = "•"
    parent: tuple[str, str] | None = None
    references: tuple[Reference, ...] = ()
    columns: tuple[str, ...] = ("name",)
    fixed: tuple[str, ...] = ("id", "appId")
    multiline: tuple[str, ...] = ("description",)
    switchable: bool = False
    copyable: bool = True

    def label(self, raw: Mapping[str, Any]) -> str:
        """Return the first of name, key, slug and id that is not blank, else `(no name)`; not yet sanitized."""
        for name in ("name", "key", "slug", "id"):
            value = raw.get(name)
            if isinstance(value, str) and value.strip():
                return value
        return "(no name)"


APP: Kind[App] = Kind(
    name="app",
    collection="/apps",
    item="/apps/{id}",
    list_key="apps",
    item_key="app",
    model_name="App",
    create_name="AppCreate",
    patch_name="AppPatch",
    shape=shape_check.APP,
    deletable=False,
    title="App",
    plural="Apps",
    symbol="◆",
    columns=("name", "slug", "status", "version", "isEnabled", "templateId"),
    fixed=("id", "publicMcpId", "templateId", "version", "status"),
    multiline=("description", "serverInstructions"),
    switchable=True,
    copyable=False,
)

AUTH: Kind[AuthConnection] = Kind(
    name="auth",
    collection="/apps/{app}/auth",
    item="/apps/{app}/auth/{id}",
    list_key="auth",
    item_key="auth",
    envelope_aliases=("authConnection",),
    model_name="AuthConnection",
    create_name="AuthConnectionCreate",
    patch_name="AuthConnectionPatch",
    shape=shape_check.AUTH,
    title="Auth connection",
    plural="Auth",
    symbol="◈",
    columns=("name", "key", "providerName", "status", "lastValidatedAt"),
    fixed=(
        "id", "appId", "providerId", "providerKey", "providerName", "status", "lastValidatedAt", "lastError",
    ),
)  # fmt: skip

INTEGRATION: Kind[Integration] = Kind(
    name="integration",
    collection="/apps/{app}/integrations",
    item="/apps/{app}/integrations/{id}",
    list_key="integrations",
    item_key="integration",
    model_name="Integration",
    create_name="IntegrationCreate",
    patch_name="IntegrationPatch",
    shape=shape_check.INTEGRATION,
    title="Integration",
    plural="Integrations",
    symbol="⇄",
    references=(Reference("authId", "auth", "signs in with", "signs in"),),
    columns=("name", "key", "kind", "baseUrl", "status"),
    fixed=("id", "appId", "status"),
)

OPERATION: Kind[Operation] = Kind(
    name="operation",
    collection="/apps/{app}/integrations/{parent}/operations",
    item="/apps/{app}/operations/{id}",
    list_key="operations",
    item_key="operation",
    model_name="Operation",
    create_name="OperationCreate",
    patch_name="OperationPatch",
    shape=shape_check.OPERATION,
    title="Operation",
    plural="Operations",
    symbol="→",
    parent=("integrationId", "integration"),
    references=(Reference("integrationId", "integration", "belongs to", "has"),),
    columns=("name", "key", "method", "path"),
    fixed=("id", "appId", "integrationId", "schemaHash"),
)

TOOL: Kind[Tool] = Kind(
    name="tool",
    collection="/apps/{app}/tools",
    item="/apps/{app}/tools/{id}",
    list_key="tools",
    item_key="tool",
    model_name="Tool",
    create_name="ToolCreate",
    patch_name="ToolPatch",
    shape=shape_check.TOOL,
    title="Tool",
    plural="Tools",
    symbol="⚒",
    references=(
        Reference("binding.integrationOperationId", "operation", "calls", "is called by"),
        Reference("nextToolIds[]", "tool", "hands its result to", "gets the result of"),
        Reference("widgetId", "widget", "is shown by", "shows"),
    ),
    columns=("name", "key", "kind", "isEnabled", "order"),
    fixed=("id", "appId"),
    switchable=True,
)

WIDGET: Kind[Widget] = Kind(
    name="widget",
    collection="/apps/{app}/widgets",
    item="/apps/{app}/widgets/{id}",
    list_key="widgets",
    item_key="widget",
    model_name="Widget",
    create_name="WidgetCreate",
    patch_name="WidgetPatch",
    shape=shape_check.WIDGET,
    title="Widget",
    plural="Widgets",
    symbol="▦",
    references=(
        Reference("toolId", "tool", "shows", "is shown by"),
        Reference("actions[].targetToolId", "tool", "calls", "is called by an action of"),
    ),
    columns=("name", "key", "primitive", "displayMode", "visibility"),
    fixed=("id", "appId"),
)

KINDS: dict[str, Kind[Any]] = {kind.name: kind for kind in (APP, AUTH, INTEGRATION, OPERATION, TOOL, WIDGET)}
"""Every kind by name, in the order in which an app is built: auth, integration, operation, tool, widget."""
CONTENTS = tuple(kind for kind in KINDS.values() if kind is not APP)
"""The kinds of the resources in an app."""


def kind_named(text: str) -> Kind[Any] | None:
    """Return the kind for a name as the user may type it (`tool`, `tools`, `Tools`), None for an unknown one."""
    wanted = text.strip().lower()
    for kind in KINDS.values():
        if wanted in (kind.name, kind.list_key.lower(), kind.plural.lower(), kind.title.lower()):
            return kind
    return None


def _ids_at(value: Any, steps: list[str], path: str) -> Iterator[tuple[str, str]]:
    """Yield the paths and ids below `value`, which is at `path`; `steps` is the rest of the reference's path."""
    if not steps:
        if isinstance(value, str) and value:
            yield path, value
        return
    step, rest = steps[0], steps[1:]
    name = step.removesuffix("[]")
    if not isinstance(value, Mapping):
        return
    inner = value.get(name)
    inner_path = f"{path}.{name}" if path else name
    if step.endswith("[]"):
        if isinstance(inner, list):
            for index, item in enumerate(inner):
                yield from _ids_at(item, rest, f"{inner_path}[{index}]")
    else:
        yield from _ids_at(inner, rest, inner_path)


def _replace_at(value: Any, steps: list[str], new: Mapping[str, str]) -> Any:
    """Return `value` with the ids at the path `steps` replaced; what is not on the path stays the same object."""
    if not steps:
        return new.get(value, value) if isinstance(value, str) else value
    name = steps[0].removesuffix("[]")
    if not isinstance(value, Mapping) or name not in value:
        return value
    inner = value[name]
    if not steps[0].endswith("[]"):
        inner = _replace_at(inner, steps[1:], new)
    elif isinstance(inner, list):
        inner = [_replace_at(item, steps[1:], new) for item in inner]
    return {**value, name: inner}
