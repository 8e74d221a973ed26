"""The database: writers queue, what was acknowledged stays, and what is damaged is refused, not emptied."""

from __future__ import annotations

import asyncio
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
from sqlalchemy.orm import Mapped, mapped_column

from drio_tui.sandbox import db as module
from drio_tui.sandbox.db import FILE_NAME, Base, Database, SchemaVersion, StorageError, set_aside
from tests.sandbox.postgres import postgres_url  # noqa: F401 - a fixture


class Counter(Base):
    """A table of the tests' own."""

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


async def test_commits_are_flushed_to_disk_and_foreign_keys_hold(db: Database) -> None:
    names = ("journal_mode", "synchronous", "foreign_keys")
    async with db.session() as session:
        found = [(await session.execute(text(f"PRAGMA {name}"))).scalar() for name in names]
    assert found == ["wal", 2, 1]


async def test_a_reader_cannot_write(db: Database) -> None:
    async def write() -> None:
        async with db.read() as session:
            await session.execute(text("INSERT INTO test_counters (id, value) VALUES (1, 1)"))

    with pytest.raises(StorageError):
        await write()
    assert await values(db) == []


async def test_fifty_readers_at_once_are_served_and_results_may_be_left_half_read(db: Database) -> None:
    async with db.session() as session:
        session.add_all(Counter(id=number, value=number) for number in range(1, 101))

    async def first() -> int:
        async with db.read() as session:
            result = await session.execute(text("SELECT value FROM test_counters ORDER BY id"))
            await asyncio.sleep(0)
            return int(result.scalars().fetchmany(2)[1])

    assert await asyncio.gather(*(first() for _ in range(50))) == [2] * 50


async def test_the_folder_and_its_files_are_private(db: Database) -> None:
    async with db.session() as session:
        session.add(Counter(id=1, value=1))
    assert db.path is not None
    assert stat.S_IMODE(db.path.parent.stat().st_mode) == 0o700
    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in db.path.parent.iterdir()}
    assert set(found) == {FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm"}
    assert set(found.values()) == {0o600}


async def test_a_hundred_writers_at_once_queue(db: Database) -> None:
    async with db.session() as session:
        session.add(Counter(id=1, value=0))

    async def add_one() -> None:
        async with db.session() as session:
            counter = await session.get_one(Counter, 1)
            counter.value += 1

    await asyncio.gather(*(add_one() for _ in range(100)))
    assert await values(db) == [100]


async def test_writers_of_two_processes_queue(tmp_path: Path) -> None:
    async with Database(tmp_path / "data") as one, Database(tmp_path / "data") as two:
        async with one.session() as session:
            session.add(Counter(id=1, value=0))

        async def add_one(database: Database) -> None:
            async with database.session() as session:
                counter = await session.get_one(Counter, 1)
                counter.value += 1

        await asyncio.gather(*(add_one(database) for database in (one, two) for _ in range(20)))
        assert await values(one) == [40]


async def test_a_block_that_raises_changes_nothing_and_the_next_one_works(db: Database) -> None:
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


async def test_a_cancelled_writer_lets_the_next_one_in(db: Database) -> None:
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


async def test_a_reader_sees_one_state_while_others_write(db: Database) -> None:
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
@pytest.mark.parametrize("wanted", [1, 7, 40])
async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path, wanted: int) -> None:
    folder = tmp_path / "data"
    root = str(Path(module.__file__).parents[2])
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": root}
    )
    assert writer.stdout is not None
    acknowledged = 0
    while acknowledged < wanted:
        acknowledged = int(writer.stdout.readline())
    writer.send_signal(signal.SIGKILL)
    rest = writer.stdout.read().split(b"\n")
    acknowledged = max([acknowledged, *(int(line) for line in rest[:-1])])
    writer.wait()
    writer.stdout.close()
    async with Database(folder) as database:
        found = await values(database)
    assert found[:acknowledged] == list(range(1, acknowledged + 1))
    assert len(found) - acknowledged in (0, 1)


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


def bad_wal(path: Path) -> None:
    path.with_name(path.name + "-wal").write_bytes(b"\xa5" * 8192)


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
    bad_wal,
    lost_but_for_the_wal,
    newer,
    older,
    without_version,
    foreign,
    link,
]


