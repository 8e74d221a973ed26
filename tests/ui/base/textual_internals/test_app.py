"""Styles parsed once, widgets mounted without holding others, and the end of an app."""

from __future__ import annotations

import gc
from contextvars import Token
from typing import Any

import pytest
from textual.app import ComposeResult
from textual.color import Color
from textual.containers import VerticalScroll
from textual.css import stylesheet
from textual.css.parse import parse
from textual.screen import Screen
from textual.widgets import Button, Input, Static, TextArea

from drio_tui.ui.base.textual_internals.app import CachingStylesheet, LeanApp, end_after_crash, is_ending
from tests.ui.base.textual_internals.small_apps import Lean, TwoModes
from tests.ui.idle import idle


async def test_is_ending_after_exit() -> None:
    app = TwoModes()
    async with app.run_test():
        assert not is_ending(app)
        app.exit(3)
        assert is_ending(app)


async def test_end_after_crash_sets_the_return_code_and_prints_no_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    app = TwoModes()
    with pytest.raises(RuntimeError, match="broken"):
        async with app.run_test():
            end_after_crash(app, RuntimeError("broken"))
    assert app.return_code == 1
    assert "Traceback" not in "".join(capsys.readouterr())


async def test_styles_are_parsed_once_for_a_theme(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []

    def counted(scope: str, css: str, *arguments: Any, **options: Any) -> Any:
        parsed.append(css)
        return parse(scope, css, *arguments, **options)

    monkeypatch.setattr(stylesheet, "parse", counted)
    sheet = CachingStylesheet(variables={"accent": "red"})
    sheet.add_source("Input { color: $accent; }", ("input.tcss", ""))
    sheet.reparse()
    sheet.add_source("Static { color: $accent; }", ("static.tcss", ""))
    sheet.set_variables({"accent": "red"})
    sheet.reparse()
    assert len(parsed) == len(sheet.rules) == 2
    sheet.set_variables({"accent": "blue"})
    sheet.reparse()
    assert len(parsed) == 4
    assert all(rule.styles.color == Color.parse("blue") for rule in sheet.rules)


async def test_rules_that_are_looked_up_by_name_are_those_that_textual_finds() -> None:
    app = Lean()
    async with app.run_test() as pilot:
        app.stylesheet.add_source("Static.a { color: red; } Static:blur { width: 4; } #one { height: 3; }", ("a", ""))
        for widget in (
            Static("text", classes="a b", id="one"),
            Input("value"),
            TextArea(),
            Button("OK", disabled=True),
        ):
            await app.mount(widget)
        app.stylesheet.add_source(
            "Static.a.b { color: green; } Static.b.a { color: blue; } Screen > TextArea:focus { margin: 3; }", ("b", "")
        )  # later
        await pilot.pause()
        nodes = list(app.screen.walk_children(with_self=True))
        app.stylesheet.update_nodes(nodes)

        def styles_of(node: Any) -> tuple[Any, ...]:
            own = {name: styles.get_rules() for name, styles in node._component_styles.items()}
            return node.styles.base.get_rules(), own, node._has_hover_style, node._has_focus_within

        looked_up = [styles_of(node) for node in nodes]
        assert app.query_one("#one").styles.color == Color.parse("blue")
        textuals = stylesheet.Stylesheet(variables=app.get_css_variables())
        textuals.source = app.stylesheet.source
        textuals.parse()
        textuals.update_nodes(nodes)
        assert [styles_of(node) for node in nodes] == looked_up


async def test_a_widget_gets_its_styles_when_it_is_mounted_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Lean()
    async with app.run_test():
        app.stylesheet.add_source("Static.a { color: red; } Static.b { color: blue; }", ("a", ""))
        applied: list[Any] = []
        apply = app.stylesheet.apply

        def noted(node: Any, **options: Any) -> None:
            applied.append(node)
            apply(node, **options)

        monkeypatch.setattr(app.stylesheet, "apply", noted)
        widget = Static("text").add_class("a")
        assert widget not in applied
        await app.mount(widget)
        assert widget.styles.color == Color.parse("red")
        widget.add_class("b")
        assert widget.styles.color == Color.parse("blue")


async def test_closing_a_screen_lays_out_the_one_below_only_when_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Lean()
    async with app.run_test():
        below, closed = app.screen, Screen[None]()
        await app.push_screen(closed)
        await idle()
        refreshed: list[Any] = []
        monkeypatch.setattr(below, "refresh", lambda *_regions, **options: refreshed.append(options))
        await app.pop_screen()
        await idle()
        assert not closed.is_running
        assert refreshed
        assert not any(options.get("layout") for options in refreshed)


async def test_a_new_screen_has_its_styles_without_a_refresh_of_all_styles(monkeypatch: pytest.MonkeyPatch) -> None:
    class Styled(Screen[None]):
        CSS = "Static { color: red; }"

        def compose(self) -> ComposeResult:
            yield Static("text")

    class TwoModes(LeanApp):
        MODES = {"first": Screen, "styled": Styled}
        DEFAULT_MODE = "first"

    app = TwoModes()
    async with app.run_test():
        refreshed: list[bool] = []
        monkeypatch.setattr(app, "refresh_css", lambda **_options: refreshed.append(True))
        await app.switch_mode("styled")
        assert app.screen.query_one(Static).styles.color == Color.parse("red")
        assert not refreshed


async def test_a_scrollbar_created_in_a_removed_widget_runs_no_message_loop() -> None:
    app = Lean()
    async with app.run_test():
        container = app.query_one(VerticalScroll)
        assert container.vertical_scrollbar._task is not None
        await container.remove()
        assert container.horizontal_scrollbar._task is None


async def test_a_widget_does_not_keep_the_widget_whose_message_mounted_it() -> None:
    app = Lean()
    async with app.run_test() as pilot:
        first, second = Static(), Static()
        await app.screen.mount(first)
        first.call_later(app.screen.mount, second)
        await pilot.pause()
        await first.remove()
        gc.collect()
        assert not [holder for holder in gc.get_referrers(first) if isinstance(holder, Token)]
        assert second.is_running
