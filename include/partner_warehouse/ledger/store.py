"""The ledger's database: its engine, its one lock for writers, its migrations."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    NullPool,
    create_engine,
    event,
    inspect,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError

from partner_warehouse.errors import BadInputError, PartnerWarehouseError
from partner_warehouse.settings import Settings

HEAD = "0006"
"""The newest migration: a ledger that is there needs no other."""

_WRITER_LOCK = 5_042_317_001
"""Key of the PostgreSQL advisory lock that writers take. SQLite has one writer by itself (`BEGIN IMMEDIATE`)."""

_LOCK_SECONDS = 60
_CACHE_KIB = 65_536
"""What SQLite keeps of a file in memory: by default 2 MB, and an approval of a million lines reads indexes again."""

_PAGE_BYTES = 8_192
"""Of a new SQLite ledger: with twice the default, a month of a million lines is posted in four fifths of the time."""

_READ_ONLY = "ledger_read_only"
_HOME = "ledger_home"

_REFUSALS = {
    "42501": "the ledger database gives its user no right to do this: once the owner of its schema has made the "
    "migrations, SELECT and INSERT on its tables suffice",
    "25006": "the ledger database takes no writes: name the server that does, not one of its copies, in "
    "PARTNER_WAREHOUSE_LEDGER_URL, and let default_transaction_read_only be off",
    "SQLITE_READONLY": "the ledger's file takes no writes: give the user of this command the right to write it and its "
    "folder, where a log is kept beside it",
    "SQLITE_CANTOPEN": "the ledger's file cannot be opened: check the path in PARTNER_WAREHOUSE_LEDGER_URL, and the "
    "rights on the file and its folder",
    "SQLITE_FULL": "the ledger's disk is full, and nothing was written: make room and run the command again",
    "SQLITE_NOTADB": "the ledger's file is not a SQLite database: check the path in PARTNER_WAREHOUSE_LEDGER_URL, or "
    "restore the file from a copy",
    "SQLITE_CORRUPT": "the ledger's file is damaged: restore it from a copy, and hold it against what was landed of it",
}
"""What a server refuses, by its SQLSTATE, and SQLite by the name of its error, with what to do."""


class Store:
    """One ledger database, migrated to `HEAD` when first used.

    Args:
        settings: `ledger_sqlalchemy_url` says where it is: SQLite or PostgreSQL.
    """

    def __init__(self, settings: Settings) -> None:
        self.engine = _engine(settings.ledger_sqlalchemy_url, settings.home)
        migrate(self.engine)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that no other writer overlaps. Committed at the end, rolled back on any exception.

        Raises:
            PartnerWarehouseError: The database cannot be reached, does not let us write, or is held by another writer
            for over a minute.
        """
        with _named_faults(), self.engine.begin() as connection:
            _lock(connection)
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view; it neither waits for a writer nor blocks one."""
        options: dict[str, Any] = {_READ_ONLY: True}
        if self.engine.dialect.name == "postgresql":
            options |= {"isolation_level": "REPEATABLE READ"}
        with _named_faults(), self.engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection


def home_of(connection: Connection) -> Path:
    """The home of the installation whose ledger this is.

    Args:
        connection: From `Store.writing` or `Store.reading`.
    """
    home: Path = connection.get_execution_options()[_HOME]
    return home


def sees_what_is_committed(connection: Connection) -> bool:
    """Whether a SQLite transaction and a new connection see the same: it keeps others from writing, and wrote nothing.

    Args:
        connection: From `Store.writing` or `Store.reading`.
    """
    driver: Any = connection.connection.driver_connection
    return not connection.get_execution_options().get(_READ_ONLY, False) and driver.total_changes == 0


@contextmanager
def _named_faults() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        refusal = _REFUSALS.get(_refused(error.orig))
        if refusal is not None:
            raise PartnerWarehouseError(refusal) from error
        if not isinstance(error, OperationalError):
            raise
        # The driver's message may hold the connection string; only its kind is told.
        raise PartnerWarehouseError(
            f"the ledger database did not answer ({type(error.orig).__name__}): check PARTNER_WAREHOUSE_LEDGER_URL, "
            "that the server runs, and that no other command holds it"
        ) from error


def _refused(fault: object) -> str:
    """A server's SQLSTATE, or SQLite's name of the error without what it adds of the circumstances."""
    state: str | None = getattr(fault, "sqlstate", None)
    name: str = getattr(fault, "sqlite_errorname", "")
    return state or "_".join(name.split("_")[:2])


def _engine(address: str, home: Path) -> Engine:
    try:
        url = make_url(address)
    except ArgumentError as error:
        raise BadInputError(
            "PARTNER_WAREHOUSE_LEDGER_URL: not a database URL (postgresql://… or sqlite:///…)"
        ) from error
    dialect, options = url.get_backend_name(), {}
    if dialect == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
        # Who waited for the writers' lock sees what was committed meanwhile, whatever the server's default is.
        options["isolation_level"] = "READ COMMITTED"
    elif dialect == "sqlite" and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    else:
        raise BadInputError("PARTNER_WAREHOUSE_LEDGER_URL: the ledger lives in PostgreSQL or in a SQLite file")
    try:
        # No pool: commands are short, and tasks of Airflow fork.
        engine = create_engine(url, poolclass=NullPool, execution_options={_HOME: home}, **options)
    except NoSuchModuleError as error:
        raise BadInputError(f"PARTNER_WAREHOUSE_LEDGER_URL: no driver for {url.drivername}") from error
    if dialect == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "connect", _configure_postgresql)
    return engine


def _configure_postgresql(connection: Any, _: object) -> None:
    """Instants and dates are written in ISO 8601: servers, databases and users may have another default."""
    connection.autocommit = True
    connection.execute("SET datestyle TO 'ISO, MDY'")
    connection.autocommit = False


def _configure_sqlite(connection: Any, _: object) -> None:
    """Transactions are ours to begin; a commit is on the disk when it returns; readers do not wait for a writer."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_LOCK_SECONDS * 1000}")
    cursor.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
    _write_ahead(cursor)
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    # With this, a row that `INSERT OR REPLACE` would remove fires its delete trigger too.
    cursor.execute("PRAGMA recursive_triggers = ON")
    cursor.close()


def _write_ahead(cursor: Any) -> None:
    """Keep the log apart from the file. Of several first users one does it; SQLite refuses the others at once."""
    until = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    read_only = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _WRITER_LOCK})


def migrate(engine: Engine) -> None:
    """Bring the ledger to `HEAD`. Safe to call from several processes at once: one migrates, the others wait.

    Raises:
        PartnerWarehouseError: The ledger was written by a newer version of the product.
    """
    with _named_faults(), engine.connect().execution_options(**{_READ_ONLY: True}) as connection:
        if _revision(connection) == HEAD:
            return
    with _named_faults(), engine.begin() as connection:
        _lock(connection)
        _upgrade(connection)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return revision


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise PartnerWarehouseError(
            f"the ledger is at revision {_revision(connection)}, this version knows {HEAD}: upgrade the product"
        ) from error
