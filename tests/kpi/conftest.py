"""What the tests of the KPIs share: the hand-made company, built once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from kpi_company import COMPANY, build_company

from partner_warehouse.settings import load_settings


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The hand-made company, built: reports in New York, as of the middle of April 2026."""
    home: Path = tmp_path_factory.mktemp("company")
    settings = load_settings(home=home, inbox=home / "inbox", sources=("files",), timezone="America/New_York")
    build_company(settings, COMPANY, datetime(2026, 4, 15, 12, tzinfo=UTC))
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as connection:
        yield connection
