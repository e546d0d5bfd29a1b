"""Loads the published file into PostgreSQL: the same tables, with keys, comments and rights, swapped in at once.

Everything is built in staging schemas that nobody may enter, table by table, each whole with its rows, indexes,
comments, grants and policies; one transaction then puts them in the place of what is served. A loader that is killed at
any moment leaves the former publication in place; the next one removes what it left.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import psycopg
from psycopg import sql

from partner_warehouse.errors import PartnerWarehouseError
from partner_warehouse.publish import portal, served_tables, server
from partner_warehouse.publish.access import Access, load_access, rights
from partner_warehouse.publish.descriptions import RUN_PARAMETERS, Description, load_descriptions
from partner_warehouse.publish.portal import View
from partner_warehouse.publish.served_tables import KeyShape, Table
from partner_warehouse.publish.server import Connection
from partner_warehouse.publish.snapshot import SCHEMAS
from partner_warehouse.settings import Settings

logger = logging.getLogger(__name__)

SERVED = (*SCHEMAS, portal.SCHEMA)
"""The schemas that a publication replaces."""

PATIENCE = 300.0
"""Seconds that the swap waits for readers."""

_WORKERS = 2
"""Tables that are built at once: one is copied while another's index is."""

_PERIODS = ("month", "day", "week", "quarter", "year", "period", "earned_on", "converted_at")
"""By what a table is usually narrowed, besides the partner; the first that it has."""

_CHUNK = 1 << 20
_SORT_MEMORY = "256MB"
"""For building one index."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was loaded."""

    tables: int
    rows: int


@dataclass(frozen=True, slots=True)
class _Build:
    """What every table is built with."""

    url: str
    work: Path
    access: Access
    descriptions: Mapping[str, Description]


def load(settings: Settings, *, patience: float = PATIENCE) -> Loaded | None:
    """Serve the published file from PostgreSQL, if `settings.serving_url` names one.

    Args:
        settings: The installation.
        patience: Seconds to wait for readers that hold what is served.

    Returns:
        What was loaded; None where no server is configured.

    Raises:
        BusyError: Readers or another loader held the server for too long.
        TransientError: The server cannot be reached.
        PermanentError: The server is not as docs/serving.md asks.
    """
    if not settings.serving_url:
        return None
    with server.faults_named("serving"), server.connect(settings.serving_url, autocommit=True) as connection:
        server.prepare(connection)
        with server.only_loader(settings.serving_url), _workplace(settings.published_path.parent) as work:
            server.make_staging(connection, SERVED)
            try:
                return _load(settings, settings.serving_url, connection, work, patience)
            except Exception:
                with suppress(psycopg.Error):
                    server.drop_staging(connection, SERVED)
                raise


def _load(settings: Settings, url: str, connection: Connection, work: Path, patience: float) -> Loaded:
    build = _Build(url, work, load_access(), load_descriptions(settings))
    with served_tables.opened(settings.published_path, work) as published:
        tables = served_tables.tables(published)
        names = {table.full_name for table in tables}
        as_of = _as_of(published) if RUN_PARAMETERS in names else None
        figures = [figure for figure in portal.figures() if figure.possible_with(names)]
        described = {f"{portal.SCHEMA}.{figure.name}": figure.described(build.descriptions) for figure in figures}
        build = _Build(build.url, work, build.access, {**build.descriptions, **described})
        tables += [
            served_tables.relation(published, portal.SCHEMA, figure.name, f"({figure.query})", 0) for figure in figures
        ]
        rows = _build_all(build, published, tables)
    views = [view for view in portal.views() if view.possible_with(names)]
    server.swap(
        connection,
        SERVED,
        build.access.readers,
        lambda swapping: _make_views(swapping, views, build),
        (as_of, len(tables), rows),
        patience,
    )
    logger.info("serving %d tables with %d rows", len(tables), rows)
    return Loaded(len(tables), rows)


@contextmanager
def _workplace(beside: Path) -> Iterator[Path]:
    """A directory for one table's rows at a time; what killed loaders left is removed."""
    for leftover in beside.glob(".serving-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=".serving-", dir=beside) as work:
        yield Path(work)


def _as_of(published: duckdb.DuckDBPyConnection) -> datetime | None:
    row = published.execute(f"SELECT as_of FROM {RUN_PARAMETERS}").fetchone()  # noqa: S608
    return row[0] if row else None


def _build_all(build: _Build, published: duckdb.DuckDBPyConnection, tables: Sequence[Table]) -> int:
    """Build every table in staging, the largest first; the first fault stops it."""
    waiting = deque(tables)
    with ThreadPoolExecutor(_WORKERS) as pool:
        building = [pool.submit(_work, build, published.cursor(), waiting) for _ in range(_WORKERS)]
        return sum(done.result() for done in building)


def _work(build: _Build, published: duckdb.DuckDBPyConnection, waiting: deque[Table]) -> int:
    """Build tables until none waits, each in a transaction of its own. A fault leaves nothing to the other worker."""
    rows = 0
    try:
        with published, server.connect(build.url, autocommit=True) as connection:
            connection.execute(sql.SQL("SET maintenance_work_mem = {}").format(_SORT_MEMORY))
            while waiting:
                rows += _build_table(build, published, connection, waiting.popleft())
    except BaseException:
        waiting.clear()
        raise
    return rows


def _build_table(build: _Build, published: duckdb.DuckDBPyConnection, connection: Connection, table: Table) -> int:
    description = build.descriptions.get(table.full_name, Description())
    filtered = build.access.filter_columns(table.full_name)
    key = _key(table, description, filtered)
    second = _second(table, filtered, key)
    target = server.staging(table.schema, table.name)
    rows = build.work / f"{table.full_name}.bin"
    # In the order of an index: a partner's rows lie together, and PostgreSQL finds its sorting done by two threads.
    count = served_tables.write_binary(published, table, second or key, rows)
    shape = served_tables.key_shape(published, table, key)
    with connection.transaction():
        _create(connection, table, target, filtered=bool(filtered))
        _copy(connection, table, target, rows, count)
        rows.unlink()
        _index(connection, target, key, second, shape)
        _say(connection, _comments(target, "TABLE", table.column_names, description))
        _say(connection, rights(build.access, table.full_name, target, table.column_names))
        connection.execute(sql.SQL("ANALYZE {}").format(target))
    return count


def _key(table: Table, description: Description, filtered: Sequence[str]) -> tuple[str, ...]:
    """The columns of the table's unique index: what one row is, and before it what its row filters look at.

    An index that a row filter's columns are part of is never searched without them: how long a search takes, and how
    many rows its plan says were put aside, then tell nothing of the rows of others.
    """
    if not description.key or not set(description.key) <= set(table.column_names):
        return ()
    return tuple(dict.fromkeys((*(() if set(filtered) <= set(description.key) else filtered), *description.key)))


def _second(table: Table, filtered: Sequence[str], key: Sequence[str]) -> tuple[str, ...]:
    """The columns of a second index: the row filters' and the period, unless the key's index leads there already."""
    period = next((name for name in _PERIODS if name in table.column_names), None)
    columns = tuple(dict.fromkeys((*filtered, *((period,) if period else ()))))
    leads = filtered or columns
    return () if tuple(key[: len(leads)]) == tuple(leads) else columns


def _create(connection: Connection, table: Table, target: sql.Identifier, *, filtered: bool) -> None:
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(column.postgres_type)) for column in table.columns
    )
    # Its rows never change and are frozen from the start, so there is nothing to vacuum; a worker that tried would hold
    # a lock in the way of the next swap.
    connection.execute(
        sql.SQL("CREATE TABLE {} ({}) WITH (autovacuum_enabled = false, toast.autovacuum_enabled = false)").format(
            target, columns
        )
    )
    if filtered:
        # From statistics on single columns, EXPLAIN would tell a reader how many rows another partner has.
        silent = sql.SQL(", ").join(
            sql.SQL("ALTER COLUMN {} SET STATISTICS 0").format(sql.Identifier(name)) for name in table.column_names
        )
        connection.execute(sql.SQL("ALTER TABLE {} {}").format(target, silent))


def _copy(connection: Connection, table: Table, target: sql.Identifier, rows: Path, count: int) -> None:
    """Fill a table that this transaction has made.

    FREEZE makes its rows visible to transactions that began before: one that reads after the swap finds the new
    publication, never an empty table.
    """
    names = sql.SQL(", ").join(map(sql.Identifier, table.column_names))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary, FREEZE)").format(target, names)
    with connection.cursor() as cursor:
        with rows.open("rb") as source, cursor.copy(statement) as copy:
            while chunk := source.read(_CHUNK):
                copy.write(chunk)
        if cursor.rowcount != count:
            raise PartnerWarehouseError(f"{table.full_name}: {count} rows were sent, PostgreSQL took {cursor.rowcount}")


def _index(
    connection: Connection, target: sql.Identifier, key: Sequence[str], second: Sequence[str], shape: KeyShape
) -> None:
    """A primary key where a row can have one, else a unique index; and a second index for the usual filters."""
    if key and shape.fits:
        unique = sql.SQL("CREATE UNIQUE INDEX ON {} ({})" if shape.has_nulls else "ALTER TABLE {} ADD PRIMARY KEY ({})")
        connection.execute(unique.format(target, _list(key)))
    if second:
        connection.execute(sql.SQL("CREATE INDEX ON {} ({})").format(target, _list(second)))


def _comments(
    target: sql.Identifier, kind: str, columns: Sequence[str], description: Description
) -> Iterator[sql.Composable]:
    if description.about:
        yield sql.SQL("COMMENT ON {} {} IS {}").format(sql.SQL(kind), target, description.about)
    for name in columns:
        if about := description.columns.get(name):
            column = sql.SQL("{}.{}").format(target, sql.Identifier(name))
            yield sql.SQL("COMMENT ON COLUMN {} IS {}").format(column, about)


def _make_views(connection: Connection, views: Sequence[View], build: _Build) -> None:
    """The portal's views, over the tables that have just taken their places."""
    for schema in SERVED:
        about = "Made by the partner warehouse, and replaced whole by each publication."
        connection.execute(sql.SQL("COMMENT ON SCHEMA {} IS {}").format(sql.Identifier(schema), about))
    for view in views:
        target = sql.Identifier(portal.SCHEMA, view.name)
        # Whoever asks needs the rights on the tables below, and their row filters are its own.
        connection.execute(
            sql.SQL("CREATE VIEW {} WITH (security_invoker = true) AS {}").format(target, sql.SQL(view.query))
        )
        shown = connection.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(target)).description or ()
        columns = [column.name for column in shown]
        _say(connection, _comments(target, "VIEW", columns, view.described(build.descriptions)))
        name = f"{portal.SCHEMA}.{view.name}"
        _say(connection, rights(build.access, name, target, columns, is_view=True))


def _say(connection: Connection, statements: Iterable[sql.Composable]) -> None:
    """Many small statements in one message."""
    connection.execute(sql.SQL("; ").join(statements))


def _list(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
