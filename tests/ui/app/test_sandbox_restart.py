"""The local sandbox ends while the program is connected to it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from drio_tui.launcher import find_running, is_locked, stop_sandbox
from drio_tui.ui.app.drio_app import DrioApp
from drio_tui.ui.base.launch_options import LaunchOptions
from tests.ui.driving import open_first_app, show, text_of, until
from tests.ui.editing.test_saving import edit_of, set_field


def pid_in(folder: Path) -> int:
    return int(json.loads((folder / "sandbox.json").read_text())["pid"])


def running_pid(folder: Path) -> int | None:
    """Return the process id of the sandbox that is ready; None if there is none."""
    running = find_running(folder)
    return running.pid if running else None


def record_phases(app: DrioApp) -> list[str]:
    """Return a list that collects the phases of the status from now on."""
    phases: list[str] = []
    app.watch(app, "status", lambda: phases.append(app.status.phase))
    return phases


async def online(pilot: Pilot[Any]) -> None:
    app: Any = pilot.app
    await until(pilot, lambda: app.current_mode == "apps" and app.status.phase == "online")


async def test_a_killed_sandbox_is_restarted_and_no_edit_is_lost(background: Path) -> None:
    app = DrioApp(LaunchOptions(sandbox=True, data_dir=background))
    async with app.run_test(size=(80, 24)) as pilot:
        await online(pilot)
        phases = record_phases(app)
        await open_first_app(pilot)
        await pilot.press("e")
        screen = await edit_of(pilot)
        set_field(screen, "name", "Typed before the end")
        first = pid_in(background)
        os.kill(first, signal.SIGKILL)
        # A killed process may accept a connection while its files are being closed, and counts as running until then.
        await until(pilot, lambda: app.status.phase == "online" and running_pid(background) not in (None, first))
        assert "restarting" in phases
        assert any("was started again" in note.message for note in app._notifications)
        assert app.screen is screen
        assert screen.edited_resource()["name"] == "Typed before the end"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.screen is not screen)
        await until(pilot, lambda: "Typed before the end" in text_of(app))
    assert is_locked(background)


@pytest.mark.parametrize("started_by", ["this program", "another one"])
async def test_a_stopped_sandbox_stays_stopped_until_the_next_request(background: Path, started_by: str) -> None:
    app = DrioApp(LaunchOptions(sandbox=True, data_dir=background))
    async with app.run_test(size=(80, 24)) as pilot:
        await online(pilot)
        screen = await show(pilot, "apps")
        await until(pilot, lambda: screen.resources and "counting" not in text_of(app))  # no requests are left
        await asyncio.to_thread(stop_sandbox, background)
        await until(pilot, lambda: "sandbox stopped" in text_of(app))
        assert not is_locked(background)
        if started_by == "another one":
            command = [sys.executable, "-m", "drio_tui", "sandbox", "start", "--data", str(background)]
            await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
        else:
            await pilot.press("r")
        await until(pilot, lambda: app.status.phase == "online" and "sandbox stopped" not in text_of(app))
        await until(pilot, lambda: screen.failure is None and screen.resources)
        assert is_locked(background)


async def test_the_reason_is_shown_if_the_sandbox_does_not_restart(background: Path) -> None:
    app = DrioApp(LaunchOptions(sandbox=True, data_dir=background))
    async with app.run_test(size=(120, 40)) as pilot:
        await online(pilot)
        os.kill(pid_in(background), signal.SIGSTOP)  # so that the end is not noticed before the files are changed
        for name in ("sandbox.db-wal", "sandbox.db-shm"):
            (background / name).unlink(missing_ok=True)
        (background / "sandbox.db").write_bytes(b"not a database at all" * 200)
        os.kill(pid_in(background), signal.SIGKILL)
        await until(pilot, lambda: app.status.phase == "offline")
        await until(pilot, lambda: any("sandbox.db" in note.message for note in app._notifications))


def test_two_programs_that_start_at_once_use_one_sandbox(background: Path) -> None:
    command = [sys.executable, "-m", "drio_tui", "--sandbox", "--data", str(background), "apps", "--json"]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    first, second = (json.loads(stdout)["apps"] for stdout, _ in outputs)
    assert first == second
