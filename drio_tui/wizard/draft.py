"""The answers given in the wizard for one app, and how far its creation got, as plain data that a file can hold.

Resources of the app have refs until they have ids: `draft:tool:search-contacts` for a resource of the template,
`draft:tool:+1` for an added one. A ref is used wherever an id would be (a binding, a chain, a parent).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from drio_tui.api import json_codec
from drio_tui.api.errors import UsageError
from drio_tui.kinds import KINDS
from drio_tui.naming import NAME_MAX
from drio_tui.plan.state import StepState, known_from_json, state_from_json, state_to_json
from drio_tui.text import visible
from drio_tui.workspace.saving.merge import dotted
from drio_tui.workspace.saving.unsaved_edits import SECRETIVE
from drio_tui.workspace.saving.without_secrets import without_paths, without_secrets

VERSION = 1
BASICS = ("name", "slug", "companyUrl", "description", "serverInstructions")
"""The properties of the app that the user types on the basics page."""

Object = dict[str, Any]


@dataclass(slots=True)
class FormValue:
    """The object that a form was filled in with.

    `shown` is `full` without the write-only properties of the form's schema. Only `shown` is stored, without properties
    whose names are those of secrets; `lost` holds the dotted paths of what has to be typed again. `turn` counts the
    edits.
    """

    full: Object = field(repr=False)
    shown: Object = field(default_factory=dict, repr=False)
    lost: tuple[str, ...] = ()
    turn: int = 0

    def fingerprint(self, kind: str) -> str:
        """Return a text without secrets that differs after every edit."""
        return json_codec.dumps([self.turn, self.storable(kind)[0]])

    def edit(self, full: Object, shown: Object) -> None:
        """Replace the value. Nothing is lost any more: the user has typed it again or left it out."""
        self.full, self.shown, self.lost = full, shown, ()
        self.turn += 1

    def storable(self, kind: str) -> tuple[Object, tuple[str, ...]]:
        """Return what may be stored in a file, and the dotted paths of what may not."""
        stored, stripped = without_secrets(self.shown) if kind in SECRETIVE else (self.shown, ())
        missing = [*self.lost, *(dotted(path) for path in stripped), *_missing(self.full, stored, "")]
        lost = tuple(dict.fromkeys(missing))
        return without_paths(stored, lost), lost


@dataclass(slots=True)
class AddedResource:
    """A resource that the template does not contain. Its body is that of the POST, with refs instead of ids."""

    ref: str
    kind: str
    filled: FormValue

    @property
    def body(self) -> Object:
        """The body of the POST; it may hold secrets."""
        return self.filled.full

    @property
    def name(self) -> str:
        """Its name, not yet sanitized."""
        return KINDS[self.kind].label(self.body)


@dataclass(frozen=True, slots=True)
class TemplateResource:
    """A resource that the app got from its template, as read after the app was created."""

    ref: str
    kind: str
    id: str
    key: str
    name: str
    parent: str = ""


@dataclass(slots=True)
class Draft:
    """The state of an app that is being created.

    `server` (a `server_id`) is the drio it is created on. `basics` are the texts as typed; `own_slug`: the user edited
    the slug, so it no longer follows the name. `branding` is the complete branding as edited, None while it is the
    template's. By ref: `auth` the filled-in configs, `names` the new names, `dropped` the resources left out. `app`
    (its id) and `brought` (the template's resources in it) are set once the app exists; `sent` is the body it was
    created with. `steps` and `known` are the state of the plan (`PlanState`). `page` is the page last shown, `group`
    the undo group of the changes. `ended`: the app is complete and the draft is no longer offered.
    """

    profile: str
    server: str
    id: str = field(default_factory=lambda: secrets.token_hex(12))
    at: float = 0.0
    page: str = "template"
    template: Object | None = field(default=None, repr=False)
    basics: dict[str, str] = field(default_factory=dict)
    own_slug: bool = False
    branding: Object | None = None
    auth: dict[str, FormValue] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    added: list[AddedResource] = field(default_factory=list)
    count: int = 0
    app: str = ""
    sent: Object | None = field(default=None, repr=False)
    brought: list[TemplateResource] | None = None
    steps: dict[str, StepState] = field(default_factory=dict)
    known: dict[str, list[str]] = field(default_factory=dict)
    group: str = field(default_factory=lambda: secrets.token_hex(8))
    ended: bool = False

    # -- queries ----------------------------------------------------------------------------------

    @property
    def template_id(self) -> str:
        """The template's id; empty while none is chosen."""
        id = (self.template or {}).get("id")
        return id if isinstance(id, str) else ""

    @property
    def name(self) -> str:
        """The app's name, by default the template's. Not yet sanitized."""
        return self.basics.get("name", "").strip() or self.template_name or "New app"

    @property
    def suggested_name(self) -> str:
        """The name that the wizard suggests: the template's, cut to one line of at most `NAME_MAX` characters."""
        return visible(self.template_name[:NAME_MAX])[:NAME_MAX]

    @property
    def template_name(self) -> str:
        """The template's name, not yet sanitized."""
        name = (self.template or {}).get("name")
        return name if isinstance(name, str) else ""

    @property
    def started(self) -> bool:
        """Whether the draft holds anything worth storing."""
        return bool(self.template or self.app or self.added or any(self.basics.values()))

    @property
    def lost(self) -> dict[str, tuple[str, ...]]:
        """By ref, the paths of the secrets that were not stored and have to be typed again."""
        lost = {ref: filled.lost for ref, filled in self.auth.items() if filled.lost}
        lost |= {resource.ref: resource.filled.lost for resource in self.added if resource.filled.lost}
        return {ref: paths for ref, paths in lost.items() if not self.is_done(f"create:{ref}", f"change:{ref}")}

    def step(self, id: str) -> StepState:
        """Return the state of a step, created when the step has none yet."""
        return self.steps.setdefault(id, StepState())

    def is_done(self, *ids: str) -> bool:
        """Return whether one of these steps is done."""
        return any(id in self.steps and self.steps[id].state == "done" for id in ids)

    # -- changes ----------------------------------------------------------------------------------

    def choose(self, template: Object) -> None:
        """Start from a template.

        Answers about the resources of a template chosen before are discarded, and so is a name that was only suggested;
        what the user typed stays. Raises `UsageError` once the app exists.
        """
        if self.app:
            raise UsageError("the app exists already, so its template cannot be changed")
        if template.get("id") != self.template_id:
            added_refs = {resource.ref for resource in self.added}
            self.names = {ref: name for ref, name in self.names.items() if ref in added_refs}
            self.dropped, self.auth = [], {}
            if self.basics.get("name") == self.suggested_name:
                del self.basics["name"]
        self.template = template

    def add(self, kind: str, full: Object, shown: Object | None = None) -> AddedResource:
        """Add a new resource and return it with its ref."""
        self.count += 1
        resource = AddedResource(
            f"draft:{kind}:+{self.count}", kind, FormValue(full, dict(full) if shown is None else shown)
        )
        self.added.append(resource)
        return resource

    def remove(self, ref: str) -> None:
        """Remove an added resource and those that cannot exist without it, and the references to them."""
        removed = {ref}
        while more := {
            resource.ref for resource in self.added if resource.ref not in removed and _depends_on(resource, removed)
        }:
            removed |= more
        self.added = [resource for resource in self.added if resource.ref not in removed]
        for resource in self.added:
            resource.filled.full = _without_references(resource.filled.full, removed)
            resource.filled.shown = _without_references(resource.filled.shown, removed)
        for removed_ref in removed:
            self.names.pop(removed_ref, None)

    def added_resource(self, ref: str) -> AddedResource | None:
        """Return the added resource with this ref, or None."""
        return next((resource for resource in self.added if resource.ref == ref), None)


# -- to and from JSON -------------------------------------------------------------------------------


def to_json(draft: Draft) -> Object:
    """Return the draft as stored in its file, without secrets."""

    def form_value(filled: FormValue, kind: str) -> Object:
        shown, lost = filled.storable(kind)
        return {"shown": shown, "lost": [*lost], "turn": filled.turn}

    return {
        "v": VERSION,
        **{_file_key(name): getattr(draft, name) for name in _PLAIN},
        "auth": {ref: form_value(filled, "auth") for ref, filled in draft.auth.items()},
        "added": [
            {"ref": resource.ref, "kind": resource.kind, **form_value(resource.filled, resource.kind)}
            for resource in draft.added
        ],
        "brought": None
        if draft.brought is None
        else [[getattr(resource, name) for name in _BROUGHT] for resource in draft.brought],
        "steps": {id: state_to_json(state) for id, state in draft.steps.items()},
        "known": {key: [*ids] for key, ids in draft.known.items()},
    }


def from_json(value: Any) -> Draft | None:
    """Return the draft that a file holds; None for one of a newer version.

    Raises `ValueError`, `KeyError` or `TypeError`.
    """
    if not isinstance(value, dict) or not isinstance(value.get("v"), int):
        raise ValueError("it is not a draft")
    if value["v"] != VERSION:
        return None
    plain = {name: value[_file_key(name)] for name in _PLAIN}
    draft = Draft(**plain)
    for name, type_ in _TYPES.items():
        if not isinstance(getattr(draft, name), type_):
            raise ValueError(f"{name} is not what it should be")
    if not all(isinstance(text, str) for text in (*draft.basics.values(), *draft.names.values(), *draft.dropped)):
        raise ValueError("it is not a draft")
    draft.auth = {str(ref): _form_value(item) for ref, item in value["auth"].items()}
    draft.added = [AddedResource(_text(item["ref"]), _kind(item["kind"]), _form_value(item)) for item in value["added"]]
    if value["brought"] is not None:
        draft.brought = [TemplateResource(*(_text(field) for field in fields)) for fields in value["brought"]]
    draft.steps = {str(id): state_from_json(item) for id, item in value["steps"].items()}
    draft.known = known_from_json(value.get("known", {}))  # drafts of earlier versions have none
    return draft


_PLAIN = (
    "profile", "server", "id", "at", "page", "template", "basics", "own_slug", "branding", "names", "dropped",
    "count", "app", "sent", "group", "ended",
)  # fmt: skip
_BROUGHT = ("ref", "kind", "id", "key", "name", "parent")
_TYPES: dict[str, Any] = {
    "profile": str, "server": str, "id": str, "at": int | float, "page": str, "template": dict | None,
    "basics": dict, "own_slug": bool, "branding": dict | None, "names": dict, "dropped": list, "count": int,
    "app": str, "sent": dict | None, "group": str, "ended": bool,
}  # fmt: skip


def _file_key(name: str) -> str:
    """Return the key in the file; `server` is stored as `base_url`, as in files of earlier versions."""
    return "base_url" if name == "server" else name


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("it is not a draft")
    return value


def _kind(value: Any) -> str:
    if value not in KINDS:
        raise ValueError(f"there is no kind {value!r}")
    return str(value)


def _form_value(value: Mapping[str, Any]) -> FormValue:
    shown, lost = value["shown"], value["lost"]
    if not isinstance(shown, dict) or not all(isinstance(path, str) for path in lost):
        raise ValueError("it is not a draft")
    return FormValue(dict(shown), shown, tuple(lost), int(value["turn"]))


def _missing(full: Object, kept: Object, at: str) -> list[str]:
    missing: list[str] = []
    for name, value in full.items():
        path = f"{at}.{name}" if at else name
        if name not in kept:
            missing.append(path)
        elif isinstance(value, dict) and isinstance(kept[name], dict):
            missing += _missing(value, kept[name], path)
    return missing


# -- references among added resources ---------------------------------------------------------------


def refs_in(value: Any) -> set[str]:
    """Return every ref in a JSON value."""
    if isinstance(value, str):
        return {value} if value.startswith("draft:") else set()
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {ref for item in inner for ref in refs_in(item)}


def _depends_on(resource: AddedResource, removed: set[str]) -> bool:
    kind = KINDS[resource.kind]
    required = [resource.body.get(kind.parent[0])] if kind.parent else []
    if resource.kind == "widget":
        required.append(resource.body.get("toolId"))
    return any(ref in removed for ref in required)


def _without_references(body: Object, removed: set[str]) -> Object:
    """Return the body without references to removed resources."""
    result: Object = {}
    for name, value in body.items():
        if isinstance(value, str) and value in removed:
            continue
        if isinstance(value, dict) and refs_in(value) & removed:
            if name == "binding":
                continue
            result[name] = _without_references(value, removed)
        elif isinstance(value, list) and refs_in(value) & removed:
            result[name] = [item for item in value if not refs_in(item) & removed]
        else:
            result[name] = value
    return result
