"""The database: serialized writers, durable commits, and refusal of damaged files."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from sqlalchemy import Integer, func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from drio_tui.sandbox import db as module
from drio_tui.sandbox.db import (
    FILE_NAME,
    Base,
    Database,
    ReadCache,
    SchemaVersion,
    StorageError,
    move_to_backup,
)
from tests.sandbox.postgres import postgres_url  # noqa: F401 - a fixture


class Counter(Base):
    """A table for the tests."""

    __tablename__ = "test_counters"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    value: Mapped[int] = mapped_column(Integer)


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with Database(tmp_path / "data") as database:
        yield database


async def values(database: Database) -> list[int]:
    async with database.read() as session:
        return list((await session.execute(select(Counter.value).order_by(Counter.id))).scalars())


async def fill(folder: Path, rows: int = 200) -> Path:
    async with Database(folder) as database, database.session() as session:
        session.add_all(Counter(id=number, value=number) for number in range(1, rows + 1))
    return folder / FILE_NAME


async def test_database_uses_wal_full_sync_and_foreign_keys(db: Database) -> None:
    names = ("journal_mode", "synchronous", "foreign_keys")
    async with db.session() as session:
        settings = [(await session.execute(text(f"PRAGMA {name}"))).scalar() for name in names]
    assert settings == ["wal", 2, 1]


async def test_table_that_is_missing_is_created(tmp_path: Path) -> None:
    path = await fill(tmp_path / "data", 1)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE test_counters")
    async with Database(path.parent) as database:
        assert await values(database) == []


async def test_read_transaction_cannot_write(db: Database) -> None:
    async def write() -> None:
        async with db.read() as session:
            await session.execute(text("INSERT INTO test_counters (id, value) VALUES (1, 1)"))

    with pytest.raises(StorageError):
        await write()
    assert await values(db) == []


async def test_concurrent_readers_may_close_results_early(db: Database) -> None:
    async with db.session() as session:
        session.add_all(Counter(id=number, value=number) for number in range(1, 101))

    async def first() -> int:
        async with db.read() as session:
            result = await session.execute(text("SELECT value FROM test_counters ORDER BY id"))
            await asyncio.sleep(0)
            return int(result.scalars().fetchmany(2)[1])

    assert await asyncio.gather(*(first() for _ in range(50))) == [2] * 50


async def test_folder_and_files_are_private(db: Database) -> None:
    async with db.session() as session:
        session.add(Counter(id=1, value=1))
    assert db.path is not None
    assert stat.S_IMODE(db.path.parent.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in db.path.parent.iterdir()}
    assert set(modes) == {FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm"}
    assert set(modes.values()) == {0o600}


async def test_concurrent_writers_are_serialized(db: Database) -> None:
    async with db.session() as session:
        session.add(Counter(id=1, value=0))

    async def add_one() -> None:
        async with db.session() as session:
            counter = await session.get_one(Counter, 1)
            counter.value += 1

    await asyncio.gather(*(add_one() for _ in range(100)))
    assert await values(db) == [100]


async def test_writers_of_two_databases_on_one_file_are_serialized(tmp_path: Path) -> None:
    async with Database(tmp_path / "data") as first, Database(tmp_path / "data") as second:
        async with first.session() as session:
            session.add(Counter(id=1, value=0))

        async def add_one(database: Database) -> None:
            async with database.session() as session:
                counter = await session.get_one(Counter, 1)
                counter.value += 1

        await asyncio.gather(*(add_one(database) for database in (first, second) for _ in range(20)))
        assert await values(first) == [40]


async def test_exception_rolls_back_the_transaction(db: Database) -> None:
    async def fail() -> None:
        async with db.session() as session:
            session.add(Counter(id=1, value=1))
            await session.flush()
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        await fail()
    with pytest.raises(IntegrityError):
        async with db.session() as session:
            await session.execute(text("INSERT INTO test_counters (id, value) VALUES (1, 1), (1, 2)"))
    async with db.session() as session:
        session.add(Counter(id=1, value=2))
    assert await values(db) == [2]


async def test_cancelled_writer_releases_the_lock(db: Database) -> None:
    holding = asyncio.Event()

    async def hold() -> None:
        async with db.session() as session:
            session.add(Counter(id=1, value=1))
            await session.flush()
            holding.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await holding.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with db.session() as session:
        session.add(Counter(id=2, value=2))
    assert await values(db) == [2]


async def test_read_transaction_sees_a_consistent_snapshot(db: Database) -> None:
    async with db.session() as session:
        session.add(Counter(id=1, value=1))
    count = select(func.count()).select_from(Counter)
    async with db.read() as reader:
        before = (await reader.execute(count)).scalar()
        async with db.session() as session:
            session.add(Counter(id=2, value=2))
        after = (await reader.execute(count)).scalar()
    assert (before, after) == (1, 1)
    assert len(await values(db)) == 2


async def test_cache_keeps_values_until_it_is_cleared(db: Database) -> None:
    cache = ReadCache[int](db)
    results: list[int | None] = [None, 1, 2, 3]

    async def load(_session: AsyncSession) -> int | None:
        return results.pop(0)

    assert [await cache.read("key", load) for _ in range(4)] == [None, 1, 1, 1]
    cache.clear()
    assert await cache.read("key", load) == 2
    assert await cache.read("other", load) == 3


async def test_value_read_while_the_cache_is_cleared_is_not_cached(db: Database) -> None:
    cache = ReadCache[int](db)

    async def load_before_a_write(_session: AsyncSession) -> int:
        cache.clear()
        return 1

    async def load(_session: AsyncSession) -> int:
        return 2

    assert await cache.read("key", load_before_a_write) == 1
    assert await cache.read("key", load) == 2


async def test_cache_is_bounded(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_CACHED", 3)
    cache = ReadCache[int](db)

    async def load(_session: AsyncSession) -> int:
        return 1

    for number in range(10):
        await cache.read(number, load)
        assert len(cache._values) <= 3


WRITER = """
import asyncio, sys
from pathlib import Path
from drio_tui.sandbox.db import Database
from tests.sandbox.test_db import Counter

