"""Golden files of every screen and dialog: characters, colours and attributes, at two sizes.

One walk takes the frames of all the tests that are selected (`-k edit-tool`), and ends with the last of them.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from drio_tui.auth.doctor import machine
from drio_tui.auth.doctor.report import Finding
from drio_tui.ui.app.drio_app import DrioApp
from drio_tui.ui.base.launch_options import LaunchOptions
from tests.conftest import private_environment
from tests.golden.frames import FOLDER, differences, frame
from tests.golden.numbered_ids.fixed_durations import perf_counter
from tests.sandbox_fixtures import kill_process, run_in_new_loop, start_sandbox
from tests.ui.every_screen import visit_every_screen
from tests.ui.walk import SIZES, Walk

pytestmark = pytest.mark.timeout(480)
SCREENS = FOLDER / "screens"
RECORDED = sorted(path.stem for path in SCREENS.glob("*.txt"))
HINT = "If this is intended: python -m pytest tests/golden --update-golden"


class AllTakenError(Exception):
    """Every wanted frame was taken."""


class Camera(Walk):
    """Takes the frames whose names are in `wanted`, and with `whole` those that are not recorded yet."""

    def __init__(self, pilot: Pilot[Any], wanted: set[str], *, whole: bool) -> None:
        super().__init__(pilot)
        self.wanted = wanted
        self.whole = whole
        self.names: set[str] = set()
        self.frames: dict[str, str] = {}

    async def look(self, name: str, sizes: tuple[tuple[int, int], ...]) -> None:
        for columns, rows in reversed(sizes):
            frame_name = f"{name}-{columns}x{rows}"
            self.names.add(frame_name)
            if frame_name in self.wanted or (self.whole and frame_name not in RECORDED):
                await self.pilot.resize_terminal(columns, rows)
                self.app.clear_notifications()
                await self._wait_until_stable()
                self.frames[frame_name] = frame(self.app)
        if self.app.size != sizes[0]:
            await self.pilot.resize_terminal(*sizes[0])
        if not self.whole and self.wanted <= self.frames.keys():
            raise AllTakenError

    async def _wait_until_stable(self) -> None:
        """Wait until two frames in a row are equal."""
        before = ""
        while before != (before := frame(self.app)):
            await self.pilot.pause()


@pytest.fixture(scope="module")
def camera(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Camera]:
    """The frames that the selected tests need."""
    if not (request.config.getoption("--golden") or request.config.getoption("--update-golden")):
        pytest.skip("only with --golden: the number of requests, and therefore the ids, depend on the machine")
    tests = [item for item in request.session.items if isinstance(item, pytest.Function)]
    tests = [test for test in tests if test.module is request.module]
    wanted = {test.callspec.params["name"] for test in tests if hasattr(test, "callspec")}
    whole = any(not hasattr(test, "callspec") for test in tests)
    folder = tmp_path_factory.mktemp("golden")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in private_environment(folder / "home").items():
            patch.setenv(name, value)
        patch.setenv("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")  # no browser, on whatever machine this runs
        patch.setattr(secrets, "token_urlsafe", lambda size=32: "s" * (size * 4 // 3))  # in the sign-in URL
        patch.setattr(time, "perf_counter", perf_counter)
        patch.setattr(machine, "check_versions", lambda: Finding("those of the test"))
        patch.setattr(machine, "check_terminal", lambda: Finding("that of the test"))
        yield run_in_new_loop(_walk(patch, folder, wanted, whole=whole))


async def _walk(patch: pytest.MonkeyPatch, folder: Path, wanted: set[str], *, whole: bool) -> Camera:
    numbered_ids = {"PYTHONPATH": str(FOLDER / "numbered_ids")}
    process = await asyncio.to_thread(lambda: start_sandbox(folder / "sandbox", env=numbered_ids))
    try:
        patch.setenv("DRIO_TOKEN", process.token)
        app = DrioApp(LaunchOptions(base_url=process.base_url))
        async with app.run_test(size=SIZES[0]) as pilot:
            camera = Camera(pilot, wanted, whole=whole)
            try:
                await visit_every_screen(camera, folder)
            except AllTakenError:
                pass
            return camera
    finally:
        await asyncio.to_thread(kill_process, process)


def test_every_screen_has_frames(camera: Camera, request: pytest.FixtureRequest) -> None:
    assert not camera.not_visited, f"no frame shows {sorted(camera.not_visited)}"
    stale, new = {*RECORDED} - camera.names, camera.names - {*RECORDED}
    if request.config.getoption("--update-golden"):
        for name in stale:
            (SCREENS / f"{name}.txt").unlink()
        for name in new:
            (SCREENS / f"{name}.txt").write_text(camera.frames[name], encoding="utf-8")
        return
    assert not stale, f"there is no frame for these files: {sorted(stale)}"
    assert not new, f"there is no file for these frames: {sorted(new)}. {HINT}"


@pytest.mark.parametrize("name", RECORDED)
def test_a_screen_looks_as_recorded(name: str, camera: Camera, request: pytest.FixtureRequest) -> None:
    path, now = SCREENS / f"{name}.txt", camera.frames.get(name)
    if request.config.getoption("--update-golden"):
        if now is not None:  # else the file is stale, and deleted
            path.write_text(now, encoding="utf-8")
        return
    assert now is not None, "no screen is visited under this name"
    changed = differences(path, now)
    assert not changed, f"{changed[:20_000]}\n\n{HINT}"
