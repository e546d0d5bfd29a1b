"""The published file's tables as PostgreSQL takes them: names, types, and rows in its binary form.

DuckDB writes PostgreSQL's binary COPY format, so no number passes through text: DECIMAL arrives to the digit, instants
to the microsecond, and NULL is not an empty text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from partner_warehouse.duckdb_extensions import load_extension
from partner_warehouse.errors import PartnerWarehouseError

_TYPES = {
    "BOOLEAN": "boolean",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "DOUBLE": "double precision",
    "FLOAT": "real",
    # By bytes, as DuckDB compares: the same order in both, and the fastest.
    "VARCHAR": 'text collate "C"',
    "VARCHAR[]": "varchar[]",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "UUID": "uuid",
    "BLOB": "bytea",
    "JSON": "json",
}

_WIDENED = {
    "TINYINT": "SMALLINT",
    "UTINYINT": "SMALLINT",
    "USMALLINT": "INTEGER",
    "UINTEGER": "BIGINT",
    "UBIGINT": "DECIMAL(20,0)",
    "HUGEINT": "DECIMAL(38,0)",
}
"""What PostgreSQL has no type for, and what it becomes without losing a digit."""

_LONGEST_KEY = 2_000
"""Bytes of a key that certainly fit a B-tree, which takes a third of a page."""

_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a published table, and its type in each of the two."""

    name: str
    duckdb_type: str
    postgres_type: str


@dataclass(frozen=True, slots=True)
class Table:
    """A published table.

    Attributes:
        relation: What to read from, in DuckDB's SQL.
        rows: About how many rows it has.
    """

    schema: str
    name: str
    relation: str
    columns: tuple[Column, ...]
    rows: int

    @property
    def full_name(self) -> str:
        """`schema.table`."""
        return f"{self.schema}.{self.name}"

    @property
    def column_names(self) -> tuple[str, ...]:
        """Its columns, in order."""
        return tuple(column.name for column in self.columns)


@dataclass(frozen=True, slots=True)
class KeyShape:
    """What the values of a key are like.

    Attributes:
        has_nulls: Whether a part of it is empty in any row.
        fits: Whether an index of PostgreSQL can hold the longest.
    """

    has_nulls: bool
    fits: bool


@contextmanager
def opened(path: Path, work: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published file, read-only.

    Args:
        path: The file.
        work: Where sorting may put what memory does not hold.
    """
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SET temp_directory = ?", [str(work / "spill")])
        load_extension(connection, "postgres_scanner")
        # PostgreSQL's text has no character 0.
        connection.execute("SET pg_null_byte_replacement = '\ufffd'")
        yield connection


def tables(connection: duckdb.DuckDBPyConnection) -> list[Table]:
    """Every table of the file, the largest first."""
    found = connection.execute(
        "SELECT schema_name, table_name, estimated_size FROM duckdb_tables() WHERE NOT internal ORDER BY 3 DESC, 1, 2"
    ).fetchall()
    return [relation(connection, schema, name, f'"{schema}"."{name}"', rows) for schema, name, rows in found]


def relation(connection: duckdb.DuckDBPyConnection, schema: str, name: str, source: str, rows: int) -> Table:
    """A table that a relation of DuckDB fills: a table, or a query in brackets.

    Raises:
        PartnerWarehouseError: A column's type has no counterpart.
    """
    described = connection.execute(f"DESCRIBE FROM {source}").fetchall()
    columns = tuple(_column(f"{schema}.{name}", column, kind) for column, kind, *_ in described)
    return Table(schema, name, source, columns, rows)


def _column(table: str, name: str, kind: str) -> Column:
    kind = _WIDENED.get(kind, kind)
    decimal = _DECIMAL.fullmatch(kind)
    postgres = f"numeric({decimal[1]},{decimal[2]})" if decimal else _TYPES.get(kind)
    if postgres is None:
        raise PartnerWarehouseError(f"{table}.{name}: type {kind} cannot be served by PostgreSQL; cast it in the model")
    return Column(name, kind, postgres)


def write_binary(connection: duckdb.DuckDBPyConnection, table: Table, order: Sequence[str], target: Path) -> int:
    """Write a table's rows in PostgreSQL's binary COPY format.

    Args:
        connection: The published file.
        table: Which table.
        order: Columns to sort the rows by.
        target: The file to write.

    Returns:
        How many rows.
    """
    columns = ", ".join(f'CAST("{column.name}" AS {column.duckdb_type}) AS "{column.name}"' for column in table.columns)
    sorting = " ORDER BY " + ", ".join(f'"{name}"' for name in order) if order else ""
    written = connection.execute(
        f"COPY (SELECT {columns} FROM {table.relation}{sorting}) TO {_literal(target)} (FORMAT postgres_binary)"  # noqa: S608
    ).fetchone()
    return int(written[0]) if written else 0


def key_shape(connection: duckdb.DuckDBPyConnection, table: Table, columns: Sequence[str]) -> KeyShape:
    """What a table's key is like, for PostgreSQL's index on it."""
    if not columns:
        return KeyShape(has_nulls=False, fits=False)
    empty = " OR ".join(f'"{name}" IS NULL' for name in columns)
    length = " + ".join(f'coalesce(strlen(CAST("{name}" AS VARCHAR)), 0)' for name in columns)
    found = connection.execute(
        f"SELECT coalesce(bool_or({empty}), false), coalesce(max({length}), 0) FROM {table.relation}"  # noqa: S608
    ).fetchone()
    assert found is not None  # noqa: S101  an aggregate has one row
    return KeyShape(has_nulls=bool(found[0]), fits=int(found[1]) <= _LONGEST_KEY)


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
