"""The ledger's database: its engine, its one lock for writers, its migrations, and rows in bulk to and from DuckDB."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa  # type: ignore[import-untyped]
from sqlalchemy import (
    Connection,
    Engine,
    Integer,
    NullPool,
    Select,
    Table,
    Text,
    cast,
    create_engine,
    event,
    inspect,
    select,
    text,
    type_coerce,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError
from sqlalchemy.types import TypeEngine

from partner_warehouse.errors import BadInputError, PartnerWarehouseError
from partner_warehouse.ledger.types import Day, Exact, Instant
from partner_warehouse.settings import Settings

HEAD = "0003"
"""The newest migration: a ledger that is there needs no other."""

_WRITER_LOCK = 5_042_317_001
"""Key of the PostgreSQL advisory lock that writers take. SQLite has one writer by itself (`BEGIN IMMEDIATE`)."""

_LOCK_SECONDS = 60
_BATCH = 50_000
_READ_ONLY = "ledger_read_only"


class Store:
    """One ledger database, migrated to `HEAD` when first used.

    Args:
        settings: `ledger_sqlalchemy_url` says where it is: SQLite or PostgreSQL.
    """

    def __init__(self, settings: Settings) -> None:
        self.engine = _engine(settings.ledger_sqlalchemy_url)
        migrate(self.engine)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that no other writer overlaps. Committed at the end, rolled back on any exception.

        Raises:
            PartnerWarehouseError: The database cannot be reached, or another writer holds it for over a minute.
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


@contextmanager
def _named_faults() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        # The driver's message may hold the connection string; only its kind is told.
        raise PartnerWarehouseError(
            f"the ledger database did not answer ({type(error.orig).__name__}): check PARTNER_WAREHOUSE_LEDGER_URL, "
            "that the server runs, and that no other command holds it"
        ) from error


def _engine(address: str) -> Engine:
    try:
        url = make_url(address)
    except ArgumentError as error:
        raise BadInputError(
            "PARTNER_WAREHOUSE_LEDGER_URL: not a database URL (postgresql://… or sqlite:///…)"
        ) from error
    dialect = url.get_backend_name()
    if dialect == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    elif dialect == "sqlite" and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    else:
        raise BadInputError("PARTNER_WAREHOUSE_LEDGER_URL: the ledger lives in PostgreSQL or in a SQLite file")
    try:
        # No pool: commands are short, and tasks of Airflow fork.
        engine = create_engine(url, poolclass=NullPool)
    except NoSuchModuleError as error:
        raise BadInputError(f"PARTNER_WAREHOUSE_LEDGER_URL: no driver for {url.drivername}") from error
    if dialect == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, _: object) -> None:
    """Transactions are ours to begin; a commit is on the disk when it returns; readers do not wait for a writer."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_LOCK_SECONDS * 1000}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    # With this, a row that `INSERT OR REPLACE` would remove fires its delete trigger too.
    cursor.execute("PRAGMA recursive_triggers = ON")
    cursor.close()


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


def append(connection: Connection, table: Table, duck: duckdb.DuckDBPyConnection, query: str) -> None:
    """Insert a DuckDB query's rows, in bulk, inside the connection's transaction.

    Args:
        connection: From `Store.writing`.
        table: Where to; the query's columns are named as its columns.
        duck: Where the query runs.
        query: A select.
    """
    names = [column[0] for column in duck.sql(query).description]
    encoded = ", ".join(_encoded(name, table.c[name].type, connection.dialect.name) for name in names)
    rows = duck.execute(f"SELECT {encoded} FROM ({query})")  # noqa: S608
    columns = ", ".join(names)
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        insert = f"INSERT INTO {table.name} ({columns}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608
        while batch := rows.fetchmany(_BATCH):
            driver.executemany(insert, batch)
        return
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy:
        while batch := rows.fetchmany(_BATCH):
            for row in batch:
                copy.write_row(row)


def _encoded(name: str, kind: TypeEngine[Any], dialect: str) -> str:
    """A column as the database's driver takes it, made by DuckDB: no Python object per amount."""
    if isinstance(kind, Exact) and dialect == "sqlite" and kind.scaled:
        return f'CAST("{name}" * {10**kind.scale} AS BIGINT) AS "{name}"'
    if isinstance(kind, Exact | Day):
        return f'CAST("{name}" AS VARCHAR) AS "{name}"'
    return f'"{name}"'


