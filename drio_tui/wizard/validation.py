"""The steps of the wizard, in order, and what is wrong or worth a look on each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from drio_tui.kinds import KINDS
from drio_tui.wizard.draft import BASICS, Draft, Object
from drio_tui.wizard.new_app import check
from drio_tui.wizard.template_parts import by_ref, parts

PAGES = ("template", "basics", "branding", "auth", "api", "tools", "review", "create")
"""Every step of the wizard, in order."""

PAGE_OF = {"auth": "auth", "integration": "api", "operation": "api", "tool": "tools", "widget": "tools"}
"""On which step the resources of a kind are."""

_BRANDING = ("primaryColor", "accentColor", "backgroundColor", "fontFamily", "borderRadius")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about the answers. `error`: the app cannot be made so. `path` is a member, `ref` a resource.

    `message` may name resources of the app and is not yet safe to show.
    """

    page: str
    severity: Literal["error", "warning"]
    message: str
    path: str = ""
    ref: str = ""


def app_body(draft: Draft) -> Object:
    """The body of POST /apps: what was filled in, and of the branding what differs from the template's."""
    body: Object = {"templateId": draft.template_id}
    for name in BASICS:
        if text := draft.basics.get(name, "").strip():
            body[name] = text
    given = (draft.template or {}).get("branding")
    base = given if isinstance(given, dict) else {}
    branding = {name: value for name, value in (draft.branding or {}).items() if base.get(name) != value}
    if branding:
        body["branding"] = branding
    return body


def findings(draft: Draft, taken: Mapping[str, str] | None = None) -> list[Finding]:
    """Everything, step by step. `taken` maps slugs in use to the names of their apps."""
    found = [*_template(draft), *_app(draft, taken or {}), *_parts(draft), *_refused(draft)]
    return sorted(found, key=lambda one: PAGES.index(one.page))


def errors(draft: Draft, page: str, taken: Mapping[str, str] | None = None) -> list[Finding]:
    """What keeps a person from going on from a step."""
    return [one for one in findings(draft, taken) if one.page == page and one.severity == "error"]


def _template(draft: Draft) -> Iterator[Finding]:
    if not draft.template_id:
        yield Finding("template", "error", "Choose the template to start from.")


def _app(draft: Draft, taken: Mapping[str, str]) -> Iterator[Finding]:
    values = {name: draft.basics.get(name, "") for name in ("name", "slug", "companyUrl")}
    branding = app_body(draft).get("branding", {})
    for name in _BRANDING:
        if isinstance(branding.get(name), str):
            values[f"branding.{name}"] = branding[name]
    others = {slug: name for slug, name in taken.items() if not draft.app}
    for path, message in check(draft.template_id or "-", values, others).items():
        yield Finding("branding" if path.startswith("branding") else "basics", "error", message, path)
    if len(draft.basics.get("description", "")) > 1000:
        yield Finding("basics", "warning", "The description is long: models read it with every request.", "description")


def _parts(draft: Draft) -> Iterator[Finding]:
    present = by_ref(draft)
    for ref, paths in draft.lost.items():
        part = present.get(ref)
        if part is not None and part.kept:
            said = f"{part.name}: type {', '.join(paths)} again; secrets are not kept in a draft."
            yield Finding(PAGE_OF[part.kind], "warning", said, ref=ref)
    for part in present.values():
        if part.kept and not 0 < len(part.name.strip()) <= 200:
            yield Finding(PAGE_OF[part.kind], "error", "Give it a name of at most 200 characters.", "name", part.ref)
    names = Counter((part.kind, part.name.strip().casefold()) for part in present.values() if part.kept)
    for part in present.values():
        page, title = PAGE_OF[part.kind], KINDS[part.kind].title.lower()
        if part.kept and names[part.kind, part.name.strip().casefold()] > 1 and part.kind in ("tool", "widget"):
            yield Finding(page, "warning", f"Another {title} is called {part.name}, too.", "name", part.ref)
        if part.kind == "tool" and part.kept and part.own:
            if not part.text.strip():
                said = f"{part.name} has no description: models will not know when to call it."
                yield Finding(page, "warning", said, "description", part.ref)
            if not isinstance(part.raw.get("binding"), dict):
                said = f"{part.name} calls nothing: an app cannot be deployed with such a tool."
                yield Finding(page, "warning", said, "binding", part.ref)
    tools = [part for part in parts(draft, "tool") if part.kept]
    if not tools and draft.template_id:
        yield Finding("tools", "warning", "The app has no tools yet: there is nothing for a model to call.")


def _refused(draft: Draft) -> Iterator[Finding]:
    """What drio refused, as long as it is as it was refused."""
    if draft.app:
        return
    state = draft.steps.get("app")
    if state is None or state.state != "failed" or not draft.sent:
        return
    now = app_body(draft)
    for path, why in state.fields.items():
        head = path.partition(".")[0]
        if now.get(head) == draft.sent.get(head):
            page = "branding" if head == "branding" else "template" if head == "templateId" else "basics"
            yield Finding(page, "warning", why, path)
