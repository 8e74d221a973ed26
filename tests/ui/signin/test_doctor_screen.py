"""The sign-in doctor in the program: run through, step by step, and with a sign-in on trial."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.pilot import Pilot

from drio_tui.auth.doctor.report import Outcome
from drio_tui.ui.app.drio_app import DrioApp
from drio_tui.ui.base.launch_options import LaunchOptions
from drio_tui.ui.signin.doctor_screen import DoctorScreen
from tests.auth.world import SignInServers, browse
from tests.ui.driving import text_of, until
from tests.ui.signin.test_signin_screen import browsing, stored_profile


@asynccontextmanager
async def examining(base_url: str, *, size: tuple[int, int] = (120, 40)) -> AsyncIterator[Pilot[Any]]:
    """Run the program with the doctor opened from the sign-in screen."""
    app = DrioApp(LaunchOptions(base_url=base_url))
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.current_mode != "start")
        await pilot.press("L")
        await until(pilot, lambda: type(app.screen).__name__ == "SignInScreen" and app.screen.is_mounted)
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, DoctorScreen) and app.screen.is_mounted)
        yield pilot


async def test_continue_tries_a_sign_in_and_keeps_nothing(
    sandbox_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")
    copied: list[str] = []
    base = sandbox_process.base_url
    async with examining(base) as pilot, browsing(base) as browser:
        app: Any = pilot.app
        monkeypatch.setattr(app, "copy", lambda text, *_: copied.append(text))
        screen = app.screen
        await until(pilot, lambda: screen.waiting_for == "sign-in")
        assert screen.checks["issuer"].outcome == Outcome.OK
        assert screen.checks["token"].outcome == Outcome.SKIPPED
        assert "No step failed. Continue tries a sign-in" in text_of(app)
        await pilot.press("n")
        await until(pilot, lambda: screen.url)
        assert "connected over SSH" in text_of(app)
        await browser.walk(screen.url)
        await pilot.press("p", *browser.external_redirect, "enter")
        await until(pilot, lambda: screen.ended)
        assert {check.outcome for check in screen.checks.values()} <= {Outcome.OK, Outcome.SKIPPED, Outcome.WARNING}
        assert screen.checks["revocation"].outcome == Outcome.OK
        screen.query_one("RowList").choose("token")
        await pilot.press("c", "y")
        assert copied[0].startswith("curl \\\n  --request POST")
        assert "revocation: the refresh token is revoked" in copied[1]
        assert sandbox_process.token not in copied[1]
    assert stored_profile(base) is None


async def test_the_failed_step_is_selected_and_says_what_to_do() -> None:
    async with SignInServers() as world:
        world.settings.metadata = {"issuer": "https://evil.example"}
        async with examining(world.api.origin, size=(80, 24)) as pilot:
            app: Any = pilot.app
            screen = app.screen
            await until(pilot, lambda: screen.ended)
            assert screen.query_one("RowList").key == "issuer"
            assert "1 step failed." in text_of(app)
            detail = str(screen.query_one("#detail").render())
            for text in ("RFC 8414 section 3.3", "https://evil.example", world.issuer, "do not go on"):
                assert text in detail
            assert screen.disabled_reason("go_on", ()) == "There is nothing to continue."


async def test_step_by_step_waits_before_each_step() -> None:
    async with SignInServers() as world, examining(world.api.origin) as pilot:
        app: Any = pilot.app
        screen = app.screen
        await until(pilot, lambda: screen.waiting_for == "sign-in")
        await pilot.press("s")
        for step in ("versions", "terminal", "folders"):
            await until(pilot, lambda step=step: screen.waiting_for == step)  # type: ignore[misc] # mypy cannot infer a lambda with a default
            assert step not in screen.checks
            await pilot.press("n")
        await until(pilot, lambda: screen.waiting_for == "keyring")
        assert [*screen.checks] == ["versions", "terminal", "folders"]
        await pilot.press("escape")
        await until(pilot, lambda: type(app.screen).__name__ == "SignInScreen")


async def test_leaving_during_a_trial_revokes_its_tokens() -> None:
    async with SignInServers() as world, examining(world.api.origin) as pilot:
        app: Any = pilot.app
        screen = app.screen
        await until(pilot, lambda: screen.waiting_for == "sign-in")
        await pilot.press("s")
        while screen.waiting_for != "refresh":
            waiting = screen.waiting_for
            await pilot.press("n")
            await until(pilot, lambda waiting=waiting: screen.waiting_for not in ("", waiting) or screen.url)  # type: ignore[misc] # mypy cannot infer a lambda with a default
            if screen.url:
                await browse(screen.url)
                await until(pilot, lambda: screen.waiting_for)
        assert len(world.refresh) == 1
        await pilot.press("escape")
        await until(pilot, lambda: not world.refresh)
        assert len(world.revoked) == 1
