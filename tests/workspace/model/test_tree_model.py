"""The tree of an app: where resources stand, what is visible, what a filter leaves."""

from __future__ import annotations

from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.model.tree_model import TreeModel
from tests.workspace.small_app import small_config, snapshot_of


def lines(outline: TreeModel, opened: set[tuple[str, ...]] | None = None) -> list[str]:
    keys = set(outline.by_key) if opened is None else opened
    return [f"{'  ' * node.depth}{node.title}" for node in outline.rows(keys)]


def test_everything_stands_where_it_belongs() -> None:
    assert lines(TreeModel(snapshot_of(small_config(), runtime={"region": "eu"}))) == [
        "Acme Support",
        "  Branding",
        "  Auth",
        "    Helpdesk key",
        "    Providers",
        "      API key",
        "  Integrations",
        "    Helpdesk",
        "      Search tickets",
        "  Tools",
        "    Summarize",
        "      Binding",
        "    Search Tickets",
        "      Binding",
        "      Chain",
        "        Summarize",
        "      Ticket table",
        "        row.select",
        "  More",
        "    runtime",
    ]


def test_a_closed_node_hides_what_is_under_it() -> None:
    outline = TreeModel(snapshot_of(small_config()))
    assert lines(outline, {outline.root.key}) == ["Acme Support", "  Branding", "  Auth", "  Integrations", "  Tools"]


def test_an_app_that_has_not_arrived_shows_rows_that_wait() -> None:
    outline = TreeModel(Snapshot("app_1"))
    kinds = [node.kind for node in outline.rows(outline.default_open())]
    assert kinds == ["app", "branding", "group", "pending", "group", "pending", "group", "pending"]


def test_a_filter_keeps_the_ancestors_of_its_hits() -> None:
    outline = TreeModel(snapshot_of(small_config()))
    hits = outline.matches("ticket table")
    assert hits == [("widget", "widget_1")]
    shown = outline.rows(set(), outline.keep(hits))
    assert [node.title for node in shown] == ["Acme Support", "Tools", "Search Tickets", "Ticket table"]


def test_a_filter_looks_for_every_word_in_names_keys_ids_and_notes() -> None:
    outline = TreeModel(snapshot_of(small_config()))
    assert outline.matches("GET /tickets") == [("operation", "operation_1")]
    assert outline.matches("OPERATION_1") == [("operation", "operation_1")]
    assert outline.matches("row.select calltool summarize") == [("action", "widget_1", "0")]
    assert outline.matches("no such words") == []


def test_a_hit_can_be_opened_under_a_filter() -> None:
    outline = TreeModel(snapshot_of(small_config()))
    shown = outline.keep(outline.matches("ticket table"))
    titles = [node.title for node in outline.rows({("widget", "widget_1")}, shown)]
    assert titles[-1] == "row.select"


def test_resources_whose_parent_is_gone_are_still_shown() -> None:
    config = small_config()
    config["operations"][0]["integrationId"] = "integration_9"
    config["tools"] = []
    found = lines(TreeModel(snapshot_of(config)))
    assert "    Operations without an integration" in found
    assert "    Widgets without a tool" in found


def test_a_widget_stands_under_the_tool_that_names_it_when_it_names_none() -> None:
    config = small_config()
    del config["widgets"][0]["toolId"]
    outline = TreeModel(snapshot_of(config))
    parent = outline.by_key[("widget", "widget_1")].parent
    assert parent is not None
    assert parent.key == ("tool", "tool_1")


def test_a_text_of_any_length_is_cut_to_a_line() -> None:
    config = small_config()
    config["tools"][0]["name"] = "x" * 10_000
    assert len(TreeModel(snapshot_of(config)).by_key[("tool", "tool_1")].title) == 300
