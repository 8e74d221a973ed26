"""A plan as text, Markdown and JSON: readable, complete, without secrets."""

from __future__ import annotations

from drio_tui.plan import render
from drio_tui.plan.changes import PlanView, ResourceChange, as_dict
from drio_tui.plan.render import as_markdown, line_diff, plan_lines, text_lines
from drio_tui.schema.fields import MISSING
from drio_tui.workspace.saving.merge import FieldChange, FieldConflict

LONG_TEXT = "Finds contacts by name.\nUse it first.\nNever twice."


def text(view: PlanView) -> str:
    return "\n".join(
        f"{'    ' * line.indent}{line.symbol + ' ' if line.symbol.strip() else ''}{line.text}"
        for line in plan_lines(view)
    )


def view(**more: object) -> PlanView:
    return PlanView(
        (
            ResourceChange(
                "create", "tool", "search",
                (FieldChange(("name",), MISSING, "Search"), FieldChange(("next",), MISSING, [])),
            ),
            ResourceChange(
                "update", "integration", "helpdesk",
                (
                    FieldChange(("baseUrl",), "https://old.example.com", "https://new.example.com"),
                    FieldChange(("config", "headers", "X-Api-Key"), "k-1", "k-2"),
                    FieldChange(("xcount",), 1, "1"),
                ),
            ),
            ResourceChange(
                "update", "tool", "show",
                (FieldChange(("description",), LONG_TEXT, LONG_TEXT.replace("first", "last")),),
            ),
            ResourceChange("rename", "tool", "details", was="show-contact"),
            ResourceChange(
                "conflict", "widget", "table",
                conflicts=(FieldConflict(("name",), "A", "B", "C", "both the document and drio changed it"),),
            ),
            ResourceChange("delete", "widget", "old", note="The document lacks it."),
        ),
        **more,
    )  # fmt: skip


def test_a_plan_as_text():
    """terraform#10507: unreadable plans."""
    assert text(view(target="acme on drio", scope="Compared: the app.", notes=("A note.",))) == (
        "acme on drio\n"
        "Compared: the app.\n"
        "+ tool search\n"
        "    name: Search\n"
        "    next: []\n"
        "~ integration helpdesk\n"
        "    baseUrl: https://old.example.com → https://new.example.com\n"
        "    config.headers.X-Api-Key: •••••• → ••••••\n"
        '    xcount: 1 → "1"\n'
        "~ tool show\n"
        "    description:\n"
        "        Finds contacts by name.\n"
        "        - Use it first.\n"
        "        + Use it last.\n"
        "        Never twice.\n"
        "→ tool show-contact → details\n"
        "! widget table\n"
        "    name: both the document and drio changed it\n"
        "        base: A\n"
        "        document: C\n"
        "        drio: B\n"
        "- widget old\n"
        "    The document lacks it.\n"
        "A note.\n"
        "1 to create, 2 to change, 1 to rename, 1 to delete, 1 in conflict."
    )


def test_a_plan_without_changes():
    assert text(PlanView(())) == "Nothing to change."
    assert as_markdown(PlanView(())) == "**Nothing to change.**\n"


def test_markdown_for_a_pull_request():
    markdown = as_markdown(view(target="acme on `drio`"))
    assert markdown.startswith("### acme on \\`drio\\`\n\n**1 to create, 2 to change, 1 to rename,")
    assert "\n```diff\n+ tool search\n" in markdown
    assert "\n-     Use it first.\n+     Use it last.\n" in markdown
    assert "\n- widget old\n" in markdown
    assert "k-1" not in markdown


def test_a_text_cannot_leave_the_block_or_mention_anyone():
    change = ResourceChange("update", "tool", "x", (FieldChange(("name",), "a", "```\n# Hi @all"),))
    markdown = as_markdown(PlanView((change,), notes=("see @octocat <img> [x](y)",)))
    assert "\n````diff\n" in markdown
    assert markdown.count("\n````") == 2
    assert "@<!-- -->octocat" in markdown
    assert "\\<img\\>" in markdown


