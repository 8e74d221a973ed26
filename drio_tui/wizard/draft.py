"""The answers of one guided creation, and how far it got: plain data that goes to a file and comes back whole.

Resources of the app go by refs until they have ids: `draft:tool:search-contacts` for what the template brings,
`draft:tool:+1` for what was added. A ref stands wherever an id would (a binding, a chain, a parent).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from drio_tui.api import json_codec
from drio_tui.api.errors import UsageError
from drio_tui.kinds import KINDS
from drio_tui.naming import NAME_MAX
from drio_tui.text import visible
from drio_tui.workspace.saving.journal import strip
from drio_tui.workspace.saving.merge import dotted
from drio_tui.workspace.saving.undo import without
from drio_tui.workspace.saving.unsaved_edits import SECRETIVE

VERSION = 1
BASICS = ("name", "slug", "companyUrl", "description", "serverInstructions")
"""The texts that a person types about the app itself."""

Object = dict[str, Any]
Progress = Literal["todo", "sent", "done", "failed", "skipped"]
_PROGRESS = frozenset({"todo", "sent", "done", "failed", "skipped"})


@dataclass(slots=True)
class FilledConnection:
    """An object that was filled in. `shown` is `whole` without what its form knows to be write-only.

    Only `shown` is kept, without what has a secret's name; `lost` are dotted paths of what is to be typed again.
    `turn` grows with every edit.
    """

    whole: Object = field(repr=False)
    shown: Object = field(default_factory=dict, repr=False)
    lost: tuple[str, ...] = ()
    turn: int = 0

    def mark(self, kind: str) -> str:
        """A text that is another one after every edit, without secrets."""
        return json_codec.dumps([self.turn, self.kept(kind)[0]])

    def edit(self, whole: Object, shown: Object) -> None:
        """Hold what was filled in anew; what was lost is there again, or is not wanted."""
        self.whole, self.shown, self.lost = whole, shown, ()
        self.turn += 1

    def kept(self, kind: str) -> tuple[Object, tuple[str, ...]]:
        """What may be written down, and the paths of what may not."""
        found, stripped = strip(self.shown) if kind in SECRETIVE else (self.shown, ())
        gone = [*self.lost, *(dotted(path) for path in stripped), *_missing(self.whole, found, "")]
        lost = tuple(dict.fromkeys(gone))
        return without(found, lost), lost


@dataclass(slots=True)
class AddedResource:
    """Something that the template does not bring. Its body is that of the POST, with refs in the place of ids."""

    ref: str
    kind: str
    filled: FilledConnection

    @property
    def body(self) -> Object:
        """The body of the POST; it may hold secrets."""
        return self.filled.whole

    @property
    def name(self) -> str:
        """What it is called. Not yet safe to show."""
        return KINDS[self.kind].label(self.body)


@dataclass(frozen=True, slots=True)
class TemplateResource:
    """A resource that the app got from its template, as it was found after the app was created."""

    ref: str
    kind: str
    id: str
    key: str
    name: str
    parent: str = ""


@dataclass(slots=True)
class StepState:
    """How far one request got.

    `known` are the ids that were there before it was sent, `made` is the id it made, `mark` what was sent (a
    digest), `said` by what name it went. `why` says why it failed or was skipped (not yet safe to show), `fields`
    which members were refused, by path. `maybe`: it may have been carried out though no answer came. `own`: the
    person skipped it. `at` is when it was sent, in seconds since the epoch.
    """

    state: Progress = "todo"
    made: str = ""
    known: tuple[str, ...] = ()
    mark: str = ""
    said: dict[str, str] = field(default_factory=dict)
    why: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    maybe: bool = False
    own: bool = False
    at: float = 0.0


@dataclass(slots=True)
class Draft:
    """Everything about an app that is being made.

    `server` (a `server_id`) is where. `basics` are texts as typed; `own_slug` says that the slug no longer follows
    the name. `branding` is the whole branding as edited, None while it is the template's. By ref: `auth` the configs
    filled in, `names` new names, `dropped` what is not to be kept. `brought` and `app` are there once the app is;
    `sent` is the body it was created with. `page` is where the person was, `group` what the changes are undone by
    together, `ended` says that the app is made and the draft is no longer offered.
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
    auth: dict[str, FilledConnection] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    added: list[AddedResource] = field(default_factory=list)
    count: int = 0
    app: str = ""
    sent: Object | None = field(default=None, repr=False)
    brought: list[TemplateResource] | None = None
    steps: dict[str, StepState] = field(default_factory=dict)
    group: str = field(default_factory=lambda: secrets.token_hex(8))
    ended: bool = False

    # -- what it says -----------------------------------------------------------------------------

    @property
    def template_id(self) -> str:
        """The template's id; empty while none is chosen."""
        found = (self.template or {}).get("id")
        return found if isinstance(found, str) else ""

    @property
    def name(self) -> str:
        """What the app is to be called, or what stands for it. Not yet safe to show."""
        return self.basics.get("name", "").strip() or self.template_name or "New app"

    @property
    def suggested_name(self) -> str:
        """The name that the wizard fills in: the template's, as one short line that can be edited."""
        return visible(self.template_name[:NAME_MAX])[:NAME_MAX]

    @property
    def template_name(self) -> str:
        """What the template is called. Not yet safe to show."""
        found = (self.template or {}).get("name")
        return found if isinstance(found, str) else ""

    @property
    def started(self) -> bool:
        """Whether there is anything worth keeping."""
        return bool(self.template or self.app or self.added or any(self.basics.values()))

    @property
    def lost(self) -> dict[str, tuple[str, ...]]:
        """By ref, the secrets that were typed once and have to be typed again."""
        found = {ref: filled.lost for ref, filled in self.auth.items() if filled.lost}
        found |= {one.ref: one.filled.lost for one in self.added if one.filled.lost}
        return {ref: paths for ref, paths in found.items() if not self.is_done(f"create:{ref}", f"change:{ref}")}

    def step(self, id: str) -> StepState:
        """How far a step got."""
        return self.steps.setdefault(id, StepState())

    def is_done(self, *ids: str) -> bool:
        """Whether one of these steps is done."""
        return any(id in self.steps and self.steps[id].state == "done" for id in ids)

    # -- changing it ------------------------------------------------------------------------------

    def choose(self, template: Object) -> None:
        """Start from a template. What belongs to another one chosen before is dropped, also a name that was
        only suggested; what was typed stays.

        Raises `UsageError` once the app exists.
        """
        if self.app:
            raise UsageError("the app exists already, so its template cannot be changed")
        if template.get("id") != self.template_id:
            mine = {one.ref for one in self.added}
            self.names = {ref: name for ref, name in self.names.items() if ref in mine}
            self.dropped, self.auth = [], {}
            if self.basics.get("name") == self.suggested_name:
                del self.basics["name"]
        self.template = template

    def add(self, kind: str, whole: Object, shown: Object | None = None) -> AddedResource:
        """Take in something new; gives it with its ref."""
        self.count += 1
        made = AddedResource(
            f"draft:{kind}:+{self.count}", kind, FilledConnection(whole, dict(whole) if shown is None else shown)
        )
        self.added.append(made)
        return made

    def remove(self, ref: str) -> None:
        """Forget something that was added, with everything that cannot be without it; others let go of it."""
        doomed = {ref}
        while more := {one.ref for one in self.added if one.ref not in doomed and _needs(one, doomed)}:
            doomed |= more
        self.added = [one for one in self.added if one.ref not in doomed]
        for one in self.added:
            one.filled.whole = _let_go(one.filled.whole, doomed)
            one.filled.shown = _let_go(one.filled.shown, doomed)
        for gone in doomed:
            self.names.pop(gone, None)

    def one_added(self, ref: str) -> AddedResource | None:
        """What was added under a ref."""
        return next((one for one in self.added if one.ref == ref), None)


