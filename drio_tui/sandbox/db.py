"""The sandbox's database: SQLite in one private file by default, PostgreSQL by URL.

`Database.session()` is a write transaction, `Database.read()` a consistent snapshot. On SQLite a write
transaction takes the write lock at its start (`BEGIN IMMEDIATE`) and writers of this process queue for
it, so that none fails half way with "database is locked"; the journal is a WAL flushed on every commit,
so that what was acknowledged survives a kill or a power cut.

A database that is damaged, foreign or of another version is refused with a `StorageError`; nothing is
ever repaired by emptying it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Integer, MetaData, event, inspect, select, text
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import AsyncAdaptedQueuePool, Pool

from drio_tui.api.errors import DrioError
from drio_tui.sandbox.wal import is_damaged
from drio_tui.storage.files import private_dir, reason_of, sync_dir

SCHEMA_VERSION = 1
"""Raise it with every change to a table that `create_all` cannot make by itself."""

FILE_NAME = "sandbox.db"
_SIDE_FILES = ("-wal", "-shm", "-journal")
_BUSY_MS = 15_000
_READ_BUSY_MS = 2_000
_FULL_CHECK_BYTES = 64 << 20
_ADVISORY_LOCK = 0x6472696F  # "drio"; held while two processes could create the same tables
_ADVICE = "Run `drio-tui sandbox reset`: it sets the old data aside as a backup and starts afresh."
_SNAPSHOT: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
)


class StorageError(DrioError):
    """The sandbox's database cannot be opened, read or written; the message names the file or host."""

    title = "The sandbox cannot use its database"
    hint = _ADVICE


class Base(DeclarativeBase):
    """Base of every table; names of constraints are spelled out so that they are the same on every engine."""

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
    """One row that says which shape the tables have."""

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
        self._writers = asyncio.Lock()
        self._engine: AsyncEngine | None = None
        self._reader: AsyncEngine | None = None

    def __repr__(self) -> str:
        return f"Database({self.name})"

    @property
    def name(self) -> str:
        """The file, or the URL without its password: fit for messages."""
        return str(self.path) if self.path else self.url.render_as_string(hide_password=True)

    @property
    def engine(self) -> AsyncEngine:
        """The engine; only between `open` and `close`."""
        if self._engine is None:
            raise RuntimeError("the database is not open")
        return self._engine

    async def open(self) -> Self:
        """Check the database, make what is missing, and be ready. Raises `StorageError`."""
        if self.path is not None:
            await asyncio.to_thread(_prepare_file, self.path)
        try:
            self._engine = _engine(self.url)
            await self.create_all()
            self._reader = _reader(self.url) if self.path else self._engine.execution_options(**_SNAPSHOT)
        except BaseException:
            await self.close()
            raise
        return self

    async def close(self) -> None:
        """Give every connection back; the WAL is folded into the file by the last one."""
        reader, engine = self._reader, self._engine
        self._reader = self._engine = None
        if reader is not None and self.path is not None:  # on PostgreSQL it shares the other one's connections
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
        """Create the tables that are missing; refuse a database of another version (`StorageError`)."""
        async with self.session() as session:
            if self.path is None:
                await session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
            connection = await session.connection()
            tables = await connection.run_sync(lambda sync: set(inspect(sync).get_table_names()))
            if SchemaVersion.__tablename__ in tables:
                found = (await session.execute(select(SchemaVersion.version))).scalar_one_or_none()
                if found != SCHEMA_VERSION:
                    raise _other_version(self.name, found)
            elif tables & set(Base.metadata.tables):
                raise StorageError(f"{self.name} is not a database of the sandbox")
            await connection.run_sync(Base.metadata.create_all)
            await session.merge(SchemaVersion(id=1, version=SCHEMA_VERSION))

    async def drop_all(self) -> None:
        """Remove every table of ours and what is in them: the reset of a PostgreSQL database."""
        async with self.session() as session:
            await (await session.connection()).run_sync(Base.metadata.drop_all)

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """A write transaction: committed when the block ends, rolled back when it raises.

        Never open one inside another in the same task: the second would wait for the first for ever.
        Raises `StorageError` where the disk is full, read-only or the file damaged.
        """
        queue = self._writers if self.path else contextlib.nullcontext()
        async with queue, self._transaction(write=True) as session:
            yield session

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A read transaction over one consistent state of the database; nothing is committed."""
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
            failure = self._explain(error)
            if failure is None:
                raise
            raise failure from error
        finally:
            # shielded: a cancelled request must still give its connection, and the write lock, back
            await asyncio.shield(session.close())

    def _explain(self, error: DBAPIError) -> StorageError | None:
        """The failures of the storage itself, told plainly; None for those of a statement."""
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


class _InlineCursor(sqlite3.Cursor):
    async def _async_soft_close(self) -> None:
        """What SQLAlchemy awaits when a result is left before its end; there is nothing to wait for."""


class _InlineConnection(sqlite3.Connection):
    def cursor(self, factory: Any = _InlineCursor) -> Any:
        return super().cursor(factory)


class _Inline(SQLiteDialect_pysqlite):
    """SQLite on the event loop's own thread, behind SQLAlchemy's asyncio interface.

    For reads only: with a WAL they wait for nobody, and what they take is far less than handing each
    step of them (begin, execute, fetch, end) to another thread and back.
    """

    driver = "inline"
    is_async = True
    supports_statement_cache = True

    @classmethod
    def get_pool_class(cls, url: URL) -> type[Pool]:  # noqa: ARG003 - the pool is the same for every file
        return AsyncAdaptedQueuePool


registry.register("sqlite.inline", __name__, _Inline.__name__)


def _engine(url: URL) -> AsyncEngine:
    """The engine for writes, and on PostgreSQL for everything."""
    if url.get_backend_name() != "sqlite":
        return create_async_engine(url, pool_pre_ping=True, hide_parameters=True)
    engine = create_async_engine(url, connect_args={"timeout": _BUSY_MS / 1000}, hide_parameters=True)
    _prepare_connections(engine, [f"PRAGMA busy_timeout={_BUSY_MS}", *_PRAGMAS], "BEGIN IMMEDIATE")
    return engine


def _reader(url: URL) -> AsyncEngine:
    engine = create_async_engine(
        url.set(drivername="sqlite+inline"), connect_args={"factory": _InlineConnection}, hide_parameters=True
    )
    _prepare_connections(engine, [f"PRAGMA busy_timeout={_READ_BUSY_MS}", "PRAGMA query_only=ON"], "BEGIN")
    return engine


def _prepare_connections(engine: AsyncEngine, pragmas: list[str], begin: str) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        cursor = connection.cursor()
        try:
            for pragma in pragmas:
                cursor.execute(pragma)
        finally:
            cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


def _sqlite_code(error: DBAPIError) -> str:
    """SQLite's own name for a failure, whichever layer of the driver carries it; "" for other engines."""
    cause: BaseException | None = error.orig
    for _ in range(4):
        name = getattr(cause, "sqlite_errorname", None)
        if isinstance(name, str):
            return name
        if cause is None:
            break
        cause = cause.__cause__ or cause.__context__
    return ""


