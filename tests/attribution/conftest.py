"""What the tests of the attribution share: random companies, taken through the file drop and built once."""

from __future__ import annotations

import os
from collections.abc import Iterator

import duckdb
import pytest
from attribution_companies import Company, random_company
from attribution_warehouse import build_attribution

from partner_warehouse.settings import load_settings


@pytest.fixture(scope="session")
def company() -> Company:
    """Accounts enough for every rule to meet its edges."""
    return random_company(accounts=250, seed=20260101)


@pytest.fixture(scope="session")
def warehouse(company: Company, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse of that company."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("PARTNER_WAREHOUSE_")}
    try:
        settings = load_settings(home=tmp_path_factory.mktemp("attribution"), sources=("files",))
        company.write(settings.inbox_dir)
        connection = build_attribution(settings)
    finally:
        os.environ.update(kept)
    with connection:
        yield connection
