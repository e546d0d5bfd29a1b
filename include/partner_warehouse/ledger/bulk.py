"""Rows in bulk between the ledger and DuckDB, inside the ledger's own transaction.

No value of a row becomes a Python object on its way. To SQLite they go in a file of its own format, and from there too
where the transaction sees what is committed, else as one JSON array a row; to and from PostgreSQL as its CSV.

DuckDB never opens the ledger's own file: it has a copy of SQLite in it, and of two copies in one process the one that
closes a file lets go of the locks of the other (sqlite.org, "How To Corrupt An SQLite Database File", 2.2.1).
"""

from __future__ import annotations

import glob
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa  # type: ignore[import-untyped]
from sqlalchemy import Connection, FromClause, Integer, Select, Table, Text, func, select
from sqlalchemy.types import TypeEngine

from partner_warehouse.duckdb_extensions import load_extension
from partner_warehouse.landing.typing import quote
from partner_warehouse.ledger.store import home_of, sees_what_is_committed
from partner_warehouse.ledger.types import INT64_DIGITS, Day, Exact, Instant
from partner_warehouse.workplaces import workplace

_RECORDS = 250_000
_CHUNK_BYTES = 1 << 20


def append(connection: Connection, table: Table, duck: duckdb.DuckDBPyConnection, query: str) -> None:
    """Insert a DuckDB query's rows, in their order, inside the connection's transaction.

    Args:
        connection: From `Store.writing`.
        table: Where to; the query's columns are named as its columns.
        duck: Where the query runs.
        query: A select.
    """
    names = [column[0] for column in duck.sql(query).description]
    dialect = connection.dialect.name
    encoded = ", ".join(_encoded(name, table.c[name].type, dialect) for name in names)
    with workplace(home_of(connection)) as directory:
        write = _append_sqlite if dialect == "sqlite" else _append_postgresql
        write(connection, table, duck, f"SELECT {encoded} FROM ({query})", names, directory / "rows")  # noqa: S608


def _append_sqlite(
    connection: Connection, table: Table, duck: duckdb.DuckDBPyConnection, query: str, names: list[str], path: Path
) -> None:
    load_extension(duck, "sqlite_scanner")
    # One thread alone writes the file, and would compute and sort alone what it writes.
    duck.execute(f"CREATE OR REPLACE TEMP TABLE encoded_rows AS {query}")
    duck.execute(f"ATTACH {quote(str(path))} AS ledger_rows (TYPE sqlite)")
    try:
        duck.execute("CREATE TABLE ledger_rows.rows AS FROM encoded_rows")
    finally:
        duck.execute("DETACH ledger_rows")
        duck.execute("DROP TABLE encoded_rows")
    columns = ", ".join(names)
    # It stays attached until the connection is closed: within a transaction SQLite does not let go of it.
    attached = f"rows_{len(connection.exec_driver_sql('PRAGMA database_list').all())}"
    connection.exec_driver_sql(f"ATTACH ? AS {attached}", (str(path),))
    with copying_into(connection, table):
        connection.exec_driver_sql(
            f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM {attached}.rows ORDER BY rowid"  # noqa: S608
        )