# -- to and from JSON -------------------------------------------------------------------------------


def to_json(draft: Draft) -> Object:
    """The draft as it is written down: without secrets."""

    def filled(one: FilledConnection, kind: str) -> Object:
        shown, lost = one.kept(kind)
        return {"shown": shown, "lost": [*lost], "turn": one.turn}

    return {
        "v": VERSION,
        **{_written(name): getattr(draft, name) for name in _PLAIN},
        "auth": {ref: filled(one, "auth") for ref, one in draft.auth.items()},
        "added": [{"ref": one.ref, "kind": one.kind, **filled(one.filled, one.kind)} for one in draft.added],
        "brought": None if draft.brought is None else [[getattr(b, n) for n in _BROUGHT] for b in draft.brought],
        "steps": {id: {n: _plain(getattr(state, n)) for n in _STATE} for id, state in draft.steps.items()},
    }


def from_json(value: Any) -> Draft | None:
    """The draft of a file; None for one of a newer version. Raises `ValueError`, `KeyError` or `TypeError`."""
    if not isinstance(value, dict) or not isinstance(value.get("v"), int):
        raise ValueError("it is no draft")
    if value["v"] != VERSION:
        return None
    plain = {name: value[_written(name)] for name in _PLAIN}
    made = Draft(**plain)
    for name, kind in _TYPES.items():
        if not isinstance(getattr(made, name), kind):
            raise ValueError(f"{name} is not what it should be")
    if not all(isinstance(text, str) for text in (*made.basics.values(), *made.names.values(), *made.dropped)):
        raise ValueError("it is no draft")
    made.auth = {str(ref): _filled(one) for ref, one in value["auth"].items()}
    made.added = [AddedResource(_text(one["ref"]), _kind(one["kind"]), _filled(one)) for one in value["added"]]
    if value["brought"] is not None:
        made.brought = [TemplateResource(*(_text(item) for item in one)) for one in value["brought"]]
    for id, state in value["steps"].items():
        found = StepState(**{name: state[name] for name in _STATE})
        found.known = tuple(_text(one) for one in found.known)
        if found.state not in _PROGRESS or not isinstance(found.fields, dict) or not isinstance(found.said, dict):
            raise ValueError("it is no draft")
        made.steps[str(id)] = found
    return made


