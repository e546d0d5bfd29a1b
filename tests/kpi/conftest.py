"""What the tests of the KPIs share: the hand-made company, built once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from kpi_company import COMPANY, build_company

from partner_warehouse.settings import Settings, load_settings


@pytest.fixture(scope="session")
def company_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The installation of the hand-made company, built: reports in New York, as of the middle of April 2026."""
    home: Path = tmp_path_factory.mktemp("company")
    settings = load_settings(home=home, inbox=home / "inbox", sources=("files",), timezone="America/New_York")
    build_company(settings, COMPANY, datetime(2026, 4, 15, 12, tzinfo=UTC))
    return settings


@pytest.fixture(scope="session")
def company(company_settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse of the hand-made company."""
    with duckdb.connect(str(company_settings.warehouse_path), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def smallest(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A company of one partner and one payment, built for the first of February 2026."""
    kept = {"partners": 1, "customers": 1, "deals": 1, "deal_partners": 1, "invoices": 1, "payments": 1}
    small = {name: list(COMPANY[name])[:count] for name, count in kept.items()}
    home: Path = tmp_path_factory.mktemp("smallest")
    settings = load_settings(home=home, inbox=home / "inbox", sources=("files",))
    build_company(settings, small, datetime(2026, 2, 1, tzinfo=UTC))
    return settings
