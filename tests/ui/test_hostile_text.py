"""Text from the API is shown literally everywhere, and none of its control bytes reach the terminal."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from typing import Any

import pytest

from drio_tui.ui.widgets.rich_text import Document
from drio_tui.ui.wizard.wizard_screen import WizardScreen
from tests import THOROUGH
from tests.ui.driving import TOKEN, open_first_app, running, show, text_of, until
from tests.ui.hostile_data import HOSTILE, SEQUENCES, hostile_drio
from tests.ui.shell_pty import Terminal
from tests.ui.table_server import TableServer, serving

# Sequences that the program itself sends: styles, cursor, modes, clearing, its title and queries.
_OWN_SEQUENCES = re.compile(
    rb"\x1b\[[0-9;?<>=$]*[ -/]*[@-~]"
    rb"|\x1b[78=>]"
    rb"|\x1b\][0-9]*;(?!c;)[ -~]*?(?:\x07|\x1b\\)"
    rb"|\x1bP[ -~]*?\x1b\\"
    rb"|\x1b_[ -~]*?\x1b\\"
)
SOME_SEQUENCES = tuple(SEQUENCES[number] for number in (1, 2, 5, 9, 11, 12, 13, 14, 17))
"""Of each sort of sequence, one: markup, an unclosed tag, CSI, C1, C0, directions, surrogates, combining, lines."""


def unsafe(text: str) -> set[str]:
    """Return the characters of a screen that control a terminal or are invisible."""
    return {c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")}


@pytest.mark.slow
async def test_every_screen_shows_hostile_text_literally(monkeypatch: pytest.MonkeyPatch) -> None:
    """F57 F58."""
    async with serving(TableServer(hostile_drio())) as server, running(server.base_url, monkeypatch) as pilot:
        texts = []
        templates = await show(pilot, "templates")
        await until(pilot, lambda: templates.resources)
        texts += [text_of(pilot.app), templates.query_one(Document).text]
        await pilot.press("c")
        await until(pilot, lambda: isinstance(pilot.app.screen, WizardScreen))
        form: Any = pilot.app.screen
        await until(pilot, lambda: form.taken is not None and form._page_name == "basics")
        form.draft.basics["name"] = "Nova"
        for page in ("basics", "branding", "auth", "api", "tools", "review", "create"):
            if form._page_name != page:
                form.draft.template["id"] = form.draft.template["id"] or "x"
                form.call_later(form._show, page)
            await until(pilot, lambda page=page: form._page_name == page and form._page.is_mounted)
            await pilot.pause()
            texts.append(text_of(pilot.app))
        await pilot.press("escape")
        screen = await open_first_app(pilot)
        texts.append(text_of(pilot.app))
        seen: set[object] = set()
        for node in list(screen.outline.walk()):
            screen.tree_view.reveal(node.key)
            is_first = node.key[0] not in seen
            seen.add(node.key[0])
            for tab in ("fields", "json", "references") if THOROUGH or is_first else ("fields",):
                screen.detail.tabs.active = tab
                await until(pilot, lambda node=node: screen.detail._node.key == node.key)
                await pilot.pause()
                texts.append(text_of(pilot.app))
            texts.append(screen.query_one(Document).text)
        screen.tree_view.focus()
        await pilot.press("p")
        await pilot.pause()
        texts.append(text_of(pilot.app))
        await pilot.press("escape")
        await show(pilot, "requests")
        texts.append(text_of(pilot.app))
        assert pilot.app.is_running
    everything = "\n".join(texts)
    assert unsafe(everything) == set()
    for literal in ("app [prod]", "a [/] b", "[@click=app.quit]x[/]", "[link=https://evil.example]y[/link]", "␛[2J"):
        assert literal in everything


async def test_hostile_names_are_shown_literally_in_tree_and_detail(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(TableServer(hostile_drio("plain"))) as server, running(server.base_url, monkeypatch) as pilot:
        screen = await open_first_app(pilot)
        for text in SEQUENCES if THOROUGH else SOME_SEQUENCES:
            server.answers = hostile_drio(text)
            await pilot.press("r")
            printable = re.match(r"[ -~]*", text)
            assert printable is not None
            expected = printable[0][:12].rstrip()
            raw = server.answers["GET /apps/app_1"]["app"]["name"]
            await until(pilot, lambda raw=raw: screen.snapshot.app.raw["name"] == raw and not screen.loading_app)  # type: ignore[misc] # mypy cannot infer a lambda with a default
            await pilot.pause()
            screen_text = text_of(pilot.app) + screen.query_one(Document).text
            assert unsafe(screen_text) == set(), ascii(text)
            assert expected in screen_text, ascii(text)
            await pilot.click("#tree", offset=(8, 1))
            await pilot.click("#detail", offset=(6, 4))
            await pilot.pause()
            assert pilot.app.is_running, ascii(text)


async def test_no_control_byte_of_the_data_reaches_the_terminal(isolated: Any) -> None:
    """F55."""
    async with serving(TableServer(hostile_drio())) as server:
        output = await asyncio.to_thread(_walk_in_a_terminal, server.base_url)
    rest = _OWN_SEQUENCES.sub(b"", output)
    assert set(rest) & {*range(0x20), 0x7F} - {0x0A, 0x0D, 0x09} == set()
    text = rest.decode("utf-8")
    assert {c for c in text if unicodedata.category(c) in ("Cf", "Cs", "Zl", "Zp") or "\x80" <= c <= "\x9f"} == set()
    for sequence in (b"]52;c;ZXZpbA", b"]8;;https://evil", b"]0;title", b"+q544e\x1b"):
        assert b"\x1b" + sequence not in output
    assert "app [prod]" in text


def _walk_in_a_terminal(base_url: str) -> bytes:
    """Open templates, apps, an app with its three tabs and the request log, then quit; return all output."""
    with Terminal("--base-url", base_url, size=(120, 40), env={"DRIO_TOKEN": TOKEN}) as terminal:
        terminal.until("app [prod]")
        terminal.press("1")
        terminal.until("Category")
        terminal.press("2")
        terminal.until("Slug")
        terminal.press("\r")
        terminal.until("Fields")
        terminal.until("app [prod]")
        terminal.press("+")
        for keys in ("jjjjjj", "v", "\x1b", "jjjjjj", "u", "\x1b", "G"):
            terminal.press(keys)
            while terminal.read(0.3):
                continue
        terminal.press("3")
        terminal.until("Method")
        terminal.press("q")
        terminal.wait()
        return bytes(terminal.output)


def test_hostile_test_data_contains_unsafe_characters() -> None:
    assert unsafe(HOSTILE)
    assert "\x1b" in HOSTILE