_PLAIN = (
    "profile", "server", "id", "at", "page", "template", "basics", "own_slug", "branding", "names", "dropped",
    "count", "app", "sent", "group", "ended",
)  # fmt: skip
_STATE = ("state", "made", "known", "mark", "said", "why", "fields", "maybe", "own", "at")
_BROUGHT = ("ref", "kind", "id", "key", "name", "parent")
_TYPES: dict[str, Any] = {
    "profile": str, "server": str, "id": str, "at": int | float, "page": str, "template": dict | None,
    "basics": dict, "own_slug": bool, "branding": dict | None, "names": dict, "dropped": list, "count": int,
    "app": str, "sent": dict | None, "group": str, "ended": bool,
}  # fmt: skip


def _written(name: str) -> str:
    """The name in the file: earlier versions kept a base URL."""
    return "base_url" if name == "server" else name


def _plain(value: Any) -> Any:
    return [*value] if isinstance(value, tuple) else value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("it is no draft")
    return value


def _kind(value: Any) -> str:
    if value not in KINDS:
        raise ValueError(f"there is no kind {value!r}")
    return str(value)


def _filled(value: Mapping[str, Any]) -> FilledConnection:
    shown, lost = value["shown"], value["lost"]
    if not isinstance(shown, dict) or not all(isinstance(path, str) for path in lost):
        raise ValueError("it is no draft")
    return FilledConnection(dict(shown), shown, tuple(lost), int(value["turn"]))


def _missing(whole: Object, kept: Object, at: str) -> list[str]:
    found: list[str] = []
    for name, value in whole.items():
        path = f"{at}.{name}" if at else name
        if name not in kept:
            found.append(path)
        elif isinstance(value, dict) and isinstance(kept[name], dict):
            found += _missing(value, kept[name], path)
    return found


# -- references among what was added ----------------------------------------------------------------


def refs_in(value: Any) -> set[str]:
    """Every ref that stands somewhere in a JSON value."""
    if isinstance(value, str):
        return {value} if value.startswith("draft:") else set()
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {ref for one in inner for ref in refs_in(one)}


def _needs(one: AddedResource, gone: set[str]) -> bool:
    kind = KINDS[one.kind]
    held = [one.body.get(kind.parent[0])] if kind.parent else []
    if one.kind == "widget":
        held.append(one.body.get("toolId"))
    return any(ref in gone for ref in held)


def _let_go(body: Object, gone: set[str]) -> Object:
    """The body without its references to what is gone."""
    found: Object = {}
    for name, value in body.items():
        if isinstance(value, str) and value in gone:
            continue
        if isinstance(value, dict) and refs_in(value) & gone:
            if name == "binding":
                continue
            found[name] = _let_go(value, gone)
        elif isinstance(value, list) and refs_in(value) & gone:
            found[name] = [one for one in value if not refs_in(one) & gone]
        else:
            found[name] = value
    return found