def load(connection: Connection, statement: Select[Any], duck: duckdb.DuckDBPyConnection, name: str) -> None:
    """Make a DuckDB table of a statement's rows, typed as the ledger declares them.

    Args:
        connection: From `Store.writing` or `Store.reading`.
        statement: What to read.
        duck: Where the table is made.
        name: The table, replaced where there is one.
    """
    source = statement.subquery()
    kinds = {column.name: column.type for column in source.c}
    declared = ", ".join(f'"{column}" {_duckdb_type(kind)}' for column, kind in kinds.items())
    duck.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" ({declared})')
    dialect = connection.dialect.name
    raw = select(*(_raw(column, dialect) for column in source.c))
    decoded = ", ".join(_decoded(column, kind, dialect) for column, kind in kinds.items())
    schema = pa.schema([(column, _arrow_type(kind, dialect)) for column, kind in kinds.items()])
    rows = connection.execute(raw, execution_options={"stream_results": True})
    for batch in rows.partitions(_BATCH):
        duck.register("ledger_batch", _arrow(batch, schema))
        duck.execute(f'INSERT INTO "{name}" SELECT {decoded} FROM ledger_batch')  # noqa: S608
        duck.unregister("ledger_batch")


def _arrow(rows: Sequence[Sequence[Any]], schema: pa.Schema) -> pa.Table:
    columns = zip(*rows, strict=True)
    arrays = [pa.array(values, type=field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _raw(column: Any, dialect: str) -> Any:
    """The stored value, past the type decorators."""
    if dialect == "sqlite":
        stored: TypeEngine[Any] = Integer() if _arrow_type(column.type, dialect) == pa.int64() else Text()
        return type_coerce(column, stored).label(column.name)
    if isinstance(column.type, Exact | Day | Instant):
        return cast(column, Text).label(column.name)
    return column


def _arrow_type(kind: TypeEngine[Any], dialect: str) -> pa.DataType:
    if isinstance(kind, Exact):
        return pa.int64() if dialect == "sqlite" and kind.scaled else pa.string()
    return pa.int64() if isinstance(kind, Integer) else pa.string()


def _decoded(name: str, kind: TypeEngine[Any], dialect: str) -> str:
    if isinstance(kind, Exact) and dialect == "sqlite" and kind.scaled:
        # A product of decimals is exact; a quotient would be a floating point number.
        unit = f"0.{'1'.rjust(kind.scale, '0')}"
        return f'CAST(CAST("{name}" AS DECIMAL(18, 0)) * {unit} AS {_duckdb_type(kind)})'
    if isinstance(kind, Exact):
        return _decimal_of_text(name, kind)
    return f'CAST("{name}" AS {_duckdb_type(kind)})'


def _decimal_of_text(name: str, kind: Exact) -> str:
    """A text with as many decimals as the column has, as a decimal.

    DuckDB reads a decimal of 128 bits from a text in some 10 microseconds. Nearly every one has digits that fit 64
    bits; with its point taken out it is a whole number, and a product of that is exact. Any other takes the long way.
    """
    typed = _duckdb_type(kind)
    digits = f"""replace("{name}", '.', '')"""
    unit = f"0.{'1'.rjust(kind.scale, '0')}"
    is_plain = f"""length("{name}") <= 18 AND left(right("{name}", {kind.scale + 1}), 1) = '.'"""
    return (
        f"CASE WHEN {is_plain} THEN CAST(CAST(CAST({digits} AS BIGINT) AS DECIMAL(18, 0)) * {unit} AS {typed}) "
        f'ELSE CAST("{name}" AS {typed}) END'
    )


def _duckdb_type(kind: TypeEngine[Any]) -> str:
    if isinstance(kind, Exact):
        return f"DECIMAL({kind.precision}, {kind.scale})"
    if isinstance(kind, Day):
        return "DATE"
    if isinstance(kind, Instant):
        return "TIMESTAMPTZ"
    return "BIGINT" if isinstance(kind, Integer) else "VARCHAR"
