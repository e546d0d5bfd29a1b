"""Every ledger test runs over SQLite and over a real PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from ledger_publication import plans

from partner_warehouse.ledger.payouts import PayoutService, PayoutState
from partner_warehouse.settings import Settings, load_settings

_NUMBER = itertools.count(1)

Approve = Callable[[str], PayoutState]


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, home: Path) -> Iterator[str]:
    """A new, empty ledger: a file, or a schema of its own in the server."""
    if request.param == "sqlite":
        yield f"sqlite:///{home / 'ledger.sqlite'}"
        return
    address: str = request.getfixturevalue("postgres")
    name = f"ledger_{next(_NUMBER)}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    yield f"{address}&options=-csearch_path%3D{name}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture
def settings(home: Path, ledger_url: str, tmp_path: Path) -> Settings:
    """An installation with a plan `base` (no minimum), a plan `fifty` (minimum 50), and two approvers."""
    directory = plans(tmp_path / "plans", base="", fifty="50")
    return load_settings(ledger_url=ledger_url, plans=directory, approvers=("ben", "cleo"))


@pytest.fixture
def service(settings: Settings) -> PayoutService:
    """The service over that installation."""
    return PayoutService(settings)


@pytest.fixture
def approve(service: PayoutService) -> Approve:
    """Draft and submit a period as ana, approve it as ben."""

    def run(period: str) -> PayoutState:
        service.draft(period, "ana")
        service.submit(period, "ana")
        return service.approve(period, "ben")

    return run


@pytest.fixture
def balance(service: PayoutService) -> Callable[..., tuple[str, str, str, str, str]]:
    """A partner's opening balance, earned, adjustments, payable and closing balance in a period, to the cent."""

    def read(period: str, partner: str = "p1", currency: str = "USD") -> tuple[str, str, str, str, str]:
        rows: list[dict[str, Any]] = [
            row for row in service.payouts(period) if row["partner_id"] == partner and row["currency"] == currency
        ]
        assert len(rows) == 1
        names = ("opening_balance", "earned", "adjustments", "payable", "closing_balance")
        opening, earned, adjustments, payable, closing = (f"{rows[0][name]:.2f}" for name in names)
        return opening, earned, adjustments, payable, closing

    return read
