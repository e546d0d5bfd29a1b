"""A publication reaches the server to the digit, whole or not at all, and nobody who reads is disturbed."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import psycopg
import pytest
from serving_publication import PARTNERS, address, marts, publish, rows_of

from partner_warehouse import pipeline
from partner_warehouse.errors import BadInputError, BusyError, PermanentError, TransientError
from partner_warehouse.publish import portal, serving
from partner_warehouse.publish import server as server_module
from partner_warehouse.publish.descriptions import NOT_OF_DBT
from partner_warehouse.publish.served_tables import opened, tables
from partner_warehouse.settings import Settings, load_settings

pytestmark = pytest.mark.server

MARKED = """
    SELECT (SELECT min(value) FROM kpi.monthly), (SELECT max(revenue) FROM partners.scorecard_monthly),
           (SELECT sum(payable) FROM finance.approved_payouts), (SELECT avg(credit) FROM attribution.credits),
           (SELECT max(revenue) FROM portal.revenue_tracking), (SELECT sum(payable) FROM portal.statements),
           (SELECT extract(day FROM as_of) FROM ops.run_parameters)
"""
"""What a reader sees of a publication, through tables and views of every schema."""


def _expected(marker: int) -> tuple[int, ...]:
    total = PARTNERS * marker
    return marker, marker, total, marker, marker, total, marker + 1


@pytest.fixture
def reader(served: Settings) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    assert served.serving_url is not None
    with psycopg.connect(served.serving_url, autocommit=True) as connection:
        yield connection


def _names(published: Path, work: Path) -> list[str]:
    with opened(published, work) as connection:
        return [table.full_name for table in tables(connection)]


def test_the_server_explains_as_the_publication_does(served, reader) -> None:
    """The sentences are one text for both databases."""
    for view in portal.views():
        if not view.name.startswith("explained"):
            continue
        with duckdb.connect(str(served.published_path), read_only=True) as here:
            told = here.execute(f"SELECT explained_id, explanation FROM ({view.query}) ORDER BY ALL").fetchall()
        there = reader.execute(f"SELECT explained_id, explanation FROM portal.{view.name}").fetchall()
        assert told
        assert sorted(there) == sorted(told), view.name


def test_every_row_is_the_files_own_to_the_digit(served, reader, tmp_path) -> None:
    names = _names(served.published_path, tmp_path)
    assert set(marts()) | set(NOT_OF_DBT) | {"finance.extremes"} == set(names)
    for name in names:
        there = reader.execute(f"SELECT * FROM {name}").fetchall()
        here = rows_of(served.published_path, name)
        assert sorted(map(repr, _plain(there))) == sorted(map(repr, _plain(here))), name


def _plain(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """Instants in one zone, and whole numbers that are Decimal on one side as the numbers they are."""
    from datetime import UTC, datetime
    from decimal import Decimal

    def plain(value: object) -> object:
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        if isinstance(value, Decimal) and value == value.to_integral_value() and value.as_tuple().exponent == 0:
            return int(value)
        return value

    return [tuple(map(plain, row)) for row in rows]


def test_every_table_and_column_is_described(served, reader) -> None:
    undescribed = reader.execute(
        "SELECT nspname, relname, attname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
        "JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 WHERE relkind IN ('r', 'v') "
        "AND nspname = ANY(%s) AND relname <> 'extremes' "
        "AND (col_description(pg_class.oid, attnum) IS NULL OR obj_description(pg_class.oid) IS NULL)",
        [[*serving.SERVED, "serving"]],
    )
    assert undescribed.fetchall() == []


def test_a_row_is_identified_where_the_mart_says_what_one_row_is(served, reader) -> None:
    keyed = {
        name for (name,) in reader.execute("SELECT indrelid::regclass::text FROM pg_index WHERE indisunique").fetchall()
    }
    assert set(marts()) <= keyed
    with pytest.raises(psycopg.errors.UniqueViolation):
        reader.execute("INSERT INTO partners.dim_partner SELECT * FROM partners.dim_partner LIMIT 1")


def _state(reader: psycopg.Connection[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """Everything that one could tell two loads apart by, but the ids inside the server."""
    return reader.execute(
        "SELECT nspname, relname, relkind, relrowsecurity, relacl::text, reloptions::text, "
        "array(SELECT attname || format_type(atttypid, atttypmod) || coalesce(attacl::text, '') "
        "      FROM pg_attribute WHERE attrelid = pg_class.oid AND attnum > 0 ORDER BY attnum), "
        "array(SELECT polname || polroles::text || pg_get_expr(polqual, polrelid) "
        "      FROM pg_policy WHERE polrelid = pg_class.oid ORDER BY 1), nspacl::text, obj_description(pg_class.oid) "
        "FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
        "WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema' ORDER BY 1, 2"
    ).fetchall()


def test_loading_twice_serves_the_same(served, reader) -> None:
    before, seen = _state(reader), reader.execute(MARKED).fetchone()
    serving.load(served)
    assert _state(reader) == before
    assert reader.execute(MARKED).fetchone() == seen
    assert list(served.published_path.parent.glob(".serving-*")) == []


def test_without_a_server_nothing_happens(home) -> None:
    settings = load_settings()
    pipeline.serve(settings)
    assert serving.load(settings) is None
    assert list(home.iterdir()) == []


KINDS = ("one statement", "read committed", "repeatable read")


def _read_on(address: str, kind: str, stop: threading.Event, seen: set[object], faults: list[BaseException]) -> None:
    parts = [part.strip().rstrip(",") for part in MARKED.replace("SELECT (", "(", 1).split("\n") if part.strip()]
    try:
        with psycopg.connect(address, autocommit=True) as connection:
            while not stop.is_set():
                if kind == "one statement":
                    seen.add(connection.execute(MARKED).fetchone())
                    continue
                with connection.transaction():
                    connection.execute(f"SET TRANSACTION ISOLATION LEVEL {kind}")
                    connection.execute("SELECT 1")  # the snapshot of this transaction
                    rows = [connection.execute(f"SELECT {part}").fetchone() or () for part in parts]
                    seen.add(tuple(value for row in rows for value in row))
    except BaseException as fault:
        faults.append(fault)


def test_readers_at_work_see_one_publication_and_no_error(served, login, server, database) -> None:
    stop, faults = threading.Event(), list[BaseException]()
    seen: dict[str, set[object]] = {kind: set() for kind in KINDS}
    reading = address(server, "one_internal_admin", database)
    threads = [threading.Thread(target=_read_on, args=(reading, kind, stop, seen[kind], faults)) for kind in KINDS]
    for thread in threads:
        thread.start()
    try:
        for marker in (2, 3, 1):
            publish(served, marker)
            serving.load(served)
            time.sleep(0.1)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert faults == []
    for kind in KINDS:
        assert seen[kind] <= {_expected(marker) for marker in (1, 2, 3)}, kind
        assert _expected(1) in seen[kind]


def test_a_transaction_that_began_before_the_swap_reads_the_new_publication_whole(served, server, database) -> None:
    with psycopg.connect(served.serving_url) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT 1")
        publish(served, 2)
        serving.load(served)
        assert connection.execute(MARKED).fetchone() == _expected(2)
    publish(served, 1)
    serving.load(served)


def test_a_reader_that_does_not_let_go_keeps_what_it_reads_and_holds_nobody_up(served, reader) -> None:
    publish(served, 2)
    with psycopg.connect(served.serving_url, application_name="a long report") as long:
        assert long.execute("SELECT max(value) FROM kpi.monthly").fetchone() == (1,)
        with pytest.raises(BusyError, match="a long report"):
            serving.load(served, patience=1)
        assert long.execute(MARKED).fetchone() == _expected(1)
        assert reader.execute(MARKED).fetchone() == _expected(1)
    serving.load(served)
    assert reader.execute(MARKED).fetchone() == _expected(2)
    publish(served, 1)
    serving.load(served)


def test_one_loader_at_a_time_and_it_waits_for_nobody_else(served, monkeypatch) -> None:
    monkeypatch.setattr(server_module, "_LOADER_WAIT", 0.0)
    with server_module.only_loader(served.serving_url), pytest.raises(BusyError, match="another publication"):
        serving.load(served)
    assert serving.load(served) is not None


KILLED = """
import os, signal, sys
from partner_warehouse.publish import serving, server
from partner_warehouse.settings import load_settings
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(*{"staged": (serving, "_index", die), "swap": (server, "_replace", die),
          "views": (serving, "_make_views", die)}[sys.argv[1]])
serving.load(load_settings())
"""


@pytest.mark.parametrize("moment", ["staged", "swap", "views"])
def test_a_load_that_is_killed_leaves_the_former_publication_and_the_next_one_cleans_up(
    moment, served, reader, monkeypatch
) -> None:
    before = _state(reader)
    monkeypatch.setenv("PARTNER_WAREHOUSE_HOME", str(served.home))
    monkeypatch.setenv("PARTNER_WAREHOUSE_SERVING_URL", str(served.serving_url))
    publish(served, 2)
    done = subprocess.run([sys.executable, "-c", KILLED, moment], capture_output=True, check=False)
    assert done.returncode == -9, done.stderr
    assert reader.execute(MARKED).fetchone() == _expected(1)
    publish(served, 1)
    serving.load(served)
    assert _state(reader) == before
    assert list(served.published_path.parent.glob(".serving-*")) == []


def test_a_schema_that_no_publication_made_is_not_dropped(server, tmp_path) -> None:
    settings = load_settings(home=tmp_path, serving_url=address(server, "loader", "foreign"))
    publish(settings, 1)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE foreign OWNER loader".replace("foreign", '"foreign"'))
    try:
        with psycopg.connect(settings.serving_url, autocommit=True) as connection:
            connection.execute("CREATE SCHEMA finance; CREATE TABLE finance.budget (a int)")
            with pytest.raises(PermanentError, match="finance"):
                serving.load(settings)
            assert connection.execute("SELECT count(*) FROM finance.budget").fetchone() == (0,)
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute('DROP DATABASE "foreign" WITH (FORCE)')


def test_somebodys_view_over_published_tables_is_named_not_dropped(served, reader) -> None:
    reader.execute("CREATE SCHEMA mine; CREATE VIEW mine.report AS SELECT * FROM kpi.monthly")
    try:
        with pytest.raises(PermanentError, match=r"mine\.report"):
            serving.load(served)
        assert reader.execute(MARKED).fetchone() == _expected(1)
    finally:
        reader.execute("DROP SCHEMA mine CASCADE")


@pytest.mark.parametrize("weakness", ["ALTER ROLE guest BYPASSRLS", "GRANT internal_admin TO guest"])
def test_a_group_role_that_can_do_more_than_it_should_stops_the_load(weakness, served, server) -> None:
    undo = {"ALTER ROLE guest BYPASSRLS": "ALTER ROLE guest NOBYPASSRLS"}
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(weakness)
        try:
            with pytest.raises(PermanentError, match="guest"):
                serving.load(served)
        finally:
            connection.execute(undo.get(weakness, "REVOKE internal_admin FROM guest"))


def test_a_login_that_does_not_own_the_database_is_refused(login, served, server, database) -> None:
    settings = load_settings(home=served.home, serving_url=address(server, "one_internal_admin", database))
    with pytest.raises(PermanentError, match="must own the database"):
        serving.load(settings)


def test_an_address_never_shows_its_password(home) -> None:
    for url, fault in (
        ("postgresql://u:s3cret@127.0.0.1:1/x", TransientError),
        ("postgresql://u:s3cret@[::1/x", BadInputError),
        ("s3cret", BadInputError),
    ):
        with pytest.raises(fault) as caught:
            serving.load(load_settings(serving_url=url))
        assert "s3cret" not in str(caught.value)


def test_a_type_without_a_counterpart_names_its_column(tmp_path) -> None:
    with duckdb.connect(str(tmp_path / "x.duckdb")) as connection:
        connection.execute("CREATE SCHEMA ops; CREATE TABLE ops.odd AS SELECT {'a': 1} AS pair")
    from partner_warehouse.errors import PartnerWarehouseError

    with (
        opened(tmp_path / "x.duckdb", tmp_path) as connection,
        pytest.raises(PartnerWarehouseError, match=r"ops\.odd\.pair"),
    ):
        tables(connection)
