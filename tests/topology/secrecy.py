"""Looks for values that must not be there in everything that a run leaves for people to read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import psycopg
from psycopg import sql

PERSONAL = {
    ("salesforce", "Contact"): ("Email", "FirstName || ' ' || LastName"),
    ("salesforce", "Lead"): ("Email",),
    ("hubspot", "contacts"): ("email", "firstname || ' ' || lastname"),
    ("files", "contacts"): ("email",),
    ("stripe", "customer"): ("email",),
}
"""Where the landing keeps what tells of a person."""

HOLDS_DATA = (
    *("landing", "inbox", "warehouse", "published", "exports", "sandbox/bank_vault.sqlite"),
    *("airflow/passwords.json", "airflow/keys.json"),
)
"""Below a home: the data themselves, the bank vault, the secrets of a local Airflow. All else is for people to read."""


def personal_values(landing: Path) -> set[str]:
    """Every e-mail address and every full name that was landed."""
    found: set[str] = set()
    with duckdb.connect() as connection:
        for (source, name), expressions in PERSONAL.items():
            files = landing / source / name / "*" / "data.parquet"
            if not list(landing.glob(f"{source}/{name}/*/data.parquet")):
                continue
            columns = set(connection.sql(f"SELECT * FROM read_parquet('{files}') LIMIT 0").columns)
            for expression in expressions:
                if expression.split()[0] in columns:
                    rows = connection.sql(f"SELECT DISTINCT {expression} FROM read_parquet('{files}')").fetchall()
                    found |= {value for (value,) in rows if value and len(value) > 5}
    return found


def bank_accounts(vault: Path) -> set[str]:
    """Every account of a bank vault."""
    with sqlite3.connect(vault) as connection:
        found = [
            row
            for table in ("partner_bank_accounts", "company_bank_accounts")
            for row in connection.execute(f"SELECT iban, routing_number, account_number FROM {table}")
        ]
    return {value for row in found for value in row if value}


def texts_of_home(home: Path) -> Iterator[tuple[str, str]]:
    """Every file that people read, by its path: logs, states, manifests, gates, dbt's target, SQLite files too."""
    held = [home / part for part in HOLDS_DATA]
    for path in sorted(home.rglob("*")):
        if path.is_file() and not any(path == part or part in path.parents for part in held):
            yield str(path.relative_to(home)), path.read_bytes().decode("utf-8", errors="replace")
    for kept in ("manifest.json",):
        for path in sorted((home / "landing").rglob(kept)):
            yield str(path.relative_to(home)), path.read_text(encoding="utf-8")
    # What dbt wrote beside the warehouse file: compiled SQL, results, logs.
    for path in sorted((home / "warehouse").rglob("*")):
        if path.is_file() and path.suffix in {".json", ".sql", ".log", ".msgpack", ".txt", ".csv"}:
            yield str(path.relative_to(home)), path.read_bytes().decode("utf-8", errors="replace")


def texts_of_postgres(address: str) -> Iterator[tuple[str, str]]:
    """Every row of every table of a PostgreSQL database, as text: XComs, variables, rendered templates, audit log."""
    with psycopg.connect(address) as connection:
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, name in tables:
            query = sql.SQL("SELECT t::text FROM {}.{} AS t").format(sql.Identifier(schema), sql.Identifier(name))
            yield f"{schema}.{name}", "\n".join(row[0] for row in connection.execute(query))


def texts_of_duckdb(path: Path) -> Iterator[tuple[str, str]]:
    """Every row of every table of a DuckDB file."""
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = connection.sql(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT internal ORDER BY ALL"
        ).fetchall()
        for schema, name in tables:
            rows = connection.sql(f'SELECT CAST(t AS VARCHAR) FROM "{schema}"."{name}" AS t').fetchall()
            yield f"{schema}.{name}", "\n".join(row[0] for row in rows)


def leaks(texts: Iterable[tuple[str, str]], forbidden: Iterable[str]) -> list[tuple[str, str]]:
    """Each place with each value that is in it and must not be."""
    values = sorted(set(forbidden))
    return [(place, value) for place, text in texts for value in values if value in text]