@contextmanager
def copying_into(connection: Connection, table: Table) -> Iterator[None]:
    """Put SQLite's guard against replaced rows aside while one plain `INSERT … SELECT` fills a table.

    A table with a trigger on inserts makes SQLite copy all the rows to a temporary table and call the trigger for each:
    three quarters of the time of a million lines. The guard is there for `INSERT OR REPLACE`; what is there already, a
    plain `INSERT` is refused by its key. The guard comes back in the same transaction, which nobody else sees into, and
    which brings it back too where it is rolled back or killed.

    Args:
        connection: From `Store.writing`.
        table: What is inserted into.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    guard = f"{table.name}_no_replace"
    there = "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = ?"
    definition: str = connection.exec_driver_sql(there, (guard,)).scalar_one()
    connection.exec_driver_sql(f"DROP TRIGGER {guard}")
    try:
        yield
    finally:
        connection.exec_driver_sql(definition)


def _append_postgresql(
    connection: Connection, table: Table, duck: duckdb.DuckDBPyConnection, query: str, names: list[str], path: Path
) -> None:
    # A null is an empty field without quotes, for the one that writes as for the one that reads.
    duck.execute(f"COPY ({query}) TO {quote(str(path))} (FORMAT csv, HEADER false)")
    driver: Any = connection.connection.driver_connection
    command = f"COPY {table.name} ({', '.join(names)}) FROM STDIN (FORMAT csv)"
    with driver.cursor() as cursor, cursor.copy(command) as copy, path.open("rb") as rows:
        while chunk := rows.read(_CHUNK_BYTES):
            copy.write(chunk)


def _encoded(name: str, kind: TypeEngine[Any], dialect: str) -> str:
    """A column as the database stores it."""
    if isinstance(kind, Exact) and dialect == "sqlite" and kind.scaled:
        # Its digits without the point: a product with a power of ten would be of 128 bits, and six times slower.
        text = f'CAST(CAST("{name}" AS {duckdb_type(kind)}) AS VARCHAR)'
        return f"CAST(replace({text}, '.', '') AS BIGINT) AS \"{name}\""
    if isinstance(kind, Exact):
        quoted = f'"{name}"'
        return f"{text_of_decimal(quoted, kind.precision, kind.scale)} AS {quoted}"
    if isinstance(kind, Day):
        return f'CAST("{name}" AS VARCHAR) AS "{name}"'
    return f'"{name}"'


def text_of_decimal(expression: str, precision: int, scale: int) -> str:
    """A DuckDB expression for a decimal's text, with all of its decimals.

    DuckDB makes the text of a decimal of 128 bits ten times slower than that of one of 64, which nearly every one fits.

    Args:
        expression: Its value is a decimal of that precision and scale, or null.
        precision: Digits in all.
        scale: Digits after the point.
    """
    whole = f"CAST({expression} AS VARCHAR)"
    if precision <= INT64_DIGITS:
        return whole
    return f"coalesce(CAST(TRY_CAST({expression} AS DECIMAL({INT64_DIGITS}, {scale})) AS VARCHAR), {whole})"


def load(connection: Connection, statement: Select[Any], duck: duckdb.DuckDBPyConnection, name: str) -> None:
    """Make a DuckDB table of a statement's rows, typed as the ledger declares them.

    Args:
        connection: From `Store.writing` or `Store.reading`.
        statement: What to read. Its parameters are texts and whole numbers.
        duck: Where the table is made.
        name: The table, replaced where there is one.
    """
    source = statement.subquery()
    kinds = {column.name: column.type for column in source.c}
    declared = ", ".join(f'"{column}" {duckdb_type(kind)}' for column, kind in kinds.items())
    duck.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" ({declared})')
    dialect = connection.dialect.name
    decoded = ", ".join(_decoded(column, kind, dialect) for column, kind in kinds.items())
    read = _read_sqlite if dialect == "sqlite" else _read_postgresql
    for texts in read(connection, source, duck):
        duck.execute(f'INSERT INTO "{name}" SELECT {decoded} FROM ({texts})')  # noqa: S608


def _read_sqlite(connection: Connection, source: FromClause, duck: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Queries that together give every row, all values as text."""
    if sees_what_is_committed(connection):
        yield from _read_sqlite_file(connection, source, duck)
        return
    records = select(func.json_array(*source.c, type_=Text))
    values = ", ".join(f'value[{place}] AS "{column.name}"' for place, column in enumerate(source.c, 1))
    for batch in connection.execute(records).scalars().partitions(_RECORDS):
        duck.register("ledger_records", pa.table({"record": pa.array(batch, pa.string())}))
        yield f"SELECT {values} FROM (SELECT json_transform(record, '[\"VARCHAR\"]') AS value FROM ledger_records)"  # noqa: S608
        duck.unregister("ledger_records")


