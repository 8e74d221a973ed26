"""The pages of an edit screen, made from what was loaded: form, editors of the kind, Model page and JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from textual.widget import Widget

from drio_tui.kinds import KINDS, Kind
from drio_tui.schema.form import FormModel
from drio_tui.schema.resolve import Json
from drio_tui.ui.base.services import body_schema, reference_options, without_properties
from drio_tui.ui.editing.edit_target import EditTarget
from drio_tui.ui.editing.editors import EDITORS, editor_properties
from drio_tui.ui.editing.editors.base import Editor, EditorContext
from drio_tui.ui.editing.model_view import ModelPage
from drio_tui.ui.forms.json_page import JsonPage
from drio_tui.ui.forms.schema_form import SchemaForm
from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.run.run_history import RunHistory


@dataclass(frozen=True, slots=True)
class EditPages:
    """The pages, not mounted yet. `start_value` is the form's value if it begins with more than the resource has.

    `from_server` says whether the fields are as the server describes them.
    """

    form: SchemaForm
    editors: list[Editor]
    model: ModelPage | None
    json: JsonPage
    json_model: FormModel
    titles: list[str]
    start_value: dict[str, Any] | None
    from_server: bool

    @property
    def widgets(self) -> list[Widget]:
        """The pages in the order of their tabs."""
        return [self.form, *self.editors, *([self.model] if self.model is not None else []), self.json]


def make_pages(
    target: EditTarget,
    base: Mapping[str, Any],
    snapshot: Snapshot,
    document: Json | None,
    *,
    schemas: Mapping[str, Json],
    last_results: Mapping[str, Json],
    run_store: RunHistory,
    edited: Callable[[], dict[str, Any]],
) -> EditPages:
    """Make the pages of an edit screen.

    `base` is the resource as it was loaded, empty for a new one; `document` the server's OpenAPI document; `schemas`,
    `last_results` and `run_store` are those of `EditorContext`; `edited` returns the resource as edited.
    """
    kind, is_new = KINDS[target.kind], not target.id
    reader, schema, from_server = body_schema(kind, document, new=is_new)
    special = editor_properties(kind.name)
    begin = {name: value for name, value in target.initial.items() if name in special}
    resource = base or begin if target.local is None else target.local
    form_base = None if is_new else form_properties(kind, base, new=is_new)
    model = FormModel(without_properties(reader, schema, special), form_base)
    start_value = None
    if target.local is not None:
        model.assign(form_properties(kind, resource, new=is_new))
        model.type_texts(target.texts)
    elif target.initial.keys() - begin.keys():
        model.assign({**model.value(), **form_properties(kind, target.initial, new=is_new)})
        start_value = model.value()
    form = SchemaForm(model, references=reference_options(kind, snapshot), json_view=False, id="page-form")
    context = EditorContext(
        body=(reader, schema) if from_server else None, schemas=schemas, run_store=run_store,
        last_results=last_results,
    )  # fmt: skip
    titles = ["Form"]
    editors: list[Editor] = []
    for number, spec in enumerate(EDITORS.get(kind.name, ())):
        if is_new and not spec.for_new:
            continue
        editor = spec.build()
        editor.id = f"page-editor-{number}"
        editor.load(None if is_new and not resource else resource, snapshot, context)
        if target.local is not None:
            editor.base = {name: base[name] for name in editor.properties if name in base}
        editors.append(editor)
        titles.append(spec.title)
    model_page = None
    if kind.name == "tool":
        model_page = ModelPage(edited, snapshot, id="page-model")
        titles.append("Model")
    json_model = FormModel(reader.field(schema), None if is_new else editable(kind, base, new=is_new))
    json_page = JsonPage(json_model, id="page-json")
    if target.draft:
        json_page.take(target.draft)
    titles.append("JSON")
    return EditPages(form, editors, model_page, json_page, json_model, titles, start_value, from_server)


def editable(kind: Kind[Any], raw: Mapping[str, Any], *, new: bool) -> dict[str, Any]:
    """Return the properties that the user can change; those that are set once only in a new resource."""
    set_once = editor_properties(kind.name) if new else frozenset()
    return {name: value for name, value in raw.items() if name not in kind.fixed or name in set_once}


def form_properties(kind: Kind[Any], raw: Mapping[str, Any], *, new: bool) -> dict[str, Any]:
    """Return the editable properties that the generic form shows."""
    special = editor_properties(kind.name)
    return {name: value for name, value in editable(kind, raw, new=new).items() if name not in special}