def _other_version(name: str, found: int | None) -> StorageError:
    if found is not None and found > SCHEMA_VERSION:
        return StorageError(
            f"{name} was written by a newer drio-tui (version {found}, this one knows {SCHEMA_VERSION})",
            hint=f"Update drio-tui. Or: {_ADVICE}",
        )
    return StorageError(f"{name} has version {found}, this drio-tui needs {SCHEMA_VERSION}")


# --- the SQLite file -----------------------------------------------------------------------------


def set_aside(path: Path) -> Path | None:
    """Rename a database and its side files to `NAME.TIME.bak`; the backup's path, None where nothing was.

    Only while no process has it open.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    backup = path.with_name(f"{path.name}.{stamp}-{secrets.token_hex(2)}.bak")
    moved = False
    for suffix in (*_SIDE_FILES, ""):  # the main file last: while it is there, the set is not half new
        part = path.with_name(path.name + suffix)
        with contextlib.suppress(FileNotFoundError):
            part.rename(backup.with_name(backup.name + suffix))
            moved = True
    if moved:
        sync_dir(path.parent)
    return backup if moved else None


def _prepare_file(path: Path) -> None:
    """Refuse a damaged file, or make a new one (complete before it gets its name). Blocking."""
    try:
        if not path.parent.is_dir():  # a folder that is there keeps its mode; the file itself is 0600 anyway
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
            f"{path}: {reason_of(error)}", hint="Check the folder, or choose another with --data."
        ) from error


def _create_file(path: Path) -> None:
    """A new database in WAL mode under a temporary name, then linked into place: never half of one."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with contextlib.closing(sqlite3.connect(temporary)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA user_version=1")  # writes the header, so the file is never empty
            connection.commit()
        with contextlib.suppress(FileExistsError):  # another process was quicker: its file is as good
            os.link(temporary, path)
    except sqlite3.Error as error:
        raise StorageError(f"{path} cannot be created: {error}", hint="Is the disk full?") from error
    finally:
        for suffix in ("", *_SIDE_FILES):
            temporary.with_name(temporary.name + suffix).unlink(missing_ok=True)
    sync_dir(path.parent)


def _check_file(path: Path) -> None:
    """Raise `StorageError` where the file, its journal or its content cannot be what we wrote."""
    if hasattr(os, "getuid") and path.stat().st_mode & 0o077:
        path.chmod(0o600)
    size = path.stat().st_size
    if size == 0:
        raise StorageError(f"{path} is empty: it was cut off")
    wal = path.with_name(path.name + "-wal")
    if wal.exists() and is_damaged(wal):
        raise StorageError(f"{wal} is damaged: changes that were saved last would be lost")
    check = "integrity_check" if size <= _FULL_CHECK_BYTES else "quick_check"
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=_BUSY_MS / 1000)) as connection:
            verdict = connection.execute(f"PRAGMA {check}(1)").fetchone()
            foreign = connection.execute("PRAGMA user_version").fetchone()[0] == 0
            foreign = foreign and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] > 0
    except sqlite3.DatabaseError as error:
        raise StorageError(f"{path} is damaged: {error}") from error
    if verdict is None or verdict[0] != "ok":
        raise StorageError(f"{path} is damaged: {verdict[0] if verdict else 'unreadable'}")
    if foreign:
        raise StorageError(f"{path} is not a database of the sandbox", hint="Choose another --data folder.")
