"""Requests when the storage fails, and cached responses, which are never stale."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.sandbox.conftest import Caller, token_of
from tests.sandbox_fixtures import API, InProcessSandbox, in_process


async def test_full_disk_is_a_507_and_keeps_the_data(bare_sandbox: InProcessSandbox, api: Caller) -> None:
    app = await api.create_app()
    tool = await api.create(app, "tools", name="Kept")
    async with bare_sandbox.database.session() as session:
        pages = (await session.execute(text("PRAGMA page_count"))).scalar_one()
        await session.execute(text(f"PRAGMA max_page_count={pages + 2}"))
    body = {"name": "Large", "description": "x" * 200_000}
    error = await api("POST", f"/apps/{app}/tools", body, expect=507)
    assert error["code"] == "storage_full"
    assert "sandbox.db" in error["message"]
    assert (await api("GET", f"/apps/{app}/tools"))["tools"] == [tool]
    async with bare_sandbox.database.session() as session:
        await session.execute(text("PRAGMA max_page_count=1000000"))
    assert (await api.create(app, "tools", **body))["name"] == "Large"
    assert bare_sandbox.database.path
    with sqlite3.connect(bare_sandbox.database.path) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


async def test_failed_write_is_rolled_back(bare_sandbox: InProcessSandbox, api: Caller) -> None:
    async with bare_sandbox.database.session() as session:
        await session.execute(
            text("CREATE TRIGGER no_widgets BEFORE INSERT ON things WHEN NEW.kind = 'widget' "
                 "BEGIN SELECT RAISE(ABORT, 'not today'); END")
        )  # fmt: skip
    error = await api("POST", "/apps", {"templateId": "support", "name": "Half"}, expect=500)
    assert error["code"] == "internal_error"
    assert (await api("GET", "/apps"))["apps"] == []
    async with bare_sandbox.database.read() as session:
        for table in ("apps", "things", "secrets"):
            assert (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 0


async def test_failing_statement_does_not_log_its_values(
    bare_sandbox: InProcessSandbox, api: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    app = await api.create_app()
    async with bare_sandbox.database.session() as session:
        await session.execute(
            text("CREATE TRIGGER no_secrets BEFORE INSERT ON secrets BEGIN SELECT RAISE(ABORT, 'not today'); END")
        )
    caplog.set_level("INFO")
    body = {"providerKey": "bearer", "name": "A", "config": {"token": "hunter2-very-secret"}}
    await api("POST", f"/apps/{app}/auth", body, expect=500)
    assert "not today" in caplog.text
    assert "hunter2" not in caplog.text


async def test_read_after_a_write_sees_it(bare_sandbox: InProcessSandbox, api: Caller) -> None:
    app = await api.create_app()
    tool = await api.create(app, "tools", name="0")
    path = f"/apps/{app}/tools/{tool['id']}"
    names: list[int] = []
    acknowledged = 0

    async def read() -> None:
        while acknowledged < 20:
            minimum = acknowledged
            name = int((await api("GET", path))["tool"]["name"])
            assert name >= minimum
            names.append(name)
            await asyncio.sleep(0)  # a cached response does not yield to the event loop

    async def write() -> None:
        nonlocal acknowledged
        for number in range(1, 21):
            await api("PATCH", path, {"name": str(number)})
            acknowledged = number

    await asyncio.gather(write(), *(read() for _ in range(4)))
    assert (await api("GET", path))["tool"]["name"] == "20"
    assert len(set(names)) > 1, "the reads ran beside the writes"


async def test_cached_responses_are_per_user(bare_sandbox: InProcessSandbox, api: Caller, stranger: Caller) -> None:
    app = await api.create_app()
    for _ in range(2):
        await api("GET", f"/apps/{app}")
        await stranger("GET", f"/apps/{app}", expect=404)
        assert (await stranger("GET", "/apps"))["apps"] == []


async def test_concurrent_creates_get_distinct_keys(api: Caller) -> None:
    app = await api.create_app()
    tools = await asyncio.gather(*(api.create(app, "tools", name="Same") for _ in range(25)))
    assert len({tool["key"] for tool in tools}) == 25
    assert sorted(tool["order"] for tool in tools) == list(range(25))
    assert len((await api("GET", f"/apps/{app}/tools"))["tools"]) == 25


async def test_data_survive_a_restart(tmp_path: Path) -> None:
    async with in_process(tmp_path / "data") as sandbox, sandbox.client() as client:
        api = Caller(client)
        app = (await api("GET", "/apps"))["apps"][0]["id"]
        before: Any = await api("GET", f"/apps/{app}/config")
        token = sandbox.token
        other = await token_of(sandbox, "other@example.com")
    async with in_process(tmp_path / "data") as sandbox, sandbox.client(token) as client:
        assert await Caller(client)("GET", f"/apps/{app}/config") == before
        assert len((await client.get(f"{API}/apps")).json()["apps"]) == 1
        response = await client.get(f"{API}/apps", headers={"Authorization": f"Bearer {other}"})
        assert response.json()["apps"] == []
