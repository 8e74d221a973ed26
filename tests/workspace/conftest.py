"""A sandbox with the app of `World`, and that app as its first editor sees it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.workspace.saving_world import Editor, World

if TYPE_CHECKING:
    from tests.sandbox_fixtures import InProcessSandbox


@pytest.fixture(scope="session")
def world_data(tmp_path_factory: pytest.TempPathFactory, example_data: Path) -> tuple[Path, dict[str, str]]:
    """The data folder of a sandbox with a `World`, to be copied, and the ids of the world."""
    from tests.sandbox_fixtures import in_process, run_in_new_loop  # needs the sandbox extra

    folder = tmp_path_factory.mktemp("world") / "sandbox"
    shutil.copytree(example_data, folder)

    async def make() -> dict[str, str]:
        async with in_process(folder) as running:
            world = await World.made(running)
            await world.editor.client.aclose()
        return world.ids

    return folder, run_in_new_loop(make())


@pytest_asyncio.fixture
async def sandbox(tmp_path: Path, world_data: tuple[Path, dict[str, str]]) -> AsyncIterator[InProcessSandbox]:
    """A new sandbox in this process, with the example app and the app of `world`."""
    from tests.sandbox_fixtures import in_process  # needs the sandbox extra

    shutil.copytree(world_data[0], tmp_path / "sandbox")
    async with in_process(tmp_path / "sandbox") as running:
        yield running


@pytest_asyncio.fixture
async def world(sandbox: InProcessSandbox, world_data: tuple[Path, dict[str, str]]) -> AsyncIterator[World]:
    """An app with all kinds of resources, and its first editor."""
    world = World(Editor(sandbox))
    world.ids = dict(world_data[1])
    yield world
    await world.editor.client.aclose()


@pytest_asyncio.fixture
async def other_editor(sandbox: InProcessSandbox) -> AsyncIterator[Editor]:
    """Another editor of the same sandbox."""
    editor = Editor(sandbox, "other")
    yield editor
    await editor.client.aclose()
