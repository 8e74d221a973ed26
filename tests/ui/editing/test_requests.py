"""How many requests a change takes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from benchmarks import key_cost
from tests.sandbox_fixtures import kill_process, start_sandbox


async def test_a_change_takes_one_read_and_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = await asyncio.to_thread(lambda: start_sandbox(tmp_path / "sandbox"))
    try:
        monkeypatch.setenv("DRIO_BASE_URL", process.base_url)
        monkeypatch.setenv("DRIO_TOKEN", process.token)
        costs = await key_cost.measure()
    finally:
        await asyncio.to_thread(kill_process, process)
    methods = {action: [request.partition(" ")[0] for request in cost.requests] for action, cost in costs.items()}
    assert methods["x on a tool"] == ["GET", "PATCH"]
    assert methods["open an editor"] == ["GET"]
    assert methods["Ctrl+S in an editor"] == ["GET", "PATCH"]
