"""What mappings and templates find in a sample."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drio_tui.widget_data.jsonpath import parse
from drio_tui.workspace.run import mapping

SAMPLE = {
    "results": [
        {"id": "con_1", "name": "Ada", "tags": ["a", "b"], "e-mail": "ada@example.com"},
        {"id": "con_2", "name": None},
    ],
    "total": 2,
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def outcomes(mappings: dict[str, object], sample: object = SAMPLE) -> dict[str, tuple[str, str]]:
    return {outcome.slot: (outcome.state, outcome.shown) for outcome in mapping.apply_mappings(mappings, sample)}


def test_outcomes_show_the_value_or_why_nothing_was_found() -> None:
    assert outcomes(
        {"rows": "$.results", "columns.name": "$.name", "columns.gone": "$.gone", "columns.bad": "name"}
    ) == {
        "rows": ("found", "2 items"),
        "columns.name": ("found", "Ada  (1 of 2 items)"),
        "columns.gone": ("nothing", "matches nothing"),
        "columns.bad": ("wrong", "must be a JSONPath, which begins with $"),
    }


def test_a_column_does_not_fall_back_to_the_property_of_its_name() -> None:
    assert outcomes({"rows": "$.results", "columns.name": "$.names"})["columns.name"] == (
        "nothing",
        "matches nothing",
    )


def test_without_a_collection_paths_start_at_the_top() -> None:
    assert outcomes({"value": "$.total", "title": "$.name"}) == {
        "value": ("found", "2"),
        "title": ("nothing", "matches nothing"),
    }


def test_items_of_an_empty_collection_are_unseen() -> None:
    assert outcomes({"rows": "$.results", "columns.name": "$.name"}, {"results": []}) == {
        "rows": ("nothing", "no items"),
        "columns.name": ("unseen", "no items to look into"),
    }


@given(JSON)
def test_every_suggested_path_finds_the_value_shown_beside_it(sample: object) -> None:
    for offer in mapping.suggest_paths("title", {}, sample):
        nodes = parse(offer.path).find(sample)
        assert nodes
        assert mapping.one_line_preview(nodes[0][1]) == offer.shown


def test_paths_for_items_are_looked_up_in_an_item() -> None:
    paths = [offer.path for offer in mapping.suggest_paths("columns.x", {"rows": "$.results"}, SAMPLE)]
    assert paths == ["$.id", "$.name", "$.tags", "$['e-mail']", "$.tags[*]"]


def test_lists_are_suggested_first_for_a_collection() -> None:
    assert mapping.suggest_paths("rows", {}, SAMPLE)[0].path == "$.results"


@given(st.dictionaries(st.text(max_size=6), JSON, max_size=5), JSON)
def test_every_mapping_has_an_outcome(mappings: dict[str, object], sample: object) -> None:
    assert [outcome.slot for outcome in mapping.apply_mappings(mappings, sample)] == list(mappings)


def test_mapped_slots_are_not_suggested() -> None:
    assert mapping.suggested("data-table", {"rows": "$.x"}) == ["columns", "columns."]
    assert mapping.suggested("something-new", {}) == []


def test_templates_are_checked_against_item_result_and_form() -> None:
    scope = mapping.scope_of({"rows": "$.results", "fields.subject": "$.s"}, SAMPLE, {"q": "x"})
    assert mapping.check_template("{{ row.id }} of {{ result.total }}, {{ input.q }} {{ form.subject }}", scope) == []
    assert mapping.check_template("{{ row.mail }}", scope) == ["has {{ row.mail }}, which is not in the sample"]
    assert mapping.check_template("{{ row.id", scope) == ["has {{ row.id without its }}"]
    assert mapping.check_template("{{ 1 + 1 }}", scope) == ["has {{ 1 + 1 }}, which is no path"]
    assert mapping.rendered("Mail {{ row.name }}", scope) == "Mail Ada"


def test_lookups_that_samples_cannot_decide_are_not_reported() -> None:
    scope = mapping.scope_of({}, None)
    assert mapping.check_template("{{ form.note }} {{ chart.title }} {{ contact.id }}", scope) == []
