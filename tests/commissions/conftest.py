"""One warehouse for all commission scenarios: each has ids of its own, so they share one build."""

from __future__ import annotations

import os
from collections.abc import Iterator

import duckdb
import pytest
from commission_cases import SCENARIOS, build_commissions, lay_out


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse of all scenarios, open for reading."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("PARTNER_WAREHOUSE_")}
    try:
        settings = lay_out(sorted(SCENARIOS.iterdir()), tmp_path_factory.mktemp("commissions") / "home")
        build_commissions(settings)
    finally:
        os.environ.update(kept)
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection
