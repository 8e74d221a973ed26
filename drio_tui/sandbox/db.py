"""The sandbox's database: SQLite in one private file by default, PostgreSQL by URL.

`Database.session()` is a write transaction, `Database.read()` a consistent snapshot. On SQLite a write
transaction takes the write lock at its start (`BEGIN IMMEDIATE`) and the writers of this process queue for
it, so that none fails half-way with "database is locked". The WAL is flushed on every commit, so that an
acknowledged write survives a kill or a power failure.

A damaged database, one of another version, and one that is not the sandbox's are refused with a
`StorageError`; nothing is ever repaired by emptying it. Damage in the WAL is left to SQLite, which reads it up to
the first frame with a wrong checksum.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from sqlalchemy import Integer, MetaData, event, insert, inspect, select, text
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from drio_tui.api.errors import DrioError
from drio_tui.storage.files import os_error_text, private_dir, sync_dir

Value = TypeVar("Value")

SCHEMA_VERSION = 1
"""Increase it with every change to a table that `create_all` cannot make."""

FILE_NAME = "sandbox.db"
_SIDE_FILES = ("-wal", "-shm", "-journal")
_BUSY_SECONDS = 15
_MAX_CACHED = 1000
_FULL_CHECK_BYTES = 64 << 20
_ADVISORY_LOCK = 0x6472696F  # "drio"; held while tables are created, so that two processes do not do so at once
_ADVICE = "Run `drio-tui sandbox reset`: it sets the old data aside as a backup and starts afresh."
_SNAPSHOT: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
_PRAGMAS = ["PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON"]


class StorageError(DrioError):
    """The sandbox's database cannot be opened, read or written; the message names the file or host."""

    title = "The sandbox cannot use its database"
    hint = _ADVICE


class Base(DeclarativeBase):
    """The base of every table, with a naming convention that gives constraints the same names on every engine."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class SchemaVersion(Base):
    """One row with the version of the database schema."""

    __tablename__ = "schema_version"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    version: Mapped[int] = mapped_column(Integer)


class Database:
    """One database, opened once for the life of the process.

    `target` is a folder (the file `sandbox.db` in it) or an SQLAlchemy URL, `sqlite+aiosqlite:///FILE`
    or `postgresql+asyncpg://…`. Import every module that declares tables before `open`.
    """

    def __init__(self, target: str | Path) -> None:
        if isinstance(target, Path):
            self.url: URL = URL.create("sqlite+aiosqlite", database=str(target / FILE_NAME))
        else:
            try:
                self.url = make_url(target)
            except SQLAlchemyError as error:
                raise StorageError("the database URL cannot be read", hint="Look at its spelling.") from error
        self.path: Path | None = None
        if self.url.get_backend_name() == "sqlite":
            name = self.url.database or ""
            if name in ("", ":memory:") or name.startswith("file:"):
                raise StorageError("the sandbox keeps its data in a file", hint="Use sqlite+aiosqlite:///FILE.")
            self.path = Path(name).absolute()
            self.url = self.url.set(drivername="sqlite+aiosqlite", database=str(self.path))
        elif self.url.get_backend_name() == "postgresql":
            self.url = self.url.set(drivername="postgresql+asyncpg")
        else:
            raise StorageError(f"{self.url.get_backend_name()} is not supported", hint="Use SQLite or PostgreSQL.")
        self._write_lock = asyncio.Lock()
        self._engine: AsyncEngine | None = None
        self._reader: AsyncEngine | None = None

    def __repr__(self) -> str:
        return f"Database({self.name})"

    @property
    def name(self) -> str:
        """The file, or the URL without its password, for messages."""
        return str(self.path) if self.path else self.url.render_as_string(hide_password=True)

    @property
    def engine(self) -> AsyncEngine:
        """The engine; only between `open` and `close`."""
        if self._engine is None:
            raise RuntimeError("the database is not open")
        return self._engine

    async def open(self) -> Self:
        """Check the database, create what is missing, and open the connections. Raises `StorageError`."""
        if self.path is not None:
            await asyncio.to_thread(_prepare_file, self.path)
        try:
            self._engine = _create_engine(self.url)
            await self.create_all()
            if self.path is None:
                self._reader = self._engine.execution_options(**_SNAPSHOT)
            else:
                self._reader = _create_engine(self.url, read_only=True)
        except BaseException:
            await self.close()
            raise
        return self

    async def close(self) -> None:
        """Close every connection; SQLite checkpoints the WAL when the last one closes."""
        reader, engine = self._reader, self._engine
        self._reader = self._engine = None
        if reader is not None and self.path is not None:  # on PostgreSQL it shares the connections of the engine
            await reader.dispose()
        if engine is not None:
            await engine.dispose()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def create_all(self) -> None:
        """Create the tables that are missing. Raises `StorageError` for a database of another version."""
        async with self.session() as session:
            if self.path is None:
                await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
            connection = await session.connection()
            tables = await connection.run_sync(lambda sync: set(inspect(sync).get_table_names()))
            if SchemaVersion.__tablename__ in tables:
                version = (await session.execute(select(SchemaVersion.version))).scalar_one_or_none()
                if version != SCHEMA_VERSION:
                    raise _other_version(self.name, version)
            elif tables & set(Base.metadata.tables):
                raise StorageError(f"{self.name} is not a database of the sandbox")
            missing = [table for name, table in Base.metadata.tables.items() if name not in tables]
            if missing:
                # `checkfirst` would take two statements per table
                await connection.run_sync(Base.metadata.create_all, tables=missing, checkfirst=False)
            if SchemaVersion.__tablename__ not in tables:
                await session.execute(insert(SchemaVersion).values(id=1, version=SCHEMA_VERSION))

    async def drop_all(self) -> None:
        """Drop every table of the sandbox: the reset of a PostgreSQL database."""
        async with self.session() as session:
            await (await session.connection()).run_sync(Base.metadata.drop_all)

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """Open a write transaction: committed when the block ends, rolled back if it raises.

        Never open one inside another in the same task: the second would wait for the first forever.
        Raises `StorageError` if the disk is full, or the file is read-only or damaged.
        """
        lock = self._write_lock if self.path else contextlib.nullcontext()
        async with lock, self._transaction(write=True) as session:
            yield session

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """Open a read transaction over one consistent state of the database; nothing is committed."""
        async with self._transaction(write=False) as session:
            yield session

    @contextlib.asynccontextmanager
    async def _transaction(self, *, write: bool) -> AsyncIterator[AsyncSession]:
        bind = self.engine if write else self._reader or self.engine
        session = AsyncSession(bind, expire_on_commit=False, autoflush=write)
        try:
            yield session
            if write:
                await session.commit()
        except DBAPIError as error:
            storage_error = self._storage_error(error)
            if storage_error is None:
                raise
            raise storage_error from error
        finally:
            # Shielded: a cancelled request must still return its connection, and release the write lock.
            await asyncio.shield(session.close())

    def _storage_error(self, error: DBAPIError) -> StorageError | None:
        """Return a `StorageError` for a failure of the storage itself, None for one of a statement."""
        name = _sqlite_code(error)
        if name.startswith("SQLITE_FULL"):
            return StorageError(f"there is no room left for {self.name}", hint="Free some disk space, then try again.")
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            return StorageError(f"{self.name} is damaged")
        if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_PERM")):
            return StorageError(
                f"{self.name} cannot be read or written", hint="Check the folder's permissions and the disk."
            )
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return StorageError(
                f"another process keeps {self.name} locked", hint="End the other sandbox, then try again."
            )
        return None


class ReadCache(Generic[Value]):
    """Values that were read from the database, by key, until something that they depend on is written.

    Who writes it must call `clear` before the write is acknowledged. With PostgreSQL nothing is cached, since other
    processes may write too. `generation` counts the calls of `clear`.
    """

    def __init__(self, database: Database) -> None:
        self.generation = 0
        self._database = database
        self._values: dict[Hashable, Value] = {}

    async def read(self, key: Hashable, load: Callable[[AsyncSession], Awaitable[Value | None]]) -> Value | None:
        """Return the cached value, or the one that `load` returns in a read transaction; None is not cached."""
        cached = self._values.get(key)
        if cached is not None:
            return cached
        generation = self.generation
        async with self._database.read() as session:
            value = await load(session)
        if value is not None and self._database.path is not None and generation == self.generation:
            if len(self._values) >= _MAX_CACHED:
                self._values.clear()
            self._values[key] = value
        return value

    def clear(self) -> None:
        """Forget all values, and those that are being read."""
        self.generation += 1
        self._values.clear()


def _create_engine(url: URL, *, read_only: bool = False) -> AsyncEngine:
    """Return an engine for reads and writes; for SQLite also one that can only read."""
    if url.get_backend_name() != "sqlite":
        return create_async_engine(url, pool_pre_ping=True, hide_parameters=True)
    engine = create_async_engine(url, connect_args={"timeout": _BUSY_SECONDS}, hide_parameters=True)
    pragmas, begin = (["PRAGMA query_only=ON"], "BEGIN") if read_only else (_PRAGMAS, "BEGIN IMMEDIATE")

    @event.listens_for(engine.sync_engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions itself
        cursor = connection.cursor()
        try:
            for pragma in pragmas:
                cursor.execute(pragma)
        finally:
            cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _sqlite_code(error: DBAPIError) -> str:
    """Return SQLite's name of an error (`SQLITE_FULL`), from whichever exception carries it; "" for other engines."""
    cause: BaseException | None = error.orig
    for _ in range(4):
        name = getattr(cause, "sqlite_errorname", None)
        if isinstance(name, str):
            return name
        if cause is None:
            break
        cause = cause.__cause__ or cause.__context__
    return ""


def _other_version(name: str, version: int | None) -> StorageError:
    if version is not None and version > SCHEMA_VERSION:
        return StorageError(
            f"{name} was written by a newer drio-tui (version {version}, this one knows {SCHEMA_VERSION})",
            hint=f"Update drio-tui. Or: {_ADVICE}",
        )
    return StorageError(f"{name} has version {version}, this drio-tui needs {SCHEMA_VERSION}")


# --- the SQLite file -----------------------------------------------------------------------------


def move_to_backup(path: Path) -> Path | None:
    """Rename a database and its side files to `NAME.TIME.bak`; return the backup's path, None if there is no file.

    Only while no process has it open.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    backup = path.with_name(f"{path.name}.{stamp}-{secrets.token_hex(2)}.bak")
    moved = False
    for suffix in (*_SIDE_FILES, ""):  # the main file last: a crash in between leaves no main file without its WAL
        part = path.with_name(path.name + suffix)
        with contextlib.suppress(FileNotFoundError):
            part.rename(backup.with_name(backup.name + suffix))
            moved = True
    if moved:
        sync_dir(path.parent)
    return backup if moved else None


def _prepare_file(path: Path) -> None:
    """Check an existing file, or create a new one. Blocking. Raises `StorageError`."""
    try:
        if not path.parent.is_dir():  # an existing folder keeps its mode; the file itself is 0600 anyway
            private_dir(path.parent)
        if path.is_symlink():
            raise StorageError(f"{path} is a symbolic link", hint="Remove it, or choose another --data folder.")
        if path.exists():
            _check_file(path)
            return
        wal = path.with_name(path.name + "-wal")
        if wal.exists() and wal.stat().st_size > 0:
            raise StorageError(f"{path} is gone, but its journal {wal.name} is still there")
        _create_file(path)
    except OSError as error:
        raise StorageError(
            f"{path}: {os_error_text(error)}", hint="Check the folder, or choose another with --data."
        ) from error


def _create_file(path: Path) -> None:
    """Create a database in WAL mode under a temporary name, then link it into place, so that it is always complete."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with contextlib.closing(sqlite3.connect(temporary)) as connection:
            connection.execute("PRAGMA synchronous=OFF")  # it is flushed once, below
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA user_version=1")  # writes the header, so that the file is never empty
            connection.commit()
        _flush(temporary)
        with contextlib.suppress(FileExistsError):  # another process has created it meanwhile, which is as good
            os.link(temporary, path)
    except sqlite3.Error as error:
        raise StorageError(f"{path} cannot be created: {error}", hint="Is the disk full?") from error
    finally:
        for suffix in ("", *_SIDE_FILES):
            temporary.with_name(temporary.name + suffix).unlink(missing_ok=True)
    sync_dir(path.parent)


def _flush(path: Path) -> None:
    """Flush a file to disk."""
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _check_file(path: Path) -> None:
    """Raise `StorageError` if the file is damaged, or the database is not the sandbox's."""
    if hasattr(os, "getuid") and path.stat().st_mode & 0o077:
        path.chmod(0o600)
    size = path.stat().st_size
    if size == 0:
        raise StorageError(f"{path} is empty: it was cut off")
    check = "integrity_check" if size <= _FULL_CHECK_BYTES else "quick_check"
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=_BUSY_SECONDS)) as connection:
            result = connection.execute(f"PRAGMA {check}(1)").fetchone()
            foreign = connection.execute("PRAGMA user_version").fetchone()[0] == 0
            foreign = foreign and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] > 0
    except sqlite3.DatabaseError as error:
        raise StorageError(f"{path} is damaged: {error}") from error
    if result is None or result[0] != "ok":
        raise StorageError(f"{path} is damaged: {result[0] if result else 'unreadable'}")
    if foreign:
        raise StorageError(f"{path} is not a database of the sandbox", hint="Choose another --data folder.")
