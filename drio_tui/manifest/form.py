"""An app as drio returns it in document form, see `document_layout`: plain JSON with keys instead of ids.

What only the server sets, secrets, their masks and default values are not in it; unknown properties are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from drio_tui.api.errors import DrioError
from drio_tui.api.patterns import KEY
from drio_tui.api.redact import is_secret_schema
from drio_tui.document_layout import (
    OPERATIONS,
    PROPERTIES,
    SECTIONS,
    WAS,
    ResourceName,
    entry_at,
    normalized,
    place,
    short_binding,
    without_binding_type,
)
from drio_tui.kinds import KINDS
from drio_tui.naming import kebab, unused
from drio_tui.schema.fields import MISSING
from drio_tui.workspace.model.references import broken_links
from drio_tui.workspace.model.snapshot import Resource, Snapshot
from drio_tui.workspace.saving.merge import Object, Path, value_at, with_value
from drio_tui.workspace.saving.save_requests import comparable
from drio_tui.workspace.saving.without_secrets import without_secrets

_WRITTEN_ELSEWHERE = frozenset({("tool", "order"), ("tool", "widgetId")})
"""The order of the tools is their position in the document; a tool's widget is written at the widget."""
_REFERENCES = frozenset(
    {("auth", "providerKey"), ("integration", "authId"), ("tool", "binding"), ("tool", "nextToolIds")}
    | {("widget", "toolId"), ("widget", "actions")}
)
"""The properties that hold keys in a document, and ids in the API."""
_ID = re.compile(r"[a-z]{2,20}_[0-9A-Za-z]{8,60}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_STORED_SECRET = re.compile(r"secret_\w+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d\S*")
_SET_BY_SERVER = frozenset(
    {"id", "appId", "key", "status", "version", "revision", "etag", "createdBy", "updatedBy", "lastError"}
)
_MASK = re.compile(
    r".{0,8}(?:[•*●]{3,}|\[(?:hidden|redacted|masked)\]|<(?:hidden|redacted|masked)>).{0,8}", re.I | re.S
)


class IncompleteRead(DrioError):
    """A part of the app could not be read, so that nothing can be concluded from what is missing."""

    title = "The app could not be read completely"
    hint = "Nothing was planned or written. Try again."


@dataclass(frozen=True, slots=True)
class Omission:
    """What a document cannot hold, and why. `path` is a property of the resource, empty for all of it."""

    kind: str
    key: str
    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{place(self.kind, self.key, self.path)}: {self.reason}"


@dataclass(frozen=True, slots=True)
class DocumentForm:
    """An app in document form.

    `ids` are the ids of the resources by kind and key. `write_only` are the secret properties of the auth connections,
    by key, whose values the server has and never returns. `unusable` are resources that cannot be referred to, with
    the reason: they have no id. `orders` are those of the tools, by key. `derived` are resources whose key is not the
    API's, but made from their properties. `secret_config` are the names of the secret properties in `config` by the key
    of the provider.
    """

    data: Object = field(repr=False)
    ids: Mapping[ResourceName, str] = field(default_factory=dict)
    not_exported: tuple[Omission, ...] = ()
    write_only: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    unusable: Mapping[ResourceName, str] = field(default_factory=dict)
    orders: Mapping[str, int] = field(default_factory=dict)
    derived: frozenset[ResourceName] = frozenset()
    secret_config: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def entry(self, kind: str, key: str) -> Object | None:
        """Return the entry of a resource, None if there is none."""
        return entry_at(self.data, kind, key)


def require_complete(snapshot: Snapshot) -> None:
    """Raise `IncompleteRead` unless all parts of the app were read."""
    unread = [
        f"{kind}: {part.error or next(iter(part.failures.values()), 'not read yet')}"
        for kind, part in snapshot.parts.items()
        if part.state != "ready" or part.failures
    ]
    if unread:
        raise IncompleteRead("; ".join(unread))


def to_document(snapshot: Snapshot) -> DocumentForm:
    """Return the document form of an app.

    Raises `IncompleteRead` if a part was not read: nothing may be concluded from what is missing then.
    """
    require_complete(snapshot)
    return _Export(snapshot).form()


class _Export:
    """The conversion of one snapshot, with what was found on the way."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.omissions: list[Omission] = []
        self.write_only: dict[str, tuple[Path, ...]] = {}
        self.unusable: dict[ResourceName, str] = {}
        self.keys: dict[ResourceName, str] = {}
        self.resources: dict[ResourceName, Resource] = {}
        self.all_ids = {resource.id for resource in snapshot if not resource.made_up}
        self.tool_of_widget = {
            tool.text("widgetId"): tool.id for tool in snapshot.resources("tool") if tool.text("widgetId")
        }

    def form(self) -> DocumentForm:
        for kind in KINDS:
            self._assign_keys(kind)
        data: Object = {"app": {}, "auth": {}, "integrations": {}, "tools": {}, "widgets": {}}
        for (kind, key), resource in self.resources.items():
            entry = self._entry(kind, key, resource)
            if kind == "app":
                data["app"] = {"slug": key} | entry
            elif kind == "operation":
                integration, _, operation = key.partition("/")
                data["integrations"][integration][OPERATIONS][operation] = entry
            else:
                data[SECTIONS[kind]][key] = entry | ({OPERATIONS: {}} if kind == "integration" else {})
        self._report_broken_references()
        for name in self.snapshot.extra:
            self._omit("app", self.snapshot.app_id, (name,), "no route writes this part of the config")
        ids = {name: resource.id for name, resource in self.resources.items()}
        orders = {
            key: order
            for (kind, key), resource in self.resources.items()
            if kind == "tool" and isinstance(order := resource.get("order"), int)
        }
        derived = frozenset(
            (kind, key)
            for (kind, key), resource in self.resources.items()
            if resource.text("slug" if kind == "app" else "key") != key.rpartition("/")[2]
        )
        secret_config = {
            provider.text("key"): tuple(_secret_names(provider)) for provider in self.snapshot.resources("provider")
        }
        return DocumentForm(
            data, ids, tuple(self.omissions), self.write_only, self.unusable, orders, derived, secret_config
        )

    def _omit(self, kind: str, key: str, path: Path, reason: str) -> None:
        self.omissions.append(Omission(kind, key, path, reason))

    # --- identity --------------------------------------------------------------------------------

    def _assign_keys(self, kind: str) -> None:
        """Give each resource of a kind its key: the API's, else one made from method and path or the name."""
        groups: dict[str, list[Resource]] = {}
        for resource in self.snapshot.resources(kind):
            if resource.made_up or not isinstance(resource.raw, dict):
                self._omit(kind, resource.name, (), resource.reason or "it cannot be read")
                if resource.text("key"):
                    self.unusable[kind, resource.text("key")] = resource.reason
                continue
            prefix = ""
            if kind == "operation":
                parent = resource.text("integrationId") or resource.parent_id
                if ("integration", parent) not in self.keys:
                    self._omit(kind, resource.name, (), "its integration does not exist")
                    continue
                prefix = f"{self.keys['integration', parent]}/"
            groups.setdefault(prefix, []).append(resource)
        named = [
            (f"{prefix}{key}", resource)
            for prefix, resources in groups.items()
            for key, resource in _with_keys(kind, resources)
        ]
        if kind != "tool":  # the order of the other kinds has no meaning
            named.sort(key=lambda pair: pair[0])
        for key, resource in named:
            self.keys[kind, resource.id] = key
            self.resources[kind, key] = resource

    def _key(self, kind: str, id: Any) -> str | None:
        return self.keys.get((kind, id)) if isinstance(id, str) else None

    # --- properties ------------------------------------------------------------------------------

    def _entry(self, kind: str, key: str, resource: Resource) -> Object:
        raw = self._without_secrets(kind, key, comparable(KINDS[kind], resource.raw))
        entry: Object = {}
        for api_name, name in PROPERTIES[kind].items():
            if kind == "app" and name == "slug":
                continue
            value = (
                self._reference(kind, api_name, raw, resource) if (kind, api_name) in _REFERENCES else raw.get(api_name)
            )
            if value is not None:
                entry[name] = value
        for name in sorted(raw.keys() - PROPERTIES[kind].keys()):
            if self._is_portable(kind, key, name, raw[name]):
                entry[name] = raw[name]
        return normalized(kind, entry)

    def _reference(self, kind: str, api_name: str, raw: Object, resource: Resource) -> Any:
        """Return the value of one of `_REFERENCES` in the document, None if it has none."""
        value = raw.get(api_name)
        match kind, api_name:
            case "auth", "providerKey" if not isinstance(value, str):
                provider = self._provider(resource)
                return provider.text("key") or None if provider else None
            case "integration", "authId":
                return self._key("auth", value)
            case "tool", "binding":
                return self._binding(value) if isinstance(value, dict) else value
            case "tool", "nextToolIds":
                return [key for id in _list(value) if (key := self._key("tool", id)) is not None]
            case "widget", "toolId":
                return self._key("tool", value) or self._key("tool", self.tool_of_widget.get(resource.id))
            case "widget", "actions":
                return [self._action(action) for action in _list(value)]
        return value

    def _binding(self, binding: Object) -> Any:
        operation = self._key("operation", binding.get("integrationOperationId"))
        rest = {name: value for name, value in binding.items() if name != "integrationOperationId"}
        if operation is None:
            return without_binding_type(rest) or None
        return short_binding({"operation": operation} | rest)

    def _action(self, action: Any) -> Any:
        if not isinstance(action, dict):
            return action
        target = self._key("tool", action.get("targetToolId"))
        result = {name: value for name, value in action.items() if name not in ("targetToolId", "target", "id")}
        return result if target is None else result | {"target": target}

    def _is_portable(self, kind: str, key: str, name: str, value: Any) -> bool:
        """Return whether an unknown property can be in a document; report what is left out for another reason."""
        if name in KINDS[kind].fixed or (kind, name) in _WRITTEN_ELSEWHERE or _is_set_by_server(name, value):
            return False
        if name in {*PROPERTIES[kind].values(), WAS, OPERATIONS}:
            self._omit(kind, key, (name,), "the name means something else in a document")
            return False
        ids = [value] if isinstance(value, str) else _list(value)
        if name.endswith(("Id", "Ids")) and any(isinstance(id, str) and _ID.fullmatch(id) for id in ids):
            self._omit(kind, key, (name,), "ids differ from one drio to another")
            return False
        if any(id in self.all_ids for id in _strings(value)):
            self._omit(kind, key, (name,), "it holds the id of a resource, and ids differ from one drio to another")
            return False
        return True

    # --- secrets ---------------------------------------------------------------------------------

    def _without_secrets(self, kind: str, key: str, raw: Object) -> Object:
        """Return the resource without secrets and their masks, and report them."""
        result, lost = without_secrets(raw)
        removed: dict[Path, str] = dict.fromkeys(lost, "secrets are never exported")
        config = result.get("config")
        if kind == "auth":
            reference = result.get("secretRef")
            names = self._write_only_names(raw)
            stored = isinstance(reference, str) and _STORED_SECRET.fullmatch(reference) is not None
            paths: list[Path] = [("config", name) for name in names]
            if stored or any(path in removed or value_at(result, path) is not MISSING for path in paths):
                self.write_only[key] = tuple(paths)
                removed.update(dict.fromkeys(paths, "secrets are never exported"))
            if stored:
                result = with_value(result, ("secretRef",), None)
            for path in paths:
                result = with_value(result, path, MISSING)
        if kind in ("auth", "integration") and isinstance(config, dict):
            for mask_path in mask_paths(config, ("config",)):
                removed.setdefault(mask_path, "the server only shows a mask of it")
                result = with_value(result, mask_path, MISSING)
        for omitted_path, reason in removed.items():
            self._omit(kind, key, omitted_path, reason)
        return result

    def _write_only_names(self, raw: Object) -> list[str]:
        provider = next(
            (
                provider
                for provider in self.snapshot.resources("provider")
                if provider.id == raw.get("providerId") or provider.text("key") == raw.get("providerKey")
            ),
            None,
        )
        return [] if provider is None else _secret_names(provider)

    def _provider(self, resource: Resource) -> Resource | None:
        return self.snapshot.resource("provider", resource.text("providerId"))

    # --- references ------------------------------------------------------------------------------

    def _report_broken_references(self) -> None:
        for link in broken_links(self.snapshot):
            key = self._key(link.source[0], link.source[1])
            if key is not None and link.path != "integrationId" and link.target[0] != "provider":
                path = tuple(link.path.replace("[", ".").replace("]", "").split("."))
                target = KINDS[link.target[0]].title.lower()
                self._omit(link.source[0], key, path, f"the {target} it names does not exist")
        for tool in self.snapshot.resources("tool"):
            widget = self.snapshot.resource("widget", tool.text("widgetId"))
            tool_key = self._key("tool", tool.id)
            if tool_key is not None and widget is not None and widget.text("toolId") not in ("", tool.id):
                self._omit("tool", tool_key, ("widgetId",), "its widget belongs to another tool")


def _with_keys(kind: str, resources: Iterable[Resource]) -> Iterator[tuple[str, Resource]]:
    """Yield each resource with a unique key, those first that have a valid one already."""
    taken: set[str] = set()
    keys: dict[str, str] = {}
    resources = list(resources)
    for resource in resources:
        key = resource.text("slug" if kind == "app" else "key")
        if re.fullmatch(KEY, key) and key not in taken:
            keys[resource.id] = key
            taken.add(key)
    for resource in resources:
        if resource.id not in keys:
            call = f"{resource.text('method')} {resource.text('path')}" if kind == "operation" else ""
            key = kebab(resource.text("key")) or kebab(call) or kebab(resource.text("name"), kind)
            keys[resource.id] = unused(key, taken)
            taken.add(keys[resource.id])
    return ((keys[resource.id], resource) for resource in resources)


def _is_set_by_server(name: str, value: Any) -> bool:
    """Return whether an unknown property is an id, a status, a hash, a version or a timestamp."""
    if name in _SET_BY_SERVER:
        return True
    is_text = isinstance(value, str)
    return is_text and (name.endswith("Hash") or (name.endswith("At") and _TIME.fullmatch(value) is not None))


def mask_paths(value: Object, path: Path) -> Iterator[Path]:
    """Yield the paths of the values that are masks of secrets, or lists with one."""
    for name, item in value.items():
        if isinstance(item, dict):
            yield from mask_paths(item, (*path, name))
        elif any(_MASK.fullmatch(text) for text in [*_list(item), item] if isinstance(text, str)):
            yield (*path, name)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _secret_names(provider: Resource) -> list[str]:
    """Return the names of the properties in the `config` of a provider's connections that are secret."""
    schema = provider.get("configSchema")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return [
        name
        for name, property_schema in (properties.items() if isinstance(properties, dict) else ())
        if is_secret_schema(property_schema)
    ]