@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_damaged_or_foreign_database_is_refused_and_left_as_it_is(
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


async def test_the_advice_for_damage_is_a_reset_that_keeps_a_backup(tmp_path: Path) -> None:
    path = await fill(tmp_path / "data")
    garbage(path)
    with pytest.raises(StorageError) as caught:
        await Database(tmp_path / "data").open()
    assert "drio-tui sandbox reset" in caught.value.hint
    assert "backup" in caught.value.hint
    data = path.read_bytes()
    backup = set_aside(path)
    assert backup is not None
    assert backup.read_bytes() == data
    async with Database(tmp_path / "data") as database:
        assert await values(database) == []
    assert set_aside(tmp_path / "nothing.db") is None


async def test_a_backup_can_be_opened_again_with_what_was_in_its_journal(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    database = await Database(folder).open()
    async with database.session() as session:
        session.add(Counter(id=1, value=7))
    (tmp_path / "copy").mkdir()
    for file in folder.iterdir():  # as after a kill: the change is in the journal only
        (tmp_path / "copy" / file.name).write_bytes(file.read_bytes())
    await database.close()
    backup = set_aside(tmp_path / "copy" / FILE_NAME)
    assert backup is not None
    with sqlite3.connect(backup) as connection:
        assert connection.execute("SELECT value FROM test_counters").fetchall() == [(7,)]
    connection.close()


async def after_a_kill(folder: Path, commits: int) -> Path:
    """A database whose changes are still in its journal, as a killed process leaves it."""
    async with Database(folder / "live") as database:
        for number in range(1, commits + 1):
            async with database.session() as session:
                session.add(Counter(id=number, value=number))
        (folder / "data").mkdir()
        for file in (folder / "live").iterdir():
            if not file.name.endswith("-shm"):
                (folder / "data" / file.name).write_bytes(file.read_bytes())
    return folder / "data" / f"{FILE_NAME}-wal"


@pytest.mark.parametrize("where", [0, 40, 0.3, 0.5, 0.7])
async def test_a_journal_damaged_in_its_midst_is_refused(tmp_path: Path, where: float) -> None:
    wal = await after_a_kill(tmp_path, 20)
    flip(wal, int(where if where >= 1 else wal.stat().st_size * where), 8)
    data = wal.read_bytes()
    with pytest.raises(StorageError, match="saved last"):
        await Database(tmp_path / "data").open()
    assert wal.read_bytes() == data


@pytest.mark.parametrize("cut_off", [1, 100, 4000, 4119])
async def test_a_journal_cut_short_by_a_crash_is_read_up_to_there(tmp_path: Path, cut_off: int) -> None:
    wal = await after_a_kill(tmp_path, 20)
    os.truncate(wal, wal.stat().st_size - cut_off)
    async with Database(tmp_path / "data") as database:
        assert await values(database) == list(range(1, 20))


async def test_a_whole_journal_is_read_whole_also_after_it_was_begun_anew(tmp_path: Path) -> None:
    async with Database(tmp_path / "live") as database:
        for number in range(1, 30):
            async with database.session() as session:
                session.add(Counter(id=number, value=number))
            if number == 20:
                async with database.engine.connect() as connection:
                    raw = await connection.get_raw_connection()
                    assert raw.driver_connection is not None
                    await raw.driver_connection.rollback()
                    await raw.driver_connection.execute("PRAGMA wal_checkpoint(RESTART)")
        (tmp_path / "data").mkdir()
        for file in (tmp_path / "live").iterdir():
            (tmp_path / "data" / file.name).write_bytes(file.read_bytes())
    async with Database(tmp_path / "data") as database:
        assert await values(database) == list(range(1, 30))


async def test_a_full_disk_is_named_and_what_was_there_stays(tmp_path: Path) -> None:
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
async def test_a_database_that_cannot_be_used_is_refused_by_its_url(url: str) -> None:
    with pytest.raises(StorageError):
        Database(url)


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError) as caught:
        await Database(tmp_path / "file" / "data").open()
    assert str(tmp_path / "file" / "data") in caught.value.message


async def test_an_existing_folder_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    async with Database(f"sqlite+aiosqlite:///{tmp_path}/own.db") as database:
        assert database.path == tmp_path / "own.db"
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "own.db").stat().st_mode) == 0o600


def test_a_password_in_the_url_is_shown_nowhere() -> None:
    database = Database("postgresql://drio:sesame@db.example/drio")
    assert "sesame" not in repr(database)
    assert "sesame" not in database.name
    assert database.url.drivername == "postgresql+asyncpg"


# --- PostgreSQL --------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_postgresql_does_the_same(postgres_url: str) -> None:  # noqa: F811 - the fixture imported above
    async with Database(postgres_url) as one, Database(postgres_url) as two:
        try:
            async with one.session() as session:
                session.add(Counter(id=1, value=1))
            async with one.read() as reader:
                assert (await reader.execute(select(func.count()).select_from(Counter))).scalar() == 1
                async with two.session() as session:
                    session.add(Counter(id=2, value=2))
                assert (await reader.execute(select(func.count()).select_from(Counter))).scalar() == 1
            assert await values(two) == [1, 2]
            async with one.session() as session:
                await session.merge(SchemaVersion(id=1, version=999))
            with pytest.raises(StorageError, match="newer"):
                await Database(postgres_url).open()
        finally:
            await one.drop_all()
