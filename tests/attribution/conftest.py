"""What the tests of the attribution share: random companies, taken through the file drop and built once."""

from __future__ import annotations

import os
from collections.abc import Iterator

import duckdb
import pytest
from attribution_companies import Company, random_company
from attribution_warehouse import build_attribution

from partner_warehouse.settings import Settings, load_settings


@pytest.fixture(scope="session")
def company() -> Company:
    """Accounts enough for every rule to meet its edges."""
    return random_company(accounts=250, seed=20260101)


@pytest.fixture(scope="session")
def settings_of_company(company: Company, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The installation of that company, built."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("PARTNER_WAREHOUSE_")}
    try:
        settings = load_settings(home=tmp_path_factory.mktemp("attribution"), sources=("files",))
        company.write(settings.inbox_dir)
        build_attribution(settings).close()
    finally:
        os.environ.update(kept)
    return settings


@pytest.fixture(scope="session")
def warehouse(settings_of_company: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse of that company."""
    path, found_by = str(settings_of_company.warehouse_path), settings_of_company.search_path
    with duckdb.connect(path, read_only=True, config=found_by) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection
