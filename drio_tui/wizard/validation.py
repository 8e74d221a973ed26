"""The steps of the wizard in order, and the errors and warnings about the answers given on each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from drio_tui.kinds import KINDS
from drio_tui.text import one_line
from drio_tui.wizard.draft import BASICS, Draft, Object
from drio_tui.wizard.new_app import validate
from drio_tui.wizard.template_parts import by_ref, parts

PAGES = ("template", "basics", "branding", "auth", "api", "tools", "review", "create")
"""Every step of the wizard, in order."""

PAGE_OF = {"auth": "auth", "integration": "api", "operation": "api", "tool": "tools", "widget": "tools"}
"""The step that shows the resources of a kind."""

_BRANDING = ("primaryColor", "accentColor", "backgroundColor", "fontFamily", "borderRadius")


@dataclass(frozen=True, slots=True)
class DraftDiagnostic:
    """An error or a warning about the answers; with an error, the app cannot be created.

    `path` is the path of a property, `ref` the ref of a resource. `message` may contain names of resources and is not
    yet sanitized.
    """

    page: str
    severity: Literal["error", "warning"]
    message: str
    path: str = ""
    ref: str = ""


def app_body(draft: Draft) -> Object:
    """Return the body of POST /apps: the filled-in properties; of the branding only what differs from the template."""
    body: Object = {"templateId": draft.template_id}
    for name in BASICS:
        if text := draft.basics.get(name, "").strip():
            body[name] = text
    default = (draft.template or {}).get("branding")
    base = default if isinstance(default, dict) else {}
    branding = {name: value for name, value in (draft.branding or {}).items() if base.get(name) != value}
    if branding:
        body["branding"] = branding
    return body


def diagnostics(
    draft: Draft, taken: Mapping[str, str] | None = None, pages: Sequence[str] = PAGES
) -> list[DraftDiagnostic]:
    """Return the errors and warnings of these steps, in their order. `taken` maps slugs in use to their apps' names."""
    app = _app(draft, taken or {}) if "basics" in pages or "branding" in pages else ()
    unsorted = [*_template(draft), *app, *_parts(draft), *_rejected(draft)]
    of_pages = [diagnostic for diagnostic in unsorted if diagnostic.page in pages]
    return sorted(of_pages, key=lambda diagnostic: PAGES.index(diagnostic.page))


def errors(draft: Draft, page: str, taken: Mapping[str, str] | None = None) -> list[DraftDiagnostic]:
    """Return the errors of a step, which have to be fixed before the next one is shown."""
    return [diagnostic for diagnostic in diagnostics(draft, taken, (page,)) if diagnostic.severity == "error"]


def _template(draft: Draft) -> Iterator[DraftDiagnostic]:
    if not draft.template_id:
        yield DraftDiagnostic("template", "error", "Choose the template to start from.")


def _app(draft: Draft, taken: Mapping[str, str]) -> Iterator[DraftDiagnostic]:
    values = {name: draft.basics.get(name, "") for name in ("name", "slug", "companyUrl")}
    branding = app_body(draft).get("branding", {})
    for name in _BRANDING:
        if isinstance(branding.get(name), str):
            values[f"branding.{name}"] = branding[name]
    others = {slug: name for slug, name in taken.items() if not draft.app}
    for path, message in validate(draft.template_id or "-", values, others).items():
        yield DraftDiagnostic("branding" if path.startswith("branding") else "basics", "error", message, path)
    if len(draft.basics.get("description", "")) > 1000:
        yield DraftDiagnostic(
            "basics", "warning", "The description is long: models read it with every request.", "description"
        )


def _parts(draft: Draft) -> Iterator[DraftDiagnostic]:
    parts_by_ref = by_ref(draft)
    for ref, paths in draft.lost.items():
        part = parts_by_ref.get(ref)
        if part is not None and part.kept:
            message = f"{part.name}: type {', '.join(paths)} again; secrets are not kept in a draft."
            yield DraftDiagnostic(PAGE_OF[part.kind], "warning", message, ref=ref)
    for part in parts_by_ref.values():
        named_here = part.added or part.name != part.template_name  # drio has accepted the names of its template
        if part.kept and named_here and not 0 < len(part.name.strip()) <= 200:
            resource = f"{KINDS[part.kind].title.lower()} {one_line(part.template_name or part.name, 40)}".strip()
            message = f"Give the {resource} a name of at most 200 characters."
            yield DraftDiagnostic(PAGE_OF[part.kind], "error", message, "name", part.ref)
    names = Counter((part.kind, part.name.strip().casefold()) for part in parts_by_ref.values() if part.kept)
    for part in parts_by_ref.values():
        page, title = PAGE_OF[part.kind], KINDS[part.kind].title.lower()
        if part.kept and names[part.kind, part.name.strip().casefold()] > 1 and part.kind in ("tool", "widget"):
            yield DraftDiagnostic(page, "warning", f"Another {title} is called {part.name}, too.", "name", part.ref)
        if part.kind == "tool" and part.kept and part.added:
            if not part.description.strip():
                message = f"{part.name} has no description: models will not know when to call it."
                yield DraftDiagnostic(page, "warning", message, "description", part.ref)
            if not isinstance(part.raw.get("binding"), dict):
                message = f"{part.name} calls nothing: an app cannot be deployed with such a tool."
                yield DraftDiagnostic(page, "warning", message, "binding", part.ref)
    tools = [part for part in parts(draft, "tool") if part.kept]
    if not tools and draft.template_id:
        yield DraftDiagnostic("tools", "warning", "The app has no tools yet: there is nothing for a model to call.")


def _rejected(draft: Draft) -> Iterator[DraftDiagnostic]:
    """Yield the properties that drio rejected and that were not edited since."""
    if draft.app:
        return
    state = draft.steps.get("app")
    if state is None or state.state != "failed" or not draft.sent:
        return
    current = app_body(draft)
    for path, message in state.fields.items():
        name = path.partition(".")[0]
        if current.get(name) == draft.sent.get(name):
            page = "branding" if name == "branding" else "template" if name == "templateId" else "basics"
            yield DraftDiagnostic(page, "warning", message, path)
