"""The tree of an app: its structure, visible nodes and filters."""

from __future__ import annotations

from drio_tui.workspace.model.snapshot import Snapshot
from drio_tui.workspace.model.tree_model import TreeModel
from tests.workspace.small_app import small_config, snapshot_of


def lines(tree: TreeModel, opened: set[tuple[str, ...]] | None = None) -> list[str]:
    keys = set(tree.by_key) if opened is None else opened
    return [f"{'  ' * node.depth}{node.title}" for node in tree.rows(keys)]


def test_tree_of_a_whole_app() -> None:
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


def test_closed_node_hides_its_descendants() -> None:
    tree = TreeModel(snapshot_of(small_config()))
    assert lines(tree, {tree.root.key}) == ["Acme Support", "  Branding", "  Auth", "  Integrations", "  Tools"]


def test_unread_app_has_pending_nodes() -> None:
    tree = TreeModel(Snapshot("app_1"))
    kinds = [node.kind for node in tree.rows(tree.default_open())]
    assert kinds == ["app", "branding", "group", "pending", "group", "pending", "group", "pending"]


def test_places_are_those_of_the_selected_resource_else_the_first_of_the_app() -> None:
    tree = TreeModel(snapshot_of(small_config()))
    assert tree.place("operation", tree.by_key["widget", "widget_1"]) == (
        "operation",
        "operation_1",
    )  # that of its tool
    assert tree.place("widget", tree.by_key["chain", "tool_1"]) == ("widget", "widget_1")
    assert tree.place("widget", tree.by_key["tool", "tool_2"]) == ("widget", "widget_1")  # it has none: the first one
    assert tree.place("operation", None) == ("operation", "operation_1")
    assert tree.place("auth", None) == ("group", "auth")
    empty = TreeModel(snapshot_of(small_config() | {"widgets": [], "operations": []}))
    assert empty.place("operation", empty.by_key["tool", "tool_1"]) is None
    assert empty.place("widget", None) is None


def test_filter_keeps_ancestors_of_matches() -> None:
    tree = TreeModel(snapshot_of(small_config()))
    matches = tree.matches("ticket table")
    assert matches == [("widget", "widget_1")]
    shown = tree.rows(set(), tree.with_ancestors(matches))
    assert [node.title for node in shown] == ["Acme Support", "Tools", "Search Tickets", "Ticket table"]


def test_filter_searches_names_keys_ids_and_notes() -> None:
    tree = TreeModel(snapshot_of(small_config()))
    assert tree.matches("GET /tickets") == [("operation", "operation_1")]
    assert tree.matches("OPERATION_1") == [("operation", "operation_1")]
    assert tree.matches("row.select calltool summarize") == [("action", "widget_1", "0")]
    assert tree.matches("no such words") == []


def test_match_can_be_opened_under_a_filter() -> None:
    tree = TreeModel(snapshot_of(small_config()))
    shown = tree.with_ancestors(tree.matches("ticket table"))
    titles = [node.title for node in tree.rows({("widget", "widget_1")}, shown)]
    assert titles[-1] == "row.select"


def test_resources_without_their_parent_are_shown() -> None:
    config = small_config()
    config["operations"][0]["integrationId"] = "integration_9"
    config["tools"] = []
    titles = lines(TreeModel(snapshot_of(config)))
    assert "    Operations without an integration" in titles
    assert "    Widgets without a tool" in titles


def test_widget_without_tool_id_is_under_the_tool_that_refers_to_it() -> None:
    config = small_config()
    del config["widgets"][0]["toolId"]
    tree = TreeModel(snapshot_of(config))
    parent = tree.by_key[("widget", "widget_1")].parent
    assert parent is not None
    assert parent.key == ("tool", "tool_1")


def test_long_titles_are_cut() -> None:
    config = small_config()
    config["tools"][0]["name"] = "x" * 10_000
    assert len(TreeModel(snapshot_of(config)).by_key[("tool", "tool_1")].title) == 300