def test_markdown_fits_into_a_comment():
    fields = tuple(FieldChange((f"property{number}",), "a" * 50, "b" * 50) for number in range(9))
    changes = [ResourceChange("update", "tool", f"tool-{number}", fields[: number % 10]) for number in range(900)]
    markdown = as_markdown(PlanView(tuple(changes[::2])))
    assert len(markdown) < render.COMMENT_LIMIT + 500
    assert "450 to change" in markdown
    markdown = as_markdown(PlanView(tuple(changes[::10] * 60)))
    assert len(markdown) < render.COMMENT_LIMIT + 500
    assert " more\n```" in markdown
    notes = tuple(f"tools/tool-{number} looks like tools/other-{number}" * 3 for number in range(900))
    markdown = as_markdown(PlanView(tuple(changes[::2]), notes=notes))
    assert len(markdown) < render.COMMENT_LIMIT + 500
    assert markdown.startswith("**450 to change.**")
    assert "\n- tools/tool-0 looks like" in markdown
    assert markdown.endswith(" more")


def test_json_has_every_change_and_no_secret():
    value = as_dict(view())
    assert [change["action"] for change in value["changes"]] == [
        "create", "update", "update", "rename", "conflict", "delete",
    ]  # fmt: skip
    assert value["changes"][1]["fields"][1] == {
        "path": ["config", "headers", "X-Api-Key"], "before": "••••••", "after": "••••••",
    }  # fmt: skip
    assert value["changes"][0]["fields"][0] == {"path": ["name"], "after": "Search"}
    assert value["totals"] == {"create": 1, "update": 2, "rename": 1, "delete": 1, "conflict": 1}
    assert "k-1" not in str(value)


def test_long_values_are_cut_with_a_notice():
    before = "\n".join(f"line {number}" for number in range(200))
    change = ResourceChange("update", "tool", "x", (FieldChange(("description",), before, ""),))
    lines = [line.text for line in plan_lines(PlanView((change,)))]
    assert len(lines) < 60
    assert any("more lines" in line for line in lines)


def test_of_huge_values_only_the_first_differences_are_compared():
    lines = [f"line {number}" for number in range(20_000)]
    one = [*line_diff("\n".join(lines), "\n".join(lines).replace("line 9000\n", "other\n"))]
    assert [(line.symbol, line.text) for line in one[1:]] == [
        (" ", "line 8999"), ("-", "line 9000"), ("+", "other"), (" ", "line 9001"),
    ]  # fmt: skip
    every = [*line_diff("\n".join(lines), "\n".join(lines).replace("line", "other"))]
    assert one[0].text == "…"
    assert [every[0].text, every[-1].text] == ["line 0", "… 39,960 more lines"]
    text = " ".join(map(str, range(50_000)))
    assert "".join(text_lines(text)) == text
    assert {len(line) for line in text_lines(text)[:-1]} == {96}
    assert [(line.symbol, line.text) for line in line_diff("a\na\na", "a\na")] == [("", "…"), (" ", "a"), ("-", "a")]
    assert [(line.symbol, line.text) for line in line_diff("a", "b")] == [("-", "a"), ("+", "b")]
    assert [(line.symbol, line.text) for line in line_diff(MISSING, "b\nc")] == [("+", "b"), ("+", "c")]


def test_a_new_resource_shows_the_names_in_its_long_objects_and_all_of_its_texts():
    schema = {"type": "object", "properties": {"q": {"type": "string", "description": "x" * 60}}}
    actions = [{"trigger": "row.select", "type": "callTool", "target": "a"}] * 3
    values = {"inputSchema": schema, "actions": actions, "description": LONG_TEXT}
    fields = tuple(FieldChange((name,), MISSING, value) for name, value in values.items())
    assert text(PlanView((ResourceChange("create", "operation", "i/o", fields),))) == (
        "+ operation i/o\n"
        "    inputSchema: { type, properties }\n"
        "    actions: [ 3 elements ]\n"
        "    description:\n"
        "        Finds contacts by name.\n"
        "        Use it first.\n"
        "        Never twice.\n"
        "1 to create."
    )