def _read_sqlite_file(connection: Connection, source: FromClause, duck: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """A query that gives every row, all values as text: from a file that a second connection copies them to."""
    compiled = select(source).compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    parameters = [compiled.params[name] for name in compiled.positiontup or ()]
    ledger = Path(str(connection.engine.url.database)).absolute().as_uri()
    load_extension(duck, "sqlite_scanner")
    with workplace(home_of(connection)) as directory:
        path = directory / "rows"
        with closing(sqlite3.connect(path, isolation_level=None, uri=True)) as copy:
            # Nobody else reads it and it is gone after: half of the time was waiting for the disk.
            copy.execute("PRAGMA journal_mode = OFF")
            copy.execute("PRAGMA synchronous = OFF")
            copy.execute("ATTACH ? AS ledger", (f"{ledger}?mode=ro",))
            copy.execute(f"CREATE TABLE rows AS {compiled.string}", parameters)
        # Their order is of no matter, and with it one thread alone would read them.
        duck.execute("SET preserve_insertion_order = false")
        duck.execute("SET sqlite_all_varchar = true")
        try:
            yield f"SELECT * FROM sqlite_scan({quote(str(path))}, 'rows')"  # noqa: S608
        finally:
            duck.execute("RESET preserve_insertion_order")
            duck.execute("RESET sqlite_all_varchar")


def _read_postgresql(connection: Connection, source: FromClause, duck: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """A query that gives every row, all values as text."""
    compiled = select(source).compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    driver: Any = connection.connection.driver_connection
    columns = ", ".join(f"'{column.name}': 'VARCHAR'" for column in source.c)
    with workplace(home_of(connection)) as directory:
        path = directory / "rows.csv"
        command = f"COPY ({compiled.string}) TO STDOUT (FORMAT csv)"
        with driver.cursor() as cursor, cursor.copy(command, compiled.params) as copy, path.open("wb") as rows:
            for chunk in copy:
                rows.write(chunk)
        # An empty text is quoted there, a null is not.
        yield (
            f"SELECT * FROM read_csv({quote(glob.escape(str(path)))}, columns = {{{columns}}}, "  # noqa: S608
            "header = false, auto_detect = false, "
            """delim = ',', quote = '"', escape = '"', nullstr = '', allow_quoted_nulls = false)"""
        )


def _decoded(name: str, kind: TypeEngine[Any], dialect: str) -> str:
    """A text as a value of the column's type."""
    if isinstance(kind, Exact) and dialect == "sqlite" and kind.scaled:
        return f'{_of_whole_number(f"""CAST("{name}" AS BIGINT)""", kind)} AS "{name}"'
    if isinstance(kind, Exact):
        return _decimal_of_text(name, kind)
    return f'CAST("{name}" AS {duckdb_type(kind)})'


def _of_whole_number(number: str, kind: Exact) -> str:
    """A count of the smallest unit, as a decimal: a product of decimals is exact, a quotient would be a double."""
    return f"CAST(CAST({number} AS DECIMAL({INT64_DIGITS}, 0)) * 0.{'1'.rjust(kind.scale, '0')} AS {duckdb_type(kind)})"


def _decimal_of_text(name: str, kind: Exact) -> str:
    """A text with as many decimals as the column has, as a decimal.

    DuckDB reads a decimal of 128 bits from a text in some 10 microseconds. Nearly every one has digits that fit 64
    bits; with its point taken out it is a whole number, and a product of that is exact. Any other takes the long way.
    """
    digits = f"""CAST(replace("{name}", '.', '') AS BIGINT)"""
    is_plain = f"""length("{name}") <= {INT64_DIGITS} AND left(right("{name}", {kind.scale + 1}), 1) = '.'"""
    long_way = f'CAST("{name}" AS {duckdb_type(kind)})'
    return f"CASE WHEN {is_plain} THEN {_of_whole_number(digits, kind)} ELSE {long_way} END"


def duckdb_type(kind: TypeEngine[Any]) -> str:
    """DuckDB's type for a column of the ledger."""
    if isinstance(kind, Exact):
        return f"DECIMAL({kind.precision}, {kind.scale})"
    if isinstance(kind, Day):
        return "DATE"
    if isinstance(kind, Instant):
        return "TIMESTAMPTZ"
    return "BIGINT" if isinstance(kind, Integer) else "VARCHAR"
