"""What happens to requests when the storage fails, and that what is remembered is never stale."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from drio_tui.sandbox.core import Answers
from tests.sandbox.conftest import Caller, token_of
from tests.sandbox_fixtures import API, InProcess, in_process


async def test_a_full_disk_is_a_507_and_the_old_data_stay(box: InProcess, api: Caller) -> None:
    app = await api.app()
    kept = await api.new(app, "tools", name="Kept")
    async with box.database.session() as session:
        pages = (await session.execute(text("PRAGMA page_count"))).scalar_one()
        await session.execute(text(f"PRAGMA max_page_count={pages + 2}"))
    body = {"name": "Large", "description": "x" * 200_000}
    error = await api("POST", f"/apps/{app}/tools", body, expect=507)
    assert error["code"] == "storage_full"
    assert "sandbox.db" in error["message"]
    assert (await api("GET", f"/apps/{app}/tools"))["tools"] == [kept]
    async with box.database.session() as session:
        await session.execute(text("PRAGMA max_page_count=1000000"))
    assert (await api.new(app, "tools", **body))["name"] == "Large"
    assert box.database.path
    with sqlite3.connect(box.database.path) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


async def test_a_write_that_fails_half_way_leaves_nothing(box: InProcess, api: Caller) -> None:
    async with box.database.session() as session:
        await session.execute(
            text("CREATE TRIGGER no_widgets BEFORE INSERT ON things WHEN NEW.kind = 'widget' "
                 "BEGIN SELECT RAISE(ABORT, 'not today'); END")
        )  # fmt: skip
    error = await api("POST", "/apps", {"templateId": "support", "name": "Half"}, expect=500)
    assert error["code"] == "internal_error"
    assert (await api("GET", "/apps"))["apps"] == []
    async with box.database.read() as session:
        for table in ("apps", "things", "secrets"):
            assert (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 0


async def test_a_failing_statement_does_not_tell_the_log_its_values(
    box: InProcess, api: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    app = await api.app()
    async with box.database.session() as session:
        await session.execute(
            text("CREATE TRIGGER no_secrets BEFORE INSERT ON secrets BEGIN SELECT RAISE(ABORT, 'not today'); END")
        )
    caplog.set_level("INFO")
    body = {"providerKey": "bearer", "name": "A", "config": {"token": "hunter2-very-secret"}}
    await api("POST", f"/apps/{app}/auth", body, expect=500)
    assert "not today" in caplog.text
    assert "hunter2" not in caplog.text


async def test_a_read_after_a_write_always_sees_it(box: InProcess, api: Caller) -> None:
    app = await api.app()
    tool = await api.new(app, "tools", name="0")
    path = f"/apps/{app}/tools/{tool['id']}"
    seen: list[int] = []
    done = 0

    async def read() -> None:
        while done < 20:
            acknowledged = done
            name = int((await api("GET", path))["tool"]["name"])
            assert name >= acknowledged
            seen.append(name)
            await asyncio.sleep(0)  # a remembered answer never lets go of the loop by itself

    async def write() -> None:
        nonlocal done
        for number in range(1, 21):
            await api("PATCH", path, {"name": str(number)})
            done = number

    await asyncio.gather(write(), *(read() for _ in range(4)))
    assert (await api("GET", path))["tool"]["name"] == "20"
    assert len(set(seen)) > 1, "the reads ran beside the writes"


async def test_what_is_remembered_for_one_user_is_not_shown_to_another(
    box: InProcess, api: Caller, stranger: Caller
) -> None:
    app = await api.app()
    for _ in range(2):
        await api("GET", f"/apps/{app}")
        await stranger("GET", f"/apps/{app}", expect=404)
        assert (await stranger("GET", "/apps"))["apps"] == []


def test_an_answer_that_a_write_overtook_is_not_remembered_and_memory_is_bounded() -> None:
    answers = Answers(limit=8000)
    generation = answers.generation
    answers.forget()
    answers.put(("a",), b"old", generation)
    assert answers.get(("a",)) is None
    for number in range(100):
        answers.put((str(number),), b"x" * 500, answers.generation)
        assert sum(len(body) for body in answers._known.values()) <= 8000
    answers.put(("large",), b"x" * 5000, answers.generation)
    assert answers.get(("large",)) is None


async def test_many_writers_at_once_never_share_a_key_or_lose_a_write(api: Caller) -> None:
    app = await api.app()
    made = await asyncio.gather(*(api.new(app, "tools", name="Same") for _ in range(25)))
    assert len({tool["key"] for tool in made}) == 25
    assert sorted(tool["order"] for tool in made) == list(range(25))
    assert len((await api("GET", f"/apps/{app}/tools"))["tools"]) == 25


async def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    async with in_process(tmp_path / "data") as box, box.client() as client:
        api = Caller(client)
        app = (await api("GET", "/apps"))["apps"][0]["id"]
        before: Any = await api("GET", f"/apps/{app}/config")
        token = box.token
        other = await token_of(box, "other@example.com")
    async with in_process(tmp_path / "data") as box, box.client(token) as client:
        assert await Caller(client)("GET", f"/apps/{app}/config") == before
        assert len((await client.get(f"{API}/apps")).json()["apps"]) == 1
        answer = await client.get(f"{API}/apps", headers={"Authorization": f"Bearer {other}"})
        assert answer.json()["apps"] == []