async def main():
    async with Database(Path(sys.argv[1])) as database:
        number = 0
        while True:
            number += 1
            async with database.session() as session:
                session.add(Counter(id=number, value=number))
            sys.stdout.write(f"{number}\\n")
            sys.stdout.flush()

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("minimum", [1, 7, 40])
async def test_acknowledged_writes_survive_a_kill(tmp_path: Path, minimum: int) -> None:
    folder = tmp_path / "data"
    root = str(Path(module.__file__).parents[2])
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": root}
    )
    assert writer.stdout is not None
    acknowledged = 0
    while acknowledged < minimum:
        acknowledged = int(writer.stdout.readline())
    writer.send_signal(signal.SIGKILL)
    rest = writer.stdout.read().split(b"\n")
    acknowledged = max([acknowledged, *(int(line) for line in rest[:-1])])
    writer.wait()
    writer.stdout.close()
    async with Database(folder) as database:
        stored = await values(database)
    assert stored[:acknowledged] == list(range(1, acknowledged + 1))
    assert len(stored) - acknowledged in (0, 1)


# --- damage ----------------------------------------------------------------------------------------


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def head(path: Path) -> None:
    flip(path, 0, 16)


def first_page(path: Path) -> None:
    flip(path, 100, 200)


def middle(path: Path) -> None:
    size = path.stat().st_size
    flip(path, size // 2 // 4096 * 4096, 64)


def garbage(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 64)


def flip(path: Path, start: int, length: int) -> None:
    data = bytearray(path.read_bytes())
    data[start : start + length] = bytes(byte ^ 0xFF for byte in data[start : start + length])
    path.write_bytes(bytes(data))


def lost_but_for_the_wal(path: Path) -> None:
    path.rename(path.with_name(path.name + "-wal"))


def newer(path: Path) -> None:
    _execute(path, "UPDATE schema_version SET version = 999")


def older(path: Path) -> None:
    _execute(path, "UPDATE schema_version SET version = 0")


def without_version(path: Path) -> None:
    _execute(path, "DROP TABLE schema_version")


def foreign(path: Path) -> None:
    path.unlink()
    _execute(path, "CREATE TABLE songs (title TEXT)")


def link(path: Path) -> None:
    real = path.with_name("elsewhere")
    path.rename(real)
    path.symlink_to(real)


def _execute(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


DAMAGE = [
    cut,
    empty,
    head,
    first_page,
    middle,
    garbage,
    lost_but_for_the_wal,
    newer,
    older,
    without_version,
    foreign,
    link,
]


@pytest.mark.parametrize("damage", DAMAGE)
async def test_damaged_or_foreign_database_is_refused_and_not_changed(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    path = await fill(tmp_path / "data")
    damage(path)
    before = {file.name: file.read_bytes() for file in path.parent.iterdir() if not file.name.endswith("-shm")}
    with pytest.raises(StorageError) as caught:
        await Database(tmp_path / "data").open()
    assert str(path) in caught.value.message
    assert caught.value.hint
    for name, data in before.items():
        if name == path.name:
            assert (path.parent / name).read_bytes() == data


async def test_damaged_database_can_be_reset_with_a_backup(tmp_path: Path) -> None:
    path = await fill(tmp_path / "data")
    garbage(path)
    with pytest.raises(StorageError) as caught:
        await Database(tmp_path / "data").open()
    assert "drio-tui sandbox reset" in caught.value.hint
    assert "backup" in caught.value.hint
    data = path.read_bytes()
    backup = move_to_backup(path)
    assert backup is not None
    assert backup.read_bytes() == data
    async with Database(tmp_path / "data") as database:
        assert await values(database) == []
    assert move_to_backup(tmp_path / "nothing.db") is None


async def test_backup_includes_the_wal(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    database = await Database(folder).open()
    async with database.session() as session:
        session.add(Counter(id=1, value=7))
    (tmp_path / "copy").mkdir()
    for file in folder.iterdir():  # as after a kill: the change is only in the WAL
        (tmp_path / "copy" / file.name).write_bytes(file.read_bytes())
    await database.close()
    backup = move_to_backup(tmp_path / "copy" / FILE_NAME)
    assert backup is not None
    with sqlite3.connect(backup) as connection:
        assert connection.execute("SELECT value FROM test_counters").fetchall() == [(7,)]
    connection.close()


async def after_a_kill(folder: Path, commits: int) -> Path:
    """Create a database whose changes are only in its WAL, as after a kill; return the path of the WAL."""
    async with Database(folder / "live") as database:
        for number in range(1, commits + 1):
            async with database.session() as session:
                session.add(Counter(id=number, value=number))
        (folder / "data").mkdir()
        for file in (folder / "live").iterdir():
            if not file.name.endswith("-shm"):
                (folder / "data" / file.name).write_bytes(file.read_bytes())
    return folder / "data" / f"{FILE_NAME}-wal"


@pytest.mark.parametrize("cut_off", [1, 100, 4000, 4119])
async def test_truncated_wal_is_read_up_to_its_end(tmp_path: Path, cut_off: int) -> None:
    wal = await after_a_kill(tmp_path, 20)
    os.truncate(wal, wal.stat().st_size - cut_off)
    async with Database(tmp_path / "data") as database:
        assert await values(database) == list(range(1, 20))


async def test_full_disk_raises_an_error_and_keeps_the_data(tmp_path: Path) -> None:
    path = await fill(tmp_path / "data", rows=5)
    async with Database(tmp_path / "data") as database:

        async def overfill() -> None:
            async with database.session() as session:
                pages = (await session.execute(text("PRAGMA page_count"))).scalar()
                await session.execute(text(f"PRAGMA max_page_count={pages}"))
                await session.execute(text("CREATE TABLE big (data BLOB)"))
                await session.execute(text("INSERT INTO big VALUES (zeroblob(10000000))"))

        with pytest.raises(StorageError, match="no room left") as caught:
            await overfill()
        assert str(path) in caught.value.message
        assert await values(database) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("url", ["sqlite+aiosqlite://", "sqlite+aiosqlite:///:memory:", "mysql://x/y", "not a url"])
async def test_unsupported_database_urls_are_refused(url: str) -> None:
    with pytest.raises(StorageError):
        Database(url)


async def test_error_names_the_folder_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError) as caught:
        await Database(tmp_path / "file" / "data").open()
    assert str(tmp_path / "file" / "data") in caught.value.message


async def test_existing_folder_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    async with Database(f"sqlite+aiosqlite:///{tmp_path}/own.db") as database:
        assert database.path == tmp_path / "own.db"
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "own.db").stat().st_mode) == 0o600


def test_password_in_the_url_is_hidden() -> None:
    database = Database("postgresql://drio:sesame@db.example/drio")
    assert "sesame" not in repr(database)
    assert "sesame" not in database.name
    assert database.url.drivername == "postgresql+asyncpg"


# --- PostgreSQL --------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_postgresql_transactions_and_version_check(postgres_url: str) -> None:  # noqa: F811 - the fixture imported above
    async with Database(postgres_url) as first, Database(postgres_url) as second:
        try:
            async with first.session() as session:
                session.add(Counter(id=1, value=1))
            async with first.read() as reader:
                assert (await reader.execute(select(func.count()).select_from(Counter))).scalar() == 1
                async with second.session() as session:
                    session.add(Counter(id=2, value=2))
                assert (await reader.execute(select(func.count()).select_from(Counter))).scalar() == 1
            assert await values(second) == [1, 2]
            async with first.session() as session:
                await session.merge(SchemaVersion(id=1, version=999))
            with pytest.raises(StorageError, match="newer"):
                await Database(postgres_url).open()
        finally:
            await first.drop_all()
